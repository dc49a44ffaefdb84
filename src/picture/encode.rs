//! Pictures as the provider takes them: a JPEG of at most 10 MB.

use image::codecs::jpeg::JpegEncoder;
use image::{ExtendedColorType, ImageEncoder, RgbImage};

use super::MAX_INPUT_BYTES;

/// From as good as the eye can tell down to what is still better than no picture.
const QUALITIES: [u8; 4] = [92, 85, 75, 60];

/// A picture that was made here, ready to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Encoded {
    /// At most [`MAX_INPUT_BYTES`].
    pub jpeg: Vec<u8>,
    /// In pixels.
    pub width: u32,
    /// In pixels.
    pub height: u32,
}

/// The picture as a JPEG of at most [`MAX_INPUT_BYTES`], as good as that allows; `None` where nothing allows it.
/// The same pixels give the same bytes.
pub(super) fn jpeg(picture: &RgbImage) -> Option<Encoded> {
    QUALITIES.into_iter().find_map(|quality| {
        let mut jpeg = Vec::new();
        let (width, height) = picture.dimensions();
        JpegEncoder::new_with_quality(&mut jpeg, quality)
            .write_image(picture.as_raw(), width, height, ExtendedColorType::Rgb8)
            .ok()?;
        (jpeg.len() as u64 <= MAX_INPUT_BYTES).then_some(Encoded { jpeg, width, height })
    })
}
