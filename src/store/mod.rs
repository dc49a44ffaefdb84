//! The output tree: where a result goes, and that it is either whole or absent.
//!
//! It is a local folder, or a prefix in a bucket. A result is written to a local file first and verified there; then it
//! gets its name. Nothing is ever written outside the tree.

use std::collections::HashSet;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tempfile::NamedTempFile;

use crate::ambient;
use crate::job::{JobId, JobSeq};

mod bucket;
mod folder;
mod inputs;
mod links;
mod names;
mod objects;
mod scratch;
mod shelf;
mod staged;
mod unfinished;

pub use bucket::{Bucket, Pruned, Uploads, sha256_of};
use bucket::{Content, Parcel};
pub use folder::{Folder, FolderChecks};
pub use inputs::{InputFile, Stamp, Version};
pub use links::{Link, LinkError, Linkable, PictureLinks, PutOnce};
pub use names::{KeyChecks, NameChecks};
pub use objects::{BucketTrouble, Objects};
pub use scratch::{Scratch, ScratchFile};
pub use shelf::{OWN_PREFIX, Shelf, ShelfFile, ShelfNames, ShelfReady};
pub use staged::Staged;
pub use unfinished::Unfinished;

/// Where results go.
#[derive(Debug, Clone)]
pub enum OutputTree {
    Folder(Folder),
    Bucket(InBucket),
}

/// Results in a bucket.
#[derive(Debug, Clone)]
pub struct InBucket {
    bucket: Arc<Bucket>,
    /// Where results are written before they are put: a local folder of the run's own.
    staging: PathBuf,
    /// What this queue's objects are marked with.
    queue: Arc<str>,
}

/// What keeps a result from its place.
#[derive(Debug, thiserror::Error)]
pub enum OutputError {
    /// A symlink in the tree leads out of it.
    #[error("{} leads out of the output folder", .0.display())]
    LeavesTree(PathBuf),
    /// Something else is where a folder or the result should be.
    #[error("{} is in the way: {why}", .path.display())]
    InTheWay { path: PathBuf, why: String },
    /// The disk or the folder failed: no job of this run can be written.
    #[error("cannot write {}: {source}", .path.display())]
    Machine {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    /// The bucket is not reached, or has trouble: it may pass.
    #[error("the bucket does not take {place}: {why}")]
    Away { place: String, why: String },
    /// The bucket refuses: its name, its region or the credentials are wrong, or something is not allowed.
    #[error("the bucket refuses {place}: {why}")]
    Refused { place: String, why: String },
}

/// A result that has its name, or a bucket's result that is ready to be put.
#[derive(Debug)]
#[must_use]
pub struct Landed {
    path: String,
    parcel: Option<Parcel>,
}

/// A published result as a local file.
#[derive(Debug)]
pub enum LocalCopy {
    /// It is one.
    Itself(PathBuf),
    /// It was fetched, and is removed when this is dropped.
    Fetched(NamedTempFile),
}

impl OutputTree {
    /// A local folder. It is made where there is none, and must be writable.
    ///
    /// # Errors
    /// With the folder's path and the system's reason.
    pub fn create(root: &Path) -> Result<Self, OutputError> {
        Folder::create(root).map(Self::Folder)
    }

    /// The tree as an epoch of a queue writes into it, beside others; `queue` is a text that no other queue has. A bucket's
    /// results are staged in a folder of this machine anyway.
    #[must_use]
    pub fn of_epoch(self, queue: &str, epoch: i64) -> Self {
        match self {
            Self::Folder(folder) => Self::Folder(folder.of_epoch(queue, epoch)),
            bucket @ Self::Bucket(_) => bucket,
        }
    }

    /// A prefix in a bucket. Results are written to `staging` before they are put; what a killed run has left there goes.
    /// `queue` is a text that no other queue has.
    ///
    /// # Errors
    /// The staging folder cannot be written to.
    pub fn in_bucket(bucket: Bucket, staging: &Path, queue: &str) -> Result<Self, OutputError> {
        let folder = Folder::create(staging)?;
        folder.clear_staged();
        let staging = folder.root().to_owned();
        Ok(Self::Bucket(InBucket { bucket: Arc::new(bucket), staging, queue: queue.into() }))
    }

    /// The local folder's root, absolute; `None` for a bucket.
    #[must_use]
    pub fn root(&self) -> Option<&Path> {
        match self {
            Self::Folder(folder) => Some(folder.root()),
            Self::Bucket(_) => None,
        }
    }

    /// The bucket, where it is one.
    #[must_use]
    pub fn bucket(&self) -> Option<&Bucket> {
        match self {
            Self::Folder(_) => None,
            Self::Bucket(tree) => Some(&tree.bucket),
        }
    }

    /// Begins the file of one image of a job. Waits for the disk.
    ///
    /// # Errors
    /// See [`OutputError`].
    pub fn stage(&self, id: &JobId, seq: JobSeq, image: u32) -> Result<Staged, OutputError> {
        match self {
            Self::Folder(folder) => folder.stage(id, seq, image),
            Self::Bucket(tree) => Staged::begin(&tree.staging, seq, image, "")
                .map_err(|(path, source)| OutputError::Machine { path, source }),
        }
    }

    /// Gives a staged file its final name, `name` being the id with an extension. In a folder it is whole and on disk
    /// under that name when this returns; for a bucket it has to [arrive](Landed::arrive). Waits for the disk.
    ///
    /// # Errors
    /// See [`OutputError`].
    pub fn settle(&self, staged: Staged, name: &str, bytes: u64, sha256: &str) -> Result<Landed, OutputError> {
        match self {
            Self::Folder(folder) => Ok(Landed { path: folder.publish(staged, name)?, parcel: None }),
            Self::Bucket(tree) => {
                let name = name.replace('\\', "/");
                let content = Content { bytes, sha256: sha256.to_owned() };
                let owner = tree.owner(staged.job);
                let bucket = Arc::clone(&tree.bucket);
                Ok(Landed { path: name.clone(), parcel: Some(Parcel { bucket, name, staged, content, owner }) })
            }
        }
    }

    /// A result as a local file; `None` where it cannot be had.
    pub async fn local_copy(&self, name: &str) -> Option<LocalCopy> {
        match self {
            Self::Folder(folder) => Some(LocalCopy::Itself(folder.root().join(name))),
            Self::Bucket(tree) => {
                let mut copy = NamedTempFile::new_in(&tree.staging).ok()?;
                tree.bucket.copy_whole(name, u64::MAX, copy.as_file_mut()).await.ok()??;
                Some(LocalCopy::Fetched(copy))
            }
        }
    }

    /// Those of the results that are certainly not there. One that cannot be looked at is not one that is gone.
    ///
    /// # Errors
    /// The bucket cannot be looked into.
    pub async fn gone(&self, names: HashSet<String>) -> Result<HashSet<String>, OutputError> {
        match self {
            Self::Folder(folder) => {
                let folder = folder.clone();
                let gone = move || names.into_iter().filter(|name| folder.is_gone(name)).collect();
                ambient::blocking(gone)
                    .await
                    .map_err(|error| OutputError::Machine { path: PathBuf::new(), source: io::Error::other(error) })
            }
            Self::Bucket(tree) => tree.bucket.gone(names).await,
        }
    }

    /// Where a result is, for a message.
    #[must_use]
    pub fn place_of(&self, name: &str) -> String {
        match self {
            Self::Folder(folder) => folder.place_of(name),
            Self::Bucket(tree) => tree.bucket.place_of(name),
        }
    }

    /// Removes an image of a job whose place another one has taken under another name. What cannot be removed stays: it
    /// is in nobody's way.
    pub async fn remove(&self, name: &str, job: JobSeq) {
        match self {
            Self::Folder(folder) => folder.remove(name),
            Self::Bucket(tree) => tree.bucket.remove(name, &tree.owner(job)).await,
        }
    }
}

impl InBucket {
    /// What the objects of a job are marked with.
    fn owner(&self, job: JobSeq) -> String {
        format!("{}/{}", self.queue, job.0)
    }
}

impl Landed {
    /// Its path relative to the tree, with `/`.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// When this returns, the result is whole under its name. May be called again after [`OutputError::Away`].
    ///
    /// # Errors
    /// See [`OutputError`].
    pub async fn arrive(&self) -> Result<(), OutputError> {
        match &self.parcel {
            Some(parcel) => parcel.send().await,
            None => Ok(()),
        }
    }
}

impl LocalCopy {
    /// Opens it.
    ///
    /// # Errors
    /// Those of the system.
    pub fn open(&self) -> io::Result<File> {
        match self {
            Self::Itself(path) => File::open(path),
            Self::Fetched(copy) => copy.reopen(),
        }
    }
}
