//! A file in which a queue is, or will be.

use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;

use crate::queue::{Load, Location, Opening, Queue, QueueReads, RunHold, Site};

use super::handle::blocking;
use super::lock::RunLock;
use super::staged::StagedLoad;
use super::writer::Between;
use super::{Result, SqliteQueue};

/// The queue's file.
#[derive(Debug, Clone)]
pub(in crate::queue) struct SqliteFile {
    path: PathBuf,
}

impl SqliteFile {
    pub(in crate::queue) fn at(path: PathBuf) -> Self {
        Self { path }
    }

    /// Opens the queue for a simulation; see [`crate::queue::open_simulated`].
    pub(in crate::queue) fn open_inline(&self, between: Between, is_shared: bool) -> Result<Arc<dyn Queue>> {
        Ok(Arc::new(SqliteQueue::open_inline(&self.path, between, is_shared)?))
    }

    /// Runs what opens and reads files on a thread that may wait for them.
    async fn waiting<T: Send + 'static>(
        &self,
        work: impl FnOnce(&std::path::Path) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let path = self.path.clone();
        blocking(move || work(&path)).await
    }
}

#[async_trait]
impl Site for SqliteFile {
    fn location(&self) -> Location {
        self.path.as_path().into()
    }

    async fn exists(&self) -> bool {
        self.waiting(|path| Ok(path.exists())).await.unwrap_or(false)
    }

    async fn open(&self, opening: Opening) -> Result<Arc<dyn Queue>> {
        self.waiting(move |path| -> Result<Arc<dyn Queue>> {
            Ok(Arc::new(match opening {
                Opening::Existing => SqliteQueue::open_existing(path)?,
                Opening::OrMake => SqliteQueue::open(path)?,
            }))
        })
        .await
    }

    async fn open_to_run(&self) -> Result<(Arc<dyn Queue>, RunHold)> {
        self.waiting(|path| -> Result<(Arc<dyn Queue>, RunHold)> {
            let lock = RunLock::take(path)?;
            Ok((Arc::new(SqliteQueue::open(path)?), RunHold::by(lock)))
        })
        .await
    }

    async fn open_to_read(&self) -> Result<Arc<dyn QueueReads>> {
        self.waiting(|path| -> Result<Arc<dyn QueueReads>> { Ok(Arc::new(SqliteQueue::open_to_read(path)?)) }).await
    }

    async fn stage(&self) -> Result<Box<dyn Load>> {
        Ok(Box::new(StagedLoad::for_new_queue(&self.path).await?))
    }

    async fn look(&self) -> Result<Box<dyn Load>> {
        Ok(Box::new(StagedLoad::looking_at(&self.path).await?))
    }
}
