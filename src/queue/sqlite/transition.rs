//! The only writer of job states: reads where a job is, asks the state machine, writes where it is then.
//!
//! Everything that a transition entails is here, so that no caller can forget it: the attempt's outcome and what was said
//! about it, the budget's unit of an attempt that created nothing, and the jobs that waited for this one.

use jiff::Timestamp;
use rusqlite::{Connection, named_params, params};

use crate::job::state::{JobState, Transition, attempt_after, next};
use crate::job::{ExternalTaskId, JobSeq, TaskId, clean_text};
use crate::queue::{Epoch, Note, QueueError};

pub(super) use crate::queue::mover::By;
use crate::queue::mover::is_allowed;

use super::contents::note_sent;
use super::epochs::{clock, holder};
use super::error::Result;
use super::refusals;
use crate::queue::columns::{StoredState, has_task_ended, is_over, is_under_way, millis, outcome};

/// Moves one job: a worker, only while the job is in its attempt, and its own to move.
pub(super) fn apply(
    db: &Connection,
    seq: JobSeq,
    by: By,
    transition: &Transition,
    note: &Note,
    now: Timestamp,
) -> Result<JobState> {
    let Present { id, state: before, attempt, external_id } = present_state(db, seq)?;
    let is_late = note.submission.is_some() && note.submission != external_id;
    if let By::Worker { attempt: expected, epoch } = by
        && (is_late || expected != attempt || !may_move(db, seq, epoch, &before, transition)?)
    {
        return Err(QueueError::Stale { seq: seq.0, attempt: expected });
    }
    let after = next(&before, transition).map_err(|source| QueueError::Illegal { id, source })?;
    let stored = StoredState::of(&after);
    let has_ended = matches!(after, JobState::Succeeded { .. } | JobState::Failed { .. } | JobState::Cancelled);
    let changed = db
        .prepare_cached(
            "UPDATE jobs SET state = ?4, attempt = ?5, retry_at = ?6,
                    waits_since = CASE WHEN ?6 IS NOT NULL THEN ?12 END, failure_kind = ?7, error_code = ?8, error = ?9,
                    finished_at = ?10, waits_for = NULL, flags = 0, verdict = NULL, review = NULL, moved_at = ?13,
                    epoch = CASE WHEN ?14 THEN epoch ELSE ?15 END,
                    forgiven = CASE WHEN ?11 THEN attempt ELSE forgiven END,
                    put_back_at = CASE WHEN ?11 THEN ?12 ELSE put_back_at END
              WHERE seq = ?1 AND state = ?2 AND attempt = ?3",
        )?
        .execute(params![
            seq.0,
            before.name().word(),
            attempt,
            stored.state,
            attempt_after(attempt, transition),
            stored.retry_at,
            stored.failure_kind,
            stored.error_code,
            stored.error,
            has_ended.then(|| millis(now)),
            matches!(transition, Transition::Retry | Transition::MakeAnew),
            millis(now),
            by.is_a_hosts().then(clock),
            matches!(by, By::Survivor),
            by.epoch_after(&after),
        ])?;
    one_row(changed, || QueueError::Stale { seq: seq.0, attempt })?;
    if let Some(outcome) = outcome(transition, &before) {
        write_attempt(db, seq, attempt, transition, outcome, note, now)?;
        if let Some(sent) = &note.sent {
            note_sent(db, seq, attempt, sent)?;
        }
    }
    if matches!(transition, Transition::Release { .. } | Transition::TurnAway { .. } | Transition::Refuse { .. }) {
        // Nothing was created, so the budget gets its unit back.
        give_back(db, seq, attempt)?;
    }
    if is_under_way(&before) && !is_under_way(&after) {
        let_go(db, seq)?;
    }
    if matches!((&before, transition), (JobState::Submitting { .. }, Transition::Accept { .. })) {
        // What was in doubt was accepted some time ago, perhaps before the refusals.
        refusals::accepted(db, seq, attempt)?;
    }
    Ok(after)
}

/// Whether a worker of an epoch may move a job; see [`is_allowed`].
fn may_move(
    db: &Connection,
    seq: JobSeq,
    me: Option<Epoch>,
    before: &JobState,
    transition: &Transition,
) -> Result<bool> {
    if me.is_none() {
        return Ok(true);
    }
    let owner = db.prepare_cached("SELECT epoch FROM jobs WHERE seq = ?1")?.query_row([seq.0], |row| row.get(0))?;
    Ok(is_allowed(holder(db, me, owner)?, owner.is_none(), before, transition))
}

/// Where a job is at present.
pub(super) struct Present {
    pub(super) id: String,
    state: JobState,
    attempt: u32,
    /// The name under which it was sent, if it ever was claimed.
    external_id: Option<ExternalTaskId>,
}

pub(super) fn present_state(db: &Connection, seq: JobSeq) -> Result<Present> {
    let mut statement = db.prepare_cached(
        "SELECT j.state, j.retry_at, j.failure_kind, j.error_code, j.error, a.external_task_id, a.task_id, j.id, j.attempt
           FROM jobs j LEFT JOIN attempts a ON a.job = j.seq AND a.attempt = j.attempt
          WHERE j.seq = ?1",
    )?;
    let mut rows = statement.query([seq.0])?;
    let row = rows.next()?.ok_or_else(|| QueueError::NoSuchJob(seq.0.to_string()))?;
    let stored = StoredState {
        state: row.get(0)?,
        retry_at: row.get(1)?,
        failure_kind: row.get(2)?,
        error_code: row.get(3)?,
        error: row.get(4)?,
    };
    let external_id = row.get::<_, Option<String>>(5)?.map(ExternalTaskId);
    let task_id = row.get::<_, Option<String>>(6)?.map(TaskId);
    let state = stored.read(external_id.clone(), task_id)?;
    Ok(Present { id: row.get(7)?, state, attempt: row.get(8)?, external_id })
}

/// Writes what a transition means for the attempt it belongs to, and what was said along with it.
fn write_attempt(
    db: &Connection,
    seq: JobSeq,
    attempt: u32,
    transition: &Transition,
    outcome: &str,
    note: &Note,
    now: Timestamp,
) -> Result<()> {
    let task_id = match transition {
        Transition::Accept { task_id } => Some(&task_id.0),
        _ => None,
    };
    let changed = db
        .prepare_cached(
            "UPDATE attempts SET
                    outcome = :outcome,
                    asked = asked + :asked_again,
                    accepted_at = coalesce(accepted_at, CASE WHEN :task_id IS NOT NULL THEN :now END),
                    task_id = coalesce(:task_id, task_id),
                    request_id = coalesce(:request_id, request_id),
                    http_status = coalesce(:http_status, http_status),
                    code = :code,
                    message = :message,
                    answer = coalesce(:answer, answer),
                    units = coalesce(:units, units),
                    paid = coalesce(:paid, paid),
                    task_ended_at = coalesce(task_ended_at, CASE WHEN :task_has_ended THEN :now END),
                    ended_at = CASE WHEN :is_over THEN :now END
              WHERE job = :job AND attempt = :attempt",
        )?
        .execute(named_params! {
            ":outcome": outcome,
            ":asked_again": matches!(transition, Transition::SubmitAgain),
            ":task_id": task_id,
            ":now": millis(now),
            ":request_id": note.request_id.as_deref().map(clean_text),
            ":http_status": note.http_status,
            ":code": note.code.as_deref().map(clean_text),
            ":message": note.message.as_deref().map(clean_text),
            // The sum over all attempts is kept; what is no number would spoil it for good.
            ":units": note.units.filter(|units| units.is_finite()),
            ":paid": note.paid.filter(|paid| paid.is_finite()),
            ":answer": note.answer.as_deref().map(clean_text),
            ":task_has_ended": has_task_ended(transition),
            ":is_over": is_over(outcome),
            ":job": seq.0,
            ":attempt": attempt,
        })?;
    one_row(changed, || QueueError::Damaged(format!("attempt {attempt} of job {} is gone", seq.0)))
}

/// Gives an attempt's task back to the budget of the run that reserved it.
pub(super) fn give_back(db: &Connection, seq: JobSeq, attempt: u32) -> Result<()> {
    let changed = db
        .prepare_cached(
            "UPDATE runs SET spent = spent - 1 WHERE run = (SELECT run FROM attempts WHERE job = ?1 AND attempt = ?2)",
        )?
        .execute(params![seq.0, attempt])?;
    one_row(changed, || QueueError::Damaged(format!("the run of job {} is gone", seq.0)))
}

pub(super) const LET_GO: &str = "UPDATE jobs SET waits_for = NULL WHERE waits_for = ?1";

/// The duplicates that wait for a job are looked at again.
pub(super) fn let_go(db: &Connection, seq: JobSeq) -> Result<()> {
    db.prepare_cached(LET_GO)?.execute([seq.0])?;
    Ok(())
}

/// Each statement that moves something moves exactly one row, or something is wrong.
pub(super) fn one_row(changed: usize, otherwise: impl FnOnce() -> QueueError) -> Result<()> {
    if changed == 1 { Ok(()) } else { Err(otherwise()) }
}
