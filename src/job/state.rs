//! The state machine of a job: every state, every transition, and the one function that connects them.
//!
//! ```text
//! pending → submitting → running → downloading → succeeded
//!    ↑          │  │        │            │
//!    │          │  └→ in_doubt           └→ failed (a retry fetches again)
//!    └──────────┴─── waits           failed, cancelled
//! ```
//!
//! The rule above all: between two `Claim`s of one job lies an answer that nothing was created, an answer
//! that the task has failed, or the word of a person. Time alone never leads back to `Pending`.

use jiff::Timestamp;

use super::{ExternalTaskId, Failure, FailureKind, TaskId};

/// The state of a job, with what is known there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JobState {
    /// Waits for its turn, or until `retry_at`.
    Pending {
        /// Not before this moment; `None` is at once.
        retry_at: Option<Timestamp>,
    },
    /// The intent to submit is on disk; the request may be on its way.
    Submitting {
        /// The name under which the task can be asked for.
        external_id: ExternalTaskId,
    },
    /// Submitted, fate unknown.
    InDoubt {
        /// The name under which the task can be asked for.
        external_id: ExternalTaskId,
    },
    /// The provider has it.
    Running {
        /// The provider's name for it.
        task_id: TaskId,
    },
    /// Generated; the result is being fetched.
    Downloading {
        /// The provider's name for it.
        task_id: TaskId,
    },
    /// The image is on disk.
    Succeeded {
        /// The provider's name for it, to fetch the image again should the file be deleted.
        task_id: TaskId,
    },
    /// For good, unless a person says otherwise.
    Failed {
        /// Why.
        failure: Failure,
        /// The task that failed, where there was one.
        task_id: Option<TaskId>,
    },
    /// Taken out by hand.
    Cancelled,
}

/// A state without its data: what is counted, listed and filtered by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum StateName {
    Pending,
    Submitting,
    InDoubt,
    Running,
    Downloading,
    Succeeded,
    Failed,
    Cancelled,
}

impl StateName {
    /// Every state, in the order in which reports count them.
    pub const ALL: [Self; 8] = [
        Self::Pending,
        Self::Submitting,
        Self::InDoubt,
        Self::Running,
        Self::Downloading,
        Self::Succeeded,
        Self::Failed,
        Self::Cancelled,
    ];

    /// The word that users see (`docs/promises.md`, "Job states").
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Submitting => "submitting",
            Self::InDoubt => "in_doubt",
            Self::Running => "running",
            Self::Downloading => "downloading",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    /// The state in a sentence: `is pending`, `has succeeded`.
    #[must_use]
    pub fn as_said(self) -> String {
        match self {
            Self::Succeeded | Self::Failed => format!("has {}", self.word()),
            _ => format!("is {}", self.word().replace('_', " ")),
        }
    }

    /// The state that a word names.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.word() == word)
    }
}

impl JobState {
    /// The state's name.
    #[must_use]
    pub fn name(&self) -> StateName {
        match self {
            Self::Pending { .. } => StateName::Pending,
            Self::Submitting { .. } => StateName::Submitting,
            Self::InDoubt { .. } => StateName::InDoubt,
            Self::Running { .. } => StateName::Running,
            Self::Downloading { .. } => StateName::Downloading,
            Self::Succeeded { .. } => StateName::Succeeded,
            Self::Failed { .. } => StateName::Failed,
            Self::Cancelled => StateName::Cancelled,
        }
    }
}

/// What can happen to a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Transition {
    /// A slot is free: the intent to submit is written down. Begins an attempt.
    Claim { external_id: ExternalTaskId },
    /// An identical pair's image is there already: this job takes its own copy of it. Begins an attempt that costs nothing.
    Share { task_id: TaskId },
    /// An identical pair's task has failed for good: this job's would too. Begins an attempt that costs nothing.
    ShareFailure { failure: Failure, task_id: TaskId },
    /// The provider has the task: it said so, it was found by its external id, or a person named it.
    Accept { task_id: TaskId },
    /// Certainly nothing was created, and not for a reason of this job's: it waits, and the attempt is not counted.
    Release { retry_at: Option<Timestamp> },
    /// Certainly nothing was created, for a reason that may be this job's: the attempt counts.
    TurnAway { retry_at: Timestamp },
    /// The provider refuses this job for good, or the job's own input is at fault. Nothing was created.
    Refuse { failure: Failure },
    /// The provider refuses one job after the other alike, so this refusal was not about the job: it waits again, and the
    /// attempt is not counted. Nothing was created.
    WithdrawRefusal,
    /// The answer never came, or could not be read. Also what a restart makes of an interrupted submission.
    LoseAnswer,
    /// The provider certainly does not know the external id: submit again under the same one. No new attempt.
    SubmitAgain,
    /// A person (or `--in-doubt resubmit`) accepts that the doubtful task may exist and be charged.
    GiveUpDoubt,
    /// The task succeeded; its images can be fetched.
    TaskSucceed,
    /// The task failed for a reason that may pass.
    TaskFailForNow { retry_at: Timestamp },
    /// The task failed because the account had no room for it: it waits, and the attempt is not counted.
    TaskFindsNoRoom { retry_at: Timestamp },
    /// The task failed for good.
    TaskFail { failure: Failure },
    /// The images are on disk under their final names.
    Publish,
    /// The images could not be fetched.
    DownloadFail { failure: Failure },
    /// A person puts the job back. Of a failed download only the download is done again.
    Retry,
    /// The file of a finished job is gone; fetch it again.
    Refetch,
    /// A person wants another image of a job that has one, here or at the provider, and pays for it again. A file that
    /// exists here stays until then.
    MakeAnew,
    /// A person takes the job out.
    Cancel,
}

impl Transition {
    /// The transition's name, for messages.
    #[must_use]
    pub fn verb(&self) -> &'static str {
        match self {
            Self::Claim { .. } => "claimed",
            Self::Share { .. } | Self::ShareFailure { .. } => "given an identical job's outcome",
            Self::Accept { .. } => "accepted",
            Self::Release { .. } => "released",
            Self::TurnAway { .. } => "turned away",
            Self::Refuse { .. } => "refused",
            Self::WithdrawRefusal => "put back after a refusal",
            Self::LoseAnswer => "put in doubt",
            Self::SubmitAgain => "submitted again",
            Self::GiveUpDoubt => "freed from doubt",
            Self::TaskSucceed => "generated",
            Self::TaskFailForNow { .. } | Self::TaskFindsNoRoom { .. } | Self::TaskFail { .. } => "failed by its task",
            Self::Publish => "published",
            Self::DownloadFail { .. } => "failed in download",
            Self::Retry => "retried",
            Self::Refetch => "fetched again",
            Self::MakeAnew => "made anew",
            Self::Cancel => "cancelled",
        }
    }
}

/// A transition that its state does not allow.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a job that {} cannot be {verb}", .from.as_said())]
pub struct IllegalTransition {
    /// The state the job is in.
    pub from: StateName,
    /// What was asked of it; see [`Transition::verb`].
    pub verb: &'static str,
}

/// How a transition moves the attempt counter of a job.
///
/// The counter is the number of the current or last attempt; an attempt is what the provider accepted, or
/// turned away because of the job itself.
#[must_use]
pub fn attempt_after(attempt: u32, transition: &Transition) -> u32 {
    match transition {
        Transition::Claim { .. } | Transition::Share { .. } | Transition::ShareFailure { .. } => attempt + 1,
        Transition::Release { .. } | Transition::WithdrawRefusal | Transition::TaskFindsNoRoom { .. } => {
            attempt.saturating_sub(1)
        }
        _ => attempt,
    }
}

/// The whole state machine.
///
/// # Errors
/// The state does not allow the transition.
pub fn next(state: &JobState, transition: &Transition) -> Result<JobState, IllegalTransition> {
    use JobState as S;
    use Transition as T;

    let after = match (state, transition) {
        (S::Pending { .. }, T::Claim { external_id }) => S::Submitting { external_id: external_id.clone() },
        (S::Pending { .. }, T::Share { task_id }) => S::Downloading { task_id: task_id.clone() },
        (S::Pending { .. }, T::ShareFailure { failure, task_id }) => {
            S::Failed { failure: failure.clone(), task_id: Some(task_id.clone()) }
        }
        (S::Pending { .. }, T::Cancel) => S::Cancelled,

        (S::Submitting { .. } | S::InDoubt { .. }, T::Accept { task_id }) => S::Running { task_id: task_id.clone() },
        (S::Submitting { .. }, T::Release { retry_at }) => S::Pending { retry_at: *retry_at },
        (S::Submitting { .. }, T::TurnAway { retry_at }) => S::Pending { retry_at: Some(*retry_at) },
        (S::Submitting { .. }, T::Refuse { failure }) => S::Failed { failure: failure.clone(), task_id: None },
        (S::Submitting { external_id }, T::LoseAnswer) => S::InDoubt { external_id: external_id.clone() },

        (S::InDoubt { external_id }, T::SubmitAgain) => S::Submitting { external_id: external_id.clone() },
        (S::InDoubt { .. }, T::GiveUpDoubt) => S::Pending { retry_at: None },

        (S::Running { task_id }, T::TaskSucceed) => S::Downloading { task_id: task_id.clone() },
        (S::Running { .. }, T::TaskFailForNow { retry_at } | T::TaskFindsNoRoom { retry_at }) => {
            S::Pending { retry_at: Some(*retry_at) }
        }
        (S::Running { task_id }, T::TaskFail { failure }) => {
            S::Failed { failure: failure.clone(), task_id: Some(task_id.clone()) }
        }

        (S::Downloading { task_id }, T::Publish) => S::Succeeded { task_id: task_id.clone() },
        (S::Downloading { task_id }, T::DownloadFail { failure }) => {
            S::Failed { failure: failure.clone(), task_id: Some(task_id.clone()) }
        }

        (S::Failed { failure, task_id: None }, T::WithdrawRefusal) if failure.kind == FailureKind::Refused => {
            S::Pending { retry_at: None }
        }
        (S::Failed { failure, task_id: Some(task_id) }, T::Retry) if failure.kind == FailureKind::Download => {
            S::Downloading { task_id: task_id.clone() }
        }
        (S::Failed { .. } | S::Cancelled, T::Retry) => S::Pending { retry_at: None },
        (S::Succeeded { task_id }, T::Refetch) => S::Downloading { task_id: task_id.clone() },
        (S::Succeeded { .. }, T::MakeAnew) => S::Pending { retry_at: None },
        (S::Failed { failure, task_id: Some(_) }, T::MakeAnew) if failure.kind == FailureKind::Download => {
            S::Pending { retry_at: None }
        }
        // Its task has ended, so nothing is alive at the provider; a picture that cannot be had is given up.
        (S::Failed { failure, task_id: Some(_) }, T::Cancel) if failure.kind == FailureKind::Download => S::Cancelled,

        _ => return Err(IllegalTransition { from: state.name(), verb: transition.verb() }),
    };
    Ok(after)
}
