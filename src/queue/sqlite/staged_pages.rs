//! Staged rows as a queue elsewhere takes them: with the numbers that it has, or will have, for their pictures.

use rusqlite::params;

use super::Result;
use super::staging::{Fate, StagedRow, Staging};

/// A picture that the queue elsewhere does not have yet.
pub(in crate::queue) struct NewPicture {
    /// The load's number, and the queue's.
    pub(in crate::queue) staged: i64,
    pub(in crate::queue) number: i64,
    pub(in crate::queue) source: String,
    pub(in crate::queue) written: String,
}

/// Where rows of a load are in the report: each behind the job before it. New jobs get the numbers behind the queue's last one.
#[derive(Debug, Clone, Copy)]
pub(in crate::queue) struct Places {
    last: i64,
    behind: i64,
}

/// The columns of a staged row in the order of `staging::ROW`, with the queue's numbers for its pictures.
const NEW_ROWS: &str = "
    SELECT r.n, r.id, r.id_key, h.number, c.number, r.cloth_type, c2.number, r.cloth_type_2, r.model, r.priority, r.fate, r.job,
           r.manifest, r.line, r.keep, r.extra, r.relabels
      FROM rows r JOIN numbers h ON h.input = r.human JOIN numbers c ON c.input = r.cloth
      LEFT JOIN numbers c2 ON c2.input = r.cloth_2
     WHERE r.n >= ?1 AND r.n < ?2 AND r.fate = 0 ORDER BY r.n";

/// The number that the queue has, or will have, for a picture: of those it does not have, only what some new job needs. Made for
/// each try, because a try that comes to nothing leaves no numbers in the queue.
const NUMBERS: &str = "
    DROP TABLE IF EXISTS temp.numbers;
    CREATE TEMPORARY TABLE numbers (input INTEGER NOT NULL PRIMARY KEY, number INTEGER NOT NULL);
    INSERT INTO numbers SELECT input, known FROM inputs WHERE known IS NOT NULL";
const NEW_NUMBERS: &str = "
    INSERT INTO numbers SELECT input, ?1 + row_number() OVER (ORDER BY input) FROM inputs WHERE known IS NULL";
const IS_NEEDED: &str = "
    AND input IN (SELECT human FROM rows WHERE fate = 0 UNION SELECT cloth FROM rows WHERE fate = 0
                   UNION SELECT cloth_2 FROM rows WHERE fate = 0)";

impl Staging {
    /// Whether some row changes a job of the queue, or takes one out.
    pub(in crate::queue) fn changes_jobs(&self) -> Result<bool> {
        let query = "SELECT EXISTS (SELECT 1 FROM rows INDEXED BY rows_that_change_jobs
                                     WHERE (fate = 2 OR fate = 3 OR fate = 6 OR fate = 7 OR relabels = 1)
                                       AND job IS NOT NULL)";
        Ok(self.db.query_row(query, [], |row| row.get(0))?)
    }

    /// Whether there are rows that are not taken.
    pub(in crate::queue) fn has_rejected(&self) -> Result<bool> {
        Ok(self.db.query_row("SELECT EXISTS (SELECT 1 FROM rejected)", [], |row| row.get(0))?)
    }

    /// Gives numbers behind `last` to the pictures that the queue does not have and new jobs need.
    pub(in crate::queue) fn number_pictures(&self, last: i64) -> Result<()> {
        self.db.execute_batch(NUMBERS)?;
        let all = "SELECT NOT EXISTS (SELECT 1 FROM rows WHERE fate <> 0)";
        let are_all_needed: bool = self.db.query_row(all, [], |row| row.get(0))?;
        let condition = if are_all_needed { "" } else { IS_NEEDED };
        self.db.execute(&format!("{NEW_NUMBERS} {condition}"), [last])?;
        Ok(())
    }

    /// The pictures that have got a number, in their order: a page behind the staged number `after`.
    pub(in crate::queue) fn new_pictures(&self, after: i64, most: i64) -> Result<Vec<NewPicture>> {
        let mut statement = self.db.prepare_cached(
            "SELECT i.input, n.number, i.source, i.written FROM inputs i JOIN numbers n ON n.input = i.input
              WHERE i.known IS NULL AND i.input > ?1 ORDER BY i.input LIMIT ?2",
        )?;
        let read = |row: &rusqlite::Row<'_>| {
            Ok(NewPicture { staged: row.get(0)?, number: row.get(1)?, source: row.get(2)?, written: row.get(3)? })
        };
        Ok(statement.query_map(params![after, most], read)?.collect::<rusqlite::Result<_>>()?)
    }

    /// The rows from `from` on, before `to`, that become new jobs, with the queue's numbers for their pictures.
    pub(in crate::queue) fn new_rows(&self, from: i64, to: i64) -> Result<Vec<StagedRow>> {
        self.collect(NEW_ROWS, params![from, to])
    }

    /// The places of a queue's rows, of which job `last` is the last one.
    pub(in crate::queue) fn places_behind(&self, last: i64) -> Result<Places> {
        let behind = match self.first_taken()? {
            // Rows before the first that was taken are in front of its job, or behind all jobs where it is a new one.
            Some(StagedRow { job: Some(job), fate, .. }) if fate != Fate::Added => job.max(1) - 1,
            _ => last,
        };
        Ok(Places { last, behind })
    }

    /// The jobs behind which the rejected rows of a page are: those from `from` on, before `to`, in their order.
    pub(in crate::queue) fn places_of_rejected(&self, places: &mut Places, from: i64, to: i64) -> Result<Vec<i64>> {
        let mut statement = self.db.prepare_cached(
            "SELECT n, 0 AS is_rejected, fate, job FROM rows WHERE n >= ?1 AND n < ?2 AND (fate < 5 OR fate = 7)
              UNION ALL SELECT n, 1, NULL, NULL FROM rejected WHERE n >= ?1 AND n < ?2 ORDER BY 1, 2 DESC",
        )?;
        let mut rows = statement.query(params![from, to])?;
        let mut behind = Vec::new();
        while let Some(row) = rows.next()? {
            if row.get(1)? {
                behind.push(places.behind);
                continue;
            }
            if row.get::<_, i64>(2)? == Fate::Added as i64 {
                places.last += 1;
                places.behind = places.last;
            } else if let Some(job) = row.get(3)? {
                places.behind = job;
            }
        }
        Ok(behind)
    }
}
