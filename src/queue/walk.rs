//! All jobs, and all rows of the report, from the first to the last: by pages, so that memory stays flat and nothing of the
//! queue is held up while somebody looks at a row.

use crate::job::JobSeq;

use super::error::QueueError;
use super::own_tasks::OwnTask;
use super::reads::QueueReads;
use super::record::{JobRecord, ReportPlace, ReportRow};
use super::selection::Selection;

/// How many jobs are read at once.
const PAGE_ROWS: usize = 500;

/// How many rows of the report are: a database takes a moment for each page, whatever is on it, to plan the statement and to be
/// asked over a network. The next page is asked for once this one is written: a reader who is slow, as a pager is that somebody left
/// open, would otherwise keep a transaction open.
const REPORT_ROWS: usize = 5_000;

/// Hands every selected job to `each`, in manifest order. The queue may change meanwhile: each page of some hundred jobs is
/// of one moment.
///
/// # Errors
/// Those of the queue, and what `each` returns.
pub async fn each_job<E: From<QueueError>>(
    queue: &dyn QueueReads,
    selection: Selection<'_>,
    mut each: impl FnMut(JobRecord) -> Result<(), E>,
) -> Result<(), E> {
    let mut after = JobSeq(0);
    loop {
        let page = queue.jobs_page(selection, after, PAGE_ROWS).await?;
        page.jobs.into_iter().try_for_each(&mut each)?;
        let Some(next) = page.next else { return Ok(()) };
        after = next;
    }
}

/// Hands every row of the report to `each`, in manifest order. The queue may change meanwhile: each page of some rows
/// is of one moment.
///
/// # Errors
/// Those of the queue, and what `each` returns.
pub async fn each_report_row<E: From<QueueError>>(
    queue: &dyn QueueReads,
    mut each: impl FnMut(ReportRow) -> Result<(), E>,
) -> Result<(), E> {
    let mut place = ReportPlace::default();
    loop {
        let (page, next) = queue.report_page(place, REPORT_ROWS).await?;
        if page.is_empty() {
            return Ok(());
        }
        place = next;
        page.into_iter().try_for_each(&mut each)?;
    }
}

/// Hands every attempt that asked for a task of its own to `each`, in manifest order.
///
/// # Errors
/// Those of the queue.
pub async fn each_own_task(queue: &dyn QueueReads, mut each: impl FnMut(OwnTask)) -> Result<(), QueueError> {
    const PAGE_ROWS: usize = 2_000;

    let mut after = (JobSeq(0), 0);
    loop {
        let page = queue.own_tasks(after, PAGE_ROWS).await?;
        let Some(last) = page.last() else { return Ok(()) };
        after = (last.seq, last.attempt);
        page.into_iter().for_each(&mut each);
    }
}
