//! What the queue knows of the requests that it made itself: what a bill is compared with.

use jiff::Timestamp;

use crate::job::{AccountName, ExternalTaskId, JobId, JobSeq, StateName, TaskId};

/// An attempt that asked for a task of its own, and what became of it.
#[derive(Debug, Clone, PartialEq)]
pub struct OwnTask {
    pub seq: JobSeq,
    pub attempt: u32,
    pub id: JobId,
    /// Where the job is now, which may be in a later attempt.
    pub state: StateName,
    pub external_id: ExternalTaskId,
    /// The provider's name for it; `None` where it never told one.
    pub task_id: Option<TaskId>,
    /// The account that it was sent to, where it has a name.
    pub account: Option<AccountName>,
    pub claimed_at: Timestamp,
    pub end: TaskEnd,
    pub ended_at: Option<Timestamp>,
    /// Units that the task's own answers told.
    pub units: Option<f64>,
    /// Money from a balance that the task's own answers told.
    pub paid: Option<f64>,
}

impl OwnTask {
    /// Whether it can be on a bill: only what may have been created can.
    #[must_use]
    pub fn may_be_billed(&self) -> bool {
        self.end != TaskEnd::NotCreated
    }
}

/// What became of an attempt's task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TaskEnd {
    /// It has made an image, whether that was fetched or not.
    Made,
    /// It has failed, or the provider has lost it.
    Failed,
    /// It is at work, or may be.
    Open,
    /// Nothing was created.
    NotCreated,
}

impl TaskEnd {
    /// By the word that the queue has for the outcome of an attempt.
    pub(super) fn of(outcome: &str) -> Self {
        match outcome {
            "downloading" | "download_failed" | "succeeded" => Self::Made,
            "task_failed" => Self::Failed,
            "released" | "turned_away" | "refused" => Self::NotCreated,
            _ => Self::Open,
        }
    }
}
