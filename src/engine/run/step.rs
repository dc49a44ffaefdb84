//! What every step of a job's way shares: what a worker holds, how a step ends, and what is said of an answer.

use tokio::time::Instant;

use crate::job::{Failure, FailureKind, JobState, Transition};
use crate::provider::{AnswerFacts, Trouble};
use crate::queue::{ActiveJob, Note};

use crate::engine::account::gate::Pass;
use crate::engine::account::refusals::OpenCreate;
use crate::engine::account::slots::Slot;
use crate::engine::error::RunError;
use crate::engine::event::Fact;
use crate::engine::run::context::Context;
use crate::engine::run::membership::Moment;

/// What a worker holds for its job until the task has ended: its slot, and the permit for one create.
#[derive(Debug, Default)]
pub(crate) struct Held {
    pub(crate) slot: Option<Slot>,
    /// How the job came to its worker.
    pub(crate) entry: Entry,
    /// Before the job was claimed for the create that is to leave.
    pub(crate) claimed_at: Moment,
    /// When the answer to this run's last create for the job was given up. Nothing of that request leaves this machine
    /// any more; what a gateway took in it may still forward.
    pub(crate) lost_at: Option<Instant>,
    /// How often this job's create, sent again after doubt, got an internal error in this run.
    pub(crate) internal_errors: u32,
}

/// How a job came to its worker.
#[derive(Debug, Default)]
pub(crate) enum Entry {
    /// Claimed just now, with the permit for its one create.
    Fresh(CreatePermit),
    /// Taken up as an earlier run left it, or past its create: nothing is to be sent without asking first.
    #[default]
    Resumed,
}

/// A permit for one create: the gate's, and the count of creates on their way.
#[derive(Debug)]
pub(crate) struct CreatePermit {
    pub(crate) pass: Pass,
    /// Held until the create's fate is on disk.
    pub(crate) open: OpenCreate,
}

/// How a step ends.
pub(crate) enum Step {
    /// The job is in another state; the worker goes on from there.
    Now(JobState),
    /// Nothing more is to be done for it in this run, or for now.
    Leave,
}

/// The job's pictures are at fault, and nothing was created.
pub(crate) async fn bad_input(ctx: &Context, job: &ActiveJob, why: String) -> Result<Step, RunError> {
    let failure = Failure::of(FailureKind::InvalidInput, &why);
    ctx.fail(job, Transition::Refuse { failure: failure.clone() }, Note::of(why), failure).await.map(Step::Now)
}

/// The job's pictures are not on this host, and nothing was created: another one may have them.
pub(crate) async fn not_here(ctx: &Context, job: &ActiveJob, why: String) -> Result<Step, RunError> {
    let state = ctx.queue.cannot_see(job.seq, job.attempt, why.clone(), ctx.now()).await?;
    if let JobState::Failed { failure, .. } = &state {
        ctx.account.tally.failed();
        ctx.tell(Fact::Failed { id: job.spec.id.clone(), failure: failure.clone() });
    } else {
        ctx.tell(Fact::PutBack { id: job.spec.id.clone(), why, retry_at: None });
    }
    Ok(Step::Now(state))
}

/// The failure that a refusing answer describes.
pub(crate) fn refusal(trouble: &Trouble) -> Failure {
    let said = trouble.facts.message.clone().unwrap_or_else(|| trouble.sentence());
    Failure::with_code(FailureKind::Refused, trouble.facts.code, &said)
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
