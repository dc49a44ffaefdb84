//! `tryon config`, and how what is misspelt in settings is answered.

use serde_json::{Value, json};

use super::help::options_of;
use super::{Desk, Said, said};

fn config(desk: &Desk, arguments: &[&str], environment: &[(&str, &str)]) -> Said {
    said(desk.command(&[&["config"], arguments].concat()).envs(environment.iter().copied()))
}

fn config_json(desk: &Desk, arguments: &[&str], environment: &[(&str, &str)]) -> Value {
    let said = config(desk, &[arguments, &["--json"]].concat(), environment);
    assert_eq!(said.code, 0, "{}", said.err);
    serde_json::from_str(&said.out).expect("one JSON object")
}

/// The line of a table about one option.
fn line<'a>(text: &'a str, option: &str) -> &'a str {
    text.lines()
        .find(|line| line.split_whitespace().next() == Some(option))
        .unwrap_or_else(|| panic!("{option}: {text}"))
}

#[test]
fn config_tells_every_value_and_where_it_comes_from() {
    let desk = Desk::new();
    desk.write("tryon.toml", "rate = 2.5\npoll-interval = \"2s\"\nbudget = 7\nout = \"shop\"\nverbose = true\n");
    let said = config(
        &desk,
        &["--budget", "9", "--callback-url", "https://shop.example/", "--callback-listen", "[::]:80"],
        &[("TRYON_POLL_INTERVAL", "250ms")],
    );
    assert_eq!(said.code, 0, "{}", said.err);
    for (option, words) in [
        ("provider", &["dmxapi", "default"][..]),
        ("concurrency", &["auto", "default"]),
        ("rate", &["2.5", "tryon.toml"]),
        ("poll-interval", &["250ms", "environment,", "TRYON_POLL_INTERVAL"]),
        ("budget", &["9", "command", "line,", "--budget"]),
        ("price", &["none", "default"]),
        ("callback-listen", &["[::]:80", "command", "line,", "--callback-listen"]),
        ("out", &["shop", "tryon.toml"]),
        ("queue", &["shop/queue.db", "default"]),
        ("verbose", &["1", "tryon.toml"]),
    ] {
        let rest: Vec<&str> = line(&said.out, option).split_whitespace().skip(1).collect();
        assert_eq!(rest, words, "{option}");
    }
    let first = said.out.lines().next().expect("a line");
    assert!(first.ends_with("/tryon.toml") && first.contains(": /"), "the whole path of the file: {first}");
}

#[test]
fn config_json_tells_the_same_to_a_script() {
    let desk = Desk::new();
    desk.write("mine.toml", "rate = 3\n");
    let told = config_json(
        &desk,
        &["--config", "mine.toml", "-v", "--sandbox"],
        &[("TRYON_OUT", "here"), ("TRYON_LOG_FORMAT", "json")],
    );
    let option = |name: &str| told["options"][name].clone();
    assert_eq!(option("rate")["value"], 3);
    assert_eq!(option("rate")["from"], "file");
    assert!(option("rate")["where"].as_str().expect("a path").ends_with("/mine.toml"));
    assert_eq!(option("out"), json!({ "value": "here", "from": "environment", "where": "TRYON_OUT" }));
    assert_eq!(option("log-format"), json!({ "value": "json", "from": "environment", "where": "TRYON_LOG_FORMAT" }));
    assert_eq!(option("verbose"), json!({ "value": 1, "from": "flag", "where": "--verbose" }));
    assert_eq!(option("sandbox"), json!({ "value": true, "from": "flag", "where": "--sandbox" }));
    assert_eq!(option("budget"), json!({ "value": null, "from": "default", "where": null }));
    let nothing = config_json(&Desk::new(), &[], &[]);
    assert_eq!(nothing["settings_file"], Value::Null);
}

#[test]
fn config_leaves_out_no_option_of_run() {
    let desk = Desk::new();
    let told = config_json(&desk, &[], &[]);
    let flags: Vec<String> = options_of(&desk, "run").into_iter().map(|option| option.flag).collect();
    assert!(flags.len() > 25, "{flags:?}");
    // The accounts that `--account` chooses among have a place of their own.
    let elsewhere = ["--help", "--version", "--config", "--account"];
    for flag in flags.iter().filter(|flag| !elsewhere.contains(&flag.as_str())) {
        assert!(told["options"].get(flag.trim_start_matches("--")).is_some(), "`config` does not tell {flag}");
    }
}

#[test]
fn config_shows_the_accounts_and_whether_their_keys_are_set() {
    let desk = Desk::new();
    desk.write(
        "tryon.toml",
        "rate = 3\n[[account]]\nname = \"one\"\nkey-env = \"ONE_KEY\"\nprice = 0.2\n[[account]]\nname = \"two\"\nprovider = \"kling\"\nkey-file = \"no.key\"\n",
    );
    let told = config_json(&desk, &[], &[("ONE_KEY", "sk-of-one")]);
    let accounts = &told["accounts"];
    assert_eq!(
        (&accounts[0]["name"], &accounts[0]["key_set"], &accounts[0]["rate"]),
        (&"one".into(), &true.into(), &3.0.into())
    );
    assert_eq!((&accounts[1]["name"], &accounts[1]["key_set"]), (&"two".into(), &false.into()));
    let text = config(&desk, &[], &[("ONE_KEY", "sk-of-one")]).out;
    assert!(text.contains("0.2 a unit, concurrency auto, rate 3, key set (ONE_KEY)"), "{text}");
    assert!(text.contains("account `two`: key-file: no.key: ") && !text.contains("sk-of-one"), "{text}");
}

#[test]
fn config_shows_which_secrets_are_set_and_never_what_they_are() {
    let desk = Desk::new();
    let file = desk.write("key", "sk-in-a-file\n");
    let file = file.to_str().expect("UTF-8");
    let environment = [
        ("TRYON_API_KEY", "sk-in-a-variable"),
        ("KLING_ACCESS_KEY_FILE", file),
        ("KLING_SECRET_KEY_FILE", "/nowhere"),
        ("KLING_WEBHOOK_SECRET", "sk-of-another-kind"),
    ];
    let text = config(&desk, &[], &environment);
    let told = config_json(&desk, &[], &environment);
    for secret in ["sk-in-a-variable", "sk-in-a-file", "sk-of-another-kind"] {
        assert!(!text.out.contains(secret) && !told.to_string().contains(secret), "{secret} is shown");
    }
    assert!(line(&text.out, "TRYON_API_KEY").contains(" set "), "{}", text.out);
    assert!(line(&text.out, "KLING_API_KEY").contains("not set"), "{}", text.out);
    assert!(line(&text.out, "KLING_SECRET_KEY").contains("/nowhere"), "{}", text.out);
    assert!(line(&text.out, "KLING_WEBHOOK_SECRET").contains("whsec_"), "{}", text.out);
    assert_eq!(told["secrets"]["TRYON_API_KEY"], json!({ "set": true, "from": "environment" }));
    assert_eq!(told["secrets"]["KLING_ACCESS_KEY"], json!({ "set": true, "from": "file", "where": file }));
    assert_eq!(told["secrets"]["KLING_API_KEY"], json!({ "set": false }));
}

#[test]
fn config_refuses_what_run_would_refuse() {
    let desk = Desk::new();
    for (arguments, words) in [
        (&["--callback-url", "https://shop.example/"][..], "--callback-listen ADDR"),
        (&["--callback-listen", "0.0.0.0:80"], "--callback-url URL"),
        (&["--callback-listen", "8080"], "0.0.0.0:8080"),
        (&["--concurrency", "many"], "neither `auto` nor a whole number"),
        (&["--price=-1"], "no price"),
        (&["--base-url", "https://me:secret@shop.example/"], "must not carry"),
        (&["--model", "sdxl"], "--model"),
    ] {
        let said = config(&desk, arguments, &[]);
        assert_eq!(said.code, 2, "{arguments:?}");
        assert!(said.err.contains(words) && !said.err.contains("secret"), "{arguments:?}: {}", said.err);
    }
}

#[test]
fn an_unknown_key_is_named_with_its_line_and_the_nearest_option() {
    let desk = Desk::new();
    desk.write("tryon.toml", "rate = 3\npoll-intervall = \"1s\"\nbudgets = 3\n");
    for command in [&["config"][..], &["status"], &["load", "x.csv"]] {
        let said = desk.run(command);
        assert_eq!(said.code, 2);
        assert!(
            said.err.contains("tryon.toml:2: there is no option `poll-intervall`; did you mean `poll-interval`?"),
            "{}",
            said.err
        );
        assert!(
            said.err.contains("tryon.toml:3: there is no option `budgets`; did you mean `budget`?"),
            "{}",
            said.err
        );
    }
}

#[test]
fn what_is_misspelt_is_suggested() {
    let desk = Desk::new();
    for (arguments, suggestion) in [
        (&["statsu"][..], "'status'"),
        (&["list", "--state", "faild"], "'failed'"),
        (&["list", "--state", "in_dobt"], "'in_doubt'"),
        (&["run", "--provider", "klin"], "'kling'"),
        (&["run", "--concurency", "3"], "'--concurrency'"),
        (&["run", "--in-doubt", "resbmit"], "'resubmit'"),
        (&["completions", "bsh"], "'bash'"),
    ] {
        let said = desk.run(arguments);
        assert_eq!(said.code, 2, "{arguments:?}");
        assert!(said.err.contains(suggestion), "{arguments:?}: {}", said.err);
    }
}

#[test]
fn a_wrong_value_from_the_environment_is_mended_there() {
    let desk = Desk::new();
    let from_variable = config(&desk, &[], &[("TRYON_RATE", "fast")]);
    assert_eq!(from_variable.code, 2);
    assert!(from_variable.err.contains("environment variable TRYON_RATE"), "{}", from_variable.err);
    let typed = config(&desk, &["--rate", "slow"], &[("TRYON_RATE", "fast")]);
    assert!(typed.err.contains("slow") && !typed.err.contains("environment variable"), "{}", typed.err);
}

#[test]
fn an_empty_variable_is_as_good_as_none() {
    let desk = Desk::new();
    let empty = [
        "TRYON_RATE",
        "TRYON_SANDBOX",
        "TRYON_OUT",
        "TRYON_PROVIDER",
        "TRYON_BASE_URL",
        "TRYON_CONFIG",
        "TRYON_LOG_FORMAT",
    ];
    let told = config_json(&desk, &[], &empty.map(|variable| (variable, "")));
    assert_eq!(told, config_json(&desk, &[], &[]));
    for (word, value) in [("1", true), ("yes", true), ("off", false)] {
        assert_eq!(config_json(&desk, &[], &[("TRYON_SANDBOX", word)])["options"]["sandbox"]["value"], value, "{word}");
    }
}
