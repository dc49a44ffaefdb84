//! New jobs of a load, put into the queue out of the file in which they are staged: by a few statements for all rows of a
//! part, where one for each row would take longer than the rows themselves.
//!
//! The file is attached to the writer's connection as `staged`, and only read there.

use std::path::Path;

use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, OptionalExtension};

use super::staging::{Fate, ROW, StagedRow, read_row};
use super::{QueueError, Result};

/// The pictures that the new jobs of a part name.
const NEEDED: &str = "
    SELECT human FROM staged.rows WHERE n >= ?1 AND n < ?2 AND fate = 0
     UNION SELECT cloth FROM staged.rows WHERE n >= ?1 AND n < ?2 AND fate = 0
     UNION SELECT cloth_2 FROM staged.rows WHERE n >= ?1 AND n < ?2 AND fate = 0 AND cloth_2 IS NOT NULL";

/// An index that rows of a manifest fill in no order of its own. Over a million rows, making it takes a quarter of what it takes to
/// add each row to it.
const BY_PAIR: &str = "jobs_by_pair";

/// The size of SQLite's cache while it is away, in negative KiB.
const CACHE_MEANWHILE: i64 = -4_096;

/// A part of a load: the rows from `from` on, before `to`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Part {
    pub(super) from: i64,
    pub(super) to: i64,
}

/// Lets the writer's connection read a staged load, which nobody writes any more.
pub(super) fn attach(db: &Connection, staged: &Path) -> Result<()> {
    // One that was not seen to its end may have left its own.
    detach(db)?;
    db.prepare("ATTACH ?1 AS staged")?.execute([as_text(staged)])?;
    // An index over all jobs is sorted in files, so that memory stays flat. The pragma drops all temporary tables.
    db.execute_batch(
        "PRAGMA temp_store = FILE;
         CREATE TEMPORARY TABLE numbers (input INTEGER NOT NULL PRIMARY KEY, number INTEGER NOT NULL)",
    )?;
    Ok(())
}

/// Lets go of a staged load.
pub(super) fn detach(db: &Connection) -> Result<()> {
    let is_attached = "SELECT EXISTS (SELECT 1 FROM pragma_database_list WHERE name = 'staged')";
    if db.query_row(is_attached, [], |row| row.get(0))? {
        // Statements that were prepared for it hold it.
        db.flush_prepared_statement_cache();
        db.execute_batch("DETACH staged; PRAGMA temp_store = MEMORY")?;
    }
    Ok(())
}

/// The bytes of a path, which need not be UTF-8: SQLite takes them as they are.
fn as_text(path: &Path) -> ToSqlOutput<'_> {
    ToSqlOutput::Borrowed(ValueRef::Text(path.as_os_str().as_encoded_bytes()))
}

/// Finds the queue's numbers for the pictures of a part's new jobs, and gives numbers to those that it does not know.
pub(super) fn number_pictures(db: &Connection, part: Part) -> Result<()> {
    let part = [part.from, part.to];
    db.prepare_cached("DELETE FROM temp.numbers")?.execute([])?;
    db.prepare_cached(&format!(
        "INSERT INTO main.inputs (source, written)
             SELECT source, written FROM staged.inputs WHERE known IS NULL AND input IN ({NEEDED}) ORDER BY input
             ON CONFLICT (source) DO NOTHING"
    ))?
    .execute(part)?;
    db.prepare_cached(&format!(
        "INSERT INTO temp.numbers (input, number)
             SELECT s.input, coalesce(s.known, (SELECT q.input FROM main.inputs q WHERE q.source = s.source))
               FROM staged.inputs s WHERE s.input IN ({NEEDED})"
    ))?
    .execute(part)?;
    Ok(())
}

/// The new jobs of a part whose names the queue has given away since they were staged.
pub(super) fn too_late(db: &Connection, part: Part) -> Result<Vec<StagedRow>> {
    let mut statement = db.prepare_cached(&format!(
        "SELECT {ROW} FROM staged.rows r
          WHERE n >= ?1 AND n < ?2 AND fate = 0
            AND (EXISTS (SELECT 1 FROM main.jobs WHERE id_key = r.id_key)
                 OR EXISTS (SELECT 1 FROM main.images WHERE path_key = r.id_key AND image > 0))
          ORDER BY n"
    ))?;
    let mut rows = statement.query([part.from, part.to])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(read_row(row)?);
    }
    Ok(found)
}

/// Adds the new jobs of a part, in their order; none of them is too late, and their pictures have numbers. Returns how many.
pub(super) fn add(db: &Connection, part: Part) -> Result<usize> {
    // CROSS JOIN keeps the order of the loops.
    let mut statement = db.prepare_cached(
        "INSERT INTO main.jobs (id, id_key, human, cloth, cloth_type, cloth_2, cloth_type_2, model, priority, state,
                                attempt, keep, extra)
             SELECT r.id, r.id_key, h.number, c.number, r.cloth_type, c2.number, r.cloth_type_2, r.model, r.priority,
                    'pending', 0, r.keep, r.extra
               FROM staged.rows r
                    CROSS JOIN temp.numbers h ON h.input = r.human
                    CROSS JOIN temp.numbers c ON c.input = r.cloth
                    LEFT JOIN temp.numbers c2 ON c2.input = r.cloth_2
              WHERE r.n >= ?1 AND r.n < ?2 AND r.fate = 0 ORDER BY r.n",
    )?;
    Ok(statement.execute([part.from, part.to])?)
}

/// The job of the last row of a part that is one, where there is such a row. To be asked right after [`add`].
pub(super) fn last_taken(db: &Connection, part: Part) -> Result<Option<i64>> {
    let mut statement = db.prepare_cached(
        "SELECT fate, job FROM staged.rows WHERE n >= ?1 AND n < ?2 AND (fate < 5 OR fate = 7) ORDER BY n DESC LIMIT 1",
    )?;
    let last = statement.query_row([part.from, part.to], |row| Ok((row.get::<_, i64>(0)?, row.get(1)?))).optional()?;
    Ok(last.and_then(|(fate, job)| if fate == Fate::Added as i64 { Some(db.last_insert_rowid()) } else { job }))
}

/// Adds very many jobs while their index by pairs is away, which is then made of all of them at once.
pub(super) fn without_index_by_pair(db: &Connection, add: impl FnOnce() -> Result<()>) -> Result<()> {
    let sql = "SELECT sql FROM main.sqlite_schema WHERE type = 'index' AND name = ?1";
    let index: String = db.query_row(sql, [BY_PAIR], |row| row.get(0))?;
    // SQLite sorts in as much memory as its cache may have, and rows that come in their order need little of that.
    let cache: i64 = db.pragma_query_value(None, "cache_size", |row| row.get(0))?;
    db.pragma_update(None, "cache_size", CACHE_MEANWHILE)?;
    let made = db
        .execute_batch(&format!("DROP INDEX main.{BY_PAIR}"))
        .map_err(QueueError::from)
        .and_then(|()| add())
        .and_then(|()| Ok(db.execute_batch(&index)?));
    db.pragma_update(None, "cache_size", cache)?;
    made
}
