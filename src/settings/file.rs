//! The settings file, `tryon.toml`: what it says, and everything that is wrong with it, by line.

use std::collections::BTreeSet;
use std::ops::Range;
use std::path::{Path, PathBuf};

use clap::Args;
use toml::de::DeTable;

use super::nearest::nearest;
use super::{Options, SettingsError};

/// The file that is read from the working directory when none is named.
pub const DEFAULT_FILE: &str = "tryon.toml";

/// What a settings file says.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SettingsFile {
    /// The file that was read; `None` when there is none, which is no error as long as none was named.
    pub path: Option<PathBuf>,
    pub options: Options,
    /// The options that stand in it.
    pub keys: BTreeSet<String>,
}

impl SettingsFile {
    /// Reads the settings file: the named one, which must exist, or `tryon.toml` if there is one.
    ///
    /// # Errors
    /// The file cannot be read, is no TOML, has a key that is no option, or a value that its option does not take.
    pub fn read(named: Option<&Path>) -> Result<Self, SettingsError> {
        let path = named.unwrap_or(Path::new(DEFAULT_FILE));
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound && named.is_none() => return Ok(Self::default()),
            Err(source) => return Err(SettingsError::File { path: path.to_owned(), source }),
        };
        let (options, keys) = parse(&text).map_err(|problems| SettingsError::Syntax {
            problems: problems
                .into_iter()
                .map(|Problem { line, what }| format!("{}:{line}: {what}", path.display()))
                .collect::<Vec<_>>()
                .join("\n"),
        })?;
        Ok(Self { path: Some(path.to_owned()), options, keys })
    }
}

/// Something that is wrong, and where.
#[derive(Debug, PartialEq)]
struct Problem {
    /// Counted from 1.
    line: usize,
    what: String,
}

/// The options in a text, with their keys; or every key that is no option, or the first other thing that is wrong.
fn parse(text: &str) -> Result<(Options, BTreeSet<String>), Vec<Problem>> {
    let table = DeTable::parse(text).map_err(|error| vec![problem(text, error.span(), error.message().to_owned())])?;
    let known = option_names();
    let mut keys = BTreeSet::new();
    let mut unknown = Vec::new();
    for key in table.get_ref().keys() {
        let name = key.get_ref().to_string();
        if known.contains(&name) {
            keys.insert(name);
        } else {
            unknown.push(problem(text, Some(key.span()), no_such_option(&name, &known)));
        }
    }
    if !unknown.is_empty() {
        unknown.sort_by_key(|problem| problem.line);
        return Err(unknown);
    }
    let options = toml::from_str(text).map_err(|error| {
        let key = error.span().and_then(|span| key_around(&table, &span));
        let message = error.message();
        vec![problem(text, error.span(), key.map_or(message.to_owned(), |key| format!("{key}: {message}")))]
    })?;
    Ok((options, keys))
}

/// Every option by the name that it has in the file, which is that of its flag.
fn option_names() -> BTreeSet<String> {
    let arguments = Options::augment_args(clap::Command::new("options"));
    let flags = arguments.get_arguments().filter_map(|argument| argument.get_long().map(str::to_owned));
    flags.chain(Options::names_elsewhere()).collect()
}

fn no_such_option(name: &str, known: &BTreeSet<String>) -> String {
    let is_secret = ["key", "secret", "token", "password"].iter().any(|word| name.to_lowercase().contains(word));
    if is_secret {
        return format!(
            "`{name}`: secrets do not stand in this file; they are taken from the environment (TRYON_API_KEY; for kling \
             KLING_ACCESS_KEY and KLING_SECRET_KEY), or from files that it names (TRYON_API_KEY_FILE and so on)"
        );
    }
    let advice = match nearest(&name.replace('_', "-"), known.iter().map(String::as_str)) {
        Some(option) => format!("did you mean `{option}`?"),
        None => "`tryon config` prints every option there is".to_owned(),
    };
    format!("there is no option `{name}`; {advice}")
}

/// The key whose value is at this place.
fn key_around(table: &toml::Spanned<DeTable<'_>>, place: &Range<usize>) -> Option<String> {
    let mut entries = table.get_ref().iter();
    let found = entries.find(|(_, value)| value.span().start <= place.start && place.end <= value.span().end);
    found.map(|(key, _)| key.get_ref().to_string())
}

fn problem(text: &str, place: Option<Range<usize>>, what: String) -> Problem {
    let before = place.and_then(|place| text.as_bytes().get(..place.start)).unwrap_or_default();
    // The library's words may be several lines, which would hide where ours begin.
    let what = what.split_whitespace().collect::<Vec<_>>().join(" ");
    Problem { line: before.iter().filter(|byte| **byte == b'\n').count() + 1, what }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(text: &str) -> Options {
        parse(text).unwrap_or_else(|problems| panic!("{text}: {problems:?}")).0
    }

    /// The problems as `line: what`.
    fn problems(text: &str) -> Vec<String> {
        let problems = parse(text).expect_err(text);
        problems.into_iter().map(|Problem { line, what }| format!("{line}: {what}")).collect()
    }

    #[test]
    fn every_misspelt_key_is_named_with_its_line_and_the_nearest_option() {
        assert_eq!(
            problems("# pace\npoll-intervall = \"1s\"\nrate = 2\n\nconcurency = 3\nPoll_Rate = 1\n"),
            [
                "2: there is no option `poll-intervall`; did you mean `poll-interval`?",
                "5: there is no option `concurency`; did you mean `concurrency`?",
                "6: there is no option `Poll_Rate`; did you mean `poll-rate`?",
            ]
        );
        assert_eq!(
            problems("colour = \"red\""),
            ["1: there is no option `colour`; `tryon config` prints every option there is"]
        );
        assert_eq!(problems("[run]\nrate = 3").len(), 1);
    }

    #[test]
    fn a_secret_is_refused_without_being_shown() {
        for key in ["api-key", "TRYON_API_KEY", "kling_secret_key", "webhook-secret"] {
            let said = problems(&format!("{key} = \"sk-1234\"")).concat();
            assert!(said.contains("taken from the environment") && !said.contains("sk-1234"), "{said}");
        }
    }

    #[test]
    fn a_value_that_its_option_does_not_take_is_named_with_its_line_and_key() {
        for (text, expected) in [
            ("\nrate = 0", "2: rate: 0 is no rate: give a number a second, from 0.0001 to 1000000"),
            (
                "poll-interval = 1",
                "1: poll-interval: invalid type: integer `1`, expected a length of time in quotes, for example \"500ms\", \
                 \"1s\" or \"30m\"",
            ),
            ("concurrency = 0", "1: concurrency: `0` is neither `auto` nor a whole number from 1"),
            (
                "concurrency = 2.5",
                "1: concurrency: invalid type: floating point `2.5`, expected \"auto\" or a whole number from 1",
            ),
            ("price = -1", "1: price: -1 is no price: give what one unit costs as a number, 0 or more"),
        ] {
            assert_eq!(problems(text), [expected], "{text}");
        }
        for text in ["rate = \"fast\"", "concurrency = \"many\"", "in-doubt = \"ask\"", "sandbox = 1"] {
            let said = problems(text).concat();
            assert!(said.starts_with(&format!("1: {}: ", text.split(' ').next().expect("a key"))), "{said}");
        }
        assert!(problems("rate = 1\nrate 2\n").concat().starts_with("2: "));
    }

    #[test]
    fn numbers_and_words_are_taken_where_both_make_sense() {
        let options = options("concurrency = 12\nprice = 2\ncallback-listen = \"0.0.0.0:8080\"");
        assert_eq!(options.concurrency, "12".parse().ok());
        assert_eq!(options.price, "2".parse().ok());
        assert_eq!(options.callback_listen, "0.0.0.0:8080".parse().ok());
        assert_eq!(self::options("concurrency = \"auto\"").concurrency, "auto".parse().ok());
    }

    #[test]
    fn what_stands_in_the_file_is_known() {
        let (_, keys) =
            parse("rate = 2\nout = \"results\"\nverbose = true\nqueue = \"q\"\nlog-format = \"json\"\nquiet = false")
                .expect("fine");
        assert_eq!(Vec::from_iter(keys), ["log-format", "out", "queue", "quiet", "rate", "verbose"]);
    }
}
