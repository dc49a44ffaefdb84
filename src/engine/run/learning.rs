//! What an account's provider has shown that it can do, remembered for the next run.

use crate::engine::error::RunError;
use crate::engine::run::context::Context;

/// Learns whether the account's provider knows external task ids, from the first accepted task that tells.
///
/// # Errors
/// The queue failed.
pub(crate) async fn learn_external_ids(ctx: Context) -> Result<(), RunError> {
    let learnt = tokio::select! {
        biased;
        learnt = ctx.account.learn_external_ids(ctx.settings.doubt_interval) => learnt,
        () = ctx.shutdown.cancelled() => None,
    };
    if let Some(known) = learnt {
        ctx.queue.learn_external_ids(ctx.account.name.clone(), known).await?;
    }
    Ok(())
}
