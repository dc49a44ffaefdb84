//! `--on-end`: the command is run once, whatever the end, and changes nothing.

use std::time::Duration;

use crate::support::provider::{Answer, OnCreate, Provider, Script};
use crate::support::workshop::Workshop;

/// Writes what it is told into two files; appends, so that a second call would show.
const KEEP: &str = "env | grep -E '^TRYON_(EXIT_CODE|REASON|SUCCEEDED|FAILED|LEFT|TOTAL|REPORT)=' | sort >> told.txt; cat >> summary.txt";

fn told(shop: &Workshop) -> (String, String) {
    let read = |name: &str| std::fs::read_to_string(shop.file(name)).unwrap_or_default();
    (read("told.txt"), read("summary.txt"))
}

#[test]
fn the_command_learns_how_the_run_ended_once() {
    let provider = Provider::start(Script::default());
    let shop = Workshop::new(3);
    let end = shop.run(&provider, &["--on-end", KEEP]);
    end.assert_code(0);
    let (told, summary) = told(&shop);
    assert_eq!(
        told,
        "TRYON_EXIT_CODE=0\nTRYON_FAILED=0\nTRYON_LEFT=0\nTRYON_REASON=\nTRYON_REPORT=out/report.csv\nTRYON_SUCCEEDED=3\n\
         TRYON_TOTAL=3\n"
    );
    assert!(summary.contains("images    3 of 3") && end.said.contains(summary.trim_end()), "{summary}");
}

#[test]
fn a_stop_by_the_account_is_told_with_its_reason() {
    let provider = Provider::start(Script {
        on_create: Box::new(|_| OnCreate::Refuse(Answer::in_arrears())),
        ..Script::default()
    });
    let shop = Workshop::new(2);
    shop.run(&provider, &["--quiet", "--on-end", KEEP]).assert_code(3);
    let (told, summary) = told(&shop);
    assert!(told.starts_with("TRYON_EXIT_CODE=3\n") && told.contains("TRYON_LEFT=2\n"), "{told}");
    assert!(told.contains("TRYON_REASON=") && told.contains("account in arrears"), "{told}");
    assert!(summary.contains("account in arrears"), "it has the summary, also where nothing is printed: {summary}");
}

#[test]
fn a_command_that_fails_or_does_not_read_changes_nothing_and_is_told() {
    let provider = Provider::start(Script::default());
    let shop = Workshop::new(1);
    let end = shop.run(&provider, &["--on-end", "exit 7"]);
    end.assert_code(0);
    assert!(end.said.contains("--on-end: `exit 7` ended with exit status: 7"), "{}", end.said);
    let end = shop.run(&provider, &["--on-end", "exec <&-; true"]);
    end.assert_code(0);
    assert!(!end.said.contains("` ended with"), "{}", end.said);
}

#[cfg(unix)]
#[test]
fn an_interrupted_run_tells_that_too() {
    let provider = Provider::start(Script { task_time: Duration::from_secs(30), ..Script::default() });
    let shop = Workshop::new(2);
    let run = shop.start(&provider, &["--on-end", KEEP]);
    provider.wait_until("two tasks", |books| books.tasks.len() == 2);
    run.signal("TERM");
    run.end().assert_code(143);
    let (told, _) = told(&shop);
    assert!(told.starts_with("TRYON_EXIT_CODE=143\n") && told.contains("TRYON_REASON=interrupted\n"), "{told}");
}

#[test]
fn a_run_that_never_began_has_no_end() {
    let provider = Provider::start(Script::default());
    let shop = Workshop::new(1);
    shop.run(&provider, &["--on-end", KEEP, "--base-url", "ftp://nowhere"]).assert_code(2);
    assert_eq!(told(&shop).0, "");
}
