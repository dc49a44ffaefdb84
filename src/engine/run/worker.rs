//! One job's way, top to bottom: submit, wait, fetch. A restart enters the same function at the state on disk.

use std::time::Duration;

use jiff::Timestamp;

use crate::job::{Failure, FailureKind, JobState, TaskId, Transition};
use crate::provider::{TaskFault, TaskReport, TaskStatus, task_fault};
use crate::queue::{ActiveJob, Note, QueueError};

use crate::engine::account::backoff::Backoff;
use crate::engine::account::watcher::Ended;
use crate::engine::error::RunError;
use crate::engine::event::Fact;
use crate::engine::run::context::Context;
use crate::engine::run::step::{Held, Step};
use crate::engine::run::{doubt, fetch, owner, submit};

/// Another account's key finds none of this account's tasks.
const LOST: &str =
    "the provider does not know the task any more; if the key is another account's now, a retry pays a second time";

/// Sees a job through, as far as it goes in this run.
///
/// # Errors
/// Only what ends the run: the queue or the output folder failed.
pub(crate) async fn see_through(ctx: &Context, mut job: ActiveJob, mut held: Held) -> Result<(), RunError> {
    let mut report = None;
    loop {
        let step = match &job.state {
            JobState::Submitting { .. } => submit::submit(ctx, &job, &mut held).await,
            JobState::InDoubt { .. } => doubt::settle(ctx, &job, &mut held).await,
            JobState::Running { task_id } => wait(ctx, &job, task_id.clone(), &mut held, &mut report).await,
            JobState::Downloading { task_id } => fetch::fetch(ctx, &job, task_id.clone(), report.take()).await,
            JobState::Pending { .. } | JobState::Succeeded { .. } | JobState::Failed { .. } | JobState::Cancelled => {
                return Ok(());
            }
        };
        match step {
            Ok(Step::Now(state)) => job.state = state,
            Ok(Step::Leave) => return Ok(()),
            Err(RunError::Queue(error @ (QueueError::Stale { .. } | QueueError::Illegal { .. }))) => {
                // A person has changed the job from another process in the meantime; it is theirs now.
                tracing::warn!(job = %job.spec.id, %error, "the job was changed by another process");
                return Ok(());
            }
            Err(error) => return Err(error),
        }
    }
}

/// Waits until the task has ended.
async fn wait(
    ctx: &Context,
    job: &ActiveJob,
    task_id: TaskId,
    held: &mut Held,
    report: &mut Option<TaskReport>,
) -> Result<Step, RunError> {
    let age = believed_age(job.accepted_at, ctx.now(), ctx.queue.is_shared());
    let ended = tokio::select! {
        biased;
        ended = tokio::time::timeout(ctx.settings.task_timeout, ctx.account.watcher.ended(task_id.clone(), age)) => ended,
        () = ctx.shutdown.cancelled() => return Ok(Step::Leave),
    };
    match ended {
        Err(_) => {
            ctx.park(job);
            ctx.account.parks_task();
            ctx.tell(Fact::Parked { id: job.spec.id.clone(), task_id });
            Ok(Step::Leave)
        }
        Ok(None | Some(Ended::Stopped)) => Ok(Step::Leave),
        Ok(Some(Ended::Unknown)) if owner::is_elsewhere(ctx, job).await? => Ok(Step::Leave),
        Ok(Some(Ended::Unknown)) => {
            let failure = Failure { kind: FailureKind::Task, code: "task_lost".to_owned(), message: LOST.to_owned() };
            let note = Note { code: Some(failure.code.clone()), ..Note::of(failure.message.clone()) };
            ctx.fail(job, Transition::TaskFail { failure: failure.clone() }, note, failure).await.map(Step::Now)
        }
        Ok(Some(Ended::Task { report: task, ago })) => {
            // The slot is free from that moment on, for the next job; what follows needs none.
            let fact = ctx.account.task_ended(held.slot.take(), &task, ago);
            fact.into_iter().for_each(|fact| ctx.tell(fact));
            let step = task_ended(ctx, job, *task, report).await;
            ctx.account.slots.has_room();
            step
        }
    }
}

/// Records how a task ended.
async fn task_ended(
    ctx: &Context,
    job: &ActiveJob,
    task: TaskReport,
    report: &mut Option<TaskReport>,
) -> Result<Step, RunError> {
    ctx.account.tally.cost(task.units, task.paid);
    let cost = Note { units: task.units, paid: task.paid, ..Note::default() };
    if task.external_id.as_ref() == Some(&job.external_id) {
        ctx.learn_external_ids(true).await?;
    }
    if task.status == TaskStatus::Succeeded && !task.images.is_empty() {
        let state = ctx.record(job, Transition::TaskSucceed, cost).await?;
        let since = job.accepted_at.unwrap_or(job.claimed_at);
        let seconds = ctx.now().duration_since(since).as_secs_f64();
        ctx.tell(Fact::Generated { id: job.spec.id.clone(), seconds });
        *report = Some(task);
        return Ok(Step::Now(state));
    }
    if task.status == TaskStatus::Succeeded {
        let failure = Failure::of(FailureKind::NoImage, "the task succeeded without an image");
        let note = Note { message: Some(failure.message.clone()), ..cost };
        return ctx.fail(job, Transition::TaskFail { failure: failure.clone() }, note, failure).await.map(Step::Now);
    }
    let said = task.message.unwrap_or_else(|| "the task failed, and the provider gives no reason".to_owned());
    let note = Note { message: Some(said.clone()), ..cost };
    let fault = task_fault(&said);
    if fault == TaskFault::NoRoom {
        let retry_at = ctx.now() + Backoff::JOB.firm(1);
        let state = ctx.record(job, Transition::TaskFindsNoRoom { retry_at }, note).await?;
        ctx.tell(Fact::PutBack { id: job.spec.id.clone(), why: said, retry_at: Some(retry_at) });
        return Ok(Step::Now(state));
    }
    if fault == TaskFault::Inputs || job.tries >= ctx.settings.max_attempts {
        let failure = Failure::of(FailureKind::Task, &said);
        return ctx.fail(job, Transition::TaskFail { failure: failure.clone() }, note, failure).await.map(Step::Now);
    }
    let retry_at = ctx.now() + Backoff::JOB.jittered(job.tries);
    let state = ctx.record(job, Transition::TaskFailForNow { retry_at }, note).await?;
    ctx.tell(Fact::PutBack { id: job.spec.id.clone(), why: said, retry_at: Some(retry_at) });
    Ok(Step::Now(state))
}

/// How old a task is, as far as that is known. Where several hosts work the queue, another one's clock may be an hour off: a
/// task that seems an hour old would teach that tasks take an hour, and the others would be asked about when that is over.
fn believed_age(accepted_at: Option<Timestamp>, now: Timestamp, is_shared: bool) -> Duration {
    accepted_at.filter(|_| !is_shared).map_or(Duration::ZERO, |since| elapsed(since, now))
}

/// The time since a moment; nothing, where the clock has been set back since.
fn elapsed(since: Timestamp, now: Timestamp) -> Duration {
    Duration::try_from(now.duration_since(since)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_age_of_a_task_is_believed_where_no_other_host_can_have_written_it_down() {
        let now = Timestamp::from_second(1_790_000_000).expect("a time");
        let (hour, ahead) = (now - Duration::from_secs(3_600), now + Duration::from_secs(60));
        assert_eq!(believed_age(Some(hour), now, false), Duration::from_secs(3_600));
        assert_eq!(believed_age(Some(hour), now, true), Duration::ZERO, "its clock may be an hour off");
        assert_eq!(believed_age(Some(ahead), now, false), Duration::ZERO);
        assert_eq!(believed_age(None, now, false), Duration::ZERO);
    }
}
