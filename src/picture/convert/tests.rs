//! Converted pictures, looked at by decoding them again.

use image::{DynamicImage, ImageFormat, Rgba, RgbaImage};
use moxcms::ColorProfile;

use super::*;
use crate::picture::probe_any_size;

const RED: Rgb<u8> = Rgb([200, 30, 30]);

fn plain(form: Form) -> Conversion {
    Conversion {
        width: None,
        height: None,
        fit: Fit::Inside,
        enlarge: false,
        background: [255; 3],
        trim: false,
        whiten: false,
        keep_profile: false,
        form,
    }
}

fn framed_as(width: u32, height: u32, fit: Fit) -> Conversion {
    Conversion { width: Some(width), height: Some(height), fit, ..plain(Form::Png) }
}

/// The file converted, and decoded again.
fn made(file: &[u8], conversion: &Conversion) -> (Converted, RgbImage) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("picture");
    std::fs::write(&path, file).expect("written");
    let probe = probe_any_size(&path).expect("a picture");
    let converted = convert(&path, &probe, conversion).expect("converted");
    let again = image::load_from_memory(&converted.bytes).expect("decodes").into_rgb8();
    assert_eq!((converted.width, converted.height), again.dimensions());
    (converted, again)
}

fn file(picture: impl Into<DynamicImage>, format: ImageFormat) -> Vec<u8> {
    let mut bytes = std::io::Cursor::new(Vec::new());
    picture.into().write_to(&mut bytes, format).expect("encoded");
    bytes.into_inner()
}

fn png(picture: impl Into<DynamicImage>) -> Vec<u8> {
    file(picture, ImageFormat::Png)
}

fn red(width: u32, height: u32) -> Vec<u8> {
    png(RgbImage::from_pixel(width, height, RED))
}

#[test]
fn a_padded_picture_is_whole_in_the_middle_of_exactly_the_frame() {
    let conversion = Conversion { background: [255, 250, 240], ..framed_as(200, 200, Fit::Pad { fill: 100 }) };
    let (_, padded) = made(&red(100, 400), &conversion);
    assert_eq!(padded.dimensions(), (200, 200));
    assert_eq!([padded[(0, 0)], padded[(74, 100)]], [Rgb([255, 250, 240]); 2]);
    assert_eq!([padded[(75, 0)], padded[(124, 199)]], [RED; 2]);
    let (_, filled) = made(&red(100, 400), &framed_as(200, 200, Fit::Pad { fill: 85 }));
    assert_eq!(
        [filled[(100, 14)], filled[(100, 15)], filled[(100, 184)], filled[(100, 185)]],
        [Rgb([255; 3]), RED, RED, Rgb([255; 3])]
    );
}

#[test]
fn a_picture_is_enlarged_only_on_request() {
    for (fit, small, large) in [
        (Fit::Inside, (100, 50), (400, 200)),
        (Fit::Pad { fill: 100 }, (400, 400), (400, 400)),
        (Fit::Crop, (50, 50), (400, 400)),
    ] {
        let conversion = framed_as(400, 400, fit);
        assert_eq!(made(&red(100, 50), &conversion).1.dimensions(), small, "{fit:?}");
        let enlarging = Conversion { enlarge: true, ..conversion };
        assert_eq!(made(&red(100, 50), &enlarging).1.dimensions(), large, "{fit:?}");
    }
    let one_side = Conversion { width: Some(50), ..plain(Form::Png) };
    assert_eq!(made(&red(100, 60), &one_side).1.dimensions(), (50, 30));
}

#[test]
fn what_is_cut_off_is_cut_on_both_sides_alike() {
    let mut picture = RgbImage::from_pixel(300, 100, Rgb([0, 0, 0]));
    image::imageops::replace(&mut picture, &RgbImage::from_pixel(100, 100, RED), 100, 0);
    let (_, cropped) = made(&png(picture), &framed_as(100, 100, Fit::Crop));
    assert!(cropped.pixels().all(|pixel| *pixel == RED));
}

#[test]
fn a_picture_on_its_side_is_turned_upright() {
    let mut lying = RgbImage::from_pixel(60, 30, Rgb([0, 0, 0]));
    lying.put_pixel(0, 0, RED);
    let mut bytes = std::io::Cursor::new(Vec::new());
    let mut encoder = PngEncoder::new(&mut bytes);
    // Orientation 6: to be turned by 90 degrees clockwise.
    let exif = b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0";
    encoder.set_exif_metadata(exif.to_vec()).expect("taken");
    encoder.write_image(lying.as_raw(), 60, 30, ExtendedColorType::Rgb8).expect("encoded");
    let (_, upright) = made(bytes.get_ref(), &plain(Form::Png));
    assert_eq!((upright.dimensions(), upright[(29, 0)]), ((30, 60), RED));
    let (_, padded) = made(bytes.get_ref(), &framed_as(60, 60, Fit::Pad { fill: 100 }));
    assert_eq!((padded[(0, 30)], padded[(30, 30)]), (Rgb([255; 3]), Rgb([0; 3])), "it stands, and is padded beside");
}

#[test]
fn what_shines_through_is_the_background_for_colour_and_grey() {
    let conversion = Conversion { background: [10, 200, 100], ..plain(Form::Png) };
    let (_, coloured) = made(&png(RgbaImage::from_pixel(8, 8, Rgba([255, 0, 0, 0]))), &conversion);
    assert_eq!(coloured[(3, 3)], Rgb([10, 200, 100]));
    let grey = image::GrayAlphaImage::from_pixel(8, 8, image::LumaA([80, 128]));
    let (_, laid) = made(&png(DynamicImage::from(grey)), &conversion);
    assert_eq!(laid[(3, 3)], Rgb([45, 140, 90]));
    let clear_webp = file(RgbaImage::from_pixel(8, 8, Rgba([255, 0, 0, 0])), ImageFormat::WebP);
    assert_eq!(made(&clear_webp, &conversion).1[(3, 3)], Rgb([10, 200, 100]));
}

#[test]
fn colours_become_srgb_or_their_profile_goes_along() {
    let profile = ColorProfile::new_display_p3().encode().expect("a profile");
    let mut bytes = std::io::Cursor::new(Vec::new());
    let mut encoder = PngEncoder::new(&mut bytes);
    encoder.set_icc_profile(profile.clone()).expect("taken");
    encoder.write_image(&[234, 51, 35], 1, 1, ExtendedColorType::Rgb8).expect("encoded");
    let (converted, srgb) = made(bytes.get_ref(), &plain(Form::Png));
    assert!(srgb[(0, 0)][0] >= 252 && srgb[(0, 0)][1] <= 4, "{:?}", srgb[(0, 0)]);
    assert_eq!(converted.profile, None);
    let keeping = Conversion { keep_profile: true, ..plain(Form::Png) };
    let (kept, as_it_was) = made(bytes.get_ref(), &keeping);
    assert_eq!((kept.profile.as_ref(), as_it_was[(0, 0)]), (Some(&profile), Rgb([234, 51, 35])));
    let embedded = crate::picture::png_chunks::remarks(&kept.bytes).profile;
    assert_eq!(embedded, Some(profile));
}

#[test]
fn pale_paper_becomes_white_and_its_margin_is_cut_off() {
    let mut shot = RgbImage::from_pixel(400, 400, Rgb([244, 243, 242]));
    image::imageops::replace(&mut shot, &RgbImage::from_pixel(100, 200, Rgb([40, 60, 90])), 150, 100);
    let (_, white) = made(&png(shot.clone()), &Conversion { whiten: true, ..plain(Form::Png) });
    assert_eq!((white.dimensions(), white[(5, 5)]), ((400, 400), Rgb([255; 3])));
    let (_, trimmed) = made(&png(shot), &Conversion { trim: true, ..plain(Form::Png) });
    assert!(trimmed.width() < 130 && (200..230).contains(&trimmed.height()), "{:?}", trimmed.dimensions());
}

#[test]
fn quality_decides_the_length_and_every_form_is_what_it_says() {
    let noise = png(RgbImage::from_fn(128, 128, |x, y| Rgb([(x * 37 + y * 91) as u8, (x * y) as u8, (y * 53) as u8])));
    let length = |form| made(&noise, &plain(form)).0.bytes.len();
    assert!(length(Form::Jpeg { quality: 95 }) > length(Form::Jpeg { quality: 50 }));
    assert!(length(Form::WebP { quality: 95 }) > length(Form::WebP { quality: 50 }));
    for form in [Form::Jpeg { quality: 90 }, Form::Png, Form::WebP { quality: 90 }, Form::LosslessWebP] {
        let (converted, again) = made(&noise, &plain(form));
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("again");
        std::fs::write(&path, &converted.bytes).expect("written");
        assert_eq!(probe_any_size(&path).expect("a picture").format, form.format());
        let is_exact = again == image::load_from_memory(&noise).expect("decodes").into_rgb8();
        assert_eq!(is_exact, matches!(form, Form::Png | Form::LosslessWebP), "{form:?}");
        assert_eq!(made(&noise, &plain(form)).0, converted, "the same file gives the same bytes");
    }
}
