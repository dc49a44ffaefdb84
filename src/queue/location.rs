//! Which back end a location names. A further back end is a folder beside this file, and a line here.

use std::path::Path;
use std::sync::Arc;

use super::contract::{Opening, Queue, QueueResult, Site};
use super::sqlite::{Between, SqliteFile};

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
/// whoever asks, `between` is waited for before and after each, and nothing is flushed, because no machine fails here. With
/// `is_shared`, several hosts work it at once.
///
/// # Errors
/// As [`Site::open`].
pub fn open_simulated(location: &Path, between: Between, is_shared: bool) -> QueueResult<Arc<dyn Queue>> {
    SqliteFile::at(location.to_owned()).open_inline(between, is_shared)
}
