//! A PNG: row by row, through its end chunk.

use super::super::exif;
use super::super::png_chunks::{Pruned, remarks};
use super::super::png_rows::PngSampler;
use super::{Look, ResultError};

/// What rows of this width take up while they are decoded, in bytes: the last two and the thumbnail's, of 16-bit RGBA at
/// most.
pub(in crate::picture) fn row_memory(width: u32) -> u64 {
    u64::from(width) * 40
}

/// Reads the picture to its end.
pub(super) fn look(png: &[u8]) -> Result<Look, ResultError> {
    let broken = |error: png::DecodingError| match error {
        png::DecodingError::IoError(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => ResultError::NoEnd,
        error => ResultError::Undecodable(error.to_string()),
    };
    let limits = png::Limits { bytes: 1 << 30 };
    let mut decoder = png::Decoder::new_with_limits(Pruned::of(png).reader(), limits);
    // Palettes and single bits become samples, 16 bits become 8.
    decoder.set_transformations(png::Transformations::normalize_to_color8());
    let mut reader = decoder.read_info().map_err(broken)?;
    let (width, height) = (reader.info().width, reader.info().height);
    let mut sampler = PngSampler::new(width, height, &reader);
    while let Some(row) = reader.next_row().map_err(broken)? {
        sampler.row(row.data());
    }
    // The end chunk and its checksum.
    reader.finish().map_err(broken)?;
    let orientation = exif::orientation(remarks(png).exif.as_deref());
    Ok(Look::new(width, height, sampler.finish(), orientation))
}
