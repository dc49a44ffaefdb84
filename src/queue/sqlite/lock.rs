//! One run a queue, and one load at a time: locks on files beside it, which the system lets go of when the process ends,
//! however it ends.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::{QueueError, Result};

/// How long a load waits for another one, and how often it tries.
const LOAD_PATIENCE: Duration = Duration::from_secs(120);
const BETWEEN_TRIES: Duration = Duration::from_millis(20);

/// How often a run tries again to begin while others look whether one is going on. Each look is over at once.
const MOST_GLANCES: u32 = 2_000;

/// Behind the queue's name in that of its lock for runs, and for loads.
const RUN: &str = "-lock";
const LOAD: &str = "-load-lock";

/// Held for as long as a run lives.
#[derive(Debug)]
pub(super) struct RunLock {
    _file: File,
}

impl RunLock {
    /// Takes the lock of the queue at `queue`.
    ///
    /// # Errors
    /// [`QueueError::Held`] with the holder's process id when another run has it.
    pub(super) fn take(queue: &Path) -> Result<Self> {
        let mut file = open(queue, RUN)?;
        for _ in 0..MOST_GLANCES {
            match file.try_lock() {
                Ok(()) => {
                    // The number is only for the message of a second run; a failure to write it harms nothing.
                    let _ = file.set_len(0).and_then(|()| write!(file, "{}", std::process::id()));
                    return Ok(Self { _file: file });
                }
                Err(TryLockError::WouldBlock) => {}
                Err(TryLockError::Error(error)) => return Err(unreadable(queue, &error)),
            }
            // Whoever only looks whether a run is going on shares the lock for a moment; a run does not share it.
            match file.try_lock_shared() {
                Ok(()) => file.unlock().map_err(|error| unreadable(queue, &error))?,
                Err(TryLockError::WouldBlock) => break,
                Err(TryLockError::Error(error)) => return Err(unreadable(queue, &error)),
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        Err(QueueError::Held { at: queue.into(), holder: holder(&mut file) })
    }

    /// Whether some process holds the lock now.
    #[must_use]
    pub(super) fn is_held(queue: &Path) -> bool {
        // A shared lock tells without keeping a run from starting for longer than this call.
        File::open(beside(queue, RUN)).is_ok_and(|file| matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)))
    }
}

/// Held while a load is compared with the queue and written to it.
#[derive(Debug)]
pub(super) struct LoadLock {
    _file: File,
}

impl LoadLock {
    /// Takes the lock of the queue at `queue`; waits for a load that is going on.
    pub(super) fn wait_for(queue: &Path) -> Result<Self> {
        let began = Instant::now();
        let mut is_told = false;
        loop {
            match Self::try_take(queue) {
                Err(QueueError::LoadGoingOn { .. }) if began.elapsed() < LOAD_PATIENCE => {
                    if !std::mem::replace(&mut is_told, true) {
                        tracing::warn!("waiting for another load of {}", queue.display());
                    }
                    std::thread::sleep(BETWEEN_TRIES);
                }
                taken => return taken,
            }
        }
    }

    /// Takes the lock of the queue at `queue`, if no load is going on.
    pub(super) fn try_take(queue: &Path) -> Result<Self> {
        let mut file = open(queue, LOAD)?;
        match file.try_lock() {
            Ok(()) => {
                let _ = file.set_len(0).and_then(|()| write!(file, "{}", std::process::id()));
                Ok(Self { _file: file })
            }
            Err(TryLockError::WouldBlock) => {
                Err(QueueError::LoadGoingOn { at: queue.into(), holder: holder(&mut file) })
            }
            Err(TryLockError::Error(error)) => Err(unreadable(queue, &error)),
        }
    }
}

/// A file beside the queue's own: SQLite follows a symlink too, and two names must not make two runs.
pub(super) fn beside(queue: &Path, suffix: &str) -> PathBuf {
    let mut path = queue.canonicalize().unwrap_or_else(|_| queue.to_owned()).into_os_string();
    path.push(suffix);
    path.into()
}

fn open(queue: &Path, suffix: &str) -> Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(beside(queue, suffix)).map_err(|error| unreadable(queue, &error))
}

fn unreadable(queue: &Path, error: &std::io::Error) -> QueueError {
    QueueError::Unreadable { at: queue.into(), why: format!("its lock file: {error}") }
}

fn holder(file: &mut File) -> String {
    let mut text = String::new();
    let read = file.rewind().and_then(|()| file.take(20).read_to_string(&mut text));
    if read.is_ok() && !text.is_empty() { text } else { "unknown".to_owned() }
}
