//! Counts that are kept: every verb says what it changes, and nobody waits for anybody to do so.

use crate::job::StateName;
use crate::queue::{Counts, QueueError};

use super::db::{Db, args};
use super::error::Result;

/// What a verb changes about the counts.
#[derive(Debug, Default)]
pub(super) struct Changes {
    names: Vec<&'static str>,
    by: Vec<f64>,
}

impl Changes {
    pub(super) fn add(&mut self, name: &'static str, by: f64) {
        if by == 0.0 {
            return;
        }
        match self.names.iter().position(|known| *known == name) {
            Some(place) => self.by[place] += by,
            None => {
                self.names.push(name);
                self.by.push(by);
            }
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "numbers of rows")]
    pub(super) fn count(&mut self, name: &'static str, by: i64) {
        self.add(name, by as f64);
    }

    /// Writes them down in the transaction of the verb.
    pub(super) async fn write(&self, db: Db<'_>) -> Result<()> {
        if self.names.is_empty() {
            return Ok(());
        }
        let statement = "INSERT INTO tryon.tally_changes (name, change) SELECT * FROM unnest($1, $2)";
        db.run(statement, args![self.names, self.by]).await?;
        Ok(())
    }
}

/// Adds up what verbs have written down, unless another process is doing so.
pub(super) async fn add_up(db: Db<'_>) -> Result<()> {
    if !db.try_lock("tryon: tallies").await? {
        return Ok(());
    }
    db.run(
        "WITH gone AS (DELETE FROM tryon.tally_changes RETURNING name, change)
         INSERT INTO tryon.tallies AS t (name, value) SELECT name, sum(change) FROM gone GROUP BY name
         ON CONFLICT (name) DO UPDATE SET value = t.value + excluded.value",
        args![],
    )
    .await?;
    Ok(())
}

/// How many jobs are in each state, and what they have cost.
pub(super) async fn counts(db: Db<'_>) -> Result<Counts> {
    let query = "SELECT name, sum(value) FROM (SELECT name, value FROM tryon.tallies
                  UNION ALL SELECT name, change FROM tryon.tally_changes) AS counted GROUP BY name";
    let mut counts = Counts::default();
    for row in db.rows(query, args![]).await? {
        let (name, value): (String, f64) = (row.try_get(0)?, row.try_get(1)?);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count of rows")]
        let whole = value.round() as u64;
        match (StateName::from_word(&name), name.as_str()) {
            (Some(state), _) => counts.set(state, whole),
            (None, "rejected") => counts.rejected = whole,
            (None, "units") => counts.units = value,
            (None, "paid") => counts.paid = value,
            (None, "untold") => counts.untold = whole,
            (None, "flagged") => counts.flagged = whole,
            (None, "approved") => counts.approved = whole,
            (None, "rejected_images") => counts.rejected_images = whole,
            (None, _) => return Err(QueueError::Damaged(format!("`{name}` is counted and unknown"))),
        }
    }
    Ok(counts)
}
