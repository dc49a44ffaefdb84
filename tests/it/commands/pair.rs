//! `pair` in a shell: into a file, into `run`, into a reader that leaves.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use super::{Desk, Said, said};

/// Two people and three garments, one of which cannot be used.
fn shop() -> Desk {
    let desk = Desk::new();
    for folder in ["people", "garments", "garments/dress"] {
        std::fs::create_dir(desk.path(folder)).expect("a folder");
    }
    for picture in ["people/ana.png", "people/tom.jpg", "garments/shirt.png", "garments/dress/summer.jpg"] {
        desk.picture(picture);
    }
    desk.write("garments/banner.webp", "RIFF\0\0\0\0WEBPVP8 ");
    desk
}

fn pair(desk: &Desk, more: &[&str]) -> Said {
    let arguments = ["pair", "--humans", "people", "--cloths", "./garments/"];
    desk.run(&[&arguments[..], more].concat())
}

#[test]
fn pair_prints_every_pair_and_tells_what_it_left_out() {
    let desk = shop();
    let said = pair(&desk, &["--type-from-folder"]);
    assert_eq!(said.code, 0, "{}", said.err);
    insta::assert_snapshot!(said.out, @"
    id,human_image,cloth_image,cloth_type
    ana/dress/summer,people/ana.png,garments/dress/summer.jpg,dress
    ana/shirt,people/ana.png,garments/shirt.png,
    tom/dress/summer,people/tom.jpg,garments/dress/summer.jpg,dress
    tom/shirt,people/tom.jpg,garments/shirt.png,
    ");
    insta::assert_snapshot!(said.err, @"
    garments/banner.webp: is a damaged picture: its size cannot be read; left out
    1 garment is in no folder called upper, lower or dress; its cloth_type is left empty
    1 picture is called by the path below its folder, not by the file name alone, so that ids stay the same whatever is added; earlier versions gave these other ids, under which their pairs would be new and paid for again
    2 people, 2 garments: 4 pairs
    ");
    assert_eq!(pair(&desk, &["--type-from-folder"]).out, said.out, "the same again");
    assert_eq!(pair(&desk, &["--sample", "3", "-q"]).out.lines().count(), 4);
    assert!(!desk.path("tryon-out").exists());
}

#[test]
fn what_pair_prints_is_run_without_a_rejected_row() {
    let desk = shop();
    let manifest = pair(&desk, &[]).out;
    let mut run = desk.command(&["run", "-", "--sandbox", "-o", "results"]);
    let said = said(run.write_stdin(manifest));
    assert_eq!(said.code, 0, "{}", said.err);
    assert!(said.err.starts_with("added 4, unchanged 0, updated 0, repeated 0, rejected 0\n"), "{}", said.err);
    for image in ["ana/shirt", "tom/shirt", "tom/dress/summer"] {
        assert!(desk.path(&format!("results/{image}.png")).exists(), "{image}");
    }
}

#[test]
fn a_reader_that_has_enough_ends_pair_without_an_error() {
    let desk = shop();
    for number in 0..60 {
        desk.picture(&format!("people/{number}.png"));
        desk.picture(&format!("garments/{number}.png"));
    }
    let mut pair = std::process::Command::new(env!("CARGO_BIN_EXE_tryon"))
        .args(["pair", "--humans", "people", "--cloths", "garments"])
        .current_dir(desk.path(""))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let mut first = String::new();
    BufReader::with_capacity(16, pair.stdout.take().expect("a pipe")).read_line(&mut first).expect("a line");
    assert_eq!(first, "id,human_image,cloth_image\n");
    let ended = pair.wait_with_output().expect("its end");
    let err = String::from_utf8(ended.stderr).expect("UTF-8");
    assert!(ended.status.success() && !err.contains("error"), "{err}");
}

#[test]
fn a_folder_that_is_wrong_ends_pair_with_2_and_prints_no_manifest() {
    let desk = shop();
    std::fs::create_dir(desk.path("empty")).expect("a folder");
    for (humans, word) in [("nowhere", "no such folder"), ("people/ana.png", "no folder"), ("empty", "no usable JPEG")]
    {
        let said = desk.run(&["pair", "--humans", humans, "--cloths", "garments"]);
        assert_eq!((said.code, said.out.as_str()), (2, ""), "{}", said.err);
        assert!(said.err.starts_with("error: --humans: ") && said.err.contains(word), "{}", said.err);
    }
    let said = desk.run(&["pair", "--humans", "people", "--cloths", "garments", "--model", "gpt"]);
    assert_eq!(said.code, 2);
    assert!(said.err.contains("kolors-virtual-try-on"), "{}", said.err);
}

#[cfg(unix)]
#[test]
fn a_folder_that_cannot_be_read_is_an_error_and_not_a_smaller_manifest() {
    use std::os::unix::fs::PermissionsExt;

    let desk = shop();
    let locked = desk.path("garments/dress");
    std::fs::set_permissions(&locked, std::fs::Permissions::from_mode(0o0)).expect("locked");
    let is_superuser = std::fs::read_dir(&locked).is_ok();
    let said = pair(&desk, &[]);
    std::fs::set_permissions(&locked, std::fs::Permissions::from_mode(0o755)).expect("unlocked");
    if is_superuser {
        return;
    }
    assert_eq!((said.code, said.out.as_str()), (2, ""), "{}", said.err);
    assert!(said.err.contains("the folder garments/dress cannot be read"), "{}", said.err);
}

#[test]
fn pictures_that_only_fit_images_takes_are_counted() {
    let desk = shop();
    desk.write("people/zoe.bmp", "");
    let bmp = image::DynamicImage::new_rgb8(400, 400);
    bmp.save(desk.path("people/zoe.bmp")).expect("a picture");
    let said = pair(&desk, &[]);
    assert_eq!((said.code, said.out.lines().count()), (0, 7), "{}", said.err);
    assert!(
        said.err.contains("1 picture must be converted or shrunk; load the manifest with --fit-images"),
        "{}",
        said.err
    );
    desk.write("jobs.csv", &said.out);
    assert_eq!(desk.run(&["check", "jobs.csv"]).code, 2);
    assert_eq!(desk.run(&["check", "jobs.csv", "--fit-images"]).code, 0);
}
