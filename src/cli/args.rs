//! The command line, as clap reads it. What it means is [`crate::settings`]'s and the commands' business.

use std::path::PathBuf;

use clap::builder::BoolishValueParser;
use clap::{Args, Parser, Subcommand};

use crate::settings::{Concurrency, LogFormat, Options, Price, ProviderName, TextEncoding};

use super::sources::Sourced;
use super::{Console, Failure, Place, examples};

/// Catalogue-wide virtual try-on: a batch job runner with a persistent queue.
///
/// Load a CSV of (human, cloth) pairs, let it work overnight, and find every image and a report in the morning.
/// Type the same command again and it goes on where it stopped; nothing is paid for twice.
#[derive(Debug, Parser)]
#[command(
    name = "tryon",
    version,
    propagate_version = true,
    disable_help_subcommand = true,
    after_help = examples::TRYON
)]
pub struct Arguments {
    #[command(flatten)]
    pub(super) common: Common,

    #[command(subcommand)]
    pub(super) command: Command,
}

/// Options of every command.
#[derive(Debug, Args)]
#[command(next_help_heading = "Everywhere")]
pub(super) struct Common {
    /// Settings file [default: tryon.toml, if there is one]
    #[arg(long, global = true, value_name = "FILE", env = "TRYON_CONFIG")]
    pub(super) config: Option<PathBuf>,

    /// How messages on standard error look
    #[arg(long, global = true, value_name = "FORMAT", env = "TRYON_LOG_FORMAT")]
    pub(super) log_format: Option<LogFormat>,

    /// Tell more (twice: also what the program thinks)
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub(super) verbose: u8,

    /// Tell only errors
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub(super) quiet: bool,
}

impl Common {
    /// How the command speaks.
    pub(super) fn console(&self, file: &Options) -> Console {
        let (format, verbose, quiet) = self.manner(file);
        Console::new(format, verbose, quiet)
    }

    /// The form of messages, how much is told, and whether only errors are.
    pub(super) fn manner(&self, file: &Options) -> (LogFormat, u8, bool) {
        let verbose = self.verbose.max(u8::from(file.verbose == Some(true)));
        let format = self.log_format.or(file.log_format).unwrap_or_default();
        (format, verbose, self.quiet || (file.quiet == Some(true) && self.verbose == 0))
    }
}

/// Which output folder, and which queue.
#[derive(Debug, Args)]
#[command(next_help_heading = "Where")]
pub(super) struct PlaceOptions {
    /// Output folder: images, report and queue [default: tryon-out]
    ///
    /// Or a bucket, `s3://bucket/prefix`, `gs://bucket/prefix` or `az://container/prefix`, for images, report and page; the
    /// queue is a local file then, which --queue has to name. See docs/buckets.md.
    #[arg(short, long, value_name = "DIR", env = "TRYON_OUT")]
    out: Option<PathBuf>,

    /// Queue file, or database: `postgres://user@host/database` [default: DIR/queue.db]
    ///
    /// A queue in PostgreSQL can be worked by several hosts; -o is given the first time, and remembered. The password is taken
    /// from PGPASSWORD, from the password file, or from the URL, and shown nowhere. See docs/postgres.md.
    #[arg(long, value_name = "FILE", env = "TRYON_QUEUE", hide_env_values = true)]
    queue: Option<PathBuf>,
}

impl PlaceOptions {
    /// The place that is meant.
    ///
    /// # Errors
    /// As [`Place::checked`].
    pub(super) fn or(self, file: &Options) -> Result<Place, Failure> {
        Place::checked(self.out.or_else(|| file.out.clone()), self.queue.or_else(|| file.queue.clone()))
    }
}

/// The arguments of a command about one queue.
#[derive(Debug, Args)]
pub(super) struct At<A: Args> {
    #[command(flatten)]
    pub(super) args: A,
    #[command(flatten)]
    pub(super) place: PlaceOptions,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Load manifests (if any are given), work until nothing is left to do, write the report
    #[command(after_help = examples::RUN)]
    Run {
        /// CSV files with a row for each picture to make; `-` reads standard input
        manifests: Vec<PathBuf>,
        #[command(flatten)]
        options: Box<Options>,
        /// Use only these of the settings file's accounts; all of them without it
        #[arg(
            long = "account",
            value_name = "NAME",
            env = "TRYON_ACCOUNT",
            value_delimiter = ',',
            help_heading = "Provider"
        )]
        accounts: Vec<String>,
        #[command(flatten)]
        place: PlaceOptions,
    },
    /// Load manifests into the queue, without working on it
    #[command(after_help = examples::LOAD)]
    Load {
        /// CSV files with a row for each picture to make; `-` reads standard input
        #[arg(required = true)]
        manifests: Vec<PathBuf>,
        #[command(flatten)]
        options: LoadOptions,
        #[command(flatten)]
        place: PlaceOptions,
    },
    /// Check manifests, and tell what they would change in the queue and cost; changes nothing and calls nobody
    #[command(after_help = examples::CHECK)]
    Check {
        /// CSV files with a row for each picture to make; `-` reads standard input
        #[arg(required = true)]
        manifests: Vec<PathBuf>,
        #[command(flatten)]
        options: CheckOptions,
        #[command(flatten)]
        place: PlaceOptions,
    },
    /// Print a manifest of every pair of two folders' pictures, to be loaded from the same working directory
    #[command(after_help = examples::PAIR)]
    Pair(super::pair::PairArgs),
    /// Print counts by state, rate, time left and units spent
    #[command(after_help = examples::STATUS)]
    Status(At<super::status::StatusArgs>),
    /// Print the jobs, one a line
    #[command(after_help = examples::LIST)]
    List(At<super::list::ListArgs>),
    /// Print one job and every attempt made for it
    #[command(after_help = examples::SHOW)]
    Show(At<super::show::ShowArgs>),
    /// Print or write the report, at any time, also while a run is going on
    #[command(after_help = examples::REPORT)]
    Report(At<super::report::ReportArgs>),
    /// Serve the page to look at and to judge in a browser, live, also while a run is going on
    #[command(after_help = examples::SERVE)]
    Serve(At<super::serve::ServeArgs>),
    /// Approve or reject images, by hand or from a list
    #[command(after_help = examples::REVIEW)]
    Review(At<super::review::ReviewArgs>),
    /// Put approved images where a shop takes them from: named, sized, marked as AI-made, with the shop's table
    #[command(after_help = examples::PUBLISH)]
    Publish(At<super::publish::PublishArgs>),
    /// Put jobs back in the queue
    #[command(after_help = examples::RETRY)]
    Retry(At<super::edit::Retry>),
    /// Tell the queue which of the provider's tasks an in-doubt job became (look it up in the provider's console)
    #[command(after_help = examples::ADOPT)]
    Adopt(At<super::edit::Adopt>),
    /// Take jobs out of the queue that were not submitted, or whose image could not be fetched
    #[command(after_help = examples::CANCEL)]
    Cancel(At<super::edit::Cancel>),
    /// Tidy up the bucket that `--upload-to` puts pictures into
    #[command(after_help = examples::UPLOADS)]
    Uploads(At<super::uploads::UploadsArgs>),
    /// Print which hosts work the queue, or forget one that will never come back
    #[command(after_help = examples::HOSTS)]
    Hosts(At<super::hosts::HostsArgs>),
    /// Copy a queue with its history: from a file to a database, and back
    #[command(after_help = examples::QUEUE)]
    Queue(super::queue_copy::QueueArgs),
    /// Run the stand-in of the provider's API by itself
    #[command(after_help = examples::SANDBOX, after_long_help = super::sandbox::long_help())]
    Sandbox(Box<super::sandbox::SandboxOptions>),
    /// Print every option in force, and where its value comes from
    ///
    /// Takes the options of `run`, and tells what they would amount to together with the environment and the settings
    /// file. Secrets are only said to be set or not.
    #[command(after_help = examples::CONFIG)]
    Config(Box<Sourced<super::config::ConfigArgs>>),
    /// Print completions for a shell
    #[command(after_help = examples::COMPLETIONS)]
    Completions {
        /// Which shell
        shell: clap_complete::Shell,
    },
    /// Print the help as a manual page, or write a page for each command
    #[command(after_help = examples::MAN)]
    Man(super::man::ManOptions),
}

/// The options that decide how a manifest is read.
#[derive(Debug, Args)]
#[command(next_help_heading = "Manifest")]
pub(super) struct ManifestOptions {
    /// Model for rows that name none [default: kolors-virtual-try-on-v1]
    #[arg(long, value_name = "NAME", env = "TRYON_MODEL")]
    model: Option<String>,

    /// Load the good rows; the bad ones appear in the report as failed
    #[arg(long, env = "TRYON_SKIP_INVALID", num_args = 0..=1, require_equals = true, default_missing_value = "true",
          value_name = "BOOL", hide_possible_values = true, value_parser = BoolishValueParser::new())]
    skip_invalid: Option<bool>,

    /// Encoding of manifests that are not in UTF-8, e.g. gb18030, big5, windows-1252
    #[arg(long, value_name = "NAME", env = "TRYON_ENCODING")]
    encoding: Option<TextEncoding>,

    /// Folder that pictures in manifests are relative to; without it, the manifest's own
    ///
    /// A queue in PostgreSQL stores local pictures relative to it, and each host names the place where it has the folder.
    #[arg(long, value_name = "DIR", env = "TRYON_INPUTS")]
    inputs: Option<PathBuf>,

    /// Make pictures fit that almost do: convert what is no JPEG or PNG, shrink what is too large
    #[arg(long, env = "TRYON_FIT_IMAGES", num_args = 0..=1, require_equals = true, default_missing_value = "true",
          value_name = "BOOL", hide_possible_values = true, value_parser = BoolishValueParser::new())]
    fit_images: Option<bool>,

    /// Make identical pairs once, and give each id its image
    #[arg(long, env = "TRYON_DEDUPE", num_args = 0..=1, require_equals = true, default_missing_value = "true",
          value_name = "BOOL", hide_possible_values = true, value_parser = BoolishValueParser::new())]
    dedupe: Option<bool>,

    /// virtual-try-on-3: leave the face as it is, for rows that do not say; `=false` lets it change [default: true]
    #[arg(long, env = "TRYON_KEEP_FACE", num_args = 0..=1, require_equals = true, default_missing_value = "true",
          value_name = "BOOL", hide_possible_values = true, value_parser = BoolishValueParser::new())]
    keep_face: Option<bool>,

    /// virtual-try-on-3: leave the pose as it is, for rows that do not say [default: true]
    #[arg(long, env = "TRYON_KEEP_POSE", num_args = 0..=1, require_equals = true, default_missing_value = "true",
          value_name = "BOOL", hide_possible_values = true, value_parser = BoolishValueParser::new())]
    keep_pose: Option<bool>,

    /// virtual-try-on-3: leave the background as it is, for rows that do not say [default: true]
    #[arg(long, env = "TRYON_KEEP_BACKGROUND", num_args = 0..=1, require_equals = true, default_missing_value = "true",
          value_name = "BOOL", hide_possible_values = true, value_parser = BoolishValueParser::new())]
    keep_background: Option<bool>,

    /// The manifests are for the embedded stand-in, which can fetch pictures that only this network knows
    #[arg(long, env = "TRYON_SANDBOX", num_args = 0..=1, require_equals = true, default_missing_value = "true",
          value_name = "BOOL", hide_possible_values = true, value_parser = BoolishValueParser::new())]
    sandbox: Option<bool>,

    /// Load pairs that an earlier load has put into the queue under other ids: they are made and paid for again
    #[arg(long, env = "TRYON_ALLOW_REPEATS", num_args = 0..=1, require_equals = true, default_missing_value = "true",
          value_name = "BOOL", hide_possible_values = true, value_parser = BoolishValueParser::new())]
    allow_repeats: Option<bool>,

    /// What one unit costs you, in your currency, to reckon with
    #[arg(long, value_name = "P", env = "TRYON_PRICE")]
    price: Option<Price>,
}

impl ManifestOptions {
    pub(super) fn or(self, file: Options) -> Options {
        let Self { model, skip_invalid, encoding, inputs, fit_images, dedupe, sandbox, .. } = self;
        let Self { allow_repeats, price, keep_face, keep_pose, keep_background, .. } = self;
        Options {
            model,
            skip_invalid,
            encoding,
            inputs,
            fit_images,
            dedupe,
            sandbox,
            allow_repeats,
            price,
            keep_face,
            keep_pose,
            keep_background,
            ..Options::default()
        }
        .or(file)
    }
}

/// The options that decide how a manifest is read and which pictures can be fetched.
#[derive(Debug, Args)]
pub(super) struct LoadOptions {
    #[command(flatten)]
    manifest: ManifestOptions,

    /// Which door to the service the jobs are for: virtual-try-on-3 is at kling alone [default: dmxapi]
    #[arg(long, help_heading = "Manifest", value_name = "DOOR", env = "TRYON_PROVIDER")]
    provider: Option<ProviderName>,

    /// The provider's address: one of this network can fetch pictures that only this network knows [default: the
    /// provider's own]
    #[arg(long, help_heading = "Manifest", value_name = "URL", env = "TRYON_BASE_URL")]
    base_url: Option<String>,
}

impl LoadOptions {
    pub(super) fn or(self, file: Options) -> Options {
        Options { provider: self.provider, base_url: self.base_url, ..Options::default() }.or(self.manifest.or(file))
    }
}

/// The options that decide how a manifest is read, and those that its estimate reckons with.
#[derive(Debug, Args)]
pub(super) struct CheckOptions {
    #[command(flatten)]
    manifest: ManifestOptions,

    /// Tasks in flight to reckon with [default: auto]
    #[arg(long, help_heading = "Estimate", value_name = "auto|N", env = "TRYON_CONCURRENCY")]
    concurrency: Option<Concurrency>,

    /// Ask the provider what the account's resource packages hold (with --provider kling). Without this flag nobody is
    /// called
    #[arg(long, help_heading = "Account")]
    pub(super) account: bool,

    /// Which door to the service the jobs are for, and for --account [default: dmxapi]
    #[arg(long, help_heading = "Account", value_name = "DOOR", env = "TRYON_PROVIDER")]
    provider: Option<ProviderName>,

    /// The provider's address, for --account, and for pictures that only its network knows [default: the provider's own]
    #[arg(long, help_heading = "Account", value_name = "URL", env = "TRYON_BASE_URL")]
    base_url: Option<String>,
}

impl CheckOptions {
    pub(super) fn or(self, file: Options) -> Options {
        let said = Options {
            concurrency: self.concurrency,
            provider: self.provider,
            base_url: self.base_url,
            ..Options::default()
        };
        said.or(self.manifest.or(file))
    }
}
