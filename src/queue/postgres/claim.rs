//! Claiming: which job is next, its place in the budget, and the intent to submit it.
//!
//! Several processes claim at once. Each locks the row that it is about to take, and passes over those that others have
//! locked; so none waits for another, and no job is taken twice.

use jiff::Timestamp;

use crate::job::state::Transition;
use crate::job::{AccountName, ExternalTaskId, Forms, JobSeq, JobSpec};
use crate::queue::columns::{maybe_timestamp, millis};
use crate::queue::{Claim, Claimant, Doubt, Epoch, Note, PostgresAddress, QueueError, Resubmission, RunId};

use super::Db;
use super::connect::End;
use super::db::args;
use super::epochs::{ROOM, lacks_room, may_claim, must_hold, tasks_beside};
use super::error::Result;
use super::open::is_known;
use super::rows::{FullJob, JOB_COLUMNS, JOB_TABLES};
use super::transition::{By, apply, attempt_is_gone, give_back, one_row};
use super::unseen::passed_over;

/// What a claim does about jobs that another claim has locked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Others {
    /// It takes another job.
    PassOver,
    /// It waits until the other claim is through: a job may be left over.
    WaitFor,
    /// It only looks.
    Ignore,
}

/// The query for the next job that is ready, by its place in the queue: of those that never waited, those whose retry time has
/// come, and those that were told to wait at a moment that has not come yet (the clock was set back since). Each is the first
/// row of an index, or of the few rows that are due. `$1` is now. The version of the queue comes along.
fn next_ready_query(wanted: &str, others: Others) -> String {
    let lock = match others {
        Others::PassOver => "FOR NO KEY UPDATE SKIP LOCKED",
        Others::WaitFor => "FOR NO KEY UPDATE",
        Others::Ignore => "",
    };
    let first = |condition: &str| {
        format!(
            "(SELECT priority, seq FROM tryon.jobs WHERE state = 'pending' AND {condition}{wanted}
               ORDER BY priority DESC, seq LIMIT 1 {lock})"
        )
    };
    format!(
        "WITH fresh AS MATERIALIZED {fresh}, due AS MATERIALIZED {due}, stranded AS MATERIALIZED {stranded}
         SELECT (SELECT version FROM tryon.version),
                (SELECT seq FROM (SELECT * FROM fresh UNION ALL SELECT * FROM due UNION ALL SELECT * FROM stranded) AS ready
                  ORDER BY priority DESC, seq LIMIT 1)",
        fresh = first("retry_at IS NULL AND waits_for IS NULL"),
        due = first("retry_at IS NOT NULL AND retry_at <= $1"),
        stranded = first("retry_at IS NOT NULL AND waits_since > $1"),
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

/// Which of the jobs that are ready an epoch takes: those of its forms, and none that it could not see.
fn wanted(forms: Forms, me: Option<Epoch>) -> String {
    format!("{}{}", of_forms(forms), passed_over(me))
}

/// When the next waiting job is ready. Answered by one look into `jobs_waiting`.
const NEXT_RETRY: &str = "SELECT min(retry_at) FROM tryon.jobs WHERE state = 'pending' AND retry_at IS NOT NULL";

/// The next job that is ready, locked for this transaction. Where others have locked all that are, they are waited for: one
/// of them may be left over. To be asked by a transaction that has locked nothing yet.
pub(super) async fn next_ready(
    db: Db<'_>,
    address: &PostgresAddress,
    (forms, me): (Forms, Option<Epoch>),
    now: Timestamp,
) -> Result<Option<JobSeq>> {
    match ready(db, address, (forms, me), now, Others::PassOver).await? {
        None => ready(db, address, (forms, me), now, Others::WaitFor).await,
        found => Ok(found),
    }
}

/// The same for a transaction that has locked something: nobody is waited for.
pub(super) async fn next_free(
    db: Db<'_>,
    address: &PostgresAddress,
    (forms, me): (Forms, Option<Epoch>),
    now: Timestamp,
) -> Result<Option<JobSeq>> {
    ready(db, address, (forms, me), now, Others::PassOver).await
}

async fn ready(
    db: Db<'_>,
    address: &PostgresAddress,
    (forms, me): (Forms, Option<Epoch>),
    now: Timestamp,
    others: Others,
) -> Result<Option<JobSeq>> {
    let row = db.one(&next_ready_query(&wanted(forms, me), others), args![millis(now)]).await?;
    is_known(row.try_get(0)?, address)?;
    Ok(row.try_get::<_, Option<i64>>(1)?.map(JobSeq))
}

/// What the job asks for that would be claimed now.
pub(super) async fn next_up(db: Db<'_>, forms: Forms, me: Option<Epoch>, now: Timestamp) -> Result<Option<JobSpec>> {
    let row = db.one(&next_ready_query(&wanted(forms, me), Others::Ignore), args![millis(now)]).await?;
    let Some(seq) = row.try_get::<_, Option<i64>>(1)? else { return Ok(None) };
    let job = full_job(db, JobSeq(seq)).await?;
    Ok(job.map(|job| job.record.spec))
}

async fn full_job(db: Db<'_>, seq: JobSeq) -> Result<Option<FullJob>> {
    let query = format!("SELECT {JOB_COLUMNS} FROM {JOB_TABLES} WHERE j.seq = $1");
    db.row(&query, args![seq.0]).await?.map(|row| FullJob::read(&row)).transpose()
}

/// What a claim under this name has taken that was committed, and cut off before it was answered; `None` where nothing was, and
/// where the claim is not made again.
pub(super) async fn taken_before(
    db: Db<'_>,
    me: Option<Epoch>,
    external_id: &ExternalTaskId,
    is_again: bool,
) -> Result<Option<Claim>> {
    if !is_again {
        return Ok(None);
    }
    let query = "SELECT a.job, coalesce(j.state = 'submitting' AND j.epoch IS NOT DISTINCT FROM $2, FALSE)
                   FROM tryon.attempts a LEFT JOIN tryon.jobs j ON j.seq = a.job AND j.attempt = a.attempt
                  WHERE a.external_task_id = $1";
    let Some(row) = db.row(query, args![external_id.0, me.map(|me| me.0)]).await? else { return Ok(None) };
    let job = if row.try_get(1)? { full_job(db, JobSeq(row.try_get(0)?)).await? } else { None };
    Ok(Some(match job {
        Some(job) => Claim::Job(Box::new(job.active()?)),
        // Somebody has found it by now. The next claim has a name of its own.
        None => Claim::NoneReady { next_retry_at: None },
    }))
}

/// Takes the next job for a run, within its budget.
pub(super) async fn claim(
    db: Db<'_>,
    address: &PostgresAddress,
    (run, me): (RunId, Option<Epoch>),
    external_id: &ExternalTaskId,
    by: &Claimant,
    now: Timestamp,
) -> Result<End<Claim>> {
    may_claim(db, me, by).await?;
    match next_ready(db, address, (by.forms, me), now).await? {
        Some(seq) => take(db, (run, me), seq, external_id, by, now).await,
        None => none_ready(db).await,
    }
}

pub(super) async fn none_ready(db: Db<'_>) -> Result<End<Claim>> {
    let row = db.one(NEXT_RETRY, args![]).await?;
    Ok(End::RollBack(Claim::NoneReady { next_retry_at: maybe_timestamp(row.try_get(0)?)? }))
}

/// Takes a job that is ready and locked.
pub(super) async fn take(
    db: Db<'_>,
    (run, me): (RunId, Option<Epoch>),
    seq: JobSeq,
    external_id: &ExternalTaskId,
    by: &Claimant,
    now: Timestamp,
) -> Result<End<Claim>> {
    if let (Some(me), Some(room)) = (me, by.room)
        && let Some(lack) = lacks_room(db, me, by, room).await?
    {
        return Ok(End::Commit(Claim::NoRoom(lack)));
    }
    if !reserve(db, run).await? {
        return Ok(End::RollBack(Claim::BudgetSpent));
    }
    let written = db
        .run(
            "INSERT INTO tryon.attempts AS t (job, attempt, run, external_task_id, model, claimed_at, asked, outcome,
                                              account, endpoint)
             SELECT seq, attempt + 1, $2, $3, coalesce(model, $4), $5, 1, 'submitting', $6, $7
               FROM tryon.jobs WHERE seq = $1
             ON CONFLICT (job, attempt) DO UPDATE SET
                    run = excluded.run, external_task_id = excluded.external_task_id, model = excluded.model,
                    claimed_at = excluded.claimed_at, asked = t.asked + 1, outcome = excluded.outcome,
                    http_status = NULL, code = NULL, message = NULL, request_id = NULL, ended_at = NULL,
                    sent_as = NULL, shares = NULL, answer = NULL, task_id = NULL, accepted_at = NULL,
                    task_ended_at = NULL, account = excluded.account, endpoint = excluded.endpoint,
                human_content = NULL, cloth_content = NULL, cloth_2_content = NULL",
            args![
                seq.0,
                run.0,
                external_id.0,
                by.default_model.as_str(),
                millis(now),
                by.account.as_ref().map(AccountName::as_str),
                by.endpoint,
            ],
        )
        .await?;
    one_row(written, || QueueError::NoSuchJob(seq.0.to_string()))?;
    let transition = Transition::Claim { external_id: external_id.clone() };
    apply(db, seq, By::Run(me), &transition, &Note::default(), now).await?;
    let job = full_job(db, seq).await?;
    let job = job.ok_or_else(|| QueueError::Damaged(format!("job {} vanished while it was claimed", seq.0)))?;
    Ok(End::Commit(Claim::Job(Box::new(job.active()?))))
}

/// Writes down the intent to submit a doubtful job again. Where it may not, nothing is kept.
pub(super) async fn submit_again(
    db: Db<'_>,
    (run, me): (RunId, Option<Epoch>),
    doubt: Doubt,
    now: Timestamp,
) -> Result<End<Resubmission>> {
    let Doubt { seq, attempt, external_id, of, slots } = doubt;
    if let Some(me) = me {
        must_hold(db, me).await?;
    }
    if slots.is_some() {
        db.lock(ROOM).await?;
    }
    if let Some(me) = me {
        let owner = db.row("SELECT epoch FROM tryon.jobs WHERE seq = $1 FOR NO KEY UPDATE", args![seq.0]).await?;
        let owner: Option<i64> = owner.map(|row| row.try_get(0)).transpose()?.flatten();
        if ![Some(me), of].contains(&owner.map(Epoch)) {
            return Err(QueueError::Stale { seq: seq.0, attempt });
        }
    }
    if let Some(slots) = slots
        && tasks_beside(db, seq).await? >= slots
    {
        return Ok(End::RollBack(Resubmission::NoRoom));
    }
    let by = By::Worker { attempt, epoch: me };
    let note = Note { submission: Some(external_id), ..Note::default() };
    let state = apply(db, seq, by, &Transition::SubmitAgain, &note, now).await?;
    let number = i64::from(attempt);
    let owner = db.one("SELECT run FROM tryon.attempts WHERE job = $1 AND attempt = $2", args![seq.0, number]).await?;
    if owner.try_get::<_, i64>(0)? != run.0 {
        // The earlier run's submission is certainly unknown to the provider: its unit is free, and this one's is taken.
        give_back(db, seq, attempt).await?;
        if !reserve(db, run).await? {
            return Ok(End::RollBack(Resubmission::BudgetSpent));
        }
        let statement = "UPDATE tryon.attempts SET run = $3 WHERE job = $1 AND attempt = $2";
        let changed = db.run(statement, args![seq.0, number, run.0]).await?;
        one_row(changed, || attempt_is_gone(seq, attempt))?;
    }
    Ok(End::Commit(Resubmission::Job(state)))
}

/// Takes one task from a run's budget. Returns whether there was one left.
async fn reserve(db: Db<'_>, run: RunId) -> Result<bool> {
    let statement = "UPDATE tryon.runs SET spent = spent + 1 WHERE run = $1 AND (budget IS NULL OR spent < budget)";
    Ok(db.run(statement, args![run.0]).await? == 1)
}
