//! The task that each account took last from a run, by which the account can be told from others.

use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::job::{ExternalTaskId, JobSeq, TaskId};
use crate::queue::TakenTask;

use super::Result;

/// Attempt `?2` of job `?1`, with the key of its account in `last_tasks`.
const ACCOUNT_OF_ATTEMPT: &str =
    "(SELECT run, coalesce(endpoint, '') || iif(model LIKE 'virtual-try-on-3%', '/3', '') AS account
         FROM attempts WHERE job = ?1 AND attempt = ?2)";

/// See [`task_of_the_same_account`].
pub(super) fn query() -> String {
    format!(
        "SELECT l.task_id, l.external_id
           FROM {ACCOUNT_OF_ATTEMPT} a JOIN last_tasks l ON l.account = a.account AND l.run <= a.run
          ORDER BY l.run DESC LIMIT 1"
    )
}

/// A task that the attempt's account took from the run that made it, or else from the last run before it that had one there.
pub(super) fn task_of_the_same_account(db: &Connection, seq: JobSeq, attempt: u32) -> Result<Option<TakenTask>> {
    let read = |row: &Row<'_>| {
        let external_id = row.get::<_, Option<String>>(1)?.map(ExternalTaskId);
        Ok(TakenTask { task_id: TaskId(row.get(0)?), external_id })
    };
    Ok(db.prepare_cached(&query())?.query_row(params![seq.0, attempt], read).optional()?)
}

/// A doubtful attempt was found to be another account's, by this task: that account is told by it from now on, unless it has
/// a task of its own from that run.
pub(super) fn keep_for_doubt(db: &Connection, seq: JobSeq, attempt: u32, known_by: &TakenTask) -> Result<()> {
    db.prepare_cached(&format!(
        "INSERT INTO last_tasks (run, account, task_id, external_id)
         SELECT a.run, a.account, ?3, ?4 FROM {ACCOUNT_OF_ATTEMPT} a
          WHERE EXISTS (SELECT 1 FROM jobs WHERE seq = ?1 AND state = 'in_doubt')
         ON CONFLICT (account, run) DO NOTHING"
    ))?
    .execute(params![seq.0, attempt, known_by.task_id.0, known_by.external_id.as_ref().map(|id| &id.0)])?;
    Ok(())
}
