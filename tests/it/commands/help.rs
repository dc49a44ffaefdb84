//! What `--help` says is what holds, and README and docs/options.md say the same.

use tryon::job::FailureKind;
use tryon::provider::StopReason;

use super::{Desk, project};

/// An option as `--help` shows it.
pub(super) struct Shown {
    /// The help's heading it is under.
    pub(super) heading: String,
    /// `--rate`.
    pub(super) flag: String,
    /// What the help calls its default.
    pub(super) default: Option<String>,
}

/// Every option in a command's help.
pub(super) fn options_of(desk: &Desk, command: &str) -> Vec<Shown> {
    let help = desk.run(&[command, "--help"]).out;
    let mut heading = String::new();
    let mut entries: Vec<(String, String, String)> = Vec::new();
    for line in help.lines() {
        let text = line.trim_start();
        let indent = line.len() - text.len();
        match indent {
            _ if text.is_empty() => {}
            0 => heading = line.trim_end_matches(':').to_owned(),
            2 | 6 if text.starts_with('-') => {
                let is_of_flag = |c: &char| c.is_ascii_lowercase() || *c == '-';
                let flag = text.split(", ").last().unwrap_or_default().chars().take_while(is_of_flag).collect();
                entries.push((heading.clone(), flag, String::new()));
            }
            _ => {
                if let Some((_, _, words)) = entries.last_mut() {
                    *words = format!("{words} {text}");
                }
            }
        }
    }
    let default = |words: &str| Some(words.split_once("[default: ")?.1.split_once(']')?.0.to_owned());
    let shown = |(heading, flag, words): (String, String, String)| Shown { heading, flag, default: default(&words) };
    entries.into_iter().map(shown).collect()
}

fn readme() -> String {
    std::fs::read_to_string(project().join("README.md")).expect("a README")
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
    let readme = readme();
    for command in &commands {
        assert!(readme.contains(&format!("| `tryon {command}")), "the README's table lacks `tryon {command}`");
    }
    for line in readme.lines().filter_map(|line| line.strip_prefix("| `tryon ")) {
        let command: String = line.chars().take_while(char::is_ascii_lowercase).collect();
        assert!(commands.contains(&command.as_str()), "the README names `tryon {command}`, which is none");
    }
}

/// The flags and defaults of a table of options, row by row.
fn rows_of_options(readme: &str) -> Vec<(Vec<String>, Vec<String>)> {
    // A bar inside of a cell is escaped.
    let cells = |line: &str| line.replace("\\|", "¦").split('|').map(|cell| cell.trim().to_owned()).collect::<Vec<_>>();
    let rows = readme.lines().filter(|line| line.starts_with("| `--")).map(cells);
    rows.map(|cells| {
        let flags = cells[1].split('`').filter(|piece| piece.starts_with("--"));
        let flags = flags.map(|piece| piece.split(' ').next().unwrap_or_default().to_owned()).collect();
        let defaults = cells[2].split(", ").map(|default| default.trim_matches('`').to_owned()).collect();
        (flags, defaults)
    })
    .collect()
}

#[test]
fn every_option_of_run_is_told_with_its_default() {
    let desk = Desk::new();
    let shown = options_of(&desk, "run");
    let page = std::fs::read_to_string(project().join("docs/options.md")).expect("the page of options");
    let in_page = rows_of_options(&page);
    let rows: Vec<_> = rows_of_options(&readme()).into_iter().chain(in_page.iter().cloned()).collect();
    for (flags, defaults) in &rows {
        for (index, flag) in flags.iter().enumerate() {
            let option = shown.iter().find(|option| option.flag == *flag);
            let option = option.unwrap_or_else(|| panic!("a table names {flag}, which `run` does not have"));
            let told = defaults.get(index).or(defaults.last()).expect("a cell");
            let holds = match option.default.as_deref() {
                Some(default) => told == default,
                None => told == "none" || told == "off",
            };
            assert!(holds, "a table gives {flag} the default `{told}`, and the help {:?}", option.default);
        }
    }
    let is_told = |flag: &String| in_page.iter().any(|(flags, _)| flags.contains(flag));
    let own = shown.iter().filter(|option| !["Options", "Where", "Everywhere"].contains(&option.heading.as_str()));
    let missing: Vec<&str> = own.filter(|option| !is_told(&option.flag)).map(|option| option.flag.as_str()).collect();
    assert!(in_page.len() > 10 && missing.is_empty(), "docs/options.md lacks {missing:?}");
}

#[test]
fn the_defaults_in_the_help_are_those_in_force() {
    let desk = Desk::new();
    let told: serde_json::Value = serde_json::from_str(&desk.run(&["config", "--json"]).out).expect("JSON");
    let mut compared = 0;
    for option in options_of(&desk, "run") {
        let Some(default) =
            option.default.filter(|_| !["--base-url", "--queue", "--config"].contains(&option.flag.as_str()))
        else {
            continue;
        };
        let value = &told["options"][option.flag.trim_start_matches("--")]["value"];
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let is_same = value == default
            || (default.parse::<tryon::settings::Span>().is_ok()
                && default.parse() == value.parse::<tryon::settings::Span>());
        assert!(is_same, "the help gives {} the default `{default}`, and it is `{value}`", option.flag);
        compared += 1;
    }
    assert!(compared >= 12, "only {compared} defaults were found in the help");
}

#[test]
fn the_help_is_grouped_and_teaches_by_example() {
    let desk = Desk::new();
    let headings: Vec<String> = options_of(&desk, "run").into_iter().map(|option| option.heading).collect();
    let mut groups = headings.clone();
    groups.dedup();
    let once: std::collections::BTreeSet<&String> = groups.iter().collect();
    assert_eq!(once.len(), groups.len(), "a group that is torn apart: {groups:?}");
    let commands = [
        "run",
        "load",
        "check",
        "pair",
        "status",
        "list",
        "show",
        "retry",
        "adopt",
        "cancel",
        "report",
        "sandbox",
        "config",
        "completions",
        "man",
    ];
    for command in commands {
        let help = desk.run(&[command, "--help"]).out;
        assert!(
            help.contains(&format!("\n  tryon {command}"))
                || help.contains(&format!("tryon {command} ")) && help.contains("Examples:"),
            "{command}: {help}"
        );
    }
}

#[test]
fn the_operators_page_explains_every_failure_and_every_stop_in_the_programs_words() {
    let page = std::fs::read_to_string(project().join("docs/operators.md")).expect("the page");
    for kind in FailureKind::ALL {
        // What was refused mostly has the provider's own code, and `refused` without one.
        assert!(page.contains(&format!("| `{}`", kind.word())), "no row for `{}`", kind.word());
    }
    for reason in StopReason::ALL {
        assert!(page.contains(reason.advice()), "the page lacks: {}", reason.advice());
    }
}
