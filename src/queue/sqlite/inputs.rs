//! What a job asks for, with each picture as its number: many jobs share one.

use std::collections::HashMap;

use rusqlite::Connection;

use crate::job::{ImageRef, JobSpec};

use super::Result;

/// How many pictures' numbers are kept at hand. Beyond it the queue is asked, so that memory stays flat.
const MOST_AT_HAND: usize = 1 << 16;

/// What a job asks for, as the queue stores it.
#[derive(PartialEq)]
pub(super) struct Inputs {
    pub(super) human: i64,
    pub(super) cloth: i64,
    pub(super) cloth_type: Option<String>,
    pub(super) cloth_2: Option<i64>,
    pub(super) cloth_type_2: Option<String>,
    pub(super) model: Option<String>,
}

/// The numbers of pictures, as far as they are at hand.
#[derive(Default)]
pub(super) struct Pictures {
    by_source: HashMap<String, i64>,
}

impl Pictures {
    /// The inputs of a row; pictures that the queue does not know get a number.
    pub(super) fn inputs_of(&mut self, db: &Connection, spec: &JobSpec) -> Result<Inputs> {
        Ok(Inputs {
            human: self.number(db, &spec.human)?,
            cloth: self.number(db, &spec.cloth)?,
            cloth_type: spec.cloth_type.map(|garment| garment.word().to_owned()),
            cloth_2: spec.second.as_ref().map(|second| self.number(db, &second.image)).transpose()?,
            cloth_type_2: spec.second.as_ref().map(|second| second.garment.word().to_owned()),
            model: spec.model.as_ref().map(|model| model.as_str().to_owned()),
        })
    }

    fn number(&mut self, db: &Connection, image: &ImageRef) -> Result<i64> {
        let source = image.source.stored();
        if let Some(number) = self.by_source.get(&source) {
            return Ok(*number);
        }
        // Most pictures that are not at hand are new ones, so they are not looked for first.
        let added = db
            .prepare_cached("INSERT INTO inputs (source, written) VALUES (?1, ?2) ON CONFLICT (source) DO NOTHING")?
            .execute([&source, &image.written])?;
        let number = if added == 1 {
            db.last_insert_rowid()
        } else {
            db.prepare_cached("SELECT input FROM inputs WHERE source = ?1")?.query_row([&source], |row| row.get(0))?
        };
        if self.by_source.len() >= MOST_AT_HAND {
            self.by_source.clear();
        }
        self.by_source.insert(source, number);
        Ok(number)
    }
}
