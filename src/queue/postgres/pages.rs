//! All jobs, and the report, a page at a time.

use crate::job::JobSeq;
use crate::queue::columns::in_manifest_order;
use crate::queue::{JobRecord, ReportPlace, ReportRow, Selection};

use super::Db;
use super::db::args;
use super::error::Result;
use super::read::limit;
use super::rows::{FullJob, JOB_COLUMNS, JOB_TABLES, REJECTED_PAGE, REPORT_PAGE, read_rejected_row, read_report_row};

/// The selected jobs after `after`, in manifest order, at most `most`. One state, and that they are flagged, is said in the
/// text, so that a partial index is seen to fit.
pub(super) async fn jobs_after(
    db: Db<'_>,
    selection: &Selection<'_>,
    after: JobSeq,
    most: usize,
) -> Result<Vec<JobRecord>> {
    let flagged = if selection.only_flagged { "flags <> 0 AND " } else { "" };
    let words: Vec<String> = selection.states.iter().map(|state| format!("'{}'", state.word())).collect();
    let filter = match words.as_slice() {
        [] => String::new(),
        [word] => format!("state = {word} AND "),
        words => format!("state IN ({}) AND ", words.join(", ")),
    };
    let tables = JOB_TABLES.replacen(
        "tryon.jobs j",
        &format!("(SELECT * FROM tryon.jobs WHERE {flagged}{filter}seq > $1 ORDER BY seq LIMIT $2) j"),
        1,
    );
    let query = format!("SELECT {JOB_COLUMNS} FROM {tables} ORDER BY j.seq");
    let rows = db.rows(&query, args![after.0, limit(most)]).await?;
    rows.iter().map(|row| Ok(FullJob::read(row)?.record)).collect()
}

/// A page of the report: jobs, and the manifest rows that were passed over, each behind the job that came before it.
pub(super) async fn report_after(db: Db<'_>, after: ReportPlace, most: usize) -> Result<(Vec<ReportRow>, ReportPlace)> {
    let (behind, manifest, line) =
        after.rejected.as_ref().map_or((-1, "", 0), |(behind, manifest, line)| (behind.0, manifest.as_str(), *line));
    let rejected = db.rows(REJECTED_PAGE, args![behind, manifest, line, limit(most)]).await?;
    let rejected = rejected.iter().map(read_rejected_row).collect::<Result<Vec<_>>>()?;
    let jobs = db.rows(REPORT_PAGE, args![after.job.0, limit(most)]).await?;
    let jobs = jobs.iter().map(read_report_row).collect::<Result<Vec<_>>>()?;
    Ok(in_manifest_order(after, jobs, rejected, most))
}
