//! Whether an input that is sent byte for byte is whole: it is decoded to its last line, and the pixels are thrown away.
//!
//! As strict as for inputs that are converted ([`super::decode`]), because a model would be paid for what is missing. A
//! kind of JPEG that is not decoded here is not judged: nothing says that it is damaged.
//!
//! Only rows and means of blocks are kept, so that the largest input takes little memory.

use std::io::Read;

use super::decode::{MAX_DECODED_BYTES, damaged_png, decode, take_bytes};
use super::guard::guarded;
use super::jpeg::{JpegError, Keep, read};
use super::png_chunks::Pruned;
use super::source::Source;
use super::{MAX_INPUT_BYTES, PictureError, PictureFormat, Probe, verify};

/// Decodes what lies at `source`, of which `probe` says what it is. Waits where other pictures take up the memory that it
/// needs, so it belongs on a thread that may wait.
///
/// # Errors
/// Some of its pixels are missing or cannot be decoded, or it cannot be read.
pub fn check_whole<S: Source + ?Sized>(source: &S, probe: &Probe) -> Result<(), PictureError> {
    let pixels = u64::from(probe.width) * u64::from(probe.height);
    let checked = match probe.format {
        PictureFormat::Png => {
            let _memory = take_bytes(probe, probe.bytes + verify::png_memory(probe.width))?;
            let png = whole_file(source)?;
            guarded(|| check_png(&png, probe))
        }
        PictureFormat::Jpeg => {
            let _memory = take_bytes(probe, probe.bytes + verify::jpeg_memory(pixels))?;
            let jpeg = whole_file(source)?;
            guarded(|| check_jpeg(&jpeg, probe))
        }
        // Sent as it is to models that take it.
        PictureFormat::WebP => guarded(|| decode(source, probe).map(|_| ())),
        // No model takes one of the others, so none is sent as it is.
        _ => Some(Ok(())),
    };
    checked.unwrap_or(Err(PictureError::BreaksDecoder))
}

fn whole_file<S: Source + ?Sized>(source: &S) -> Result<Vec<u8>, PictureError> {
    let (file, _) = source.open()?;
    let mut bytes = Vec::new();
    let read = file.take(MAX_INPUT_BYTES).read_to_end(&mut bytes);
    read.map(|_| bytes).map_err(|error| PictureError::Unreadable { path: source.place(), source: error })
}

fn check_png(png: &[u8], probe: &Probe) -> Result<(), PictureError> {
    let limits = png::Limits { bytes: MAX_DECODED_BYTES as usize };
    let mut reader =
        png::Decoder::new_with_limits(Pruned::of(png).reader(), limits).read_info().map_err(damaged_png)?;
    check_size((reader.info().width, reader.info().height), probe)?;
    while reader.next_row().map_err(damaged_png)?.is_some() {}
    // The end chunk and its checksum.
    reader.finish().map_err(damaged_png)
}

fn check_jpeg(jpeg: &[u8], probe: &Probe) -> Result<(), PictureError> {
    let scanned = match read(jpeg, Keep::Means) {
        Err(JpegError::Unsupported(_)) => return Ok(()),
        read => read?,
    };
    check_size((scanned.header.width as u32, scanned.header.height as u32), probe)?;
    scanned.check_surplus()?;
    Ok(())
}

/// A file that was replaced after it was probed is not judged by what it was.
fn check_size(size: (u32, u32), probe: &Probe) -> Result<(), PictureError> {
    if size == (probe.width, probe.height) { Ok(()) } else { Err(PictureError::Damaged) }
}
