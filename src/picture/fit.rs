//! `--fit-images`: a picture that almost fits is made a JPEG that does. The file itself is left alone.
//!
//! What is lost on the way is what the provider could not use: transparency is laid on white, colours become sRGB,
//! the picture is turned upright, and metadata (places, names, cameras) stays behind.

use super::decode::decode;
use super::pixels::resized;
use super::source::Source;
use super::{Encoded, InputLimits, PictureError, Probe, encode};

/// The longest side that a picture keeps when it is made to fit, in pixels. Results are half as long at most.
pub const SHRUNK_SIDE_PX: u32 = 4096;

/// How often a picture is made smaller by a quarter, after the quality of the JPEG has done what it can.
const MOST_SHRINKS: u32 = 8;

/// Makes an input within `limits` of the picture at `source`, of which `probe` says what it is.
///
/// # Errors
/// It does not decode to its end, or takes too much memory for that.
pub fn fit<S: Source + ?Sized>(source: &S, probe: &Probe, limits: &InputLimits) -> Result<Encoded, PictureError> {
    let mut side = f64::from(limits.shrunk_px());
    let least = f64::from(limits.shortest_px);
    let (width, height) = within(f64::from(probe.width), f64::from(probe.height), side, least);
    let mut picture = decode(source, probe)?.upright_within(width, height);
    for _ in 0..=MOST_SHRINKS {
        if let Some(encoded) = encode::jpeg(&picture) {
            return Ok(encoded);
        }
        side *= 0.75;
        let (width, height) = within(f64::from(picture.width()), f64::from(picture.height()), side, least);
        picture = resized(picture.into(), width as u32, height as u32).into_rgb8();
    }
    Err(PictureError::Unshrinkable)
}

/// Width and height with a longest side of `side`, in the same proportions; but the shorter side keeps what the
/// provider asks for, and nothing is enlarged.
fn within(width: f64, height: f64, side: f64, least: f64) -> (f64, f64) {
    let (long, short) = (width.max(height), width.min(height));
    let scale = (side / long).max(least / short).min(1.0);
    ((width * scale).round(), (height * scale).round())
}

#[cfg(test)]
mod tests {
    use image::{DynamicImage, ImageFormat, RgbImage};

    use super::*;
    use crate::picture::{MAX_INPUT_BYTES, probe};

    #[test]
    fn a_picture_of_another_format_becomes_a_fit_jpeg_and_its_file_stays_as_it_is() {
        let folder = tempfile::tempdir().expect("tempdir");
        for format in [ImageFormat::WebP, ImageFormat::Bmp, ImageFormat::Tiff, ImageFormat::Gif] {
            let path = folder.path().join("picture");
            DynamicImage::from(RgbImage::from_pixel(320, 400, image::Rgb([10, 200, 90])))
                .save_with_format(&path, format)
                .expect("save");
            let before = std::fs::read(&path).expect("read");
            let seen = probe(&path).expect("a picture");
            assert!(seen.check_fit(&InputLimits::KOLORS).is_err() && seen.wants_fitting(&InputLimits::KOLORS));
            let made = fit(&path, &seen, &InputLimits::KOLORS).expect("made to fit");
            assert_eq!((made.width, made.height), (320, 400));
            assert!(std::fs::read(&path).expect("read") == before);
            std::fs::write(&path, &made.jpeg).expect("write");
            let sent = probe(&path).expect("a picture");
            assert!(
                sent.check_fit(&InputLimits::KOLORS).is_ok() && !sent.wants_fitting(&InputLimits::KOLORS),
                "{format:?}"
            );
        }
    }

    #[test]
    fn what_is_absurdly_long_is_shrunk_and_what_is_merely_large_is_left_alone() {
        let folder = tempfile::tempdir().expect("tempdir");
        let path = folder.path().join("long.png");
        DynamicImage::new_luma8(9_000, 600).save(&path).expect("save");
        let seen = probe(&path).expect("a picture");
        assert!(seen.check_fit(&InputLimits::KOLORS).is_ok() && seen.wants_fitting(&InputLimits::KOLORS));
        let made = fit(&path, &seen, &InputLimits::KOLORS).expect("made to fit");
        assert_eq!((made.width, made.height), (4_500, 300), "the short side keeps what the provider asks for");
        DynamicImage::new_luma8(8_192, 300).save(&path).expect("save");
        assert!(!probe(&path).expect("a picture").wants_fitting(&InputLimits::KOLORS));
    }

    #[test]
    fn proportions_are_kept_and_nothing_is_enlarged() {
        for ((width, height), within_4096) in [
            ((6_000.0, 8_000.0), (3_072.0, 4_096.0)),
            ((8_000.0, 6_000.0), (4_096.0, 3_072.0)),
            ((1_000.0, 2_000.0), (1_000.0, 2_000.0)),
            ((300.0, 20_000.0), (300.0, 20_000.0)),
            ((600.0, 20_000.0), (300.0, 10_000.0)),
        ] {
            assert_eq!(within(width, height, 4_096.0, 300.0), within_4096);
        }
    }

    #[test]
    fn what_is_too_long_for_a_model_comes_in_within_its_limits() {
        let folder = tempfile::tempdir().expect("tempdir");
        let path = folder.path().join("long.png");
        for ((width, height), wanted) in
            [((4_096, 1_024), (2_048, 512)), ((1_500, 3_000), (1_024, 2_048)), ((3_000, 441), (2_048, 301))]
        {
            DynamicImage::new_luma8(width, height).save(&path).expect("save");
            let seen = probe(&path).expect("a picture");
            assert!(seen.check_sides(&InputLimits::SOLUTIONS).is_ok());
            assert!(seen.check_fit(&InputLimits::SOLUTIONS).is_err() && seen.wants_fitting(&InputLimits::SOLUTIONS));
            let made = fit(&path, &seen, &InputLimits::SOLUTIONS).expect("made to fit");
            assert_eq!((made.width, made.height), wanted);
        }
    }

    #[test]
    fn a_picture_over_10_mib_comes_in_under_it() {
        let folder = tempfile::tempdir().expect("tempdir");
        let path = folder.path().join("heavy.bmp");
        // 12.6 MB of uncompressed samples.
        DynamicImage::from(RgbImage::from_fn(2_100, 2_000, |x, y| image::Rgb([(x / 9) as u8, (y / 8) as u8, 60])))
            .save(&path)
            .expect("save");
        let seen = probe(&path).expect("a picture");
        assert!(seen.bytes > MAX_INPUT_BYTES);
        let made = fit(&path, &seen, &InputLimits::KOLORS).expect("made to fit");
        assert!(made.jpeg.len() as u64 <= MAX_INPUT_BYTES);
        assert_eq!((made.width, made.height), (2_100, 2_000), "no smaller than it has to be");
    }

    #[test]
    fn a_picture_that_was_cut_off_is_refused_with_a_reason() {
        let folder = tempfile::tempdir().expect("tempdir");
        let path = folder.path().join("cut.tiff");
        DynamicImage::new_rgb8(300, 300).save(&path).expect("save");
        let whole = std::fs::read(&path).expect("read");
        let seen = probe(&path).expect("a picture");
        std::fs::write(&path, &whole[..whole.len() / 2]).expect("write");
        let problem = fit(&path, &seen, &InputLimits::KOLORS).expect_err("cut off").to_string();
        assert!(problem.starts_with("is a damaged picture"), "{problem}");
    }
}
