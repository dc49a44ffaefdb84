//! A job of an earlier run whose account this run has not by that name: the account that has its task is looked for.

use std::sync::Arc;

use crate::job::JobState;
use crate::queue::ActiveJob;

use crate::engine::account::Account;
use crate::engine::error::RunError;
use crate::engine::event::Fact;
use crate::engine::run::context::{Context, Shared};
use crate::engine::run::owner;
use crate::engine::run::step::Held;
use crate::engine::run::worker::see_through;

/// Sees a job through at the account that is found to have its task. Where none is, the job is left as it is: its account
/// may be back in the next run.
pub(crate) async fn search_and_see_through(shared: Arc<Shared>, job: ActiveJob) -> Result<(), RunError> {
    if let Some(account) = owner::asked_for(&shared, &job).await? {
        let ctx = Context { shared, account };
        let slot = may_hold_slot(&job).then(|| ctx.account.slots.occupy());
        return see_through(&ctx, job, Held { slot, ..Held::default() }).await;
    }
    if shared.shutdown.is_cancelled() {
        return Ok(());
    }
    shared.park(&job);
    shared.tell(Fact::AccountMissing { id: job.spec.id.clone(), account: job.account.clone() });
    Ok(())
}

/// Whether the job's account answers no questions any more in this run.
pub(crate) fn is_beyond_reach(account: &Account, job: &ActiveJob) -> bool {
    let is_stopped = account.gate.stopped().is_some_and(|(_, ends_queries)| ends_queries);
    is_stopped && may_hold_slot(job)
}

/// Whether a job may hold a slot at its provider.
pub(crate) fn may_hold_slot(job: &ActiveJob) -> bool {
    !matches!(job.state, JobState::Downloading { .. })
}
