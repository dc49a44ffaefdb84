//! One image on its way into a bucket.
//!
//! It is put where nothing is, or where an object is that the same job has put. Whatever the answer was (also none: the
//! request may have arrived), the object is looked at afterwards: what has the image's length and checksum is the image.

use std::io::{Read, Seek, SeekFrom};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::TryStreamExt;
use md5::Md5;
use object_store::{Attribute, Attributes, ObjectStoreExt, PutMode, PutOptions, PutPayload, UpdateVersion};
use sha2::{Digest, Sha256};

use super::super::{OutputError, Staged};
use super::error::{Meaning, meaning, told};
use super::{Bucket, Found, OWNER, SHA256, hexadecimal};

/// How often an image is put and looked at before the bucket counts as away. Each time the client has retried by itself.
const ROUNDS: u32 = 4;

/// Between two rounds, times the number of those before.
const PAUSE: Duration = Duration::from_millis(250);

/// A payload is read in pieces of this size.
const PIECE: usize = 256 << 10;

/// What an image is known by.
#[derive(Debug, Clone)]
pub(in crate::store) struct Content {
    pub(in crate::store) bytes: u64,
    /// In hexadecimal.
    pub(in crate::store) sha256: String,
}

/// An image that was verified, to be put under its name.
#[derive(Debug)]
pub(in crate::store) struct Parcel {
    pub(in crate::store) bucket: Arc<Bucket>,
    pub(in crate::store) name: String,
    pub(in crate::store) staged: Staged,
    pub(in crate::store) content: Content,
    /// Which job of which queue it belongs to.
    pub(in crate::store) owner: String,
}

/// What is under the name.
enum Standing {
    Nothing,
    /// This very image.
    Same,
    /// Another one that the same job has put.
    Ours(UpdateVersion),
    /// Somebody else's.
    Foreign,
}

impl Parcel {
    /// Puts the image. When this returns, it is whole under its name. It may be called again after
    /// [`OutputError::Away`].
    ///
    /// # Errors
    /// Something of somebody else's is under the name; the bucket refuses or is away; the local file cannot be read.
    pub(in crate::store) async fn send(&self) -> Result<(), OutputError> {
        let mut mode = if self.bucket.has_conditions { PutMode::Create } else { self.mode_by_a_look().await? };
        let mut why = String::new();
        for round in 1..=ROUNDS {
            match self.put(mode).await? {
                Ok(_) => {}
                Err(error) => match meaning(&error) {
                    Meaning::Condition => why = "another object came between".to_owned(),
                    Meaning::Refused | Meaning::NoConditions => return Err(self.bucket.failed(&self.name, &error)),
                    Meaning::Away | Meaning::Missing => why = told(&error),
                },
            }
            match self.standing().await? {
                Standing::Same => return Ok(()),
                standing => mode = self.mode_over(standing)?,
            }
            tokio::time::sleep(PAUSE * round).await;
        }
        let why = if why.is_empty() { "what was put does not arrive whole".to_owned() } else { why };
        Err(OutputError::Away { place: self.place(), why })
    }

    fn place(&self) -> String {
        self.bucket.place_of(&self.name)
    }

    async fn mode_by_a_look(&self) -> Result<PutMode, OutputError> {
        let standing = self.standing().await?;
        self.mode_over(standing)
    }

    /// How the image may be put over what is there.
    fn mode_over(&self, standing: Standing) -> Result<PutMode, OutputError> {
        match standing {
            Standing::Foreign => {
                let why = "it was not put there by this job; move it away, then retry the job: its image is fetched \
                           again, not paid for again";
                Err(OutputError::InTheWay { path: self.place().into(), why: why.to_owned() })
            }
            // Where conditions are not known, the look was all there is.
            _ if !self.bucket.has_conditions => Ok(PutMode::Overwrite),
            Standing::Ours(version) => Ok(PutMode::Update(version)),
            Standing::Nothing | Standing::Same => Ok(PutMode::Create),
        }
    }

    /// One request. The memory for its body is waited for.
    async fn put(&self, mode: PutMode) -> Result<object_store::Result<object_store::PutResult>, OutputError> {
        let path = self.bucket.path_of(&self.name)?;
        let kib = u32::try_from(self.content.bytes / 1024 + 1).unwrap_or(u32::MAX).min(super::PAYLOADS_KIB);
        // Closed never: the bucket lives as long as its parcels.
        let _memory = self.bucket.payloads.acquire_many(kib).await;
        let options = PutOptions { mode, attributes: self.attributes(), ..PutOptions::default() };
        let payload = self.payload().await?;
        Ok(self.bucket.client.store.put_opts(&path, payload, options).await)
    }

    async fn payload(&self) -> Result<PutPayload, OutputError> {
        let file = self.staged.another_handle()?;
        let pieces = tokio::task::spawn_blocking(move || pieces_of(file)).await;
        let pieces = pieces.unwrap_or_else(|error| Err(std::io::Error::other(error)));
        Ok(PutPayload::from_iter(pieces.map_err(|source| self.staged.failed(source))?))
    }

    fn attributes(&self) -> Attributes {
        let kind = match self.name.rsplit_once('.').map_or("", |(_, extension)| extension) {
            "jpg" => "image/jpeg",
            "png" => "image/png",
            "webp" => "image/webp",
            "gif" => "image/gif",
            "bmp" => "image/bmp",
            "tiff" | "tif" => "image/tiff",
            "avif" => "image/avif",
            _ => "application/octet-stream",
        };
        Attributes::from_iter([
            (Attribute::ContentType, kind.to_owned()),
            (Attribute::Metadata(OWNER.into()), self.owner.clone()),
            (Attribute::Metadata(SHA256.into()), self.content.sha256.clone()),
        ])
    }

    async fn standing(&self) -> Result<Standing, OutputError> {
        let Some(found) = self.bucket.look(&self.name).await? else { return Ok(Standing::Nothing) };
        if found.meta.size == self.content.bytes && self.is_this_image(&found).await? {
            return Ok(Standing::Same);
        }
        if found.owner.as_deref() != Some(self.owner.as_str()) {
            return Ok(Standing::Foreign);
        }
        Ok(Standing::Ours(UpdateVersion { e_tag: found.meta.e_tag, version: found.meta.version }))
    }

    /// Whether an object of the right length is this image: by the MD5 that most keepers give as its tag, and otherwise by
    /// reading it.
    async fn is_this_image(&self, found: &Found) -> Result<bool, OutputError> {
        let tag = found.meta.e_tag.as_deref().unwrap_or_default().trim_matches('"');
        if tag.eq_ignore_ascii_case(&self.md5().await?) {
            return Ok(true);
        }
        let failed = |error| self.bucket.failed(&self.name, &error);
        let mut pieces = match self.bucket.client.store.get(&self.bucket.path_of(&self.name)?).await {
            Ok(object) => object.into_stream(),
            Err(error) if meaning(&error) == Meaning::Missing => return Ok(false),
            Err(error) => return Err(failed(error)),
        };
        let mut hash = Sha256::new();
        while let Some(piece) = pieces.try_next().await.map_err(failed)? {
            hash.update(&piece);
        }
        Ok(hexadecimal(&hash.finalize()) == self.content.sha256)
    }

    async fn md5(&self) -> Result<String, OutputError> {
        let file = self.staged.another_handle()?;
        let digest = tokio::task::spawn_blocking(move || md5_of(file)).await;
        let digest = digest.unwrap_or_else(|error| Err(std::io::Error::other(error)));
        digest.map_err(|source| self.staged.failed(source))
    }
}

fn pieces_of(mut file: std::fs::File) -> std::io::Result<Vec<Bytes>> {
    let mut pieces = Vec::new();
    file.seek(SeekFrom::Start(0))?;
    loop {
        let mut piece = Vec::with_capacity(PIECE);
        match (&mut file).take(PIECE as u64).read_to_end(&mut piece)? {
            0 => return Ok(pieces),
            _ => pieces.push(Bytes::from(piece)),
        }
    }
}

fn md5_of(mut file: std::fs::File) -> std::io::Result<String> {
    let mut hash = Md5::new();
    let mut piece = vec![0; PIECE];
    file.seek(SeekFrom::Start(0))?;
    loop {
        match file.read(&mut piece)? {
            0 => return Ok(hexadecimal(&hash.finalize())),
            read => hash.update(&piece[..read]),
        }
    }
}
