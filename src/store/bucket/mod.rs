//! Buckets: objects that are whole or absent, looked at and put with conditions, so that nothing of anybody else's is
//! overwritten. What may pass is retried here for half a minute; what lasts is [`OutputError::Away`], and its caller waits.

mod aws_files;
mod error;
mod open;
mod probe;
mod put;
mod report;
mod uploads;

use std::collections::HashSet;
use std::ffi::OsString;
use std::fs::File;
use std::io::Write;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use object_store::path::Path;
use object_store::{Attribute, GetOptions, GetRange, GetResult, ObjectMeta, ObjectStoreExt};
use tokio::sync::Semaphore;

use crate::job::ObjectUrl;

pub(super) use self::error::{Meaning, meaning, told};
use self::open::Client;
use super::OutputError;

pub(super) use self::put::{Content, Parcel};
pub use self::uploads::{Pruned, Uploads, sha256_of};

/// How many bytes of images that are being put are held in memory, in KiB: one of the largest results and a little more.
pub(super) const PAYLOADS_KIB: u32 = 64 << 10;

/// Objects that are looked at together.
const LOOKS_AT_ONCE: usize = 16;

/// Names in metadata: letters alone, which all keepers take.
pub(super) const OWNER: &str = "tryonowner";
pub(super) const SHA256: &str = "tryonsha256";

/// A bucket, and the prefix in it below which everything is.
#[derive(Debug, Clone)]
pub struct Bucket {
    pub(super) client: Client,
    base: ObjectUrl,
    /// Whether it takes an object only where none is, and answers honestly.
    pub(super) has_conditions: bool,
    pub(super) payloads: Arc<Semaphore>,
}

impl Bucket {
    /// The bucket, with the credentials of the environment. Nobody is asked yet.
    ///
    /// # Errors
    /// [`OutputError::Refused`]: something that the client needs is missing or wrong.
    pub fn of(base: ObjectUrl) -> Result<Self, OutputError> {
        // What is no text is none of the keepers'.
        let texts = |(name, value): (OsString, OsString)| name.into_string().ok().zip(value.into_string().ok());
        Self::with(base, std::env::vars_os().filter_map(texts))
    }

    /// The bucket, with these variables in place of the environment's (those of S3).
    ///
    /// # Errors
    /// As [`Self::of`].
    pub fn with(base: ObjectUrl, variables: impl Iterator<Item = (String, String)>) -> Result<Self, OutputError> {
        let client = open::open(&base, variables)
            .map_err(|error| OutputError::Refused { place: base.to_string(), why: told(&error) })?;
        Ok(Self { client, base, has_conditions: true, payloads: Arc::new(Semaphore::new(PAYLOADS_KIB as usize)) })
    }

    /// The bucket and the prefix.
    #[must_use]
    pub fn url(&self) -> &ObjectUrl {
        &self.base
    }

    /// Where a name below the prefix is, for a message.
    pub(super) fn place_of(&self, name: &str) -> String {
        self.base.join(name).to_string()
    }

    pub(super) fn path_of(&self, name: &str) -> Result<Path, OutputError> {
        let url = self.base.join(name);
        Path::parse(url.key()).map_err(|error| OutputError::Refused { place: url.to_string(), why: error.to_string() })
    }

    /// What is under a name, without its content; `None` where nothing is.
    pub(super) async fn look(&self, name: &str) -> Result<Option<Found>, OutputError> {
        let options = GetOptions { head: true, ..GetOptions::default() };
        match self.client.store.get_opts(&self.path_of(name)?, options).await {
            Ok(found) => Ok(Some(Found::of(found))),
            Err(error) if meaning(&error) == Meaning::Missing => Ok(None),
            Err(error) => Err(self.failed(name, &error)),
        }
    }

    /// Those of the names under which there certainly is nothing.
    pub(super) async fn gone(&self, names: HashSet<String>) -> Result<HashSet<String>, OutputError> {
        let looks = stream::iter(names).map(|name| async move {
            let is_there = self.look(&name).await?.is_some();
            Ok::<_, OutputError>((name, is_there))
        });
        let looked = looks.buffer_unordered(LOOKS_AT_ONCE);
        looked.try_filter_map(async |(name, is_there)| Ok((!is_there).then_some(name))).try_collect().await
    }

    /// Removes an image that this owner has put. What cannot be removed stays: it is in nobody's way.
    pub(super) async fn remove(&self, name: &str, owner: &str) {
        let is_ours =
            self.look(name).await.is_ok_and(|found| found.is_some_and(|found| found.owner.as_deref() == Some(owner)));
        if let Some(path) = self.path_of(name).ok().filter(|_| is_ours) {
            let _ = self.client.store.delete(&path).await;
        }
    }

    /// A piece of an object and the length of the whole; `None` where there is none.
    pub(super) async fn piece(&self, name: &str, start: u64, most: u64) -> Result<Option<(Bytes, u64)>, OutputError> {
        let range = Some(GetRange::Bounded(start..start + most));
        let options = GetOptions { range, ..GetOptions::default() };
        let read = async {
            let found = self.client.store.get_opts(&self.path_of(name)?, options).await;
            Ok::<_, OutputError>(match found {
                Ok(found) => {
                    let length = found.meta.size;
                    found.bytes().await.map(|piece| (piece, length))
                }
                Err(error) => Err(error),
            })
        };
        self.found(name, read.await?)
    }

    /// Copies an object that has at most `largest` bytes to a local file. Its version, or `None` where there is none.
    pub(super) async fn copy_whole(
        &self,
        name: &str,
        largest: u64,
        to: &mut File,
    ) -> Result<Option<Option<String>>, OutputError> {
        let path = self.path_of(name)?;
        let Some(found) = self.found(name, self.client.store.get(&path).await)? else { return Ok(None) };
        if found.meta.size > largest {
            let source = std::io::Error::other(format!("it has {} bytes, more than a picture may", found.meta.size));
            return Err(OutputError::Machine { path: self.place_of(name).into(), source });
        }
        let (length, tag) = (found.meta.size, found.meta.e_tag.clone());
        let mut pieces = found.into_stream();
        let mut copied = 0;
        while let Some(piece) = pieces.try_next().await.map_err(|error| self.failed(name, &error))? {
            copied += piece.len() as u64;
            to.write_all(&piece).map_err(|source| OutputError::Machine { path: name.into(), source })?;
        }
        if copied == length {
            return Ok(Some(tag));
        }
        Err(OutputError::Away { place: self.place_of(name), why: "it does not arrive whole".to_owned() })
    }

    /// What was found; `None` where nothing is.
    fn found<T>(&self, name: &str, result: object_store::Result<T>) -> Result<Option<T>, OutputError> {
        match result {
            Ok(found) => Ok(Some(found)),
            Err(error) if meaning(&error) == Meaning::Missing => Ok(None),
            Err(error) => Err(self.failed(name, &error)),
        }
    }

    /// An error of the bucket about a name, as what it means for a run.
    pub(super) fn failed(&self, name: &str, error: &object_store::Error) -> OutputError {
        let (place, why) = (self.place_of(name), told(error));
        match meaning(error) {
            Meaning::Refused | Meaning::NoConditions => OutputError::Refused { place, why },
            Meaning::Missing | Meaning::Condition | Meaning::Away => OutputError::Away { place, why },
        }
    }
}

fn hexadecimal(digest: &[u8]) -> String {
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What is under a name.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) meta: ObjectMeta,
    /// Who has put it, where it says so.
    pub(super) owner: Option<String>,
    /// The checksum that it was put with, where it says so.
    pub(super) sha256: Option<String>,
}

impl Found {
    fn of(found: GetResult) -> Self {
        let said = |name: &'static str| {
            found.attributes.get(&Attribute::Metadata(name.into())).map(|value| value.as_ref().to_owned())
        };
        let (owner, sha256) = (said(OWNER), said(SHA256));
        Self { meta: found.meta, owner, sha256 }
    }
}
