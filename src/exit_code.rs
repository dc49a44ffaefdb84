//! The exit codes that scripts rely on (`docs/promises.md`, "Exit codes").

use crate::job::StateName;
use crate::queue::{Counts, QueueError};

/// How the program ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExitCode {
    /// Every job succeeded, or was cancelled.
    Ok,
    /// The run finished, and some jobs failed or are in doubt.
    SomeFailed,
    /// Usage, configuration or manifest error: nothing was spent.
    Usage,
    /// Stopped by the account, the credentials or the budget: run again to go on.
    Stopped,
    /// Another run holds this queue.
    Held,
    /// The machine failed it: disk full, queue unreadable; what is done is safe.
    Machine,
    /// Interrupted by SIGINT.
    Interrupted,
    /// Interrupted by SIGTERM.
    Terminated,
}

impl ExitCode {
    /// The number that the shell sees.
    #[must_use]
    pub fn number(self) -> u8 {
        match self {
            Self::Ok => 0,
            Self::SomeFailed => 1,
            Self::Usage => 2,
            Self::Stopped => 3,
            Self::Held => 4,
            Self::Machine => 5,
            Self::Interrupted => 130,
            Self::Terminated => 143,
        }
    }

    /// The code of a run that came to its end with these counts. Where `is_strict`, a flagged result is no success.
    #[must_use]
    pub fn of_counts(counts: &Counts, is_strict: bool) -> Self {
        let is_done = counts.of(StateName::Succeeded) + counts.of(StateName::Cancelled) == counts.total()
            && !(is_strict && counts.flagged > 0);
        if is_done { Self::Ok } else { Self::SomeFailed }
    }

    /// The code of a queue's error.
    #[must_use]
    pub fn of_queue(error: &QueueError) -> Self {
        match error {
            QueueError::Missing(_)
            | QueueError::Moved { .. }
            | QueueError::OtherProvider { .. }
            | QueueError::NoSuchJob(_)
            | QueueError::NoSuchHost(_)
            | QueueError::HasSucceeded(_)
            | QueueError::TaskTaken { .. }
            | QueueError::NotInDoubt { .. }
            | QueueError::NothingToJudge { .. }
            | QueueError::ImageReplaced { .. }
            | QueueError::JudgedMeanwhile { .. }
            | QueueError::Illegal { .. } => Self::Usage,
            QueueError::Held { .. }
            | QueueError::HostAtWork { .. }
            | QueueError::LoadGoingOn { .. }
            | QueueError::MadeMeanwhile(_) => Self::Held,
            QueueError::Foreign { .. }
            | QueueError::Newer { .. }
            | QueueError::Unreadable { .. }
            | QueueError::Stale { .. }
            | QueueError::LeaseLost
            | QueueError::DiskFull(_)
            | QueueError::Database(_)
            | QueueError::Damaged(_)
            | QueueError::Unreachable(_)
            | QueueError::Conflict(_)
            | QueueError::Closed => Self::Machine,
        }
    }
}

impl From<ExitCode> for std::process::ExitCode {
    fn from(code: ExitCode) -> Self {
        Self::from(code.number())
    }
}
