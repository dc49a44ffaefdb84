//! Flag over environment over file over default, seen from outside.

use super::{Desk, said};

#[test]
fn the_flag_wins_over_the_environment_and_that_over_the_file() {
    let desk = Desk::new();
    desk.picture("h.png");
    desk.write("jobs.csv", "human,cloth\nh.png,h.png\n");
    desk.write("tryon.toml", "out = \"from-file\"\n");
    assert_eq!(desk.run(&["load", "jobs.csv"]).code, 0);
    assert!(desk.path("from-file/queue.db").exists());
    assert_eq!(said(desk.command(&["load", "jobs.csv"]).env("TRYON_OUT", "from-env")).code, 0);
    assert!(desk.path("from-env/queue.db").exists());
    assert_eq!(said(desk.command(&["load", "jobs.csv", "-o", "from-flag"]).env("TRYON_OUT", "no")).code, 0);
    assert!(desk.path("from-flag/queue.db").exists() && !desk.path("no").exists());
}

#[test]
fn a_command_takes_no_option_that_it_would_ignore() {
    let desk = Desk::new();
    for arguments in [&["completions", "bash", "--queue", "x"][..], &["sandbox", "-o", "x"]] {
        let said = desk.run(arguments);
        assert_eq!(said.code, 2, "{arguments:?}: {}", said.err);
        assert!(said.err.contains("unexpected argument"), "{}", said.err);
    }
}

#[test]
fn a_settings_file_with_an_error_says_where() {
    let desk = Desk::new();
    desk.write("tryon.toml", "rate = 3\npoll-intervall = \"1s\"\n");
    let said = desk.run(&["status"]);
    assert_eq!(said.code, 2);
    assert!(said.err.contains("tryon.toml") && said.err.contains("poll-intervall"), "{}", said.err);
    let said = desk.run(&["status", "--config", "nowhere.toml"]);
    assert_eq!(said.code, 2);
    assert!(said.err.contains("nowhere.toml"), "{}", said.err);
}
