//! What a job asks for, with each picture as its number: many jobs share one.

use std::collections::HashMap;

use rusqlite::{Connection, params};

use crate::job::{self, ImageRef, ImageSource, JobSpec};

use super::Result;
use super::compared::Compared;

/// How many pictures' numbers are kept at hand. Beyond it the queue is asked, so that memory stays flat.
const MOST_AT_HAND: usize = 1 << 16;

/// What a job asks for, with the numbers that a database has for its pictures.
pub(in crate::queue) type Inputs = job::Inputs<i64, String>;

/// The number of a picture, which it gets where it has none. Most are new ones, so they are not looked for first.
pub(super) fn added(db: &Connection, source: &str, written: &str) -> Result<i64> {
    let added = db
        .prepare_cached("INSERT INTO inputs (source, written) VALUES (?1, ?2) ON CONFLICT (source) DO NOTHING")?
        .execute([source, written])?;
    if added == 1 {
        return Ok(db.last_insert_rowid());
    }
    Ok(db.prepare_cached("SELECT input FROM inputs WHERE source = ?1")?.query_row([source], |row| row.get(0))?)
}

pub(super) fn make_room<K, V>(at_hand: &mut HashMap<K, V>) {
    if at_hand.len() >= MOST_AT_HAND {
        at_hand.clear();
    }
}

/// A picture of a load: its number there, and the number that the queue has for it, if it has one.
#[derive(Debug, Clone, Copy)]
struct StagedPicture {
    staged: i64,
    known: Option<i64>,
}

/// The pictures of a load, as far as they are at hand.
#[derive(Default)]
pub(super) struct StagedPictures {
    by_source: HashMap<String, StagedPicture>,
}

/// The inputs of a row of a load.
pub(super) struct StagedInputs {
    /// With the load's numbers.
    pub(super) staged: Inputs,
    /// With the queue's numbers; `None` where the queue does not know one of the pictures.
    pub(super) known: Option<Inputs>,
}

impl StagedPictures {
    /// The inputs of a row, staged in `db`. `queue` is asked once for each picture.
    pub(super) fn inputs_of(&mut self, db: &Connection, queue: &Compared, spec: &JobSpec) -> Result<StagedInputs> {
        let human = self.picture(db, queue, &spec.human)?;
        let cloth = self.picture(db, queue, &spec.cloth)?;
        let second = match &spec.second {
            Some(second) => Some(self.picture(db, queue, &second.image)?),
            None => None,
        };
        let words = spec.inputs();
        let staged = Inputs {
            human: human.staged,
            cloth: cloth.staged,
            cloth_2: second.map(|second| second.staged),
            cloth_type: words.cloth_type.map(str::to_owned),
            cloth_type_2: words.cloth_type_2.map(str::to_owned),
            model: words.model.map(str::to_owned),
            keep: words.keep,
        };
        let known = match (human.known, cloth.known, second.map(|second| second.known)) {
            (Some(human), Some(cloth), None) => Some(Inputs { human, cloth, ..staged.clone() }),
            (Some(human), Some(cloth), Some(Some(second))) => {
                Some(Inputs { human, cloth, cloth_2: Some(second), ..staged.clone() })
            }
            _ => None,
        };
        Ok(StagedInputs { staged, known })
    }

    /// The number that the queue has for a picture.
    pub(super) fn number_in(&self, queue: &Compared, source: &ImageSource) -> Result<Option<i64>> {
        let source = source.stored();
        match self.by_source.get(&source) {
            Some(picture) => Ok(picture.known),
            None => queue.number_of(&source),
        }
    }

    fn picture(&mut self, db: &Connection, queue: &Compared, image: &ImageRef) -> Result<StagedPicture> {
        let source = image.source.stored();
        if let Some(picture) = self.by_source.get(&source) {
            return Ok(*picture);
        }
        let staged = added(db, &source, &image.written)?;
        let known = queue.number_of(&source)?;
        if known.is_some() {
            db.prepare_cached("UPDATE inputs SET known = ?2 WHERE input = ?1")?.execute(params![staged, known])?;
        }
        make_room(&mut self.by_source);
        let picture = StagedPicture { staged, known };
        self.by_source.insert(source, picture);
        Ok(picture)
    }
}
