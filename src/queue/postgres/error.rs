//! What PostgreSQL and the way to it report, as errors of the queue.

use deadpool_postgres::PoolError;
use tokio_postgres::error::{DbError, SqlState};

use crate::queue::QueueError;

/// The result of everything in this folder.
pub(super) type Result<T> = std::result::Result<T, QueueError>;

impl From<tokio_postgres::Error> for QueueError {
    fn from(error: tokio_postgres::Error) -> Self {
        let said = error.as_db_error().map_or_else(|| said(&error), in_words);
        let Some(code) = error.code() else {
            // What the server did not say is of the way to it, except what cannot be sent or read at all.
            let is_of_the_way = error.is_closed() || has_io(&error);
            return if is_of_the_way { Self::Unreachable(said) } else { Self::Database(said) };
        };
        match code {
            &SqlState::T_R_SERIALIZATION_FAILURE | &SqlState::T_R_DEADLOCK_DETECTED => Self::Conflict(said),
            &SqlState::DISK_FULL => Self::DiskFull(said),
            &SqlState::DATA_CORRUPTED | &SqlState::INDEX_CORRUPTED => Self::Damaged(said),
            // A server that starts, stops, fails over or is full; a pooler's own words have the class 08.
            &SqlState::ADMIN_SHUTDOWN
            | &SqlState::CRASH_SHUTDOWN
            | &SqlState::CANNOT_CONNECT_NOW
            | &SqlState::TOO_MANY_CONNECTIONS
            | &SqlState::READ_ONLY_SQL_TRANSACTION
            | &SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT => Self::Unreachable(said),
            code if code.code().starts_with("08") => Self::Unreachable(said),
            _ => Self::Database(said),
        }
    }
}

impl From<PoolError> for QueueError {
    fn from(error: PoolError) -> Self {
        match error {
            PoolError::Backend(error) => error.into(),
            PoolError::Closed => Self::Closed,
            other => Self::Unreachable(other.to_string()),
        }
    }
}

fn has_io(error: &dyn std::error::Error) -> bool {
    let mut source = error.source();
    while let Some(cause) = source {
        if let Some(error) = cause.downcast_ref::<std::io::Error>() {
            // A certificate that is not to be trusted is no trouble of the way that passes.
            return !matches!(error.kind(), std::io::ErrorKind::InvalidData | std::io::ErrorKind::InvalidInput);
        }
        source = cause.source();
    }
    false
}

/// What the server says.
fn in_words(error: &DbError) -> String {
    let more = [error.detail(), error.hint()].into_iter().flatten();
    std::iter::once(error.message()).chain(more).collect::<Vec<_>>().join("; ")
}

/// An error with its causes. None of them knows the password.
pub(super) fn said(error: &dyn std::error::Error) -> String {
    let mut said = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_said = cause.to_string();
        if !said.contains(&cause_said) {
            said.push_str(": ");
            said.push_str(&cause_said);
        }
        source = cause.source();
    }
    said
}
