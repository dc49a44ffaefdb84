//! The queue in SQLite: every line of SQL of this program is in this folder.

mod back_end;
mod by_hand;
mod claim;
mod compared;
mod duplicates;
mod epochs;
mod error;
mod handle;
mod hosts;
mod inputs;
mod keep_load;
mod kept_texts;
mod last_tasks;
mod load;
mod lock;
mod looks;
mod meta;
mod moving;
mod numbered;
mod open;
mod own_tasks;
mod pages;
#[cfg(test)]
mod plans;
mod read;
mod repeats;
mod reviews;
mod rows;
mod same_request;
mod selected;
mod site;
mod staged;
mod staging;
mod transition;
mod unseen;
mod verbs;
mod workload;
mod writer;

pub(super) use compared::{Known, Standing};
pub(super) use handle::blocking;
pub(super) use inputs::Inputs;
pub(super) use load::{Loader, against_queue, name_of_further_image};
pub(super) use moving::HeldFile;
pub(super) use repeats::Candidate;
pub(super) use same_request::Asking;
pub(super) use selected::{Dialect, MOST_LOOKED_AT, Selected};
pub(super) use site::SqliteFile;
pub use writer::Between;

use super::QueueError;
use error::Result;
use handle::SqliteQueue;
use read::QueueReader;
