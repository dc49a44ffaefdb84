//! The requests that the queue made itself.

use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::job::{ExternalTaskId, JobId, JobSeq, TaskId};
use crate::queue::columns::{maybe_timestamp, state_of, timestamp};
use crate::queue::{OwnTask, TaskEnd};

use super::Result;
use super::rows::read_account;

const COLUMNS: &str = "a.job, a.attempt, j.id, j.state, a.external_task_id, a.task_id, a.account, a.claimed_at, a.outcome, \
     coalesce(a.task_ended_at, a.ended_at), a.units, a.paid";

/// A page of them after attempt `?2` of job `?1`, in manifest order.
pub(super) fn page_query() -> String {
    format!(
        "SELECT {COLUMNS} FROM attempts a JOIN jobs j ON j.seq = a.job
          WHERE (a.job, a.attempt) > (?1, ?2) AND a.shares IS NULL ORDER BY a.job, a.attempt LIMIT ?3"
    )
}

/// The one that was sent under the name `?1`.
pub(super) fn named_query() -> String {
    format!("SELECT {COLUMNS} FROM attempts a JOIN jobs j ON j.seq = a.job WHERE a.external_task_id = ?1")
}

pub(super) fn own_tasks(db: &Connection, after: (JobSeq, u32), most: usize) -> Result<Vec<OwnTask>> {
    let mut statement = db.prepare_cached(&page_query())?;
    let mut rows = statement.query(params![after.0.0, after.1, most])?;
    let mut page = Vec::new();
    while let Some(row) = rows.next()? {
        page.push(read(row)?);
    }
    Ok(page)
}

pub(super) fn own_task_named(db: &Connection, name: &ExternalTaskId) -> Result<Option<OwnTask>> {
    db.prepare_cached(&named_query())?.query_row([&name.0], |row| Ok(read(row))).optional()?.transpose()
}

fn read(row: &Row<'_>) -> Result<OwnTask> {
    Ok(OwnTask {
        seq: JobSeq(row.get(0)?),
        attempt: row.get(1)?,
        id: JobId::trusted(row.get(2)?),
        state: state_of(&row.get::<_, String>(3)?)?,
        external_id: ExternalTaskId(row.get(4)?),
        task_id: row.get::<_, Option<String>>(5)?.map(TaskId),
        account: read_account(row, 6)?,
        claimed_at: timestamp(row.get(7)?)?,
        end: TaskEnd::of(&row.get::<_, String>(8)?),
        ended_at: maybe_timestamp(row.get(9)?)?,
        units: row.get(10)?,
        paid: row.get(11)?,
    })
}
