//! One job's way, top to bottom: submit, wait, fetch. A restart enters the same function at the state on disk.

use std::sync::atomic::Ordering;
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

use crate::job::{Failure, FailureKind, JobState, TaskId, Transition};
use crate::provider::{AnswerFacts, CreateFate, Meaning, StopReason, Submission, TaskFault, TaskReport, TaskStatus};
use crate::provider::{Trouble, meaning::Trust, task_fault};
use crate::queue::{ActiveJob, Note, QueueError};

use crate::engine::account::backoff::Backoff;
use crate::engine::account::gate::Pass;
use crate::engine::account::refusals::{OpenCreate, RefusedJob};
use crate::engine::account::slots::Slot;
use crate::engine::account::watcher::Ended;
use crate::engine::deliver::fetch;
use crate::engine::error::RunError;
use crate::engine::event::Fact;
use crate::engine::inputs::request_pictures::{NotReady, Ready};
use crate::engine::run::capabilities::Accepted;
use crate::engine::run::context::Context;
use crate::engine::run::doubt;

/// So many tasks that failed for want of room, with none made in between, end the run.
const MOST_WITHOUT_ROOM: u32 = 30;

/// What a worker holds for its job until the task has ended: its slot, and the permit for one create.
#[derive(Debug, Default)]
pub(crate) struct Held {
    pub(crate) slot: Option<Slot>,
    pub(crate) pass: Option<CreatePermit>,
    /// When the answer to this run's last create for the job was given up. Nothing of that request leaves this machine
    /// any more; what a gateway took in it may still forward.
    pub(crate) lost_at: Option<Instant>,
    /// How often this job's create, sent again after doubt, got an internal error in this run.
    pub(crate) internal_errors: u32,
}

/// A permit for one create: the gate's, and the count of creates on their way.
#[derive(Debug)]
pub(crate) struct CreatePermit {
    pub(crate) pass: Pass,
    /// Held until the create's fate is on disk.
    pub(crate) open: OpenCreate,
}

impl Held {
    /// The provider has no room for the task that was to take the slot.
    pub(crate) fn over_cap(&self, ctx: &Context) {
        if let Some(slot) = &self.slot {
            ctx.tell(slot.over_cap());
        }
    }
}

/// How a step ends.
pub(crate) enum Step {
    /// The job is in another state; the worker goes on from there.
    Now(JobState),
    /// Nothing more is to be done for it in this run, or for now.
    Leave,
}

/// Sees a job through, as far as it goes in this run.
///
/// # Errors
/// Only what ends the run: the queue or the output folder failed.
pub(crate) async fn see_through(ctx: &Context, mut job: ActiveJob, mut held: Held) -> Result<(), RunError> {
    let mut report = None;
    loop {
        let step = match &job.state {
            JobState::Submitting { .. } => submit(ctx, &job, &mut held).await,
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

/// Sends the one create of this attempt, and records its fate.
async fn submit(ctx: &Context, job: &ActiveJob, held: &mut Held) -> Result<Step, RunError> {
    let Some(CreatePermit { pass, open: _open }) = held.pass.take() else {
        // Taken up again after a restart: the request may have gone out, and nobody saw an answer.
        let note = Note::of("the run ended before an answer came");
        return ctx.record(job, Transition::LoseAnswer, note).await.map(Step::Now);
    };
    let give_back = |why: &str| ctx.record(job, Transition::Release { retry_at: None }, Note::of(why));
    let pictures = match ready_pictures(ctx, job).await {
        Ok(pictures) => pictures,
        Err(NotReady::Input(why)) => return bad_input(ctx, job, why).await,
        Err(NotReady::Machine(error)) => {
            give_back(RUN_ENDED).await?;
            return Err(error);
        }
        Err(NotReady::RunEnds) => return give_back(RUN_ENDED).await.map(Step::Now),
    };
    if pictures.took_time && !pass.is_good() {
        return give_back("the provider asked to wait before it was sent").await.map(Step::Now);
    }
    match send(ctx, job, &pictures).await {
        CreateFate::Accepted { task_id, echoed, facts } => {
            pass.accepted();
            accepted(ctx, job, held, task_id, echoed, facts).await
        }
        CreateFate::Refused(trouble) => refused(ctx, job, held, pass, trouble).await,
        CreateFate::NotSent(trouble) => {
            pass.heed(&trouble);
            release(ctx, job, &trouble, Some(Backoff::JOB.jittered(1))).await
        }
        CreateFate::BadInput(why) => bad_input(ctx, job, why).await,
        // A web page from something that has never answered as the API: a wrong URL, behind which nothing is created.
        CreateFate::InDoubt(trouble) if trouble.meaning == Meaning::WebPage && !ctx.gate.has_answered() => {
            pass.heed(&trouble);
            release(ctx, job, &trouble, None).await
        }
        CreateFate::InDoubt(trouble) => {
            held.lost_at = Some(Instant::now());
            pass.heed(&trouble);
            let why = trouble.sentence();
            let state = ctx.record(job, Transition::LoseAnswer, note(&trouble.facts)).await?;
            ctx.tell(Fact::InDoubt { id: job.spec.id.clone(), why });
            Ok(Step::Now(state))
        }
    }
}

/// What is said of a job that was claimed and not sent.
const RUN_ENDED: &str = "the run ended before it was sent";

/// The pictures of a job's request, with a word in the queue about what was made of them. Where that took a while,
/// the request's turn has passed, and the next one is waited for; the end of the run is not held up by either.
pub(crate) async fn ready_pictures(ctx: &Context, job: &ActiveJob) -> Result<Ready, NotReady> {
    let made_in_turn = async {
        let pictures = ctx.pictures.of(&job.spec).await?;
        if pictures.took_time {
            ctx.creates.turn().await;
        }
        Ok(pictures)
    };
    let pictures = tokio::select! {
        biased;
        () = ctx.shutdown.cancelled() => return Err(NotReady::RunEnds),
        made = made_in_turn => made?,
    };
    if let Some(sent_as) = &pictures.sent_as {
        let noted = ctx.queue.note_sent_as(job.seq, job.attempt, sent_as.clone()).await;
        noted.map_err(|error| NotReady::Machine(error.into()))?;
    }
    if ctx.shutdown.is_cancelled() { Err(NotReady::RunEnds) } else { Ok(pictures) }
}

/// One create request for a job, under the external id of its attempt.
pub(crate) async fn send(ctx: &Context, job: &ActiveJob, pictures: &Ready) -> CreateFate {
    let Ready { human, cloth, .. } = pictures;
    let submission = Submission { model: &job.model, human, cloth, external_id: &job.external_id };
    let mut fate = ctx.provider.create(submission).await;
    if let CreateFate::Refused(trouble) = &mut fate
        && trouble.meaning == Meaning::Saturated
        && ctx.slots.hold_tasks()
    {
        // A gateway has the same words for "too many requests" and for "over the cap". With tasks of ours in flight it
        // is the cap, which room at the account ends.
        trouble.meaning = Meaning::OverCap;
    }
    fate
}

/// The job's pictures are at fault, and nothing was created.
pub(crate) async fn bad_input(ctx: &Context, job: &ActiveJob, why: String) -> Result<Step, RunError> {
    let failure = Failure::of(FailureKind::InvalidInput, &why);
    ctx.fail(job, Transition::Refuse { failure: failure.clone() }, Note::of(why), failure).await.map(Step::Now)
}

/// Records that the provider has the task.
pub(crate) async fn accepted(
    ctx: &Context,
    job: &ActiveJob,
    held: &mut Held,
    task_id: TaskId,
    echoed: bool,
    facts: AnswerFacts,
) -> Result<Step, RunError> {
    if let Some(slot) = &mut held.slot {
        slot.accepted();
    }
    ctx.blame.accepted(job.seq);
    ctx.refusals.accepted();
    let note = Note { answer: None, ..note(&facts) };
    let state = ctx.record(job, Transition::Accept { task_id: task_id.clone() }, note).await?;
    if echoed {
        ctx.learn_external_ids(true).await?;
    }
    ctx.note_accepted(Accepted { task_id: task_id.clone(), external_id: job.external_id.clone() });
    ctx.tell(Fact::Submitted { id: job.spec.id.clone(), attempt: job.attempt, task_id });
    Ok(Step::Now(state))
}

/// Nothing was created; what follows depends on whose fault that is.
async fn refused(ctx: &Context, job: &ActiveJob, held: &Held, pass: Pass, trouble: Trouble) -> Result<Step, RunError> {
    pass.heed(&trouble);
    match trouble.meaning {
        Meaning::JobRefused => refuse(ctx, job, &trouble).await,
        Meaning::OverCap => {
            // No news of the job: it waits for room, as it did before.
            held.over_cap(ctx);
            ctx.record(job, Transition::Release { retry_at: None }, note(&trouble.facts)).await.map(Step::Now)
        }
        Meaning::SlowDown
        | Meaning::Saturated
        | Meaning::StopRun(_)
        | Meaning::Suspect(_)
        | Meaning::NoChannel
        | Meaning::RenewToken => release(ctx, job, &trouble, None).await,
        Meaning::BackOff(trust) => {
            if trust == Trust::MayBeTheJob && ctx.blame.refused(job.seq, ctx.left_to_submit()) {
                turn_away(ctx, job, &trouble).await
            } else {
                let wait = trouble.retry_after.unwrap_or_else(|| Backoff::JOB.jittered(1));
                release(ctx, job, &trouble, Some(wait)).await
            }
        }
        // The client never calls these refused.
        Meaning::Ok | Meaning::InDoubt | Meaning::WebPage | Meaning::UnknownTask => {
            ctx.record(job, Transition::LoseAnswer, note(&trouble.facts)).await.map(Step::Now)
        }
    }
}

/// The provider will never take this job; or none of the jobs, which ends the run and gives this one back.
async fn refuse(ctx: &Context, job: &ActiveJob, trouble: &Trouble) -> Result<Step, RunError> {
    let failure = refusal(trouble);
    let transition = Transition::Refuse { failure: failure.clone() };
    let state = ctx.record(job, transition, note(&trouble.facts)).await?;
    let withdrawn =
        ctx.refusals.refused(&refused_with(&trouble.facts), RefusedJob { seq: job.seq, attempt: job.attempt });
    if withdrawn.is_empty() {
        ctx.tell(Fact::Failed { id: job.spec.id.clone(), failure });
        return Ok(Step::Now(state));
    }
    ctx.gate.stop_submitting(StopReason::AllRefused, &trouble.sentence());
    ctx.refusals.let_all_go();
    for refused in withdrawn {
        let why = Note::of(format!("every job is refused alike: {}", trouble.sentence()));
        let back = ctx.queue.record(refused.seq, refused.attempt, Transition::WithdrawRefusal, why, ctx.now());
        match back.await {
            // A person has put it back meanwhile.
            Err(QueueError::Stale { .. } | QueueError::Illegal { .. }) => {}
            recorded => {
                recorded?;
            }
        }
    }
    Ok(Step::Leave)
}

/// What refusals have in common that are about the same: the provider's code, a gateway's word, or else the status.
fn refused_with(facts: &AnswerFacts) -> String {
    let code = facts.code.map(|code| code.to_string()).or_else(|| facts.word.clone());
    code.unwrap_or_else(|| format!("HTTP {}", facts.http_status.unwrap_or_default()))
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

/// The failure that a refusing answer describes.
pub(crate) fn refusal(trouble: &Trouble) -> Failure {
    let said = trouble.facts.message.clone().unwrap_or_else(|| trouble.sentence());
    Failure::with_code(FailureKind::Refused, trouble.facts.code, &said)
}

/// Waits until the task has ended.
async fn wait(
    ctx: &Context,
    job: &ActiveJob,
    task_id: TaskId,
    held: &mut Held,
    report: &mut Option<TaskReport>,
) -> Result<Step, RunError> {
    let age = job.accepted_at.map_or(Duration::ZERO, |since| elapsed(since, ctx.now()));
    let ended = tokio::select! {
        biased;
        ended = tokio::time::timeout(ctx.settings.task_timeout, ctx.watcher.ended(task_id.clone(), age)) => ended,
        () = ctx.shutdown.cancelled() => return Ok(Step::Leave),
    };
    match ended {
        Err(_) => {
            ctx.park(job);
            ctx.tell(Fact::Parked { id: job.spec.id.clone(), task_id });
            Ok(Step::Leave)
        }
        Ok(None | Some(Ended::Stopped)) => Ok(Step::Leave),
        Ok(Some(Ended::Unknown)) => {
            let failure = Failure {
                kind: FailureKind::Task,
                code: "task_lost".to_owned(),
                message: "the provider does not know the task any more".to_owned(),
            };
            let note = Note { code: Some(failure.code.clone()), ..Note::of(failure.message.clone()) };
            ctx.fail(job, Transition::TaskFail { failure: failure.clone() }, note, failure).await.map(Step::Now)
        }
        Ok(Some(Ended::Task { report: task, ago })) => {
            // The slot is free from that moment on, for the next job; what follows needs none.
            if let Some(slot) = held.slot.take() {
                if failed_for_room(&task) {
                    ctx.tell(slot.over_cap());
                }
                slot.freed(ago);
            }
            task_ended(ctx, job, *task, report).await
        }
    }
}

/// Whether a task failed because the account had no room for it.
fn failed_for_room(task: &TaskReport) -> bool {
    task.status == TaskStatus::Failed && task.message.as_deref().map(task_fault) == Some(TaskFault::NoRoom)
}

/// Records how a task ended.
async fn task_ended(
    ctx: &Context,
    job: &ActiveJob,
    task: TaskReport,
    report: &mut Option<TaskReport>,
) -> Result<Step, RunError> {
    let cost = Note { units: task.units, paid: task.paid, ..Note::default() };
    if task.external_id.as_ref() == Some(&job.external_id) {
        ctx.learn_external_ids(true).await?;
    }
    if task.status == TaskStatus::Succeeded && !task.images.is_empty() {
        ctx.no_room.store(0, Ordering::Relaxed);
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
        if ctx.no_room.fetch_add(1, Ordering::Relaxed) + 1 >= MOST_WITHOUT_ROOM {
            // It is not known whether such tasks are charged, so that they are not made without end.
            ctx.gate.stop_submitting(StopReason::Saturated, &said);
        }
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

/// The time since a moment; nothing, where the clock has been set back since.
fn elapsed(since: Timestamp, now: Timestamp) -> Duration {
    Duration::try_from(now.duration_since(since)).unwrap_or_default()
}

/// What an answer said, as the attempt keeps it.
pub(crate) fn note(facts: &AnswerFacts) -> Note {
    Note {
        request_id: facts.request_id.clone(),
        http_status: facts.http_status,
        code: facts.code.filter(|code| *code != 0).map(|code| code.to_string()),
        message: facts.message.clone().filter(|_| facts.code != Some(0)),
        answer: facts.excerpt.clone(),
        ..Note::default()
    }
}
