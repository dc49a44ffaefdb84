//! Which account a job of an earlier run belongs to.
//!
//! Its attempt says so by name and address. Where this run has no such account (the shop has named its accounts since, renamed
//! one, or given one another address), the accounts are asked: who knows a task of that account has it. The question is free; a
//! guess would let a task that was paid for be taken for lost, or have it made and paid for a second time.

use std::sync::Arc;

use tokio::time::Instant;

use crate::job::{JobState, TaskId};
use crate::provider::TaskReport;
use crate::queue::{ActiveJob, QueueError};

use crate::engine::account::Account;
use crate::engine::account::capabilities::{Asked, Named};
use crate::engine::error::RunError;
use crate::engine::run::context::{Context, Shared};

/// The account that a job's attempt names, if the run has it, and has it where it was then.
pub(crate) fn named(accounts: &[Arc<Account>], job: &ActiveJob) -> Option<Arc<Account>> {
    let is_it = |account: &&Arc<Account>| account.id == job.account && account.endpoint == job.endpoint;
    accounts.iter().find(is_it).map(|account| account.for_model(&job.model))
}

/// The account that knows a task of the account to which the job was sent; `None` where none does, or none can be asked for.
pub(crate) async fn asked_for(shared: &Shared, job: &ActiveJob) -> Result<Option<Arc<Account>>, RunError> {
    let Some(task_id) = task_to_ask_for(shared, job).await? else { return Ok(None) };
    let (named, began) = (Named::Theirs(task_id), Instant::now());
    loop {
        let mut is_settled = true;
        for account in shared.accounts.iter().map(|account| account.for_model(&job.model)) {
            let asked = tokio::select! {
                biased;
                () = shared.shutdown.cancelled() => return Ok(None),
                asked = account.ask(&named) => asked,
            };
            match asked {
                // Providers that count their tasks may have one of the same number.
                Asked::Task(task) if is_anothers(&task, job) => {}
                Asked::Task(_) => {
                    let (name, endpoint) = (account.id.clone(), account.endpoint.clone());
                    match shared.queue.assign_account(job.seq, job.attempt, name, endpoint).await {
                        // A person has put it back meanwhile, and it was claimed: it is another worker's now.
                        Err(QueueError::Stale { .. }) => return Ok(None),
                        assigned => assigned?,
                    }
                    return Ok(Some(account));
                }
                Asked::Unknown | Asked::Stopped(_) => {}
                Asked::Evaded(_) | Asked::Nothing(_) => is_settled = false,
            }
        }
        if is_settled || began.elapsed() >= shared.settings.task_timeout {
            return Ok(None);
        }
        tokio::select! {
            biased;
            () = shared.shutdown.cancelled() => return Ok(None),
            () = tokio::time::sleep(shared.settings.doubt_interval) => {}
        }
    }
}

/// Whether a task under the id of the job's own says that it is another one.
fn is_anothers(task: &TaskReport, job: &ActiveJob) -> bool {
    let names_it = matches!(job.state, JobState::Running { .. } | JobState::Downloading { .. });
    // The task of a duplicate carries its leader's id.
    names_it && job.shares.is_none() && task.external_id.as_ref().is_some_and(|carried| *carried != job.external_id)
}

/// Whether another account of this run turns out to have what the job's account does not know: the shop has given that name to
/// another account. It is written down, and the job is taken up there.
pub(crate) async fn is_elsewhere(ctx: &Context, job: &ActiveJob) -> Result<bool, RunError> {
    if ctx.accounts.len() < 2 {
        return Ok(false);
    }
    let owner = asked_for(&ctx.shared, job).await?;
    Ok(owner.is_some_and(|owner| owner.id != ctx.account.id || owner.endpoint != ctx.account.endpoint))
}

/// The job's own task; or, for one that nobody saw accepted, another task of the account that it was sent to.
async fn task_to_ask_for(shared: &Shared, job: &ActiveJob) -> Result<Option<TaskId>, RunError> {
    match &job.state {
        JobState::Running { task_id } | JobState::Downloading { task_id } => Ok(Some(task_id.clone())),
        _ => Ok(shared.queue.task_of_the_same_account(job.seq, job.attempt).await?),
    }
}
