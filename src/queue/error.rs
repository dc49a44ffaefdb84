//! What can go wrong with the queue, in words for the person who owns it.

use crate::job::IllegalTransition;

use super::location::Location;

/// The outcome of every verb and read. [`QueueError::Closed`], [`QueueError::Database`], [`QueueError::Damaged`] and
/// [`QueueError::DiskFull`] may come from each; what else may come is said at the verb.
pub type QueueResult<T> = Result<T, QueueError>;

/// A queue operation that did not happen. Nothing of it was stored; of [`QueueError::Unreachable`] alone nobody knows.
#[derive(Debug, thiserror::Error)]
pub enum QueueError {
    /// There is no queue yet where one is needed.
    #[error("there is no queue at {0}; `tryon load` or `tryon run` with a manifest makes one")]
    Missing(Location),
    /// The file is no database, or another program's.
    #[error("{at} is not a tryon queue ({why}); give another place with --queue or -o, or move that file away")]
    Foreign { at: Location, why: String },
    /// The file was written by a later version of this program.
    #[error(
        "{at} was written by a newer tryon (queue version {found}, this program knows up to {known}); update tryon"
    )]
    Newer { at: Location, found: i64, known: i64 },
    /// The file or its folder cannot be opened or written.
    #[error("cannot open the queue {at}: {why}")]
    Unreadable { at: Location, why: String },
    /// The queue goes on at another place.
    #[error(
        "the queue {at} was copied to {to} and goes on there: what both submit would be paid twice, so nothing is run or loaded here; \
         `tryon queue take-back {at}` says that this one goes on after all"
    )]
    Moved { at: Location, to: String },
    /// Another run holds the queue.
    #[error("another run is working on {at} (process {holder}); `tryon status` shows how far it is")]
    Held { at: Location, holder: String },
    /// Another load of the queue does not end.
    #[error("another load of {at} is going on (process {holder}); wait for its end and run the same command again")]
    LoadGoingOn { at: Location, holder: String },
    /// The queue was not there when the load began.
    #[error("another process has made the queue {0} meanwhile; run the same command again")]
    MadeMeanwhile(Location),
    /// The queue belongs to another kind of provider.
    #[error(
        "this queue belongs to {bound} and cannot be run against {wanted}: its tasks live there; \
         choose another output folder with -o, or run it with {bound} again"
    )]
    OtherProvider { bound: String, wanted: String },
    /// The state machine does not allow it.
    #[error("job `{id}`: {source}")]
    Illegal {
        id: String,
        #[source]
        source: IllegalTransition,
    },
    /// A finished job is only made again by who says so.
    #[error("job `{0}` has succeeded; with --again it is made anew, and paid for once more")]
    HasSucceeded(String),
    /// A task cannot be two jobs'.
    #[error("task {task} belongs to job `{owner}` already")]
    TaskTaken { task: String, owner: String },
    /// Only a job in doubt can be told its task.
    #[error("job `{id}` {} and is not in doubt; there is nothing to adopt", .state.as_said())]
    NotInDoubt { id: String, state: crate::job::StateName },
    /// No job has that id.
    #[error("no job `{0}` in this queue; `tryon list` shows the ids")]
    NoSuchJob(String),
    /// Only a result can be judged.
    #[error("job `{id}` {} and has no image to be judged; `tryon list --state succeeded` shows those that have", .state.as_said())]
    NothingToJudge { id: String, state: crate::job::StateName },
    /// A verdict is about the image that was looked at.
    #[error("the image of job `{id}` was made anew since you looked at it; look at the present one, and judge that")]
    ImageReplaced { id: String },
    /// A verdict does not take the place of one that its reviewer has not seen.
    #[error(
        "somebody else has judged the image of job `{id}` since you looked; look at that verdict before you give yours"
    )]
    JudgedMeanwhile { id: String },
    /// The row was not what its writer believed: the work of a run that no longer owns the job.
    #[error("job {seq} is no longer in attempt {attempt}; another process has changed it")]
    Stale { seq: i64, attempt: u32 },
    /// A host of that name is at work.
    #[error(
        "host `{name}` is at work on this queue (process {process}, heard of {seconds} s ago); if that is another machine, give this \
         one a name of its own with --host"
    )]
    HostAtWork { name: String, process: u32, seconds: u64 },
    /// No epoch of that host is left to be forgotten.
    #[error("no host `{0}` has left anything open in this queue; `tryon hosts` shows the names")]
    NoSuchHost(String),
    /// Another host has acted on the end of this one's lease.
    #[error("this host was not heard of for longer than its lease, and others have taken over its jobs")]
    LeaseLost,
    /// The disk is full.
    #[error("the disk that holds the queue is full; make room and run the same command again ({0})")]
    DiskFull(String),
    /// The database cannot be reached, or the connection was lost. What was asked may have happened all the same.
    #[error("the queue's database cannot be reached: {0}")]
    Unreachable(String),
    /// The database has undone it, because another transaction was in its way; nothing of it has happened.
    #[error("the queue's database had too many transactions in each other's way: {0}")]
    Conflict(String),
    /// The database could not do it.
    #[error("the queue's database failed: {0}")]
    Database(String),
    /// A stored value makes no sense.
    #[error("the queue is damaged: {0}")]
    Damaged(String),
    /// The writer thread is gone, which only follows an earlier error.
    #[error("the queue is closed")]
    Closed,
}

impl QueueError {
    /// Whether it says that a verdict cannot be given as it was meant.
    pub(in crate::queue) fn is_about_a_judgement(&self) -> bool {
        matches!(
            self,
            Self::NoSuchJob(_)
                | Self::NothingToJudge { .. }
                | Self::ImageReplaced { .. }
                | Self::JudgedMeanwhile { .. }
        )
    }

    /// Whether the same may well succeed later: nothing is wrong but the way to the database, or the crowd there.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Unreachable(_) | Self::Conflict(_))
    }
}
