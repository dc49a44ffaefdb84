//! The nouns: what a job is, which states it can be in, and why it can fail.
//!
//! Nothing here does I/O. The state machine ([`state`]) is one pure function; the queue stores what it
//! says, and everything else asks the queue.

mod failure;
mod flag;
mod id;
mod likeness;
mod spec;
pub mod state;

pub use failure::{Failure, FailureKind, clean_text, reason_of};
pub use flag::{Flag, Flags};
pub use id::{ExternalTaskId, InvalidJobId, JobId, JobSeq, TaskId, id_key};
pub use likeness::Likeness;
pub use spec::{Garment, ImageRef, ImageSource, JobSpec, ModelName, SecondGarment, UnknownModel, is_http_url};
pub use state::{IllegalTransition, JobState, StateName, Transition};
