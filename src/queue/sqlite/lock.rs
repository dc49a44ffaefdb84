//! One run a queue: a lock on a file beside it, which the system lets go of when the process ends, however it ends.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};

use super::{QueueError, Result};

/// Held for as long as a run lives.
#[derive(Debug)]
pub struct RunLock {
    _file: File,
}

impl RunLock {
    /// Takes the lock of the queue at `queue`.
    ///
    /// # Errors
    /// [`QueueError::Held`] with the holder's process id when another run has it.
    pub fn take(queue: &Path) -> Result<Self> {
        let mut file = open(queue)?;
        match file.try_lock() {
            Ok(()) => {
                // The number is only for the message of a second run; a failure to write it harms nothing.
                let _ = file.set_len(0).and_then(|()| write!(file, "{}", std::process::id()));
                Ok(Self { _file: file })
            }
            Err(TryLockError::WouldBlock) => {
                Err(QueueError::Held { path: queue.to_owned(), holder: holder(&mut file) })
            }
            Err(TryLockError::Error(error)) => Err(unreadable(queue, &error)),
        }
    }

    /// Whether some process holds the lock now.
    #[must_use]
    pub fn is_held(queue: &Path) -> bool {
        // A shared lock tells without keeping a run from starting for longer than this call.
        File::open(lock_path(queue)).is_ok_and(|file| matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)))
    }
}

/// Beside the queue's own file: SQLite follows a symlink too, and two names must not make two runs.
fn lock_path(queue: &Path) -> PathBuf {
    let mut path = queue.canonicalize().unwrap_or_else(|_| queue.to_owned()).into_os_string();
    path.push("-lock");
    path.into()
}

fn open(queue: &Path) -> Result<File> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(lock_path(queue))
        .map_err(|error| unreadable(queue, &error))
}

fn unreadable(queue: &Path, error: &std::io::Error) -> QueueError {
    QueueError::Unreadable { path: queue.to_owned(), why: format!("its lock file: {error}") }
}

fn holder(file: &mut File) -> String {
    let mut text = String::new();
    let read = file.rewind().and_then(|()| file.take(20).read_to_string(&mut text));
    if read.is_ok() && !text.is_empty() { text } else { "unknown".to_owned() }
}
