//! Faults by name: what the stand-in does wrong on request, each for a share of what it could befall.
//!
//! What each does is data ([`table`]); what carries it out is the create, the query and the gate. Whether a fault
//! strikes is drawn in [`super::fate`].

mod table;

use std::fmt;
use std::str::FromStr;

pub(super) use table::Canned;
use table::{ROWS, Row};

/// What a fault does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Effect {
    /// A create is answered so, and nothing is created.
    Refused(Canned),
    /// Any request of the API is answered so, a create among them; nothing is created.
    Interposed(Canned),
    /// A create makes its task, and is answered so.
    Made(Canned),
    /// A create makes its task, and the connection ends in its answer.
    MadeAndCut(Cut),
    /// A create is answered so at once, and makes its task later.
    MadeLate(Canned),
    /// A question about a task is answered so.
    Question(Canned),
    /// A young task reads so for a moment.
    Young(Young),
    /// A task fails for this reason.
    TaskFails(&'static str),
    /// A result is unlike what is documented.
    Result(ResultFlaw),
    /// The account's page lists no package.
    NoPackages,
}

/// Where a connection ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cut {
    /// Before the first byte of the answer.
    BeforeAnswer,
    /// In the middle of the body.
    InAnswer,
    /// Nowhere: the answer is whole, with half a JSON text.
    HalfJson,
}

/// How a task reads that was created a moment ago.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Young {
    /// There is no such task.
    Unknown,
    /// It has failed, with "task not found".
    Failed,
}

/// What is odd about a result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ResultFlaw {
    NoImage,
    NoIndex,
    WebP,
}

/// A fault that can be asked for.
#[derive(Clone, Copy)]
pub struct Fault(&'static Row);

impl Fault {
    /// All of them, in the order of the table.
    pub fn all() -> impl Iterator<Item = Self> {
        ROWS.iter().map(Self)
    }

    /// The fault of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::all().find(|fault| fault.name() == name)
    }

    /// Its name, as it is asked for.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.0.name
    }

    /// What it does, in a few words.
    #[must_use]
    pub fn about(self) -> &'static str {
        self.0.about
    }

    /// What it befalls: the heading under which it is listed.
    #[must_use]
    pub fn befalls(self) -> &'static str {
        match self.effect() {
            Effect::Refused(_) => "Creates, nothing created",
            Effect::Interposed(_) => "Every request, nothing created",
            Effect::Made(_) | Effect::MadeAndCut(_) | Effect::MadeLate(_) => "Creates, the task is made",
            Effect::Question(_) | Effect::Young(_) => "Questions about a task",
            Effect::TaskFails(_) => "Tasks that fail",
            Effect::Result(_) => "Results",
            Effect::NoPackages => "The account",
        }
    }

    pub(super) fn effect(self) -> Effect {
        self.0.effect
    }

    /// Whether a create can meet it.
    pub(super) fn is_of_creates(self) -> bool {
        matches!(
            self.effect(),
            Effect::Refused(_) | Effect::Interposed(_) | Effect::Made(_) | Effect::MadeAndCut(_) | Effect::MadeLate(_)
        )
    }

    /// Whether a create that meets it makes a task, now or later.
    pub(super) fn makes_task(self) -> bool {
        self.is_of_creates() && !matches!(self.effect(), Effect::Refused(_) | Effect::Interposed(_))
    }
}

impl PartialEq for Fault {
    fn eq(&self, other: &Self) -> bool {
        self.name() == other.name()
    }
}

impl Eq for Fault {}

impl fmt::Debug for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A fault, and for which share of what it could befall: `NAME` (always) or `NAME=SHARE`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FaultShare {
    /// Which one.
    pub fault: Fault,
    /// From 0 (never) to 1 (always).
    pub share: f64,
}

/// A text that names no fault, or no share of one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FaultError {
    /// The name is none.
    #[error("there is no fault `{0}`; `tryon sandbox --help` lists them")]
    Unknown(String),
    /// The share is none.
    #[error("`{0}` is no share; write a number from 0 to 1, as in `504=0.1`")]
    Share(String),
}

impl FromStr for FaultShare {
    type Err = FaultError;

    fn from_str(text: &str) -> Result<Self, FaultError> {
        let (name, share) = text.split_once('=').map_or((text, None), |(name, share)| (name, Some(share)));
        let fault = Fault::named(name).ok_or_else(|| FaultError::Unknown(name.to_owned()))?;
        let Some(text) = share else { return Ok(Self { fault, share: 1.0 }) };
        match text.parse() {
            Ok(share) if (0.0..=1.0).contains(&share) => Ok(Self { fault, share }),
            _ => Err(FaultError::Share(text.to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_has_a_name_of_its_own_that_a_command_line_can_hold() {
        let mut names: Vec<_> = Fault::all().map(Fault::name).collect();
        assert!(
            names.iter().all(|name| name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-'))
        );
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count, "a name is given twice");
    }

    #[test]
    fn a_fault_is_read_with_its_share_or_for_always() {
        let read = |text: &str| text.parse::<FaultShare>().map(|read| (read.fault.name(), read.share));
        assert_eq!(read("no-channel"), Ok(("no-channel", 1.0)));
        assert_eq!(read("504-late=0.25"), Ok(("504-late", 0.25)));
        assert_eq!(read("nothing=0.1"), Err(FaultError::Unknown("nothing".to_owned())));
        for share in ["", "x", "1.1", "-0.1", "NaN"] {
            assert_eq!(read(&format!("504={share}")), Err(FaultError::Share(share.to_owned())));
        }
    }

    #[test]
    fn every_json_of_the_table_is_json() {
        for fault in Fault::all() {
            let (Effect::Refused(canned)
            | Effect::Interposed(canned)
            | Effect::Made(canned)
            | Effect::MadeLate(canned)
            | Effect::Question(canned)) = fault.effect()
            else {
                continue;
            };
            let is_json = serde_json::from_str::<serde_json::Value>(canned.body).is_ok();
            assert_eq!(is_json, canned.content_type == table::JSON, "{fault:?}");
        }
    }
}
