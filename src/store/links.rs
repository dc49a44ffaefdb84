//! Links to pictures: what a provider is sent that takes URLs only, where the picture itself is here.
//!
//! Answers for the contract alone. What is behind it puts the file where the provider can fetch it: a bucket, or the
//! stand-in's own shelf.

use std::collections::HashMap;
use std::fmt::{Debug, Write};
use std::future::Future;
use std::io::{self, Read};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::future::BoxFuture;
use sha2::{Digest, Sha256};
use tokio::sync::OnceCell;

use super::{InputFile, Version};

/// A local picture as it was when it was looked at: what is linked to.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Linkable {
    /// Where it is.
    pub file: InputFile,
    /// Which version of it; another one is another picture, whatever the file is called.
    pub version: Version,
    /// Its length.
    pub bytes: u64,
    /// What it is, for a `Content-Type`.
    pub media_type: &'static str,
}

/// A URL by which the provider can fetch a picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// http(s). It may carry a signature, so it is shown to nobody and kept nowhere.
    pub url: String,
    /// Whether the picture had to be put there just now, so that time has gone by.
    pub took_time: bool,
}

/// Why there is no link. The wording completes "cannot be uploaded: …".
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LinkError {
    /// The file itself is at fault: its job fails.
    #[error("{0}")]
    Picture(String),
    /// It may work later: the job waits, and nothing is held against it.
    #[error("{0}")]
    Passing(String),
    /// It will work for no picture until a person has done something: nothing more is submitted.
    #[error("{0}")]
    Refused(String),
}

impl Linkable {
    /// The file's bytes, and their SHA-256 in lower-case hexadecimal. Takes as long as a disk, so it belongs on a thread
    /// that may wait.
    ///
    /// # Errors
    /// It cannot be read, or is not what it was when it was looked at.
    pub fn read(&self) -> Result<(Vec<u8>, String), LinkError> {
        let unreadable = |error: io::Error| LinkError::Picture(format!("cannot read {}: {error}", self.file));
        let mut bytes = Vec::new();
        // One byte more than it had shows that it grew.
        self.file.open_file().and_then(|file| file.take(self.bytes + 1).read_to_end(&mut bytes)).map_err(unreadable)?;
        if bytes.len() as u64 != self.bytes || self.file.version() != self.version {
            return Err(LinkError::Picture(format!("{} changed while it was being uploaded", self.file)));
        }
        let sha256 = Sha256::digest(&bytes).iter().fold(String::with_capacity(64), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        });
        Ok((bytes, sha256))
    }
}

/// Remembers where pictures were put, so that each is put there once in a run, however many jobs ask for it at once. What it
/// forgets is only put there again.
#[derive(Debug, Default)]
pub struct PutOnce {
    places: Mutex<HashMap<Linkable, Arc<OnceCell<String>>>>,
}

/// This many pictures are remembered, some hundred bytes each.
const MOST_REMEMBERED: usize = 16_384;

impl PutOnce {
    /// Where a picture lies, put there by `put` if nobody has; and whether it was put there just now.
    ///
    /// # Errors
    /// Those of `put`, which the next one who asks makes again.
    pub async fn place_of(
        &self,
        picture: &Linkable,
        put: impl Future<Output = Result<String, LinkError>> + Send,
    ) -> Result<(String, bool), LinkError> {
        let cell = self.cell(picture);
        let was_there = cell.initialized();
        cell.get_or_try_init(|| put).await.map(|place| (place.clone(), !was_there))
    }

    fn cell(&self, picture: &Linkable) -> Arc<OnceCell<String>> {
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        if places.len() >= MOST_REMEMBERED && !places.contains_key(picture) {
            places.clear();
        }
        Arc::clone(places.entry(picture.clone()).or_default())
    }
}

/// Makes links to local pictures.
///
/// A picture is put there once, however many jobs share it and however often it is asked for. What passes quickly (a 503, a
/// connection that breaks off) is tried again inside, for half a minute at most.
pub trait PictureLinks: Debug + Send + Sync {
    /// A link that lives for at least `life` from now; asked for again with every request that carries the picture, so that
    /// a signature is fresh.
    fn link<'a>(&'a self, picture: &'a Linkable, life: Duration) -> BoxFuture<'a, Result<Link, LinkError>>;

    /// Whether pictures are sent as links to every model, or only to those that take nothing else.
    fn is_for_every_model(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    fn linkable(path: &Path) -> Linkable {
        let file = InputFile::new(path);
        let bytes = std::fs::metadata(path).expect("a file").len();
        Linkable { version: file.version(), file, bytes, media_type: "image/png" }
    }

    #[tokio::test]
    async fn a_picture_is_put_there_once_however_many_ask_and_again_after_a_failure() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a.png");
        std::fs::write(&path, b"abc").expect("written");
        let (places, puts, picture) = (PutOnce::default(), AtomicU32::new(0), linkable(&path));
        let refused = places.place_of(&picture, async { Err(LinkError::Passing("later".to_owned())) }).await;
        assert_eq!(refused, Err(LinkError::Passing("later".to_owned())));
        let put = || async {
            puts.fetch_add(1, Ordering::Relaxed);
            tokio::task::yield_now().await;
            Ok("there".to_owned())
        };
        let asked = futures_util::future::join_all((0..9).map(|_| places.place_of(&picture, put()))).await;
        assert!(asked.iter().all(|place| place.as_ref().is_ok_and(|(place, _)| place == "there")));
        assert_eq!(puts.load(Ordering::Relaxed), 1);
        assert_eq!(places.place_of(&picture, put()).await, Ok(("there".to_owned(), false)));
    }

    #[test]
    fn a_file_that_is_not_what_it_was_is_not_put_anywhere() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a.png");
        std::fs::write(&path, b"abc").expect("written");
        let picture = linkable(&path);
        let (bytes, sha256) = picture.read().expect("read");
        assert_eq!(bytes, b"abc");
        assert_eq!(sha256, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        for changed in [&b"ab"[..], b"abcd"] {
            std::fs::write(&path, changed).expect("written");
            assert!(matches!(picture.read(), Err(LinkError::Picture(_))));
        }
    }
}
