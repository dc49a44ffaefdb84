//! Many jobs moved by one transition of a person's, by statements about all of them: where each may go is the state machine's to
//! say, as it is for one job ([`super::transition`]).

use jiff::Timestamp;

use crate::job::state::{JobState, Transition, attempt_after, next};
use crate::queue::columns::{StoredState, is_over, is_under_way, millis, outcome};
use crate::queue::{Note, QueueError};

use super::Db;
use super::db::args;
use super::error::Result;
use super::tally::Changes;
use super::transition::{Present, count_all, present_states};

/// What is written about the jobs of a page, column by column.
#[derive(Default)]
struct Columns {
    seq: Vec<i64>,
    attempt: Vec<i64>,
    attempt_after: Vec<i64>,
    before: Vec<String>,
    state: Vec<String>,
    retry_at: Vec<Option<i64>>,
    failure_kind: Vec<Option<String>>,
    error_code: Vec<Option<String>>,
    error: Vec<Option<String>>,
    has_ended: Vec<i64>,
    /// What their attempts come to; empty where they stay what they are.
    outcome: Vec<Option<String>>,
    is_over: Vec<i64>,
}

impl Columns {
    fn push(&mut self, present: &Present, after: &JobState, transition: &Transition, outcome: Option<&str>) {
        let stored = StoredState::of(after);
        let has_ended = matches!(after, JobState::Succeeded { .. } | JobState::Failed { .. } | JobState::Cancelled);
        self.seq.push(present.seq);
        self.attempt.push(present.attempt.into());
        self.attempt_after.push(attempt_after(present.attempt, transition).into());
        self.before.push(present.state.name().word().to_owned());
        self.state.push(stored.state);
        self.retry_at.push(stored.retry_at);
        self.failure_kind.push(stored.failure_kind);
        self.error_code.push(stored.error_code);
        self.error.push(stored.error);
        self.has_ended.push(has_ended.into());
        self.outcome.push(outcome.map(str::to_owned));
        self.is_over.push(outcome.is_some_and(is_over).into());
    }
}

/// Moves the jobs, which are locked, as a person says: all of them, or none.
pub(super) async fn apply_to_all(db: Db<'_>, seqs: &[i64], transition: &Transition, now: Timestamp) -> Result<()> {
    let (mut changes, mut columns, mut let_go) = (Changes::default(), Columns::default(), Vec::new());
    let note = Note::default();
    for present in present_states(db, seqs).await? {
        let after = next(&present.state, transition)
            .map_err(|source| QueueError::Illegal { id: present.id.clone(), source })?;
        let outcome = outcome(transition, &present.state);
        count_all(&mut changes, &present, &after, outcome, transition, &note);
        if is_under_way(&present.state) && !is_under_way(&after) {
            let_go.push(present.seq);
        }
        columns.push(&present, &after, transition, outcome);
    }
    write_jobs(db, &columns, transition, now).await?;
    write_attempts(db, &columns, now).await?;
    if !let_go.is_empty() {
        // The duplicates that wait for them are looked at again.
        db.run("UPDATE tryon.jobs SET waits_for = NULL WHERE waits_for = ANY ($1)", args![let_go]).await?;
    }
    changes.write(db).await
}

/// As for one job; no host has them then.
async fn write_jobs(db: Db<'_>, columns: &Columns, transition: &Transition, now: Timestamp) -> Result<()> {
    let is_put_back = matches!(transition, Transition::Retry | Transition::MakeAnew);
    let statement = "
        UPDATE tryon.jobs j
           SET state = n.state, attempt = n.attempt_after, retry_at = n.retry_at,
               waits_since = CASE WHEN n.retry_at IS NOT NULL THEN $11 END, failure_kind = n.failure_kind,
               error_code = n.error_code, error = n.error, finished_at = CASE WHEN n.has_ended = 1 THEN $11 END,
               waits_for = NULL, flags = 0, verdict = NULL, review = NULL, moved_at = NULL, epoch = NULL,
               forgiven = CASE WHEN $12 THEN j.attempt ELSE forgiven END,
               put_back_at = CASE WHEN $12 THEN $11 ELSE put_back_at END
          FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
               AS n (seq, attempt, attempt_after, before, state, retry_at, failure_kind, error_code, error, has_ended)
         WHERE j.seq = n.seq AND j.state = n.before AND j.attempt = n.attempt";
    let changed = db
        .run(
            statement,
            args![
                columns.seq,
                columns.attempt,
                columns.attempt_after,
                columns.before,
                columns.state,
                columns.retry_at,
                columns.failure_kind,
                columns.error_code,
                columns.error,
                columns.has_ended,
                millis(now),
                is_put_back,
            ],
        )
        .await?;
    all_rows(changed, columns.seq.len())
}

async fn write_attempts(db: Db<'_>, columns: &Columns, now: Timestamp) -> Result<()> {
    let with_outcome = columns.outcome.iter().filter(|outcome| outcome.is_some()).count();
    if with_outcome == 0 {
        return Ok(());
    }
    let statement = "
        UPDATE tryon.attempts a
           SET outcome = n.outcome, code = NULL, message = NULL, ended_at = CASE WHEN n.is_over = 1 THEN $5 END
          FROM unnest($1, $2, $3, $4) AS n (job, attempt, outcome, is_over)
         WHERE a.job = n.job AND a.attempt = n.attempt AND n.outcome IS NOT NULL";
    let changed =
        db.run(statement, args![columns.seq, columns.attempt, columns.outcome, columns.is_over, millis(now)]).await?;
    all_rows(changed, with_outcome)
}

/// Each job is moved, or something is wrong.
fn all_rows(changed: u64, jobs: usize) -> Result<()> {
    if changed == jobs as u64 {
        return Ok(());
    }
    Err(QueueError::Damaged(format!("{changed} of {jobs} jobs could be moved")))
}
