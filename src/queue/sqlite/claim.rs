//! Claiming: which job is next, its place in the budget, and the intent to submit it.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, named_params, params};

use crate::job::state::Transition;
use crate::job::{ExternalTaskId, JobSeq, ModelName};
use crate::queue::{Claim, Note, RunId};

use super::rows::{FullJob, JOB_COLUMNS, JOB_TABLES, millis, timestamp};
use super::verbs::apply;
use super::{QueueError, Result};

/// The next job that never waited. Answered by the index `jobs_fresh` alone.
const NEXT_FRESH: &str = "SELECT priority, seq FROM jobs WHERE state = 'pending' AND retry_at IS NULL
      ORDER BY priority DESC, seq LIMIT 1";

/// The next job whose retry time has come. `jobs_waiting` finds those that are due; they are as many as were in
/// flight at once, at most, and are put in order here.
const NEXT_DUE: &str = "SELECT priority, seq FROM jobs
      WHERE state = 'pending' AND retry_at IS NOT NULL AND retry_at <= :now
      ORDER BY priority DESC, seq LIMIT 1";

/// When the next waiting job is ready. Answered by one look into `jobs_waiting`.
const NEXT_RETRY: &str = "SELECT min(retry_at) FROM jobs WHERE state = 'pending' AND retry_at IS NOT NULL";

/// Takes the next job for a run, within its budget.
pub(super) fn claim(
    db: &Connection,
    run: RunId,
    external_id: ExternalTaskId,
    default_model: &ModelName,
    now: Timestamp,
) -> Result<Claim> {
    let candidate = |query: &str| -> Result<Option<(i64, i64)>> {
        let mut statement = db.prepare_cached(query)?;
        let with_now: &[(&str, &dyn rusqlite::ToSql)] = named_params! { ":now": millis(now) };
        let parameters = if query.contains(":now") { with_now } else { &[] };
        Ok(statement.query_row(parameters, |row| Ok((row.get(0)?, row.get(1)?))).optional()?)
    };
    let fresh = candidate(NEXT_FRESH)?;
    let due = candidate(NEXT_DUE)?;
    // Fresh or no longer waiting makes no difference: the priority counts, and then the manifest's order.
    let Some((_, seq)) = [due, fresh].into_iter().flatten().max_by_key(|(priority, seq)| (*priority, -seq)) else {
        let next_retry_at: Option<i64> = db.prepare_cached(NEXT_RETRY)?.query_row([], |row| row.get(0))?;
        return Ok(Claim::NoneReady { next_retry_at: next_retry_at.map(timestamp).transpose()? });
    };
    let reserved = db
        .prepare_cached("UPDATE runs SET spent = spent + 1 WHERE run = ?1 AND (budget IS NULL OR spent < budget)")?
        .execute([run.0])?;
    if reserved == 0 {
        return Ok(Claim::BudgetSpent);
    }
    db.prepare_cached(
        "INSERT INTO attempts (job, attempt, run, external_task_id, model, claimed_at, asked, outcome)
         SELECT seq, attempt + 1, ?2, ?3, coalesce(model, ?4), ?5, 1, 'submitting' FROM jobs WHERE seq = ?1
         ON CONFLICT (job, attempt) DO UPDATE SET
                run = excluded.run, external_task_id = excluded.external_task_id, model = excluded.model,
                claimed_at = excluded.claimed_at, asked = asked + 1, outcome = excluded.outcome,
                http_status = NULL, code = NULL, message = NULL, request_id = NULL, ended_at = NULL",
    )?
    .execute(params![seq, run.0, external_id.0, default_model.as_str(), millis(now)])?;
    apply(db, JobSeq(seq), None, &Transition::Claim { external_id }, &Note::default(), now)?;
    let query = format!("SELECT {JOB_COLUMNS} FROM {JOB_TABLES} WHERE j.seq = ?1");
    let mut statement = db.prepare_cached(&query)?;
    let mut rows = statement.query([seq])?;
    let row = rows.next()?.ok_or_else(|| QueueError::Damaged(format!("job {seq} vanished while it was claimed")))?;
    Ok(Claim::Job(Box::new(FullJob::read(row)?.active()?)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::queue::sqlite::open::open_for_writing;

    /// How `SQLite` goes about a query, one step a line.
    fn plan(query: &str) -> Vec<String> {
        let folder = tempfile::tempdir().expect("a folder");
        let db = open_for_writing(&folder.path().join("queue.db")).expect("a queue");
        let mut statement = db.prepare(&format!("EXPLAIN QUERY PLAN {query}")).expect("a plan");
        for index in 1..=statement.parameter_count() {
            statement.raw_bind_parameter(index, 1).expect("a parameter");
        }
        statement.raw_query().mapped(|row| row.get(3)).collect::<rusqlite::Result<_>>().expect("steps")
    }

    #[test]
    fn claiming_from_a_million_jobs_looks_at_an_index_and_never_walks_the_table() {
        assert_eq!(plan(NEXT_FRESH), ["SCAN jobs USING INDEX jobs_fresh"], "its first row is the answer");
        assert_eq!(
            plan(NEXT_DUE),
            ["SEARCH jobs USING INDEX jobs_waiting (retry_at>? AND retry_at<?)", "USE TEMP B-TREE FOR ORDER BY"]
        );
        assert_eq!(plan(NEXT_RETRY), ["SEARCH jobs USING COVERING INDEX jobs_waiting (retry_at>?)"]);
        for step in plan(&format!("SELECT {JOB_COLUMNS} FROM {JOB_TABLES} WHERE j.seq = ?1")) {
            assert!(step.starts_with("SEARCH"), "{step}");
        }
    }
}
