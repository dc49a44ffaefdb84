//! A submission whose fate is unknown, and the wish to send it again.

use crate::job::{ExternalTaskId, JobSeq, JobState};

use super::hosts::Epoch;
use super::record::ActiveJob;

/// A doubtful job that is to be submitted again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Doubt {
    pub seq: JobSeq,
    pub attempt: u32,
    /// Our name for the task that was asked for.
    pub external_id: ExternalTaskId,
    /// Whose it was when its task was asked for ([`ActiveJob::epoch`]).
    pub of: Option<Epoch>,
    /// Tasks that the account takes at once, over all hosts; `None` where a run has the queue for itself.
    pub slots: Option<u32>,
}

impl Doubt {
    /// A job's, for a run that shares its account with no other.
    #[must_use]
    pub fn about(job: &ActiveJob) -> Self {
        let external_id = job.external_id.clone();
        Self { seq: job.seq, attempt: job.attempt, external_id, of: job.epoch, slots: None }
    }
}

/// What comes of the wish to submit a doubtful job again. But for the first, it stays in doubt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Resubmission {
    /// The intent is on disk.
    Job(JobState),
    /// The run's budget is spent.
    BudgetSpent,
    /// All hosts together have as many tasks at the account as it takes.
    NoRoom,
}
