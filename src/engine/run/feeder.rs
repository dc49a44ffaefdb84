//! Claims: the next job, whenever a slot, the gate and the rate allow a submission.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;

use crate::job::{AccountName, ExternalTaskId, StateName};
use crate::queue::{ActiveJob, Claim, ClaimOnce, Claimant, Counts, NoRoom};

use crate::engine::account::Account;
use crate::engine::account::slots::Slot;
use crate::engine::error::RunError;
use crate::engine::event::Fact;
use crate::engine::run::context::Context;
use crate::engine::run::membership::Membership;
use crate::engine::run::step::{CreatePermit, Entry, Held};
use crate::engine::run::submit::withdraw;

/// How long a run whose budget is spent waits for submissions under way to give some of it back.
const WAIT_FOR_BUDGET: Duration = Duration::from_millis(500);

/// How often it is looked whether doubt has become less.
const WAIT_FOR_DOUBT: Duration = Duration::from_millis(100);

/// How often it is looked whether the cheaper accounts have taken what they have room for.
const WAIT_FOR_CHEAPER: Duration = Duration::from_millis(100);

/// A job that was claimed for an account, with what its worker holds for it.
pub(crate) type Claimed = (Arc<Account>, ActiveJob, Held);

/// How the feeder, which claims, has ended.
pub(crate) enum FeederEnd {
    /// The account takes nothing any more.
    Stopped {
        account: Option<AccountName>,
        said: String,
    },
    BudgetSpent,
    /// The run winds down.
    RunEnds,
}

/// Claims jobs for an account, one whenever its slots, gate and rate allow a submission, and hands each over with them.
pub(crate) async fn feed(ctx: Context, claimed: mpsc::Sender<Claimed>) -> Result<FeederEnd, RunError> {
    let end = feed_on(&ctx, claimed).await;
    ctx.account.ends_taking();
    end
}

async fn feed_on(ctx: &Context, claimed: mpsc::Sender<Claimed>) -> Result<FeederEnd, RunError> {
    let mut seemed_spent = false;
    loop {
        if let Some(wait) = has_to_wait(ctx, &ctx.queue.counts().await?) {
            tokio::select! {
                biased;
                () = ctx.shutdown.cancelled() => return Ok(FeederEnd::RunEnds),
                () = tokio::time::sleep(wait) => continue,
            }
        }
        // While a job waits for its slot, its pictures are made: a slot that waits for a picture is lost.
        let next = ctx.queue.next_up(ctx.account.taken(), ctx.now()).await?;
        let reach = async {
            let get_ready = async {
                if let Some(next) = &next {
                    ctx.pictures.get_ready(next, next.model.as_ref().unwrap_or(&ctx.account.model)).await;
                }
            };
            let reach = async { (ctx.account.slots.acquire().await, ctx.account.reaches()) };
            tokio::join!(reach, get_ready).0
        };
        let (slot, reaching) = tokio::select! {
            biased;
            () = ctx.shutdown.cancelled() => return Ok(FeederEnd::RunEnds),
            reached = reach => reached,
        };
        // Asked before the rate: a turn that a host has and does not use is lost for all of them.
        if next.is_some()
            && let Some(lack) = lacks_room(ctx, &slot).await?
            && !ends_over(ctx, lack).await?
        {
            drop((slot, reaching));
            tokio::select! {
                biased;
                () = ctx.shutdown.cancelled() => return Ok(FeederEnd::RunEnds),
                () = until_room(ctx, lack) => continue,
            }
        }
        let leave = async {
            let open = ctx.account.refusals.open().await;
            ctx.account.pass_for_create().await.map(|pass| CreatePermit { pass, open })
        };
        let permit = tokio::select! {
            biased;
            () = ctx.shutdown.cancelled() => return Ok(FeederEnd::RunEnds),
            leave = leave => match leave {
                Ok(leave) => leave,
                Err(stopped) => {
                    return Ok(FeederEnd::Stopped { account: ctx.account.id.clone(), said: stopped.said });
                }
            },
        };
        // A cheaper account may have got room meanwhile.
        if ctx.has_cheaper_accounts() && leaves_it_to_cheaper(ctx, &ctx.queue.counts().await?) {
            continue;
        }
        // Not cancel-safe past this point: a claim is always handed over.
        let claimed_at = ctx.hosts.now();
        let claim = claim(ctx, slot.is_probe()).await?;
        drop(reaching);
        let wait = match claim {
            Claim::Job(job) => {
                seemed_spent = false;
                let held = Held { slot: Some(slot), entry: Entry::Fresh(permit), claimed_at, ..Held::default() };
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
            Claim::NoRoom(lack) => {
                // Another host was quicker, or the job that waits is none that was seen above.
                seemed_spent = false;
                drop((slot, permit));
                tokio::select! {
                    biased;
                    () = ctx.shutdown.cancelled() => return Ok(FeederEnd::RunEnds),
                    () = until_room(ctx, lack) => continue,
                }
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
fn is_doubt_full(ctx: &Context, counts: &Counts) -> bool {
    let may_be = counts.of(StateName::InDoubt) + counts.of(StateName::Submitting);
    may_be >= ctx.settings.max_in_doubt
}

/// For how long no job is to be claimed for this account, whatever room it has.
fn has_to_wait(ctx: &Context, counts: &Counts) -> Option<Duration> {
    if is_doubt_full(ctx, counts) {
        return Some(WAIT_FOR_DOUBT);
    }
    leaves_it_to_cheaper(ctx, counts).then_some(WAIT_FOR_CHEAPER)
}

/// Whether the jobs that wait are so few that cheaper accounts have room for all of them.
fn leaves_it_to_cheaper(ctx: &Context, counts: &Counts) -> bool {
    let waiting = counts.of(StateName::Pending);
    waiting > 0 && ctx.cheaper_accounts().map(|account| account.room()).sum::<u64>() >= waiting
}

/// What there is too little of for one more claim, of what all hosts share.
async fn lacks_room(ctx: &Context, slot: &Slot) -> Result<Option<NoRoom>, RunError> {
    let by = claimant(ctx, slot.is_probe());
    if by.room.is_none() { Ok(None) } else { Ok(ctx.queue.lacks_room(by).await?) }
}

/// Whether the account's submissions end over what there is too little of: refusals in a row, over all hosts.
async fn ends_over(ctx: &Context, lack: NoRoom) -> Result<bool, RunError> {
    let NoRoom::Refusals { in_a_row } = lack else { return Ok(false) };
    let Some(refused) = ctx.account.refused_elsewhere(in_a_row) else { return Ok(false) };
    withdraw(ctx, refused, "the provider refuses the jobs of other hosts too").await?;
    Ok(true)
}

/// Waits until there may be room: a task of this run has ended, or one of another host may have.
async fn until_room(ctx: &Context, lack: NoRoom) {
    tokio::select! {
        () = ctx.account.slots.until_room() => {}
        () = tokio::time::sleep(Membership::wait_for_room(lack, WAIT_FOR_DOUBT)) => {}
    }
}

/// Who claims, and what it shares with others.
fn claimant(ctx: &Context, is_probe: bool) -> Claimant {
    Claimant {
        account: ctx.account.id.clone(),
        endpoint: ctx.account.endpoint.clone(),
        default_model: ctx.account.model.clone(),
        forms: ctx.account.taken(),
        room: ctx.hosts.room(&ctx.account, is_probe, ctx.settings.max_in_doubt),
    }
}

/// The next job that has to be submitted, whatever is settled without a submission on the way to it.
async fn claim(ctx: &Context, is_probe: bool) -> Result<Claim, RunError> {
    let mut looked = None;
    loop {
        let by = claimant(ctx, is_probe);
        let (run, id, now) = (ctx.run, ExternalTaskId::unique(), ctx.now());
        if !ctx.settings.dedupe {
            return Ok(ctx.queue.claim(run, id, by, now).await?);
        }
        match ctx.queue.claim_once(run, id, by, looked.take(), now).await? {
            ClaimOnce::Claim(claim) => return Ok(claim),
            ClaimOnce::Settled { failed, to_look_at } => {
                for (id, failure) in failed {
                    ctx.tell(Fact::Failed { id, failure });
                }
                if let Some(job) = to_look_at {
                    looked = Some(ctx.pictures.look_again(job).await);
                }
            }
        }
        if ctx.shutdown.is_cancelled() {
            return Ok(Claim::NoneReady { next_retry_at: None });
        }
    }
}
