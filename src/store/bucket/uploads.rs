//! Pictures for the provider to fetch (`--upload-to`): each is put once under its SHA-256, however many jobs share it, and
//! linked to by a signed URL, signed again for each request. Such a URL is shown to nobody and kept nowhere.

use std::collections::{HashMap, HashSet};
use std::io::Read;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use futures_util::TryStreamExt;
use futures_util::future::BoxFuture;
use object_store::path::Path;
use object_store::signer::Method;
use object_store::{Attribute, Attributes, ObjectStoreExt, PutOptions, PutPayload};
use sha2::{Digest, Sha256};
use tokio::sync::OnceCell;

use super::{Bucket, OutputError, hexadecimal};
use crate::picture::Source;
use crate::store::{InputFile, Link, LinkError, Linkable, PictureLinks};

/// No keeper signs for longer.
const LONGEST_LIFE: Duration = Duration::from_secs(7 * 24 * 3_600);

/// How many pictures are remembered as put, some 300 bytes each. When there are more, all are forgotten, and looked for in
/// the bucket again.
const MOST_REMEMBERED: usize = 100_000;

/// How often a picture is put; each time the client has retried by itself.
const ROUNDS: u32 = 3;

const PAUSE: Duration = Duration::from_millis(250);

/// See the module's page.
#[derive(Debug)]
pub struct Uploads {
    bucket: Bucket,
    /// What is put already, and under which name; whoever needs a picture that is being put waits.
    put: Mutex<HashMap<Linkable, Arc<OnceCell<String>>>>,
}

/// What pruning did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Pruned {
    pub removed: u64,
    /// Needed, or too young.
    pub kept: u64,
}

impl Uploads {
    /// Into this bucket.
    #[must_use]
    pub fn into_bucket(bucket: Bucket) -> Self {
        Self { bucket, put: Mutex::default() }
    }

    async fn link_to(&self, picture: &Linkable, life: Duration) -> Result<Link, LinkError> {
        let cell = {
            let mut put = self.put.lock().unwrap_or_else(PoisonError::into_inner);
            if put.len() >= MOST_REMEMBERED && !put.contains_key(picture) {
                put.clear();
            }
            Arc::clone(put.entry(picture.clone()).or_default())
        };
        let took_time = !cell.initialized();
        let name = cell.get_or_try_init(|| self.put_once(picture)).await?;
        let path = self.bucket.path_of(name).map_err(|error| link_error(&error))?;
        let signed = self.bucket.client.signer.signed_url(Method::GET, &path, life.min(LONGEST_LIFE)).await;
        let url = signed.map_err(|error| link_error(&self.bucket.failed(name, &error)))?;
        Ok(Link { url: url.into(), took_time })
    }

    /// Puts a picture unless it is there; the name that it has.
    async fn put_once(&self, picture: &Linkable) -> Result<String, LinkError> {
        let (content, sha256) = read(picture).await.map_err(LinkError::Picture)?;
        let content = PutPayload::from(content);
        let name = format!("{sha256}.{}", extension(picture.media_type));
        let length = content.content_length() as u64;
        let mut last = None;
        for round in 1..=ROUNDS {
            match self.look_or_put(&name, picture.media_type, &content, length).await {
                Ok(true) => return Ok(name),
                Ok(false) => {}
                Err(error @ OutputError::Away { .. }) => last = Some(error),
                Err(error) => return Err(link_error(&error)),
            }
            tokio::time::sleep(PAUSE * round).await;
        }
        let why = last.map_or_else(|| "what was put does not arrive whole".to_owned(), |error| error.to_string());
        Err(LinkError::Passing(why))
    }

    /// Whether it is there, whole, after a put at most. What has its name has its content, so nothing is lost by a put
    /// over it.
    async fn look_or_put(
        &self,
        name: &str,
        media_type: &'static str,
        content: &PutPayload,
        length: u64,
    ) -> Result<bool, OutputError> {
        let is_there = async || Ok(self.bucket.look(name).await?.is_some_and(|found| found.meta.size == length));
        if is_there().await? {
            return Ok(true);
        }
        let attributes = Attributes::from_iter([(Attribute::ContentType, media_type)]);
        let options = PutOptions { attributes, ..PutOptions::default() };
        let kib = u32::try_from(length / 1024 + 1).unwrap_or(u32::MAX).min(super::PAYLOADS_KIB);
        // Never closed.
        let _memory = self.bucket.payloads.acquire_many(kib).await;
        let path = self.bucket.path_of(name)?;
        let put = self.bucket.client.store.put_opts(&path, content.clone(), options).await;
        put.map_err(|error| self.bucket.failed(name, &error))?;
        is_there().await
    }

    /// Removes what was uploaded, is older than `age`, and is none of `needed` (by SHA-256). Whatever else is in the
    /// bucket is left alone.
    ///
    /// # Errors
    /// The bucket refuses or is away.
    pub async fn prune(&self, needed: &HashSet<String>, age: Duration) -> Result<Pruned, OutputError> {
        let prefix = Some(self.bucket.base.key()).filter(|key| !key.is_empty()).and_then(|key| Path::parse(key).ok());
        let failed = |error| self.bucket.failed("", &error);
        let mut pruned = Pruned::default();
        let mut listed = self.bucket.client.store.list(prefix.as_ref());
        while let Some(found) = listed.try_next().await.map_err(failed)? {
            let name = found.location.filename().unwrap_or_default();
            let is_directly_below = self.bucket.path_of(name).is_ok_and(|path| path == found.location);
            let Some(sha256) = sha256_in(name).filter(|_| is_directly_below) else { continue };
            let is_old = SystemTime::from(found.last_modified).elapsed().is_ok_and(|elapsed| elapsed >= age);
            if needed.contains(sha256) || !is_old {
                pruned.kept += 1;
            } else {
                self.bucket.client.store.delete(&found.location).await.map_err(failed)?;
                pruned.removed += 1;
            }
        }
        Ok(pruned)
    }
}

impl PictureLinks for Uploads {
    fn link<'a>(&'a self, picture: &'a Linkable, life: Duration) -> BoxFuture<'a, Result<Link, LinkError>> {
        Box::pin(self.link_to(picture, life))
    }
}

/// The SHA-256 of a local picture, under which it is uploaded.
///
/// # Errors
/// Those of the system.
pub fn sha256_of(file: &InputFile) -> std::io::Result<String> {
    let (mut open, _) = file.open().map_err(std::io::Error::other)?;
    let mut hash = Sha256::new();
    let mut piece = vec![0; 256 << 10];
    loop {
        match open.read(&mut piece)? {
            0 => return Ok(hexadecimal(&hash.finalize())),
            read => hash.update(&piece[..read]),
        }
    }
}

/// A picture's bytes and their SHA-256. One that is not as long any more as when it was looked at is its job's trouble.
async fn read(picture: &Linkable) -> Result<(Vec<u8>, String), String> {
    let (file, bytes) = (picture.file.clone(), picture.bytes);
    let read = move || {
        let mut content = Vec::new();
        let opened = file.open_file().and_then(|open| open.take(bytes + 1).read_to_end(&mut content));
        opened.map_err(|error| format!("cannot read {file}: {error}"))?;
        if content.len() as u64 != bytes {
            return Err(format!("{file} has changed since it was looked at"));
        }
        let sha256 = hexadecimal(&Sha256::digest(&content));
        Ok((content, sha256))
    };
    crate::ambient::blocking(read).await.unwrap_or_else(|error| Err(error.to_string()))
}

fn link_error(error: &OutputError) -> LinkError {
    match error {
        OutputError::Away { .. } => LinkError::Passing(error.to_string()),
        _ => LinkError::Refused(error.to_string()),
    }
}

fn extension(media_type: &str) -> &'static str {
    match media_type {
        "image/jpeg" => "jpg",
        "image/png" => "png",
        "image/webp" => "webp",
        _ => "bin",
    }
}

/// The checksum in an upload's name; `None` in any other.
fn sha256_in(name: &str) -> Option<&str> {
    let (stem, extension) = name.split_once('.')?;
    let is_sha256 = stem.len() == 64 && stem.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    (is_sha256 && matches!(extension, "jpg" | "png" | "webp" | "bin")).then_some(stem)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_uploads_are_taken_for_uploads() {
        let sha256 = "a".repeat(64);
        assert_eq!(sha256_in(&format!("{sha256}.jpg")), Some(sha256.as_str()));
        for name in [sha256.clone(), format!("{sha256}.html"), format!("{sha256}.jpg.bak"), "ana.jpg".to_owned()] {
            assert_eq!(sha256_in(&name), None, "{name}");
        }
    }
}
