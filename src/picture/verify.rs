//! Whether a downloaded result is a whole picture: it is decoded to its last line, looked at on the way, and then
//! thrown away.
//!
//! A PNG is decoded row by row, in a few hundred kilobytes. A JPEG is held in memory with one frame, of grey
//! values where it is large, at most 50 MB + 100 MB (a progressive one holds its coefficients too, two bytes for each
//! sample); callers that verify several results at once should know that.
//!
//! One thing is not seen: a JPEG that lacks lines and was given an end marker all the same. To the decoder
//! the lines that are missing are grey. A download that was cut off has no end marker, so it is seen.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};

use image::metadata::Orientation;
use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

use super::content::{Content, HEAD_BYTES};
use super::png_rows::PngSampler;
use super::probe::read_up_to;
use super::thumbnail::{Samples, Thumbnail};
use super::{Look, PictureFormat, jpeg_end};

/// The largest result that is kept, in bytes (`contract.md`: 50 MB).
pub const MAX_RESULT_BYTES: u64 = 50_000_000;

/// The largest result that is decoded, in pixels (`contract.md`: 100 megapixels).
pub const MAX_RESULT_PIXELS: u64 = 100_000_000;

/// A JPEG of more pixels is decoded without its colours, so that its frame needs no more memory than this in bytes times
/// three. Results have 2 megapixels.
const MOST_COLOUR_PIXELS: u64 = 16_000_000;

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
pub enum BrokenPicture {
    /// No bytes arrived.
    #[error("is empty")]
    Empty,
    /// Too many bytes.
    #[error("is {0} bytes long; at most {max} are kept", max = MAX_RESULT_BYTES)]
    TooManyBytes(u64),
    /// Something else arrived.
    #[error("is {0}, not a JPEG or PNG picture")]
    NotAPicture(&'static str),
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
    /// The file could not be read back. This says nothing about the picture.
    #[error("cannot be read back: {0}")]
    Unreadable(#[from] io::Error),
}

/// Checks that `file`, read from its beginning, is a whole PNG or JPEG. It may be open for writing too; its position moves.
///
/// # Errors
/// What is wrong with it; [`BrokenPicture::Unreadable`] is the machine's fault, all others are the content's.
pub fn verify_result(file: &mut File) -> Result<VerifiedPicture, BrokenPicture> {
    let bytes = file.metadata()?.len();
    if bytes == 0 {
        return Err(BrokenPicture::Empty);
    }
    if bytes > MAX_RESULT_BYTES {
        return Err(BrokenPicture::TooManyBytes(bytes));
    }
    let mut head = [0; HEAD_BYTES];
    file.seek(SeekFrom::Start(0))?;
    let head_len = read_up_to(file, &mut head)?;
    file.seek(SeekFrom::Start(0))?;
    let format = match Content::of(&head[..head_len]) {
        Content::Picture(format) => format,
        Content::Foreign(format) => return Err(BrokenPicture::NotAPicture(format.a_picture())),
        Content::Other(what) => return Err(BrokenPicture::NotAPicture(what)),
    };
    let (width, height, look) = match format {
        PictureFormat::Png => decode_png(file)?,
        PictureFormat::Jpeg => decode_jpeg(file)?,
    };
    Ok(VerifiedPicture { format, width, height, look })
}

/// Refuses a picture whose pixels alone would be a burden, before any is decoded.
fn check_pixels(width: u32, height: u32) -> Result<(), BrokenPicture> {
    if u64::from(width) * u64::from(height) > MAX_RESULT_PIXELS {
        return Err(BrokenPicture::TooManyPixels { width, height });
    }
    Ok(())
}

fn decode_png(file: &mut File) -> Result<(u32, u32, Look), BrokenPicture> {
    let broken = |error: png::DecodingError| match error {
        png::DecodingError::IoError(error) if error.kind() == io::ErrorKind::UnexpectedEof => BrokenPicture::NoEnd,
        png::DecodingError::IoError(error) => BrokenPicture::Unreadable(error),
        error => BrokenPicture::Undecodable(error.to_string()),
    };
    let mut decoder = png::Decoder::new(BufReader::new(file));
    // Texts and colour profiles are not looked at, so damage in them is no reason to throw a paid picture away.
    decoder.set_ignore_text_chunk(true);
    decoder.set_ignore_iccp_chunk(true);
    // Palettes and single bits become samples, 16 bits become 8.
    decoder.set_transformations(png::Transformations::normalize_to_color8());
    let header = decoder.read_header_info().map_err(broken)?;
    let (width, height) = (header.width, header.height);
    check_pixels(width, height)?;
    let mut reader = decoder.read_info().map_err(broken)?;
    let mut sampler = PngSampler::new(width, height, &reader);
    while let Some(row) = reader.next_row().map_err(broken)? {
        sampler.row(row.data());
    }
    // The end chunk and its checksum.
    reader.finish().map_err(broken)?;
    let exif = reader.info().exif_metadata.as_deref();
    let orientation = exif.and_then(Orientation::from_exif_chunk).unwrap_or(Orientation::NoTransforms);
    Ok((width, height, Look::new(width, height, sampler.finish(), orientation)))
}

fn decode_jpeg(file: &mut File) -> Result<(u32, u32, Look), BrokenPicture> {
    let mut jpeg = Vec::new();
    file.take(MAX_RESULT_BYTES).read_to_end(&mut jpeg)?;
    if !jpeg_end::has_end(&jpeg) {
        return Err(BrokenPicture::NoEnd);
    }
    let broken = |error: zune_jpeg::errors::DecodeErrors| BrokenPicture::Undecodable(error.to_string());
    // Strict, so that damage in the middle is an error and not a grey patch.
    let options = DecoderOptions::default()
        .set_strict_mode(true)
        .set_max_width(usize::from(u16::MAX))
        .set_max_height(usize::from(u16::MAX));
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(jpeg.as_slice()), options);
    decoder.decode_headers().map_err(broken)?;
    let Some(info) = decoder.info() else {
        return Err(BrokenPicture::Undecodable("it has no header".to_owned()));
    };
    let (width, height) = (u32::from(info.width), u32::from(info.height));
    check_pixels(width, height)?;
    let orientation = info.exif_data.as_deref().and_then(Orientation::from_exif_chunk);
    let (frame, samples) = frame_of(decoder.input_colorspace(), u64::from(width) * u64::from(height));
    decoder.set_options(options.jpeg_set_out_colorspace(frame));
    let frame = decoder.decode().map_err(broken)?;
    let thumbnail = Thumbnail::of_frame(width, height, samples, &frame);
    Ok((width, height, Look::new(width, height, thumbnail, orientation.unwrap_or(Orientation::NoTransforms))))
}

/// In which form a JPEG is decoded. Grey holds one byte a pixel instead of three; the other colour models cannot be had
/// in grey.
fn frame_of(colours: Option<ColorSpace>, pixels: u64) -> (ColorSpace, Samples) {
    match colours {
        Some(ColorSpace::Luma) => (ColorSpace::Luma, Samples::Grey),
        Some(ColorSpace::YCbCr) if pixels > MOST_COLOUR_PIXELS => (ColorSpace::Luma, Samples::LumaOnly),
        Some(ColorSpace::YCbCr) => (ColorSpace::YCbCr, Samples::YCbCr),
        _ => (ColorSpace::RGB, Samples::Rgb),
    }
}

/// The checksum of PNG chunks, bit by bit, for tests that make their own.
#[cfg(test)]
pub(super) fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |sum, byte| {
        (0..8).fold(sum ^ u32::from(*byte), |sum, _| (sum >> 1) ^ (0xedb8_8320 & (sum & 1).wrapping_neg()))
    })
}

#[cfg(test)]
mod tests {
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

    fn verify(bytes: &[u8]) -> Result<VerifiedPicture, BrokenPicture> {
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
        assert!(matches!(verify(cut), Err(BrokenPicture::NoEnd)));
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
        assert!(matches!(verify(&bytes), Err(BrokenPicture::Undecodable(_))));
    }

    #[test]
    fn a_jpeg_with_a_foreign_marker_among_its_pixels_is_broken() {
        let mut bytes = encoded(ImageFormat::Jpeg, 400, 300);
        let middle = bytes.len() / 2;
        bytes[middle..middle + 4].copy_from_slice(&[0xff, 0xc2, 0x00, 0x02]);
        assert!(matches!(verify(&bytes), Err(BrokenPicture::Undecodable(_))));
    }

    #[test]
    fn a_jpeg_with_damaged_pixels_is_broken_although_it_has_its_end() {
        let mut bytes = encoded(ImageFormat::Jpeg, 400, 300);
        let middle = bytes.len() / 2;
        // Fifteen ones in a row are no Huffman code.
        bytes[middle..middle + 64].fill(0xfe);
        bytes[middle + 1..middle + 63].chunks_exact_mut(2).for_each(|pair| pair.copy_from_slice(&[0xff, 0x00]));
        assert!(matches!(verify(&bytes), Err(BrokenPicture::Undecodable(_))));
    }

    #[test]
    fn a_png_with_fewer_lines_than_it_promises_is_broken_although_it_has_its_end() {
        let mut png = encoded(ImageFormat::Png, 40, 30);
        png[20..24].copy_from_slice(&31u32.to_be_bytes());
        let checksum = crc32(&png[12..29]).to_be_bytes();
        png[29..33].copy_from_slice(&checksum);
        assert!(matches!(verify(&png), Err(BrokenPicture::Undecodable(_))));
    }

    #[test]
    fn what_is_no_picture_says_what_it_is() {
        let reason = |bytes: &[u8]| verify(bytes).expect_err("no picture").to_string();
        assert_eq!(reason(b""), "is empty");
        assert_eq!(reason(b"<!doctype html><title>502</title>"), "is an HTML page, not a JPEG or PNG picture");
        assert_eq!(reason(b"RIFF\0\0\0\0WEBPVP8 "), "is a WebP picture, not a JPEG or PNG picture");
    }

    #[test]
    fn a_result_over_50_mb_is_refused() {
        let mut file = tempfile::tempfile().expect("tempfile");
        file.write_all(&encoded(ImageFormat::Png, 40, 30)).expect("write");
        file.set_len(MAX_RESULT_BYTES).expect("set_len");
        assert!(verify_result(&mut file).is_ok());
        file.set_len(MAX_RESULT_BYTES + 1).expect("set_len");
        assert!(matches!(verify_result(&mut file), Err(BrokenPicture::TooManyBytes(_))));
    }

    #[test]
    fn a_result_over_100_megapixels_is_refused_before_it_is_decoded() {
        let mut png = encoded(ImageFormat::Png, 40, 30);
        png[16..24].copy_from_slice(&[0, 0, 0x27, 0x11, 0, 0, 0x27, 0x10]); // 10001 x 10000
        let checksum = crc32(&png[12..29]).to_be_bytes();
        png[29..33].copy_from_slice(&checksum);
        assert!(matches!(verify(&png), Err(BrokenPicture::TooManyPixels { width: 10_001, height: 10_000 })));

        let mut jpeg = encoded(ImageFormat::Jpeg, 40, 30);
        let frame = jpeg.windows(2).position(|pair| pair == [0xff, 0xc0]).expect("frame header");
        jpeg[frame + 5..frame + 9].copy_from_slice(&[0x27, 0x10, 0x27, 0x11]);
        assert!(matches!(verify(&jpeg), Err(BrokenPicture::TooManyPixels { width: 10_001, height: 10_000 })));
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
}
