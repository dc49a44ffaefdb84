//! What a person, or a log, sees of a run while it goes on: a bar, plain lines, or JSON lines, all on standard error.
//!
//! Consumers of [`RunEvent`]s and of nothing else. Whatever happens to standard error, the run goes on: an
//! error in writing to it is passed over.

mod bar;
mod facts;
mod fitted;
mod json;
mod lines;
mod live;
mod screen;

pub use bar::Bar;
pub use json::JsonLines;
pub use lines::Lines;
pub use screen::{AboveBar, AboveBarWriter, Screen};

use std::io::Write;

use crate::engine::event::RunEvent;

/// How much is told.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verbosity {
    /// Only what went wrong (`-q`).
    Quiet,
    /// The state of the run, and what went wrong.
    #[default]
    Normal,
    /// Also every submission, every job put back, every download (`-v`).
    Verbose,
}

/// Shows a run.
#[derive(Debug)]
pub enum Progress {
    /// On a terminal.
    Bar(Box<Bar>),
    /// In a file, a pipe, or under `-q`.
    Lines(Box<Lines>),
    /// With `--log-format json`.
    Json(Box<JsonLines>),
}

impl Progress {
    /// For people: a bar on a terminal unless only errors are wanted, lines otherwise.
    #[must_use]
    pub fn text(screen: &Screen, verbosity: Verbosity) -> Self {
        if screen.is_terminal() && verbosity > Verbosity::Quiet {
            Self::Bar(Box::new(Bar::new(screen.clone(), verbosity)))
        } else {
            Self::Lines(Box::new(Lines::new(to_stderr(), verbosity)))
        }
    }

    /// For programs: JSON lines.
    #[must_use]
    pub fn json(verbosity: Verbosity) -> Self {
        Self::Json(Box::new(JsonLines::new(to_stderr(), verbosity)))
    }

    /// Shows what has happened.
    pub fn on_event(&mut self, event: &RunEvent) {
        match self {
            Self::Bar(bar) => bar.on_event(event),
            Self::Lines(lines) => lines.on_event(event),
            Self::Json(lines) => lines.on_event(event),
        }
    }
}

fn to_stderr() -> Box<dyn Write + Send> {
    Box::new(std::io::stderr())
}

#[cfg(test)]
mod tests;
