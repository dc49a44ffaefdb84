//! Writing a staged load to the queue: decided in one short transaction, and then written in batches.
//!
//! What a load changes about jobs that are there is done in the transaction that decides, and so is a small load as a
//! whole. The new rows of a larger one follow in batches, each of which holds the writer for milliseconds. From the
//! decision on the load is the queue's, whatever happens to this process: its rows lie beside the queue, on disk, and the
//! next load or run writes those that are missing. The first load of a queue that no run works on is written in one
//! transaction too: nobody waits for the writer there.

use std::time::{Duration, Instant};

use jiff::Timestamp;

use crate::queue::{Keeping, Kept};

use super::carrying::{BATCH, BATCH_BESIDE_A_RUN, Carrying, IN_PROGRESS, forget_progress};
use super::handle::blocking;
use super::load::{Loader, staging_path};
use super::lock::{LoadLock, RunLock};
use super::meta::get_meta;
use super::new_jobs;
use super::writer::Keep;
use super::{QueueError, QueueReader, Result, SqliteQueue};

/// A run's writer waits for the lock by trying again and again. After each batch it is left free for as long as the batch
/// took, within these bounds.
const SHORTEST_PAUSE: Duration = Duration::from_millis(2);
const LONGEST_PAUSE: Duration = Duration::from_millis(50);

impl SqliteQueue {
    /// Begins a load, once no other is going on.
    pub(super) async fn begin(&self) -> Result<Loader> {
        let path = self.path().to_owned();
        let lock = blocking(move || LoadLock::wait_for(&path)).await?;
        self.complete(&lock).await?;
        let path = self.path().to_owned();
        blocking(move || Loader::beside(&path, lock)).await
    }

    /// Writes a load to the queue, whole.
    pub(super) async fn keep(&self, mut loader: Loader, keeping: Keeping, now: Timestamp) -> Result<Kept> {
        let lock = match loader.lock.take() {
            Some(lock) => lock,
            None => self.lock_for_new_jobs().await?,
        };
        let path = self.path().to_owned();
        let (carrying, is_beside_a_run) = blocking(move || {
            let is_beside_a_run = !keeping.before_a_run && RunLock::is_held(&path);
            Ok((Carrying::of(loader, keeping, is_beside_a_run, &path)?, is_beside_a_run))
        })
        .await?;
        let carried = self
            .with_staged(carrying, async |carrying| {
                let decided = self.writer.write_alone(move |db| carrying.decide(db, now)).await?;
                if decided.is_kept { self.carry(decided, is_beside_a_run).await } else { Ok(decided) }
            })
            .await?;
        blocking(move || {
            let mut carried = carried;
            let too_late = std::mem::take(&mut carried.too_late);
            let is_kept = carried.is_kept;
            drop((carried, lock));
            Ok(Kept { too_late, is_kept })
        })
        .await
    }

    /// Lets the writer read the staged rows while they are carried.
    async fn with_staged(
        &self,
        carrying: Carrying,
        carry: impl AsyncFnOnce(Carrying) -> Result<Carrying>,
    ) -> Result<Carrying> {
        let staged = carrying.staging.path().to_owned();
        self.writer.outside(move |db| new_jobs::attach(db, &staged)).await?;
        let carried = carry(carrying).await;
        let detached = self.writer.outside(new_jobs::detach).await;
        let carried = carried?;
        detached?;
        Ok(carried)
    }

    /// The lock for a load that began when there was no queue.
    async fn lock_for_new_jobs(&self) -> Result<LoadLock> {
        let path = self.path().to_owned();
        let lock = blocking(move || LoadLock::wait_for(&path)).await?;
        self.complete(&lock).await?;
        let counts = self.read(QueueReader::counts).await?;
        if counts.total() > 0 { Err(QueueError::MadeMeanwhile(self.path().into())) } else { Ok(lock) }
    }

    /// Writes what is left of a load that was decided and then cut off. Does nothing while a load is going on.
    pub(super) async fn complete_load(&self) -> Result<()> {
        let path = self.path().to_owned();
        match blocking(move || LoadLock::try_take(&path)).await {
            Ok(lock) => self.complete(&lock).await,
            Err(QueueError::LoadGoingOn { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }

    async fn complete(&self, _lock: &LoadLock) -> Result<()> {
        let path = staging_path(self.path());
        let progress = self.writer.write(|db| get_meta(db, IN_PROGRESS)).await?;
        let Some(progress) = progress else {
            // A load that was never decided may have left its file.
            return blocking(move || {
                let _ = std::fs::remove_file(&path);
                Ok(())
            })
            .await;
        };
        let from = path.clone();
        match blocking(move || Carrying::left_at(&from, &progress)).await? {
            Some(carrying) => {
                tracing::info!("completing a load that was cut off");
                let carried = self.with_staged(carrying, async |carrying| self.carry(carrying, false).await).await?;
                blocking(move || {
                    drop(carried);
                    Ok(())
                })
                .await
            }
            None => {
                tracing::warn!(
                    "a load was cut off, and its rows in {} are gone; load the manifest again",
                    path.display()
                );
                self.writer.write(forget_progress).await
            }
        }
    }

    /// Writes all batches that are left.
    async fn carry(&self, mut carrying: Carrying, is_beside_a_run: bool) -> Result<Carrying> {
        let rows = if is_beside_a_run { BATCH_BESIDE_A_RUN } else { BATCH };
        while carrying.next < carrying.end {
            let began = Instant::now();
            let mut taken = carrying;
            carrying = self
                .writer
                .write_alone(move |db| {
                    taken.write_batch(db, rows)?;
                    taken.note_progress(db)?;
                    Ok((taken, Keep::Yes))
                })
                .await?;
            tracing::trace!(
                held_ms = began.elapsed().as_millis(),
                next = carrying.next,
                "a batch of a load is written"
            );
            if is_beside_a_run {
                tokio::time::sleep(began.elapsed().clamp(SHORTEST_PAUSE, LONGEST_PAUSE)).await;
            }
        }
        carrying.staging.is_done_with();
        Ok(carrying)
    }
}
