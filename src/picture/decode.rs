//! Decoding an input in bounded memory.
//!
//! One picture at a time is all that a caller should decode: the bounds here are for one. A JPEG stands in
//! memory with its file and its frame (a progressive one with its coefficients too), a PNG with its frame.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, ImageReader, Limits};
use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

use super::pixels::Pixels;
use super::{PictureFormat, PictureProblem, Probe, jpeg_end};

/// The most that one picture may need in memory while it is decoded, its file not counted. 10 MB of PNG can claim
/// to be a thousand times as large.
const MAX_DECODED_BYTES: u64 = 400_000_000;

/// Decodes the file at `path`, of which `probe` says what it is.
pub(super) fn decode(path: &Path, probe: &Probe) -> Result<Pixels, PictureProblem> {
    probe.check_decodable()?;
    let unreadable = |source| PictureProblem::Unreadable { path: path.display().to_string(), source };
    let file = File::open(path).map_err(unreadable)?;
    match probe.format {
        PictureFormat::Png => decode_png(file),
        PictureFormat::Jpeg => {
            let mut jpeg = Vec::new();
            file.take(probe.bytes).read_to_end(&mut jpeg).map_err(unreadable)?;
            decode_jpeg(&jpeg)
        }
        PictureFormat::WebP => decode_foreign(file, image::ImageFormat::WebP),
        PictureFormat::Bmp => decode_foreign(file, image::ImageFormat::Bmp),
        PictureFormat::Tiff => decode_foreign(file, image::ImageFormat::Tiff),
        PictureFormat::Gif => decode_foreign(file, image::ImageFormat::Gif),
        PictureFormat::Avif => Err(PictureProblem::OtherPicture(probe.format.a_picture())),
    }
}

/// Refuses what would need too much memory, before it is decoded.
fn check_memory(width: usize, height: usize, bytes_a_pixel: usize) -> Result<(), PictureProblem> {
    let needed = width as u64 * height as u64 * bytes_a_pixel as u64;
    if needed <= MAX_DECODED_BYTES {
        return Ok(());
    }
    Err(PictureProblem::Undecodable(format!(
        "its {width} x {height} px would take {} MB of memory, and at most {} MB are given to one picture",
        needed.div_ceil(1_000_000),
        MAX_DECODED_BYTES / 1_000_000
    )))
}

fn decode_png(file: File) -> Result<Pixels, PictureProblem> {
    let broken = |error: png::DecodingError| PictureProblem::Undecodable(error.to_string());
    let limits = png::Limits { bytes: MAX_DECODED_BYTES as usize };
    let mut decoder = png::Decoder::new_with_limits(BufReader::new(file), limits);
    decoder.set_ignore_text_chunk(true);
    // Palettes and single bits become samples, 16 bits become 8.
    decoder.set_transformations(png::Transformations::normalize_to_color8());
    let mut reader = decoder.read_info().map_err(broken)?;
    let (width, height) = (reader.info().width as usize, reader.info().height as usize);
    let (colour, _) = reader.output_color_type();
    check_memory(width, height, colour.samples())?;
    let mut samples = vec![0; reader.output_buffer_size().unwrap_or_default()];
    let frame = reader.next_frame(&mut samples).map_err(broken)?;
    samples.truncate(frame.buffer_size());
    let exif = reader.info().exif_metadata.as_deref();
    let orientation = exif.and_then(Orientation::from_exif_chunk).unwrap_or(Orientation::NoTransforms);
    let profile = reader.info().icc_profile.as_deref().map(<[u8]>::to_vec);
    let channels = match colour {
        png::ColorType::Grayscale => 1,
        png::ColorType::GrayscaleAlpha => {
            lay_on_white(&mut samples, 1);
            1
        }
        png::ColorType::Rgba => {
            lay_on_white(&mut samples, 3);
            3
        }
        png::ColorType::Rgb | png::ColorType::Indexed => 3,
    };
    // The first frame of an animation may be smaller than the picture that it belongs to.
    whole(Pixels {
        width: frame.width as usize,
        height: frame.height as usize,
        channels,
        samples,
        orientation,
        profile,
    })
}

fn decode_jpeg(jpeg: &[u8]) -> Result<Pixels, PictureProblem> {
    // The decoder would fill what is missing with grey.
    if !jpeg_end::has_end(jpeg) {
        return Err(PictureProblem::CutOff);
    }
    let broken = |error: zune_jpeg::errors::DecodeErrors| PictureProblem::Undecodable(error.to_string());
    // As lenient as the programs in which people look at their pictures.
    let options = DecoderOptions::default()
        .set_strict_mode(false)
        .set_max_width(usize::from(u16::MAX))
        .set_max_height(usize::from(u16::MAX));
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(jpeg), options);
    decoder.decode_headers().map_err(broken)?;
    let Some(info) = decoder.info() else { return Err(PictureProblem::Damaged) };
    let (width, height) = (usize::from(info.width), usize::from(info.height));
    let is_grey = decoder.input_colorspace() == Some(ColorSpace::Luma);
    let channels = if is_grey { 1 } else { 3 };
    // Each coefficient of a progressive picture is kept until the last scan, in two bytes.
    let coefficients = if info.sof.is_progressive() { 2 * usize::from(info.components) } else { 0 };
    check_memory(width, height, channels + coefficients)?;
    let orientation = info.exif_data.as_deref().and_then(Orientation::from_exif_chunk);
    // A CMYK picture leaves the decoder as RGB, and its profile does not fit it any more.
    let is_ink = matches!(decoder.input_colorspace(), Some(ColorSpace::CMYK | ColorSpace::YCCK));
    let profile = decoder.icc_profile().filter(|_| !is_ink);
    decoder.set_options(options.jpeg_set_out_colorspace(if is_grey { ColorSpace::Luma } else { ColorSpace::RGB }));
    let samples = decoder.decode().map_err(broken)?;
    let orientation = orientation.unwrap_or(Orientation::NoTransforms);
    whole(Pixels { width, height, channels, samples, orientation, profile })
}

fn decode_foreign(file: File, format: image::ImageFormat) -> Result<Pixels, PictureProblem> {
    let broken = |error: image::ImageError| PictureProblem::Undecodable(error.to_string());
    let mut reader = ImageReader::with_format(BufReader::new(file), format);
    let mut limits = Limits::default();
    limits.max_alloc = Some(MAX_DECODED_BYTES);
    reader.limits(limits);
    let mut decoder = reader.into_decoder().map_err(broken)?;
    let (width, height) = decoder.dimensions();
    // These decoders hold what they read and what they give at once.
    check_memory(width as usize, height as usize, 2 * usize::from(decoder.color_type().bytes_per_pixel()))?;
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    // A CMYK picture leaves the decoder as RGB, and its profile does not fit it any more.
    let is_ink =
        matches!(decoder.original_color_type(), image::ExtendedColorType::Cmyk8 | image::ExtendedColorType::Cmyk16);
    let profile = decoder.icc_profile().ok().flatten().filter(|_| !is_ink);
    let picture = DynamicImage::from_decoder(decoder).map_err(broken)?;
    let colour = picture.color();
    let (channels, mut samples) = match (colour.has_color(), colour.has_alpha()) {
        (false, false) => (1, picture.into_luma8().into_raw()),
        (false, true) => (1, picture.into_luma_alpha8().into_raw()),
        (true, false) => (3, picture.into_rgb8().into_raw()),
        (true, true) => (3, picture.into_rgba8().into_raw()),
    };
    if colour.has_alpha() {
        lay_on_white(&mut samples, channels);
    }
    whole(Pixels { width: width as usize, height: height as usize, channels, samples, orientation, profile })
}

/// What decoders promise is checked once, so that nothing behind this has to doubt it.
fn whole(pixels: Pixels) -> Result<Pixels, PictureProblem> {
    let expected = pixels.width * pixels.height * pixels.channels;
    if expected > 0 && pixels.samples.len() == expected { Ok(pixels) } else { Err(PictureProblem::Damaged) }
}

/// Takes the alpha channel off pixels of `colours` channels and alpha: what shone through is white now. The samples
/// move forward in the same memory.
fn lay_on_white(samples: &mut Vec<u8>, colours: usize) {
    let count = samples.len() / (colours + 1);
    for pixel in 0..count {
        let from = pixel * (colours + 1);
        let alpha = u32::from(samples[from + colours]);
        for channel in 0..colours {
            let over_white = u32::from(samples[from + channel]) * alpha + 255 * (255 - alpha);
            samples[pixel * colours + channel] = ((over_white + 127) / 255) as u8;
        }
    }
    samples.truncate(count * colours);
}

#[cfg(test)]
pub(super) mod tests {
    use std::io::Cursor;

    use image::codecs::jpeg::JpegEncoder;
    use image::codecs::png::PngEncoder;
    use image::{ExtendedColorType, ImageEncoder, ImageFormat, RgbImage};

    use super::*;
    use crate::picture::pixels::Area;

    /// A probe as the header would give it, with a side that passes.
    fn probe_of(format: PictureFormat) -> Probe {
        Probe { format, width: 300, height: 300, bytes: 10_000_000 }
    }

    fn decoded(bytes: &[u8], format: PictureFormat) -> Result<Pixels, PictureProblem> {
        let folder = tempfile::tempdir().expect("tempdir");
        let path = folder.path().join("picture");
        std::fs::write(&path, bytes).expect("write");
        decode(&path, &probe_of(format))
    }

    const PNG: PictureFormat = PictureFormat::Png;
    const JPEG: PictureFormat = PictureFormat::Jpeg;

    fn encoded(picture: &DynamicImage, format: ImageFormat) -> Vec<u8> {
        let mut bytes = Cursor::new(Vec::new());
        picture.write_to(&mut bytes, format).expect("encode");
        bytes.into_inner()
    }

    fn upright(pixels: Pixels) -> RgbImage {
        pixels.upright_within(1e6, 1e6)
    }

    #[test]
    fn what_shines_through_is_white_in_every_kind_of_picture() {
        let clear = DynamicImage::ImageRgba8(image::RgbaImage::from_fn(3, 1, |x, _| {
            image::Rgba([200, 0, 0, [0, 128, 255][x as usize]])
        }));
        let red = [[255, 255, 255], [227, 127, 127], [200, 0, 0]];
        let deep = DynamicImage::ImageRgba16(clear.to_rgba16());
        for (picture, format, told) in [
            (&clear, ImageFormat::Png, PNG),
            (&deep, ImageFormat::Png, PNG),
            (&clear, ImageFormat::WebP, PictureFormat::WebP),
            (&clear, ImageFormat::Tiff, PictureFormat::Tiff),
            (&deep, ImageFormat::Tiff, PictureFormat::Tiff),
        ] {
            let pixels = decoded(&encoded(picture, format), told).expect("decoded");
            assert_eq!((pixels.width, pixels.height, pixels.channels), (3, 1, 3));
            let found: Vec<[u8; 3]> = upright(pixels).pixels().map(|pixel| pixel.0).collect();
            assert_eq!(found, red, "{format:?}");
        }
        let grey = DynamicImage::ImageLumaA8(image::GrayAlphaImage::from_fn(2, 1, |x, _| {
            image::LumaA([40, [0, 255][x as usize]])
        }));
        let pixels = decoded(&encoded(&grey, ImageFormat::Png), PNG).expect("decoded");
        assert_eq!((pixels.channels, pixels.samples.as_slice()), (1, &[255, 40][..]));
        let clear_gif = decoded(&encoded(&clear, ImageFormat::Gif), PictureFormat::Gif).expect("decoded");
        assert_eq!(upright(clear_gif).get_pixel(0, 0).0, [255; 3]);
    }

    #[test]
    fn grey_deep_and_ink_pictures_have_the_colours_they_show() {
        let grey = DynamicImage::ImageLuma16(image::ImageBuffer::from_pixel(2, 2, image::Luma([0x8080])));
        let pixels = decoded(&encoded(&grey, ImageFormat::Png), PNG).expect("decoded");
        assert_eq!((pixels.channels, upright(pixels).get_pixel(1, 1).0), (1, [0x80; 3]));
        let tiff = PictureFormat::Tiff;
        let inks: [(&[u8], PictureFormat); 3] = [
            (include_bytes!("../../tests/data/pictures/cmyk.jpg"), JPEG),
            (include_bytes!("../../tests/data/pictures/ycck.jpg"), JPEG),
            (include_bytes!("../../tests/data/pictures/cmyk.tiff"), tiff),
        ];
        for (bytes, format) in inks {
            let picture = upright(decoded(bytes, format).expect("decoded"));
            let shown =
                [(8, 8, [0, 255, 255]), (24, 8, [255, 0, 255]), (8, 24, [255, 255, 0]), (24, 24, [127, 127, 127])];
            for (x, y, colour) in shown {
                let found = picture.get_pixel(x, y).0;
                let is_near = found.iter().zip(colour).all(|(found, colour)| found.abs_diff(colour) < 16);
                assert!(is_near, "{format:?} at {x}, {y}: {found:?} instead of {colour:?}");
            }
        }
        let progressive = decoded(include_bytes!("../../tests/data/pictures/progressive.jpg"), JPEG).expect("decoded");
        let red = upright(progressive).get_pixel(20, 20).0;
        assert!(red[0].abs_diff(200) < 8 && red[1].abs_diff(30) < 8 && red[2].abs_diff(40) < 8, "{red:?}");
    }

    /// The Exif block that says how a picture is to be turned.
    pub(in crate::picture) fn exif(orientation: u8) -> Vec<u8> {
        let mut exif = b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0".to_vec();
        exif.extend([orientation, 0, 0, 0, 0, 0, 0, 0]);
        exif
    }

    #[test]
    fn a_picture_stands_upright_however_the_camera_was_held() {
        // Red above left, green above right, blue below left, black below right; as it looks when it is upright.
        let shown = RgbImage::from_fn(48, 32, |x, y| match (x < 24, y < 16) {
            (true, true) => image::Rgb([255, 0, 0]),
            (false, true) => image::Rgb([0, 255, 0]),
            (true, false) => image::Rgb([0, 0, 255]),
            (false, false) => image::Rgb([0, 0, 0]),
        });
        for number in 1..=8 {
            let mut stored = DynamicImage::from(shown.clone());
            // What undoes a turn is the turn the other way; all others undo themselves.
            let undo = match number {
                6 => 8,
                8 => 6,
                other => other,
            };
            stored.apply_orientation(Orientation::from_exif(undo).expect("an orientation"));
            let (width, height) = (stored.width(), stored.height());
            let mut jpeg = Vec::new();
            let mut encoder = JpegEncoder::new_with_quality(&mut jpeg, 95);
            encoder.set_exif_metadata(exif(number)).expect("metadata");
            encoder.write_image(stored.as_bytes(), width, height, ExtendedColorType::Rgb8).expect("encode");
            let mut png = Vec::new();
            let mut encoder = PngEncoder::new(&mut png);
            encoder.set_exif_metadata(exif(number)).expect("metadata");
            encoder.write_image(stored.as_bytes(), width, height, ExtendedColorType::Rgb8).expect("encode");
            for (bytes, format) in [(jpeg, JPEG), (png, PNG)] {
                let pixels = decoded(&bytes, format).expect("decoded");
                assert_eq!(pixels.is_on_its_side(), number >= 5);
                let picture = upright(pixels);
                assert_eq!(picture.dimensions(), (48, 32), "{number}");
                for (x, y) in [(4, 4), (40, 4), (4, 28), (40, 28)] {
                    let (found, wanted) = (picture.get_pixel(x, y).0, shown.get_pixel(x, y).0);
                    assert!(
                        found.iter().zip(wanted).all(|(a, b)| a.abs_diff(b) < 40),
                        "{number}: {found:?} {wanted:?}"
                    );
                }
            }
        }
    }

    #[test]
    fn a_profile_in_the_file_is_heeded() {
        let wide = moxcms::ColorProfile::new_display_p3().encode().expect("a profile");
        let picture = RgbImage::from_pixel(16, 16, image::Rgb([234, 51, 35]));
        let mut files = [Vec::new(), Vec::new(), Vec::new()];
        let [jpeg, png, webp] = &mut files;
        fn write(mut encoder: impl ImageEncoder, picture: &RgbImage, profile: &[u8]) {
            encoder.set_icc_profile(profile.to_vec()).expect("a profile");
            encoder.write_image(picture.as_raw(), 16, 16, ExtendedColorType::Rgb8).expect("encode");
        }
        write(JpegEncoder::new_with_quality(jpeg, 95), &picture, &wide);
        write(PngEncoder::new(png), &picture, &wide);
        write(image::codecs::webp::WebPEncoder::new_lossless(webp), &picture, &wide);
        for (bytes, format) in files.iter().zip([JPEG, PNG, PictureFormat::WebP]) {
            let red = upright(decoded(bytes, format).expect("decoded")).get_pixel(8, 8).0;
            assert!(red[0] > 248 && red[1] < 12 && red[2] < 12, "{format:?}: {red:?}");
        }
    }

    #[test]
    fn a_cut_out_part_is_the_part_that_was_meant() {
        let picture = RgbImage::from_fn(7, 5, |x, y| image::Rgb([x as u8, y as u8, 9]));
        let mut pixels = decoded(&encoded(&picture.into(), ImageFormat::Png), PNG).expect("decoded");
        pixels.crop(Area { left: 2, top: 1, width: 4, height: 3 });
        let part = upright(pixels);
        assert_eq!(part.dimensions(), (4, 3));
        assert!(part.enumerate_pixels().all(|(x, y, pixel)| pixel.0 == [x as u8 + 2, y as u8 + 1, 9]));
    }

    #[test]
    fn a_picture_cut_off_anywhere_is_refused() {
        let picture = DynamicImage::from(RgbImage::from_fn(20, 16, |x, y| {
            image::Rgb([(x * 12) as u8, (y * 15) as u8, (x * y) as u8])
        }));
        for (format, told) in [(ImageFormat::Png, PNG), (ImageFormat::Jpeg, JPEG)] {
            let whole = encoded(&picture, format);
            for length in 0..whole.len() - 12 {
                assert!(decoded(&whole[..length], told).is_err(), "{format:?} of {length} in {} bytes", whole.len());
            }
        }
    }

    #[test]
    fn bombs_are_refused_before_they_are_decoded() {
        let little = DynamicImage::new_rgba8(4, 4);
        let mut png = encoded(&little, ImageFormat::Png);
        png[16..24].copy_from_slice(&[0, 0, 0x27, 0x10, 0, 0, 0x2b, 0x10]);
        let checksum = crate::picture::verify::crc32(&png[12..29]).to_be_bytes();
        png[29..33].copy_from_slice(&checksum);
        let problem = decoded(&png, PNG).expect_err("too large").to_string();
        assert!(problem.contains("10000 x 11024 px would take 441 MB of memory"), "{problem}");

        let mut jpeg = encoded(&DynamicImage::new_rgb8(16, 16), ImageFormat::Jpeg);
        let frame = jpeg.windows(2).position(|pair| pair == [0xff, 0xc0]).expect("frame header");
        jpeg[frame + 5..frame + 9].copy_from_slice(&[0x1f, 0x40, 0x1f, 0x40]);
        jpeg[frame + 1] = 0xc2; // Progressive: 8000 x 8000 px, with three coefficients of two bytes each.
        let problem = decoded(&jpeg, JPEG).expect_err("too large").to_string();
        assert!(problem.contains("8000 x 8000 px would take 576 MB of memory"), "{problem}");

        let vast = Probe { format: PNG, width: 20_000, height: 20_000, bytes: 100 };
        let problem = decode(Path::new("never opened"), &vast).expect_err("too large");
        assert!(matches!(problem, PictureProblem::TooManyPixels { .. }));
    }

    const FOREIGN: [(ImageFormat, PictureFormat); 4] = [
        (ImageFormat::WebP, PictureFormat::WebP),
        (ImageFormat::Bmp, PictureFormat::Bmp),
        (ImageFormat::Tiff, PictureFormat::Tiff),
        (ImageFormat::Gif, PictureFormat::Gif),
    ];

    #[test]
    fn pictures_of_other_formats_keep_their_colours() {
        let picture = DynamicImage::from(RgbImage::from_fn(24, 20, |x, _| {
            if x < 12 { image::Rgb([250, 10, 10]) } else { image::Rgb([10, 10, 250]) }
        }));
        for (format, told) in FOREIGN {
            let found = upright(decoded(&encoded(&picture, format), (told)).expect("decoded"));
            assert_eq!(found.dimensions(), (24, 20));
            for (x, colour) in [(2, [250, 10, 10]), (20, [10, 10, 250])] {
                let is_near = found.get_pixel(x, 10).0.iter().zip(colour).all(|(a, b)| a.abs_diff(b) < 6);
                assert!(is_near, "{format:?}: {:?}", found.get_pixel(x, 10));
            }
        }
    }

    proptest::proptest! {
        #![proptest_config(proptest::prelude::ProptestConfig::with_cases(200))]
        #[test]
        fn damage_and_garbage_are_refused_or_decoded_and_never_break_anything(
            which in 0usize..6,
            length in 0usize..3_000,
            damage in proptest::collection::vec((0usize..3_000, proptest::prelude::any::<u8>()), 0..6),
        ) {
            let picture = DynamicImage::from(RgbImage::from_fn(30, 20, |x, y| image::Rgb([(x * 8) as u8, (y * 12) as u8, 7])));
            let (format, told) = match which {
                0 => (ImageFormat::Png, PNG),
                1 => (ImageFormat::Jpeg, JPEG),
                other => (FOREIGN[other - 2].0, FOREIGN[other - 2].1),
            };
            let mut bytes = encoded(&picture, format);
            for (at, byte) in damage {
                let at = at % bytes.len();
                bytes[at] = byte;
            }
            bytes.truncate(length);
            if let Ok(pixels) = decoded(&bytes, told) {
                upright(pixels);
            }
        }

        #[test]
        fn any_bytes_are_no_accident(which in 0usize..6, bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..600)) {
            let magics: [(&[u8], PictureFormat); 6] = [
                (b"\x89PNG\r\n\x1a\n", PNG),
                (b"\xff\xd8\xff", JPEG),
                (b"RIFF\0\0\0\0WEBPVP8 ", PictureFormat::WebP),
                (b"BM\0\0\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0", PictureFormat::Bmp),
                (b"II*\0\x08\0\0\0", PictureFormat::Tiff),
                (b"GIF89a", PictureFormat::Gif),
            ];
            let (magic, told) = magics[which];
            if let Ok(pixels) = decoded(&[magic, &bytes].concat(), told) {
                upright(pixels);
            }
        }
    }
}
