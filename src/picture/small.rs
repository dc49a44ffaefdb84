//! A picture made small, to be shown beside many others.

use super::content::{Content, HEAD_BYTES};
use super::decode::decode;
use super::source::Source;
use super::{Encoded, PictureError, PictureFormat, encode, probe_any_size};

/// This many of a file's first bytes tell its format.
pub const FORMAT_BYTES: usize = HEAD_BYTES;

/// The format that a file's first bytes say it has; `None` where it is no picture of a known one. Whatever it is called.
#[must_use]
pub fn format_of(head: &[u8]) -> Option<PictureFormat> {
    match Content::of(head) {
        Content::Picture(format) => Some(format),
        Content::OtherPicture(_) | Content::Other(_) => None,
    }
}

/// Makes a JPEG of the picture at `source`: upright, in sRGB, and no side longer than `longest_px`. Waits for the disk, and for
/// its share of the memory that decoded pictures may take.
///
/// # Errors
/// It does not decode to its end, or takes too much memory for that.
pub fn small_jpeg<S: Source + ?Sized>(source: &S, longest_px: u32) -> Result<Encoded, PictureError> {
    let probe = probe_any_size(source)?;
    let side = f64::from(longest_px);
    let picture = decode(source, &probe)?.upright_within(side, side);
    encode::small_jpeg(&picture).ok_or(PictureError::Unshrinkable)
}

#[cfg(test)]
mod tests {
    use image::{DynamicImage, RgbImage};

    use super::*;

    #[test]
    fn a_picture_is_made_small_in_its_proportions_and_never_larger() {
        let folder = tempfile::tempdir().expect("tempdir");
        let path = folder.path().join("picture.png");
        for ((width, height), wanted) in [((768, 1_024), (300, 400)), ((1_600, 400), (400, 100)), ((60, 80), (60, 80))]
        {
            DynamicImage::from(RgbImage::from_pixel(width, height, image::Rgb([10, 200, 90])))
                .save(&path)
                .expect("save");
            let small = small_jpeg(&path, 400).expect("made small");
            assert_eq!((small.width, small.height), wanted);
            assert_eq!(format_of(&small.jpeg), Some(PictureFormat::Jpeg));
        }
    }

    #[test]
    fn what_is_no_known_picture_has_no_format_whatever_it_is_called() {
        for text in ["<svg xmlns='http://www.w3.org/2000/svg'/>", "<html>", "root:x:0:0:", ""] {
            assert_eq!(format_of(text.as_bytes()), None, "{text}");
        }
    }
}
