//! What a door can do is learnt by asking, never by absence.
//!
//! Whether it knows external task ids: a create's answer that leaves ours out says nothing, since Kling's own does. So
//! a task that was just accepted is asked for by the id that we gave it. The question is free.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio::sync::mpsc;

use crate::job::{ExternalTaskId, TaskId};
use crate::provider::{Meaning, QueryAnswer, StopReason, Trouble};

use crate::engine::account::gate::{Lane, Pass, Stopped};
use crate::engine::error::RunError;
use crate::engine::run::context::Context;

/// So many questions about one task are asked; another task may tell more.
const MOST_QUESTIONS: u32 = 4;

/// A task that was accepted under an external id of ours.
#[derive(Debug)]
pub(crate) struct Accepted {
    pub(crate) task_id: TaskId,
    pub(crate) external_id: ExternalTaskId,
}

/// What a question about a task showed.
enum Shown {
    /// A task, with its id and ours as the answer has them.
    Task(TaskId, Option<ExternalTaskId>),
    /// There is none of that id, or the door does not understand the id.
    None,
    /// Nothing; ask later.
    Nothing,
}

/// Learns whether the door knows external task ids, from the first accepted task that tells.
///
/// # Errors
/// The queue failed.
pub(crate) async fn learn_external_ids(
    ctx: Arc<Context>,
    accepted: Option<mpsc::Receiver<Accepted>>,
) -> Result<(), RunError> {
    let Some(mut accepted) = accepted else { return Ok(()) };
    let learn = async {
        while ctx.external_ids().is_none() {
            let Some(task) = accepted.recv().await else { return Ok(()) };
            ctx.is_learning.store(true, Ordering::Release);
            if let Some(knows) = ask_for(&ctx, &task).await {
                ctx.learn_external_ids(knows).await?;
            }
            ctx.is_learning.store(false, Ordering::Release);
        }
        Ok(())
    };
    tokio::select! {
        biased;
        learnt = learn => learnt,
        () = ctx.shutdown.cancelled() => Ok(()),
    }
}

/// Whether a task can be found by its external id; `None` when that could not be told.
async fn ask_for(ctx: &Context, task: &Accepted) -> Option<bool> {
    let mut unknown = 0;
    for _ in 0..MOST_QUESTIONS {
        // Another answer may have carried the id meanwhile.
        if ctx.external_ids().is_some() {
            return None;
        }
        match ask(ctx, &task.external_id.0).await.ok()? {
            Shown::Task(task_id, external_id) => {
                let is_ours = task_id == task.task_id || external_id.as_ref() == Some(&task.external_id);
                return is_ours.then_some(true);
            }
            Shown::None => unknown += 1,
            Shown::Nothing => {}
        }
        tokio::time::sleep(ctx.settings.doubt_interval).await;
    }
    // It was not found. That counts where the same task is found by the provider's own id: it is old enough, then.
    let is_there = matches!(ask(ctx, &task.task_id.0).await.ok()?, Shown::Task(..));
    let is_unknown = matches!(ask(ctx, &task.external_id.0).await.ok()?, Shown::None);
    (unknown >= 2 && is_there && is_unknown).then_some(false)
}

async fn ask(ctx: &Context, id: &str) -> Result<Shown, Stopped> {
    let pass = ctx.gate.pass_in_turn(Lane::Query, &ctx.queries).await?;
    Ok(match ctx.provider.query(id).await {
        QueryAnswer::Task(task) => {
            pass.worked();
            Shown::Task(task.task_id, task.external_id)
        }
        QueryAnswer::Unknown(_) => {
            pass.worked();
            Shown::None
        }
        QueryAnswer::Trouble(trouble) => {
            pass.heed(&trouble);
            if is_evasive(&trouble) { Shown::None } else { Shown::Nothing }
        }
    })
}

/// "Bad parameter", or a gateway's 404: what some doors say to an id that they do not know, and others for other
/// reasons. No proof of anything by itself.
pub(crate) fn is_evasive(trouble: &Trouble) -> bool {
    matches!(trouble.meaning, Meaning::JobRefused | Meaning::Suspect(StopReason::WrongUrl))
}

/// A permit for one create, in its turn. In an outage a free question has to be answered before a create is risked: a
/// probe whose answer is lost leaves a submission in doubt.
///
/// # Errors
/// Nothing is submitted any more.
pub(crate) async fn pass_for_create(ctx: &Context) -> Result<Pass, Stopped> {
    loop {
        let pass = ctx.gate.pass_in_turn(Lane::Create, &ctx.creates).await?;
        if !pass.is_probe() {
            return Ok(pass);
        }
        match answers_questions(ctx, pass.may_leave_doubt()).await? {
            Ok(()) => return Ok(pass),
            Err(why) => pass.postpone(&why),
        }
    }
}

/// Asks a free question: about a task that the provider has accepted, or else about one that nobody has.
async fn answers_questions(ctx: &Context, may_leave_doubt: bool) -> Result<Result<(), String>, Stopped> {
    let known = ctx.last_accepted();
    let id = known.as_ref().map_or_else(|| ExternalTaskId::unique().0, |task_id| task_id.0.clone());
    let pass = ctx.gate.pass_in_turn(Lane::Query, &ctx.queries).await?;
    Ok(match ctx.provider.query(&id).await {
        QueryAnswer::Task(_) | QueryAnswer::Unknown(_) => {
            pass.worked();
            Ok(())
        }
        QueryAnswer::Trouble(trouble) => {
            pass.heed(&trouble);
            // Where no task is known to ask for, that answer may be all that this door has for any id.
            let may_be_all = is_evasive(&trouble) && (known.is_none() || !may_leave_doubt);
            if may_be_all { Ok(()) } else { Err(trouble.sentence()) }
        }
    })
}
