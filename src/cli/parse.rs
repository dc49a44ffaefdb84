//! Reading the command line with its environment: what is empty is not said, and an error names the variable it
//! comes from.

use std::ffi::OsString;
use std::io::Write;

use clap::builder::{Resettable, StyledStr};
use clap::error::{ContextKind, ContextValue};
use clap::{Arg, Command, CommandFactory, Error, FromArgMatches};

use super::Arguments;
use super::json_log;

impl Arguments {
    /// What this process was called with. Help, and a command line that cannot be read, end it.
    #[must_use]
    pub fn of_this_process() -> Self {
        let words: Vec<OsString> = std::env::args_os().collect();
        read(&words).unwrap_or_else(|error| {
            if error.use_stderr() && wants_json(&words) {
                let line = json_log::said("ERROR", "said", error.to_string().trim_end());
                let _ = std::io::stderr().lock().write_all(line.as_bytes());
                std::process::exit(error.exit_code());
            }
            error.exit()
        })
    }
}

/// Whether a command line that cannot be read asks for JSON lines.
fn wants_json(words: &[OsString]) -> bool {
    let is_json = |word: &OsString| word.eq_ignore_ascii_case("json");
    let by_flag = words.iter().any(|word| word == "--log-format=json")
        || words.windows(2).any(|pair| pair[0] == "--log-format" && is_json(&pair[1]));
    by_flag || std::env::var_os("TRYON_LOG_FORMAT").as_ref().is_some_and(is_json)
}

fn read(words: &[OsString]) -> Result<Arguments, Error> {
    let mut command = command();
    let matches = command.try_get_matches_from_mut(words);
    let arguments = matches.and_then(|mut matches| {
        Arguments::from_arg_matches_mut(&mut matches).map_err(|error| error.format(&mut command))
    });
    arguments.map_err(|error| naming_its_variable(error, &command, words))
}

/// The program's command line. Its help names variables, and does not show what happens to be in them.
pub(super) fn command() -> Command {
    without_empty_variables(Arguments::command())
}

/// Services and containers are given variables that are empty where nothing is meant.
fn without_empty_variables(command: Command) -> Command {
    let is_empty = |argument: &Arg| {
        let value = argument.get_env().and_then(std::env::var_os);
        value.is_some_and(|value| value.is_empty())
    };
    let prepared = |argument: Arg| {
        let argument = argument.hide_env_values(true);
        if is_empty(&argument) { argument.env(Resettable::Reset) } else { argument }
    };
    command.mut_args(prepared).mut_subcommands(without_empty_variables)
}

/// A value that nobody typed comes from the environment, and is mended there.
fn naming_its_variable(mut error: Error, command: &Command, words: &[OsString]) -> Error {
    if let Some(ContextValue::String(argument)) = error.get(ContextKind::InvalidArg)
        && let Some(variable) = variable_behind(argument, command, words)
    {
        let tip = StyledStr::from(format!("this value is that of the environment variable {variable}"));
        error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![tip]));
    }
    error
}

/// The variable that gave an argument its value, unless a flag did. `shown` is the argument as an error shows it:
/// `--rate <N>`.
fn variable_behind(shown: &str, command: &Command, words: &[OsString]) -> Option<String> {
    let flag = shown.split([' ', '[']).next()?;
    let argument = argument_of(flag, command)?;
    let short = argument.get_short().map(|short| format!("-{short}"));
    let is_typed = words.iter().map(|word| word.to_string_lossy()).any(|word| {
        word.split('=').next() == Some(flag) || short.as_ref().is_some_and(|short| word.starts_with(short.as_str()))
    });
    let variable = argument.get_env().filter(|_| !is_typed)?;
    std::env::var_os(variable).map(|_| variable.to_string_lossy().into_owned())
}

fn argument_of<'a>(flag: &str, command: &'a Command) -> Option<&'a Arg> {
    let name = flag.strip_prefix("--")?;
    let own = command.get_arguments().find(|argument| argument.get_long() == Some(name));
    own.or_else(|| command.get_subcommands().find_map(|command| argument_of(flag, command)))
}
