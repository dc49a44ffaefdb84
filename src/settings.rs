//! Settings: flags over environment over file over defaults, resolved once.
//!
//! One struct, [`Options`], is both what the command line (and its environment) gives and what `tryon.toml` gives;
//! [`Options::or`] lays one over the other, and [`Settings::resolve`] fills in the defaults and checks the values.
//! After that nobody sees a flag again.

use std::num::{NonZeroU32, NonZeroUsize};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use clap::ValueEnum;
use jiff::SignedDuration;
use secrecy::SecretString;
use serde::{Deserialize, Deserializer};

use crate::job::ModelName;

/// The file that is read from the working directory when none is named.
pub const DEFAULT_FILE: &str = "tryon.toml";

/// The dmxapi door's usual address.
pub const DMXAPI_URL: &str = "https://www.dmxapi.cn/kling";

/// Kling's own address outside China.
pub const KLING_URL: &str = "https://api-singapore.klingai.com";

/// Where the dmxapi door's key is looked for.
pub const API_KEY: &str = "TRYON_API_KEY";

/// Where the kling door's key is looked for, if there is one.
pub const KLING_API_KEY: &str = "KLING_API_KEY";

/// Where the kling door's pair of keys is looked for.
pub const KLING_KEY_PAIR: [&str; 2] = ["KLING_ACCESS_KEY", "KLING_SECRET_KEY"];

/// Every option that can stand in a file, in the environment or on the command line. `None` is "not said here".
#[derive(Debug, Clone, Default, PartialEq, Deserialize, clap::Args)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Options {
    /// Which door to the service [default: dmxapi]
    #[arg(long, value_name = "DOOR", env = "TRYON_PROVIDER", help_heading = "Provider")]
    pub provider: Option<Door>,

    /// The provider's address, e.g. of a reseller [default: the provider's own]
    #[arg(long, value_name = "URL", env = "TRYON_BASE_URL", help_heading = "Provider")]
    pub base_url: Option<String>,

    /// Work against an embedded stand-in of the provider: no account, no cost, no real try-ons
    #[arg(long, env = "TRYON_SANDBOX", num_args = 0..=1, require_equals = true, default_missing_value = "true",
          value_name = "BOOL", hide_possible_values = true, help_heading = "Provider")]
    pub sandbox: Option<bool>,

    /// Model for rows that name none [default: kolors-virtual-try-on-v1]
    #[arg(long, value_name = "NAME", env = "TRYON_MODEL", help_heading = "Provider")]
    pub model: Option<String>,

    /// Tasks in flight at the provider [default: 5]
    #[arg(long, value_name = "N", env = "TRYON_CONCURRENCY", help_heading = "Pace")]
    pub concurrency: Option<NonZeroUsize>,

    /// Submissions a second, at most [default: 5]
    #[arg(long, value_name = "N", env = "TRYON_RATE", help_heading = "Pace")]
    pub rate: Option<Rate>,

    /// Status requests a second, at most [default: 20]
    #[arg(long, value_name = "N", env = "TRYON_POLL_RATE", help_heading = "Pace")]
    pub poll_rate: Option<Rate>,

    /// Never ask for the same task more often than this [default: 1s]
    #[arg(long, value_name = "DUR", env = "TRYON_POLL_INTERVAL", help_heading = "Pace")]
    pub poll_interval: Option<Span>,

    /// Downloads at a time [default: 8]
    #[arg(long, value_name = "N", env = "TRYON_DOWNLOAD_CONCURRENCY", help_heading = "Pace")]
    pub download_concurrency: Option<NonZeroUsize>,

    /// Attempts per job; waiting for capacity, an outage or a restart is none [default: 5]
    #[arg(long, value_name = "N", env = "TRYON_MAX_ATTEMPTS", help_heading = "Limits")]
    pub max_attempts: Option<NonZeroU32>,

    /// A task that has not ended by then is left to the next run [default: 30m]
    #[arg(long, value_name = "DUR", env = "TRYON_TASK_TIMEOUT", help_heading = "Limits")]
    pub task_timeout: Option<Span>,

    /// One request in all [default: 120s]
    #[arg(long, value_name = "DUR", env = "TRYON_REQUEST_TIMEOUT", help_heading = "Limits")]
    pub request_timeout: Option<Span>,

    /// Submit at most N tasks in this run, then finish what is in flight and stop
    #[arg(long, value_name = "N", env = "TRYON_BUDGET", help_heading = "Limits")]
    pub budget: Option<u64>,

    /// What to do with a submission whose fate the provider cannot tell [default: hold]
    #[arg(long, value_name = "WHAT", env = "TRYON_IN_DOUBT", help_heading = "Limits")]
    pub in_doubt: Option<InDoubt>,

    /// Load the good rows; the bad ones appear in the report as failed
    #[arg(long, env = "TRYON_SKIP_INVALID", num_args = 0..=1, require_equals = true, default_missing_value = "true",
          value_name = "BOOL", hide_possible_values = true, help_heading = "Manifest")]
    pub skip_invalid: Option<bool>,

    /// Not an option of `run` alone, so not an argument here; see [`crate::cli`].
    #[arg(skip)]
    pub out: Option<PathBuf>,

    /// As [`Self::out`].
    #[arg(skip)]
    pub queue: Option<PathBuf>,

    /// As [`Self::out`].
    #[arg(skip)]
    pub log_format: Option<LogFormat>,

    /// As [`Self::out`].
    #[arg(skip)]
    pub verbose: Option<bool>,

    /// As [`Self::out`].
    #[arg(skip)]
    pub quiet: Option<bool>,
}

/// `--provider`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Door {
    /// DMXAPI, a reseller; its key is in `TRYON_API_KEY`.
    Dmxapi,
    /// Kling itself; its keys are in `KLING_ACCESS_KEY` and `KLING_SECRET_KEY`, or in `KLING_API_KEY`.
    Kling,
}

/// `--in-doubt`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum InDoubt {
    /// Keep it visible, for you to decide.
    Hold,
    /// Submit it again; it may be paid for twice.
    Resubmit,
}

/// `--log-format`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// Every line on standard error is a JSON object.
    Json,
}

/// A number of things a second, over 0.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rate(f64);

impl FromStr for Rate {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number: f64 = text.trim().parse().map_err(|_| format!("`{text}` is no number"))?;
        Self::checked(number)
    }
}

impl Rate {
    fn checked(number: f64) -> Result<Self, String> {
        if number.is_finite() && (1e-4..=1e6).contains(&number) {
            Ok(Self(number))
        } else {
            Err(format!("{number} is no rate: give a number a second, from 0.0001 to 1000000"))
        }
    }
}

impl<'de> Deserialize<'de> for Rate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::checked(f64::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

/// A length of time as people write it: `1s`, `500ms`, `30m`, `1h 30m`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span(Duration);

impl Span {
    /// The length of time itself.
    #[must_use]
    pub fn duration(self) -> Duration {
        self.0
    }
}

impl FromStr for Span {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let no_span = || format!("`{text}` is no length of time; write for example 500ms, 1s, 30m or 2h");
        let span: SignedDuration = text.trim().parse().map_err(|_| no_span())?;
        let span = Duration::try_from(span).map_err(|_| no_span())?;
        let longest = Duration::from_secs(366 * 24 * 3_600);
        if span.is_zero() || span > longest { Err(no_span()) } else { Ok(Self(span)) }
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// A setting that cannot be used. The wording is a whole sentence for the user.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// The settings file cannot be read.
    #[error("cannot read the settings file {}: {source}", .path.display())]
    File {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    /// The settings file has an error; the message shows the place.
    #[error("the settings file {} is not right: {why}", .path.display())]
    Syntax { path: PathBuf, why: String },
    /// A value is not usable.
    #[error("--{option}: {why}")]
    Value { option: &'static str, why: String },
    /// A secret is missing.
    #[error(
        "no key: set {variables}, or the same with _FILE to a file that holds it; without an account, try --sandbox"
    )]
    NoKey { variables: &'static str },
    /// A secret's file cannot be read, or is empty.
    #[error("{variable}_FILE: cannot use {}: {why}", .path.display())]
    KeyFile { variable: &'static str, path: PathBuf, why: String },
}

impl Options {
    /// Reads the settings file: the named one, which must exist, or `tryon.toml` if there is one.
    ///
    /// # Errors
    /// The file cannot be read, is no TOML, or has a key that is no option.
    pub fn from_file(named: Option<&Path>) -> Result<Self, SettingsError> {
        let path = named.unwrap_or(Path::new(DEFAULT_FILE));
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound && named.is_none() => return Ok(Self::default()),
            Err(source) => return Err(SettingsError::File { path: path.to_owned(), source }),
        };
        toml::from_str(&text)
            .map_err(|error| SettingsError::Syntax { path: path.to_owned(), why: error.to_string().trim().to_owned() })
    }

    /// What is said here, and where nothing is said, what `below` says.
    #[must_use]
    pub fn or(self, below: Self) -> Self {
        Self {
            provider: self.provider.or(below.provider),
            base_url: self.base_url.or(below.base_url),
            sandbox: self.sandbox.or(below.sandbox),
            model: self.model.or(below.model),
            concurrency: self.concurrency.or(below.concurrency),
            rate: self.rate.or(below.rate),
            poll_rate: self.poll_rate.or(below.poll_rate),
            poll_interval: self.poll_interval.or(below.poll_interval),
            download_concurrency: self.download_concurrency.or(below.download_concurrency),
            max_attempts: self.max_attempts.or(below.max_attempts),
            task_timeout: self.task_timeout.or(below.task_timeout),
            request_timeout: self.request_timeout.or(below.request_timeout),
            budget: self.budget.or(below.budget),
            in_doubt: self.in_doubt.or(below.in_doubt),
            skip_invalid: self.skip_invalid.or(below.skip_invalid),
            out: self.out.or(below.out),
            queue: self.queue.or(below.queue),
            log_format: self.log_format.or(below.log_format),
            verbose: self.verbose.or(below.verbose),
            quiet: self.quiet.or(below.quiet),
        }
    }
}

/// What is in force for a run.
#[derive(Debug, Clone)]
pub struct Settings {
    pub provider: Door,
    /// The provider's base URL; the sandbox has one of its own.
    pub base_url: String,
    pub sandbox: bool,
    pub model: ModelName,
    pub concurrency: NonZeroUsize,
    /// Submissions a second.
    pub rate: f64,
    /// Status requests a second.
    pub poll_rate: f64,
    pub poll_interval: Duration,
    pub download_concurrency: NonZeroUsize,
    pub max_attempts: NonZeroU32,
    pub task_timeout: Duration,
    pub request_timeout: Duration,
    pub budget: Option<u64>,
    pub in_doubt: InDoubt,
    pub skip_invalid: bool,
}

impl Settings {
    /// Fills in the defaults of `contract.md`, "Options of `run`", and checks what can be checked.
    ///
    /// # Errors
    /// A value that cannot be used, named by its option.
    pub fn resolve(options: &Options) -> Result<Self, SettingsError> {
        let value = |option: &'static str, why: String| SettingsError::Value { option, why };
        let model = match &options.model {
            Some(name) => ModelName::parse(name).map_err(|error| value("model", error.to_string()))?,
            None => ModelName::default(),
        };
        let provider = options.provider.unwrap_or(Door::Dmxapi);
        let usual_url = match provider {
            Door::Dmxapi => DMXAPI_URL,
            Door::Kling => KLING_URL,
        };
        let base_url = options.base_url.clone().unwrap_or_else(|| usual_url.to_owned());
        check_base_url(&base_url).map_err(|why| value("base-url", why))?;
        let span = |span: Option<Span>, default: Duration| span.map_or(default, |span| span.0);
        let count = |count: Option<NonZeroUsize>, default: NonZeroUsize| count.unwrap_or(default);
        Ok(Self {
            provider,
            base_url,
            sandbox: options.sandbox.unwrap_or(false),
            model,
            concurrency: count(options.concurrency, const { NonZeroUsize::new(5).unwrap() }),
            rate: options.rate.map_or(5.0, |rate| rate.0),
            poll_rate: options.poll_rate.map_or(20.0, |rate| rate.0),
            poll_interval: span(options.poll_interval, Duration::from_secs(1)),
            download_concurrency: count(options.download_concurrency, const { NonZeroUsize::new(8).unwrap() }),
            max_attempts: options.max_attempts.unwrap_or(const { NonZeroU32::new(5).unwrap() }),
            task_timeout: span(options.task_timeout, Duration::from_secs(30 * 60)),
            request_timeout: span(options.request_timeout, Duration::from_secs(120)),
            budget: options.budget,
            in_doubt: options.in_doubt.unwrap_or(InDoubt::Hold),
            skip_invalid: options.skip_invalid.unwrap_or(false),
        })
    }
}

/// A base URL is http(s), has a host, and carries no secret and no query.
fn check_base_url(text: &str) -> Result<(), String> {
    let url = url::Url::parse(text).map_err(|error| format!("`{text}` is no URL: {error}"))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(format!("`{text}` is not http(s)"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(format!("a URL must not carry a password; put the key into {API_KEY}"));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(format!("`{text}` must end with its path, without `?` or `#`"));
    }
    Ok(())
}

/// What proves to a provider who asks, as it was found in the environment.
#[derive(Debug)]
pub enum Keys {
    /// One key.
    ApiKey(SecretString),
    /// A pair of keys, from which tokens are signed.
    Pair { access: SecretString, secret: SecretString },
}

/// Looks for the keys of a door in the environment.
///
/// # Errors
/// They are missing, or a file that is named cannot be read. The message names the variables, never a value.
pub fn keys(door: Door) -> Result<Keys, SettingsError> {
    match door {
        Door::Dmxapi => secret(API_KEY)?.map(Keys::ApiKey).ok_or(SettingsError::NoKey { variables: API_KEY }),
        Door::Kling => {
            if let Some(key) = secret(KLING_API_KEY)? {
                return Ok(Keys::ApiKey(key));
            }
            match (secret(KLING_KEY_PAIR[0])?, secret(KLING_KEY_PAIR[1])?) {
                (Some(access), Some(secret)) => Ok(Keys::Pair { access, secret }),
                (Some(_), None) => Err(SettingsError::NoKey { variables: KLING_KEY_PAIR[1] }),
                (None, Some(_)) => Err(SettingsError::NoKey { variables: KLING_KEY_PAIR[0] }),
                (None, None) => {
                    Err(SettingsError::NoKey { variables: "KLING_ACCESS_KEY and KLING_SECRET_KEY (or KLING_API_KEY)" })
                }
            }
        }
    }
}

/// Reads a secret from the environment variable, or from the file that `<variable>_FILE` names; `None` when neither
/// is set.
fn secret(variable: &'static str) -> Result<Option<SecretString>, SettingsError> {
    if let Some(value) = std::env::var(variable).ok().map(|value| value.trim().to_owned())
        && !value.is_empty()
    {
        return Ok(Some(SecretString::from(value)));
    }
    let Some(path) = std::env::var_os(format!("{variable}_FILE")).filter(|path| !path.is_empty()) else {
        return Ok(None);
    };
    let path = PathBuf::from(path);
    let unusable = |why: String| SettingsError::KeyFile { variable, path: path.clone(), why };
    let text = std::fs::read_to_string(&path).map_err(|error| unusable(error.to_string()))?;
    match text.trim() {
        "" => Err(unusable("it is empty".to_owned())),
        key => Ok(Some(SecretString::from(key.to_owned()))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from_toml(text: &str) -> Result<Options, toml::de::Error> {
        toml::from_str(text)
    }

    #[test]
    fn the_defaults_are_the_contracts() {
        let settings = Settings::resolve(&Options::default()).expect("defaults");
        assert_eq!(settings.model.as_str(), "kolors-virtual-try-on-v1");
        assert_eq!((settings.rate, settings.poll_rate), (5.0, 20.0));
        assert_eq!(settings.poll_interval, Duration::from_secs(1));
        assert_eq!(settings.download_concurrency.get(), 8);
        assert_eq!(settings.max_attempts.get(), 5);
        assert_eq!(settings.task_timeout, Duration::from_secs(1_800));
        assert_eq!(settings.request_timeout, Duration::from_secs(120));
        assert_eq!((settings.budget, settings.in_doubt), (None, InDoubt::Hold));
    }

    #[test]
    fn a_file_speaks_where_the_command_line_is_silent() {
        let file = from_toml("poll-interval = \"250ms\"\nrate = 2\nsandbox = true\nout = \"results\"").expect("TOML");
        let flags = Options { rate: Some(Rate(9.0)), ..Options::default() };
        let settings = Settings::resolve(&flags.or(file)).expect("settings");
        assert_eq!((settings.rate, settings.poll_interval), (9.0, Duration::from_millis(250)));
        assert!(settings.sandbox);
    }

    #[test]
    fn a_key_that_is_no_option_is_refused_and_so_is_a_secret() {
        for text in ["poll-intervall = \"1s\"", "api-key = \"sk\"", "rate = 0", "rate = \"fast\"", "poll-interval = 1"]
        {
            assert!(from_toml(text).is_err(), "{text}");
        }
    }

    #[test]
    fn values_that_make_no_sense_are_refused() {
        for text in ["0s", "-1s", "soon", "", "5", "400000h"] {
            assert!(text.parse::<Span>().is_err(), "{text}");
        }
        for (text, ms) in [("1s", 1_000), ("500ms", 500), ("1h 30m", 5_400_000), ("2m", 120_000)] {
            assert_eq!(text.parse::<Span>(), Ok(Span(Duration::from_millis(ms))));
        }
        for text in ["0", "-1", "inf", "NaN", "x"] {
            assert!(text.parse::<Rate>().is_err(), "{text}");
        }
        for url in ["dmxapi.cn", "ftp://h/", "https://user:pw@h/", "https://h/?k=1", ""] {
            let options = Options { base_url: Some(url.to_owned()), ..Options::default() };
            assert!(Settings::resolve(&options).is_err(), "{url}");
        }
    }
}
