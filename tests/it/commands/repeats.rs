//! What a manifest would change, and what it would pay for again, said before anything is spent.

use std::collections::BTreeMap;

use super::{Desk, Said};
use crate::support::held;

/// A desk with two loaded and made pairs, and a manifest that asks for them again under other ids.
fn second_season() -> Desk {
    let desk = Desk::new();
    for (shade, name) in (1..).zip(["ana.png", "tom.png", "coat.png", "shirt.png"]) {
        // Each of its own: the same content is the same picture.
        let pixel = image::Rgb([200, 180, 40 * shade]);
        image::RgbImage::from_pixel(320, 400, pixel).save(desk.path(name)).expect("a picture");
    }
    desk.write("winter.csv", "id,human,cloth\nw/1,ana.png,coat.png\nw/2,tom.png,coat.png\n");
    desk.write("spring.csv", "id,human,cloth\ns/1,./ana.png,coat.png\ns/2,tom.png,coat.png\ns/3,tom.png,shirt.png\n");
    let first = desk.run(&["run", "winter.csv", "--sandbox", "-q"]);
    assert_eq!(first.code, 0, "{}", first.err);
    desk
}

fn units(desk: &Desk) -> serde_json::Value {
    let status = desk.run(&["status", "--json"]);
    serde_json::from_str::<serde_json::Value>(&status.out).expect("JSON")["units"].clone()
}

#[test]
fn pairs_of_an_earlier_load_are_not_paid_for_again_unless_somebody_says_so() {
    let desk = second_season();
    for command in [&["load", "spring.csv", "--price", "0.5"][..], &["run", "spring.csv", "--sandbox"]] {
        let Said { code, err, .. } = desk.run(command);
        assert_eq!(code, 2, "{err}");
        assert!(err.contains("2 new jobs ask for a pair that the queue has under another id"), "{err}");
        assert!(err.contains("s/1 is the same as w/1 (succeeded)"), "{err}");
        assert!(err.contains("--dedupe") && err.contains("--allow-repeats"), "{err}");
    }
    let priced = desk.run(&["load", "spring.csv", "--price", "0.5"]);
    assert!(priced.err.contains("2 units, which is 1 at 0.5 a unit"), "{}", priced.err);
    assert!(desk.run(&["list", "--json"]).out.lines().count() == 2, "nothing was loaded");
    assert_eq!(units(&desk), 2.0);

    let checked = desk.run(&["check", "spring.csv", "--dedupe"]).out;
    assert!(checked.contains("tasks     1 to pay for"), "{checked}");
    let loaded = desk.run(&["load", "spring.csv", "--dedupe"]);
    assert_eq!((loaded.code, loaded.out.as_str()), (0, "added 3, unchanged 0, updated 0, repeated 0, rejected 0\n"));
    let run = desk.run(&["run", "--sandbox", "-q"]);
    assert_eq!(run.code, 0, "{}", run.err);
    assert_eq!(units(&desk), 3.0, "what was loaded to be made once is made once, also by a run that is not told");
    assert_eq!(desk.run(&["run", "spring.csv", "--sandbox", "-q"]).code, 0, "it is no new job any more");
}

#[test]
fn a_new_season_of_copies_in_another_folder_is_not_paid_for_again_unseen() {
    let desk = second_season();
    std::fs::create_dir(desk.path("spring")).expect("a folder");
    for name in ["tom.png", "coat.png", "shirt.png"] {
        std::fs::copy(desk.path(name), desk.path("spring").join(name)).expect("a copy");
    }
    desk.write(
        "copies.csv",
        "id,human,cloth\nc/1,spring/tom.png,spring/coat.png\nc/2,spring/tom.png,spring/shirt.png\n",
    );
    for command in [&["load", "copies.csv"][..], &["check", "copies.csv"]] {
        let Said { code, err, out } = desk.run(command);
        let said = format!("{out}{err}");
        assert!(said.contains("1 new job asks for a pair that the queue has under another id"), "{code}: {said}");
        assert!(said.contains("c/1 is the same as w/2 (succeeded)"), "{said}");
    }
    desk.write("more.csv", "id,human,cloth\nc/1,spring/tom.png,spring/coat.png\nc/2,spring/tom.png,spring/shirt.png\nc/3,tom.png,shirt.png\n");
    let checked = desk.run(&["check", "more.csv", "--dedupe"]).out;
    assert!(checked.contains("1 job repeats a pair of another id, made once"), "{checked}");
    let run = desk.run(&["run", "copies.csv", "--sandbox", "--dedupe", "-q"]);
    assert_eq!(run.code, 0, "{}", run.err);
    assert_eq!(units(&desk), 3.0);
}

#[test]
fn check_counts_copies_within_one_manifest_as_one_picture_where_pairs_are_made_once() {
    let desk = Desk::new();
    // No two of one length: what differs in length is not read, and is another picture all the same.
    for (place, name) in ["ana.png", "tom.png", "coat.png", "shirt.png"].into_iter().enumerate() {
        let mut bytes = std::fs::read(desk.picture(name)).expect("a picture");
        bytes.extend(vec![0; 100 * place]);
        std::fs::write(desk.path(name), bytes).expect("written");
    }
    std::fs::copy(desk.path("ana.png"), desk.path("again.png")).expect("a copy");
    desk.write("jobs.csv", "id,human,cloth\na,ana.png,coat.png\nb,again.png,coat.png\nc,ana.png,shirt.png\n");
    let check = |more: &[&str]| {
        let said = desk.run(&[&["check", "jobs.csv"], more].concat());
        assert_eq!(said.code, 0, "{}", said.err);
        let tasks = said.out.lines().find_map(|line| line.strip_prefix("  tasks     ")).map(str::to_owned);
        (tasks.expect("a number of tasks"), said.out.contains("1 job repeats a pair of another id, made once"))
    };
    assert_eq!(check(&[]), ("3 to pay for".to_owned(), false), "nobody asked");
    assert_eq!(check(&["--dedupe"]), ("2 to pay for".to_owned(), true));
    // Beside a queue, and by the word that it was loaded with.
    desk.write("winter.csv", "id,human,cloth\nw,tom.png,shirt.png\n");
    assert_eq!(desk.run(&["load", "winter.csv", "--dedupe"]).code, 0);
    assert_eq!(check(&[]), ("2 to pay for".to_owned(), true));
    assert_eq!(check(&["--dedupe=false"]), ("3 to pay for".to_owned(), false));
}

#[test]
fn rows_that_repeat_each_other_are_made_once_by_a_later_run_where_they_were_loaded_so() {
    let desk = Desk::new();
    desk.picture("ana.png");
    desk.picture("coat.png");
    desk.write("jobs.csv", "id,human,cloth\na,ana.png,coat.png\nb,./ana.png,coat.png\n");
    assert_eq!(desk.run(&["load", "jobs.csv", "--dedupe"]).code, 0);
    let run = desk.run(&["run", "--sandbox", "-q"]);
    assert_eq!(run.code, 0, "{}", run.err);
    assert_eq!(units(&desk), 1.0);
}

#[test]
fn who_allows_repeats_pays_again() {
    let desk = second_season();
    let run = desk.run(&["run", "spring.csv", "--sandbox", "--allow-repeats"]);
    assert_eq!(run.code, 0, "{}", run.err);
    assert!(run.err.contains("2 new jobs ask for a pair"), "{}", run.err);
    assert_eq!(units(&desk), 5.0);
}

/// Every file below a folder, with what is in it.
fn contents(desk: &Desk) -> BTreeMap<std::path::PathBuf, Vec<u8>> {
    let files = crate::support::workshop::files_below(&desk.path(""));
    files.into_iter().map(|path| (path.clone(), std::fs::read(path).expect("a file"))).collect()
}

#[test]
fn check_says_what_a_manifest_would_change_in_the_queue_and_changes_nothing_there() {
    let desk = second_season();
    desk.write(
        "mixed.csv",
        "id,human,cloth\nw/1,ana.png,coat.png\ns/1,ana.png,coat.png\ns/3,tom.png,shirt.png\nw/2,ana.png,shirt.png\n",
    );
    let before = contents(&desk);
    let refused = desk.run(&["check", "mixed.csv"]);
    assert_eq!(refused.code, 2, "{}", refused.out);
    assert!(refused.err.contains("mixed.csv:5: id: `w/2` stands in the queue with other inputs"), "{}", refused.err);
    let said = desk.run(&["check", "mixed.csv", "--skip-invalid"]);
    assert_eq!(said.code, 0, "{}", said.err);
    insta::assert_snapshot!(said.out, @"
    added 2, unchanged 1, updated 0, repeated 0, rejected 1

      queue     compared with tryon-out/queue.db; nothing was changed there
      images    2, from 2 people and 2 garments
      again     1 new job asks for a pair that the queue has under another id and is made and paid for again: 1 unit
                s/1 is the same as w/1 (succeeded)
      tasks     2 to pay for
      time      half a minute, with 5 in flight (assumed: a run finds out what the account allows) and 30 s each
    ");
    assert_eq!(contents(&desk), before);
}

#[test]
fn check_leaves_a_queue_of_an_earlier_version_as_it_is_and_makes_none() {
    let desk = Desk::new();
    desk.picture("h.png");
    desk.write("jobs.csv", "id,human,cloth\nnew,h.png,h.png\n");
    assert_eq!(desk.run(&["check", "jobs.csv"]).code, 0);
    assert!(!desk.path("tryon-out").exists());
    std::fs::create_dir(desk.path("old")).expect("a folder");
    let kept = super::project().join("tests/data/queue_version_1.db");
    std::fs::copy(kept, desk.path("old/queue.db")).expect("a copy");
    let before = contents(&desk);
    let said = desk.run(&["check", "jobs.csv", "-o", "old"]);
    assert_eq!(said.code, 0, "{}", said.err);
    assert!(said.out.starts_with("added 1, unchanged 0,"), "{}", said.out);
    assert_eq!(contents(&desk), before);
}

#[test]
fn nothing_is_made_for_a_manifest_that_cannot_be_read() {
    let desk = Desk::new();
    for command in [&["load", "nowhere.csv"][..], &["run", "nowhere.csv", "--sandbox"], &["run", "--sandbox"]] {
        let said = desk.run(command);
        assert_eq!(said.code, 2, "{command:?}: {}", said.err);
        assert_eq!(std::fs::read_dir(desk.path("")).expect("a folder").count(), 0, "{command:?} made something");
    }
    assert!(desk.run(&["run", "--sandbox"]).err.contains("name a manifest: tryon run jobs.csv"));
    // What an earlier version left behind.
    std::fs::create_dir(desk.path("tryon-out")).expect("a folder");
    drop(held(&desk.path("tryon-out/queue.db")));
    let said = desk.run(&["run", "--sandbox"]);
    assert_eq!(said.code, 2);
    assert!(said.err.contains("nothing was loaded into tryon-out/queue.db yet"), "{}", said.err);
}

#[test]
fn a_mended_manifest_is_the_same_however_it_is_spelt() {
    let desk = Desk::new();
    desk.picture("h.png");
    let rejected = |desk: &Desk| {
        let status = desk.run(&["status", "--json"]);
        let status: serde_json::Value = serde_json::from_str(&status.out).expect("JSON");
        (status["total"].clone(), status["failed"].clone())
    };
    desk.write("jobs.csv", "id,human,cloth\na,h.png,h.png\nb,h.png,nowhere.png\n");
    for spelling in ["jobs.csv", "./jobs.csv"] {
        assert_eq!(desk.run(&["load", spelling, "--skip-invalid"]).code, 0);
        assert_eq!(rejected(&desk), (2.into(), 1.into()), "one row, by whatever spelling");
    }
    desk.write("jobs.csv", "id,human,cloth\na,h.png,h.png\nb,h.png,./h.png\n");
    let whole = desk.path("jobs.csv");
    let said = desk.run(&["load", whole.to_str().expect("UTF-8"), "--allow-repeats"]);
    assert_eq!(said.code, 0, "{}", said.err);
    assert_eq!(rejected(&desk), (2.into(), 0.into()));
}

#[test]
fn rows_that_an_earlier_version_rejected_are_cleared_by_the_mended_manifest() {
    let desk = Desk::new();
    desk.picture("h.png");
    desk.write("jobs.csv", "id,human,cloth\nb,h.png,nowhere.png\n");
    assert_eq!(desk.run(&["load", "jobs.csv", "--skip-invalid"]).code, 0);
    let db = rusqlite::Connection::open(desk.path("tryon-out/queue.db")).expect("the queue");
    db.execute("UPDATE rejected_rows SET manifest = './jobs.csv'", []).expect("as version 5 knew it");
    drop(db);
    desk.write("jobs.csv", "id,human,cloth\nb,h.png,h.png\n");
    assert_eq!(desk.run(&["load", "jobs.csv"]).code, 0);
    let status = desk.run(&["status", "--json"]);
    assert!(status.out.contains("\"failed\":0"), "{}", status.out);
}

#[cfg(unix)]
#[test]
fn an_id_that_cannot_be_written_is_found_before_anything_is_paid_for() {
    let desk = Desk::new();
    desk.picture("h.png");
    let deep = vec!["abcdefghij"; 420].join("/");
    desk.write("jobs.csv", &format!("id,human,cloth\nSKU-38?,h.png,h.png\n{deep},h.png,./h.png\n"));
    for command in ["check", "load"] {
        let said = desk.run(&[command, "jobs.csv"]);
        assert_eq!(said.code, 2, "{command}");
        assert!(said.err.contains("jobs.csv:3: id: ") && said.err.contains("too long here"), "{}", said.err);
        assert!(!said.err.contains("jobs.csv:2:"), "this file system takes a question mark: {}", said.err);
    }
    assert_eq!(std::fs::read_dir(desk.path("")).expect("a folder").count(), 2, "nothing was made and left");
}
