//! A load as the contract has it: its steps, each on a thread that may wait for the disk.

use std::path::{Path, PathBuf};

use async_trait::async_trait;
use jiff::Timestamp;

use crate::job::{Content, ImageSource, JobSeq, ModelName};
use crate::queue::{
    Enqueued, Keeping, Kept, KnownContent, Load, LoadRow, MadeFrom, ManifestNames, NotTaken, PairsAgain, Workload,
};

use super::handle::blocking;
use super::load::Loader;
use super::{QueueError, Result, SqliteQueue, contents};

/// A load into a queue of SQLite.
#[derive(Debug)]
pub(super) struct StagedLoad {
    /// `None` after a step that was not waited for.
    loader: Option<Loader>,
    into: Into,
    has_queue: bool,
    tally: Enqueued,
}

/// Where the rows go once they are kept.
#[derive(Debug)]
enum Into {
    Queue(SqliteQueue),
    /// There was no queue when the load began.
    File(PathBuf),
}

impl StagedLoad {
    /// A load of an open queue, once no other is going on.
    pub(super) async fn begin(queue: &SqliteQueue) -> Result<Self> {
        let loader = queue.begin().await?;
        Ok(Self::new(loader, Into::Queue(queue.clone())))
    }

    /// A load for a queue that does not exist yet.
    pub(super) async fn for_new_queue(path: &Path) -> Result<Self> {
        let loader = blocking(Loader::for_new_queue).await?;
        Ok(Self::new(loader, Into::File(path.to_owned())))
    }

    /// A load that is only looked at.
    pub(super) async fn looking_at(path: &Path) -> Result<Self> {
        let at = path.to_owned();
        let loader = blocking(move || Loader::looking_at(&at)).await?;
        Ok(Self::new(loader, Into::File(path.to_owned())))
    }

    fn new(loader: Loader, into: Into) -> Self {
        Self { has_queue: loader.has_queue(), tally: loader.tally(), loader: Some(loader), into }
    }

    async fn step<T: Send + 'static>(
        &mut self,
        step: impl FnOnce(&mut Loader) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let mut loader = self.loader.take().ok_or(QueueError::Closed)?;
        let (loader, outcome) = blocking(move || {
            let outcome = step(&mut loader);
            Ok((loader, outcome))
        })
        .await?;
        self.tally = loader.tally();
        self.loader = Some(loader);
        outcome
    }
}

#[async_trait]
impl Load for StagedLoad {
    fn has_queue(&self) -> bool {
        self.has_queue
    }

    fn tally(&self) -> Enqueued {
        self.tally
    }

    async fn rejected_manifests(&mut self, after: &str, most: usize) -> Result<Vec<String>> {
        let after = after.to_owned();
        self.step(move |loader| loader.rejected_manifests(&after, most)).await
    }

    async fn begin_manifest(&mut self, manifest: ManifestNames) -> Result<()> {
        self.step(move |loader| loader.begin_manifest(manifest)).await
    }

    async fn add(&mut self, rows: Vec<LoadRow>) -> Result<Vec<NotTaken>> {
        self.step(move |loader| loader.add_all(&rows)).await
    }

    async fn pictures_to_read(&mut self, rows: &[LoadRow]) -> Result<Vec<ImageSource>> {
        let rows = rows.to_vec();
        self.step(move |loader| loader.pictures_to_read(&rows)).await
    }

    async fn know_contents(&mut self, contents: Vec<(ImageSource, Content)>) -> Result<()> {
        self.step(move |loader| {
            loader.know_contents(contents);
            Ok(())
        })
        .await
    }

    async fn known_contents(&mut self, after: i64, most: usize) -> Result<Vec<KnownContent>> {
        self.step(move |loader| match loader.queue.sqlite() {
            Some(queue) => contents::known_contents(queue, after, most),
            None => Ok(Vec::new()),
        })
        .await
    }

    async fn unread_pictures(&mut self, after: i64, most: usize) -> Result<Vec<(i64, ImageSource)>> {
        self.step(move |loader| loader.unread_pictures(after, most)).await
    }

    async fn know_equal(&mut self, read: Vec<(i64, Content)>) -> Result<()> {
        self.step(move |loader| loader.know_equal(&read)).await
    }

    async fn made_from(&mut self, after: JobSeq, most: usize) -> Result<Vec<MadeFrom>> {
        self.step(move |loader| match loader.queue.sqlite() {
            Some(queue) => contents::made_from(queue, after, most),
            None => Ok(Vec::new()),
        })
        .await
    }

    async fn workload(&mut self, default_model: &ModelName, most_repeats: usize) -> Result<Workload> {
        let default_model = default_model.clone();
        self.step(move |loader| loader.workload(&default_model, most_repeats)).await
    }

    async fn pairs_again(&mut self, default_model: &ModelName, most_named: usize) -> Result<PairsAgain> {
        let default_model = default_model.clone();
        self.step(move |loader| loader.pairs_again(&default_model, most_named)).await
    }

    async fn queue_dedupes(&mut self) -> Result<bool> {
        self.step(|loader| loader.queue_dedupes()).await
    }

    async fn keep(mut self: Box<Self>, keeping: Keeping, now: Timestamp) -> Result<Kept> {
        let loader = self.loader.take().ok_or(QueueError::Closed)?;
        let queue = match self.into {
            Into::Queue(queue) => queue,
            Into::File(path) => blocking(move || SqliteQueue::open(&path)).await?,
        };
        queue.keep(loader, keeping, now).await
    }
}
