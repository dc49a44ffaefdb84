//! What is said on standard error: plain lines for people, or one JSON object a line.

use std::io::{IsTerminal, Write};

use tracing::level_filters::LevelFilter;

use crate::progress::{Progress, Screen, Verbosity};
use crate::settings::LogFormat;

use super::json_log;

/// How to speak.
#[derive(Debug, Clone)]
pub struct Console {
    format: LogFormat,
    /// How often `-v` was given.
    verbose: u8,
    /// Only errors.
    quiet: bool,
    screen: Screen,
}

impl Console {
    pub(super) fn new(format: LogFormat, verbose: u8, quiet: bool) -> Self {
        Self { format, verbose, quiet, screen: Screen::stderr() }
    }

    /// Lets what the program's parts note through, as far as `-v` asks for it: warnings always, what is good to know
    /// with `-v`, what a run thinks with `-vv`, the libraries' own words with `-vvv`.
    pub(super) fn start_logging(&self) {
        self.tell_panics();
        let own = match self.verbose {
            _ if self.quiet => LevelFilter::ERROR,
            0 => LevelFilter::WARN,
            1 => LevelFilter::INFO,
            2 => LevelFilter::DEBUG,
            _ => LevelFilter::TRACE,
        };
        let others = if self.verbose > 2 { LevelFilter::DEBUG } else { LevelFilter::ERROR };
        let filter = tracing_subscriber::filter::Targets::new().with_default(others).with_target("tryon", own);
        let logs = tracing_subscriber::fmt::layer().with_writer(self.screen.above_bar());
        let registry = tracing_subscriber::layer::SubscriberExt::with(tracing_subscriber::registry(), filter);
        // A second call, as tests may make it, leaves the first in place.
        let _ = match self.format {
            LogFormat::Text => {
                let logs = logs.with_ansi(self.screen.has_colours()).with_target(self.verbose > 2);
                tracing::subscriber::set_global_default(tracing_subscriber::layer::SubscriberExt::with(registry, logs))
            }
            LogFormat::Json => tracing::subscriber::set_global_default(tracing_subscriber::layer::SubscriberExt::with(
                registry,
                logs.with_ansi(false).event_format(json_log::JsonEvents),
            )),
        };
    }

    /// With JSON lines, a defect of the program is told in one as well.
    fn tell_panics(&self) {
        if self.format == LogFormat::Json {
            std::panic::set_hook(Box::new(|panic| {
                let line = json_log::said("ERROR", "panicked", &panic.to_string());
                let _ = std::io::stderr().lock().write_all(line.as_bytes());
            }));
        }
    }

    /// Shows a run.
    pub(super) fn progress(&self) -> Progress {
        let verbosity = match self.verbose {
            _ if self.quiet => Verbosity::Quiet,
            0 => Verbosity::Normal,
            _ => Verbosity::Verbose,
        };
        match self.format {
            LogFormat::Json => Progress::json(verbosity),
            LogFormat::Text => Progress::text(&self.screen, verbosity),
        }
    }

    /// Whether somebody is there to be told what is going to happen: on a terminal, or with `-v`.
    pub(super) fn tells_beforehand(&self) -> bool {
        !self.quiet && (self.verbose > 0 || (self.format == LogFormat::Text && self.screen.is_terminal()))
    }

    /// Whether somebody is there to be asked: both what is asked and the answer go by a terminal.
    pub(super) fn can_ask(&self) -> bool {
        !self.quiet && self.format == LogFormat::Text && self.screen.is_terminal() && std::io::stdin().is_terminal()
    }

    /// Whether only errors are wanted.
    pub(super) fn is_quiet(&self) -> bool {
        self.quiet
    }

    /// Says that something went wrong. Never silenced.
    pub fn error(&self, message: &str) {
        self.say("error", "error: ", message);
    }

    /// Names one bad manifest row. Never silenced.
    pub(super) fn problem(&self, message: &str) {
        self.say("error", "", message);
    }

    /// Says something that is worth knowing.
    pub(super) fn info(&self, message: &str) {
        if !self.quiet {
            self.say("info", "", message);
        }
    }

    fn say(&self, level: &str, prefix: &str, message: &str) {
        let line = match self.format {
            LogFormat::Text => format!("{prefix}{message}\n"),
            LogFormat::Json => json_log::said(&level.to_uppercase(), "said", message),
        };
        // Standard error may be closed; there is nowhere left to say so.
        let _ = std::io::stderr().lock().write_all(line.as_bytes());
    }
}

/// How wide the terminal is that standard output goes to; `None` where it goes elsewhere.
pub(super) fn columns() -> Option<usize> {
    console::Term::stdout().size_checked().map(|(_, columns)| usize::from(columns))
}
