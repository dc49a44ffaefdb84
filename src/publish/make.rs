//! One image made into its file: read, compared with what was judged, converted, marked.

use std::io::{Cursor, Read};
use std::path::PathBuf;
use std::sync::Arc;

use sha2::{Digest, Sha256};

use crate::job::ObjectUrl;
use crate::picture::{
    Bytes, Conversion, MAX_RESULT_BYTES, PictureError, PictureFormat, Source, convert, probe_any_size,
};
use crate::store::{InputFile, Objects, ShelfFile};

use super::marks::{self, Marked, Remark};
use super::plan::Item;

/// Where the originals are. They are only read.
#[derive(Debug, Clone)]
pub enum Originals {
    Folder(PathBuf),
    /// Below a prefix; each is copied to a local file first.
    Bucket(ObjectUrl, Objects),
}

impl Originals {
    fn file(&self, output: &str) -> InputFile {
        match self {
            Self::Folder(root) => InputFile::new(&root.join(output)),
            Self::Bucket(base, objects) => InputFile::object(base.join(output), objects.clone()),
        }
    }
}

/// A file to be put on the shelf.
#[derive(Debug)]
pub(super) struct Made {
    pub(super) file: ShelfFile,
    pub(super) remarks: Vec<Remark>,
}

/// Why an image is not published. The wording completes `ID: …`.
#[derive(Debug, thiserror::Error)]
pub(super) enum MakeError {
    #[error("its image {0}")]
    Picture(#[from] PictureError),
    #[error(
        "its image {place} is not the one that was made: somebody has changed the file; fetch it again or review it anew"
    )]
    Changed { place: String },
    #[error("its image {0}")]
    Mark(#[from] marks::MarkError),
}

/// Makes the file. Reads from a disk or a bucket and works on pixels, so it belongs on a thread that may wait.
pub(super) fn made(item: &Item, originals: &Originals, conversion: Option<&Conversion>) -> Result<Made, MakeError> {
    let original = originals.file(&item.output);
    let file = whole(&original)?;
    if hexadecimal(&file) != item.sha256 {
        return Err(MakeError::Changed { place: original.place() });
    }
    let held = Held { bytes: file.into(), place: original.place() };
    let (Marked { bytes, remarks }, format) = match conversion {
        None => {
            let format = format_of(&held, &item.name)?;
            (marks::in_place(held.bytes.to_vec(), format, &item.marks)?, format)
        }
        Some(conversion) => {
            let probe = probe_any_size(&held)?;
            let converted = convert(&held, &probe, conversion)?;
            let format = conversion.form.format();
            (marks::carried(&held.bytes, probe.format, &converted, format, &item.marks)?, format)
        }
    };
    let sha256 = hexadecimal(&bytes);
    let file = ShelfFile { name: item.name.clone(), bytes, sha256, media_type: format.media_type(), replaces: false };
    Ok(Made { file, remarks })
}

/// A format that is not decoded here is told by its name: the result was looked at when it came.
fn format_of(held: &Held, name: &str) -> Result<PictureFormat, PictureError> {
    if name.ends_with(".avif") { Ok(PictureFormat::Avif) } else { probe_any_size(held).map(|probe| probe.format) }
}

fn whole(original: &InputFile) -> Result<Vec<u8>, PictureError> {
    let (file, _) = original.open()?;
    let mut bytes = Vec::new();
    let read = file.take(MAX_RESULT_BYTES + 1).read_to_end(&mut bytes);
    read.map_err(|source| PictureError::Unreadable { path: original.place(), source })?;
    Ok(bytes)
}

pub(super) fn hexadecimal(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A picture in memory.
struct Held {
    bytes: Arc<[u8]>,
    place: String,
}

impl Source for Held {
    fn open(&self) -> Result<(Box<dyn Bytes>, u64), PictureError> {
        Ok((Box::new(Cursor::new(Arc::clone(&self.bytes))), self.bytes.len() as u64))
    }

    fn place(&self) -> String {
        self.place.clone()
    }
}
