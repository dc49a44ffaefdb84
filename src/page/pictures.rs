//! The pictures of jobs, by job and role: made small for the cards, and as they are for the viewer.
//!
//! No path is ever asked for. Where a picture is, the queue says; what is served is a picture by its first bytes, whatever it is
//! called. A small one is made once, by however many it is asked for at once, and those that were made last are kept in a bounded
//! number of bytes.

use std::io::{Read, Seek, SeekFrom};
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use quick_cache::Weighter;
use quick_cache::sync::Cache;
use sha2::{Digest, Sha256};
use tokio::sync::Semaphore;

use super::PageError;
use crate::ambient;
use crate::job::{ImageRef, ObjectUrl};
use crate::picture::{Bytes as Opened, FORMAT_BYTES, PictureFormat, Source, format_of, small_jpeg};
use crate::queue::JobRecord;
use crate::store::{InputFile, Objects, Scratch, Version};

/// The longer side of a small picture, in pixels: twice what a card shows.
const SMALL_PX: u32 = 480;

/// The longer side of a picture in place of one that browsers do not show, in pixels.
const SHOWN_PX: u32 = 2048;

/// The small pictures that are kept take this many bytes. Each has some 20 kB.
const KEPT_BYTES: u64 = 96 << 20;

/// This many pictures are decoded at a time, at most. What else is decoded shares one budget of memory with them.
const MOST_DECODED: usize = 4;

/// A larger file is not shown.
const LARGEST_FILE: u64 = 256 << 20;

/// Which of a job's pictures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    Human,
    Garment,
    SecondGarment,
    Result,
}

impl Role {
    /// The role that a word in an address names.
    pub(super) fn from_word(word: &str) -> Option<Self> {
        match word {
            "human" => Some(Self::Human),
            "garment" => Some(Self::Garment),
            "garment2" => Some(Self::SecondGarment),
            "result" => Some(Self::Result),
            _ => None,
        }
    }
}

/// Where results are.
#[derive(Debug)]
enum Results {
    /// Absolute, without symlinks.
    Folder(PathBuf),
    Bucket(ObjectUrl),
}

/// See the module's page.
#[derive(Debug)]
pub(super) struct Pictures {
    results: Results,
    inputs: Option<PathBuf>,
    objects: Objects,
    small: Cache<Key, Bytes, Weight>,
    decoding: Arc<Semaphore>,
}

/// By what a small picture is known.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Key {
    /// A result by its sha256.
    Result(String),
    /// An input by its place and what it was then.
    Input(InputFile, Version),
}

#[derive(Debug, Clone)]
struct Weight;

impl Weighter<Key, Bytes> for Weight {
    fn weight(&self, _: &Key, picture: &Bytes) -> u64 {
        // The key and the entry take some memory too.
        picture.len() as u64 + 256
    }
}

/// A picture that was found.
#[derive(Debug)]
pub(super) struct Found {
    file: InputFile,
    key: Key,
    /// What tells it from what is there later; in quotes, as in an `ETag`.
    pub(super) tag: String,
}

/// A picture that is on its way out.
pub(super) enum Shown {
    /// In memory.
    Small(Bytes),
    /// Of this format and length, to be read from its beginning.
    File(PictureFormat, u64, Box<dyn Opened>),
}

impl Pictures {
    /// `out` is the output folder or bucket, `inputs` the folder that relative names are relative to, and copies of what is in
    /// buckets are kept in `scratch`.
    pub(super) fn new(out: &Path, inputs: Option<PathBuf>, scratch: Scratch) -> Self {
        let results = match ObjectUrl::of_path(out) {
            Some(Ok(url)) => Results::Bucket(url),
            _ => Results::Folder(out.canonicalize().unwrap_or_else(|_| out.to_owned())),
        };
        let expected = usize::try_from(KEPT_BYTES / 20_000).unwrap_or(usize::MAX);
        let small = Cache::with_weighter(expected, KEPT_BYTES, Weight);
        let decoding = Arc::new(Semaphore::new(MOST_DECODED));
        Self { results, inputs, objects: Objects::copied_to(scratch), small, decoding }
    }

    /// Finds a job's picture. `None` where the job has none in that role, or where it is a web address: that is the provider's to
    /// fetch, and the browser's to follow.
    pub(super) async fn find(&self, job: &JobRecord, role: Role) -> Result<Option<Found>, PageError> {
        let spec = &job.spec;
        match role {
            Role::Human => self.input(&spec.human).await,
            Role::Garment => self.input(&spec.cloth).await,
            Role::SecondGarment => match &spec.second {
                Some(second) => self.input(&second.image).await,
                None => Ok(None),
            },
            Role::Result => self.result(job).await,
        }
    }

    async fn input(&self, image: &ImageRef) -> Result<Option<Found>, PageError> {
        let Some(file) = InputFile::named_by(&image.source, self.inputs.as_deref(), &self.objects) else {
            return Ok(None);
        };
        waiting(move || {
            let version = file.version();
            let digest = Sha256::digest(format!("{file} {version:?}").as_bytes());
            Some(Found { tag: tag(&digest), key: Key::Input(file.clone(), version), file })
        })
        .await
    }

    async fn result(&self, job: &JobRecord) -> Result<Option<Found>, PageError> {
        let (Some(path), Some(sha256)) = (&job.output, &job.sha256) else { return Ok(None) };
        let found = |file| Found { file, key: Key::Result(sha256.clone()), tag: format!("\"{sha256}\"") };
        match &self.results {
            Results::Bucket(url) => {
                let object = url.join(path);
                // An earlier image of the job may have had the same name.
                if self.small.peek(&Key::Result(sha256.clone())).is_none() {
                    self.objects.renew(&object);
                }
                Ok(Some(found(InputFile::object(object, self.objects.clone()))))
            }
            Results::Folder(root) => {
                let (root, path) = (root.clone(), path.clone());
                Ok(waiting(move || inside(&root, &path)).await?.map(|path| found(InputFile::new(&path))))
            }
        }
    }

    /// The picture made small. `None` where it cannot be made: the browser may know its format.
    pub(super) async fn small(&self, found: &Found) -> Result<Option<Bytes>, PageError> {
        let file = found.file.clone();
        let decoding = Arc::clone(&self.decoding);
        let make = async move {
            let _turn = decoding.acquire_owned().await;
            match waiting(move || small_jpeg(&file, SMALL_PX)).await {
                Ok(Ok(small)) => Ok(Bytes::from(small.jpeg)),
                Ok(Err(problem)) => Err(Ok(problem)),
                Err(error) => Err(Err(error)),
            }
        };
        match self.small.get_or_insert_async(&found.key, make).await {
            Ok(small) => Ok(Some(small)),
            Err(Ok(problem)) => {
                tracing::debug!(picture = %found.file, %problem, "a picture could not be made small");
                Ok(None)
            }
            Err(Err(error)) => Err(error),
        }
    }

    /// The picture as it is, or what is shown in its place where browsers do not show its format. `None` where there is no picture of a
    /// known format.
    pub(super) async fn whole(&self, found: &Found) -> Result<Option<Shown>, PageError> {
        let file = found.file.clone();
        let decoding = Arc::clone(&self.decoding);
        let opened = waiting(move || open(&file)).await?;
        let Some((format, length, opened)) = opened else { return Ok(None) };
        if format != PictureFormat::Tiff {
            return Ok(Some(Shown::File(format, length, opened)));
        }
        let file = found.file.clone();
        let _turn = decoding.acquire_owned().await;
        Ok(waiting(move || small_jpeg(&file, SHOWN_PX)).await?.ok().map(|made| Shown::Small(made.jpeg.into())))
    }
}

/// Opens a file that is a picture by its first bytes, at its beginning.
fn open(file: &InputFile) -> Option<(PictureFormat, u64, Box<dyn Opened>)> {
    let (mut opened, length) = file.open().ok()?;
    let mut head = Vec::with_capacity(FORMAT_BYTES);
    (&mut opened).take(FORMAT_BYTES as u64).read_to_end(&mut head).ok()?;
    opened.seek(SeekFrom::Start(0)).ok()?;
    let format = format_of(&head)?;
    (length <= LARGEST_FILE).then_some((format, length, opened))
}

/// The file at a path relative to the output folder. `None` where it is not there, or leads out of the folder, whatever the queue
/// says.
fn inside(root: &Path, path: &str) -> Option<PathBuf> {
    let path = Path::new(path);
    if !path.components().all(|part| matches!(part, Component::Normal(_))) {
        return None;
    }
    root.join(path).canonicalize().ok().filter(|real| real.starts_with(root))
}

fn tag(digest: &[u8]) -> String {
    let name: String = digest.iter().take(12).map(|byte| format!("{byte:02x}")).collect();
    format!("\"{name}\"")
}

/// Runs what waits for disks and buckets on a thread that may.
async fn waiting<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, PageError> {
    ambient::blocking(work).await.map_err(|error| PageError::Thread(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_that_leads_out_of_the_folder_is_no_result_whatever_the_queue_says() {
        let folder = tempfile::tempdir().expect("a folder");
        let root = folder.path().join("results");
        std::fs::create_dir_all(root.join("a")).expect("a folder");
        let root = root.canonicalize().expect("it is there");
        std::fs::write(folder.path().join("secret.png"), "x").expect("written");
        std::fs::write(root.join("a/b.png"), "x").expect("written");
        assert_eq!(inside(&root, "a/b.png"), Some(root.join("a/b.png")));
        let absolute = folder.path().join("secret.png");
        for path in
            ["../secret.png", "a/../../secret.png", "./a/b.png", absolute.to_str().expect("UTF-8"), "", "none.png"]
        {
            assert_eq!(inside(&root, path).filter(|found| *found != root), None, "{path}");
        }
        #[cfg(unix)]
        {
            std::os::unix::fs::symlink(&absolute, root.join("a/link.png")).expect("a link");
            assert_eq!(inside(&root, "a/link.png"), None);
        }
    }
}
