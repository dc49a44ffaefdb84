//! Claims: the next job, whenever a slot, the gate and the rate allow a submission.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;

use crate::job::{ExternalTaskId, StateName};
use crate::queue::{ActiveJob, Claim, ClaimOnce};

use crate::engine::account::Account;
use crate::engine::account::gate::Stopped;
use crate::engine::error::RunError;
use crate::engine::event::Fact;
use crate::engine::run::context::Context;
use crate::engine::run::step::{CreatePermit, Entry, Held};

/// How long a run whose budget is spent waits for submissions under way to give some of it back.
const WAIT_FOR_BUDGET: Duration = Duration::from_millis(500);

/// How often it is looked whether doubt has become less.
const WAIT_FOR_DOUBT: Duration = Duration::from_millis(100);

/// A job that was claimed for an account, with what its worker holds for it.
pub(crate) type Claimed = (Arc<Account>, ActiveJob, Held);

/// How the feeder, which claims, has ended.
pub(crate) enum FeederEnd {
    Stopped(Stopped),
    BudgetSpent,
    /// The run winds down.
    RunEnds,
}

/// Claims jobs for an account, one whenever its slots, gate and rate allow a submission, and hands each over with them.
pub(crate) async fn feed(ctx: Context, claimed: mpsc::Sender<Claimed>) -> Result<FeederEnd, RunError> {
    let mut seemed_spent = false;
    loop {
        if is_doubt_full(&ctx).await? {
            tokio::select! {
                biased;
                () = ctx.shutdown.cancelled() => return Ok(FeederEnd::RunEnds),
                () = tokio::time::sleep(WAIT_FOR_DOUBT) => continue,
            }
        }
        // While a job waits for its slot, its pictures are made: a slot that waits for a picture is lost.
        let next = ctx.queue.next_up(ctx.now()).await?;
        let leave = async {
            let get_ready = async {
                if let Some(next) = &next {
                    ctx.pictures.get_ready(next, next.model.as_ref().unwrap_or(&ctx.settings.model)).await;
                }
            };
            let (slot, ()) = tokio::join!(ctx.account.slots.acquire(), get_ready);
            let open = ctx.account.refusals.open().await;
            ctx.account.pass_for_create().await.map(|pass| (slot, CreatePermit { pass, open }))
        };
        let (slot, permit) = tokio::select! {
            biased;
            () = ctx.shutdown.cancelled() => return Ok(FeederEnd::RunEnds),
            leave = leave => match leave {
                Ok(leave) => leave,
                Err(stopped) => return Ok(FeederEnd::Stopped(stopped)),
            },
        };
        // Not cancel-safe past this point: a claim is always handed over.
        let wait = match claim(&ctx).await? {
            Claim::Job(job) => {
                seemed_spent = false;
                let held = Held { slot: Some(slot), entry: Entry::Fresh(permit), ..Held::default() };
                if claimed.send((ctx.account.for_model(&job.model), *job, held)).await.is_err() {
                    return Ok(FeederEnd::RunEnds);
                }
                continue;
            }
            Claim::BudgetSpent => {
                // A submission under way may yet be refused, and gives its unit back then; one may have done so since the
                // claim was answered, so a claim is asked for once more.
                let is_settled = ctx.queue.counts().await?.of(StateName::Submitting) == 0;
                if is_settled && seemed_spent {
                    return Ok(FeederEnd::BudgetSpent);
                }
                seemed_spent = is_settled;
                if is_settled { Duration::ZERO } else { WAIT_FOR_BUDGET }
            }
            Claim::NoneReady { next_retry_at } => {
                seemed_spent = false;
                // Another process may load or retry jobs meanwhile, so the queue is asked again every second.
                let until_due = next_retry_at.map(|due| ctx.now().duration_until(due));
                let wait = until_due.and_then(|wait| Duration::try_from(wait).ok()).unwrap_or(Duration::MAX);
                wait.clamp(Duration::from_millis(5), Duration::from_secs(1))
            }
        };
        drop((slot, permit));
        tokio::select! {
            biased;
            () = ctx.shutdown.cancelled() => return Ok(FeederEnd::RunEnds),
            () = tokio::time::sleep(wait) => {}
        }
    }
}

/// Whether one more create could leave more than `--max-in-doubt` jobs in doubt, should every create on its way be lost.
/// The coordinator ends the run where asking does not settle them.
async fn is_doubt_full(ctx: &Context) -> Result<bool, RunError> {
    let counts = ctx.queue.counts().await?;
    let may_be = counts.of(StateName::InDoubt) + counts.of(StateName::Submitting);
    Ok(may_be >= ctx.settings.max_in_doubt)
}

/// The next job that has to be submitted, whatever is settled without a submission on the way to it.
async fn claim(ctx: &Context) -> Result<Claim, RunError> {
    loop {
        let (run, id, model, now) = (ctx.run, ExternalTaskId::unique(), ctx.settings.model.clone(), ctx.now());
        if !ctx.settings.dedupe {
            return Ok(ctx.queue.claim(run, id, model, now).await?);
        }
        match ctx.queue.claim_once(run, id, model, now).await? {
            ClaimOnce::Claim(claim) => return Ok(claim),
            ClaimOnce::Settled { failed } => {
                for (id, failure) in failed {
                    ctx.tell(Fact::Failed { id, failure });
                }
            }
        }
        if ctx.shutdown.is_cancelled() {
            return Ok(Claim::NoneReady { next_retry_at: None });
        }
    }
}
