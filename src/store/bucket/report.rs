//! Files of the program's own, such as the report: they replace what was there, in one step, whatever their size.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::time::Duration;

use bytes::Bytes;
use object_store::{Attribute, Attributes, MultipartUpload, PutMultipartOptions, PutOptions, PutPayload};

use super::error::told;
use super::{Bucket, OutputError};

/// Up to this size a file goes in one request; a larger one goes in parts of this size, one after the other.
const PART: usize = 8 << 20;

/// How often a file is put; each time the client has retried by itself.
const ROUNDS: u32 = 5;

const PAUSE: Duration = Duration::from_millis(500);

impl Bucket {
    /// Puts a local file under a name, in place of what is there. The object is whole or, if this fails, as it was.
    ///
    /// # Errors
    /// The bucket refuses or is away; the file cannot be read.
    pub async fn put_file(&self, name: &str, kind: &'static str, file: &File) -> Result<(), OutputError> {
        let unreadable = |source| OutputError::Machine { path: name.into(), source };
        let length = file.metadata().map_err(unreadable)?.len();
        let mut round = 1;
        loop {
            let mut again = file.try_clone().map_err(unreadable)?;
            again.seek(SeekFrom::Start(0)).map_err(unreadable)?;
            match self.put_once(name, kind, again, length).await {
                Err(OutputError::Away { .. }) if round < ROUNDS => tokio::time::sleep(PAUSE * round).await,
                put => return put,
            }
            round += 1;
        }
    }

    async fn put_once(&self, name: &str, kind: &'static str, file: File, length: u64) -> Result<(), OutputError> {
        let path = self.path_of(name)?;
        let attributes = Attributes::from_iter([(Attribute::ContentType, kind)]);
        let failed = |error| self.failed(name, &error);
        let (file, first) = part_of(name, file).await?;
        if first.len() < PART {
            let options = PutOptions { attributes, ..PutOptions::default() };
            self.client.store.put_opts(&path, first.into(), options).await.map_err(failed)?;
        } else {
            let options = PutMultipartOptions { attributes, ..PutMultipartOptions::default() };
            let mut upload = self.client.store.put_multipart_opts(&path, options).await.map_err(failed)?;
            if let Err(error) = self.send_parts(name, upload.as_mut(), file, first).await {
                if let Err(error) = upload.abort().await {
                    tracing::debug!(why = told(&error), "the parts of an unfinished upload stay");
                }
                return Err(error);
            }
        }
        match self.look(name).await? {
            Some(found) if found.meta.size == length => Ok(()),
            _ => Err(OutputError::Away {
                place: self.place_of(name),
                why: "what was put does not arrive whole".to_owned(),
            }),
        }
    }

    async fn send_parts(
        &self,
        name: &str,
        upload: &mut dyn MultipartUpload,
        mut file: File,
        mut part: Bytes,
    ) -> Result<(), OutputError> {
        while !part.is_empty() {
            let sending = upload.put_part(PutPayload::from(part));
            sending.await.map_err(|error| self.failed(name, &error))?;
            (file, part) = part_of(name, file).await?;
        }
        upload.complete().await.map(drop).map_err(|error| self.failed(name, &error))
    }
}

/// The next part of a file.
async fn part_of(name: &str, mut file: File) -> Result<(File, Bytes), OutputError> {
    let read = tokio::task::spawn_blocking(move || {
        let mut part = Vec::new();
        (&mut file).take(PART as u64).read_to_end(&mut part).map(|_| (file, Bytes::from(part)))
    });
    let read = read.await.unwrap_or_else(|error| Err(std::io::Error::other(error)));
    read.map_err(|source| OutputError::Machine { path: name.into(), source })
}
