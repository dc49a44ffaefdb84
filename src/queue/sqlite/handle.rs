//! The queue's handle: which file, and the way to its writer.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::ambient;
use crate::queue::{Epoch, QueueError};

use super::error::Result;
use super::open;
use super::read::QueueReader;
use super::writer::{Between, Writer};

/// At most this many readers are kept open while nobody reads.
const MOST_IDLE: usize = 8;

/// An open queue. Any number of processes may have it open; only one of them runs it ([`super::lock::RunLock`]).
#[derive(Debug, Clone)]
pub(super) struct SqliteQueue {
    path: PathBuf,
    pub(super) writer: Arc<Writer>,
    /// Readers that are not in use.
    readers: Arc<Mutex<Vec<QueueReader>>>,
    /// The reader that looks for changes, once somebody has asked: what SQLite tells of them is of one connection.
    watcher: Arc<Mutex<Option<QueueReader>>>,
    /// The epoch that works through this handle; 0 before one has begun.
    epoch: Arc<AtomicI64>,
    /// Whether several hosts share the queue: in a simulation they may.
    pub(super) is_shared: bool,
}

impl SqliteQueue {
    /// Opens the queue at `path`, and makes it when there is none.
    ///
    /// # Errors
    /// The file is foreign, newer, damaged or not accessible; the error names it and says what to do.
    pub(super) fn open(path: &Path) -> Result<Self> {
        Ok(Self::with(path, Writer::start(open::open_for_writing(path)?)?, Vec::new()))
    }

    fn with(path: &Path, writer: Writer, readers: Vec<QueueReader>) -> Self {
        Self {
            path: path.to_owned(),
            writer: Arc::new(writer),
            readers: Arc::new(Mutex::new(readers)),
            watcher: Arc::default(),
            epoch: Arc::default(),
            is_shared: false,
        }
    }

    /// The epoch that works through this handle.
    pub(super) fn epoch(&self) -> Option<Epoch> {
        Some(self.epoch.load(Ordering::Acquire)).filter(|epoch| *epoch > 0).map(Epoch)
    }

    /// As [`Self::epoch`], for what only an epoch does.
    pub(super) fn joined(&self) -> Result<Epoch> {
        self.epoch().ok_or(QueueError::LeaseLost)
    }

    pub(super) fn begins(&self, epoch: Epoch) {
        self.epoch.store(epoch.0, Ordering::Release);
    }

    /// Opens the queue at `path` for a simulation: its verbs run at once on the thread of whoever asks, `between` is waited
    /// for before and after each (and each read, where hosts share the queue: they may be cut off from it), and nothing is flushed, because no machine fails here.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub(super) fn open_inline(path: &Path, between: Between, is_shared: bool) -> Result<Self> {
        let db = open::open_for_writing(path)?;
        db.pragma_update(None, "synchronous", 0)?;
        Ok(Self { is_shared, ..Self::with(path, Writer::inline(db, between), Vec::new()) })
    }

    /// Opens the queue at `path`, which must exist.
    ///
    /// # Errors
    /// As [`Self::open`], and [`QueueError::Missing`].
    pub(super) fn open_existing(path: &Path) -> Result<Self> {
        let reader = QueueReader::open(path)?;
        Ok(Self::with(path, Writer::start(open::open_for_writing(path)?)?, vec![reader]))
    }

    /// Opens the queue at `path`, which must exist, to be read.
    ///
    /// # Errors
    /// As [`Self::open`], and [`QueueError::Missing`].
    pub(super) fn open_to_read(path: &Path) -> Result<Self> {
        Ok(Self::with(path, Writer::Closed, vec![QueueReader::open(path)?]))
    }

    /// Where the queue is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The file's version, as the connection that is kept for this question tells it.
    pub(super) async fn revision(&self) -> Result<String> {
        let (path, watcher) = (self.path.clone(), Arc::clone(&self.watcher));
        blocking(move || {
            let mut watcher = watcher.lock().unwrap_or_else(PoisonError::into_inner);
            let reader = match watcher.take() {
                Some(reader) => reader,
                None => QueueReader::open(&path)?,
            };
            let version = reader.db.pragma_query_value(None, "data_version", |row| row.get::<_, i64>(0))?;
            *watcher = Some(reader);
            Ok(version.to_string())
        })
        .await
    }

    /// Runs a read on a connection of its own, on a thread that may wait for the disk.
    pub(super) async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&QueueReader) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let (path, readers) = (self.path.clone(), Arc::clone(&self.readers));
        if self.is_shared {
            self.writer.between().await;
        }
        let value = blocking(move || {
            let idle = readers.lock().unwrap_or_else(PoisonError::into_inner).pop();
            let reader = idle.map_or_else(|| QueueReader::open(&path), Ok)?;
            let value = read(&reader)?;
            let mut readers = readers.lock().unwrap_or_else(PoisonError::into_inner);
            if readers.len() < MOST_IDLE {
                readers.push(reader);
            }
            Ok(value)
        })
        .await;
        if self.is_shared {
            self.writer.between().await;
        }
        value
    }
}

/// Runs what reads files and databases on a thread that may wait for them.
pub(in crate::queue) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    ambient::blocking(work).await.map_err(|error| QueueError::Database(error.to_string()))?
}
