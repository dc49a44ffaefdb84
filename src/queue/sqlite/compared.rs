//! What the rows of a load are compared with: nothing, a queue of SQLite, or what another queue has said about them.

use std::collections::{HashMap, HashSet};

use rusqlite::{Connection, OptionalExtension};

use crate::job::{Inputs, Keep, StateName};

use super::contents::{SentSha256, sent_for};
use super::{QueueError, Result};

/// A job of the queue that has the id of a row.
#[derive(Clone)]
pub(in crate::queue) struct Standing {
    pub(in crate::queue) seq: i64,
    pub(in crate::queue) id: String,
    pub(in crate::queue) inputs: Inputs<i64, String>,
    pub(in crate::queue) priority: i64,
    pub(in crate::queue) state: StateName,
    /// The manifest columns that it has, as they are stored.
    pub(in crate::queue) extra: Option<String>,
}

/// What the rows of a load are compared with.
pub(in crate::queue) enum Compared {
    /// There is no queue yet.
    Nothing,
    Queue(Connection),
    Known(Known),
}

/// What a queue elsewhere has said about the rows that are added next.
#[derive(Default)]
pub(in crate::queue) struct Known {
    pub(in crate::queue) has_jobs: bool,
    /// Whether any task has left further images, whose names new ids must not take.
    pub(in crate::queue) has_further_images: bool,
    /// The jobs that have the id of a row, by its key.
    pub(in crate::queue) standing: HashMap<String, Standing>,
    /// Those of them that were accepted, or may have been.
    pub(in crate::queue) may_exist: HashSet<i64>,
    /// Jobs that have a further image of a row's name, by the key of that name.
    pub(in crate::queue) owners: HashMap<String, String>,
    /// The numbers of pictures, by their source.
    pub(in crate::queue) pictures: HashMap<String, i64>,
    /// What was sent for those jobs that may exist at the provider.
    pub(in crate::queue) sent: HashMap<i64, SentSha256>,
}

impl Compared {
    pub(super) fn has_jobs(&self) -> Result<bool> {
        match self {
            Self::Nothing => Ok(false),
            Self::Queue(queue) => has(queue, "jobs"),
            Self::Known(known) => Ok(known.has_jobs),
        }
    }

    pub(super) fn has_further_images(&self) -> Result<bool> {
        match self {
            Self::Nothing => Ok(false),
            Self::Queue(queue) => has(queue, "images WHERE image > 0"),
            Self::Known(known) => Ok(known.has_further_images),
        }
    }

    /// The queue of SQLite, where it is one.
    pub(super) fn sqlite(&self) -> Option<&Connection> {
        match self {
            Self::Queue(queue) => Some(queue),
            Self::Nothing | Self::Known(_) => None,
        }
    }

    /// The number that the queue has for a picture.
    pub(super) fn number_of(&self, source: &str) -> Result<Option<i64>> {
        match self {
            Self::Nothing => Ok(None),
            Self::Queue(queue) => Ok(queue
                .prepare_cached("SELECT input FROM inputs WHERE source = ?1")?
                .query_row([source], |row| row.get(0))
                .optional()?),
            Self::Known(known) => Ok(known.pictures.get(source).copied()),
        }
    }

    /// The job of the queue that has an id.
    pub(super) fn standing(&self, id_key: &str) -> Result<Option<Standing>> {
        match self {
            Self::Nothing => Ok(None),
            Self::Queue(queue) => standing(queue, id_key),
            Self::Known(known) => Ok(known.standing.get(id_key).cloned()),
        }
    }

    /// Whether some attempt of the job was accepted, or may have been.
    pub(super) fn may_exist_at_provider(&self, seq: i64) -> Result<bool> {
        match self {
            Self::Nothing => Ok(false),
            Self::Queue(queue) => may_exist_at_provider(queue, seq),
            Self::Known(known) => Ok(known.may_exist.contains(&seq)),
        }
    }

    /// What was sent for a job, as far as it is known.
    pub(super) fn sent_for(&self, seq: i64) -> Result<SentSha256> {
        match self {
            Self::Nothing => Ok(SentSha256::default()),
            Self::Queue(queue) => sent_for(queue, seq),
            Self::Known(known) => Ok(known.sent.get(&seq).cloned().unwrap_or_default()),
        }
    }

    /// The job that has a further image of this name.
    pub(super) fn owner_of_further_image(&self, id_key: &str) -> Result<Option<String>> {
        match self {
            Self::Nothing => Ok(None),
            Self::Queue(queue) => owner_of_further_image(queue, id_key),
            Self::Known(known) => Ok(known.owners.get(id_key).cloned()),
        }
    }
}

fn has(queue: &Connection, rows: &str) -> Result<bool> {
    Ok(queue.query_row(&format!("SELECT EXISTS (SELECT 1 FROM {rows})"), [], |row| row.get(0))?)
}

/// The job of the queue that has an id.
pub(super) fn standing(queue: &Connection, id_key: &str) -> Result<Option<Standing>> {
    let mut statement = queue.prepare_cached(
        "SELECT seq, id, human, cloth, cloth_type, cloth_2, cloth_type_2, model, priority, state, keep, extra
           FROM jobs WHERE id_key = ?1",
    )?;
    let mut rows = statement.query([id_key])?;
    let Some(row) = rows.next()? else { return Ok(None) };
    let state: String = row.get(9)?;
    Ok(Some(Standing {
        seq: row.get(0)?,
        id: row.get(1)?,
        inputs: Inputs {
            human: row.get(2)?,
            cloth: row.get(3)?,
            cloth_type: row.get(4)?,
            cloth_2: row.get(5)?,
            cloth_type_2: row.get(6)?,
            model: row.get(7)?,
            keep: Keep::of_bits(row.get(10)?),
        },
        priority: row.get(8)?,
        state: StateName::from_word(&state).ok_or_else(|| QueueError::Damaged(format!("`{state}` is no state")))?,
        extra: row.get(11)?,
    }))
}

/// Whether some attempt of the job was accepted, or may have been.
pub(super) fn may_exist_at_provider(queue: &Connection, seq: i64) -> Result<bool> {
    Ok(queue
        .prepare_cached(
            "SELECT EXISTS (SELECT 1 FROM attempts
                             WHERE job = ?1 AND outcome NOT IN ('released', 'turned_away', 'refused'))",
        )?
        .query_row([seq], |row| row.get(0))?)
}

pub(super) fn owner_of_further_image(queue: &Connection, id_key: &str) -> Result<Option<String>> {
    Ok(queue
        .prepare_cached("SELECT j.id FROM images i JOIN jobs j ON j.seq = i.job WHERE i.path_key = ?1 AND i.image > 0")?
        .query_row([id_key], |row| row.get(0))
        .optional()?)
}
