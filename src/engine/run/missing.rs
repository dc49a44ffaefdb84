//! What the output tree and the queue have come to disagree about. Results that were downloaded and are gone: somebody deleted the
//! file, so it is fetched again, not generated again. And files that a host has begun which is dead.
//!
//! Looked for beside the run's other work, page by page, so that a million finished jobs delay nothing.

use std::sync::Arc;
use std::time::Duration;

use crate::job::{JobSeq, Transition};
use crate::queue::{Note, QueueError};

use crate::engine::error::RunError;
use crate::engine::event::Fact;
use crate::engine::run::context::Shared;

/// How many finished jobs are looked at together.
const PAGE: usize = 1_000;

/// See the module's page.
pub(crate) async fn tidy_tree(shared: Arc<Shared>) -> Result<(), RunError> {
    remove_unfinished(&shared).await?;
    refetch_missing(shared).await
}

/// Sends every finished job whose file is gone back to its download.
async fn refetch_missing(shared: Arc<Shared>) -> Result<(), RunError> {
    let mut after = JobSeq(0);
    loop {
        let page = shared.queue.published(after, PAGE).await?;
        let Some(last) = page.last().map(|job| job.seq) else { return Ok(()) };
        let gone = match shared.tree.gone(page.iter().flat_map(|job| job.paths.iter().cloned()).collect()).await {
            Ok(gone) => gone,
            Err(error) => {
                tracing::warn!(%error, "whether finished images are still there is not looked at in this run");
                return Ok(());
            }
        };
        for job in page.into_iter().filter(|job| job.paths.iter().any(|path| gone.contains(path))) {
            let why = "its file is gone from the output folder".to_owned();
            let note = Note::of(why.clone());
            match shared.queue.record(job.seq, job.attempt, Transition::Refetch, note, shared.now()).await {
                // Somebody has put it back since it was read; another image will take the place of the one that is gone.
                Err(QueueError::Illegal { .. } | QueueError::Stale { .. }) => continue,
                recorded => recorded?,
            };
            shared.tell(Fact::DownloadRetried { id: job.id, why, after: Duration::ZERO });
        }
        after = last;
    }
}

/// Removes the files that hosts have begun and never finished, where they are proven dead. The tree is looked through first, and
/// then the queue is asked who lives: see [`crate::store::Unfinished`].
async fn remove_unfinished(shared: &Shared) -> Result<(), RunError> {
    if !shared.queue.is_shared() {
        return Ok(());
    }
    let unfinished = shared.tree.unfinished().await;
    if unfinished.is_empty() {
        return Ok(());
    }
    let removed = unfinished.remove_unless(shared.hosts.living().await?).await;
    if removed > 0 {
        tracing::info!(removed, "removed files that hosts which are gone had begun");
    }
    Ok(())
}
