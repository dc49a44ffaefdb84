//! Identical pairs under different ids, with `--dedupe`: one task for all, and a file for each.

use std::time::Duration;

use crate::support::provider::{ExternalIds, Fate, Loss, OnCreate, OnDownload, Provider, Script, picture_of};
use crate::support::workshop::{JobRow, Workshop};

/// Six jobs of two pairs: `a` to `d` ask for the picture of job-001, `e` and `f` for that of job-002.
const PAIRS: [(&str, &str); 6] =
    [("a", "job-001"), ("b", "job-001"), ("e", "job-002"), ("c", "job-001"), ("f", "job-002"), ("d", "job-001")];

fn shop() -> Workshop {
    let shop = Workshop::new(0);
    let rows = PAIRS.map(|(id, of)| format!("{id},http://pictures.test/{of}.jpg,cloth.jpg\n"));
    std::fs::write(shop.file("jobs.csv"), format!("id,human_image,cloth_image\n{}", rows.concat()))
        .expect("a manifest");
    shop
}

/// The picture that a job asks for.
fn pair_of(id: &str) -> &'static str {
    PAIRS.iter().find(|(pair, _)| *pair == id).expect("a pair").1
}

fn assert_published(shop: &Workshop, ids: &[&str]) {
    for id in ids {
        assert_eq!(std::fs::read(shop.picture(id)).expect(id), picture_of(pair_of(id)), "{id}");
    }
}

/// A cell of the report.
fn cell(shop: &Workshop, id: &str, column: &str) -> String {
    let mut report = csv::Reader::from_path(shop.out().join("report.csv")).expect("a report");
    let place = report.headers().expect("a header").iter().position(|name| name == column).expect("the column");
    let row = report.records().map(|row| row.expect("a row")).find(|row| &row[0] == id).expect("the row");
    row[place].to_owned()
}

#[test]
fn identical_pairs_are_paid_for_once_and_every_id_gets_its_file() {
    let provider = Provider::start(Script::default());
    let shop = shop();
    let ended = shop.run(&provider, &["--dedupe", "--budget", "2"]);
    ended.assert_code(0);
    assert_published(&shop, &["a", "b", "c", "d", "e", "f"]);
    let books = provider.books();
    assert_eq!((books.creates().len(), books.downloads().len()), (2, 2), "{}", books.story());
    let (first, shared) = (cell(&shop, "a", "task_id"), cell(&shop, "d", "task_id"));
    assert_eq!((first, cell(&shop, "d", "units")), (shared, "0".to_owned()));
    assert_eq!(cell(&shop, "a", "sha256"), cell(&shop, "d", "sha256"));
    // Once more: nothing to do. A copy that was deleted is made again, and one that has been painted over is no source.
    std::fs::remove_file(shop.picture("b")).expect("deleted");
    shop.run(&provider, &["--dedupe"]).assert_code(0);
    std::fs::write(shop.picture("a"), b"painted over").expect("written");
    std::fs::remove_file(shop.picture("c")).expect("deleted");
    shop.run(&provider, &["--dedupe"]).assert_code(0);
    assert_published(&shop, &["b", "c"]);
    let books = provider.books();
    assert_eq!((books.creates().len(), books.downloads().len()), (2, 3), "{}", books.story());
}

#[test]
fn without_the_option_every_job_is_made_for_itself() {
    let provider = Provider::start(Script::default());
    let shop = shop();
    shop.run(&provider, &[]).assert_code(0);
    assert_eq!(provider.books().creates().len(), 6);
}

#[test]
fn a_kill_at_any_moment_pays_for_no_pair_twice() {
    let provider = Provider::start(Script {
        task_time: Duration::from_millis(30),
        refuses_duplicates: false,
        ..Script::default()
    });
    let shop = shop();
    for round in 0..12 {
        let run = shop.start(&provider, &["--dedupe"]);
        std::thread::sleep(Duration::from_millis(15 * round));
        run.kill();
    }
    let ended = shop.run(&provider, &["--dedupe"]);
    if ended.status.code() == Some(1) {
        // Killed before anything was accepted: nothing has shown that this provider knows our ids, so a person decides.
        assert!(shop.count("in_doubt") > 0, "{}", shop.standing());
        shop.assert_no_double_charge(&provider);
        let is_lost =
            |row: &JobRow| row.state != "in_doubt" || !provider.books().charges().contains_key(pair_of(&row.id));
        assert!(shop.rows().iter().all(is_lost), "{}\n{}", shop.standing(), provider.books().story());
        shop.call(&provider, &["retry", "--in-doubt"]).assert_code(0);
        shop.run(&provider, &["--dedupe"]).assert_code(0);
    }
    assert_published(&shop, &["a", "b", "c", "d", "e", "f"]);
    shop.assert_no_double_charge(&provider);
    assert_eq!(provider.books().charges().len(), 2);
}

#[test]
fn twins_of_a_submission_in_doubt_wait_for_a_person_and_do_not_keep_the_run() {
    let provider = Provider::start(Script {
        on_create: Box::new(|seen| if seen.nth == 1 { OnCreate::Lose(Loss::Closed) } else { OnCreate::Take }),
        external_ids: ExternalIds::Ignored,
        ..Script::default()
    });
    let shop = shop();
    shop.run(&provider, &["--dedupe", "--concurrency", "1"]).assert_code(1);
    assert_eq!((shop.count("in_doubt"), shop.count("pending"), shop.count("succeeded")), (1, 3, 2));
    assert_eq!(provider.books().creates().len(), 2);
    let task = provider.books().task_of("job-001").id.clone();
    shop.call(&provider, &["adopt", "a", &task]).assert_code(0);
    shop.run(&provider, &["--dedupe"]).assert_code(0);
    assert_published(&shop, &["a", "b", "c", "d", "e", "f"]);
    assert_eq!(provider.books().creates().len(), 2);
}

#[test]
fn a_pair_that_cannot_be_made_fails_once_for_all_its_jobs() {
    let provider = Provider::start(Script {
        fate: Box::new(
            |job, _| if job == "job-001" { Fate::Fail("there is no human in the video") } else { Fate::Succeed },
        ),
        ..Script::default()
    });
    let shop = shop();
    let ended = shop.run(&provider, &["--dedupe"]);
    ended.assert_code(1);
    assert_eq!((shop.count("failed"), shop.count("succeeded"), provider.books().creates().len()), (4, 2, 2));
    assert_eq!(cell(&shop, "d", "error"), "there is no human in the video");
    provider.change(|script| script.fate = Box::new(|_, _| Fate::Succeed));
    shop.call(&provider, &["retry", "--failed"]).assert_code(0);
    shop.run(&provider, &["--dedupe"]).assert_code(0);
    assert_published(&shop, &["a", "b", "c", "d"]);
    assert_eq!(provider.books().creates().len(), 3, "one task for what was put back");
}

#[test]
fn twins_of_an_image_that_could_not_be_fetched_fetch_it_themselves() {
    let provider = Provider::start(Script {
        on_download: Box::new(|seen| match (seen.job.as_str(), seen.nth_of_job) {
            ("job-001", ..=2) => OnDownload::Answer(crate::support::provider::Answer::html(404, "gone")),
            _ => OnDownload::Truth,
        }),
        ..Script::default()
    });
    let shop = shop();
    shop.run(&provider, &["--dedupe", "--max-attempts", "2"]).assert_code(1);
    assert_eq!((shop.count("failed"), shop.count("succeeded")), (1, 5), "{}", shop.standing());
    assert_eq!(provider.books().creates().len(), 2);
    shop.call(&provider, &["retry", "--failed"]).assert_code(0);
    shop.run(&provider, &["--dedupe"]).assert_code(0);
    assert_published(&shop, &["a", "b", "c", "d", "e", "f"]);
    assert_eq!(provider.books().creates().len(), 2);
}

/// Loads these rows beside those that there are, and runs.
fn run_rows(shop: &Workshop, provider: &Provider, rows: &[&str]) {
    std::fs::write(shop.file("jobs.csv"), format!("id,human_image,cloth_image\n{}\n", rows.join("\n"))).expect("rows");
    shop.run(provider, &["--dedupe"]).assert_code(0);
}

fn garment(shop: &Workshop, name: &str, side: u32) -> Vec<u8> {
    image::DynamicImage::new_rgb8(side, side).save(shop.file(name)).expect("a garment");
    std::fs::read(shop.file(name)).expect("a garment")
}

#[test]
fn what_was_made_of_a_picture_that_was_replaced_since_is_given_to_no_further_id() {
    let provider = Provider::start(Script::default());
    let shop = Workshop::new(0);
    let (_, hat) = (garment(&shop, "coat.png", 300), garment(&shop, "hat.png", 310));
    let coat_of = |id: &str| format!("{id},http://pictures.test/job-001.jpg,coat.png");
    let hat_of = |id: &str| format!("{id},http://pictures.test/job-002.jpg,hat.png");
    run_rows(&shop, &provider, &[&coat_of("a"), &hat_of("e")]);
    assert_eq!(provider.books().creates().len(), 2);

    // A new coat at the same place; the hat is written again, and is what it was.
    let coat = garment(&shop, "coat.png", 320);
    std::fs::write(shop.file("hat.png"), hat).expect("written");
    run_rows(&shop, &provider, &[&coat_of("b"), &hat_of("f"), &coat_of("c")]);
    let books = provider.books();
    assert_eq!(books.creates().len(), 3, "{}", books.story());
    assert_eq!(books.tasks[2].cloth[..], coat[..], "made of the new coat");
    drop(books);
    let task_of = |id: &str| cell(&shop, id, "task_id");
    assert_ne!(task_of("b"), task_of("a"));
    assert_eq!((task_of("f"), cell(&shop, "f", "units")), (task_of("e"), "0".to_owned()));
    assert_eq!((task_of("c"), cell(&shop, "c", "units")), (task_of("b"), "0".to_owned()));

    garment(&shop, "coat.png", 300);
    run_rows(&shop, &provider, &[&coat_of("d")]);
    assert_eq!((task_of("d"), provider.books().creates().len()), (task_of("a"), 3), "the first coat again");
}

#[test]
fn copies_of_a_picture_under_other_names_are_the_same_picture_and_paid_for_once() {
    let provider = Provider::start(Script::default());
    let shop = Workshop::new(0);
    garment(&shop, "coat.png", 300);
    std::fs::copy(shop.file("coat.png"), shop.file("coat-again.png")).expect("a copy");
    // As long as the coat, and something else in its last byte but one.
    let mut hat = std::fs::read(shop.file("coat.png")).expect("a garment");
    hat.extend([0, 0]);
    std::fs::write(shop.file("coat.png"), &hat).expect("written");
    std::fs::write(shop.file("coat-again.png"), &hat).expect("written");
    let last = hat.len() - 2;
    hat[last] = 1;
    std::fs::write(shop.file("hat.png"), &hat).expect("written");
    let row = |id: &str, cloth: &str| format!("{id},http://pictures.test/job-001.jpg,{cloth}");
    run_rows(&shop, &provider, &[&row("a", "coat.png"), &row("b", "coat-again.png"), &row("c", "hat.png")]);
    assert_eq!((provider.books().creates().len(), shop.count("succeeded")), (2, 3), "{}", provider.books().story());
    assert_eq!(cell(&shop, "a", "task_id"), cell(&shop, "b", "task_id"));
    assert_eq!(cell(&shop, "a", "cloth_sha256"), cell(&shop, "b", "cloth_sha256"));
    // A copy that comes later, and one that is changed before it is made.
    std::fs::copy(shop.file("coat.png"), shop.file("spring.png")).expect("a copy");
    run_rows(&shop, &provider, &[&row("d", "spring.png")]);
    assert_eq!(provider.books().creates().len(), 2, "{}", provider.books().story());
    assert_eq!(cell(&shop, "a", "task_id"), cell(&shop, "d", "task_id"));
}
