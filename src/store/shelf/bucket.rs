//! A shelf in a bucket. What is put there carries its owner's mark; a put has the condition that nothing is there, or
//! what carries the mark.

use std::collections::{HashMap, HashSet};
use std::io::Write;
use std::time::Duration;

use bytes::Bytes;
use futures_util::TryStreamExt;
use object_store::path::Path;
use object_store::{Attribute, Attributes, ObjectStoreExt, PutMode, PutOptions, UpdateVersion};

use super::{OutputError, ShelfFile};
use crate::job::ObjectUrl;
use crate::store::bucket::{Bucket, Found, Meaning, OWNER, PAYLOADS_KIB, SHA256, meaning, told};

/// How often a file is put before the bucket counts as away; each time the client has retried by itself.
const ROUNDS: u32 = 4;

const PAUSE: Duration = Duration::from_millis(250);

/// See the module's page.
#[derive(Debug)]
pub(super) struct ShelfBucket {
    bucket: Bucket,
    owner: String,
}

impl ShelfBucket {
    /// The bucket, after it has taken an object and given it back.
    pub(super) async fn open(url: ObjectUrl, owner: &str) -> Result<Self, OutputError> {
        let mut bucket = Bucket::of(url)?;
        bucket.probe(owner).await?;
        Ok(Self { bucket, owner: mark_of(owner) })
    }

    pub(super) fn look(url: ObjectUrl, owner: &str) -> Result<Self, OutputError> {
        Ok(Self { bucket: Bucket::of(url)?, owner: mark_of(owner) })
    }

    pub(super) fn url(&self) -> ObjectUrl {
        self.bucket.url().clone()
    }

    pub(super) fn place_of(&self, name: &str) -> String {
        self.bucket.place_of(name)
    }

    pub(super) async fn read(&self, name: &str) -> Result<Option<Vec<u8>>, OutputError> {
        match self.bucket.client.store.get(&self.bucket.path_of(name)?).await {
            Ok(found) => Ok(Some(found.bytes().await.map_err(|error| self.bucket.failed(name, &error))?.to_vec())),
            Err(error) if meaning(&error) == Meaning::Missing => Ok(None),
            Err(error) => Err(self.bucket.failed(name, &error)),
        }
    }

    /// By one listing of the prefix.
    pub(super) async fn lengths(&self, names: &HashSet<String>) -> Result<HashMap<String, u64>, OutputError> {
        let mut names_of: HashMap<Path, &String> = HashMap::new();
        for name in names {
            names_of.insert(self.bucket.path_of(name)?, name);
        }
        let prefix = Some(self.bucket.url().key()).filter(|key| !key.is_empty()).and_then(|key| Path::parse(key).ok());
        let mut listed = self.bucket.client.store.list(prefix.as_ref());
        let mut lengths = HashMap::new();
        while let Some(found) = listed.try_next().await.map_err(|error| self.bucket.failed("", &error))? {
            if let Some(name) = names_of.get(&found.location) {
                lengths.insert((*name).clone(), found.size);
            }
        }
        Ok(lengths)
    }

    pub(super) async fn is_ours(&self, name: &str) -> Result<bool, OutputError> {
        Ok(self.bucket.look(name).await?.is_none_or(|found| self.is_marked(&found)))
    }

    fn is_marked(&self, found: &Found) -> bool {
        found.owner.as_deref() == Some(self.owner.as_str())
    }

    /// Puts a file. When this returns, it is whole under its name.
    pub(super) async fn put(&self, file: ShelfFile) -> Result<(), OutputError> {
        let content = Bytes::from(file.bytes);
        let (mut why, mut must_look) = (String::new(), file.replaces || !self.bucket.has_conditions);
        for round in 1..=ROUNDS {
            let mode = if must_look {
                match self.bucket.look(&file.name).await? {
                    None if self.bucket.has_conditions => PutMode::Create,
                    None => PutMode::Overwrite,
                    Some(found) if !self.is_marked(&found) => return Err(self.in_the_way(&file.name)),
                    Some(found) if found.sha256.as_deref() == Some(file.sha256.as_str()) => return Ok(()),
                    Some(_) if !self.bucket.has_conditions => PutMode::Overwrite,
                    Some(found) => {
                        PutMode::Update(UpdateVersion { e_tag: found.meta.e_tag, version: found.meta.version })
                    }
                }
            } else {
                PutMode::Create
            };
            match self.put_once(&file.name, &content, &file.sha256, file.media_type, mode).await? {
                Ok(()) => return Ok(()),
                Err(error) => match meaning(&error) {
                    Meaning::Refused | Meaning::NoConditions => return Err(self.bucket.failed(&file.name, &error)),
                    Meaning::Condition => why = "another object came between".to_owned(),
                    Meaning::Away | Meaning::Missing => why = told(&error),
                },
            }
            must_look = true;
            tokio::time::sleep(PAUSE * round).await;
        }
        Err(OutputError::Away { place: self.place_of(&file.name), why })
    }

    async fn put_once(
        &self,
        name: &str,
        content: &Bytes,
        sha256: &str,
        media_type: &'static str,
        mode: PutMode,
    ) -> Result<object_store::Result<()>, OutputError> {
        let attributes = Attributes::from_iter([
            (Attribute::ContentType, media_type.to_owned()),
            (Attribute::Metadata(OWNER.into()), self.owner.clone()),
            (Attribute::Metadata(SHA256.into()), sha256.to_owned()),
        ]);
        let options = PutOptions { mode, attributes, ..PutOptions::default() };
        let kib = u32::try_from(content.len() / 1024 + 1).unwrap_or(u32::MAX).min(PAYLOADS_KIB);
        // Never closed.
        let _memory = self.bucket.payloads.acquire_many(kib).await;
        let put = self.bucket.client.store.put_opts(&self.bucket.path_of(name)?, content.clone().into(), options).await;
        Ok(put.map(drop))
    }

    fn in_the_way(&self, name: &str) -> OutputError {
        let why = "it was not put there by this queue; move it away".to_owned();
        OutputError::InTheWay { path: self.place_of(name).into(), why }
    }

    /// Replaces a file of the program's own.
    pub(super) async fn replace(&self, name: &str, content: Vec<u8>) -> Result<(), OutputError> {
        let failed = |source| OutputError::Machine { path: name.into(), source };
        let mut file = tempfile::tempfile().map_err(failed)?;
        file.write_all(&content).map_err(failed)?;
        self.bucket.put_file(name, "application/x-ndjson", &file).await
    }

    pub(super) async fn remove(&self, name: &str) -> Result<(), OutputError> {
        match self.bucket.look(name).await? {
            Some(found) if self.is_marked(&found) => {
                let removed = self.bucket.client.store.delete(&self.bucket.path_of(name)?).await;
                removed.map_err(|error| self.bucket.failed(name, &error))
            }
            Some(_) => Err(self.in_the_way(name)),
            None => Ok(()),
        }
    }
}

/// What objects are marked with: not what the queue's own results are marked with.
fn mark_of(owner: &str) -> String {
    format!("{owner}/published")
}
