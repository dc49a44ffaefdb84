//! The requests that the queue made itself.

use tokio_postgres::Row;

use crate::job::{ExternalTaskId, JobId, JobSeq, TaskId};
use crate::queue::columns::{maybe_timestamp, state_of, timestamp};
use crate::queue::{OwnTask, TaskEnd};

use super::Db;
use super::db::args;
use super::error::Result;
use super::read::limit;
use super::rows::{account, whole};

const COLUMNS: &str = "a.job, a.attempt, j.id, j.state, a.external_task_id, a.task_id, a.account, a.claimed_at, a.outcome, \
     coalesce(a.task_ended_at, a.ended_at), a.units, a.paid";

/// A page of them after an attempt of a job, in manifest order.
pub(super) async fn own_tasks(db: Db<'_>, after: (JobSeq, u32), most: usize) -> Result<Vec<OwnTask>> {
    let query = format!(
        "SELECT {COLUMNS} FROM tryon.attempts a JOIN tryon.jobs j ON j.seq = a.job
          WHERE (a.job, a.attempt) > ($1, $2) AND a.shares IS NULL ORDER BY a.job, a.attempt LIMIT $3"
    );
    db.rows(&query, args![after.0.0, i64::from(after.1), limit(most)]).await?.iter().map(read).collect()
}

/// The one that was sent under a name of ours.
pub(super) async fn own_task_named(db: Db<'_>, name: &ExternalTaskId) -> Result<Option<OwnTask>> {
    let query = format!(
        "SELECT {COLUMNS} FROM tryon.attempts a JOIN tryon.jobs j ON j.seq = a.job WHERE a.external_task_id = $1"
    );
    db.row(&query, args![name.0]).await?.as_ref().map(read).transpose()
}

fn read(row: &Row) -> Result<OwnTask> {
    Ok(OwnTask {
        seq: JobSeq(row.try_get(0)?),
        attempt: whole(row, 1)?,
        id: JobId::trusted(row.try_get(2)?),
        state: state_of(row.try_get(3)?)?,
        external_id: ExternalTaskId(row.try_get(4)?),
        task_id: row.try_get::<_, Option<String>>(5)?.map(TaskId),
        account: account(row, 6)?,
        claimed_at: timestamp(row.try_get(7)?)?,
        end: TaskEnd::of(row.try_get(8)?),
        ended_at: maybe_timestamp(row.try_get(9)?)?,
        units: row.try_get(10)?,
        paid: row.try_get(11)?,
    })
}
