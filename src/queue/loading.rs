//! Loads: rows that go in, what becomes of them, and how they are kept.

use std::fmt::Debug;

use async_trait::async_trait;
use jiff::Timestamp;

use crate::job::{Content, ImageSource, JobSeq, JobSpec, ModelName};

use super::contents::{KnownContent, MadeFrom};
use super::error::QueueResult;
use super::record::{PairsAgain, Workload};

/// What became of the rows of a load.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Enqueued {
    /// New jobs.
    pub added: u64,
    /// Jobs that were in the queue with the same inputs.
    pub unchanged: u64,
    /// Jobs that got other inputs or another priority before anything was submitted for them.
    pub updated: u64,
    /// Rows that say again what an earlier row of this load said.
    pub repeated: u64,
    /// Rows that were not taken.
    pub rejected: u64,
}

/// How a manifest is called, and what it is known by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ManifestNames {
    /// As its user spells it.
    pub name: String,
    /// The same however it is spelt.
    pub identity: String,
    /// Other names that the queue knows it by: earlier versions knew manifests by how they were spelt.
    pub former: Vec<String>,
}

impl ManifestNames {
    /// A manifest that is known by its name alone.
    #[must_use]
    pub fn only(name: &str) -> Self {
        Self { name: name.to_owned(), identity: name.to_owned(), former: Vec::new() }
    }
}

/// One row of a manifest on its way into a queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LoadRow {
    /// One that can be a job, and the physical line on which it begins.
    Job { spec: JobSpec, line: u64 },
    /// One that is wrong by itself, recorded so that the report can show it.
    Rejected(RejectedRow),
}

/// A manifest row that is not taken, as the report shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RejectedRow {
    /// The physical line on which the row begins.
    pub line: u64,
    pub id: String,
    pub human: String,
    pub cloth: String,
    /// The column at fault.
    pub column: String,
    /// Completes `<manifest>:<line>: <column>: …`.
    pub reason: String,
}

/// A row that the queue, or the rest of the load, does not let be a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotTaken {
    /// Which of the rows that were added together showed it, from 0.
    pub shown_by: usize,
    /// The name of its manifest.
    pub manifest: String,
    pub row: RejectedRow,
}

/// How a load is kept.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Keeping {
    /// Rows that have become wrong since they were read keep the others from it.
    pub all_or_nothing: bool,
    /// Pictures are to be made to fit: runs do so from now on.
    pub fit_images: bool,
    /// Duplicates are to be made once: runs do so from now on.
    pub dedupe: bool,
    /// This process holds the queue for a run that has not begun: nobody needs it meanwhile.
    pub before_a_run: bool,
}

/// What became of a load that was to be kept.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Kept {
    /// Rows that could not be taken after all, because the queue has changed since they were read.
    pub too_late: Vec<TooLate>,
    /// Whether the other rows were kept.
    pub is_kept: bool,
}

/// A row that was right when it was read, and is not when it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TooLate {
    /// The name of its manifest.
    pub manifest: String,
    pub row: RejectedRow,
    /// Whether it would have added a job, and not changed one.
    pub was_new: bool,
}

/// Rows on their way into a queue: compared with it and with each other, and no part of it until they are kept. Dropping
/// it leaves the queue as it was. After an error it cannot go on.
#[async_trait]
pub trait Load: Debug + Send {
    /// Whether there is a queue that the rows are compared with.
    fn has_queue(&self) -> bool;

    /// Whether the rows are for a queue that several hosts may work at once: local pictures have to be named relative to a
    /// folder that all of them have.
    fn is_shared(&self) -> bool {
        false
    }

    /// What has become of the rows so far.
    fn tally(&self) -> Enqueued;

    /// The manifests of which the queue has rejected rows, under the names that it knows them by: those after `after`, in
    /// the order of these names, at most `most`.
    async fn rejected_manifests(&mut self, after: &str, most: usize) -> QueueResult<Vec<String>>;

    /// The rows that follow are from this manifest. What was rejected of it in an earlier load is forgotten when this
    /// one is kept.
    async fn begin_manifest(&mut self, manifest: ManifestNames) -> QueueResult<()>;

    /// Adds rows. Returns those that cannot be taken because of them: a row itself, and an earlier one of this load that
    /// it contradicts.
    async fn add(&mut self, rows: Vec<LoadRow>) -> QueueResult<Vec<NotTaken>>;

    /// The pictures that have to be read before these rows are added: they are others than those of the jobs that have the rows'
    /// ids, which cannot be changed any more, and may be the same under another name. What they are is told to
    /// [`Self::know_contents`].
    async fn pictures_to_read(&mut self, rows: &[LoadRow]) -> QueueResult<Vec<ImageSource>>;

    /// What pictures are that the rows which are added next name. The same content is the same picture.
    async fn know_contents(&mut self, contents: Vec<(ImageSource, Content)>) -> QueueResult<()>;

    /// As [`super::QueueReads::known_contents`], of the queue that the rows are compared with.
    async fn known_contents(&mut self, after: i64, most: usize) -> QueueResult<Vec<KnownContent>>;

    /// Pictures of this load that the queue does not have, after number `after` of this load, in the order of these numbers, at most
    /// `most`. An empty page is the end.
    async fn unread_pictures(&mut self, after: i64, most: usize) -> QueueResult<Vec<(i64, ImageSource)>>;

    /// Pictures of this load were read, each with its number. Those of the same bytes are one picture for [`Self::workload`], and
    /// the one that the queue has for [`Self::pairs_again`].
    async fn know_equal(&mut self, read: Vec<(i64, Content)>) -> QueueResult<()>;

    /// As [`super::QueueReads::made_from`], of the queue that the rows are compared with.
    async fn made_from(&mut self, after: JobSeq, most: usize) -> QueueResult<Vec<MadeFrom>>;

    /// How much of this load is to be submitted once it is in the queue: its new rows, and those of its jobs that wait.
    async fn workload(&mut self, default_model: &ModelName, most_repeats: usize) -> QueueResult<Workload>;

    /// The pairs of this load that the queue has under other ids. `default_model` is the model of rows that name none;
    /// at most `most_named` of the pairs are named.
    async fn pairs_again(&mut self, default_model: &ModelName, most_named: usize) -> QueueResult<PairsAgain>;

    /// Whether a manifest was loaded into the queue whose duplicates are to be made once.
    async fn queue_dedupes(&mut self) -> QueueResult<bool>;

    /// Writes the load to the queue, whole; the queue is made where there is none. A run beside it waits for
    /// milliseconds at a time.
    ///
    /// # Errors
    /// [`super::QueueError::MadeMeanwhile`] where the load began when there was no queue, and there is one with jobs by now.
    async fn keep(self: Box<Self>, keeping: Keeping, now: Timestamp) -> QueueResult<Kept>;
}
