//! Which back end a location names. A further back end is a folder beside this file, and a line here.

use std::path::Path;
use std::sync::Arc;

use super::contract::Queue;
use super::error::QueueResult;
use super::location::Location;
use super::postgres::PostgresDatabase;
use super::site::{Opening, Site};
use super::sqlite::{Between, SqliteFile};

/// Where `location` says that the queue is.
#[must_use]
pub fn at(location: impl Into<Location>) -> Arc<dyn Site> {
    match location.into() {
        Location::File(path) => Arc::new(SqliteFile::at(path)),
        Location::Postgres(address) => Arc::new(PostgresDatabase::at(address)),
    }
}

/// Opens the queue at `location`.
///
/// # Errors
/// As [`Site::open`].
pub async fn open(location: impl Into<Location>, opening: Opening) -> QueueResult<Arc<dyn Queue>> {
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
