//! All jobs, and the report, a page at a time.

use crate::job::JobSeq;
use crate::queue::columns::{Reach, in_manifest_order, next_place};
use crate::queue::sqlite::{Dialect, MOST_LOOKED_AT, Selected};
use crate::queue::{JobsPage, ReportPlace, ReportRow, Selection};

use super::Db;
use super::db::{args, typed};
use super::error::Result;
use super::read::limit;
use super::rows::{
    FullJob, JOB_COLUMNS, JOB_TABLES, REJECTED_PAGE, REPORT_PAGE, read_rejected_row, read_report_row, storable,
};

/// The names of PostgreSQL for what databases call differently. No index is to be kept from it: the page is cut out first.
pub(super) const POSTGRES: Dialect =
    Dialect { parameter: '$', position: "strpos", unindexed: "", schema: "tryon.", one_of: ("= ANY (ARRAY(", "))") };

/// A page of the selected jobs. What it is, and how far it looked, is of one moment.
pub(super) async fn jobs_after(db: Db<'_>, selection: &Selection<'_>, after: JobSeq, most: usize) -> Result<JobsPage> {
    let selected = Selected::of(selection, POSTGRES);
    if selected.is_nobody {
        return Ok(JobsPage::default());
    }
    let reach = if selected.rest.is_empty() { None } else { Some(reach_of(db, &selected, after).await?) };
    let looked_at = if reach.is_some() { MOST_LOOKED_AT } else { limit(most) };
    let Selected { by_index, rest, texts, .. } = &selected;
    let tables = JOB_TABLES.replacen(
        "tryon.jobs j",
        &format!("(SELECT j.* FROM tryon.jobs j WHERE {by_index}j.seq > $1 ORDER BY j.seq LIMIT $3) j"),
        1,
    );
    let query = format!("SELECT {JOB_COLUMNS} FROM {tables} WHERE TRUE{rest} ORDER BY j.seq LIMIT $2");
    let texts: Vec<String> = texts.iter().map(|text| storable(text)).collect();
    let most_wanted = limit(most);
    let mut args = vec![typed(&after.0), typed(&most_wanted), typed(&looked_at)];
    args.extend(texts.iter().map(typed));
    let rows = db.rows(&query, &args).await?;
    let jobs = rows.iter().map(|row| Ok(FullJob::read(row)?.record)).collect::<Result<Vec<_>>>()?;
    let next = next_place(&jobs, most, reach);
    Ok(JobsPage { jobs, next })
}

async fn reach_of(db: Db<'_>, selected: &Selected, after: JobSeq) -> Result<Reach> {
    let row = db.one(&selected.reach("tryon.jobs", POSTGRES), args![after.0, MOST_LOOKED_AT]).await?;
    let (last, looked_at): (Option<i64>, i64) = (row.try_get(0)?, row.try_get(1)?);
    Ok(Reach { last: last.unwrap_or(after.0), is_end: looked_at < MOST_LOOKED_AT })
}

/// A page of the report: jobs, and the manifest rows that were passed over, each behind the job that came before it.
pub(super) async fn report_after(db: Db<'_>, after: ReportPlace, most: usize) -> Result<(Vec<ReportRow>, ReportPlace)> {
    let (behind, manifest, line) =
        after.rejected.as_ref().map_or((-1, "", 0), |(behind, manifest, line)| (behind.0, manifest.as_str(), *line));
    let (rejected, jobs) = tokio::try_join!(
        async { db.read(REJECTED_PAGE, args![behind, manifest, line, limit(most)], read_rejected_row).await },
        async { db.read(REPORT_PAGE, args![after.job.0, limit(most)], read_report_row).await },
    )?;
    Ok(in_manifest_order(after, jobs, rejected, most))
}
