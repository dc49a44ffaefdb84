//! Whether a downloaded result is a whole picture: it is decoded to its last line, looked at on the way, and then
//! thrown away.
//!
//! As lenient as viewers are where no pixels are missing: junk between segments and chunks, ancillary chunks that make
//! no sense, data after the end. As strict as the standards about pixels: every line has to be there. A picture in
//! another format than the promised two is paid for as well, and passes.
//!
//! Each result takes what it needs from the process's budget of memory: its file, and for most formats little more.

mod avif;
mod jpeg;
mod png;

pub(super) use jpeg::memory as jpeg_memory;
pub(super) use png::row_memory as png_memory;

use std::io::{self, Read, SeekFrom};

use super::content::{Content, HEAD_BYTES};
use super::decode::{Wanted, decode_bytes};
use super::file_header::{self, FileHeader};
use super::guard::guarded;
use super::memory;
use super::pixels::Pixels;
use super::probe::read_up_to;
use super::source::Bytes;
use super::thumbnail::{Samples, Thumbnail};
use super::{Look, PictureError, PictureFormat, Probe};

/// The largest result that is kept, in bytes (`docs/promises.md`: 50 MB).
pub const MAX_RESULT_BYTES: u64 = 50_000_000;

/// The largest result that is decoded, in pixels (`docs/promises.md`: 100 megapixels).
pub const MAX_RESULT_PIXELS: u64 = 100_000_000;

/// What is known of a whole result.
#[derive(Debug, Clone, PartialEq)]
pub struct VerifiedPicture {
    /// By content.
    pub format: PictureFormat,
    /// In pixels.
    pub width: u32,
    /// In pixels.
    pub height: u32,
    /// What it looks like.
    pub look: Look,
}

/// Why a downloaded file is no result. The wording completes "the result …".
#[derive(Debug, thiserror::Error)]
pub enum ResultError {
    /// No bytes arrived.
    #[error("is empty")]
    Empty,
    /// Too many bytes.
    #[error("is {0} bytes long; at most {max} are kept", max = MAX_RESULT_BYTES)]
    TooManyBytes(u64),
    /// Something else arrived.
    #[error("is {0}, not a picture")]
    NotAPicture(&'static str),
    /// A picture that cannot be checked.
    #[error("is {0}, which cannot be checked here")]
    Unchecked(&'static str),
    /// Its header does not tell its size.
    #[error("is a damaged picture: its size cannot be read")]
    NoSize,
    /// Too many pixels.
    #[error("is {width} x {height} px; at most {max} megapixels are decoded", max = MAX_RESULT_PIXELS / 1_000_000)]
    TooManyPixels {
        /// In pixels.
        width: u32,
        /// In pixels.
        height: u32,
    },
    /// The end is missing.
    #[error("is cut off: it has no end marker")]
    NoEnd,
    /// The decoder gave up.
    #[error("does not decode to its last line: {0}")]
    Undecodable(String),
    /// The system did not give the file back. This says nothing about the picture.
    #[error("cannot be read back: {0}")]
    Unreadable(#[from] io::Error),
}

/// Checks that `file`, read from its beginning, is a whole picture. It may be open for writing too; its position moves.
/// Waits where other pictures take up the memory that it needs, so it belongs on a thread that may wait.
///
/// # Errors
/// What is wrong with it; [`ResultError::Unreadable`] is the machine's fault, all others are the content's.
pub fn verify_result(file: &mut dyn Bytes) -> Result<VerifiedPicture, ResultError> {
    let bytes = file.seek(SeekFrom::End(0))?;
    if bytes == 0 {
        return Err(ResultError::Empty);
    }
    if bytes > MAX_RESULT_BYTES {
        return Err(ResultError::TooManyBytes(bytes));
    }
    let mut head = [0; HEAD_BYTES];
    file.seek(SeekFrom::Start(0))?;
    let head_len = read_up_to(&mut *file, &mut head)?;
    let format = match Content::of(&head[..head_len]) {
        Content::Picture(format) => format,
        Content::OtherPicture(what) => return Err(ResultError::Unchecked(what)),
        Content::Other(what) => return Err(ResultError::NotAPicture(what)),
    };
    let header = guarded(|| file_header::read(&mut *file, format)).and_then(Result::ok);
    let FileHeader { width, height, .. } = header.ok_or(ResultError::NoSize)?;
    if u64::from(width) * u64::from(height) > MAX_RESULT_PIXELS {
        return Err(ResultError::TooManyPixels { width, height });
    }
    let look = look_at(file, format, (width, height), bytes)?;
    Ok(VerifiedPicture { format, width, height, look })
}

/// Decodes all of it. What is read is read before a decoder is asked, so that whatever one says is about the picture.
fn look_at(
    file: &mut dyn Bytes,
    format: PictureFormat,
    (width, height): (u32, u32),
    bytes: u64,
) -> Result<Look, ResultError> {
    let pixels = u64::from(width) * u64::from(height);
    let look = match format {
        PictureFormat::Png => {
            let _memory = memory::take(bytes + png::row_memory(width));
            let png = read_all(file, bytes)?;
            guarded(|| png::look(&png))
        }
        PictureFormat::Jpeg => {
            let _memory = memory::take(bytes + jpeg::memory(pixels));
            let jpeg = read_all(file, bytes)?;
            guarded(|| jpeg::look(&jpeg))
        }
        PictureFormat::Avif => {
            let _memory = memory::take(bytes);
            let avif = read_all(file, bytes)?;
            guarded(|| {
                avif::check(&avif).map(|()| Look::new(width, height, None, image::metadata::Orientation::NoTransforms))
            })
        }
        PictureFormat::WebP | PictureFormat::Bmp | PictureFormat::Tiff | PictureFormat::Gif => {
            let probe = Probe::of(format, (width, height), bytes);
            guarded(|| foreign(file, &probe))
        }
    };
    look.unwrap_or_else(|| Err(ResultError::Undecodable("it breaks the decoder".to_owned())))
}

fn read_all(file: &mut dyn Bytes, bytes: u64) -> io::Result<Vec<u8>> {
    let mut all = Vec::with_capacity(bytes as usize);
    file.seek(SeekFrom::Start(0))?;
    file.take(bytes).read_to_end(&mut all)?;
    Ok(all)
}

/// A picture in a format that was not promised is decoded as an input would be.
fn foreign(file: &mut dyn Bytes, probe: &Probe) -> Result<Look, ResultError> {
    let pixels = decode_bytes(file, "", probe, Wanted::PLAIN).map_err(|problem| match problem {
        PictureError::Unreadable { source, .. } => ResultError::Unreadable(source),
        problem => ResultError::Undecodable(format!("it {problem}")),
    })?;
    let Pixels { width, height, channels, ref samples, orientation, .. } = pixels;
    let (width, height) = (width as u32, height as u32);
    let kind = if channels == 1 { Samples::Grey } else { Samples::Rgb };
    Ok(Look::new(width, height, Thumbnail::of_frame(width, height, kind, samples), orientation))
}

/// The checksum of PNG chunks, bit by bit, for tests that make their own.
#[cfg(test)]
pub(super) fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |sum, byte| {
        (0..8).fold(sum ^ u32::from(*byte), |sum, _| (sum >> 1) ^ (0xedb8_8320 & (sum & 1).wrapping_neg()))
    })
}

#[cfg(test)]
mod tests;
