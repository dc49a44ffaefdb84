//! One run a queue: a lock on a file beside it, which the system lets go of when the process ends, however it ends.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::Path;

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
        let mut lock = queue.as_os_str().to_owned();
        lock.push("-lock");
        // A shared lock tells without keeping a run from starting for longer than this call.
        File::open(lock).is_ok_and(|file| matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)))
    }
}

fn open(queue: &Path) -> Result<File> {
    let mut path = queue.as_os_str().to_owned();
    path.push("-lock");
    OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(path)
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
