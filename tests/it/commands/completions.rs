//! Shell completions, asked for in the shells themselves where they are installed.

use std::process::Command;

use super::Desk;

/// A folder with the script of one shell in it.
fn desk_with_script(shell: &str) -> Desk {
    let desk = Desk::new();
    let said = desk.run(&["completions", shell]);
    assert_eq!(said.code, 0, "{}", said.err);
    for word in ["adopt", "--callback-listen"] {
        assert!(said.out.contains(word), "the script for {shell} does not know {word}");
    }
    desk.write("script", &said.out);
    desk
}

/// What a shell prints; `None` where it is not installed.
fn ask(desk: &Desk, shell: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(shell).args(arguments).current_dir(desk.path("")).output().ok()?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{shell} {arguments:?}: {}", text(&output.stderr));
    Some(text(&output.stdout))
}

#[test]
fn bash_completes_commands_options_and_states() {
    let desk = desk_with_script("bash");
    // Bash hands over the word before the cursor, and the one before that.
    let complete = |words: &str, last: &str, before: &str| {
        let count = words.split(' ').count() - 1;
        let script = format!(
            "source ./script; COMP_WORDS=({words}); COMP_CWORD={count}; _tryon tryon '{last}' '{before}'; echo \"${{COMPREPLY[*]}}\""
        );
        ask(&desk, "bash", &["--norc", "-c", &script]).map(|text| text.trim().to_owned())
    };
    let Some(commands) = complete("tryon sta", "sta", "tryon") else { return };
    assert_eq!(commands, "status");
    assert_eq!(complete("tryon list --state fa", "fa", "--state").as_deref(), Some("failed"));
    assert_eq!(complete("tryon run --callback-l", "--callback-l", "run").as_deref(), Some("--callback-listen"));
}

#[test]
fn fish_completes_commands_options_and_states() {
    let desk = desk_with_script("fish");
    let complete = |line: &str| {
        let text = ask(&desk, "fish", &["--no-config", "-c", &format!("source ./script; complete -C '{line}'")])?;
        Some(text.lines().map(|line| line.split('\t').next().unwrap_or_default().to_owned()).collect::<Vec<_>>())
    };
    let Some(commands) = complete("tryon sta") else { return };
    assert_eq!(commands, ["status"]);
    assert_eq!(complete("tryon list --state fa").expect("fish is there"), ["failed"]);
    assert_eq!(complete("tryon run --callback-l").expect("fish is there"), ["--callback-listen"]);
}

#[test]
fn zsh_takes_its_script() {
    let desk = desk_with_script("zsh");
    let script = std::fs::read_to_string(desk.path("script")).expect("the script");
    assert!(script.starts_with("#compdef tryon"), "what zsh finds it by");
    // Loaded as it is from $fpath; outside of the line editor it has nobody to complete for.
    std::fs::rename(desk.path("script"), desk.path("_tryon")).expect("renamed");
    let load =
        "fpath=($PWD $fpath); autoload -Uz compinit && compinit -u -D && autoload +X _tryon && print ${_comps[tryon]}";
    if let Some(said) = ask(&desk, "zsh", &["-f", "-c", load]) {
        assert_eq!(said.trim(), "_tryon");
    }
}

#[test]
fn the_other_shells_have_scripts_too() {
    for shell in ["powershell", "elvish"] {
        desk_with_script(shell);
    }
}
