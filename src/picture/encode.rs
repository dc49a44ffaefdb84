//! Pictures as the provider takes them: a JPEG of at most 10 MB.

use image::codecs::jpeg::JpegEncoder;
use image::{ExtendedColorType, ImageEncoder, RgbImage};

use super::MAX_INPUT_BYTES;

/// From as good as the eye can tell down to what is still better than no picture.
const QUALITIES: [u8; 4] = [92, 85, 75, 60];

/// The picture as a JPEG of at most [`MAX_INPUT_BYTES`], as good as that allows; `None` where nothing allows it.
/// The same pixels give the same bytes.
pub(super) fn jpeg(picture: &RgbImage) -> Option<Vec<u8>> {
    QUALITIES.into_iter().find_map(|quality| {
        let mut jpeg = Vec::new();
        let (width, height) = picture.dimensions();
        JpegEncoder::new_with_quality(&mut jpeg, quality)
            .write_image(picture.as_raw(), width, height, ExtendedColorType::Rgb8)
            .ok()?;
        (jpeg.len() as u64 <= MAX_INPUT_BYTES).then_some(jpeg)
    })
}
