//! Pictures as the provider takes them: a JPEG of at most 10 MB.

use image::codecs::jpeg::JpegEncoder;
use image::{ExtendedColorType, ImageEncoder, RgbImage};

use super::MAX_INPUT_BYTES;

/// From as good as the eye can tell down to what is still better than no picture.
const QUALITIES: [u8; 4] = [92, 85, 75, 60];

/// The quality of a picture that is only looked at beside others.
const SMALL_QUALITY: u8 = 82;

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
    jpeg_within(picture, MAX_INPUT_BYTES)
}

/// A small picture as a JPEG that is good enough to be looked at.
pub(super) fn small_jpeg(picture: &RgbImage) -> Option<Encoded> {
    let (width, height) = picture.dimensions();
    Some(Encoded { jpeg: at_quality(picture, SMALL_QUALITY)?, width, height })
}

fn jpeg_within(picture: &RgbImage, most_bytes: u64) -> Option<Encoded> {
    let (width, height) = picture.dimensions();
    let encodings = QUALITIES.into_iter().filter_map(|quality| at_quality(picture, quality));
    let jpeg = encodings.into_iter().find(|jpeg| jpeg.len() as u64 <= most_bytes)?;
    Some(Encoded { jpeg, width, height })
}

fn at_quality(picture: &RgbImage, quality: u8) -> Option<Vec<u8>> {
    let (width, height) = picture.dimensions();
    let mut jpeg = Vec::new();
    let encoder = JpegEncoder::new_with_quality(&mut jpeg, quality);
    encoder.write_image(picture.as_raw(), width, height, ExtendedColorType::Rgb8).ok()?;
    Some(jpeg)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noise(side: u32) -> RgbImage {
        RgbImage::from_fn(side, side, |x, y| {
            let [a, b, c, _] =
                x.wrapping_mul(2_654_435_761).wrapping_add(y.wrapping_mul(40_503 * 65_537)).to_be_bytes();
            image::Rgb([a, b, c])
        })
    }

    #[test]
    fn the_quality_gives_way_until_the_picture_fits() {
        let picture = noise(200);
        let sizes = QUALITIES.map(|quality| at_quality(&picture, quality).expect("encoded").len() as u64);
        assert!(sizes.is_sorted_by(|better, worse| better > worse), "{sizes:?}");
        for (position, bytes) in sizes.into_iter().enumerate() {
            let fitting = jpeg_within(&picture, bytes).expect("fits");
            assert_eq!(fitting.jpeg.len() as u64, bytes, "quality {}", QUALITIES[position]);
        }
        assert_eq!(jpeg_within(&picture, sizes[3] - 1), None);
    }

    #[test]
    fn the_same_pixels_give_the_same_bytes() {
        let (first, second) = (jpeg(&noise(64)).expect("encoded"), jpeg(&noise(64)).expect("encoded"));
        assert_eq!(first, second);
        assert_eq!((first.width, first.height), (64, 64));
    }
}
