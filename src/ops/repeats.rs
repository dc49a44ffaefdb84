//! Pairs that the queue has under other ids, looked for before they are paid for again.

use crate::queue::{PairsAgain, QueueError};
use crate::settings::Settings;

use super::estimate::REPEATS_NAMED;
use super::load::ReadRows;

/// New jobs that ask for pairs which the queue has under other ids.
#[derive(Debug)]
pub enum Repeats {
    /// There are none.
    None,
    /// The settings, or the queue, say what becomes of them.
    Settled { again: PairsAgain, dedupes: bool },
    /// Nobody has said yet.
    Undecided(PairsAgain),
}

/// Looks for them, and has the load dedupe where that is settled. `is_dedupe_said`: whether an option says so or not;
/// where none does, the queue goes on as it was loaded.
///
/// # Errors
/// Those of the queue.
pub async fn look(rows: &mut ReadRows, settings: &Settings, is_dedupe_said: bool) -> Result<Repeats, QueueError> {
    let again = rows.load.pairs_again(&settings.model, REPEATS_NAMED).await?;
    let dedupes = settings.dedupe || (!is_dedupe_said && rows.load.queue_dedupes().await?);
    // Also where nothing repeats a job of the queue: the rows may repeat each other, and later loads may repeat them.
    rows.keeping.dedupe |= dedupes;
    Ok(match again.jobs {
        0 => Repeats::None,
        _ if dedupes || settings.allow_repeats => Repeats::Settled { again, dedupes },
        _ => Repeats::Undecided(again),
    })
}
