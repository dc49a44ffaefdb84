//! A queue's file read out as it is, and filled with what another queue had.

use std::path::{Path, PathBuf};

use rusqlite::types::{ToSqlOutput, Value, ValueRef};
use rusqlite::{Connection, ToSql, TransactionBehavior, params_from_iter};
use tokio::sync::mpsc;

use crate::queue::moving::{Cell, Copied, CopyError, PAGE, Page, Paths, Row, TABLES, Table};
use crate::queue::{Death, QueueError};

use super::SqliteQueue;
use super::epochs::clock;
use super::handle::blocking;
use super::lock::{LoadLock, RunLock};
use super::open::{open_for_reading, open_for_writing};

/// A queue's file that no run and no load works on, until this is dropped.
#[derive(Debug)]
pub(in crate::queue) struct HeldFile {
    path: PathBuf,
    _run: RunLock,
    _load: LoadLock,
}

impl HeldFile {
    /// Holds the file at `path`, whether there is one or not.
    pub(in crate::queue) async fn at(path: &Path) -> Result<Self, QueueError> {
        let path = path.to_owned();
        blocking(move || {
            let run = RunLock::take(&path)?;
            Ok(Self { _load: LoadLock::try_take(&path)?, _run: run, path })
        })
        .await
    }

    /// Sends everything that the queue has. A load that was cut off is in it.
    pub(in crate::queue) async fn read_out(&self, pages: mpsc::Sender<Page>) -> Result<(), CopyError> {
        let path = self.path.clone();
        let queue = blocking(move || SqliteQueue::open_existing(&path)).await?;
        queue.complete_load().await?;
        drop(queue);
        let path = self.path.clone();
        Ok(blocking(move || read_out(&mut open_for_reading(&path)?, &pages)).await?)
    }

    /// Fills the file, which is made where there is none, with what comes: all of it, or nothing.
    pub(in crate::queue) async fn fill(
        &self,
        mut pages: mpsc::Receiver<Page>,
        paths: Paths,
    ) -> Result<Copied, CopyError> {
        let path = self.path.clone();
        blocking(move || {
            let was_there = path.exists();
            let filled =
                open_for_writing(&path).map_err(Into::into).and_then(|mut db| fill(&mut db, &path, &mut pages, &paths));
            if filled.is_err() && !was_there {
                let _ = std::fs::remove_file(&path);
            }
            Ok(filled)
        })
        .await?
    }
}

/// The query for a table's rows. Nobody works for an epoch of this file while it is held, so each is dead.
fn query(table: &Table) -> String {
    let columns = match table.name {
        "hosts" => table
            .list()
            .replace("dead_at", &format!("coalesce(dead_at, {})", clock()))
            .replace(", death", &format!(", coalesce(death, '{}')", Death::Replaced.word())),
        _ => table.list(),
    };
    format!("SELECT {columns} FROM {}", table.name)
}

fn read_out(db: &mut Connection, pages: &mpsc::Sender<Page>) -> Result<(), QueueError> {
    let of_a_moment = db.transaction()?;
    for (place, table) in TABLES.iter().enumerate() {
        let mut statement = of_a_moment.prepare(&query(table))?;
        let mut rows = statement.query([])?;
        let mut page = Vec::new();
        while let Some(row) = rows.next()? {
            page.push((0..table.columns.len()).map(|column| cell(row.get_ref(column)?)).collect::<Result<Row, _>>()?);
            if page.len() == PAGE {
                send(pages, Page::Rows(place, std::mem::take(&mut page)))?;
            }
        }
        send(pages, Page::Rows(place, page))?;
    }
    send(pages, Page::End)
}

fn send(pages: &mpsc::Sender<Page>, page: Page) -> Result<(), QueueError> {
    pages.blocking_send(page).map_err(|_| QueueError::Closed)
}

fn cell(value: ValueRef<'_>) -> Result<Cell, QueueError> {
    Ok(match value {
        ValueRef::Null => Cell::Empty,
        ValueRef::Integer(number) => Cell::Whole(number),
        ValueRef::Real(number) => Cell::Real(number),
        ValueRef::Text(text) => Cell::Text(String::from_utf8_lossy(text).into_owned()),
        ValueRef::Blob(_) => return Err(QueueError::Damaged("a value is no text and no number".to_owned())),
    })
}

impl ToSql for Cell {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(match self {
            Self::Empty => ToSqlOutput::Owned(Value::Null),
            Self::Whole(number) => ToSqlOutput::Owned(Value::Integer(*number)),
            Self::Real(number) => ToSqlOutput::Owned(Value::Real(*number)),
            Self::Text(text) => ToSqlOutput::Borrowed(ValueRef::Text(text.as_bytes())),
        })
    }
}

fn fill(
    db: &mut Connection,
    path: &Path,
    pages: &mut mpsc::Receiver<Page>,
    paths: &Paths,
) -> Result<Copied, CopyError> {
    let whole = db.transaction_with_behavior(TransactionBehavior::Immediate).map_err(QueueError::from)?;
    let has_rows = "SELECT EXISTS (SELECT 1 FROM jobs) OR EXISTS (SELECT 1 FROM rejected_rows)";
    if whole.query_row(has_rows, [], |row| row.get(0)).map_err(QueueError::from)? {
        return Err(CopyError::HasJobs(path.into()));
    }
    empty(&whole)?;
    let mut copied = Copied::default();
    loop {
        match pages.blocking_recv() {
            Some(Page::Rows(place, rows)) => {
                let table = TABLES.get(place).ok_or(QueueError::Closed)?;
                copied.count(table, rows.len());
                insert(&whole, table, rows, paths)?;
            }
            Some(Page::End) => break,
            None => return Err(QueueError::Closed.into()),
        }
    }
    let names = "INSERT OR IGNORE INTO tallies (name, value) SELECT name, 0 FROM tally_names; DROP TABLE tally_names";
    whole.execute_batch(names).map_err(QueueError::from)?;
    whole.commit().map_err(QueueError::from)?;
    Ok(copied)
}

/// Takes out what a queue without jobs may have: what was learnt, and runs that had nothing to do.
fn empty(db: &Connection) -> Result<(), QueueError> {
    db.execute_batch("CREATE TEMP TABLE tally_names AS SELECT name FROM tallies")?;
    for table in TABLES.iter().rev() {
        db.execute(&format!("DELETE FROM {}", table.name), [])?;
    }
    Ok(())
}

fn insert(db: &Connection, table: &Table, rows: Vec<Row>, paths: &Paths) -> Result<(), CopyError> {
    let places = (1..=table.columns.len()).map(|place| format!("?{place}")).collect::<Vec<_>>().join(", ");
    let statement = format!("INSERT INTO {} ({}) VALUES ({places})", table.name, table.list());
    let mut statement = db.prepare_cached(&statement).map_err(QueueError::from)?;
    for mut row in rows {
        paths.apply(table, &mut row)?;
        statement.execute(params_from_iter(row.iter())).map_err(QueueError::from)?;
    }
    Ok(())
}
