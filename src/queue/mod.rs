//! The durable queue: every job, every attempt, and the verbs that move them.
//!
//! Answers for: what is on disk is true. A verb has happened when its future is done, and is then flushed to
//! disk. What it promises, verb by verb, is [`Queue`]; [`SqliteQueue`] keeps the promise. All writes go through one
//! thread; readers have connections of their own and never wait for it. Which transitions are allowed is [`crate::job::state`]'s to say, not this module's.
//!
//! `now` is a parameter of every verb that stores a time. No type of the database library leaves `sqlite/`.

mod contract;
mod error;
mod record;
mod sqlite;

pub use contract::{Queue, QueueResult};
pub use error::QueueError;
pub use record::{
    ActiveJob, AttemptRecord, Claim, ClaimOnce, Counts, JobRecord, Note, PairAgain, PairsAgain, Pause, ProviderKind,
    Published, PublishedImage, RepeatedPair, ReportPlace, ReportRow, RunId, RunRecord, Selection, SlotUse, Workload,
};
pub use sqlite::{Between, Enqueued, Kept, Loader, QueueReader, RejectedRow, RunLock, SqliteQueue, TooLate};
