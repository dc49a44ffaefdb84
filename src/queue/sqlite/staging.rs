//! Rows of a load before they are the queue's: in a database of their own, so that reading a manifest locks nothing.
//!
//! The file is thrown away unless the load is kept. Then it is flushed to disk, and stays beside the queue until every
//! row is in it, so that a load which is cut off can be completed.

use std::fs::File;
use std::path::{Path, PathBuf};

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::job::{ImageSource, JobSpec, Keep};

use super::compared::Compared;
use super::inputs::{Inputs, StagedInputs, StagedPictures};
use super::transition::one_row;
use super::{QueueError, Result};

/// `known` is the number that the queue has for the same picture, `equal` that of one of the same bytes elsewhere, and `sha256` is
/// what was read; mostly nothing is. `job` is the job of the queue that has the row's id;
/// `relabels` is whether its kept columns become others, whatever else becomes of it.
const SCHEMA: &str = "
CREATE TABLE inputs (
    input   INTEGER NOT NULL PRIMARY KEY,
    source  TEXT    NOT NULL UNIQUE,
    written TEXT    NOT NULL,
    known   INTEGER,
    equal   INTEGER,
    sha256  TEXT
) STRICT;
CREATE TABLE rows (
    n            INTEGER NOT NULL PRIMARY KEY,
    id           TEXT    NOT NULL,
    id_key       TEXT    NOT NULL UNIQUE,
    human        INTEGER NOT NULL,
    cloth        INTEGER NOT NULL,
    cloth_type   TEXT,
    cloth_2      INTEGER,
    cloth_type_2 TEXT,
    model        TEXT,
    keep         INTEGER NOT NULL DEFAULT 7,
    priority     INTEGER NOT NULL,
    fate         INTEGER NOT NULL,
    job          INTEGER,
    manifest     INTEGER NOT NULL,
    line         INTEGER NOT NULL,
    extra        TEXT,
    relabels     INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX rows_that_change_jobs ON rows (n) WHERE fate = 2 OR fate = 3 OR fate = 6 OR fate = 7 OR relabels = 1;
CREATE INDEX jobs_that_change ON rows (job) WHERE fate = 2 OR fate = 6;
CREATE TABLE manifests (
    manifest INTEGER NOT NULL PRIMARY KEY,
    name     TEXT    NOT NULL,
    identity TEXT    NOT NULL
) STRICT;
CREATE TABLE rejected (
    n        INTEGER NOT NULL PRIMARY KEY,
    manifest TEXT    NOT NULL,
    line     INTEGER NOT NULL,
    id       TEXT    NOT NULL,
    human    TEXT    NOT NULL,
    cloth    TEXT    NOT NULL,
    reason   TEXT    NOT NULL
) STRICT;
";

/// What a load makes of the first row with an id. The numbers are those of the column `fate`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::queue) enum Fate {
    /// A new job.
    Added = 0,
    /// A job of the queue with the same inputs, which was submitted, or is not to be.
    Unchanged = 1,
    /// A job of the queue gets other inputs.
    Changed = 2,
    /// A job of the queue gets another priority.
    Moved = 3,
    /// A job of the queue with the same inputs, which waits to be submitted.
    Waiting = 4,
    /// It names a job of the queue and cannot be it.
    Rejected = 5,
    /// Rows of this load contradict each other about it.
    Contradicted = 6,
    /// A job of the queue with the same pictures at other places, or under other names.
    Relocated = 7,
}

impl Fate {
    fn of(number: i64) -> Result<Self> {
        use Fate::{Added, Changed, Contradicted, Moved, Rejected, Relocated, Unchanged, Waiting};
        [Added, Unchanged, Changed, Moved, Waiting, Rejected, Contradicted, Relocated]
            .into_iter()
            .find(|fate| *fate as i64 == number)
            .ok_or_else(|| QueueError::Damaged(format!("`{number}` is no fate of a row")))
    }

    /// Whether the row is, or becomes, a job.
    pub(super) fn is_taken(self) -> bool {
        !matches!(self, Self::Rejected | Self::Contradicted)
    }
}

/// A row that was staged.
#[derive(Clone)]
pub(in crate::queue) struct StagedRow {
    pub(in crate::queue) n: i64,
    pub(in crate::queue) id: String,
    pub(in crate::queue) id_key: String,
    pub(in crate::queue) inputs: Inputs,
    pub(in crate::queue) priority: i64,
    pub(in crate::queue) fate: Fate,
    pub(in crate::queue) job: Option<i64>,
    pub(in crate::queue) manifest: u32,
    pub(in crate::queue) line: u64,
    /// The columns that are kept, as they are stored.
    pub(in crate::queue) extra: Option<String>,
    /// Whether they are others than those of the job of the queue that has the row's id.
    pub(in crate::queue) relabels: bool,
}

/// The columns of [`StagedRow`].
pub(super) const ROW: &str =
    "n, id, id_key, human, cloth, cloth_type, cloth_2, cloth_type_2, model, priority, fate, job, manifest,
       line, keep, extra, relabels";

pub(super) fn read_row(row: &Row<'_>) -> Result<StagedRow> {
    Ok(StagedRow {
        n: row.get(0)?,
        id: row.get(1)?,
        id_key: row.get(2)?,
        inputs: Inputs {
            human: row.get(3)?,
            cloth: row.get(4)?,
            cloth_type: row.get(5)?,
            cloth_2: row.get(6)?,
            cloth_type_2: row.get(7)?,
            model: row.get(8)?,
            keep: Keep::of_bits(row.get(14)?),
        },
        priority: row.get(9)?,
        fate: Fate::of(row.get(10)?)?,
        job: row.get(11)?,
        manifest: row.get(12)?,
        line: row.get(13)?,
        extra: row.get(15)?,
        relabels: row.get(16)?,
    })
}

/// A row that is not taken, at its place in the load.
#[derive(Clone)]
pub(in crate::queue) struct StagedRejection {
    pub(in crate::queue) n: i64,
    /// The identity of its manifest, which need not be how it was spelt.
    pub(in crate::queue) manifest: String,
    pub(in crate::queue) line: u64,
    pub(in crate::queue) id: String,
    pub(in crate::queue) human: String,
    pub(in crate::queue) cloth: String,
    pub(in crate::queue) reason: String,
}

/// The staging database. Its file is removed when it is dropped, unless it has to outlive the process.
pub(in crate::queue) struct Staging {
    pub(super) db: Connection,
    path: PathBuf,
    /// Holds a file that has no place beside the queue yet.
    _folder: Option<tempfile::TempDir>,
    is_to_stay: bool,
    pictures: StagedPictures,
}

impl Staging {
    /// In a folder of its own that goes when it does.
    pub(super) fn in_temporary_folder() -> Result<Self> {
        let unwritable = |error: std::io::Error| QueueError::Unreadable {
            at: std::env::temp_dir().into(),
            why: format!("no temporary folder: {error}"),
        };
        let folder = tempfile::Builder::new().prefix("tryon-load-").tempdir().map_err(unwritable)?;
        let path = folder.path().join("load.db");
        Self::make(path, Some(folder))
    }

    /// At `path`, in place of whatever an earlier load has left there.
    pub(super) fn at(path: &Path) -> Result<Self> {
        match std::fs::remove_file(path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(QueueError::Unreadable { at: path.into(), why: error.to_string() })
            }
            _ => Self::make(path.to_owned(), None),
        }
    }

    fn make(path: PathBuf, folder: Option<tempfile::TempDir>) -> Result<Self> {
        super::open::create_private(&path)
            .map_err(|error| QueueError::Unreadable { at: path.as_path().into(), why: error.to_string() })?;
        let db = connect(&path)?;
        db.execute_batch(SCHEMA)?;
        db.execute_batch("BEGIN")?;
        Ok(Self { db, path, _folder: folder, is_to_stay: false, pictures: StagedPictures::default() })
    }

    /// What a load that was cut off has left, whole.
    pub(super) fn left_at(path: &Path) -> Result<Option<Self>> {
        if !path.exists() {
            return Ok(None);
        }
        let db = connect(path)?;
        let is_whole = db.query_row("SELECT count(*) FROM sqlite_schema WHERE name = 'rejected'", [], |row| row.get(0));
        if !matches!(is_whole, Ok(1_i64)) {
            return Ok(None);
        }
        // Left by a version of the program that knew less.
        for (column, kind) in
            [("keep", "INTEGER NOT NULL DEFAULT 7"), ("extra", "TEXT"), ("relabels", "INTEGER NOT NULL DEFAULT 0")]
        {
            let has_column = "SELECT count(*) FROM pragma_table_info('rows') WHERE name = ?1";
            if db.query_row(has_column, [column], |row| row.get::<_, i64>(0))? == 0 {
                db.execute_batch(&format!("ALTER TABLE rows ADD COLUMN {column} {kind}"))?;
            }
        }
        let pictures = StagedPictures::default();
        Ok(Some(Self { db, path: path.to_owned(), _folder: None, is_to_stay: true, pictures }))
    }

    /// Nothing is added from here on.
    pub(in crate::queue) fn close(&self) -> Result<()> {
        Ok(self.db.execute_batch("COMMIT")?)
    }

    /// Lets others read the file, once it is closed.
    pub(super) fn share(&self) -> Result<()> {
        // The lock goes with the next look.
        self.db.execute_batch("PRAGMA locking_mode = NORMAL; SELECT count(*) FROM manifests")?;
        Ok(())
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Brings the file to `path` and to disk, so that it outlives this process. To be called once it is closed.
    pub(super) fn make_durable(mut self, path: &Path) -> Result<Self> {
        let unwritable = |error: std::io::Error| match error.kind() {
            std::io::ErrorKind::StorageFull => QueueError::DiskFull(error.to_string()),
            _ => QueueError::Unreadable { at: path.into(), why: error.to_string() },
        };
        let db = Connection::open_in_memory()?;
        drop(std::mem::replace(&mut self.db, db));
        if self.path == path {
            // This value ends here, and its file does not.
            self.is_to_stay = true;
        } else {
            let _ = std::fs::remove_file(path);
            super::open::create_private(path).map_err(unwritable)?;
            std::fs::copy(&self.path, path).map_err(unwritable)?;
        }
        File::options().write(true).open(path).and_then(|file| file.sync_all()).map_err(unwritable)?;
        if let (true, Some(folder)) = (cfg!(unix), path.parent()) {
            let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
            File::open(folder).and_then(|folder| folder.sync_all()).map_err(unwritable)?;
        }
        let pictures = std::mem::take(&mut self.pictures);
        Ok(Self { db: connect(path)?, path: path.to_owned(), _folder: None, is_to_stay: true, pictures })
    }

    /// The file goes with this value.
    pub(super) fn is_done_with(&mut self) {
        self.is_to_stay = false;
    }

    /// The inputs of a row, with the load's numbers and those of `queue`.
    pub(super) fn pictures_of(&mut self, queue: &Compared, spec: &JobSpec) -> Result<StagedInputs> {
        self.pictures.inputs_of(&self.db, queue, spec)
    }

    /// The number that `queue` has for a picture.
    pub(super) fn number_in(&self, queue: &Compared, source: &ImageSource) -> Result<Option<i64>> {
        self.pictures.number_in(queue, source)
    }

    pub(super) fn add_manifest(&self, number: usize, name: &str, identity: &str) -> Result<()> {
        self.db
            .prepare_cached("INSERT INTO manifests (manifest, name, identity) VALUES (?1, ?2, ?3)")?
            .execute(params![number, name, identity])?;
        Ok(())
    }

    /// The name and the identity of a manifest of the load; those of standard input before the first.
    pub(in crate::queue) fn manifest(&self, number: u32) -> Result<(String, String)> {
        let mut statement = self.db.prepare_cached("SELECT name, identity FROM manifests WHERE manifest = ?1")?;
        let found = statement.query_row([number], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
        Ok(found.unwrap_or_else(|| ("-".to_owned(), "-".to_owned())))
    }

    /// Adds a row; `false` when a row with the same id is there.
    pub(super) fn add(&self, row: &StagedRow) -> Result<bool> {
        let added = self
            .db
            .prepare_cached(
                "INSERT INTO rows (n, id, id_key, human, cloth, cloth_type, cloth_2, cloth_type_2, model, priority, fate,
                                   job, manifest, line, keep, extra, relabels)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17) ON CONFLICT (id_key) DO NOTHING",
            )?
            .execute(params![
                row.n,
                row.id,
                row.id_key,
                row.inputs.human,
                row.inputs.cloth,
                row.inputs.cloth_type,
                row.inputs.cloth_2,
                row.inputs.cloth_type_2,
                row.inputs.model,
                row.priority,
                row.fate as i64,
                row.job,
                row.manifest,
                row.line,
                row.inputs.keep.bits(),
                row.extra,
                row.relabels
            ])?;
        Ok(added == 1)
    }

    /// The first row with an id.
    pub(super) fn row_of(&self, id_key: &str) -> Result<StagedRow> {
        let mut statement = self.db.prepare_cached(&format!("SELECT {ROW} FROM rows WHERE id_key = ?1"))?;
        let mut rows = statement.query([id_key])?;
        rows.next()?.map_or_else(|| Err(QueueError::Damaged(format!("`{id_key}` is in no row"))), read_row)
    }

    /// The row is one of those that contradict each other.
    pub(super) fn contradict(&self, n: i64) -> Result<()> {
        let changed = self
            .db
            .prepare_cached("UPDATE rows SET fate = ?2, relabels = 0 WHERE n = ?1")?
            .execute(params![n, Fate::Contradicted as i64])?;
        one_row(changed, || QueueError::Damaged(format!("row {n} of the load is gone")))
    }

    /// Records a row that is not taken.
    pub(super) fn reject(&self, row: &StagedRejection) -> Result<()> {
        self.db
            .prepare_cached(
                "INSERT INTO rejected (n, manifest, line, id, human, cloth, reason) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            )?
            .execute(params![row.n, row.manifest, row.line, row.id, row.human, row.cloth, row.reason])?;
        Ok(())
    }

    /// The rows from `from` on, before `to`, in their order.
    pub(in crate::queue) fn rows(&self, from: i64, to: i64) -> Result<Vec<StagedRow>> {
        let query = format!("SELECT {ROW} FROM rows WHERE n >= ?1 AND n < ?2 ORDER BY n");
        self.collect(&query, params![from, to])
    }

    /// The rows after `after` that change a job of the queue, or take it out: a page of them.
    pub(super) fn rows_that_change_jobs(&self, after: i64) -> Result<Vec<StagedRow>> {
        let query = format!(
            "SELECT {ROW} FROM rows INDEXED BY rows_that_change_jobs
              WHERE (fate = 2 OR fate = 3 OR fate = 6 OR fate = 7 OR relabels = 1) AND n > ?1 ORDER BY n LIMIT 500"
        );
        self.collect(&query, params![after])
    }

    pub(super) fn collect(&self, query: &str, parameters: &[&dyn rusqlite::ToSql]) -> Result<Vec<StagedRow>> {
        let mut statement = self.db.prepare_cached(query)?;
        let mut rows = statement.query(parameters)?;
        let mut found = Vec::new();
        while let Some(row) = rows.next()? {
            found.push(read_row(row)?);
        }
        Ok(found)
    }

    /// Whether a job of the queue gets other inputs by this load, or is taken out.
    pub(in crate::queue) fn asks_otherwise(&self, job: i64) -> Result<bool> {
        let mut statement =
            self.db.prepare_cached("SELECT EXISTS (SELECT 1 FROM rows WHERE job = ?1 AND (fate = 2 OR fate = 6))")?;
        Ok(statement.query_row([job], |row| row.get(0))?)
    }

    /// The rejected rows from `from` on, before `to`, in their order.
    pub(in crate::queue) fn rejections(&self, from: i64, to: i64) -> Result<Vec<StagedRejection>> {
        let mut statement = self.db.prepare_cached(
            "SELECT n, manifest, line, id, human, cloth, reason FROM rejected WHERE n >= ?1 AND n < ?2 ORDER BY n",
        )?;
        let rows = statement.query_map([from, to], |row| {
            Ok(StagedRejection {
                n: row.get(0)?,
                manifest: row.get(1)?,
                line: row.get(2)?,
                id: row.get(3)?,
                human: row.get(4)?,
                cloth: row.get(5)?,
                reason: row.get(6)?,
            })
        })?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// The first row that is, or becomes, a job.
    pub(super) fn first_taken(&self) -> Result<Option<StagedRow>> {
        let query = format!("SELECT {ROW} FROM rows WHERE fate < 5 OR fate = 7 ORDER BY n LIMIT 1");
        Ok(self.collect(&query, params![])?.pop())
    }

    /// Behind the last row.
    pub(in crate::queue) fn end(&self) -> Result<i64> {
        let query =
            "SELECT max(coalesce((SELECT max(n) FROM rows), 0), coalesce((SELECT max(n) FROM rejected), 0)) + 1";
        Ok(self.db.query_row(query, [], |row| row.get(0))?)
    }

    /// The pictures after number `after`, in the order of their numbers, each with its source and how it is spelt: a page.
    pub(in crate::queue) fn pictures_after(&self, after: i64, most: i64) -> Result<Vec<(i64, String, String)>> {
        let mut statement = self
            .db
            .prepare_cached("SELECT input, source, written FROM inputs WHERE input > ?1 ORDER BY input LIMIT ?2")?;
        let rows = statement.query_map([after, most], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// How a picture is spelt, and which number the queue had for it.
    pub(in crate::queue) fn picture(&self, input: i64) -> Result<(String, String, Option<i64>)> {
        let mut statement = self.db.prepare_cached("SELECT source, written, known FROM inputs WHERE input = ?1")?;
        let found = statement.query_row([input], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).optional()?;
        found.ok_or_else(|| QueueError::Damaged(format!("picture {input} of the load is gone")))
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        if !self.is_to_stay {
            // What cannot be removed is removed by the next load.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

/// Nobody else opens the file, and until it is flushed nobody needs it after a crash: so no journal, no flushes.
fn connect(path: &Path) -> Result<Connection> {
    let db = Connection::open(path)?;
    db.set_prepared_statement_cache_capacity(32);
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    db.execute_batch(
        "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA locking_mode = EXCLUSIVE; PRAGMA cache_size = -8192;",
    )?;
    Ok(db)
}
