//! Pictures that jobs name and that are in buckets. A load reads only their first bytes; a run copies each to a local file
//! once, whatever number of jobs share it, since it is decoded before it is sent. The copies are bounded.

use std::collections::{HashMap, VecDeque};
use std::fs::File;
use std::hash::{Hash, Hasher};
use std::io::{self, Read, Seek, SeekFrom};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use bytes::Bytes as Piece;
use tempfile::NamedTempFile;
use tokio::runtime::Handle;

use crate::job::ObjectUrl;
use crate::picture::{Bytes, PictureError};

use super::{Bucket, OutputError, Scratch};

/// The copies of a run take this many bytes on the disk, and one picture more.
const MOST_BYTES: u64 = 1 << 30;

/// A larger object is no picture that is taken.
const LARGEST: u64 = 256 << 20;

/// What a load reads of an object at a time: a header, in most cases.
const HEAD: u64 = 64 << 10;

/// Trouble with a bucket, which has nothing to do with the one picture.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{why}")]
pub struct BucketTrouble {
    /// Whether asking again does not help: a person has to do something.
    pub is_refusal: bool,
    /// What happened, with the object's name.
    pub why: String,
}

impl BucketTrouble {
    /// The trouble behind a picture's problem, where there is one.
    #[must_use]
    pub fn behind(problem: &PictureError) -> Option<&Self> {
        match problem {
            PictureError::Unreadable { source, .. } => source.get_ref()?.downcast_ref(),
            _ => None,
        }
    }
}

/// See the module's page. All that is done here waits, so it belongs on a thread that may.
#[derive(Debug, Clone)]
pub struct Objects(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    /// What the requests are made with; `None` where there is nothing, as in tests without a runtime.
    runtime: Option<Handle>,
    /// Where copies are kept; `None` where only heads are read.
    scratch: Option<Scratch>,
    buckets: Mutex<HashMap<String, Result<Bucket, String>>>,
    kept: Mutex<Kept>,
    trouble: OnceLock<String>,
}

#[derive(Debug, Default)]
struct Kept {
    by_url: HashMap<ObjectUrl, Arc<Slot>>,
    /// Those that were copied, the oldest first.
    order: VecDeque<(ObjectUrl, u64)>,
    bytes: u64,
}

/// Locked while the object is copied; whoever else needs it waits meanwhile.
type Slot = Mutex<Option<Arc<Copied>>>;

/// An object as it was when it was copied.
#[derive(Debug)]
struct Copied {
    file: NamedTempFile,
    tag: Option<String>,
}

impl Objects {
    /// To look at the heads of objects.
    #[must_use]
    pub fn looked_at() -> Self {
        Self::with(None)
    }

    /// To copy objects to a run's own folder.
    #[must_use]
    pub fn copied_to(scratch: Scratch) -> Self {
        Self::with(Some(scratch))
    }

    fn with(scratch: Option<Scratch>) -> Self {
        Self(Arc::new(Shared {
            runtime: Handle::try_current().ok(),
            scratch,
            buckets: Mutex::default(),
            kept: Mutex::default(),
            trouble: OnceLock::new(),
        }))
    }

    /// Why a bucket could not be read at all, which has nothing to do with the one picture; the first that was met.
    #[must_use]
    pub fn trouble(&self) -> Option<&str> {
        self.0.trouble.get().map(String::as_str)
    }

    /// Opens an object with its length.
    pub(super) fn open(&self, url: &ObjectUrl) -> io::Result<(Box<dyn Bytes>, u64)> {
        if self.0.scratch.is_some() {
            let file = self.copy(url)?.file.reopen()?;
            let bytes = file.metadata()?.len();
            return Ok((Box::new(file), bytes));
        }
        let bucket = self.bucket(url)?;
        let (head, length) = self.wait(url, bucket.piece(url.key(), 0, HEAD))?;
        let reader = Ranges { objects: self.clone(), url: url.clone(), length, at: 0, piece: (0, head) };
        Ok((Box::new(reader), length))
    }

    /// Opens the copy of an object.
    pub(super) fn open_file(&self, url: &ObjectUrl) -> io::Result<File> {
        self.copy(url)?.file.reopen()
    }

    /// Which version of an object was copied.
    pub(super) fn tag(&self, url: &ObjectUrl) -> Option<String> {
        self.copy(url).ok()?.tag.clone()
    }

    fn copy(&self, url: &ObjectUrl) -> io::Result<Arc<Copied>> {
        let slot = Arc::clone(self.kept().by_url.entry(url.clone()).or_default());
        let mut copy = locked(&slot);
        if let Some(copied) = &*copy {
            return Ok(Arc::clone(copied));
        }
        let copied = self.fetch(url);
        if copied.is_err() {
            self.kept().by_url.remove(url);
        }
        let copied = Arc::new(copied?);
        *copy = Some(Arc::clone(&copied));
        drop(copy);
        let bytes = copied.file.as_file().metadata()?.len();
        self.kept().add(url, bytes);
        Ok(copied)
    }

    fn fetch(&self, url: &ObjectUrl) -> io::Result<Copied> {
        let Some(scratch) = &self.0.scratch else {
            return Err(io::Error::other("there is no folder for a copy of it"));
        };
        let bucket = self.bucket(url)?;
        let mut file = scratch.begin()?;
        let tag = self.wait(url, bucket.copy_whole(url.key(), LARGEST, file.as_file_mut()))?;
        Ok(Copied { file, tag })
    }

    fn bucket(&self, url: &ObjectUrl) -> io::Result<Bucket> {
        let root = url.bucket_alone();
        let mut buckets = locked(&self.0.buckets);
        let bucket = buckets.entry(root.to_string()).or_insert_with(|| {
            // The client's tasks belong to the runtime, whatever thread asks first.
            let _inside = self.0.runtime.as_ref().map(Handle::enter);
            Bucket::of(root).map_err(|error| error.to_string())
        });
        bucket.clone().map_err(|why| self.troubled(true, why))
    }

    /// Waits for a request's end, and remembers trouble with a bucket as a whole.
    fn wait<T>(&self, url: &ObjectUrl, request: impl Future<Output = Result<Option<T>, OutputError>>) -> io::Result<T> {
        let Some(runtime) = &self.0.runtime else { return Err(io::Error::other("buckets cannot be read here")) };
        match runtime.block_on(request) {
            Ok(Some(value)) => Ok(value),
            Ok(None) => Err(io::Error::new(io::ErrorKind::NotFound, format!("no such object ({url})"))),
            Err(OutputError::Machine { source, .. }) => Err(source),
            Err(error) => Err(self.troubled(!matches!(error, OutputError::Away { .. }), error.to_string())),
        }
    }

    fn troubled(&self, is_refusal: bool, why: String) -> io::Error {
        let _ = self.0.trouble.set(why.clone());
        io::Error::other(BucketTrouble { is_refusal, why })
    }

    /// An object is another one now: what was copied of it is forgotten.
    pub fn renew(&self, url: &ObjectUrl) {
        self.kept().forget(url);
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        locked(&self.0.kept)
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Kept {
    fn forget(&mut self, url: &ObjectUrl) {
        self.by_url.remove(url);
        if let Some(place) = self.order.iter().position(|(kept, _)| kept == url)
            && let Some((_, bytes)) = self.order.remove(place)
        {
            self.bytes -= bytes;
        }
    }

    /// Takes account of a copy. The oldest ones go when there is no room; who has one open reads on.
    fn add(&mut self, url: &ObjectUrl, bytes: u64) {
        self.order.push_back((url.clone(), bytes));
        self.bytes += bytes;
        while self.bytes > MOST_BYTES
            && self.order.len() > 1
            && let Some((oldest, bytes)) = self.order.pop_front()
        {
            self.bytes -= bytes;
            self.by_url.remove(&oldest);
        }
    }
}

/// All are the same: an object is known by its URL.
impl PartialEq for Objects {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Objects {}

impl Hash for Objects {
    fn hash<H: Hasher>(&self, _: &mut H) {}
}

/// An object that is read by ranges.
struct Ranges {
    objects: Objects,
    url: ObjectUrl,
    length: u64,
    at: u64,
    /// A piece of it, and where that begins.
    piece: (u64, Piece),
}

impl Read for Ranges {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.at >= self.length || buffer.is_empty() {
            return Ok(0);
        }
        let (start, piece) = &self.piece;
        if self.at < *start || self.at >= start + piece.len() as u64 {
            let bucket = self.objects.bucket(&self.url)?;
            let (piece, _) = self.objects.wait(&self.url, bucket.piece(self.url.key(), self.at, HEAD))?;
            self.piece = (self.at, piece);
        }
        let (start, piece) = &self.piece;
        let inside = usize::try_from(self.at - start).unwrap_or(usize::MAX);
        let rest = piece.get(inside..).unwrap_or_default();
        let read = rest.len().min(buffer.len());
        buffer[..read].copy_from_slice(&rest[..read]);
        self.at += read as u64;
        Ok(read)
    }
}

impl Seek for Ranges {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let target = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::End(by) => self.length.checked_add_signed(by),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
        };
        self.at = target.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.at)
    }
}
