//! Results that are pictures and yet not what was paid for: the program keeps them, says so everywhere, and makes them again
//! only when a person asks for it.

use std::sync::{Arc, Mutex};

use image::RgbImage;
use image::imageops::FilterType;
use serde_json::Value;

use crate::support::composites::{Dice, dressed, jpeg, pictures_of, plain, png, resized};
use crate::support::provider::{Answer, OnDownload, Provider, Script};
use crate::support::workshop::Workshop;

/// What each job's download brings, until it is changed.
type Results = Arc<Mutex<Vec<(&'static str, Vec<u8>)>>>;

/// A workshop whose people are files, each a picture of its own, and a provider that answers with these results.
fn shop_with(jobs: Vec<(&'static str, Vec<u8>)>) -> (Workshop, Provider, Results) {
    let mut shop = Workshop::new(0);
    let mut manifest = "id,human_image,cloth_image\n".to_owned();
    plain(300, 300, [200, 30, 30]).save(shop.file("cloth.jpg")).expect("a garment");
    for (job, _) in &jobs {
        let mut person = person_of(job);
        person.extend_from_slice(format!("http://pictures.test/{job}.jpg").as_bytes());
        std::fs::write(shop.file(&format!("{job}.jpg")), person).expect("a person");
        manifest += &format!("{job},{job}.jpg,cloth.jpg\n");
        shop.jobs.push((*job).to_owned());
    }
    std::fs::write(shop.file("jobs.csv"), manifest).expect("a manifest");
    let results: Results = Arc::new(Mutex::new(jobs));
    let told = Arc::clone(&results);
    let on_download = move |seen: &crate::support::provider::DownloadSeen| {
        let results = told.lock().expect("no panic");
        let (_, bytes) = results.iter().find(|(job, _)| *job == seen.job).expect("a result");
        OnDownload::Answer(Answer::picture(bytes.clone()))
    };
    let provider = Provider::start(Script { on_download: Box::new(on_download), ..Script::default() });
    (shop, provider, results)
}

/// The same pixels in another file.
fn with_text(picture: &RgbImage) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, picture.width(), picture.height());
    encoder.set_color(png::ColorType::Rgb);
    encoder.add_text_chunk("task".to_owned(), "another".to_owned()).expect("a text");
    encoder.write_header().and_then(|mut writer| writer.write_image_data(picture.as_raw())).expect("encode");
    bytes
}

/// The person of a job: one of the example's, by the length of the job's name.
fn human(job: &str) -> RgbImage {
    let people = pictures_of("people");
    resized(&people[job.len() % people.len()], 450, 600, FilterType::Triangle)
}

fn person_of(job: &str) -> Vec<u8> {
    jpeg(&human(job), 90)
}

/// A good result, another one for each seed.
fn good(job: &str, seed: u64) -> RgbImage {
    let garments = pictures_of("garments");
    dressed(&human(job), &garments[seed as usize % garments.len()], &mut Dice(seed))
}

fn put(results: &Results, job: &str, bytes: Vec<u8>) {
    let mut results = results.lock().expect("no panic");
    results.iter_mut().find(|(known, _)| *known == job).expect("a job").1 = bytes;
}

/// What a command printed, as JSON values, one a line.
fn json_of(shop: &Workshop, provider: &Provider, arguments: &[&str]) -> Vec<Value> {
    let said = shop.call(provider, arguments).assert_code(0).said.clone();
    said.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("{said}"))).collect()
}

/// The flagged jobs, as `id: flags`.
fn flagged(shop: &Workshop, provider: &Provider) -> Vec<String> {
    let jobs = json_of(shop, provider, &["list", "--flagged", "--json"]);
    let words = |job: &Value| {
        job["flags"]
            .as_array()
            .expect("an array")
            .iter()
            .map(|word| word.as_str().expect("a word").to_owned())
            .collect::<Vec<_>>()
            .join(" ")
    };
    jobs.iter().map(|job| format!("{}: {}", job["id"].as_str().expect("an id"), words(job))).collect()
}

#[test]
fn odd_results_are_kept_and_said_to_be_odd_everywhere() {
    let white = plain(450, 600, [255; 3]);
    let sideways = resized(&good("sideways", 2), 600, 450, FilterType::Triangle);
    let (shop, provider, _) = shop_with(vec![
        ("good", png(&good("good", 0))),
        ("copy", person_of("copy")),
        ("echo", person_of("copy")),
        ("recoded", jpeg(&human("recoded"), 75)),
        ("white", png(&white)),
        ("white too", png(&white)),
        ("tiny", png(&resized(&good("tiny", 1), 100, 120, FilterType::Triangle))),
        ("sideways", jpeg(&sideways, 85)),
    ]);
    let said = shop.run(&provider, &["--strict"]).assert_code(1).said.clone();
    assert!(said.contains("7 results flagged: 3 unchanged, 2 blank, 1 small, 2 aspect. "), "{said}");
    assert!(said.contains("tryon list --flagged") && said.contains("tryon retry --again --flagged"), "{said}");
    shop.run(&provider, &[]).assert_code(0);
    assert_eq!(shop.count("succeeded"), 8);
    assert_eq!(
        flagged(&shop, &provider),
        [
            "copy: unchanged",
            "echo: unchanged",
            "recoded: unchanged",
            "white: blank",
            "white too: blank",
            "tiny: small aspect",
            "sideways: aspect"
        ]
    );
    assert_eq!(json_of(&shop, &provider, &["status", "--json"])[0]["flagged"], 7);
    let none = json_of(&shop, &provider, &["list", "--flagged", "--state", "failed,pending", "--json"]);
    assert!(none.is_empty(), "{none:?}");
    let some = json_of(&shop, &provider, &["list", "--flagged", "--state", "failed,succeeded", "--json"]);
    assert_eq!(some.len(), 7);
    assert_eq!(
        json_of(&shop, &provider, &["show", "--json", "tiny"])[0]["flags"],
        serde_json::json!(["small", "aspect"])
    );
    let shown = shop.call(&provider, &["show", "copy"]).said.clone();
    assert!(shown.contains("unchanged: it is the person's picture again"), "{shown}");
    let report = std::fs::read_to_string(shop.out().join("report.csv")).expect("a report");
    let mut table = csv::Reader::from_reader(report.as_bytes());
    let column = table.headers().expect("a header").iter().position(|name| name == "flags").expect("a column");
    let cells: Vec<String> = table.records().map(|row| row.expect("a row")[column].to_owned()).collect();
    assert_eq!(cells, ["", "unchanged", "unchanged", "unchanged", "blank", "blank", "small;aspect", "aspect"]);
    let page = std::fs::read_to_string(shop.out().join("index.html")).expect("a page");
    assert!(page.contains("\"flags\":[\"small\",\"aspect\"]"));
}

#[test]
fn a_whole_result_in_another_format_is_kept_under_its_own_extension_and_flagged() {
    let encoded = |format| {
        let mut bytes = std::io::Cursor::new(Vec::new());
        image::DynamicImage::from(good("web", 5)).write_to(&mut bytes, format).expect("encode");
        bytes.into_inner()
    };
    let webp = encoded(image::ImageFormat::WebP);
    let cut = webp[..webp.len() / 2].to_vec();
    let (shop, provider, _) = shop_with(vec![
        ("good", png(&good("good", 0))),
        ("web", webp.clone()),
        ("animation", encoded(image::ImageFormat::Gif)),
        ("cut", cut),
    ]);
    let said = shop.run(&provider, &["--max-attempts", "1"]).assert_code(1).said.clone();
    assert!(said.contains("2 results flagged: 2 format. "), "{said}");
    let cut = shop.row("cut");
    assert_eq!((cut.state.as_str(), cut.error_code.as_deref()), ("failed", Some("download")), "half a WebP is none");
    shop.call(&provider, &["cancel", "cut"]).assert_code(0);

    assert_eq!(flagged(&shop, &provider), ["web: format", "animation: format"]);
    for (job, extension) in [("web", "webp"), ("animation", "gif")] {
        assert_eq!(shop.row(job).output, Some(format!("{job}.{extension}")));
        assert!(!shop.out().join(format!("{job}.png")).exists() && !shop.out().join(format!("{job}.jpg")).exists());
    }
    assert!(std::fs::read(shop.out().join("web.webp")).expect("kept") == webp, "byte for byte");
    let report = std::fs::read_to_string(shop.out().join("report.csv")).expect("a report");
    assert!(report.contains(",web.webp,") && report.contains(",format"), "{report}");
    let page = std::fs::read_to_string(shop.out().join("index.html")).expect("a page");
    assert!(page.contains("web.webp"), "the page shows it");

    shop.run(&provider, &[]).assert_code(0);
    shop.run(&provider, &["--strict"]).assert_code(1);
    assert_eq!(provider.books().creates().len(), 4, "it is paid for once");
}

#[test]
fn what_counts_as_small_is_the_users() {
    let (shop, provider, _) = shop_with(vec![("good", png(&good("good", 0)))]);
    shop.run(&provider, &["--min-result-px", "451"]).assert_code(0);
    assert_eq!(flagged(&shop, &provider), ["good: small"]);
}

#[test]
fn flagged_results_are_made_again_within_the_budget_and_lose_their_flags_when_they_come_out_well() {
    let white = png(&plain(450, 600, [255; 3]));
    let (shop, provider, results) = shop_with(vec![
        ("good", png(&good("good", 0))),
        ("one", white.clone()),
        ("two", white.clone()),
        ("three", white),
    ]);
    shop.run(&provider, &[]).assert_code(0);
    assert_eq!(flagged(&shop, &provider), ["one: blank", "two: blank", "three: blank"]);
    shop.call(&provider, &["retry", "--flagged"]).assert_code(2);
    let said = shop.call(&provider, &["retry", "--again", "--flagged"]).assert_code(0).said.clone();
    assert!(said.contains("3 put back") && said.contains("paid for again"), "{said}");
    assert!(flagged(&shop, &provider).is_empty(), "they have no result that counts");
    for (seed, job) in ["one", "two", "three"].into_iter().enumerate() {
        put(&results, job, png(&good(job, seed as u64 + 1)));
    }
    shop.run(&provider, &["--budget", "2", "--strict"]).assert_code(3);
    assert_eq!((provider.books().creates().len(), shop.count("succeeded")), (6, 3));
    shop.run(&provider, &["--strict"]).assert_code(0);
    assert!(flagged(&shop, &provider).is_empty());
    assert_eq!(json_of(&shop, &provider, &["status", "--json"])[0]["flagged"], 0);
    assert_eq!((provider.books().creates().len(), shop.count("succeeded")), (7, 4));
    shop.call(&provider, &["retry", "--again", "--flagged"]).assert_code(0);
    assert_eq!(shop.count("pending"), 0, "nothing is flagged any more");
}

#[test]
fn the_same_picture_for_two_pairs_is_noticed_at_both_until_one_is_made_again() {
    let same = good("first", 3);
    let (shop, provider, results) =
        shop_with(vec![("first", png(&same)), ("other", png(&good("other", 4))), ("second", with_text(&same))]);
    shop.run(&provider, &[]).assert_code(0);
    let twins = flagged(&shop, &provider);
    assert_eq!(twins, ["first: twin", "second: twin"]);
    let shown = shop.call(&provider, &["show", "second"]).said.clone();
    assert!(shown.contains("the same picture as another pair's result: first"), "{shown}");
    put(&results, "second", png(&good("second", 6)));
    shop.call(&provider, &["retry", "--again", "second"]).assert_code(0);
    shop.run(&provider, &["--strict"]).assert_code(0);
    assert!(flagged(&shop, &provider).is_empty());
}

#[test]
fn an_identical_pair_that_shares_its_picture_is_no_twin() {
    let (mut shop, provider, _) = shop_with(vec![("only", png(&good("only", 3)))]);
    let manifest = "id,human_image,cloth_image\nonly,only.jpg,cloth.jpg\nagain,only.jpg,cloth.jpg\n";
    std::fs::write(shop.file("jobs.csv"), manifest).expect("a manifest");
    shop.jobs.push("again".to_owned());
    shop.run(&provider, &["--dedupe", "--strict"]).assert_code(0);
    assert_eq!((shop.count("succeeded"), provider.books().creates().len()), (2, 1));
}

#[test]
fn a_job_whose_result_is_broken_can_be_fetched_again_made_again_or_given_up() {
    let mut broken = png(&good("fetched", 1));
    broken.truncate(broken.len() / 2);
    let jobs = ["fetched", "again", "given up"].map(|job| (job, broken.clone()));
    let (shop, provider, results) = shop_with(jobs.to_vec());
    shop.run(&provider, &["--max-attempts", "2"]).assert_code(1);
    for job in &shop.jobs {
        let row = shop.row(job);
        assert_eq!((row.state.as_str(), row.error_code.as_deref()), ("failed", Some("download")), "{row:?}");
    }
    put(&results, "fetched", png(&good("fetched", 1)));
    put(&results, "again", png(&good("again", 2)));
    let said = |arguments: &[&str]| shop.call(&provider, arguments).assert_code(0).said.clone();
    assert!(said(&["retry", "fetched"]).contains("downloaded again, nothing is paid"));
    assert!(said(&["retry", "--again", "again"]).contains("paid for again"));
    assert!(said(&["cancel", "given up"]).contains("given up: cancelled"));
    shop.run(&provider, &[]).assert_code(0);
    let states: Vec<_> = shop.rows().into_iter().map(|row| (row.state, row.attempts)).collect();
    assert_eq!(states, [("succeeded".into(), 1), ("succeeded".into(), 2), ("cancelled".to_owned(), 1)]);
    assert_eq!(provider.books().creates().len(), 4);
}
