//! Exif blocks: how a picture is to be turned to stand upright.

use image::metadata::Orientation;

/// What a block begins with in a JPEG. Programs that move it into a PNG or a WebP leave this on, against the formats'
/// rules, and viewers read it all the same.
const JPEG_MARK: &[u8] = b"Exif\0\0";

/// The turn that a block asks for; none where there is no block, or where it makes no sense.
pub(super) fn orientation(exif: Option<&[u8]>) -> Orientation {
    let block = exif.map(|exif| exif.strip_prefix(JPEG_MARK).unwrap_or(exif));
    block.and_then(Orientation::from_exif_chunk).unwrap_or(Orientation::NoTransforms)
}
