//! What only a queue of SQLite can show: its files, its log, its locks, and queues of earlier versions.

mod back_end;
mod crash;
mod first_load;
mod group_commit;
mod log_growth;
mod open;
mod staged_load;
mod upgrade;

use super::bed::{Bed, on_a_queue_of};
pub(crate) use back_end::SQLITE;

/// Runs a test against a queue of SQLite alone; see [`super::bed::on_every_queue`].
async fn on_sqlite(test: impl AsyncFn(&Bed)) {
    on_a_queue_of(&SQLITE, test).await;
}
