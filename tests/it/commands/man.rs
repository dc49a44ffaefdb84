//! The help as manual pages.

use super::Desk;

#[test]
fn every_command_has_its_page() {
    let desk = Desk::new();
    assert_eq!(desk.run(&["man", "--out", "pages/man1"]).code, 0);
    let mut pages: Vec<String> = std::fs::read_dir(desk.path("pages/man1"))
        .expect("the pages")
        .map(|entry| entry.expect("an entry").file_name().into_string().expect("UTF-8"))
        .collect();
    pages.sort();
    assert!(pages.len() > 12 && pages.contains(&"tryon.1".to_owned()), "{pages:?}");
    for page in &pages {
        let text = std::fs::read_to_string(desk.path("pages/man1").join(page)).expect("a page");
        assert!(text.contains(".SH NAME") && text.contains(".SH EXAMPLES"), "{page}");
    }
    let run = std::fs::read_to_string(desk.path("pages/man1/tryon-run.1")).expect("a page");
    for words in [r"\-\-callback\-listen", "TRYON_POLL_INTERVAL", ".SH PACE", ".SH \"EXIT STATUS\"", "tryon 0."] {
        assert!(run.contains(words), "the page of `run` lacks {words}");
    }
}

#[test]
fn the_page_does_not_tell_what_happens_to_be_in_the_environment() {
    let desk = Desk::new();
    let plain = desk.run(&["man"]);
    assert_eq!(plain.code, 0);
    assert!(plain.out.contains(".SH SYNOPSIS"), "{}", plain.out);
    let output = desk.command(&["run", "--help"]).env("TRYON_OUT", "a-folder-of-mine").output().expect("it runs");
    assert!(!String::from_utf8_lossy(&output.stdout).contains("a-folder-of-mine"));
}

#[test]
fn a_folder_that_cannot_be_written_to_is_a_wrong_choice() {
    let desk = Desk::new();
    desk.write("file", "");
    let said = desk.run(&["man", "--out", "file/man1"]);
    assert_eq!(said.code, 2);
    assert!(said.err.contains("--out") && said.err.contains("file/man1"), "{}", said.err);
}
