//! Whole results, and all the ways in which one is not whole.

use std::io::{Cursor, Write};

use image::{DynamicImage, ImageFormat, RgbImage};

use super::*;

fn encoded(format: ImageFormat, width: u32, height: u32) -> Vec<u8> {
    let noise = |x: u32, y: u32| x.wrapping_mul(2_654_435_761).wrapping_add(y.wrapping_mul(40_503)).to_be_bytes();
    let picture = RgbImage::from_fn(width, height, |x, y| image::Rgb([noise(x, y)[0], noise(x, y)[1], 90]));
    let mut bytes = Cursor::new(Vec::new());
    DynamicImage::from(picture).write_to(&mut bytes, format).expect("encode");
    bytes.into_inner()
}

fn verify(bytes: &[u8]) -> Result<VerifiedPicture, ResultError> {
    let mut file = tempfile::tempfile().expect("tempfile");
    file.write_all(bytes).expect("write");
    verify_result(&mut file)
}

#[test]
fn a_whole_picture_passes_with_its_size_and_true_format() {
    for (encoding, format) in [(ImageFormat::Png, PictureFormat::Png), (ImageFormat::Jpeg, PictureFormat::Jpeg)] {
        let found = verify(&encoded(encoding, 67, 41)).expect("whole");
        assert_eq!((found.format, found.width, found.height), (format, 67, 41));
    }
}

#[test]
fn a_picture_cut_off_anywhere_is_broken() {
    for format in [ImageFormat::Png, ImageFormat::Jpeg] {
        let whole = encoded(format, 40, 30);
        for length in 0..whole.len() {
            assert!(verify(&whole[..length]).is_err(), "{format:?} of {length} in {} bytes", whole.len());
        }
    }
}

#[test]
fn a_jpeg_with_an_end_marker_in_its_thumbnail_only_is_broken() {
    let whole = encoded(ImageFormat::Jpeg, 40, 30);
    let thumbnail = [0xff, 0xe1, 0, 6, 0xff, 0xd9, 0xff, 0xd9];
    let with_thumbnail = [&whole[..2], &thumbnail, &whole[2..]].concat();
    assert!(verify(&with_thumbnail).is_ok());
    let cut = &with_thumbnail[..with_thumbnail.len() - 2];
    assert!(matches!(verify(cut), Err(ResultError::NoEnd)));
}

#[test]
fn data_after_the_end_of_a_picture_does_no_harm() {
    for format in [ImageFormat::Png, ImageFormat::Jpeg] {
        let mut bytes = encoded(format, 40, 30);
        bytes.extend_from_slice(b"trailer of some editor");
        assert!(verify(&bytes).is_ok(), "{format:?}");
    }
}

#[test]
fn a_png_damaged_in_the_middle_is_broken() {
    let mut bytes = encoded(ImageFormat::Png, 40, 30);
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0x55;
    assert!(matches!(verify(&bytes), Err(ResultError::Undecodable(_))));
}

#[test]
fn a_jpeg_with_a_foreign_marker_among_its_pixels_is_broken() {
    let mut bytes = encoded(ImageFormat::Jpeg, 400, 300);
    let middle = bytes.len() / 2;
    bytes[middle..middle + 4].copy_from_slice(&[0xff, 0xc2, 0x00, 0x02]);
    assert!(matches!(verify(&bytes), Err(ResultError::Undecodable(_))));
}

#[test]
fn a_jpeg_with_damaged_pixels_is_broken_although_it_has_its_end() {
    let mut bytes = encoded(ImageFormat::Jpeg, 400, 300);
    let middle = bytes.len() / 2;
    // Fifteen ones in a row are no Huffman code.
    bytes[middle..middle + 64].fill(0xfe);
    bytes[middle + 1..middle + 63].chunks_exact_mut(2).for_each(|pair| pair.copy_from_slice(&[0xff, 0x00]));
    assert!(matches!(verify(&bytes), Err(ResultError::Undecodable(_))));
}

#[test]
fn a_png_with_fewer_lines_than_it_promises_is_broken_although_it_has_its_end() {
    let mut png = encoded(ImageFormat::Png, 40, 30);
    png[20..24].copy_from_slice(&31u32.to_be_bytes());
    let checksum = crc32(&png[12..29]).to_be_bytes();
    png[29..33].copy_from_slice(&checksum);
    assert!(matches!(verify(&png), Err(ResultError::Undecodable(_))));
}

#[test]
fn what_is_no_picture_says_what_it_is() {
    let reason = |bytes: &[u8]| verify(bytes).expect_err("no picture").to_string();
    assert_eq!(reason(b""), "is empty");
    assert_eq!(reason(b"<!doctype html><title>502</title>"), "is an HTML page, not a picture");
    assert_eq!(reason(b"RIFF\0\0\0\0WEBPVP8 "), "is a damaged picture: its size cannot be read");
    assert_eq!(reason(b"\0\0\0\x1cftypheic"), "is a HEIC picture, which cannot be checked here");
}

#[test]
fn a_result_over_50_mb_is_refused() {
    let mut file = tempfile::tempfile().expect("tempfile");
    file.write_all(&encoded(ImageFormat::Png, 40, 30)).expect("write");
    file.set_len(MAX_RESULT_BYTES).expect("set_len");
    assert!(verify_result(&mut file).is_ok());
    file.set_len(MAX_RESULT_BYTES + 1).expect("set_len");
    assert!(matches!(verify_result(&mut file), Err(ResultError::TooManyBytes(_))));
}

#[test]
fn a_result_over_100_megapixels_is_refused_before_it_is_decoded() {
    let mut png = encoded(ImageFormat::Png, 40, 30);
    png[16..24].copy_from_slice(&[0, 0, 0x27, 0x11, 0, 0, 0x27, 0x10]); // 10001 x 10000
    let checksum = crc32(&png[12..29]).to_be_bytes();
    png[29..33].copy_from_slice(&checksum);
    assert!(matches!(verify(&png), Err(ResultError::TooManyPixels { width: 10_001, height: 10_000 })));

    let mut jpeg = encoded(ImageFormat::Jpeg, 40, 30);
    let frame = jpeg.windows(2).position(|pair| pair == [0xff, 0xc0]).expect("frame header");
    jpeg[frame + 5..frame + 9].copy_from_slice(&[0x27, 0x10, 0x27, 0x11]);
    assert!(matches!(verify(&jpeg), Err(ResultError::TooManyPixels { width: 10_001, height: 10_000 })));
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(64))]
    #[test]
    fn damage_never_panics(at in 0usize..2_000, byte: u8, png: bool) {
        let format = if png { ImageFormat::Png } else { ImageFormat::Jpeg };
        let mut bytes = encoded(format, 40, 30);
        let at = at % bytes.len();
        bytes[at] = byte;
        let _ = verify(&bytes);
    }
}
