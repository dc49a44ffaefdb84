//! Decoded inputs: colours, transparency, orientation, bounds, damage.

use std::io::Cursor;

use image::codecs::jpeg::JpegEncoder;
use image::codecs::png::PngEncoder;
use image::codecs::webp::WebPEncoder;
use image::{ExtendedColorType, ImageEncoder, ImageFormat, RgbImage};

use image::DynamicImage;
use image::metadata::Orientation;

use super::*;
use crate::picture::file_header;
use crate::picture::pixels::Area;

/// A probe as the header would give it, with a side that passes.
fn probe_of(format: PictureFormat) -> Probe {
    Probe::of(format, (300, 300), 10_000_000)
}

fn decoded(bytes: &[u8], format: PictureFormat) -> Result<Pixels, PictureError> {
    let folder = tempfile::tempdir().expect("tempdir");
    let path = folder.path().join("picture");
    std::fs::write(&path, bytes).expect("write");
    let mut file = std::fs::File::open(&path).expect("open");
    let mut probe = probe_of(format);
    if let Ok(header) = file_header::read(&mut file, format) {
        (probe.width, probe.height, probe.bytes) = (header.width, header.height, bytes.len() as u64);
    }
    decode(&path, &probe)
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
        (include_bytes!("../../../tests/data/pictures/cmyk.jpg"), JPEG),
        (include_bytes!("../../../tests/data/pictures/ycck.jpg"), JPEG),
        (include_bytes!("../../../tests/data/pictures/cmyk.tiff"), tiff),
    ];
    for (bytes, format) in inks {
        let picture = upright(decoded(bytes, format).expect("decoded"));
        let shown = [(8, 8, [0, 255, 255]), (24, 8, [255, 0, 255]), (8, 24, [255, 255, 0]), (24, 24, [127, 127, 127])];
        for (x, y, colour) in shown {
            let found = picture.get_pixel(x, y).0;
            let is_near = found.iter().zip(colour).all(|(found, colour)| found.abs_diff(colour) < 16);
            assert!(is_near, "{format:?} at {x}, {y}: {found:?} instead of {colour:?}");
        }
    }
    let progressive = decoded(include_bytes!("../../../tests/data/pictures/progressive.jpg"), JPEG).expect("decoded");
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
        let mut files = vec![(jpeg, JPEG)];
        // As the formats' rules have it, and with the mark that the block has in a JPEG left on.
        for block in [exif(number), [b"Exif\0\0".as_slice(), &exif(number)].concat()] {
            let (mut png, mut webp) = (Vec::new(), Vec::new());
            let mut encoder = PngEncoder::new(&mut png);
            encoder.set_exif_metadata(block.clone()).expect("metadata");
            encoder.write_image(stored.as_bytes(), width, height, ExtendedColorType::Rgb8).expect("encode");
            let mut encoder = WebPEncoder::new_lossless(&mut webp);
            encoder.set_exif_metadata(block).expect("metadata");
            encoder.write_image(stored.as_bytes(), width, height, ExtendedColorType::Rgb8).expect("encode");
            files.extend([(png, PNG), (webp, PictureFormat::WebP)]);
        }
        for (bytes, format) in files {
            let pixels = decoded(&bytes, format).expect("decoded");
            assert_eq!(pixels.is_on_its_side(), number >= 5);
            let picture = upright(pixels);
            assert_eq!(picture.dimensions(), (48, 32), "{number}");
            for (x, y) in [(4, 4), (40, 4), (4, 28), (40, 28)] {
                let (found, wanted) = (picture.get_pixel(x, y).0, shown.get_pixel(x, y).0);
                assert!(found.iter().zip(wanted).all(|(a, b)| a.abs_diff(b) < 40), "{number}: {found:?} {wanted:?}");
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
    write(WebPEncoder::new_lossless(webp), &picture, &wide);
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
    assert_eq!(problem, "is 10000 x 11024 px; at most 100 megapixels can be worked on");

    let mut jpeg = encoded(&DynamicImage::new_rgb8(16, 16), ImageFormat::Jpeg);
    let frame = jpeg.windows(2).position(|pair| pair == [0xff, 0xc0]).expect("frame header");
    jpeg[frame + 5..frame + 9].copy_from_slice(&[0x1f, 0x40, 0x1f, 0x40]);
    jpeg[frame + 1] = 0xc2; // Progressive: 8000 x 8000 px, with three coefficients of two bytes each.
    let problem = decoded(&jpeg, JPEG).expect_err("too large").to_string();
    assert!(problem.contains("8000 x 8000 px, which would take 577 MB of memory"), "{problem}");

    let vast = Probe { width: 20_000, height: 20_000, ..probe_of(PNG) };
    let problem = decode(std::path::Path::new("never opened"), &vast).expect_err("too large");
    assert!(matches!(problem, PictureError::TooManyPixels { .. }));
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
        let found = upright(decoded(&encoded(&picture, format), told).expect("decoded"));
        assert_eq!(found.dimensions(), (24, 20));
        for (x, colour) in [(2, [250, 10, 10]), (20, [10, 10, 250])] {
            let is_near = found.get_pixel(x, 10).0.iter().zip(colour).all(|(a, b)| a.abs_diff(b) < 6);
            assert!(is_near, "{format:?}: {:?}", found.get_pixel(x, 10));
        }
    }
}

/// Two pixels of 16 bits, the first bit of which is alpha: red, and blue.
fn bitmap_with_alpha(alpha: u16) -> Vec<u8> {
    let mut bytes = b"BM".to_vec();
    bytes.extend([126u32, 0, 122].iter().flat_map(|number| number.to_le_bytes()));
    bytes.extend([108u32, 2, 1].iter().flat_map(|number| number.to_le_bytes()));
    bytes.extend([1u16, 16].iter().flat_map(|number| number.to_le_bytes()));
    bytes.extend([3u32, 4, 0, 0, 0, 0, 0x7c00, 0x03e0, 0x001f, 0x8000].iter().flat_map(|number| number.to_le_bytes()));
    bytes.resize(122, 0);
    bytes.extend([0x7c00 | alpha, 0x001f].iter().flat_map(|pixel| pixel.to_le_bytes()));
    bytes
}

#[test]
fn a_bitmap_whose_alpha_is_0_throughout_is_seen_and_one_with_any_alpha_is_laid_on_white() {
    let shown = |alpha| {
        let pixels = decoded(&bitmap_with_alpha(alpha), PictureFormat::Bmp).expect("decoded");
        upright(pixels).pixels().map(|pixel| pixel.0).collect::<Vec<_>>()
    };
    assert_eq!(shown(0), [[255, 0, 0], [0, 0, 255]]);
    assert_eq!(shown(0x8000), [[255, 0, 0], [255, 255, 255]]);
}

#[test]
fn a_bitmap_whose_pixels_are_said_to_lie_on_its_palette_is_known_by_its_header() {
    let grey = DynamicImage::new_luma8(320, 400);
    let not_decoded = |bytes: &[u8]| {
        let mut file = tempfile::tempfile().expect("tempfile");
        std::io::Write::write_all(&mut file, bytes).expect("write");
        file_header::read(&mut file, PictureFormat::Bmp).expect("a header").not_decoded
    };
    let mut bytes = encoded(&grey, ImageFormat::Bmp);
    assert_eq!(not_decoded(&bytes), None);
    bytes[10..14].copy_from_slice(&54_u32.to_le_bytes());
    assert_eq!(not_decoded(&bytes), Some("a damaged bitmap, of which palette and pixels overlap"));
    assert_eq!(not_decoded(&encoded(&grey.into_rgb8().into(), ImageFormat::Bmp)), None, "no palette, no overlap");
}

#[test]
fn a_tiff_in_tiles_of_one_colour_each_is_known_by_its_tags_before_it_breaks_the_decoder() {
    let not_decoded = |tags: &[(u16, u16)]| {
        let mut bytes = b"II*\0\x08\0\0\0".to_vec();
        bytes.extend((tags.len() as u16).to_le_bytes());
        for (tag, value) in tags {
            bytes.extend([*tag, 3, 1, 0, *value, 0].iter().flat_map(|number| number.to_le_bytes()));
        }
        bytes.extend([0; 4]);
        let mut file = tempfile::tempfile().expect("tempfile");
        std::io::Write::write_all(&mut file, &bytes).expect("write");
        file_header::read(&mut file, PictureFormat::Tiff).expect("a header").not_decoded
    };
    let planar = [(256, 320), (257, 400), (258, 8), (259, 1), (262, 2), (277, 3), (284, 2)];
    assert_eq!(not_decoded(&planar), None);
    let tiled = [planar.as_slice(), &[(322, 16), (323, 16)]].concat();
    assert_eq!(not_decoded(&tiled), Some("a TIFF of an unusual kind"));
    let together = [&planar[..6], &[(284, 1), (322, 16), (323, 16)]].concat();
    assert_eq!(not_decoded(&together), None);
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
