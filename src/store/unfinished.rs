//! Files that were begun in a folder into which several hosts write, and whose they are.
//!
//! A host that never comes back removes nothing, and whoever takes its jobs over writes files of other names. So every run
//! removes what epochs have left that are dead. It is safe because an epoch's number is given once: no file of a dead one is
//! ever begun again, and a file that was there before the queue was asked belongs to an epoch that the queue knew then.

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};

use sha2::{Digest, Sha256};
use walkdir::WalkDir;

use super::{Folder, OutputTree};
use crate::ambient;

/// Makes the names of an epoch's unfinished files differ from all others.
#[derive(Debug)]
pub(super) struct Mark {
    /// Other queues may have the same folder, and epochs of the same numbers.
    queue: String,
    epoch: i64,
    staged: AtomicU64,
}

impl Mark {
    pub(super) fn of(queue: &str, epoch: i64) -> Self {
        let digest = Sha256::digest(queue.as_bytes());
        let queue = digest.iter().take(6).map(|byte| format!("{byte:02x}")).collect();
        Self { queue, epoch, staged: AtomicU64::new(0) }
    }

    /// What the next unfinished file's name ends with.
    pub(super) fn next(&self) -> String {
        format!("-{}-{}-{}", self.queue, self.epoch, self.staged.fetch_add(1, Ordering::Relaxed))
    }

    /// The epoch of this queue that has begun a file of this name.
    fn epoch_of(&self, name: &str) -> Option<i64> {
        let parts = name.strip_prefix(".tryon-")?.strip_suffix(".part")?;
        match parts.split('-').collect::<Vec<_>>()[..] {
            [_job, _image, queue, epoch, _nth] if queue == self.queue => epoch.parse().ok(),
            _ => None,
        }
    }
}

/// Unfinished files of a queue's hosts, as they were found at a moment.
#[derive(Debug, Default)]
pub struct Unfinished {
    files: Vec<(PathBuf, i64)>,
}

impl Unfinished {
    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    /// Removes those of epochs that are not among `living`, which was asked for after the files were found. Returns how many.
    pub async fn remove_unless(self, living: HashSet<i64>) -> usize {
        let remove = move || {
            let left = self.files.into_iter().filter(|(_, epoch)| !living.contains(epoch));
            // What cannot be removed only takes room.
            left.filter(|(path, _)| std::fs::remove_file(path).is_ok()).count()
        };
        ambient::blocking(remove).await.unwrap_or_default()
    }
}

impl OutputTree {
    /// Looks through the tree for unfinished files of this queue's hosts. A bucket has none: its results are written in folders of
    /// each machine's own first.
    pub async fn unfinished(&self) -> Unfinished {
        match self {
            Self::Folder(folder) => {
                let folder = folder.clone();
                ambient::blocking(move || unfinished_in(&folder)).await.unwrap_or_default()
            }
            Self::Bucket(_) => Unfinished::default(),
        }
    }
}

fn unfinished_in(folder: &Folder) -> Unfinished {
    let Some(mark) = &folder.mark else { return Unfinished::default() };
    // What cannot be looked into has to stay as it is. Links are not followed, so that nothing outside is found.
    let found = WalkDir::new(folder.root()).into_iter().flatten().filter_map(|entry| {
        let epoch = mark.epoch_of(entry.file_name().to_str()?)?;
        entry.file_type().is_file().then(|| (entry.into_path(), epoch))
    });
    Unfinished { files: found.collect() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::{JobId, JobSeq};

    #[tokio::test]
    async fn what_a_dead_epoch_has_left_goes_from_every_folder_and_that_of_others_stays() {
        let folder = tempfile::tempdir().expect("a folder");
        let tree = Folder::create(folder.path()).expect("a tree");
        let staged = |queue: &str, epoch, id: &str, seq| {
            let id = JobId::parse(id).expect("an id");
            tree.clone().of_epoch(queue, epoch).stage(&id, JobSeq(seq), 0).expect("staged")
        };
        let killed = [staged("queue", 3, "a", 1), staged("queue", 3, "deep/down/b", 2)];
        let others = [staged("queue", 4, "deep/down/b", 2), staged("another", 3, "a", 1), staged("queue", 33, "c", 3)];
        let gone: Vec<_> = killed.iter().map(|staged| staged.path.clone()).collect();
        std::mem::forget(killed);
        let names_no_epoch = folder.path().join(".tryon-publish-1234.part");
        std::fs::write(&names_no_epoch, b"").expect("written");

        let this = OutputTree::Folder(tree.clone().of_epoch("queue", 5));
        let unfinished = this.unfinished().await;
        // Begun after the look: its epoch may be one that the queue did not know when it was asked.
        let later = staged("queue", 3, "later", 9);
        assert_eq!(unfinished.remove_unless(HashSet::from([4, 5, 33])).await, 2);
        assert!(gone.iter().all(|path| !path.exists()));
        assert!(others.iter().chain([&later]).all(|staged| staged.path.exists()));
        assert!(names_no_epoch.exists());
        assert!(OutputTree::Folder(tree.clone()).unfinished().await.is_empty(), "a run that is alone has no marks");
    }
}
