//! The queue in SQLite: every line of SQL of this program is in this folder.

mod attempt_story;
mod by_hand;
mod callback_path;
mod claim;
mod inputs;
mod keep_load;
mod load;
mod lock;
mod looks;
mod open;
mod pages;
#[cfg(test)]
mod plans;
mod read;
mod repeats;
mod rows;
mod staging;
mod twins;
mod verbs;
mod workload;
mod writer;

pub use keep_load::{Kept, TooLate};
pub use load::{Enqueued, Loader, RejectedRow};
pub use lock::RunLock;
pub use read::QueueReader;
pub use verbs::Queue;
pub use writer::Between;

use super::QueueError;

/// The result of everything here.
type Result<T> = std::result::Result<T, QueueError>;

impl From<rusqlite::Error> for QueueError {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(rusqlite::ErrorCode::DiskFull) => Self::DiskFull(error.to_string()),
            Some(rusqlite::ErrorCode::DatabaseCorrupt | rusqlite::ErrorCode::NotADatabase) => {
                Self::Damaged(error.to_string())
            }
            _ => Self::Database(error.to_string()),
        }
    }
}
