//! Files of the program's own, such as the report: they replace what was there, in one step, whatever their size.

use std::io::Read;

use bytes::Bytes;
use object_store::{Attribute, Attributes, MultipartUpload, PutMultipartOptions, PutOptions, PutPayload};

use super::error::told;
use super::{Bucket, OutputError};

/// Up to this size a file goes in one request; a larger one goes in parts of this size, one after the other.
const PART: usize = 8 << 20;

impl Bucket {
    /// Puts a local file under a name, in place of what is there. The object is whole or, if this fails, as it was.
    ///
    /// # Errors
    /// The bucket refuses or is away; the file cannot be read.
    pub async fn put_file(&self, name: &str, kind: &'static str, file: std::fs::File) -> Result<(), OutputError> {
        let path = self.path_of(name)?;
        let attributes = Attributes::from_iter([(Attribute::ContentType, kind)]);
        let failed = |error| self.failed(name, &error);
        let (file, first) = part_of(name, file).await?;
        if first.len() < PART {
            let options = PutOptions { attributes, ..PutOptions::default() };
            self.client.store.put_opts(&path, first.into(), options).await.map_err(failed)?;
            return Ok(());
        }
        let options = PutMultipartOptions { attributes, ..PutMultipartOptions::default() };
        let mut upload = self.client.store.put_multipart_opts(&path, options).await.map_err(failed)?;
        let sent = self.send_parts(name, upload.as_mut(), file, first).await;
        if sent.is_err()
            && let Err(error) = upload.abort().await
        {
            tracing::debug!(why = told(&error), "the parts of an unfinished upload stay");
        }
        sent
    }

    async fn send_parts(
        &self,
        name: &str,
        upload: &mut dyn MultipartUpload,
        mut file: std::fs::File,
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
async fn part_of(name: &str, mut file: std::fs::File) -> Result<(std::fs::File, Bytes), OutputError> {
    let read = tokio::task::spawn_blocking(move || {
        let mut part = Vec::new();
        (&mut file).take(PART as u64).read_to_end(&mut part).map(|_| (file, Bytes::from(part)))
    });
    let read = read.await.unwrap_or_else(|error| Err(std::io::Error::other(error)));
    read.map_err(|source| OutputError::Machine { path: name.into(), source })
}
