//! The queue's numbers for the pictures of a load that is being written to it.

use std::collections::HashMap;

use rusqlite::Connection;

use super::error::Result;
use super::inputs::{Inputs, added, make_room};
use super::staging::Staging;

/// The numbers that the queue has for the staged pictures of a load, as far as they are at hand.
#[derive(Default)]
pub(super) struct Pictures {
    by_staged: HashMap<i64, i64>,
}

impl Pictures {
    /// The inputs of a staged row with the queue's numbers; pictures that the queue does not know get one.
    pub(super) fn inputs_of(&mut self, db: &Connection, staging: &Staging, staged: &Inputs) -> Result<Inputs> {
        Ok(Inputs {
            human: self.number(db, staging, staged.human)?,
            cloth: self.number(db, staging, staged.cloth)?,
            cloth_2: staged.cloth_2.map(|cloth| self.number(db, staging, cloth)).transpose()?,
            ..staged.clone()
        })
    }

    fn number(&mut self, db: &Connection, staging: &Staging, staged: i64) -> Result<i64> {
        if let Some(number) = self.by_staged.get(&staged) {
            return Ok(*number);
        }
        let (source, written, known) = staging.picture(staged)?;
        let number = match known {
            Some(known) => known,
            None => added(db, &source, &written)?,
        };
        make_room(&mut self.by_staged);
        self.by_staged.insert(staged, number);
        Ok(number)
    }
}
