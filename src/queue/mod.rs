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
mod error;
mod loading;
mod record;
mod sqlite;
mod walk;

use std::path::Path;
use std::sync::Arc;

pub use contract::{Load, Opening, Queue, QueueReads, QueueResult, RunHold, Site};
pub use error::QueueError;
pub use loading::{Enqueued, Keeping, Kept, LoadRow, ManifestNames, NotTaken, RejectedRow, TooLate};
pub use record::{
    ActiveJob, AttemptRecord, Claim, ClaimOnce, Counts, JobRecord, Note, PairAgain, PairsAgain, Pause, ProviderKind,
    Published, PublishedImage, RepeatedPair, ReportPlace, ReportRow, RunId, RunRecord, Selection, SlotUse, Workload,
};
pub use sqlite::Between;
pub use walk::{each_job, each_report_row};

use sqlite::SqliteFile;

/// Where `location` says that the queue is: a file.
#[must_use]
pub fn at(location: &Path) -> Arc<dyn Site> {
    Arc::new(SqliteFile::at(location.to_owned()))
}

/// Opens the queue at `location`.
///
/// # Errors
/// As [`Site::open`].
pub async fn open(location: &Path, opening: Opening) -> QueueResult<Arc<dyn Queue>> {
    at(location).open(opening).await
}

/// Opens the queue at `location` for a simulation, and makes it where there is none: its verbs run at once on the thread of
/// whoever asks, `between` is waited for before and after each, and nothing is flushed, because no machine fails here.
///
/// # Errors
/// As [`Site::open`].
pub fn open_simulated(location: &Path, between: Between) -> QueueResult<Arc<dyn Queue>> {
    SqliteFile::at(location.to_owned()).open_inline(between)
}
