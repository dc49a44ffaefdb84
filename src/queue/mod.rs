//! The durable queue: every job, every attempt, and the verbs that move them.
//!
//! Answers for: what is on disk is true. A verb has happened when its future is done, and is then flushed to
//! disk. What it promises, verb by verb, is the contract ([`Queue`], [`QueueReads`], [`Load`], [`Site`]); a folder beside it
//! keeps the promise. Which transitions are allowed is [`crate::job::state`]'s to say, not this module's.
//!
//! [`at`] is the only place that chooses a back end: a further one is a folder, and a line there.
//!
//! `now` is a parameter of every verb that stores a time. No type of a database library leaves `sqlite/` or `postgres/`.

mod address;
mod back_ends;
mod columns;
mod contents;
mod contract;
mod copying;
mod doubt;
mod error;
mod hold;
mod hosts;
mod judgement;
mod loading;
mod location;
mod mover;
mod moving;
mod own_tasks;
mod postgres;
mod reads;
mod record;
mod runs;
mod selection;
mod site;
mod sqlite;
mod walk;

pub use address::{BadAddress, PostgresAddress};
pub use back_ends::{at, open, open_simulated};
pub use contents::{KnownContent, MadeFrom};
pub use contract::Queue;
pub use copying::copy;
pub use doubt::{Doubt, Resubmission};
pub use error::{QueueError, QueueResult};
pub use hold::RunHold;
pub use hosts::{
    Death, Epoch, Holder, HostRecord, HostStart, HostState, MOST_REFUSED, NoRoom, RefusedAlike, Renewed, Room,
};
pub use judgement::{GivenVerdict, Judgement, Seen};
pub use loading::{Enqueued, Keeping, Kept, Load, LoadRow, ManifestNames, NotTaken, RejectedRow, TooLate};
pub use location::Location;
pub use moving::{Copied, CopyError};
pub use own_tasks::{OwnTask, TaskEnd};
pub use reads::QueueReads;
pub use record::{
    ActiveJob, AttemptRecord, Beat, Claim, ClaimOnce, Claimant, Counts, JobRecord, Note, PairAgain, PairsAgain,
    ProviderKind, Published, PublishedImage, RepeatedPair, ReportPlace, ReportRow, RunId, SlotUse, TakenTask, Workload,
};
pub use runs::{AccountStanding, AccountTally, Pause, RunRecord};
pub use selection::{JobsPage, Judged, Selection};
pub use site::{Opening, Site};
pub use sqlite::Between;
pub use walk::{each_job, each_own_task, each_report_row};
