//! A shelf: where finished files are put for others to take, a local folder or a prefix in a bucket.
//!
//! A file is whole or absent there. What somebody else has put there is never overwritten and never removed: a folder is
//! compared with what its record says, an object in a bucket with the mark that it carries. One process at a time puts files
//! into a folder.

mod bucket;
mod folder;

use std::collections::{HashMap, HashSet};
use std::io;
use std::path::Path;
use std::sync::Arc;

use crate::ambient;
use crate::job::ObjectUrl;

use self::bucket::ShelfBucket;
use self::folder::{ShelfFolder, ShelfStaged};
use super::{KeyChecks, NameChecks, OutputError};

/// How the names of files begin that this program keeps on a shelf for itself.
pub const OWN_PREFIX: &str = ".tryon-";

/// See the module's page.
#[derive(Debug, Clone)]
pub struct Shelf(Kind);

#[derive(Debug, Clone)]
enum Kind {
    Folder(Arc<ShelfFolder>),
    /// A folder that is not there yet, and is only looked at.
    Absent(Arc<Path>),
    Bucket(Arc<ShelfBucket>),
}

/// A finished file.
#[derive(Debug)]
pub struct ShelfFile {
    /// Relative to the shelf, with `/`.
    pub name: String,
    pub bytes: Vec<u8>,
    /// Lower-case hexadecimal.
    pub sha256: String,
    /// For a bucket's `Content-Type`.
    pub media_type: &'static str,
    /// Whether it takes the place of a file of ours; else nothing may be there.
    pub replaces: bool,
}

/// A file that is on disk under another name, or has arrived in the bucket.
#[derive(Debug)]
#[must_use]
pub struct ShelfReady(Option<ShelfStaged>);

impl Shelf {
    /// The shelf at `to`, ready to be filled. A folder is made where there is none; a bucket is tried first. `owner` is a text
    /// that nobody else has.
    ///
    /// # Errors
    /// Another process fills the folder, or it cannot be written to; the bucket is away or refuses.
    pub async fn open(to: &Path, owner: &str) -> Result<Self, OutputError> {
        Ok(Self(match bucket_at(to)? {
            Some(url) => Kind::Bucket(Arc::new(ShelfBucket::open(url, owner).await?)),
            None => {
                let root = to.to_owned();
                Kind::Folder(Arc::new(waited_for(move || ShelfFolder::open(&root)).await?))
            }
        }))
    }

    /// The shelf at `to`, to be looked at alone.
    ///
    /// # Errors
    /// The bucket's name is wrong, or the folder cannot be read.
    pub async fn look(to: &Path, owner: &str) -> Result<Self, OutputError> {
        Ok(Self(match bucket_at(to)? {
            Some(url) => Kind::Bucket(Arc::new(ShelfBucket::look(url, owner)?)),
            None if to.exists() => {
                let root = to.to_owned();
                Kind::Folder(Arc::new(waited_for(move || ShelfFolder::look(&root)).await?))
            }
            None => Kind::Absent(to.into()),
        }))
    }

    /// Where a name is, for a message.
    #[must_use]
    pub fn place_of(&self, name: &str) -> String {
        match &self.0 {
            Kind::Folder(folder) => folder.root().join(name).display().to_string(),
            Kind::Absent(root) => root.join(name).display().to_string(),
            Kind::Bucket(bucket) => bucket.place_of(name),
        }
    }

    /// The content of a small file of the program's own; `None` where there is none.
    ///
    /// # Errors
    /// It is there and cannot be read.
    pub async fn read_own(&self, name: &'static str) -> Result<Option<Vec<u8>>, OutputError> {
        match &self.0 {
            Kind::Folder(folder) => {
                let folder = Arc::clone(folder);
                waited_for(move || folder.read(name)).await
            }
            Kind::Absent(_) => Ok(None),
            Kind::Bucket(bucket) => bucket.read(name).await,
        }
    }

    /// The lengths of those of the files that are there.
    ///
    /// # Errors
    /// The shelf cannot be looked at.
    pub async fn lengths(&self, names: HashSet<String>) -> Result<HashMap<String, u64>, OutputError> {
        match &self.0 {
            Kind::Folder(folder) => {
                let folder = Arc::clone(folder);
                waited_for(move || folder.lengths(names)).await
            }
            Kind::Absent(_) => Ok(HashMap::new()),
            Kind::Bucket(bucket) => bucket.lengths(&names).await,
        }
    }

    /// Whether a file that is there is still the one that this program has put there. `sha256` is what the record says.
    ///
    /// # Errors
    /// It cannot be looked at.
    pub async fn is_ours(&self, name: &str, sha256: Option<&str>) -> Result<bool, OutputError> {
        match &self.0 {
            Kind::Folder(folder) => {
                let Some(sha256) = sha256.map(str::to_owned) else { return Ok(false) };
                let (folder, name) = (Arc::clone(folder), name.to_owned());
                waited_for(move || Ok(folder.sha256(&name)?.is_none_or(|found| found == sha256))).await
            }
            Kind::Absent(_) => Ok(true),
            Kind::Bucket(bucket) => bucket.is_ours(name).await,
        }
    }

    /// Gets a file ready: in a folder it is on disk under another name, in a bucket it has arrived.
    ///
    /// # Errors
    /// See [`OutputError`].
    pub async fn ready(&self, file: ShelfFile) -> Result<ShelfReady, OutputError> {
        match &self.0 {
            Kind::Folder(folder) => {
                let folder = Arc::clone(folder);
                waited_for(move || folder.stage(file)).await.map(|staged| ShelfReady(Some(staged)))
            }
            Kind::Absent(root) => Err(is_absent(root)),
            Kind::Bucket(bucket) => bucket.put(file).await.map(|()| ShelfReady(None)),
        }
    }

    /// Gives ready files their names, after `lines` have been added durably to the record `record`. In a bucket, whose files
    /// carry a mark, the record is replaced by its owner from time to time.
    ///
    /// # Errors
    /// See [`OutputError`]; for each file that is not there.
    pub async fn settle(
        &self,
        ready: Vec<ShelfReady>,
        record: &'static str,
        lines: String,
    ) -> Result<Vec<Result<(), OutputError>>, OutputError> {
        match &self.0 {
            Kind::Folder(folder) => {
                let folder = Arc::clone(folder);
                let staged = ready.into_iter().filter_map(|ready| ready.0).collect();
                waited_for(move || {
                    folder.append(record, &lines)?;
                    Ok(folder.settle(staged))
                })
                .await
            }
            Kind::Absent(root) => Err(is_absent(root)),
            Kind::Bucket(_) => Ok(ready.into_iter().map(|_| Ok(())).collect()),
        }
    }

    /// Whether what is put there can be told from others' files without the record.
    #[must_use]
    pub fn is_marked(&self) -> bool {
        matches!(self.0, Kind::Bucket(_))
    }

    /// Replaces a file of the program's own, in one step.
    ///
    /// # Errors
    /// See [`OutputError`].
    pub async fn replace_own(&self, name: &'static str, content: Vec<u8>) -> Result<(), OutputError> {
        match &self.0 {
            Kind::Folder(folder) => {
                let folder = Arc::clone(folder);
                waited_for(move || folder.replace(name, &content)).await
            }
            Kind::Absent(root) => Err(is_absent(root)),
            Kind::Bucket(bucket) => bucket.replace(name, content).await,
        }
    }

    /// Removes a file that is still ours.
    ///
    /// # Errors
    /// See [`OutputError`].
    pub async fn remove(&self, name: &str) -> Result<(), OutputError> {
        match &self.0 {
            Kind::Folder(folder) => {
                let (folder, name) = (Arc::clone(folder), name.to_owned());
                waited_for(move || folder.remove(&name)).await
            }
            Kind::Absent(_) => Ok(()),
            Kind::Bucket(bucket) => bucket.remove(name).await,
        }
    }

    /// What the shelf has against names, found without writing a file of that name.
    #[must_use]
    pub fn name_checks(&self) -> ShelfNames {
        ShelfNames(match &self.0 {
            Kind::Folder(folder) => NamesOf::Folder(NameChecks::new(folder.root())),
            Kind::Absent(root) => NamesOf::Folder(NameChecks::new(root)),
            Kind::Bucket(bucket) => NamesOf::Bucket(KeyChecks::new(bucket.url())),
        })
    }
}

/// See [`Shelf::name_checks`].
#[derive(Debug)]
pub struct ShelfNames(NamesOf);

#[derive(Debug)]
enum NamesOf {
    Folder(NameChecks),
    Bucket(KeyChecks),
}

impl ShelfNames {
    /// Whether a file of this name, without its extension, can be put there.
    ///
    /// # Errors
    /// Why not.
    pub fn check(&mut self, name: &crate::job::JobId) -> Result<(), String> {
        match &mut self.0 {
            NamesOf::Folder(checks) => checks.check(name),
            NamesOf::Bucket(checks) => checks.check(name),
        }
    }
}

fn bucket_at(to: &Path) -> Result<Option<ObjectUrl>, OutputError> {
    let refused = |error: crate::job::InvalidObjectUrl| OutputError::Refused {
        place: to.display().to_string(),
        why: error.to_string(),
    };
    ObjectUrl::of_path(to).transpose().map_err(refused)
}

fn is_absent(root: &Path) -> OutputError {
    OutputError::Machine { path: root.to_owned(), source: io::ErrorKind::NotFound.into() }
}

/// Work that waits for a disk.
async fn waited_for<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, OutputError> + Send + 'static,
) -> Result<T, OutputError> {
    let gone = |error| OutputError::Machine { path: std::path::PathBuf::new(), source: io::Error::other(error) };
    ambient::blocking(work).await.map_err(gone)?
}
