//! The table of options: what can be said on the command line, in the environment and in the settings file, and what is in
//! force where nothing is said.
//!
//! An option of `run` is declared here, used where it takes effect (`cli/run.rs` hands it to the engine), and explained in
//! `docs/promises.md`. Everything else follows from its row.

use std::net::SocketAddr;
use std::num::{NonZeroU32, NonZeroUsize};
use std::path::PathBuf;
use std::time::Duration;

use clap::builder::BoolishValueParser;
use serde::Deserialize;
use url::Url;

use crate::job::{ModelName, ObjectUrl};

use super::SettingsError;
use super::accounts::AccountTable;
use super::declare::declare_options;
use super::in_force::InForce;
use super::resolve;
use super::text_encoding::TextEncoding;
use super::values::{Concurrency, InDoubt, ListenAddress, LogFormat, Price, ProviderName, Rate, Span};

// A row: what the help says, how clap reads it, then `name: what is said => what is in force, how the one gives the other`:
// `=` from this option alone, `by` from all of them.
declare_options! {
    /// Which door to the service [default: dmxapi]
    #[arg(long, value_name = "DOOR", env = "TRYON_PROVIDER", help_heading = "Provider")]
    provider: ProviderName => ProviderName, = |said| said.unwrap_or(ProviderName::Dmxapi);

    /// The provider's address, e.g. of a reseller [default: the provider's own]
    #[arg(long, value_name = "URL", env = "TRYON_BASE_URL", help_heading = "Provider")]
    base_url: String => String, by resolve::base_url;

    /// Work against an embedded stand-in of the provider: no account, no cost, no real try-ons
    #[arg(long, env = "TRYON_SANDBOX", num_args = 0..=1, require_equals = true, default_missing_value = "true",
          value_name = "BOOL", hide_possible_values = true, value_parser = BoolishValueParser::new(), help_heading = "Provider")]
    sandbox: bool => bool, = |said| said.unwrap_or(false);

    /// Model for rows that name none [default: kolors-virtual-try-on-v1]
    #[arg(long, value_name = "NAME", env = "TRYON_MODEL", help_heading = "Provider")]
    model: String => ModelName, by resolve::model;

    /// Tasks in flight at the provider; `auto` finds out how many the account allows [default: auto]
    #[arg(long, value_name = "auto|N", env = "TRYON_CONCURRENCY", help_heading = "Pace")]
    concurrency: Concurrency => Concurrency, = |said| said.unwrap_or(Concurrency::Auto);

    /// Submissions a second, at most; without it, as many as the account turns out to bear
    #[arg(long, value_name = "N", env = "TRYON_RATE", help_heading = "Pace")]
    rate: Rate => Option<f64>, = |said| said.map(Rate::per_second);

    /// Status requests a second, at most; without it, as many as it takes and the account bears
    #[arg(long, value_name = "N", env = "TRYON_POLL_RATE", help_heading = "Pace")]
    poll_rate: Rate => Option<f64>, = |said| said.map(Rate::per_second);

    /// Never ask for the same task more often than this [default: 1s]
    #[arg(long, value_name = "DUR", env = "TRYON_POLL_INTERVAL", help_heading = "Pace")]
    poll_interval: Span => Duration, = |said| said.map_or(Duration::from_secs(1), Span::duration);

    /// Downloads at a time [default: 8]
    #[arg(long, value_name = "N", env = "TRYON_DOWNLOAD_CONCURRENCY", help_heading = "Pace")]
    download_concurrency: NonZeroUsize => NonZeroUsize, = |said| said.unwrap_or(const { NonZeroUsize::new(8).unwrap() });

    /// Where the provider can reach this machine, to tell when a task has ended instead of being asked; polling
    /// remains the safety net. Needs --callback-listen
    #[arg(long, value_name = "URL", env = "TRYON_CALLBACK_URL", help_heading = "Callbacks")]
    callback_url: String => Option<Url>, by resolve::callback_url;

    /// Where this machine listens for what arrives at --callback-url, e.g. 0.0.0.0:8080
    #[arg(long, value_name = "ADDR", env = "TRYON_CALLBACK_LISTEN", help_heading = "Callbacks")]
    callback_listen: ListenAddress => Option<SocketAddr>, by resolve::callback_listen;

    /// Attempts per job; waiting for capacity, an outage or a restart is none [default: 5]
    #[arg(long, value_name = "N", env = "TRYON_MAX_ATTEMPTS", help_heading = "Limits")]
    max_attempts: NonZeroU32 => NonZeroU32, = |said| said.unwrap_or(const { NonZeroU32::new(5).unwrap() });

    /// A task that has not ended by then is left to the next run [default: 30m]
    #[arg(long, value_name = "DUR", env = "TRYON_TASK_TIMEOUT", help_heading = "Limits")]
    task_timeout: Span => Duration, = |said| said.map_or(Duration::from_secs(30 * 60), Span::duration);

    /// One request in all [default: 120s]
    #[arg(long, value_name = "DUR", env = "TRYON_REQUEST_TIMEOUT", help_heading = "Limits")]
    request_timeout: Span => Duration, = |said| said.map_or(Duration::from_secs(120), Span::duration);

    /// What to do with a submission whose fate the provider cannot tell [default: hold]
    #[arg(long, value_name = "WHAT", env = "TRYON_IN_DOUBT", help_heading = "Limits")]
    in_doubt: InDoubt => InDoubt, = |said| said.unwrap_or(InDoubt::Hold);

    /// When so many jobs are in doubt and asking does not settle them, submit nothing more and end [default: 50]
    #[arg(long, value_name = "N", env = "TRYON_MAX_IN_DOUBT", help_heading = "Limits")]
    max_in_doubt: NonZeroU32 => NonZeroU32, = |said| said.unwrap_or(const { NonZeroU32::new(50).unwrap() });

    /// Believe that the provider has no task for a lost submission only so long after it was sent [default: 2m]
    #[arg(long, value_name = "DUR", env = "TRYON_DOUBT_AGE", help_heading = "Limits")]
    doubt_age: Span => Duration, = |said| said.map_or(Duration::from_secs(120), Span::duration);

    /// Submit at most N tasks in this run, then finish what is in flight and stop
    #[arg(long, value_name = "N", env = "TRYON_BUDGET", help_heading = "Cost")]
    budget: u64 => Option<u64>, = |said| said;

    /// What one unit costs you, in your currency, to reckon with
    #[arg(long, value_name = "P", env = "TRYON_PRICE", help_heading = "Cost")]
    price: Price => Option<f64>, = |said| said.map(Price::of_one_unit);

    /// Make identical pairs once, and give each id its image
    #[arg(long, env = "TRYON_DEDUPE", num_args = 0..=1, require_equals = true, default_missing_value = "true",
          value_name = "BOOL", hide_possible_values = true, value_parser = BoolishValueParser::new(), help_heading = "Cost")]
    dedupe: bool => bool, = |said| said.unwrap_or(false);

    /// Make and pay for pairs again that an earlier load has put into the queue under other ids
    #[arg(long, env = "TRYON_ALLOW_REPEATS", num_args = 0..=1, require_equals = true, default_missing_value = "true",
          value_name = "BOOL", hide_possible_values = true, value_parser = BoolishValueParser::new(), help_heading = "Cost")]
    allow_repeats: bool => bool, = |said| said.unwrap_or(false);

    /// Load the good rows; the bad ones appear in the report as failed
    #[arg(long, env = "TRYON_SKIP_INVALID", num_args = 0..=1, require_equals = true, default_missing_value = "true",
          value_name = "BOOL", hide_possible_values = true, value_parser = BoolishValueParser::new(), help_heading = "Manifest")]
    skip_invalid: bool => bool, = |said| said.unwrap_or(false);

    /// Encoding of manifests that are not in UTF-8, e.g. gb18030, big5, windows-1252
    #[arg(long, value_name = "NAME", env = "TRYON_ENCODING", help_heading = "Manifest")]
    encoding: TextEncoding => Option<TextEncoding>, = |said| said;

    /// Folder that pictures in manifests are relative to; without it, the manifest's own
    ///
    /// A queue in PostgreSQL stores local pictures relative to it, and each host names the place where it has the folder.
    #[arg(long, value_name = "DIR", env = "TRYON_INPUTS", help_heading = "Manifest")]
    inputs: PathBuf => Option<PathBuf>, by resolve::inputs;

    /// Make pictures fit that almost do: convert what is no JPEG or PNG, shrink what is too large
    #[arg(long, env = "TRYON_FIT_IMAGES", num_args = 0..=1, require_equals = true, default_missing_value = "true",
          value_name = "BOOL", hide_possible_values = true, value_parser = BoolishValueParser::new(), help_heading = "Manifest")]
    fit_images: bool => bool, = |said| said.unwrap_or(false);

    /// Put local pictures into this bucket, and send signed URLs instead of them: `s3://bucket/prefix`, `gs://…`, `az://…`;
    /// virtual-try-on-3 takes nothing else
    #[arg(long, value_name = "URL", env = "TRYON_UPLOAD_TO", help_heading = "Manifest")]
    upload_to: String => Option<ObjectUrl>, by resolve::upload_to;

    /// virtual-try-on-3: leave the face as it is, for rows that do not say; `=false` lets it change [default: true]
    #[arg(long, env = "TRYON_KEEP_FACE", num_args = 0..=1, require_equals = true, default_missing_value = "true",
          value_name = "BOOL", hide_possible_values = true, value_parser = BoolishValueParser::new(), help_heading = "Manifest")]
    keep_face: bool => bool, = |said| said.unwrap_or(true);

    /// virtual-try-on-3: leave the pose as it is, for rows that do not say [default: true]
    #[arg(long, env = "TRYON_KEEP_POSE", num_args = 0..=1, require_equals = true, default_missing_value = "true",
          value_name = "BOOL", hide_possible_values = true, value_parser = BoolishValueParser::new(), help_heading = "Manifest")]
    keep_pose: bool => bool, = |said| said.unwrap_or(true);

    /// virtual-try-on-3: leave the background as it is, for rows that do not say [default: true]
    #[arg(long, env = "TRYON_KEEP_BACKGROUND", num_args = 0..=1, require_equals = true, default_missing_value = "true",
          value_name = "BOOL", hide_possible_values = true, value_parser = BoolishValueParser::new(), help_heading = "Manifest")]
    keep_background: bool => bool, = |said| said.unwrap_or(true);

    /// Flag results with a shorter side, in pixels; 0 flags none [default: 300]
    #[arg(long, value_name = "N", env = "TRYON_MIN_RESULT_PX", help_heading = "Results")]
    min_result_px: u32 => u32, = |said| said.unwrap_or(300);

    /// Count flagged results (blank, the person unchanged, …) as failures for the exit code
    #[arg(long, env = "TRYON_STRICT", num_args = 0..=1, require_equals = true, default_missing_value = "true",
          value_name = "BOOL", hide_possible_values = true, value_parser = BoolishValueParser::new(), help_heading = "Results")]
    strict: bool => bool, = |said| said.unwrap_or(false);

    /// When the run ends, run this command in a shell: the outcome is in its environment (`TRYON_EXIT_CODE`, `TRYON_REASON`,
    /// `TRYON_SUCCEEDED`, …), the summary on its standard input
    #[arg(long, value_name = "COMMAND", env = "TRYON_ON_END", help_heading = "Results")]
    on_end: String => Option<String>, by resolve::on_end;

    /// The name of this host among those that work one queue; without it, the machine's own
    #[arg(long, value_name = "NAME", env = "TRYON_HOST", help_heading = "Several hosts")]
    host: String => Option<String>, by resolve::host;

    /// A host that is not heard of for so long counts as gone: others take over what it had [default: 30s]
    #[arg(long, value_name = "DUR", env = "TRYON_LEASE", help_heading = "Several hosts")]
    lease: Span => Duration, by resolve::lease;

    // What follows from several options, and is none.
    derived {
        /// Why try-on 3.0 cannot be asked for, if it cannot.
        no_solutions: Option<&'static str>, by resolve::no_solutions;
        /// Whether every account is the stand-in, or at an address of this machine or its network, and so can fetch pictures
        /// that only this network knows. A run that uses some of its accounts narrows it to those.
        provider_shares_network: bool, by resolve::provider_shares_network;
    }

    // Other commands have these as well, so they are no arguments of `Options`; see `crate::cli`.
    elsewhere {
        out: PathBuf,
        queue: PathBuf,
        account: Vec<AccountTable>,
        log_format: LogFormat,
        verbose: bool,
        quiet: bool,
    }
}
