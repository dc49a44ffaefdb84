//! The task that each account took last from a run, by which the account can be told from others.

use crate::job::{ExternalTaskId, JobSeq, TaskId};
use crate::queue::TakenTask;

use super::Db;
use super::db::args;
use super::error::Result;

/// The key of an attempt's account. An index has it, for attempts that were accepted.
fn account_of(attempt: &str) -> String {
    format!(
        "(coalesce({attempt}.endpoint, '') ||
          CASE WHEN {attempt}.model LIKE 'virtual-try-on-3%' THEN '/3' ELSE '' END)"
    )
}

/// A task that the attempt's account took from the run that made it, or else from the last run before it that had one there.
/// What it took itself is better than what it was told by.
pub(super) async fn task_of_the_same_account(db: Db<'_>, seq: JobSeq, attempt: u32) -> Result<Option<TakenTask>> {
    let query = format!(
        "WITH own AS (SELECT a.run, {own} AS account FROM tryon.attempts a WHERE a.job = $1 AND a.attempt = $2)
         SELECT task_id, external_id
           FROM ((SELECT l.run, 1 AS rank, l.task_id, l.external_task_id AS external_id
                    FROM own JOIN tryon.attempts l ON {taken} = own.account AND l.run <= own.run
                         AND l.accepted_at IS NOT NULL AND l.task_id IS NOT NULL AND l.shares IS NULL
                   ORDER BY l.run DESC, l.accepted_at DESC, l.job DESC LIMIT 1)
                 UNION ALL
                 (SELECT t.run, 0, t.task_id, t.external_id
                    FROM own JOIN tryon.told_by t ON t.account = own.account AND t.run <= own.run
                   ORDER BY t.run DESC LIMIT 1)) AS told
          ORDER BY run DESC, rank DESC LIMIT 1",
        own = account_of("a"),
        taken = account_of("l")
    );
    let Some(row) = db.row(&query, args![seq.0, i64::from(attempt)]).await? else { return Ok(None) };
    let external_id = row.try_get::<_, Option<String>>(1)?.map(ExternalTaskId);
    Ok(Some(TakenTask { task_id: TaskId(row.try_get(0)?), external_id }))
}

/// A doubtful attempt was found to be another account's, by this task: that account is told by it from now on, unless it has
/// a task of its own from that run.
pub(super) async fn keep_for_doubt(db: Db<'_>, seq: JobSeq, attempt: u32, known_by: &TakenTask) -> Result<()> {
    let statement = format!(
        "INSERT INTO tryon.told_by (run, account, task_id, external_id)
         SELECT a.run, {}, $3, $4 FROM tryon.attempts a
          WHERE a.job = $1 AND a.attempt = $2
            AND EXISTS (SELECT 1 FROM tryon.jobs WHERE seq = $1 AND state = 'in_doubt')
         ON CONFLICT (account, run) DO NOTHING",
        account_of("a")
    );
    let external_id = known_by.external_id.as_ref().map(|id| id.0.as_str());
    db.run(&statement, args![seq.0, i64::from(attempt), known_by.task_id.0, external_id]).await?;
    Ok(())
}
