//! The first step: one create, every fate of which is recorded before anything else happens. What a refusal means is
//! the account's to say ([`crate::engine::account::verdict`]).

use std::time::Duration;

use tokio::time::Instant;

use crate::job::{TaskId, Transition};
use crate::provider::{AnswerFacts, CreateFate, Meaning, StopReason, Submission, Trouble};
use crate::queue::{ActiveJob, Note, QueueError, RefusedAlike};

use crate::engine::account::backoff::Backoff;
use crate::engine::account::capabilities::Accepted;
use crate::engine::account::gate::Pass;
use crate::engine::account::refusals::RefusedJob;
use crate::engine::account::verdict::{Fault, ForTheJob, refused_with};
use crate::engine::error::RunError;
use crate::engine::event::Fact;
use crate::engine::inputs::request_pictures::Ready;
use crate::engine::inputs::trouble::InputsError;
use crate::engine::run::context::Context;
use crate::engine::run::step::{CreatePermit, Entry, Held, Step, bad_input, not_here, note, refusal};

/// Sends the one create of this attempt, and records its fate.
pub(crate) async fn submit(ctx: &Context, job: &ActiveJob, held: &mut Held) -> Result<Step, RunError> {
    let Entry::Fresh(CreatePermit { pass, open: _open }) = std::mem::take(&mut held.entry) else {
        // Taken up again after a restart: the request may have gone out, and nobody saw an answer.
        let note = Note::of("the run ended before an answer came");
        return ctx.record(job, Transition::LoseAnswer, note).await.map(Step::Now);
    };
    let give_back = |why: &str| ctx.record(job, Transition::Release { retry_at: None }, Note::of(why));
    let pictures = match ready_pictures(ctx, job).await {
        Ok(pictures) => pictures,
        Err(InputsError::Input(why)) => return bad_input(ctx, job, why).await,
        Err(InputsError::NotHere(why)) => return not_here(ctx, job, why).await,
        Err(InputsError::NoneHere(why)) => {
            ctx.account.gate.stop_submitting(StopReason::NoInputs, &why);
            return give_back(&why).await.map(Step::Now);
        }
        Err(InputsError::NotLinked(why)) => {
            let retry_at = Some(ctx.now() + Backoff::JOB.jittered(1));
            return ctx.record(job, Transition::Release { retry_at }, Note::of(why)).await.map(Step::Now);
        }
        Err(InputsError::NoLinks(why)) => {
            ctx.account.gate.stop_submitting(StopReason::NoUpload, &why);
            return give_back(&why).await.map(Step::Now);
        }
        Err(InputsError::Machine(error)) => {
            give_back(RUN_ENDED).await?;
            return Err(error);
        }
        Err(InputsError::RunEnds) => return give_back(RUN_ENDED).await.map(Step::Now),
    };
    if pictures.took_time && !pass.is_good() {
        return give_back("the provider asked to wait before it was sent").await.map(Step::Now);
    }
    ctx.hosts.may_send(job, held.claimed_at).await?;
    match send(ctx, job, &pictures).await {
        CreateFate::Accepted { task_id, echoed, facts } => {
            pass.accepted();
            accepted(ctx, job, held, task_id, echoed, facts, &pictures).await
        }
        CreateFate::Refused(trouble) => refused(ctx, job, held, pass, trouble).await,
        CreateFate::NotSent(trouble) => {
            pass.heed(&trouble);
            release(ctx, job, &trouble, Some(Backoff::JOB.jittered(1))).await
        }
        CreateFate::BadInput(why) => bad_input(ctx, job, why).await,
        // A web page from something that has never answered as the API: a wrong URL, behind which nothing is created.
        CreateFate::InDoubt(trouble) if trouble.meaning == Meaning::WebPage && !ctx.account.gate.has_answered() => {
            pass.heed(&trouble);
            release(ctx, job, &trouble, None).await
        }
        CreateFate::InDoubt(trouble) => {
            held.lost_at = Some(Instant::now());
            pass.heed(&trouble);
            let why = trouble.sentence();
            let note = Note { sent: pictures.told(), ..note(&trouble.facts) };
            let state = ctx.record(job, Transition::LoseAnswer, note).await?;
            ctx.tell(Fact::InDoubt { id: job.spec.id.clone(), why });
            Ok(Step::Now(state))
        }
    }
}

/// What is said of a job that was claimed and not sent.
const RUN_ENDED: &str = "the run ended before it was sent";

/// The pictures of a job's request, with a word in the queue about what was made of them. Where that took a while,
/// the request's turn has passed, and the next one is waited for; the end of the run is not held up by either.
pub(crate) async fn ready_pictures(ctx: &Context, job: &ActiveJob) -> Result<Ready, InputsError> {
    let made_in_turn = async {
        let pictures = ctx.pictures.of(&job.spec, &job.model).await?;
        if pictures.took_time {
            ctx.account.creates.turn().await;
        }
        Ok(pictures)
    };
    let pictures = tokio::select! {
        biased;
        () = ctx.shutdown.cancelled() => return Err(InputsError::RunEnds),
        made = made_in_turn => made?,
    };
    if let Some(sent_as) = &pictures.sent_as {
        let noted = ctx.queue.note_sent_as(job.seq, job.attempt, sent_as.clone()).await;
        noted.map_err(|error| InputsError::Machine(error.into()))?;
    }
    if ctx.shutdown.is_cancelled() { Err(InputsError::RunEnds) } else { Ok(pictures) }
}

/// One create request for a job, under the external id of its attempt.
pub(crate) async fn send(ctx: &Context, job: &ActiveJob, pictures: &Ready) -> CreateFate {
    let Ready { human, cloth, .. } = pictures;
    let submission = Submission { model: &job.model, human, cloth, keep: job.spec.keep, external_id: &job.external_id };
    ctx.account.provider.create(submission).await
}

/// Records that the provider has the task.
pub(crate) async fn accepted(
    ctx: &Context,
    job: &ActiveJob,
    held: &mut Held,
    task_id: TaskId,
    echoed: bool,
    facts: AnswerFacts,
    pictures: &Ready,
) -> Result<Step, RunError> {
    ctx.account.accepted(job.seq, held.slot.as_mut());
    ctx.account.tally.took_task();
    let note = Note { answer: None, sent: pictures.told(), ..note(&facts) };
    let state = ctx.record(job, Transition::Accept { task_id: task_id.clone() }, note).await?;
    if echoed {
        ctx.learn_external_ids(true).await?;
    }
    ctx.account.capabilities.note_accepted(Accepted { task_id: task_id.clone(), external_id: job.external_id.clone() });
    ctx.tell(Fact::Submitted { id: job.spec.id.clone(), attempt: job.attempt, task_id });
    Ok(Step::Now(state))
}

/// Nothing was created; what follows depends on whose fault that is.
async fn refused(
    ctx: &Context,
    job: &ActiveJob,
    held: &Held,
    pass: Pass,
    mut trouble: Trouble,
) -> Result<Step, RunError> {
    match ctx.account.refused(pass, held.slot.as_ref(), &mut trouble) {
        ForTheJob::Refuse => refuse(ctx, job, &trouble).await,
        ForTheJob::WaitForRoom(fact) => {
            // No news of the job: it waits for room, as it did before.
            ctx.hosts.cap_met(&ctx.account).await?;
            fact.into_iter().for_each(|fact| ctx.tell(fact));
            ctx.record(job, Transition::Release { retry_at: None }, note(&trouble.facts)).await.map(Step::Now)
        }
        ForTheJob::Wait => release(ctx, job, &trouble, None).await,
        ForTheJob::WaitFor(wait) => release(ctx, job, &trouble, Some(wait)).await,
        ForTheJob::InternalError => {
            // A duplicate that waits for this job is none to compare it with.
            let left = ctx.left_to_submit().saturating_sub(ctx.queue.held_back().await?);
            match ctx.account.internal_error(job.seq, left, &trouble) {
                Fault::Job => turn_away(ctx, job, &trouble).await,
                Fault::Provider(wait) => release(ctx, job, &trouble, Some(wait)).await,
            }
        }
        ForTheJob::Unclear => ctx.record(job, Transition::LoseAnswer, note(&trouble.facts)).await.map(Step::Now),
    }
}

/// The provider will never take this job; or none of the jobs, which ends the run and gives this one back.
async fn refuse(ctx: &Context, job: &ActiveJob, trouble: &Trouble) -> Result<Step, RunError> {
    let failure = refusal(trouble);
    let transition = Transition::Refuse { failure: failure.clone() };
    let state = ctx.record(job, transition, note(&trouble.facts)).await?;
    let over_all = if ctx.queue.is_shared() {
        ctx.queue.refused_alike(job.seq, job.attempt, refused_with(&trouble.facts)).await?
    } else {
        RefusedAlike::default()
    };
    let refused = RefusedJob { seq: job.seq, attempt: job.attempt };
    let withdrawn = ctx.account.refused_for_good(refused, trouble, over_all);
    if withdrawn.is_empty() {
        ctx.tell(Fact::Failed { id: job.spec.id.clone(), failure });
        return Ok(Step::Now(state));
    }
    withdraw(ctx, withdrawn, &trouble.sentence()).await?;
    Ok(Step::Leave)
}

/// Puts back jobs that were refused as all others are: they are not at fault.
pub(crate) async fn withdraw(ctx: &Context, withdrawn: Vec<RefusedJob>, said: &str) -> Result<(), RunError> {
    for refused in withdrawn {
        let why = Note::of(format!("every job is refused alike: {said}"));
        let back = ctx.queue.record(refused.seq, refused.attempt, Transition::WithdrawRefusal, why, ctx.now());
        match back.await {
            // A person has put it back meanwhile.
            Err(QueueError::Stale { .. } | QueueError::Illegal { .. }) => {}
            recorded => {
                recorded?;
            }
        }
    }
    Ok(())
}

/// Puts the job back untouched: it waits, and that costs it nothing.
async fn release(ctx: &Context, job: &ActiveJob, trouble: &Trouble, wait: Option<Duration>) -> Result<Step, RunError> {
    let retry_at = wait.map(|wait| ctx.now() + wait);
    let state = ctx.record(job, Transition::Release { retry_at }, note(&trouble.facts)).await?;
    ctx.tell(Fact::PutBack { id: job.spec.id.clone(), why: trouble.sentence(), retry_at });
    Ok(Step::Now(state))
}

/// The job itself seems to be what the provider cannot take: an attempt of it is used up.
async fn turn_away(ctx: &Context, job: &ActiveJob, trouble: &Trouble) -> Result<Step, RunError> {
    if job.tries >= ctx.settings.max_attempts {
        let failure = refusal(trouble);
        let transition = Transition::Refuse { failure: failure.clone() };
        return ctx.fail(job, transition, note(&trouble.facts), failure).await.map(Step::Now);
    }
    let retry_at = ctx.now() + Backoff::JOB.jittered(job.tries);
    let state = ctx.record(job, Transition::TurnAway { retry_at }, note(&trouble.facts)).await?;
    ctx.tell(Fact::PutBack { id: job.spec.id.clone(), why: trouble.sentence(), retry_at: Some(retry_at) });
    Ok(Step::Now(state))
}
