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
    for arguments in
        [&["check", "jobs.csv", "-o", "x"][..], &["completions", "bash", "--queue", "x"], &["sandbox", "-o", "x"]]
    {
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

#[test]
fn completions_are_printed_for_every_shell() {
    let desk = Desk::new();
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let said = desk.run(&["completions", shell]);
        assert_eq!(said.code, 0, "{}", said.err);
        assert!(said.out.contains("tryon"), "{shell}");
    }
}

#[test]
fn the_readme_names_every_command_and_only_commands_there_are() {
    let desk = Desk::new();
    let help = desk.run(&["--help"]).out;
    let commands: Vec<&str> = help
        .lines()
        .skip_while(|line| !line.starts_with("Commands:"))
        .skip(1)
        .take_while(|line| !line.is_empty())
        .filter_map(|line| line.strip_prefix("  ")?.split(' ').next().filter(|word| !word.is_empty()))
        .collect();
    assert!(commands.len() >= 11, "{help}");
    let readme = std::fs::read_to_string(super::project().join("README.md")).expect("a README");
    for command in &commands {
        assert!(readme.contains(&format!("| `tryon {command}")), "the README's table lacks `tryon {command}`");
    }
    for line in readme.lines().filter_map(|line| line.strip_prefix("| `tryon ")) {
        let command: String = line.chars().take_while(char::is_ascii_lowercase).collect();
        assert!(commands.contains(&command.as_str()), "the README names `tryon {command}`, which is none");
    }
    let run = desk.run(&["run", "--help"]).out;
    for line in readme.lines().filter(|line| line.starts_with("| `--")) {
        for word in line.split('`').filter(|word| word.starts_with("--")) {
            let option: String = word.chars().take_while(|c| c.is_ascii_lowercase() || *c == '-').collect();
            assert!(run.contains(&option), "the README names {option}, which `run` does not have");
        }
    }
}
