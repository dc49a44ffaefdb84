//! `tryon config`: every option in force, and where its value comes from.

use std::collections::BTreeMap;
use std::fmt::{self, Write};
use std::path::PathBuf;

use clap::parser::ValueSource;
use clap::{Arg, Args, CommandFactory, ValueEnum};
use serde_json::{Map, Value, json};

use crate::exit_code::ExitCode;
use crate::job::AccountName;
use crate::settings::{
    Account, KeyPlace, Options, SecretLookup, SecretPlace, Settings, SettingsFile, account_keys, look_for_secrets,
};

use super::args::{Common, PlaceOptions};
use super::load::println;
use super::sources::{Sourced, Sources};
use super::{Arguments, Failure, Place};

/// What `config` is asked for: the options whose effect is to be seen, and how to print it.
#[derive(Debug, Args)]
pub(super) struct ConfigArgs {
    /// One JSON object, for scripts
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    options: Box<Options>,

    #[command(flatten)]
    place: PlaceOptions,
}

/// `tryon config`. Values are checked as `run` would check them.
pub(super) fn command(asked: Sourced<ConfigArgs>, common: &Common, file: SettingsFile) -> Result<ExitCode, Failure> {
    let Sourced { said: ConfigArgs { json, options, place }, sources } = asked;
    let place = place.or(&file.options)?;
    let options = options.or(file.options.clone());
    let settings = Settings::resolve(&options)?;
    let accounts = settings.accounts(&options, &[])?;
    let accounts: Vec<&Account> = accounts.iter().filter(|account| account.name.is_some()).collect();
    let values = values(&settings, &place, common, &file.options);
    let lines = lines(&values, &sources, &file);
    let secrets = look_for_secrets();
    let told = Told { lines: &lines, accounts: &accounts, secrets: &secrets, file: &file };
    println(&if json { as_json(&told) } else { as_text(&told) })?;
    Ok(ExitCode::Ok)
}

/// The value of every option, by the name of its flag.
fn values(settings: &Settings, place: &Place, common: &Common, file: &Options) -> BTreeMap<String, Value> {
    let (format, verbose, quiet) = common.manner(file);
    let format = format.to_possible_value().map(|word| json!(word.get_name()));
    let mut values = BTreeMap::from_iter(settings.in_force());
    values.extend([
        ("out".to_owned(), json!(place.out)),
        ("queue".to_owned(), json!(place.queue.to_string())),
        ("log-format".to_owned(), format.unwrap_or_default()),
        ("verbose".to_owned(), json!(verbose)),
        ("quiet".to_owned(), json!(quiet)),
    ]);
    values
}

/// Where a value comes from.
#[derive(Debug, PartialEq, Eq)]
enum Origin {
    Default,
    File(PathBuf),
    Environment(String),
    Flag(String),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File(path) => path.display().fmt(f),
            Self::Environment(variable) => write!(f, "environment, {variable}"),
            Self::Flag(flag) => write!(f, "command line, {flag}"),
        }
    }
}

/// One option in force.
struct Line<'a> {
    heading: String,
    option: String,
    value: &'a Value,
    origin: Origin,
}

/// The options as the help groups them.
fn lines<'a>(values: &'a BTreeMap<String, Value>, sources: &Sources, file: &SettingsFile) -> Vec<Line<'a>> {
    let program = Arguments::command();
    let own = program.find_subcommand("config").into_iter().flat_map(clap::Command::get_arguments);
    let everywhere = program.get_arguments();
    let line = |argument: &Arg| {
        let option = argument.get_long()?;
        let value = values.get(option)?;
        let heading = argument.get_help_heading().unwrap_or_default().to_owned();
        Some(Line { heading, option: option.to_owned(), value, origin: origin(argument, option, sources, file) })
    };
    own.chain(everywhere).filter_map(line).collect()
}

fn origin(argument: &Arg, option: &str, sources: &Sources, file: &SettingsFile) -> Origin {
    match sources.of_option(option) {
        Some(ValueSource::EnvVariable) => {
            Origin::Environment(argument.get_env().unwrap_or_default().to_string_lossy().into_owned())
        }
        Some(_) => Origin::Flag(format!("--{option}")),
        // `-v` silences the `quiet` of a file.
        None if option == "quiet" && file.options.quiet == Some(true) && sources.of_option("verbose").is_some() => {
            Origin::Flag("--verbose".to_owned())
        }
        None => match &file.path {
            Some(path) if file.keys.contains(option) => Origin::File(path.clone()),
            _ => Origin::Default,
        },
    }
}

/// Everything that is told.
struct Told<'a> {
    lines: &'a [Line<'a>],
    /// Those of the settings file.
    accounts: &'a [&'a Account],
    secrets: &'a [SecretLookup],
    file: &'a SettingsFile,
}

fn as_text(told: &Told<'_>) -> String {
    let Told { lines, accounts, secrets, file } = *told;
    let texts: Vec<String> = lines.iter().map(|line| in_words(line.value)).collect();
    let names = lines.iter().map(|line| line.option.len()).chain(secrets.iter().map(|secret| secret.variable.len()));
    let (name_width, value_width) = (names.max().unwrap_or(0), texts.iter().map(String::len).max().unwrap_or(0));
    let mut text = match &file.path {
        Some(path) => format!("settings file: {}\n", absolute(path).display()),
        None => "settings file: none (there is no tryon.toml in this folder)\n".to_owned(),
    };
    let mut heading = "";
    for (line, value) in lines.iter().zip(&texts) {
        if line.heading != heading {
            heading = &line.heading;
            let _ = writeln!(text, "\n{}", console::style(heading).bold());
        }
        let Line { option, origin, .. } = line;
        let line_text = format!("  {option:<name_width$}  {value:<value_width$}  {origin}");
        let line_text = console::style(line_text);
        // What somebody chose stands out.
        let line_text = if *origin == Origin::Default { line_text.dim() } else { line_text };
        let _ = writeln!(text, "{line_text}");
    }
    if !accounts.is_empty() {
        let _ = writeln!(text, "\n{}", console::style("Accounts (run uses all of them, or those of --account)").bold());
        for account in accounts {
            let name = account.name.as_ref().map(AccountName::as_str).unwrap_or_default();
            let _ = writeln!(
                text,
                "  {}  {}",
                console::pad_str(name, name_width, console::Alignment::Left, None),
                in_one_line(account)
            );
        }
    }
    let _ = writeln!(text, "\n{}", console::style("Secrets (their values are never shown)").bold());
    for SecretLookup { variable, purpose, place } in secrets {
        let (state, more) = match place {
            Ok(None) => ("not set", (*purpose).to_owned()),
            Ok(Some(SecretPlace::Variable)) => ("set", format!("environment, {variable}")),
            Ok(Some(SecretPlace::File(path))) => ("set", format!("{}, named by {variable}_FILE", path.display())),
            Err(error) => ("not usable", error.to_string()),
        };
        let line = console::style(format!("  {variable:<name_width$}  {state:<value_width$}  {more}"));
        let _ = writeln!(text, "{}", if state == "not set" { line.dim() } else { line });
    }
    text.trim_end().to_owned()
}

/// What is in force for an account.
fn in_one_line(account: &Account) -> String {
    let mut pieces = vec![account.base_url.clone(), account.model.to_string()];
    pieces.extend(account.price.map(|price| format!("{price} a unit")));
    pieces.push(format!("concurrency {}", account.concurrency));
    pieces.extend(account.rate.map(|rate| format!("rate {rate}")));
    pieces.push(match account_keys(account) {
        Ok(_) => format!("key set ({})", key_place(account)),
        Err(error) => error.to_string(),
    });
    pieces.join(", ")
}

fn key_place(account: &Account) -> String {
    match &account.key {
        KeyPlace::Usual => "the usual variables".to_owned(),
        KeyPlace::Variable(variable) => variable.clone(),
        KeyPlace::File(path) => path.display().to_string(),
    }
}

/// An account, for scripts.
fn account_json(account: &Account) -> Value {
    json!({
        "name": account.name.as_ref().map(AccountName::as_str),
        "base_url": account.base_url,
        "model": account.model.as_str(),
        "price": account.price,
        "concurrency": account.concurrency.to_string(),
        "rate": account.rate,
        "poll_rate": account.poll_rate,
        "key": key_place(account),
        "key_set": account_keys(account).is_ok(),
    })
}

fn in_words(value: &Value) -> String {
    match value {
        Value::Null => "none".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// Scripts may rely on the keys.
fn as_json(told: &Told<'_>) -> String {
    let Told { lines, accounts, secrets, file } = *told;
    let options: Map<String, Value> = lines
        .iter()
        .map(|Line { option, value, origin, .. }| {
            let (from, place) = match origin {
                Origin::Default => ("default", None),
                Origin::File(path) => ("file", Some(absolute(path).display().to_string())),
                Origin::Environment(variable) => ("environment", Some(variable.clone())),
                Origin::Flag(flag) => ("flag", Some(flag.clone())),
            };
            (option.clone(), json!({ "value": value, "from": from, "where": place }))
        })
        .collect();
    let secrets: Map<String, Value> = secrets
        .iter()
        .map(|SecretLookup { variable, place, .. }| {
            let told = match place {
                Ok(None) => json!({ "set": false }),
                Ok(Some(SecretPlace::Variable)) => json!({ "set": true, "from": "environment" }),
                Ok(Some(SecretPlace::File(path))) => json!({ "set": true, "from": "file", "where": path }),
                Err(error) => json!({ "set": true, "error": error.to_string() }),
            };
            ((*variable).to_owned(), told)
        })
        .collect();
    let accounts: Vec<Value> = accounts.iter().map(|account| account_json(account)).collect();
    let file = file.path.as_ref().map(absolute);
    json!({ "settings_file": file, "options": options, "accounts": accounts, "secrets": secrets }).to_string()
}

/// The whole path, as far as the working directory is known.
fn absolute(path: &PathBuf) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.clone())
}
