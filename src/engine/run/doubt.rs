//! A submission whose fate is unknown: found by its external id, sent again under the same id where that is
//! certainly safe, or left for a person. Time alone never permits a second submission.
//!
//! "No such task" is believed when it was said at least twice, the last time no earlier than `--doubt-age` after the
//! request can last have left this machine: a gateway goes on forwarding what its client has given up, and may have the
//! task made a minute later.

use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::time::Instant;

use crate::job::{ExternalTaskId, Failure, JobState, Transition};
use crate::provider::{AnswerFacts, CreateFate, StopReason, TaskReport};
use crate::queue::{ActiveJob, Holder, NoRoom, Note, Resubmission};

use crate::engine::account::capabilities::{Accepted, Asked, Named};
use crate::engine::account::gate::Pass;
use crate::engine::account::recognize::Has;
use crate::engine::account::refusals::OpenCreate;
use crate::engine::account::verdict::ForTheJob;
use crate::engine::error::RunError;
use crate::engine::event::Fact;
use crate::engine::inputs::trouble::InputsError;
use crate::engine::run::context::Context;
use crate::engine::run::membership::{Membership, Moment};
use crate::engine::run::owner;
use crate::engine::run::step::{Held, Step, bad_input, not_here, note, refusal};
use crate::engine::run::submit::{accepted, ready_pictures, send};
use crate::engine::settings::InDoubtPolicy;

/// This many answers that do not tell are taken; then the job is left in doubt.
const MOST_EVASIONS: u32 = 5;

/// "No such task" has to be said so often.
const UNKNOWN_TIMES: u32 = 2;

/// What asking for an external id has shown.
enum Sought {
    /// The task exists.
    Found(Box<TaskReport>),
    /// The provider has said often and late enough that it knows no such task.
    CertainlyUnknown,
    /// It cannot be told: the provider does not know external ids, or has not shown that it does.
    CannotTell(&'static str),
    /// Nothing more is to be asked here: the run ends, or another account has it.
    Leave,
}

/// Settles a job in doubt, as far as it can be.
pub(crate) async fn settle(ctx: &Context, job: &ActiveJob, held: &mut Held) -> Result<Step, RunError> {
    if job.holder == Holder::Lapsed {
        return look_for(ctx, job, held).await;
    }
    match seek(ctx, job, held).await? {
        Sought::Found(task) => found(ctx, job, held, *task).await,
        Sought::CertainlyUnknown => submit_again(ctx, job, held).await,
        Sought::CannotTell(why) => left_in_doubt(ctx, job, why).await,
        Sought::Leave => Ok(Step::Leave),
    }
}

/// Looks once for the task of another host's submission, while that host may come to life again and its request with it. That
/// the provider does not know the task proves nothing then, and is asked again when the host is known to be dead.
async fn look_for(ctx: &Context, job: &ActiveJob, held: &mut Held) -> Result<Step, RunError> {
    if ctx.account.capabilities.external_ids() != Some(true) {
        return Ok(Step::Leave);
    }
    let named = Named::Ours(job.external_id.clone());
    let asked = tokio::select! {
        biased;
        asked = ctx.account.ask(&named) => asked,
        () = ctx.shutdown.cancelled() => return Ok(Step::Leave),
    };
    match asked {
        Asked::Task(task) if is_ours(ctx, &task, &job.external_id) => found(ctx, job, held, *task).await,
        _ => Ok(Step::Leave),
    }
}

/// What becomes of a submission about which asking tells nothing.
async fn left_in_doubt(ctx: &Context, job: &ActiveJob, why: &'static str) -> Result<Step, RunError> {
    let may_resubmit = ctx.settings.in_doubt == InDoubtPolicy::Resubmit && job.tries < ctx.settings.max_attempts;
    if may_resubmit {
        let note = Note::of(format!("submitted again by --in-doubt resubmit: {why}"));
        let state = ctx.record(job, Transition::GiveUpDoubt, note).await?;
        let id = job.spec.id.clone();
        ctx.tell(Fact::PutBack { id, why: "given up as lost, and submitted again".to_owned(), retry_at: None });
        return Ok(Step::Now(state));
    }
    if ctx.account.capabilities.external_ids().is_some() {
        // Nothing that this run may still learn can change that.
        ctx.park(job);
    }
    tracing::debug!(job = %job.spec.id, why, "left in doubt");
    Ok(Step::Leave)
}

async fn found(ctx: &Context, job: &ActiveJob, held: &mut Held, task: TaskReport) -> Result<Step, RunError> {
    if let Some(slot) = &mut held.slot {
        slot.mark_held();
    } else {
        let mut slot = ctx.account.slots.occupy();
        slot.mark_held();
        held.slot = Some(slot);
    }
    let task_id = task.task_id;
    let state = ctx.record(job, Transition::Accept { task_id: task_id.clone() }, Note::default()).await?;
    ctx.learn_external_ids(true).await?;
    ctx.account.capabilities.note_accepted(Accepted { task_id: task_id.clone(), external_id: job.external_id.clone() });
    ctx.tell(Fact::Found { id: job.spec.id.clone(), task_id });
    Ok(Step::Now(state))
}

/// Asks for a task by our own name for it, until the answer is sure.
async fn seek(ctx: &Context, job: &ActiveJob, held: &mut Held) -> Result<Sought, RunError> {
    let external_id = &job.external_id;
    let named = Named::Ours(external_id.clone());
    let began = Instant::now();
    let believed_from = believed_from(ctx, held.lost_at);
    let (mut unknown, mut evaded) = (0, 0);
    loop {
        if ctx.account.capabilities.external_ids() == Some(false) {
            return Ok(Sought::CannotTell("this provider does not know external task ids"));
        }
        let at = Instant::now();
        let asked = tokio::select! {
            biased;
            asked = ctx.account.ask(&named) => asked,
            () = ctx.shutdown.cancelled() => return Ok(Sought::Leave),
        };
        match asked {
            Asked::Task(task) if is_ours(ctx, &task, external_id) => return Ok(Sought::Found(task)),
            // An answer about some task that does not carry our id proves nothing about ours.
            Asked::Task(_) => return Ok(Sought::CannotTell("the provider's answer does not carry our task id")),
            Asked::Unknown => {
                unknown += 1;
                // As far as is known there is no task, and so no slot is taken by it.
                held.slot = None;
                if unknown >= UNKNOWN_TIMES
                    && at >= believed_from
                    && let Some(sought) = sought_in_vain(ctx, job, held).await?
                {
                    return Ok(sought);
                }
            }
            Asked::Evaded(_) => {
                evaded += 1;
                if evaded >= MOST_EVASIONS {
                    return Ok(Sought::CannotTell("the provider does not say whether it knows the task"));
                }
            }
            Asked::Nothing(_) => {}
            Asked::Stopped(_) => return Ok(Sought::Leave),
        }
        if began.elapsed() >= ctx.settings.task_timeout.max(ctx.settings.doubt_age * 2) {
            ctx.park(job);
            return Ok(Sought::CannotTell("the provider did not say in time whether it knows the task"));
        }
        tokio::select! {
            biased;
            () = tokio::time::sleep(next_question(ctx, unknown, believed_from)) => {}
            () = ctx.shutdown.cancelled() => return Ok(Sought::Leave),
        }
    }
}

/// What it means that no task was found, late enough; `None` where that has to be asked again.
async fn sought_in_vain(ctx: &Context, job: &ActiveJob, held: &Held) -> Result<Option<Sought>, RunError> {
    if ctx.account.capabilities.external_ids() != Some(true) {
        return Ok(Some(Sought::CannotTell("this provider has not shown that it knows external task ids")));
    }
    if held.lost_at.is_some() {
        // Sent in this run, with this run's key.
        return Ok(Some(Sought::CertainlyUnknown));
    }
    Ok(match is_same_account(ctx, job).await? {
        Some(true) => Some(Sought::CertainlyUnknown),
        Some(false) if owner::is_elsewhere(ctx, job).await? => Some(Sought::Leave),
        Some(false) => Some(Sought::CannotTell("the key may be another account's than the one that was asked")),
        None if ctx.shutdown.is_cancelled() => Some(Sought::Leave),
        None => None,
    })
}

/// Whether this run's key is of the account that an earlier run sent the job to; `None` where it was not told.
///
/// Another account's key finds nothing under our ids, and would have the job made and paid for a second time. So a task that
/// the provider took from that run is asked for, which is free. Its number alone proves nothing, also where the queue does not
/// know more of it. Where it took none, there is nothing to compare.
async fn is_same_account(ctx: &Context, job: &ActiveJob) -> Result<Option<bool>, RunError> {
    let Some(task) = ctx.queue.task_of_the_same_account(job.seq, job.attempt).await? else {
        return Ok(Some(true));
    };
    let has = tokio::select! {
        biased;
        has = ctx.account.has(&task) => has,
        () = ctx.shutdown.cancelled() => return Ok(None),
    };
    Ok(match has {
        Has::Yes => Some(true),
        Has::SameNumber | Has::No => Some(false),
        Has::Evaded | Has::NotTold | Has::Stopped => None,
    })
}

/// From when on "no such task" can be believed: `--doubt-age` after the request can last have left this machine. When an
/// earlier run's request did is not known: the clock may have been set since. It had left before this run asks.
fn believed_from(ctx: &Context, lost_at: Option<Instant>) -> Instant {
    lost_at.unwrap_or_else(Instant::now) + ctx.settings.doubt_age
}

/// How long until the next question: soon at first, then ever more rarely, and at the moment when the answer counts.
fn next_question(ctx: &Context, unknown: u32, believed_from: Instant) -> Duration {
    let interval = ctx.settings.doubt_interval;
    let until_believed = believed_from.saturating_duration_since(Instant::now());
    if until_believed.is_zero() {
        return interval;
    }
    (interval * 2_u32.pow(unknown.saturating_sub(1).min(4))).min(until_believed.max(Duration::from_millis(1)))
}

/// Whether an answer is about the task that was asked for. A provider that is known to find tasks by our ids need not repeat
/// them.
fn is_ours(ctx: &Context, task: &TaskReport, external_id: &ExternalTaskId) -> bool {
    match &task.external_id {
        Some(carried) => carried == external_id,
        None => ctx.account.capabilities.external_ids() == Some(true),
    }
}

/// Sends the create again, under the same external id. Whatever goes wrong puts it back in doubt, because the
/// first request might still arrive.
async fn submit_again(ctx: &Context, job: &ActiveJob, held: &mut Held) -> Result<Step, RunError> {
    // Before the request's turn comes, so that it is not held up.
    ctx.pictures.get_ready(&job.spec, &job.model).await;
    let Some((pass, _open, claimed_at, state)) = may_submit_again(ctx, job, held).await? else {
        return Ok(Step::Leave);
    };
    let job = &ActiveJob { state, ..job.clone() };
    let pictures = match ready_pictures(ctx, job).await {
        Ok(pictures) => pictures,
        // The first request never arrived, and this one was not sent: nothing was created.
        Err(InputsError::Input(why)) => return bad_input(ctx, job, why).await,
        Err(InputsError::NotHere(why)) => return not_here(ctx, job, why).await,
        Err(InputsError::NotLinked(why)) => {
            return back_in_doubt(ctx, job, &AnswerFacts { message: Some(why), ..AnswerFacts::default() }).await;
        }
        Err(not_ready) => {
            ctx.record(job, Transition::LoseAnswer, Note::of("the run ended before it was sent again")).await?;
            let stop = match &not_ready {
                InputsError::NoLinks(why) => Some((StopReason::NoUpload, why)),
                InputsError::NoneHere(why) => Some((StopReason::NoInputs, why)),
                _ => None,
            };
            if let Some((reason, why)) = stop {
                ctx.account.gate.stop_submitting(reason, why);
                ctx.park(job);
            }
            return if let InputsError::Machine(error) = not_ready { Err(error) } else { Ok(Step::Leave) };
        }
    };
    ctx.hosts.may_send(job, claimed_at).await?;
    match send(ctx, job, &pictures).await {
        CreateFate::Accepted { task_id, echoed, facts } => {
            pass.accepted();
            accepted(ctx, job, held, task_id, echoed, facts, &pictures).await
        }
        CreateFate::InDoubt(trouble) => {
            held.lost_at = Some(Instant::now());
            pass.heed(&trouble);
            back_in_doubt(ctx, job, &trouble.facts).await
        }
        // Nothing was created by this request, and the first one was certainly unknown: only asking again is left.
        CreateFate::NotSent(trouble) => {
            pass.heed(&trouble);
            back_in_doubt(ctx, job, &trouble.facts).await
        }
        CreateFate::Refused(mut trouble) => {
            match ctx.account.refused(pass, held.slot.as_ref(), &mut trouble) {
                ForTheJob::Refuse => {
                    held.lost_at = Some(Instant::now());
                    return refused_again(ctx, job, held, refusal(&trouble), trouble.facts).await;
                }
                ForTheJob::WaitForRoom(fact) => fact.into_iter().for_each(|fact| ctx.tell(fact)),
                ForTheJob::InternalError => held.internal_errors += 1,
                ForTheJob::Wait | ForTheJob::WaitFor(_) | ForTheJob::Unclear => {}
            }
            if held.internal_errors >= ctx.settings.max_attempts {
                // It may be this job that the provider cannot take. Trying on would keep the run alive for ever.
                return left_to_the_next_run(ctx, job, &trouble.facts).await;
            }
            back_in_doubt(ctx, job, &trouble.facts).await
        }
        // The first request never arrived, and this one was broken off: nothing was created.
        CreateFate::BadInput(why) => bad_input(ctx, job, why).await,
    }
}

/// A permit for the create of a doubtful job, with the intent on disk; `None` where nothing more is to be done for it in this
/// run, or for now.
async fn may_submit_again(
    ctx: &Context,
    job: &ActiveJob,
    held: &mut Held,
) -> Result<Option<(Pass, OpenCreate, Moment, JobState)>, RunError> {
    loop {
        let leave = async {
            if held.slot.is_none() {
                held.slot = Some(ctx.account.slots.acquire().await);
            }
            let open = ctx.account.refusals.open().await;
            ctx.account.pass_for_create().await.map(|pass| (pass, open))
        };
        let permit = tokio::select! {
            biased;
            permit = leave => permit,
            () = ctx.shutdown.cancelled() => return Ok(None),
        };
        let Ok((pass, open)) = permit else {
            // Nothing is submitted any more in this run. Asking again would keep it alive for ever.
            ctx.park(job);
            return Ok(None);
        };
        let claimed_at = ctx.hosts.now();
        let room = ctx.hosts.room(&ctx.account, false, ctx.settings.max_in_doubt);
        match ctx.record_again(job, room.map(|room| room.slots.saturating_add(room.parked))).await? {
            Resubmission::Job(state) => return Ok(Some((pass, open, claimed_at, state))),
            Resubmission::BudgetSpent => {
                ctx.is_budget_short.store(true, Ordering::Relaxed);
                // Asking again would bring nothing new in this run, and keep it alive for ever.
                ctx.park(job);
                return Ok(None);
            }
            Resubmission::NoRoom => {}
        }
        drop((pass, open));
        let wait = Membership::wait_for_room(NoRoom::Slots { elsewhere: 0 }, ctx.settings.doubt_interval);
        tokio::select! {
            biased;
            () = tokio::time::sleep(wait) => {}
            () = ctx.shutdown.cancelled() => return Ok(None),
        }
    }
}

/// The repeated create brought no task either, as far as is known.
async fn back_in_doubt(ctx: &Context, job: &ActiveJob, facts: &AnswerFacts) -> Result<Step, RunError> {
    let state = ctx.record(job, Transition::LoseAnswer, note(facts)).await?;
    tokio::select! {
        biased;
        () = tokio::time::sleep(ctx.settings.doubt_interval) => Ok(Step::Now(state)),
        () = ctx.shutdown.cancelled() => Ok(Step::Leave),
    }
}

/// The repeated create was refused: because the id is taken (then the task is found), or because of the job (then
/// it is still unknown, and the refusal is believed).
async fn refused_again(
    ctx: &Context,
    job: &ActiveJob,
    held: &mut Held,
    failure: Failure,
    facts: AnswerFacts,
) -> Result<Step, RunError> {
    match seek(ctx, job, held).await? {
        Sought::Found(task) => found(ctx, job, held, *task).await,
        // 1201 may say that the id is taken, by a task that cannot be found yet: that is no word about the job.
        Sought::CertainlyUnknown if facts.code != Some(1201) => {
            let transition = Transition::Refuse { failure: failure.clone() };
            ctx.fail(job, transition, note(&facts), failure).await.map(Step::Now)
        }
        Sought::CertainlyUnknown | Sought::CannotTell(_) | Sought::Leave => {
            left_to_the_next_run(ctx, job, &facts).await
        }
    }
}

/// Still `submitting` on disk: what was asked and sent again in vain is in doubt, and nothing more is done in this run.
async fn left_to_the_next_run(ctx: &Context, job: &ActiveJob, facts: &AnswerFacts) -> Result<Step, RunError> {
    let state = ctx.record(job, Transition::LoseAnswer, note(facts)).await?;
    ctx.park(&ActiveJob { state, ..job.clone() });
    Ok(Step::Leave)
}
