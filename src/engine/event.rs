//! What happens in a run, told once: facts in the past tense, for the bar, the text lines and the JSON lines.

use std::time::Duration;

use jiff::Timestamp;

use crate::job::{AccountName, Failure, JobId, TaskId};
use crate::queue::{Counts, Pause};

/// Part of [`Fact::Started`], and so a word of those who follow the events.
pub use crate::engine::settings::SlotCount;

/// One fact, with how the whole queue stood at that moment.
#[derive(Debug, Clone)]
pub struct RunEvent {
    /// When.
    pub at: Timestamp,
    /// The whole queue's counts, read from it at most half a second ago.
    pub counts: Counts,
    /// What happened.
    pub fact: Fact,
}

/// What happened.
#[derive(Debug, Clone)]
pub enum Fact {
    /// The run began; there is this much to do.
    Started { slots: SlotCount, provider: String },
    /// The provider took a job.
    Submitted { id: JobId, attempt: u32, task_id: TaskId },
    /// The account has no room for more: `slots` is what it holds, and it has said so `refusals` times in this run.
    CapMet { slots: u32, refusals: u32 },
    /// A job goes back to wait. `retry_at` is `None` when it only waits for room.
    PutBack { id: JobId, why: String, retry_at: Option<Timestamp> },
    /// A submission's fate is unknown.
    InDoubt { id: JobId, why: String },
    /// A doubtful submission was found at the provider.
    Found { id: JobId, task_id: TaskId },
    /// A task has ended well; its image is being fetched.
    Generated { id: JobId, seconds: f64 },
    /// A download did not work and is tried again.
    DownloadRetried { id: JobId, why: String, after: Duration },
    /// An image is in its place.
    Succeeded { id: JobId, path: String },
    /// A job failed for good.
    Failed { id: JobId, failure: Failure },
    /// A task outlasted `--task-timeout`; the next run asks for it again.
    Parked { id: JobId, task_id: TaskId },
    /// A job is left as it is: no account of this run knows a task of the account that it was sent to.
    AccountMissing { id: JobId, account: Option<AccountName> },
    /// An account takes nothing any more in this run; others do.
    AccountStopped { account: AccountName, why: String },
    /// Everything waits.
    Paused(Pause),
    /// Everything goes on.
    Resumed,
    /// A moment passed; the counts are fresh.
    Ticked,
    /// No new work is begun any more.
    Stopping { why: String },
    /// The run is over.
    Ended,
}
