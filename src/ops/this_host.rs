//! Which host this is, and the lock by which a later start here proves that an earlier one is over.
//!
//! A process holds its lock file until it is gone, also while it is stopped. So who takes the same file again, on the same boot
//! of the same machine, knows that the earlier process sends nothing any more. That it is the same file is told by what was
//! written into it when it was made; that it is the same machine, by what a copied disk does not bring along.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use sha2::{Digest, Sha256};

use crate::ambient::unique_id;
use crate::queue::{HostStart, Queue, QueueError};

/// No name is longer.
const LONGEST_NAME: usize = 100;

/// Why a host cannot begin.
#[derive(Debug, thiserror::Error)]
pub enum HostError {
    /// The name cannot be used.
    #[error("--host: `{0}` is no name for a host: letters, digits, dots and dashes, at most {LONGEST_NAME}")]
    Name(String),
    /// The machine does not tell its name.
    #[error("this machine has no name to be known by; give it one with --host NAME")]
    NoName,
    /// An earlier process under this name is not gone.
    #[error(
        "a run of host `{name}` is on this machine already (process {process}), at work or stopped; end it first, or start \
         this one under a name of its own with --host"
    )]
    Held { name: String, process: String },
    /// The lock file cannot be had.
    #[error("the lock file {}: {why}; TRYON_STATE_DIR names another folder for it, on a disk of this machine", .path.display())]
    Lock { path: PathBuf, why: String },
    /// The queue failed.
    #[error(transparent)]
    Queue(#[from] QueueError),
}

/// This host at a start. The lock is held until this is dropped, or the process is gone.
#[derive(Debug)]
pub struct ThisHost {
    start: HostStart,
    _lock: Option<File>,
}

impl ThisHost {
    /// What the queue is told of it.
    #[must_use]
    pub fn start(&self) -> HostStart {
        self.start.clone()
    }

    /// This process as a host of a queue. Where one run at a time works the queue, the queue's own lock is all that is needed.
    ///
    /// # Errors
    /// Another process has the name, or the lock cannot be had.
    pub async fn of(queue: &dyn Queue, name: Option<String>, lease: Duration) -> Result<Self, HostError> {
        let name = match name {
            Some(name) if is_name(&name) => name,
            Some(name) => return Err(HostError::Name(name)),
            None => machine_name().ok_or(HostError::NoName)?,
        };
        let mut start = HostStart { name, lease, ..HostStart::alone() };
        if !queue.is_shared() {
            return Ok(Self { start, _lock: None });
        }
        let identity = queue.keep_identity(unique_id().simple().to_string()).await?;
        let path = lock_path(&identity, &start.name);
        let (lock, mark) = take(&path, &start.name)?;
        start.lock = Some(mark);
        start.machine = machine();
        start.boot = boot();
        Ok(Self { start, _lock: Some(lock) })
    }
}

fn is_name(name: &str) -> bool {
    let is_plain = |c: char| c.is_alphanumeric() || matches!(c, '.' | '-' | '_');
    !name.is_empty() && name.chars().count() <= LONGEST_NAME && name.chars().all(is_plain)
}

/// The machine's name in its network.
fn machine_name() -> Option<String> {
    #[cfg(unix)]
    let name = rustix::system::uname().nodename().to_string_lossy().into_owned();
    #[cfg(not(unix))]
    let name = std::env::var("COMPUTERNAME").unwrap_or_default();
    is_name(&name).then_some(name)
}

/// The machine, by what a copy of its disk does not bring along: its number and the addresses of its network cards. `None`
/// where it has none: then nothing but a goodbye or a person's word proves a death. `TRYON_MACHINE` says it instead, where
/// something else sees to it that no two machines have it at once.
fn machine() -> Option<String> {
    if let Some(said) = std::env::var("TRYON_MACHINE").ok().filter(|said| !said.is_empty()) {
        return Some(said);
    }
    let id = std::fs::read_to_string("/etc/machine-id").ok()?;
    let mut cards: Vec<String> = std::fs::read_dir("/sys/class/net")
        .ok()?
        .flatten()
        // What has no device is made by software, and may be the same elsewhere.
        .filter(|card| card.path().join("device").exists())
        .filter_map(|card| std::fs::read_to_string(card.path().join("address")).ok())
        .collect();
    cards.sort();
    if id.trim().is_empty() || cards.is_empty() {
        return None;
    }
    Some(digest([id.as_str()].into_iter().chain(cards.iter().map(String::as_str))))
}

/// The present boot of the machine.
fn boot() -> Option<String> {
    let said = std::env::var("TRYON_BOOT").ok().filter(|said| !said.is_empty());
    let boot = said.or_else(|| std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok())?;
    Some(boot.trim().to_owned())
}

/// A lock file for each queue and name.
fn lock_path(queue: &str, name: &str) -> PathBuf {
    state_folder().join(format!("{}.lock", &digest([queue, name].into_iter())[..32]))
}

/// Where a program keeps what belongs to this machine.
fn state_folder() -> PathBuf {
    let named = |variable: &str| std::env::var_os(variable).filter(|value| !value.is_empty()).map(PathBuf::from);
    if let Some(folder) = named("TRYON_STATE_DIR") {
        return folder;
    }
    let base = named("XDG_STATE_HOME").or_else(|| named("HOME").map(|home| home.join(".local").join("state")));
    base.or_else(|| named("LOCALAPPDATA")).unwrap_or_else(std::env::temp_dir).join("tryon").join("hosts")
}

/// Takes a lock file, and makes it where there is none. Returns what was written into it when it was made.
fn take(path: &Path, name: &str) -> Result<(File, String), HostError> {
    let failed = |error: std::io::Error| HostError::Lock { path: path.to_owned(), why: error.to_string() };
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(failed)?;
    }
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    let mut file = options.open(path).map_err(failed)?;
    let is_free = match file.try_lock() {
        Ok(()) => true,
        Err(TryLockError::WouldBlock) => false,
        Err(TryLockError::Error(error)) => return Err(failed(error)),
    };
    let mut text = String::new();
    file.read_to_string(&mut text).map_err(failed)?;
    let mut lines = text.lines();
    let (mark, process) = (lines.next().unwrap_or_default().to_owned(), lines.next().unwrap_or("unknown"));
    if !is_free {
        return Err(HostError::Held { name: name.to_owned(), process: process.to_owned() });
    }
    let mark = if mark.is_empty() { unique_id().simple().to_string() } else { mark };
    let written = format!("{mark}\n{}\n", std::process::id());
    file.rewind().and_then(|()| file.write_all(written.as_bytes())).map_err(failed)?;
    file.set_len(written.len() as u64).and_then(|()| file.sync_all()).map_err(failed)?;
    Ok((file, mark))
}

/// Texts as one that tells none of them.
fn digest<'a>(texts: impl Iterator<Item = &'a str>) -> String {
    let mut hash = Sha256::new();
    for text in texts {
        hash.update(text.trim().as_bytes());
        hash.update([0]);
    }
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_is_held_by_one_and_keeps_its_mark_from_one_holder_to_the_next() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("deep/a.lock");
        let (held, mark) = take(&path, "web-1").expect("it is free");
        let refused = take(&path, "web-1").expect_err("it is held").to_string();
        assert!(refused.contains("web-1") && refused.contains(&std::process::id().to_string()), "{refused}");
        drop(held);
        let (_held, again) = take(&path, "web-1").expect("it is free again");
        assert_eq!(again, mark, "the same file");
        let (_other, other) = take(&folder.path().join("b.lock"), "web-2").expect("it is free");
        assert_ne!(other, mark);
    }

    #[test]
    fn a_lock_file_that_was_removed_and_made_again_is_another_one() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a.lock");
        let (_stopped, mark) = take(&path, "web-1").expect("it is free");
        std::fs::remove_file(&path).expect("removed");
        let (_second, other) = take(&path, "web-1").expect("nobody holds the new file");
        assert_ne!(other, mark, "it proves nothing about who holds the first");
    }

    #[test]
    fn what_would_spoil_a_table_is_no_name() {
        assert!(is_name("web-1.shop.example") && is_name("büro_2"));
        assert!(!is_name("") && !is_name("a b") && !is_name("a\nb") && !is_name(&"x".repeat(101)));
    }
}
