//! Claiming: which job is next, its place in the budget, and the intent to submit it.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, named_params, params};

use crate::job::state::Transition;
use crate::job::{AccountName, ExternalTaskId, Forms, JobSeq, JobSpec};
use crate::queue::{Claim, Claimant, Doubt, Epoch, Note, Resubmission, RunId};

use super::epochs::{lacks_room, must_hold, tasks_beside};
use super::rows::{FullJob, JOB_COLUMNS, JOB_TABLES, millis, timestamp};
use super::transition::{By, apply, give_back, one_row};
use super::unseen::passed_over;
use super::writer::Keep;
use super::{QueueError, Result};

/// The next job that never waited, of those that `of_forms` leaves. Answered by the index `jobs_fresh`, of which only rows of
/// another form are passed over.
pub(super) fn next_fresh(of_forms: &str) -> String {
    format!(
        "SELECT priority, seq FROM jobs WHERE state = 'pending' AND retry_at IS NULL AND waits_for IS NULL{of_forms}
          ORDER BY priority DESC, seq LIMIT 1"
    )
}

/// The next job whose retry time has come. `jobs_waiting` finds those that are due; they are as many as were in
/// flight at once, at most, and are put in order here.
pub(super) fn next_due(of_forms: &str) -> String {
    format!(
        "SELECT priority, seq FROM jobs
          WHERE state = 'pending' AND retry_at IS NOT NULL AND retry_at <= :now{of_forms}
          ORDER BY priority DESC, seq LIMIT 1"
    )
}

/// The next job that was told to wait at a moment that has not come yet: the clock was set back since, and its retry time
/// means nothing any more.
pub(super) fn next_stranded(of_forms: &str) -> String {
    format!(
        "SELECT priority, seq FROM jobs
          WHERE state = 'pending' AND retry_at IS NOT NULL AND waits_since > :now{of_forms}
          ORDER BY priority DESC, seq LIMIT 1"
    )
}

/// The condition by which rows that name a model of another form are passed over; nothing for an account in all forms.
pub(super) fn of_forms(forms: Forms) -> &'static str {
    match forms {
        Forms { kolors: true, solutions: true } => "",
        Forms { kolors: true, solutions: false } => " AND (model IS NULL OR model <> 'virtual-try-on-3')",
        Forms { kolors: false, solutions: true } => " AND (model IS NULL OR model = 'virtual-try-on-3')",
        Forms { kolors: false, solutions: false } => " AND model IS NULL",
    }
}

/// When the next waiting job is ready. Answered by one look into `jobs_waiting`.
pub(super) const NEXT_RETRY: &str = "SELECT min(retry_at) FROM jobs WHERE state = 'pending' AND retry_at IS NOT NULL";

/// The next job that is ready, by its place in the queue.
pub(super) fn next_ready(db: &Connection, forms: Forms, me: Option<Epoch>, now: Timestamp) -> Result<Option<i64>> {
    let candidate = |query: &str, parameters: &[(&str, &dyn rusqlite::ToSql)]| -> Result<Option<(i64, i64)>> {
        let mut statement = db.prepare_cached(query)?;
        Ok(statement.query_row(parameters, |row| Ok((row.get(0)?, row.get(1)?))).optional()?)
    };
    let wanted = format!("{}{}", of_forms(forms), passed_over(me));
    let fresh = candidate(&next_fresh(&wanted), &[])?;
    let due = candidate(&next_due(&wanted), named_params! { ":now": millis(now) })?;
    let stranded = candidate(&next_stranded(&wanted), named_params! { ":now": millis(now) })?;
    // Fresh or no longer waiting makes no difference: the priority counts, and then the manifest's order.
    let next = [due, fresh, stranded].into_iter().flatten().max_by_key(|(priority, seq)| (*priority, -seq));
    Ok(next.map(|(_, seq)| seq))
}

/// What the job asks for that would be claimed now.
pub(super) fn next_up(db: &Connection, forms: Forms, me: Option<Epoch>, now: Timestamp) -> Result<Option<JobSpec>> {
    let Some(seq) = next_ready(db, forms, me, now)? else { return Ok(None) };
    let query = format!("SELECT {JOB_COLUMNS} FROM {JOB_TABLES} WHERE j.seq = ?1");
    let mut statement = db.prepare_cached(&query)?;
    let mut rows = statement.query([seq])?;
    rows.next()?.map(|row| Ok(FullJob::read(row)?.record.spec)).transpose()
}

/// Takes the next job for a run, within its budget.
pub(super) fn claim(
    db: &Connection,
    run: RunId,
    me: Option<Epoch>,
    external_id: ExternalTaskId,
    by: &Claimant,
    now: Timestamp,
) -> Result<Claim> {
    if let Some(me) = me {
        must_hold(db, me)?;
    }
    let Some(seq) = next_ready(db, by.forms, me, now)? else {
        let next_retry_at: Option<i64> = db.prepare_cached(NEXT_RETRY)?.query_row([], |row| row.get(0))?;
        return Ok(Claim::NoneReady { next_retry_at: next_retry_at.map(timestamp).transpose()? });
    };
    if let (Some(me), Some(room)) = (me, by.room)
        && let Some(lack) = lacks_room(db, me, by, room)?
    {
        return Ok(Claim::NoRoom(lack));
    }
    if !reserve(db, run)? {
        return Ok(Claim::BudgetSpent);
    }
    db.prepare_cached(
        "INSERT INTO attempts (job, attempt, run, external_task_id, model, claimed_at, asked, outcome,
                               account, endpoint)
         SELECT seq, attempt + 1, ?2, ?3, coalesce(model, ?4), ?5, 1, 'submitting', ?6, ?7 FROM jobs WHERE seq = ?1
         ON CONFLICT (job, attempt) DO UPDATE SET
                run = excluded.run, external_task_id = excluded.external_task_id, model = excluded.model,
                claimed_at = excluded.claimed_at, asked = asked + 1, outcome = excluded.outcome,
                http_status = NULL, code = NULL, message = NULL, request_id = NULL, ended_at = NULL,
                sent_as = NULL, shares = NULL, answer = NULL, task_id = NULL, accepted_at = NULL,
                task_ended_at = NULL, account = excluded.account, endpoint = excluded.endpoint,
                human_content = NULL, cloth_content = NULL, cloth_2_content = NULL",
    )?
    .execute(params![
        seq,
        run.0,
        external_id.0,
        by.default_model.as_str(),
        millis(now),
        by.account.as_ref().map(AccountName::as_str),
        by.endpoint
    ])?;
    apply(db, JobSeq(seq), By::Run(me), &Transition::Claim { external_id }, &Note::default(), now)?;
    let query = format!("SELECT {JOB_COLUMNS} FROM {JOB_TABLES} WHERE j.seq = ?1");
    let mut statement = db.prepare_cached(&query)?;
    let mut rows = statement.query([seq])?;
    let row = rows.next()?.ok_or_else(|| QueueError::Damaged(format!("job {seq} vanished while it was claimed")))?;
    Ok(Claim::Job(Box::new(FullJob::read(row)?.active()?)))
}

/// Writes down the intent to submit a doubtful job again. Where it may not, nothing is to be kept.
pub(super) fn submit_again(
    db: &Connection,
    run: RunId,
    me: Option<Epoch>,
    doubt: Doubt,
    now: Timestamp,
) -> Result<(Resubmission, Keep)> {
    let Doubt { seq, attempt, external_id, of, slots } = doubt;
    if let Some(me) = me {
        must_hold(db, me)?;
        let owner: Option<i64> =
            db.prepare_cached("SELECT epoch FROM jobs WHERE seq = ?1")?.query_row([seq.0], |row| row.get(0))?;
        if ![Some(me), of].contains(&owner.map(Epoch)) {
            return Err(QueueError::Stale { seq: seq.0, attempt });
        }
    }
    let by = By::Worker { attempt, epoch: me };
    let note = Note { submission: Some(external_id), ..Note::default() };
    let state = apply(db, seq, by, &Transition::SubmitAgain, &note, now)?;
    if let Some(slots) = slots
        && tasks_beside(db, seq)? >= slots
    {
        return Ok((Resubmission::NoRoom, Keep::No));
    }
    let owner: i64 = db
        .prepare_cached("SELECT run FROM attempts WHERE job = ?1 AND attempt = ?2")?
        .query_row(params![seq.0, attempt], |row| row.get(0))?;
    if owner != run.0 {
        // The earlier run's submission is certainly unknown to the provider: its unit is free, and this one's is taken.
        give_back(db, seq, attempt)?;
        if !reserve(db, run)? {
            return Ok((Resubmission::BudgetSpent, Keep::No));
        }
        let changed = db
            .prepare_cached("UPDATE attempts SET run = ?3 WHERE job = ?1 AND attempt = ?2")?
            .execute(params![seq.0, attempt, run.0])?;
        one_row(changed, || QueueError::Damaged(format!("attempt {attempt} of job {} is gone", seq.0)))?;
    }
    Ok((Resubmission::Job(state), Keep::Yes))
}

/// Takes one task from a run's budget. Returns whether there was one left.
fn reserve(db: &Connection, run: RunId) -> Result<bool> {
    let reserved = db
        .prepare_cached("UPDATE runs SET spent = spent + 1 WHERE run = ?1 AND (budget IS NULL OR spent < budget)")?
        .execute([run.0])?;
    Ok(reserved == 1)
}
