//! The only writer of job states: locks the job, reads where it is, asks the state machine, writes where it is then.
//!
//! Everything that a transition entails is here, so that no caller can forget it: the attempt's outcome and what was said
//! about it, the budget's unit of an attempt that created nothing, the counts, and the jobs that waited for this one.

use jiff::Timestamp;
use tokio_postgres::Row;

use crate::job::state::{JobState, Transition, attempt_after, next};
use crate::job::{ExternalTaskId, JobSeq, TaskId, Verdict, clean_text};
use crate::queue::columns::{
    StoredState, has_task_ended, is_over, is_under_way, millis, outcome, read_verdict, tally_of,
};
use crate::queue::mover::is_allowed;
use crate::queue::{Epoch, Note, QueueError};

use super::Db;
use super::contents::note_sent;
use super::db::args;
use super::epochs::{CLOCK, Owner};
use super::error::Result;
use super::refusals;
use super::rows::whole;
use super::tally::Changes;

pub(super) use crate::queue::mover::By;

/// Where a job is, and what a transition needs to know of it. Its row is locked until the transaction ends.
pub(super) struct Present {
    pub(super) seq: i64,
    pub(super) id: String,
    pub(super) state: JobState,
    pub(super) attempt: u32,
    /// The name under which it was sent, if it ever was claimed.
    external_id: Option<ExternalTaskId>,
    flagged: bool,
    verdict: Option<Verdict>,
    cost: Cost,
    owner: Owner,
}

impl Present {
    /// Whether a worker of an epoch may move the job.
    fn may_be_moved(&self, me: Option<Epoch>, transition: &Transition) -> bool {
        me.is_none() || is_allowed(self.owner.holder(me), self.owner.epoch.is_none(), &self.state, transition)
    }
}

/// What is known of the cost of the present attempt's task.
#[derive(Debug, Clone, Copy, Default)]
struct Cost {
    units: Option<f64>,
    paid: Option<f64>,
    /// Whether its task made an image.
    has_made: bool,
}

impl Cost {
    /// Whether nobody has said what a task cost that made an image.
    fn is_untold(self) -> bool {
        self.has_made && self.units.is_none() && self.paid.is_none()
    }
}

/// Moves one job: a worker, only while the job is in its attempt, and its own to move.
pub(super) async fn apply(
    db: Db<'_>,
    seq: JobSeq,
    by: By,
    transition: &Transition,
    note: &Note,
    now: Timestamp,
) -> Result<JobState> {
    let present = present_state(db, seq).await?;
    let is_late = note.submission.is_some() && note.submission != present.external_id;
    if let By::Worker { attempt: expected, epoch } = by
        && (is_late || expected != present.attempt || !present.may_be_moved(epoch, transition))
    {
        return Err(QueueError::Stale { seq: seq.0, attempt: expected });
    }
    let after =
        next(&present.state, transition).map_err(|source| QueueError::Illegal { id: present.id.clone(), source })?;
    let outcome = outcome(transition, &present.state);
    let mut changes = Changes::default();
    count_all(&mut changes, &present, &after, outcome, transition, note);
    // Sent at once; PostgreSQL runs them in this order, and all or none.
    let creates_nothing =
        matches!(transition, Transition::Release { .. } | Transition::TurnAway { .. } | Transition::Refuse { .. });
    // What was in doubt was accepted some time ago, perhaps before the refusals.
    let is_taken = matches!((&present.state, transition), (JobState::Submitting { .. }, Transition::Accept { .. }));
    let lets_go = is_under_way(&present.state) && !is_under_way(&after);
    tokio::try_join!(
        write_job(db, seq, &present, &after, by, transition, now),
        async {
            match outcome {
                Some(outcome) => {
                    write_attempt(db, seq, present.attempt, transition, outcome, note, now).await?;
                    match &note.sent {
                        Some(sent) => note_sent(db, seq, present.attempt, sent).await,
                        None => Ok(()),
                    }
                }
                None => Ok(()),
            }
        },
        changes.write(db),
        async { if lets_go { let_go(db, seq).await } else { Ok(()) } },
        async { if is_taken { refusals::accepted(db, seq, present.attempt).await } else { Ok(()) } },
        // Nothing was created, so the budget gets its unit back.
        async { if creates_nothing { give_back(db, seq, present.attempt).await } else { Ok(()) } },
    )?;
    Ok(after)
}

/// What a transition changes about the counts.
pub(super) fn count_all(
    changes: &mut Changes,
    present: &Present,
    after: &JobState,
    outcome: Option<&str>,
    transition: &Transition,
    note: &Note,
) {
    changes.count(present.state.name().word(), -1);
    changes.count(after.name().word(), 1);
    changes.count("flagged", -i64::from(present.flagged));
    if let Some(verdict) = present.verdict {
        changes.count(tally_of(verdict), -1);
    }
    if let Some(outcome) = outcome {
        count_cost(changes, present.cost, outcome, transition, note);
    }
}

/// The query for where jobs `$1` are.
const PRESENT_STATES: &str = "
    SELECT j.state, j.retry_at, j.failure_kind, j.error_code, j.error, a.external_task_id, a.task_id, j.id, j.attempt,
           j.flags <> 0, a.units, a.paid,
           coalesce(a.task_ended_at IS NOT NULL AND a.outcome <> 'task_failed', FALSE),
           j.epoch, h.dead_at IS NOT NULL OR h.epoch IS NULL, coalesce(h.lapsed_at IS NOT NULL, FALSE), j.verdict,
           j.seq
      FROM tryon.jobs j LEFT JOIN tryon.attempts a ON a.job = j.seq AND a.attempt = j.attempt
      LEFT JOIN tryon.hosts h ON h.epoch = j.epoch
     WHERE j.seq = ANY ($1)";

/// Locks a job until the transaction ends, and says where it is.
pub(super) async fn present_state(db: Db<'_>, seq: JobSeq) -> Result<Present> {
    // Where the lock is waited for, the row is read again, but not what it is joined with: hence two statements.
    let (locked, row) = tokio::try_join!(
        async { db.row("SELECT 1 FROM tryon.jobs WHERE seq = $1 FOR NO KEY UPDATE", args![seq.0]).await },
        async { db.row(PRESENT_STATES, args![vec![seq.0]]).await },
    )?;
    let row = locked.and(row).ok_or_else(|| QueueError::NoSuchJob(seq.0.to_string()))?;
    read_present(&row)
}

/// The same of jobs that are locked.
pub(super) async fn present_states(db: Db<'_>, seqs: &[i64]) -> Result<Vec<Present>> {
    db.rows(PRESENT_STATES, args![seqs.to_vec()]).await?.iter().map(read_present).collect()
}

fn read_present(row: &Row) -> Result<Present> {
    let stored = StoredState {
        state: row.try_get(0)?,
        retry_at: row.try_get(1)?,
        failure_kind: row.try_get(2)?,
        error_code: row.try_get(3)?,
        error: row.try_get(4)?,
    };
    let external_id = row.try_get::<_, Option<String>>(5)?.map(ExternalTaskId);
    let task_id = row.try_get::<_, Option<String>>(6)?.map(TaskId);
    Ok(Present {
        seq: row.try_get(17)?,
        id: row.try_get(7)?,
        state: stored.read(external_id.clone(), task_id)?,
        attempt: whole(row, 8)?,
        external_id,
        flagged: row.try_get(9)?,
        verdict: read_verdict(row.try_get(16)?)?,
        owner: Owner { epoch: row.try_get(13)?, is_dead: row.try_get(14)?, has_lapsed: row.try_get(15)? },
        cost: Cost { units: row.try_get(10)?, paid: row.try_get(11)?, has_made: row.try_get(12)? },
    })
}

async fn write_job(
    db: Db<'_>,
    seq: JobSeq,
    before: &Present,
    after: &JobState,
    by: By,
    transition: &Transition,
    now: Timestamp,
) -> Result<()> {
    let stored = StoredState::of(after);
    let has_ended = matches!(after, JobState::Succeeded { .. } | JobState::Failed { .. } | JobState::Cancelled);
    let is_put_back = matches!(transition, Transition::Retry | Transition::MakeAnew);
    let changed = db
        .run(
            &format!(
                            "UPDATE tryon.jobs SET state = $4, attempt = $5, retry_at = $6,
                        waits_since = CASE WHEN $6 IS NOT NULL THEN $12 END, failure_kind = $7, error_code = $8, error = $9,
                        finished_at = $10, waits_for = NULL, flags = 0, verdict = NULL, review = NULL,
                        moved_at = CASE WHEN $13 THEN {CLOCK} END,
                        epoch = CASE WHEN $14 THEN epoch ELSE $15 END,
                        forgiven = CASE WHEN $11 THEN attempt ELSE forgiven END,
                        put_back_at = CASE WHEN $11 THEN $12 ELSE put_back_at END
                  WHERE seq = $1 AND state = $2 AND attempt = $3"
            ),
            args![
                seq.0,
                before.state.name().word(),
                i64::from(before.attempt),
                stored.state,
                i64::from(attempt_after(before.attempt, transition)),
                stored.retry_at,
                stored.failure_kind,
                stored.error_code,
                stored.error,
                has_ended.then(|| millis(now)),
                is_put_back,
                millis(now),
                by.is_a_hosts(),
                matches!(by, By::Survivor),
                by.epoch_after(after),
            ],
        )
        .await?;
    one_row(changed, || QueueError::Stale { seq: seq.0, attempt: before.attempt })
}

/// What an attempt's cost becomes, in the counts.
fn count_cost(changes: &mut Changes, before: Cost, outcome: &str, transition: &Transition, note: &Note) {
    let after = Cost {
        units: finite(note.units).or(before.units),
        paid: finite(note.paid).or(before.paid),
        has_made: (before.has_made || has_task_ended(transition)) && outcome != "task_failed",
    };
    changes.add("units", after.units.unwrap_or(0.0) - before.units.unwrap_or(0.0));
    changes.add("paid", after.paid.unwrap_or(0.0) - before.paid.unwrap_or(0.0));
    changes.count("untold", i64::from(after.is_untold()) - i64::from(before.is_untold()));
}

/// The sum over all attempts is kept; what is no number would spoil it for good.
fn finite(number: Option<f64>) -> Option<f64> {
    number.filter(|number| number.is_finite())
}

/// Writes what a transition means for the attempt it belongs to, and what was said along with it.
async fn write_attempt(
    db: Db<'_>,
    seq: JobSeq,
    attempt: u32,
    transition: &Transition,
    outcome: &str,
    note: &Note,
    now: Timestamp,
) -> Result<()> {
    let task_id = match transition {
        Transition::Accept { task_id } => Some(task_id.0.as_str()),
        _ => None,
    };
    let cleaned = |text: &Option<String>| text.as_deref().map(clean_text);
    let changed = db
        .run(
            "UPDATE tryon.attempts SET
                    outcome = $3,
                    asked = asked + $4,
                    accepted_at = coalesce(accepted_at, CASE WHEN $5 IS NOT NULL THEN $6 END),
                    task_id = coalesce($5, task_id),
                    request_id = coalesce($7, request_id),
                    http_status = coalesce($8, http_status),
                    code = $9,
                    message = $10,
                    answer = coalesce($11, answer),
                    units = coalesce($12, units),
                    paid = coalesce($13, paid),
                    task_ended_at = coalesce(task_ended_at, CASE WHEN $14 THEN $6 END),
                    ended_at = CASE WHEN $15 THEN $6 END
              WHERE job = $1 AND attempt = $2",
            args![
                seq.0,
                i64::from(attempt),
                outcome,
                i64::from(matches!(transition, Transition::SubmitAgain)),
                task_id,
                millis(now),
                cleaned(&note.request_id),
                note.http_status.map(i64::from),
                cleaned(&note.code),
                cleaned(&note.message),
                cleaned(&note.answer),
                finite(note.units),
                finite(note.paid),
                has_task_ended(transition),
                is_over(outcome),
            ],
        )
        .await?;
    one_row(changed, || attempt_is_gone(seq, attempt))
}

pub(super) fn attempt_is_gone(seq: JobSeq, attempt: u32) -> QueueError {
    QueueError::Damaged(format!("attempt {attempt} of job {} is gone", seq.0))
}

/// Gives an attempt's task back to the budget of the run that reserved it.
pub(super) async fn give_back(db: Db<'_>, seq: JobSeq, attempt: u32) -> Result<()> {
    let changed = db
        .run(
            "UPDATE tryon.runs SET spent = spent - 1
              WHERE run = (SELECT run FROM tryon.attempts WHERE job = $1 AND attempt = $2)",
            args![seq.0, i64::from(attempt)],
        )
        .await?;
    one_row(changed, || QueueError::Damaged(format!("the run of job {} is gone", seq.0)))
}

/// The duplicates that wait for a job are looked at again.
async fn let_go(db: Db<'_>, seq: JobSeq) -> Result<()> {
    db.run("UPDATE tryon.jobs SET waits_for = NULL WHERE waits_for = $1", args![seq.0]).await?;
    Ok(())
}

/// Each statement that moves something moves exactly one row, or something is wrong.
pub(super) fn one_row(changed: u64, otherwise: impl FnOnce() -> QueueError) -> Result<()> {
    if changed == 1 { Ok(()) } else { Err(otherwise()) }
}
