//! A submission whose fate is unknown: found by its external id, sent again under the same id where that is
//! certainly safe, or left for a person. Time alone never permits a second submission.

use std::sync::atomic::Ordering;

use crate::job::{ExternalTaskId, Failure, Transition};
use crate::provider::{AnswerFacts, CreateFate, Meaning, QueryAnswer, StopReason, TaskReport};
use crate::queue::{ActiveJob, Note};

use super::InDoubtPolicy;
use super::context::{Context, RunError};
use super::event::Fact;
use super::gate::Lane;
use super::request_pictures::NotReady;
use super::worker::{Held, Step, accepted, bad_input, note, ready_pictures, refusal, send};

/// This many answers that do not tell are taken; then the job is left in doubt.
const MOST_EVASIONS: u32 = 5;

/// What asking for an external id has shown.
enum Sought {
    /// The task exists.
    Found(Box<TaskReport>),
    /// The provider said twice, with time between, that it knows no such task.
    CertainlyUnknown,
    /// It cannot be told: the door does not know external ids, or has not shown that it does.
    CannotTell(&'static str),
    /// The run ends before it could be told.
    RunEnds,
}

/// Settles a job in doubt, as far as it can be.
pub(super) async fn settle(ctx: &Context, job: &ActiveJob, held: &mut Held) -> Result<Step, RunError> {
    match seek(ctx, &job.external_id).await? {
        Sought::Found(task) => found(ctx, job, held, *task).await,
        Sought::CertainlyUnknown => submit_again(ctx, job, held).await,
        Sought::CannotTell(why) => match ctx.settings.in_doubt {
            InDoubtPolicy::Hold => {
                if ctx.external_ids().is_some() {
                    // Nothing that this run may still learn can change that.
                    ctx.park(job);
                }
                tracing::debug!(job = %job.spec.id, why, "left in doubt");
                Ok(Step::Leave)
            }
            InDoubtPolicy::Resubmit => {
                let note = Note::of(format!("submitted anew by --in-doubt resubmit: {why}"));
                let state = ctx.record(job, Transition::GiveUpDoubt, note).await?;
                let id = job.spec.id.clone();
                ctx.tell(Fact::PutBack { id, why: "given up as lost, and submitted anew".to_owned(), retry_at: None });
                Ok(Step::Now(state))
            }
        },
        Sought::RunEnds => Ok(Step::Leave),
    }
}

async fn found(ctx: &Context, job: &ActiveJob, held: &mut Held, task: TaskReport) -> Result<Step, RunError> {
    if let Some(slot) = &mut held.slot {
        slot.is_held_already();
    }
    let task_id = task.task_id;
    let state = ctx.record(job, Transition::Accept { task_id: task_id.clone() }, Note::default()).await?;
    ctx.learn_external_ids(true).await?;
    ctx.tell(Fact::Found { id: job.spec.id.clone(), task_id });
    Ok(Step::Now(state))
}

/// Asks for a task by our own name for it, until the answer is sure.
async fn seek(ctx: &Context, external_id: &ExternalTaskId) -> Result<Sought, RunError> {
    if ctx.external_ids() == Some(false) {
        return Ok(Sought::CannotTell("this provider does not know external task ids"));
    }
    let mut unknown_since: Option<tokio::time::Instant> = None;
    let mut evaded = 0;
    loop {
        let asked = tokio::select! {
            asked = ask(ctx, external_id) => asked,
            () = ctx.shutdown.cancelled() => return Ok(Sought::RunEnds),
        };
        match asked {
            Asked::Task(task) if task.external_id.as_ref() == Some(external_id) => return Ok(Sought::Found(task)),
            // An answer about some task that does not carry our id proves nothing about ours.
            Asked::Task(_) => return Ok(Sought::CannotTell("the provider's answer does not carry our task id")),
            Asked::Unknown if ctx.external_ids() == Some(false) => {
                return Ok(Sought::CannotTell("this provider does not know external task ids"));
            }
            Asked::Unknown => {
                // Twice, with time between: a task can be too young to be found.
                let since = *unknown_since.get_or_insert_with(tokio::time::Instant::now);
                if since.elapsed() >= ctx.settings.doubt_interval {
                    return Ok(match ctx.external_ids() {
                        Some(true) => Sought::CertainlyUnknown,
                        _ => Sought::CannotTell("this provider has not shown that it knows external task ids"),
                    });
                }
            }
            Asked::Evaded => {
                evaded += 1;
                if evaded >= MOST_EVASIONS {
                    return Ok(Sought::CannotTell("the provider does not say whether it knows the task"));
                }
            }
            Asked::Nothing => {}
            Asked::Stopped => return Ok(Sought::RunEnds),
        }
        tokio::select! {
            () = tokio::time::sleep(ctx.settings.doubt_interval) => {}
            () = ctx.shutdown.cancelled() => return Ok(Sought::RunEnds),
        }
    }
}

enum Asked {
    Task(Box<TaskReport>),
    /// The API says that there is no such task.
    Unknown,
    /// An answer that some doors give for a task that they do not know, and that others give for other reasons.
    Evaded,
    Nothing,
    Stopped,
}

async fn ask(ctx: &Context, external_id: &ExternalTaskId) -> Asked {
    let Ok(pass) = ctx.gate.pass_in_turn(Lane::Query, &ctx.queries).await else { return Asked::Stopped };
    match ctx.provider.query(&external_id.0).await {
        QueryAnswer::Task(task) => {
            pass.worked();
            Asked::Task(task)
        }
        QueryAnswer::Unknown(_) => {
            pass.worked();
            Asked::Unknown
        }
        QueryAnswer::Trouble(trouble) => {
            // "Bad parameter", or a gateway's 404: what some doors say to an id they do not know, and no proof.
            let is_evasive = matches!(trouble.meaning, Meaning::JobRefused | Meaning::StopRun(StopReason::WrongUrl));
            pass.heed(&trouble);
            if is_evasive { Asked::Evaded } else { Asked::Nothing }
        }
    }
}

/// Sends the create again, under the same external id. Whatever goes wrong puts it back in doubt, because the
/// first request might still arrive.
async fn submit_again(ctx: &Context, job: &ActiveJob, held: &mut Held) -> Result<Step, RunError> {
    // Before the request's turn comes, so that it is not held up.
    ctx.pictures.get_ready(&job.spec).await;
    let leave = async {
        if held.slot.is_none() {
            held.slot = Some(ctx.slots.acquire().await);
        }
        ctx.gate.pass_in_turn(Lane::Create, &ctx.creates).await.ok()
    };
    let pass = tokio::select! {
        pass = leave => pass,
        () = ctx.shutdown.cancelled() => None,
    };
    let Some(pass) = pass else { return Ok(Step::Leave) };
    let Some(state) = ctx.record_again(job).await? else {
        ctx.is_budget_short.store(true, Ordering::Relaxed);
        // Asking again would bring nothing new in this run, and keep it alive for ever.
        ctx.park(job);
        return Ok(Step::Leave);
    };
    let job = &ActiveJob { state, ..job.clone() };
    let back_in_doubt = |facts: AnswerFacts| async move {
        let state = ctx.record(job, Transition::LoseAnswer, note(&facts)).await?;
        tokio::select! {
            () = tokio::time::sleep(ctx.settings.doubt_interval) => Ok(Step::Now(state)),
            () = ctx.shutdown.cancelled() => Ok(Step::Leave),
        }
    };
    let pictures = match ready_pictures(ctx, job).await {
        Ok(pictures) => pictures,
        // The first request never arrived, and this one was not sent: nothing was created.
        Err(NotReady::Input(why)) => return bad_input(ctx, job, why).await,
        Err(not_ready) => {
            ctx.record(job, Transition::LoseAnswer, Note::of("the run ended before it was sent again")).await?;
            return if let NotReady::Machine(error) = not_ready { Err(error) } else { Ok(Step::Leave) };
        }
    };
    match send(ctx, job, &pictures).await {
        CreateFate::Accepted { task_id, echoed, facts } => {
            pass.worked();
            accepted(ctx, job, held, task_id, echoed, facts).await
        }
        CreateFate::Refused(trouble) if trouble.meaning == Meaning::JobRefused => {
            pass.heed(&trouble);
            refused_again(ctx, job, held, refusal(&trouble), trouble.facts).await
        }
        CreateFate::Refused(trouble) | CreateFate::NotSent(trouble) | CreateFate::InDoubt(trouble) => {
            pass.heed(&trouble);
            if trouble.meaning == Meaning::OverCap {
                held.over_cap(ctx);
            }
            back_in_doubt(trouble.facts).await
        }
        // The first request never arrived, and this one was broken off: nothing was created.
        CreateFate::BadInput(why) => bad_input(ctx, job, why).await,
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
    match seek(ctx, &job.external_id).await? {
        Sought::Found(task) => found(ctx, job, held, *task).await,
        Sought::CertainlyUnknown => {
            let transition = Transition::Refuse { failure: failure.clone() };
            ctx.fail(job, transition, note(&facts), failure).await.map(Step::Now)
        }
        Sought::CannotTell(_) | Sought::RunEnds => {
            ctx.record(job, Transition::LoseAnswer, note(&facts)).await?;
            Ok(Step::Leave)
        }
    }
}
