//! The options: what can be said on the command line, in the environment and in the settings file.

use std::num::{NonZeroU32, NonZeroUsize};
use std::path::PathBuf;

use clap::builder::BoolishValueParser;
use serde::Deserialize;

use super::text_encoding::TextEncoding;
use super::values::{Concurrency, Door, InDoubt, ListenAddress, LogFormat, Price, Rate, Span};

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
          value_name = "BOOL", hide_possible_values = true, value_parser = BoolishValueParser::new(), help_heading = "Provider")]
    pub sandbox: Option<bool>,

    /// Model for rows that name none [default: kolors-virtual-try-on-v1]
    #[arg(long, value_name = "NAME", env = "TRYON_MODEL", help_heading = "Provider")]
    pub model: Option<String>,

    /// Tasks in flight at the provider; `auto` finds out how many the account allows [default: auto]
    #[arg(long, value_name = "auto|N", env = "TRYON_CONCURRENCY", help_heading = "Pace")]
    pub concurrency: Option<Concurrency>,

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

    /// Where the provider can reach this machine, to tell when a task has ended instead of being asked; polling
    /// remains the safety net. Needs --callback-listen
    #[arg(long, value_name = "URL", env = "TRYON_CALLBACK_URL", help_heading = "Callbacks")]
    pub callback_url: Option<String>,

    /// Where this machine listens for what arrives at --callback-url, e.g. 0.0.0.0:8080
    #[arg(long, value_name = "ADDR", env = "TRYON_CALLBACK_LISTEN", help_heading = "Callbacks")]
    pub callback_listen: Option<ListenAddress>,

    /// Attempts per job; waiting for capacity, an outage or a restart is none [default: 5]
    #[arg(long, value_name = "N", env = "TRYON_MAX_ATTEMPTS", help_heading = "Limits")]
    pub max_attempts: Option<NonZeroU32>,

    /// A task that has not ended by then is left to the next run [default: 30m]
    #[arg(long, value_name = "DUR", env = "TRYON_TASK_TIMEOUT", help_heading = "Limits")]
    pub task_timeout: Option<Span>,

    /// One request in all [default: 120s]
    #[arg(long, value_name = "DUR", env = "TRYON_REQUEST_TIMEOUT", help_heading = "Limits")]
    pub request_timeout: Option<Span>,

    /// What to do with a submission whose fate the provider cannot tell [default: hold]
    #[arg(long, value_name = "WHAT", env = "TRYON_IN_DOUBT", help_heading = "Limits")]
    pub in_doubt: Option<InDoubt>,

    /// When so many jobs are in doubt and asking does not settle them, submit nothing more and end [default: 50]
    #[arg(long, value_name = "N", env = "TRYON_MAX_IN_DOUBT", help_heading = "Limits")]
    pub max_in_doubt: Option<NonZeroU32>,

    /// Believe that the provider has no task for a lost submission only so long after it was sent [default: 2m]
    #[arg(long, value_name = "DUR", env = "TRYON_DOUBT_AGE", help_heading = "Limits")]
    pub doubt_age: Option<Span>,

    /// Submit at most N tasks in this run, then finish what is in flight and stop
    #[arg(long, value_name = "N", env = "TRYON_BUDGET", help_heading = "Cost")]
    pub budget: Option<u64>,

    /// What one unit costs you, in your currency, to reckon with
    #[arg(long, value_name = "P", env = "TRYON_PRICE", help_heading = "Cost")]
    pub price: Option<Price>,

    /// Make identical pairs once, and give each id its image
    #[arg(long, env = "TRYON_DEDUPE", num_args = 0..=1, require_equals = true, default_missing_value = "true",
          value_name = "BOOL", hide_possible_values = true, value_parser = BoolishValueParser::new(), help_heading = "Cost")]
    pub dedupe: Option<bool>,

    /// Make and pay for pairs again that an earlier load has put into the queue under other ids
    #[arg(long, env = "TRYON_ALLOW_REPEATS", num_args = 0..=1, require_equals = true, default_missing_value = "true",
          value_name = "BOOL", hide_possible_values = true, value_parser = BoolishValueParser::new(), help_heading = "Cost")]
    pub allow_repeats: Option<bool>,

    /// Load the good rows; the bad ones appear in the report as failed
    #[arg(long, env = "TRYON_SKIP_INVALID", num_args = 0..=1, require_equals = true, default_missing_value = "true",
          value_name = "BOOL", hide_possible_values = true, value_parser = BoolishValueParser::new(), help_heading = "Manifest")]
    pub skip_invalid: Option<bool>,

    /// Encoding of manifests that are not in UTF-8, e.g. gb18030, big5, windows-1252
    #[arg(long, value_name = "NAME", env = "TRYON_ENCODING", help_heading = "Manifest")]
    pub encoding: Option<TextEncoding>,

    /// Make pictures fit that almost do: convert what is no JPEG or PNG, shrink what is too large
    #[arg(long, env = "TRYON_FIT_IMAGES", num_args = 0..=1, require_equals = true, default_missing_value = "true",
          value_name = "BOOL", hide_possible_values = true, value_parser = BoolishValueParser::new(), help_heading = "Manifest")]
    pub fit_images: Option<bool>,

    /// Flag results with a shorter side, in pixels; 0 flags none [default: 300]
    #[arg(long, value_name = "N", env = "TRYON_MIN_RESULT_PX", help_heading = "Results")]
    pub min_result_px: Option<u32>,

    /// Count flagged results (blank, the person unchanged, …) as failures for the exit code
    #[arg(long, env = "TRYON_STRICT", num_args = 0..=1, require_equals = true, default_missing_value = "true",
          value_name = "BOOL", hide_possible_values = true, value_parser = BoolishValueParser::new(), help_heading = "Results")]
    pub strict: Option<bool>,

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

impl Options {
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
            callback_url: self.callback_url.or(below.callback_url),
            callback_listen: self.callback_listen.or(below.callback_listen),
            max_attempts: self.max_attempts.or(below.max_attempts),
            task_timeout: self.task_timeout.or(below.task_timeout),
            request_timeout: self.request_timeout.or(below.request_timeout),
            budget: self.budget.or(below.budget),
            price: self.price.or(below.price),
            dedupe: self.dedupe.or(below.dedupe),
            allow_repeats: self.allow_repeats.or(below.allow_repeats),
            in_doubt: self.in_doubt.or(below.in_doubt),
            max_in_doubt: self.max_in_doubt.or(below.max_in_doubt),
            doubt_age: self.doubt_age.or(below.doubt_age),
            skip_invalid: self.skip_invalid.or(below.skip_invalid),
            encoding: self.encoding.or(below.encoding),
            fit_images: self.fit_images.or(below.fit_images),
            min_result_px: self.min_result_px.or(below.min_result_px),
            strict: self.strict.or(below.strict),
            out: self.out.or(below.out),
            queue: self.queue.or(below.queue),
            log_format: self.log_format.or(below.log_format),
            verbose: self.verbose.or(below.verbose),
            quiet: self.quiet.or(below.quiet),
        }
    }
}
