//! The nouns: what a job is, which states it can be in, and why it can fail.
//!
//! Nothing here does I/O. The state machine ([`state`]) is one pure function; the queue stores what it
//! says, and everything else asks the queue.

mod account;
mod content;
mod default_id;
mod extra_columns;
mod failure;
mod flag;
mod forms;
mod id;
mod invisible;
mod keep;
mod meant;
mod object_url;
mod review;
mod same;
mod spec;
pub mod state;
mod this_network;

pub use account::{AccountName, NoAccountName};
pub use content::{Content, SentContents};
pub use default_id::{default_id, stem};
pub use extra_columns::{ExtraColumns, TooManyColumns};
pub use failure::{Failure, FailureKind, clean_text, reason_of};
pub use flag::{Flag, Flags};
pub use forms::Forms;
pub use id::{ExternalTaskId, InvalidJobId, JobId, JobSeq, TaskId, id_key};
pub use invisible::{invisible_character, is_invisible};
pub use keep::Keep;
pub use meant::Meant;
pub use object_url::{BucketScheme, InvalidObjectUrl, ObjectUrl};
pub use review::{Review, Verdict};
pub use same::{Inputs, Request};
pub use spec::{Garment, ImageRef, ImageSource, JobSpec, ModelName, SecondGarment, UnknownModel, is_http_url};
pub use state::{IllegalTransition, JobState, StateName, Transition};
pub use this_network::is_on_this_network;
