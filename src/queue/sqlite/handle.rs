//! The queue's handle: which file, and the way to its writer.

use std::path::{Path, PathBuf};

use super::error::Result;
use super::open;
use super::read::QueueReader;
use super::writer::{Between, Writer};

/// A queue that can be changed. Any number of processes may have it open; only one of them runs it
/// ([`super::lock::RunLock`]).
#[derive(Debug)]
pub struct Queue {
    path: PathBuf,
    pub(super) writer: Writer,
}

impl Queue {
    /// Opens the queue at `path`, and makes it when there is none.
    ///
    /// # Errors
    /// The file is foreign, newer, damaged or not accessible; the error names it and says what to do.
    pub fn open(path: &Path) -> Result<Self> {
        let writer = Writer::start(open::open_for_writing(path)?)?;
        Ok(Self { path: path.to_owned(), writer })
    }

    /// Opens the queue at `path` for a simulation: its verbs run at once on the thread of whoever asks, `between` is waited
    /// for before and after each, and nothing is flushed, because no machine fails here.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn open_inline(path: &Path, between: Between) -> Result<Self> {
        let db = open::open_for_writing(path)?;
        db.pragma_update(None, "synchronous", 0)?;
        Ok(Self { path: path.to_owned(), writer: Writer::inline(db, between) })
    }

    /// Opens the queue at `path`, which must exist.
    ///
    /// # Errors
    /// As [`Self::open`], and [`crate::queue::QueueError::Missing`].
    pub fn open_existing(path: &Path) -> Result<Self> {
        open::open_for_reading(path)?;
        Self::open(path)
    }

    /// Where the queue is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A reader with a connection of its own.
    ///
    /// # Errors
    /// The file cannot be opened again.
    pub fn reader(&self) -> Result<QueueReader> {
        QueueReader::open(&self.path)
    }
}
