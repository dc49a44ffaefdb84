//! Long reads in short ones: a page of rows at a time, with no transaction open in between.
//!
//! Whoever is handed the rows may take all night (a pager that somebody left open), and a transaction that is open
//! for so long keeps the write-ahead log from being taken up into the queue: it would grow with every step of a run.

use std::collections::VecDeque;

use rusqlite::{Connection, params};

use crate::job::StateName;
use crate::queue::{JobRecord, ReportRow, Selection};

use super::Result;
use super::rows::{
    FullJob, JOB_COLUMNS, JOB_TABLES, REJECTED_PAGE, REPORT_PAGE, RejectedPlace, read_rejected_row, read_report_row,
};

/// How many rows are read at once.
const PAGE_ROWS: i64 = 500;

/// Rows in order, read by pages.
pub(super) struct Paged<'db, T> {
    rows: VecDeque<T>,
    /// Reads the page that follows the last one it has read.
    read: Box<dyn FnMut() -> Result<Vec<T>> + 'db>,
    is_over: bool,
}

impl<'db, T> Paged<'db, T> {
    fn new(read: impl FnMut() -> Result<Vec<T>> + 'db) -> Self {
        Self { rows: VecDeque::new(), read: Box::new(read), is_over: false }
    }

    /// The next row, left where it is.
    pub(super) fn peek(&mut self) -> Result<Option<&T>> {
        if self.rows.is_empty() && !self.is_over {
            self.rows = (self.read)()?.into();
            self.is_over = self.rows.is_empty();
        }
        Ok(self.rows.front())
    }

    /// The next row.
    pub(super) fn next(&mut self) -> Result<Option<T>> {
        self.peek()?;
        Ok(self.rows.pop_front())
    }
}

/// The jobs that are selected, in manifest order.
pub(super) fn jobs<'db>(db: &'db Connection, selection: &Selection<'_>) -> Paged<'db, JobRecord> {
    let query = jobs_page(selection);
    let mut after = 0;
    Paged::new(move || {
        let mut statement = db.prepare_cached(&query)?;
        let mut rows = statement.query([after, PAGE_ROWS])?;
        let mut page = Vec::new();
        while let Some(row) = rows.next()? {
            page.push(FullJob::read(row)?.record);
        }
        after = page.last().map_or(after, |job| job.seq.0);
        Ok(page)
    })
}

/// The query for a page of jobs. One state, and that they are flagged, is said so that SQLite sees that a partial index
/// fits.
pub(super) fn jobs_page(selection: &Selection<'_>) -> String {
    let (flagged, states) = match selection.states {
        // Only what has succeeded is flagged. Saying both would make SQLite choose between two indexes.
        states if selection.only_flagged && states.contains(&StateName::Succeeded) => ("j.flags <> 0 AND ", &[][..]),
        states if selection.only_flagged => ("j.flags <> 0 AND ", states),
        states => ("", states),
    };
    let words: Vec<String> = states.iter().map(|state| format!("'{}'", state.word())).collect();
    let filter = match words.as_slice() {
        [] => String::new(),
        [word] => format!("j.state = {word} AND "),
        words => format!("j.state IN ({}) AND ", words.join(", ")),
    };
    format!("SELECT {JOB_COLUMNS} FROM {JOB_TABLES} WHERE {flagged}{filter}j.seq > ?1 ORDER BY j.seq LIMIT ?2")
}

/// The jobs as the report shows them, each with its place.
pub(super) fn report_jobs(db: &Connection) -> Paged<'_, (i64, ReportRow)> {
    let mut after = 0;
    Paged::new(move || {
        let mut statement = db.prepare_cached(REPORT_PAGE)?;
        let mut rows = statement.query([after, PAGE_ROWS])?;
        let mut page = Vec::new();
        while let Some(row) = rows.next()? {
            page.push((row.get(0)?, read_report_row(row)?));
        }
        after = page.last().map_or(after, |(seq, _)| *seq);
        Ok(page)
    })
}

/// The manifest rows that were passed over, each with the place of the job behind which it stands.
pub(super) fn report_rejected(db: &Connection) -> Paged<'_, (i64, ReportRow)> {
    let mut after = RejectedPlace { after_seq: -1, manifest: String::new(), line: 0 };
    Paged::new(move || {
        let mut statement = db.prepare_cached(REJECTED_PAGE)?;
        let mut rows = statement.query(params![after.after_seq, after.manifest, after.line, PAGE_ROWS])?;
        let mut page = Vec::new();
        let mut last = None;
        while let Some(row) = rows.next()? {
            let (place, rejected) = read_rejected_row(row)?;
            page.push((place.after_seq, rejected));
            last = Some(place);
        }
        drop(rows);
        if let Some(last) = last {
            after = last;
        }
        Ok(page)
    })
}
