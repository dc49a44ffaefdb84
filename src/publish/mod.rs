//! From an output tree to a channel: which images, under which names, in which form, with which marks, and the table that the
//! channel imports.
//!
//! The originals are only read. What a recipe asks for is decided whole before the first write: names, collisions, what is in
//! the way. A file in the target is whole or absent, and one of somebody else's is never touched. What was published is kept
//! there in a record, so that a second publication writes only what has changed.

mod ending;
mod make;
mod marks;
mod outcome;
mod plan;
mod problems;
mod recipe;
mod record;
mod standing;
mod table;
mod template;
mod work;

use tokio_util::sync::CancellationToken;

use crate::queue::{QueueError, QueueReads};
use crate::store::{OutputError, Shelf};

use self::ending::Ending;
pub use self::make::Originals;
pub use self::marks::Remark;
pub use self::outcome::{Named, Outcome, TableOutcome};
pub use self::problems::Problems;
pub use self::recipe::{Recipe, RecipeError};
use self::record::{RECORD, Record};
use self::standing::Standing;
use self::work::Work;

/// What is wanted beside the recipe.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Wishes {
    /// Also images that nobody has judged, unless they are flagged.
    pub all: bool,
    /// Remove published files that are wanted no more.
    pub prune: bool,
    /// Only find out what would be done.
    pub dry_run: bool,
}

/// Why nothing was published, or why it ended early.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// The recipe, the manifest's columns and the target do not fit together. Nothing was written.
    #[error("{0}")]
    Problems(Problems),
    /// The target belongs to another queue. Nothing was written.
    #[error(
        "{place} was filled from another queue, and its table would be overwritten; name a place of this queue's own"
    )]
    OtherQueue { place: String },
    /// The record cannot be used. Nothing was written.
    #[error("{place}, which says what was published there, cannot be used: {why}")]
    Record { place: String, why: String },
    #[error(transparent)]
    Output(#[from] OutputError),
    #[error(transparent)]
    Queue(#[from] QueueError),
}

/// How a publication goes on: images done, of how many that are to be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    pub done: u64,
    pub of: u64,
}

/// Where images come from and go to.
#[derive(Debug)]
pub struct Route<'a> {
    pub originals: Originals,
    pub shelf: Shelf,
    /// The queue's own text, which no other queue has.
    pub owner: &'a str,
}

/// Publishes.
///
/// # Errors
/// See [`PublishError`]. What has its name by then is whole, and the next publication goes on from there.
pub async fn publish(
    queue: &dyn QueueReads,
    route: &Route<'_>,
    recipe: &Recipe,
    wishes: Wishes,
    stop: &CancellationToken,
    told: &mut dyn FnMut(Progress),
) -> Result<Outcome, PublishError> {
    let Route { originals, shelf, owner } = route;
    let mut record = read_record(shelf, owner).await?;
    let candidates = plan::candidates(queue, wishes.all).await?;
    let items = plan::planned(candidates, recipe, &mut shelf.name_checks()).map_err(PublishError::Problems)?;
    let table = recipe.table.as_ref().map(|table| table.file.as_str());
    let compared = standing::compared(&items, table, &record, shelf).await?;
    let Standing { to_write, up_to_date, changed, stale, has_table } = compared.map_err(PublishError::Problems)?;
    let mut outcome = Outcome::before(items.len() as u64, up_to_date, changed, &stale);
    let ending = Ending { shelf, recipe, items: &items, has_table };
    if wishes.dry_run {
        outcome.written = to_write.len() as u64;
        outcome.table = ending.table_before(&record)?;
        return Ok(outcome);
    }
    if record.queue.is_none() || record.wants_rewriting() {
        shelf.replace_own(RECORD, record.written(owner)).await?;
    }
    let of = to_write.len() as u64;
    let work = Work { shelf, originals, conversion: recipe.picture.as_ref(), owner, stop };
    let worked = work.write(to_write, &mut record, &mut outcome, &mut |done| told(Progress { done, of })).await;
    outcome.interrupted = stop.is_cancelled();
    let ended = match worked {
        Ok(()) if !outcome.interrupted => ending.carry_out(wishes.prune, stale, &mut record, &mut outcome).await,
        worked => worked,
    };
    if outcome.interrupted && recipe.table.is_some() {
        outcome.table = TableOutcome::Waits;
    }
    // In a bucket it is kept by nothing else.
    let has_changed = outcome.written + outcome.removed > 0 || outcome.table == TableOutcome::Written;
    if has_changed && (shelf.is_marked() || record.wants_rewriting()) {
        let kept = shelf.replace_own(RECORD, record.written(owner)).await;
        ended.and(kept.map_err(Into::into))?;
    } else {
        ended?;
    }
    Ok(outcome)
}

async fn read_record(shelf: &Shelf, owner: &str) -> Result<Record, PublishError> {
    let content = shelf.read_own(RECORD).await?.unwrap_or_default();
    let place = || shelf.place_of(RECORD);
    let record =
        Record::read(&content).map_err(|error| PublishError::Record { place: place(), why: error.to_string() })?;
    match &record.queue {
        Some(queue) if queue != owner => Err(PublishError::OtherQueue { place: shelf.place_of("") }),
        _ => Ok(record),
    }
}
