//! What a fact says in a line of text, and how much it weighs.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::engine::event::{Fact, RunEvent, SlotCount};
use crate::job::clean_text;
use crate::queue::Counts;
use crate::view::{pace, paused, stopping, wording};

use super::Verbosity;

/// How much a fact weighs; it decides who is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Weight {
    /// For `-v` only.
    Detail,
    /// The course of the run.
    Notice,
    /// It may need somebody's attention.
    Warning,
    /// Something went wrong; told even under `-q`.
    Error,
}

impl Weight {
    pub(super) fn of(fact: &Fact) -> Self {
        match fact {
            Fact::Failed { .. } | Fact::InDoubt { .. } | Fact::Stopping { .. } => Self::Error,
            Fact::Paused(_) | Fact::Parked { .. } | Fact::AccountMissing { .. } | Fact::AccountStopped { .. } => {
                Self::Warning
            }
            Fact::Started { .. } | Fact::Found { .. } | Fact::Resumed | Fact::Ended | Fact::Succeeded { .. } => {
                Self::Notice
            }
            Fact::Submitted { .. }
            | Fact::CapMet { .. }
            | Fact::PutBack { .. }
            | Fact::Generated { .. }
            | Fact::DownloadRetried { .. }
            | Fact::Ticked => Self::Detail,
        }
    }

    pub(super) fn is_told(self, verbosity: Verbosity) -> bool {
        match verbosity {
            Verbosity::Quiet => self == Self::Error,
            Verbosity::Normal => self > Self::Detail,
            Verbosity::Verbose => true,
        }
    }

    /// The word that log systems know.
    pub(super) fn level(self) -> &'static str {
        match self {
            Self::Detail => "DEBUG",
            Self::Notice => "INFO",
            Self::Warning => "WARN",
            Self::Error => "ERROR",
        }
    }
}

/// A fact as a line: what kind of thing happened, and the rest of the story.
pub(super) struct Story {
    pub(super) label: &'static str,
    pub(super) text: String,
}

/// Tells a fact; `None` for one that is only a moment that passed.
pub(super) fn story(event: &RunEvent, zone: &TimeZone) -> Option<Story> {
    let (label, text) = match &event.fact {
        Fact::Started { slots, provider } => ("started", started(*slots, provider, &event.counts)),
        Fact::Submitted { id, attempt, task_id } => {
            let again = if *attempt > 1 { format!(", attempt {attempt}") } else { String::new() };
            ("submitted", format!("{id} is task {task_id}{again}"))
        }
        Fact::CapMet { slots, refusals } => {
            let slots = wording::counted(u64::from(*slots), "slot");
            (
                "slots",
                format!(
                    "{slots} at present (over the account's cap {} so far)",
                    wording::counted(u64::from(*refusals), "time")
                ),
            )
        }
        Fact::PutBack { id, why, retry_at } => {
            let why = clean_text(why);
            ("put back", format!("{id}: {why}; {}", again_at(*retry_at, event.at, zone)))
        }
        Fact::InDoubt { id, why } => ("in doubt", format!("{id}: {}", clean_text(why))),
        Fact::Found { id, task_id } => ("found", format!("{id} is task {task_id} at the provider")),
        Fact::Generated { id, seconds } => ("generated", format!("{id} in {seconds:.1} s")),
        Fact::DownloadRetried { id, why, after } => {
            ("download", format!("{id}: {}; again in {}", clean_text(why), wording::span(*after)))
        }
        Fact::Succeeded { path, .. } => ("saved", path.clone()),
        Fact::Failed { id, failure } => ("failed", format!("{id}: {failure}")),
        Fact::Parked { id, task_id } => {
            ("parked", format!("{id}: task {task_id} has not ended; the next run asks for it again"))
        }
        Fact::AccountMissing { id, account } => {
            let account = account.as_ref().map_or_else(String::new, |name| format!(" `{name}`"));
            let text = format!(
                "{id}: no account of this run knows the tasks of the account{account} that it was sent to; \
                 run with that account's key to collect it"
            );
            ("left", text)
        }
        Fact::AccountStopped { account, why } => {
            ("account", format!("`{account}` takes nothing any more in this run: {}", clean_text(why)))
        }
        Fact::Paused(pause) => ("paused", paused(pause.until, &pause.why, event.at, zone)),
        Fact::Resumed => ("goes on", String::new()),
        Fact::Stopping { why } => ("stopping", stopping(why, &event.counts)),
        Fact::Ended => ("ended", String::new()),
        Fact::Ticked => return None,
    };
    Some(Story { label, text })
}

fn started(slots: SlotCount, provider: &str, counts: &Counts) -> String {
    let to_do = wording::counted(pace::left(counts), "job");
    let slots = match slots {
        SlotCount::Auto => "as many slots as the account has".to_owned(),
        SlotCount::AtMost(slots) => wording::counted(slots as u64, "slot"),
    };
    format!("{to_do} to do of {}, {slots} at {}", wording::thousands(counts.total()), clean_text(provider))
}

fn again_at(retry_at: Option<Timestamp>, now: Timestamp, zone: &TimeZone) -> String {
    retry_at.map_or_else(
        || "again when there is room".to_owned(),
        |at| format!("again at {}", wording::clock(at, now, zone)),
    )
}
