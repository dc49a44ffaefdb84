//! The queue in SQLite: every line of SQL of this program is in this folder.

mod back_end;
mod by_hand;
mod callback_path;
mod claim;
mod error;
mod handle;
mod inputs;
mod keep_load;
mod load;
mod lock;
mod looks;
mod meta;
mod numbered;
mod open;
mod pages;
#[cfg(test)]
mod plans;
mod read;
mod repeats;
mod rows;
mod same_request;
mod staging;
mod transition;
mod twins;
mod verbs;
mod workload;
mod writer;

pub use handle::SqliteQueue;
pub use keep_load::{Kept, TooLate};
pub use load::{Enqueued, Loader, RejectedRow};
pub use lock::RunLock;
pub use read::QueueReader;
pub use writer::Between;

use super::QueueError;
use error::Result;
