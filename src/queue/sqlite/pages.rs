//! Long reads in short ones: a page of rows at a time, with no transaction open in between.
//!
//! Whoever is handed the rows may take all night (a pager that somebody left open), and a transaction that is open
//! for so long keeps the write-ahead log from being taken up into the queue: it would grow with every step of a run.

use rusqlite::{Connection, ToSql, params, params_from_iter};

use crate::job::JobSeq;
use crate::queue::columns::{Reach, next_place};
use crate::queue::{JobsPage, ReportPlace, ReportRow};

use super::Result;
use super::rows::{
    FullJob, JOB_COLUMNS, JOB_TABLES, REJECTED_PAGE, REPORT_PAGE, RejectedPlace, read_rejected_row, read_report_row,
};
use super::selected::{MOST_LOOKED_AT, SQLITE, Selected};
use crate::queue::columns::in_manifest_order;

/// A page of the selected jobs. What it is, and how far it looked, is of one moment.
pub(super) fn jobs_after(db: &Connection, selected: &Selected, after: i64, most: usize) -> Result<JobsPage> {
    if selected.is_nobody {
        return Ok(JobsPage::default());
    }
    let of_a_moment = db.unchecked_transaction()?;
    let reach = if selected.rest.is_empty() { None } else { Some(reach_of(&of_a_moment, selected, after)?) };
    let up_to = reach.map_or(i64::MAX, |reach| reach.last);
    let mut statement = of_a_moment.prepare_cached(&jobs_page(selected))?;
    let first: [&dyn ToSql; 3] = [&after, &most, &up_to];
    let texts = selected.texts.iter().map(|text| text as &dyn ToSql);
    let mut rows = statement.query(params_from_iter(first.into_iter().chain(texts)))?;
    let mut jobs = Vec::new();
    while let Some(row) = rows.next()? {
        jobs.push(FullJob::read(row)?.record);
    }
    let next = next_place(&jobs, most, reach);
    Ok(JobsPage { jobs, next })
}

fn reach_of(db: &Connection, selected: &Selected, after: i64) -> Result<Reach> {
    let mut statement = db.prepare_cached(&selected.reach("jobs", SQLITE))?;
    let reach = statement.query_row(params![after, MOST_LOOKED_AT], |row| {
        Ok(Reach {
            last: row.get::<_, Option<i64>>(0)?.unwrap_or(after),
            is_end: row.get::<_, i64>(1)? < MOST_LOOKED_AT,
        })
    })?;
    Ok(reach)
}

/// The query for a page of jobs.
pub(super) fn jobs_page(selected: &Selected) -> String {
    let Selected { by_index, rest, .. } = selected;
    format!(
        "SELECT {JOB_COLUMNS} FROM {JOB_TABLES}
          WHERE {by_index}j.seq > ?1 AND j.seq <= ?3{rest} ORDER BY j.seq LIMIT ?2"
    )
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
