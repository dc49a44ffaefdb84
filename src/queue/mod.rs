//! The durable queue: every job, every attempt, and the verbs that move them.
//!
//! Answers for: what is on disk is true. A verb has happened when its future is done, and is then flushed to
//! disk. What it promises, verb by verb, is the contract ([`Queue`], [`QueueReads`], [`Load`], [`Site`]); a folder beside it
//! keeps the promise. Which transitions are allowed is [`crate::job::state`]'s to say, not this module's.
//!
//! [`at`] is the only place that chooses a back end: a further one is a folder, and a line there.
//!
//! `now` is a parameter of every verb that stores a time. No type of the database library leaves `sqlite/`.

mod contract;
mod doubt;
mod error;
mod hosts;
mod loading;
mod location;
mod record;
mod sqlite;
mod walk;

pub use contract::{Load, Opening, Queue, QueueReads, QueueResult, RunHold, Site};
pub use doubt::{Doubt, Resubmission};
pub use error::QueueError;
pub use hosts::{Death, Epoch, Holder, HostRecord, HostStart, HostState, NoRoom, Renewed, Room};
pub use loading::{Enqueued, Keeping, Kept, LoadRow, ManifestNames, NotTaken, RejectedRow, TooLate};
pub use location::{at, open, open_simulated};
pub use record::{
    AccountStanding, AccountTally, ActiveJob, AttemptRecord, Beat, Claim, ClaimOnce, Claimant, Counts, JobRecord, Note,
    PairAgain, PairsAgain, Pause, ProviderKind, Published, PublishedImage, RepeatedPair, ReportPlace, ReportRow, RunId,
    RunRecord, Selection, SlotUse, TakenTask, Workload,
};
pub use sqlite::Between;
pub use walk::{each_job, each_report_row};
