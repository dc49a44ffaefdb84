//! Pictures that were changed, touched, moved or renamed: found by their content, and paid for only on somebody's word.

use image::{Rgb, RgbImage};

use super::{Desk, Said};

fn picture(desk: &Desk, name: &str, shade: u8) {
    RgbImage::from_fn(320, 400, |x, y| Rgb([shade, x as u8, y as u8])).save(desk.path(name)).expect("a picture");
}

/// Four results of two people and two garments.
fn catalogue() -> Desk {
    let desk = Desk::new();
    std::fs::create_dir(desk.path("old")).expect("a folder");
    for (name, shade) in [("ana", 10), ("tom", 20), ("coat", 30), ("hat", 40)] {
        picture(&desk, &format!("old/{name}.png"), shade);
    }
    desk.write("jobs.csv", &manifest("old", ""));
    ok(&desk, &["run", "jobs.csv", "--sandbox", "-q"]);
    desk
}

fn manifest(folder: &str, renamed: &str) -> String {
    let row = |id, human, cloth| format!("{id},{folder}/{human}.png,{folder}/{cloth}{renamed}.png\n");
    let rows = [row("ac", "ana", "coat"), row("ah", "ana", "hat"), row("tc", "tom", "coat"), row("th", "tom", "hat")];
    format!("id,human,cloth\n{}", rows.concat())
}

fn ok(desk: &Desk, arguments: &[&str]) -> Said {
    let said = desk.run(arguments);
    assert_eq!(said.code, 0, "{arguments:?}: {}", said.err);
    said
}

fn units(desk: &Desk) -> f64 {
    let status: serde_json::Value = serde_json::from_str(&ok(desk, &["status", "--json"]).out).expect("JSON");
    status["units"].as_f64().expect("units")
}

#[test]
fn a_picture_that_was_replaced_is_told_and_its_images_are_made_again_only_on_a_word() {
    let desk = catalogue();
    picture(&desk, "old/hat.png", 99);
    let checked = ok(&desk, &["check", "jobs.csv", "--sandbox"]);
    assert!(checked.out.contains("1 picture has changed since 2 images were made of it"), "{}", checked.out);
    assert!(checked.out.contains("hat.png") && checked.out.contains("tryon retry --changed"), "{}", checked.out);
    let run = ok(&desk, &["run", "jobs.csv", "--sandbox"]);
    assert!(run.err.contains("1 picture has changed since 2 images were made of it"), "{}", run.err);
    assert!(ok(&desk, &["retry", "--changed", "--dry-run"]).out.contains("nothing was put back"));
    ok(&desk, &["run", "--sandbox", "-q"]);
    assert!((units(&desk) - 4.0).abs() < 1e-9, "nothing was spent");

    assert!(ok(&desk, &["retry", "--changed"]).out.contains("2 put back"));
    ok(&desk, &["run", "--sandbox", "-q"]);
    assert!((units(&desk) - 6.0).abs() < 1e-9);
    assert!(ok(&desk, &["retry", "--changed"]).out.contains("no picture that is known here has changed"));
    assert!(!ok(&desk, &["run", "jobs.csv", "--sandbox"]).err.contains("has changed"));
}

#[test]
fn a_file_that_was_only_touched_has_not_changed() {
    let desk = catalogue();
    let later = std::time::SystemTime::now() + std::time::Duration::from_secs(60);
    let file = std::fs::File::options().append(true).open(desk.path("old/hat.png")).expect("open");
    file.set_modified(later).expect("a time");
    for command in [&["check", "jobs.csv", "--sandbox"][..], &["run", "jobs.csv", "--sandbox"]] {
        let said = ok(&desk, command);
        assert!(!said.out.contains("changed since") && !said.err.contains("changed since"), "{}{}", said.out, said.err);
    }
}

#[test]
fn a_folder_that_was_moved_and_files_that_were_renamed_are_the_same_pictures() {
    let desk = catalogue();
    std::fs::rename(desk.path("old"), desk.path("new")).expect("moved");
    for name in ["coat", "hat"] {
        let (from, to) = (desk.path(&format!("new/{name}.png")), desk.path(&format!("new/{name}-v2.png")));
        std::fs::rename(from, to).expect("renamed");
    }
    desk.write("moved.csv", &manifest("new", "-v2"));
    for _ in 0..2 {
        let checked = ok(&desk, &["check", "moved.csv", "--sandbox"]);
        assert!(checked.out.contains("updated 4") && checked.out.contains("0 to pay for"), "{}", checked.out);
    }
    let run = ok(&desk, &["run", "moved.csv", "--sandbox"]);
    assert!(run.err.starts_with("added 0, unchanged 0, updated 4, repeated 0, rejected 0\n"), "{}", run.err);
    assert!((units(&desk) - 4.0).abs() < 1e-9, "nothing was spent");
    let again = ok(&desk, &["run", "moved.csv", "--sandbox"]);
    assert!(again.err.starts_with("added 0, unchanged 4,"), "{}", again.err);

    picture(&desk, "new/hat-v2.png", 99);
    assert!(ok(&desk, &["retry", "--changed", "--dry-run"]).out.contains("1 picture has changed since 2 images"));
    desk.write("other.csv", &manifest("new", "-v2").replace("ana.png", "tom.png"));
    let refused = desk.run(&["load", "other.csv", "--sandbox"]);
    assert!(
        refused.code == 2 && refused.err.contains("was already submitted"),
        "other pictures are others: {}",
        refused.err
    );
}
