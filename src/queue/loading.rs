//! What is said of loads: rows that go in, what becomes of them, and how they are kept.

use crate::job::JobSpec;

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
