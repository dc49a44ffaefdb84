//! Long reads in short ones: a page of rows at a time, with no transaction open in between.
//!
//! Whoever is handed the rows may take all night (a pager that somebody left open), and a transaction that is open
//! for so long keeps the write-ahead log from being taken up into the queue: it would grow with every step of a run.

use rusqlite::{Connection, params};

use crate::job::{JobSeq, StateName};
use crate::queue::{JobRecord, ReportPlace, ReportRow, Selection};

use super::Result;
use super::rows::{
    FullJob, JOB_COLUMNS, JOB_TABLES, REJECTED_PAGE, REPORT_PAGE, RejectedPlace, read_rejected_row, read_report_row,
};
use crate::queue::columns::in_manifest_order;

/// A page of jobs by a query of [`jobs_page`].
pub(super) fn jobs_after(db: &Connection, query: &str, after: i64, most: usize) -> Result<Vec<JobRecord>> {
    let mut statement = db.prepare_cached(query)?;
    let mut rows = statement.query(params![after, most])?;
    let mut page = Vec::new();
    while let Some(row) = rows.next()? {
        page.push(FullJob::read(row)?.record);
    }
    Ok(page)
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

/// A page of the report: jobs, and the manifest rows that were passed over, each behind the job that came before it.
pub(super) fn report_after(db: &Connection, after: ReportPlace, most: usize) -> Result<(Vec<ReportRow>, ReportPlace)> {
    let rejected = rejected_after(db, &after, most)?;
    let jobs = report_jobs_after(db, after.job, most)?;
    Ok(in_manifest_order(after, jobs, rejected, most))
}

/// The next jobs as the report shows them, each with its place.
fn report_jobs_after(db: &Connection, after: JobSeq, most: usize) -> Result<Vec<(JobSeq, ReportRow)>> {
    let mut statement = db.prepare_cached(REPORT_PAGE)?;
    let mut rows = statement.query(params![after.0, most])?;
    let mut page = Vec::new();
    while let Some(row) = rows.next()? {
        page.push((JobSeq(row.get(0)?), read_report_row(row)?));
    }
    Ok(page)
}

/// The next manifest rows that were passed over, each with its place.
fn rejected_after(db: &Connection, after: &ReportPlace, most: usize) -> Result<Vec<(RejectedPlace, ReportRow)>> {
    let (behind, manifest, line) =
        after.rejected.as_ref().map_or((-1, "", 0), |(behind, manifest, line)| (behind.0, manifest.as_str(), *line));
    let mut statement = db.prepare_cached(REJECTED_PAGE)?;
    let mut rows = statement.query(params![behind, manifest, line, most])?;
    let mut page = Vec::new();
    while let Some(row) = rows.next()? {
        page.push(read_rejected_row(row)?);
    }
    Ok(page)
}
