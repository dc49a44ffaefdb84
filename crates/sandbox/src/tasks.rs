//! The tasks, on disk: what was created, when it ends, and what it comes to.
//!
//! A small `SQLite` file. A killed process is guarded against, not a machine that loses power, so a commit is not
//! flushed to the disk: what the kernel has taken survives the process, and a task is answered only after its commit.
//! Whether a task has ended is never stored. It follows from the time, so a slot is free at that very moment.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rusqlite::{Connection, OptionalExtension, Row, TransactionBehavior, params};

use super::clock::{Clock, Micros, micros};
use super::fate::{Fates, PairKey};
use super::fault::{Effect, Fault};
use super::solutions::MODEL;

/// The sandbox's memory could not be read or written.
#[derive(Debug, thiserror::Error)]
#[error("could not use the sandbox's memory {}: {source}", path.display())]
pub struct MemoryError {
    path: PathBuf,
    source: Box<dyn std::error::Error + Send + Sync>,
}

/// A create that broke no rule of form.
#[derive(Debug, Clone)]
pub(super) struct NewTask {
    pub(super) pair: PairKey,
    pub(super) external_id: Option<String>,
    pub(super) model: String,
    /// Where the pictures are; see [`super::pictures`].
    pub(super) human: String,
    pub(super) cloth: String,
    pub(super) callback_url: Option<String>,
}

/// A task as it is in the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Task {
    pub(super) seq: i64,
    pub(super) task_id: String,
    pub(super) external_id: Option<String>,
    pub(super) model: String,
    pub(super) human: String,
    pub(super) cloth: String,
    pub(super) callback_url: Option<String>,
    pub(super) created_at: Micros,
    /// When `submitted` becomes `processing`.
    pub(super) starts_at: Micros,
    /// When it succeeds or fails, and its slot is free.
    pub(super) ends_at: Micros,
    pub(super) failure: Option<String>,
}

/// `task_status` (`docs/provider.md`, "Query one task").
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Status {
    Submitted,
    Processing,
    Succeed,
    Failed,
}

/// The form of the API in which a task was asked for. Each form shows its own tasks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Kolors,
    Solutions,
}

impl Task {
    pub(super) fn form(&self) -> Form {
        if self.model == MODEL { Form::Solutions } else { Form::Kolors }
    }

    pub(super) fn status(&self, now: Micros) -> Status {
        if now < self.starts_at {
            Status::Submitted
        } else if now < self.ends_at {
            Status::Processing
        } else if self.failure.is_some() {
            Status::Failed
        } else {
            Status::Succeed
        }
    }

    /// When the present status began.
    pub(super) fn updated_at(&self, now: Micros) -> Micros {
        match self.status(now) {
            Status::Submitted => self.created_at,
            Status::Processing => self.starts_at,
            Status::Succeed | Status::Failed => self.ends_at,
        }
    }

    fn from_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            seq: row.get(0)?,
            task_id: row.get(1)?,
            external_id: row.get(2)?,
            model: row.get(3)?,
            human: row.get(4)?,
            cloth: row.get(5)?,
            callback_url: row.get(6)?,
            created_at: row.get(7)?,
            starts_at: row.get(8)?,
            ends_at: row.get(9)?,
            failure: row.get(10)?,
        })
    }
}

/// What became of a create.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Admission {
    /// The task is on disk, and what befalls its answer.
    Created(Task, Option<Fault>),
    /// Nothing was created.
    Refused(Fault),
    OverCap,
    ExternalIdTaken,
}

const COLUMNS: &str =
    "seq, task_id, external_id, model, human, cloth, callback_url, created_at, starts_at, ends_at, failure";

/// The version of the file's layout, in `user_version`.
const LAYOUT: i64 = 1;

const SCHEMA: &str = "
    CREATE TABLE tasks (
        seq          INTEGER PRIMARY KEY,
        task_id      TEXT NOT NULL UNIQUE,
        external_id  TEXT UNIQUE,
        model        TEXT NOT NULL,
        human        TEXT NOT NULL,
        cloth        TEXT NOT NULL,
        callback_url TEXT,
        created_at   INTEGER NOT NULL,
        starts_at    INTEGER NOT NULL,
        ends_at      INTEGER NOT NULL,
        failure      TEXT
    ) STRICT;
    -- Answers how many slots are held, and what was paid for in a span of time.
    CREATE INDEX tasks_by_end ON tasks (ends_at, failure);
    CREATE TABLE pairs (
        pair    BLOB PRIMARY KEY,
        creates INTEGER NOT NULL,
        tasks   INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
";

/// All tasks of one account.
#[derive(Debug)]
pub(super) struct Tasks {
    path: PathBuf,
    connection: Mutex<Connection>,
}

impl Tasks {
    /// Opens the file, or makes it.
    pub(super) fn open(path: &Path) -> Result<Self, MemoryError> {
        let connection = open(path).map_err(|source| MemoryError { path: path.to_owned(), source })?;
        Ok(Self { path: path.to_owned(), connection: Mutex::new(connection) })
    }

    /// Takes a create: checks the slots, draws its fate and writes it down.
    ///
    /// The pictures it names must be on disk already, so that a task that exists can always be served.
    pub(super) fn admit(
        &self,
        new: &NewTask,
        cap: usize,
        fates: &Fates,
        clock: Clock,
    ) -> Result<Admission, MemoryError> {
        self.with(|connection| {
            let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            // The time is read when the turn has come: a slot that was freed while waiting is free.
            let admission = admit(&tx, new, cap, fates, clock.now())?;
            tx.commit()?;
            Ok(admission)
        })
    }

    /// The task with this task id or, where `by_external_id`, with this external id. One that is made later than `now`
    /// does not exist.
    pub(super) fn find(&self, id: &str, by_external_id: bool, now: Micros) -> Result<Option<Task>, MemoryError> {
        let find = |connection: &Connection, column: &str| {
            connection
                .prepare_cached(&format!("SELECT {COLUMNS} FROM tasks WHERE {column} = ?1 AND created_at <= ?2"))?
                .query_row(params![id, now], Task::from_row)
                .optional()
        };
        self.with(|connection| match find(connection, "task_id")? {
            None if by_external_id => find(connection, "external_id"),
            found => Ok(found),
        })
    }

    /// The task of a form with this task id or, with `by_external_id`, with this external id.
    pub(super) fn find_by(
        &self,
        id: &str,
        by_external_id: bool,
        form: Form,
        now: Micros,
    ) -> Result<Option<Task>, MemoryError> {
        let is_it = |task: &Task| {
            task.form() == form
                && (if by_external_id { task.external_id.as_deref() } else { Some(&*task.task_id) }) == Some(id)
        };
        Ok(self.find(id, by_external_id, now)?.filter(is_it))
    }

    /// Tasks of the solutions form that were created in `[from, to)`, newest first, of those with a lower number than `before`.
    pub(super) fn solutions(
        &self,
        (from, to): (Micros, Micros),
        before: i64,
        limit: u32,
        now: Micros,
    ) -> Result<Vec<Task>, MemoryError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM tasks WHERE seq < ?3 AND created_at >= ?1 AND created_at < ?2 AND created_at <= ?5 \
             AND model = '{MODEL}' ORDER BY seq DESC LIMIT ?4"
        );
        self.rows(&sql, params![from, to, before, limit, now])
    }

    /// One page of all tasks of the older form, newest first.
    pub(super) fn page(&self, limit: u32, offset: u32, now: Micros) -> Result<Vec<Task>, MemoryError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM tasks WHERE created_at <= ?3 AND model <> '{MODEL}' ORDER BY seq DESC LIMIT ?1 OFFSET ?2"
        );
        self.rows(&sql, params![limit, offset, now])
    }

    /// Tasks that were created in `[from, to)` and have succeeded by `now`, in the order of their ends, after the task
    /// `after` (an end and a seq).
    pub(super) fn paid(
        &self,
        (from, to): (Micros, Micros),
        after: (Micros, i64),
        limit: u32,
        now: Micros,
    ) -> Result<Vec<Task>, MemoryError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM tasks WHERE created_at >= ?1 AND created_at < ?2 AND failure IS NULL \
             AND ends_at <= ?6 AND (ends_at, seq) > (?3, ?4) ORDER BY ends_at, seq LIMIT ?5"
        );
        self.rows(&sql, params![from, to, after.0, after.1, limit, now])
    }

    /// How many tasks have succeeded so far: what the account has spent, in units.
    pub(super) fn paid_count(&self, now: Micros) -> Result<i64, MemoryError> {
        self.with(|connection| {
            connection
                .prepare_cached("SELECT count(*) FROM tasks WHERE ends_at <= ?1 AND failure IS NULL")?
                .query_row([now], |row| row.get(0))
        })
    }

    /// Tasks that still have a status change to be told of.
    pub(super) fn awaited(&self, now: Micros) -> Result<Vec<Task>, MemoryError> {
        let sql = format!("SELECT {COLUMNS} FROM tasks WHERE ends_at > ?1 AND callback_url IS NOT NULL");
        self.rows(&sql, params![now])
    }

    fn rows(&self, sql: &str, params: impl rusqlite::Params) -> Result<Vec<Task>, MemoryError> {
        self.with(|connection| connection.prepare_cached(sql)?.query_map(params, Task::from_row)?.collect())
    }

    fn with<T>(&self, work: impl FnOnce(&mut Connection) -> rusqlite::Result<T>) -> Result<T, MemoryError> {
        // A panic in between rolls its transaction back, so a poisoned lock guards nothing broken.
        let mut connection: MutexGuard<'_, Connection> = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        work(&mut connection).map_err(|source| MemoryError { path: self.path.clone(), source: source.into() })
    }
}

fn open(path: &Path) -> Result<Connection, Box<dyn std::error::Error + Send + Sync>> {
    let mut connection = Connection::open(path)?;
    connection.busy_timeout(std::time::Duration::from_secs(5))?;
    let mode: String = connection.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0))?;
    if !mode.eq_ignore_ascii_case("wal") {
        return Err(format!("journal mode is `{mode}`, not WAL").into());
    }
    connection.pragma_update(None, "synchronous", "NORMAL")?;
    let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    match tx.pragma_query_value(None, "user_version", |row| row.get::<_, i64>(0))? {
        0 => {
            tx.execute_batch(SCHEMA)?;
            tx.pragma_update(None, "user_version", LAYOUT)?;
        }
        LAYOUT => {}
        other => return Err(format!("its layout is version {other}, this program knows {LAYOUT}").into()),
    }
    tx.commit()?;
    Ok(connection)
}

fn admit(
    connection: &Connection,
    new: &NewTask,
    cap: usize,
    fates: &Fates,
    now: Micros,
) -> rusqlite::Result<Admission> {
    if let Some(external_id) = &new.external_id {
        // A create that arrives late finds its id taken by then, and makes nothing.
        connection
            .prepare_cached("DELETE FROM tasks WHERE external_id = ?1 AND created_at > ?2")?
            .execute(params![external_id, now])?;
        let taken = connection.prepare_cached("SELECT 1 FROM tasks WHERE external_id = ?1")?.exists([external_id])?;
        if taken {
            return Ok(Admission::ExternalIdTaken);
        }
    }
    let in_flight: i64 = connection
        .prepare_cached("SELECT count(*) FROM tasks WHERE ends_at > ?1 AND created_at <= ?1")?
        .query_row([now], |row| row.get(0))?;
    if usize::try_from(in_flight).unwrap_or(usize::MAX) >= cap {
        return Ok(Admission::OverCap);
    }

    // Creates over the cap are not counted: how many there are depends on the client's timing, and a draw must not.
    let (creates, tasks): (u32, u32) = connection
        .prepare_cached("SELECT creates, tasks FROM pairs WHERE pair = ?1")?
        .query_row([new.pair], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?
        .unwrap_or_default();
    let fate = fates.of_create(&new.pair, creates);
    let makes_task = fate.is_none_or(Fault::makes_task);
    connection
        .prepare_cached("INSERT OR REPLACE INTO pairs (pair, creates, tasks) VALUES (?1, ?2, ?3)")?
        .execute(params![new.pair, creates + 1, tasks + u32::from(makes_task)])?;
    match fate {
        Some(fault) if !makes_task => Ok(Admission::Refused(fault)),
        fault => {
            let is_late = fault.is_some_and(|fault| matches!(fault.effect(), Effect::MadeLate(_)));
            let made_at = if is_late { now + micros(fates.late_by()) } else { now };
            Ok(Admission::Created(insert(connection, new, fates, tasks, made_at)?, fault))
        }
    }
}

fn insert(
    connection: &Connection,
    new: &NewTask,
    fates: &Fates,
    earlier: u32,
    made_at: Micros,
) -> rusqlite::Result<Task> {
    let fate = fates.of_task(&new.pair, earlier);
    let takes = micros(fate.duration);
    // The queue in front of the generators is short: a tenth of the whole time, and never over a second.
    let waits = (takes / 10).min(1_000_000);
    connection
        .prepare_cached(&format!(
            "INSERT INTO tasks ({COLUMNS}) VALUES (NULL, ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10) RETURNING {COLUMNS}"
        ))?
        .query_row(
            params![
                fate.task_id,
                new.external_id,
                new.model,
                new.human,
                new.cloth,
                new.callback_url,
                made_at,
                made_at + waits,
                made_at + takes,
                fate.failure,
            ],
            Task::from_row,
        )
}
