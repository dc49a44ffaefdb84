//! Files that went wrong once, each as a test, and others of their kinds. Where they come from:
//! `tests/data/pictures/README.md`.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use image::RgbImage;

use super::decode::decode;
use super::{
    InputLimits, Peculiarity, PictureError, PictureFormat, Probe, VerifiedPicture, check_whole, fit, outfit, probe,
    verify_result,
};

const RED: [u8; 3] = [200, 30, 40];
const GREEN: [u8; 3] = [30, 200, 60];
const WHITE: [u8; 3] = [255; 3];

fn case(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/pictures").join(name)
}

fn bytes(name: &str) -> Vec<u8> {
    std::fs::read(case(name)).expect("a case")
}

fn probed(name: &str) -> Result<Probe, String> {
    probe(&case(name)).map_err(|problem| problem.to_string())
}

/// The picture as an outfit or `--fit-images` would send it.
fn shown(name: &str) -> Result<RgbImage, PictureError> {
    shown_at(&case(name))
}

fn shown_at(path: &Path) -> Result<RgbImage, PictureError> {
    decode(path, &probe(path)?).map(|pixels| pixels.upright_within(1e6, 1e6))
}

fn verified(bytes: &[u8]) -> Result<VerifiedPicture, String> {
    let mut file = tempfile::tempfile().expect("tempfile");
    file.write_all(bytes).expect("write");
    verify_result(&mut file).map_err(|broken| broken.to_string())
}

/// Each of `places` is within `tolerance` of its colour.
fn has_colours(picture: &RgbImage, places: &[(u32, u32, [u8; 3])], tolerance: u8) {
    for (x, y, colour) in places {
        let found = picture.get_pixel(*x, *y).0;
        let is_near = found.iter().zip(colour).all(|(a, b)| a.abs_diff(*b) <= tolerance);
        assert!(is_near, "at {x}, {y}: {found:?} instead of {colour:?}");
    }
}

#[test]
fn results_that_trip_a_decoder_and_that_viewers_show_are_whole() {
    for (name, format, size) in [
        ("result-cicp-matrix-1.png", PictureFormat::Png, (64, 64)),
        ("result-non-interleaved-440.jpg", PictureFormat::Jpeg, (64, 64)),
        ("garment-non-interleaved-420.jpg", PictureFormat::Jpeg, (320, 400)),
        ("garment-fill-byte-between-segments.jpg", PictureFormat::Jpeg, (320, 400)),
        ("fastimage-test3.jpg", PictureFormat::Jpeg, (630, 367)),
        ("pillow-junk_jpeg_header.jpg", PictureFormat::Jpeg, (1024, 768)),
        ("made-short-app14.jpg", PictureFormat::Jpeg, (320, 400)),
        ("made-restarts.jpg", PictureFormat::Jpeg, (320, 400)),
        ("made-progressive.jpg", PictureFormat::Jpeg, (320, 400)),
        ("cmyk.jpg", PictureFormat::Jpeg, (32, 32)),
    ] {
        let found = verified(&bytes(name)).unwrap_or_else(|why| panic!("{name} {why}"));
        assert_eq!((found.format, (found.width, found.height)), (format, size), "{name}");
    }
}

#[test]
fn a_result_in_another_format_is_whole_under_its_own_name_and_cut_off_it_is_not() {
    for (name, format) in [
        ("made-whole.webp", PictureFormat::WebP),
        ("made-lossless.webp", PictureFormat::WebP),
        ("made-whole.gif", PictureFormat::Gif),
        ("made-whole.avif", PictureFormat::Avif),
        ("made-grey.tif", PictureFormat::Tiff),
        ("garment-top-down.bmp", PictureFormat::Bmp),
    ] {
        let whole = bytes(name);
        let found = verified(&whole).unwrap_or_else(|why| panic!("{name} {why}"));
        assert_eq!((found.format, found.width, found.height), (format, 320, 400), "{name}");
        for length in (0..whole.len() * 9 / 10).step_by(whole.len() / 40 + 1) {
            assert!(verified(&whole[..length]).is_err(), "{name}: {length} of {} bytes", whole.len());
        }
    }
}

#[test]
fn ancillary_chunks_of_a_png_are_nobodys_business_and_pixels_are() {
    let whole = bytes("result-cicp-matrix-1.png");
    let first = 8 + 25;
    for kind in [b"cICP", b"iCCP", b"gAMA", b"tEXt", b"eXIf", b"acTL", b"zzZz", b"sBIT", b"mDCV"] {
        for data in [&b""[..], b"x", b"\xff\xff\xff\xff\xff"] {
            let chunk = [&(data.len() as u32).to_be_bytes()[..], kind, data, b"\0\0\0\0"].concat();
            let with_chunk = [&whole[..first], &chunk, &whole[first..]].concat();
            assert!(verified(&with_chunk).is_ok(), "{kind:?} of {data:?}");
        }
    }
    let pixels = whole.windows(4).position(|kind| kind == b"IDAT").expect("pixels");
    let mut damaged = whole.clone();
    damaged[pixels + 8] ^= 0x10;
    assert!(verified(&damaged).is_err());
    assert!(verified(&whole[..pixels - 4]).is_err(), "no pixels at all");
}

#[test]
fn a_jpeg_with_any_part_of_its_pixels_gone_is_damaged_as_input_and_as_result() {
    let problem = shown("garment-damaged-in-the-middle.jpg").expect_err("damaged");
    assert!(matches!(problem, PictureError::DamagedPixels(_)), "{problem}");
    assert!(verified(&bytes("garment-damaged-in-the-middle.jpg")).is_err());
    for name in ["garment-non-interleaved-420.jpg", "made-progressive.jpg", "made-restarts.jpg"] {
        let whole = bytes(name);
        let scan = whole.windows(2).position(|pair| pair == [0xff, 0xda]).expect("a scan") + 20;
        let end = whole.len() - 2;
        for part in 1..20 {
            let from = scan + (end - scan) * part / 20;
            let gone = [&whole[..from], &whole[end..]].concat();
            assert!(verified(&gone).is_err(), "{name}: cut at {from}, and its end put back");
        }
    }
}

#[test]
fn inputs_of_rare_kinds_have_their_colours() {
    for (name, tolerance) in [
        ("made-whole.webp", 12),
        ("made-whole.gif", 4),
        ("made-restarts.jpg", 12),
        ("made-progressive.jpg", 12),
        ("made-short-app14.jpg", 12),
        ("made-palette.png", 24),
    ] {
        let picture = shown(name).unwrap_or_else(|problem| panic!("{name} {problem}"));
        has_colours(&picture, &[(20, 20, WHITE), (100, 100, RED), (200, 300, RED), (140, 140, GREEN)], tolerance);
    }
}

#[test]
fn components_in_scans_of_their_own_are_put_together_rightly() {
    // What libjpeg makes of it.
    let picture = shown("garment-non-interleaved-420.jpg").expect("decoded");
    has_colours(&picture, &[(160, 200, [30, 161, 130])], 3);
}

#[test]
fn a_sample_that_is_no_colour_leaves_the_colours_of_a_tiff_alone() {
    let picture = shown("garment-saved-alpha-lzw-predictor.tif").expect("decoded");
    has_colours(&picture, &[(160, 200, [30, 160, 130]), (5, 5, WHITE), (315, 395, WHITE)], 0);
}

#[test]
fn premultiplied_alpha_leaves_no_dark_rim() {
    let picture = shown("garment-premultiplied-alpha.tif").expect("decoded");
    has_colours(&picture, &[(160, 200, [30, 160, 130]), (5, 5, WHITE)], 1);
    // On white, every mixture of the garment with it is at least as light as the garment.
    assert!(picture.pixels().all(|pixel| pixel.0[0] >= 20 && pixel.0[1] >= 20 && pixel.0[2] >= 20));
}

#[test]
fn inks_are_shown_by_the_profile_of_their_press() {
    let picture = shown("garment-cmyk-with-profile.jpg").expect("decoded");
    has_colours(&picture, &[(100, 100, [187, 71, 62])], 8);
    assert_eq!(probed("garment-cmyk-with-profile.jpg").expect("a picture").peculiarity, Some(Peculiarity::Inks));
}

#[test]
fn of_two_exif_blocks_the_first_counts_as_in_viewers() {
    assert_eq!(probed("made-two-exif-blocks.jpg").expect("a picture").peculiarity, Some(Peculiarity::Turned));
    assert_eq!(shown("made-two-exif-blocks.jpg").expect("decoded").dimensions(), (400, 320));
}

#[test]
fn bitmaps_have_their_true_sizes() {
    for (name, size) in [("garment-top-down.bmp", (320, 400)), ("image-rs-Core_8_Bit.bmp", (435, 353))] {
        let found = probed(name).expect("a picture");
        assert_eq!((found.width, found.height), size, "{name}");
        assert_eq!(shown(name).expect("decoded").dimensions(), size, "{name}");
    }
}

#[test]
fn what_cannot_be_decoded_is_refused_by_its_header_with_the_cure() {
    assert_eq!(
        probed("image-size-sample_fried-CgBI.png").expect_err("no PNG"),
        "is a PNG out of an iPhone app (CgBI), which only Apple's programs read; export it again, as a JPEG or PNG"
    );
    assert_eq!(
        probed("made-whole.avif").expect_err("AVIF"),
        "is an AVIF picture, not a JPEG or PNG picture; export it as a JPEG"
    );
    let problem = probed("garment-jpeg-in-tiff.tif")
        .expect("a picture")
        .check_fit(&InputLimits::KOLORS)
        .expect_err("a TIFF")
        .to_string();
    assert!(!problem.contains("--fit-images"), "no cure is promised that fails: {problem}");
    for (name, what) in
        [("garment-jpeg-in-tiff.tif", "a TIFF that holds a JPEG"), ("made-palette.tif", "a TIFF with a palette")]
    {
        let found = probed(name).expect("a picture");
        let problem = found.check_decodable().expect_err(name).to_string();
        assert_eq!(problem, format!("is {what}, which cannot be converted here; export it as a usual JPEG"));
        assert_eq!(
            fit(&case(name), &found, &InputLimits::KOLORS).expect_err(name).to_string(),
            problem,
            "the run says what the check says"
        );
    }
}

#[test]
fn arithmetic_codes_are_converted_and_a_lossless_jpeg_is_refused_by_its_header() {
    let found = probed("made-arithmetic.jpg").expect("a picture");
    let made = fit(&case("made-arithmetic.jpg"), &found, &InputLimits::KOLORS).expect("converted");
    assert_eq!((made.width, made.height), (found.width, found.height));
    // The marker of the lossless process in place of the sequential one.
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("lossless.jpg");
    let mut lossless = bytes("made-restarts.jpg");
    let frame = lossless.windows(2).position(|pair| pair == [0xff, 0xc0]).expect("a frame");
    lossless[frame + 1] = 0xc3;
    std::fs::write(&path, lossless).expect("written");
    let found = probe(&path).expect("a picture");
    assert_eq!(found.peculiarity, Some(Peculiarity::Unconvertible));
    let problem = found.check_decodable().expect_err("not decoded").to_string();
    assert_eq!(problem, "is a lossless JPEG, which cannot be converted here; export it as a usual JPEG");
    assert_eq!(
        fit(&path, &found, &InputLimits::KOLORS).expect_err("not decoded").to_string(),
        problem,
        "the run says what the check says"
    );
    assert!(check_whole(&path, &found).is_ok(), "nothing says that it is damaged: without --fit-images it is sent");
}

#[test]
fn what_a_model_may_take_wrong_is_converted_and_what_it_takes_is_not() {
    for (name, peculiarity) in [
        ("made-transparent.png", Some(Peculiarity::Transparent)),
        ("made-two-exif-blocks.jpg", Some(Peculiarity::Turned)),
        ("garment-cmyk-with-profile.jpg", Some(Peculiarity::Inks)),
        ("made-arithmetic.jpg", Some(Peculiarity::RareProcess)),
        ("made-progressive.jpg", None),
        ("made-palette.png", None),
    ] {
        let found = probed(name).expect("a picture");
        assert_eq!(
            (found.peculiarity, found.wants_fitting(&InputLimits::KOLORS)),
            (peculiarity, peculiarity.is_some()),
            "{name}"
        );
        assert!(found.check_fit(&InputLimits::KOLORS).is_ok(), "{name}: without --fit-images it is sent as it is");
    }
    let found = probe(&case("made-transparent.png")).expect("a picture");
    let made = fit(&case("made-transparent.png"), &found, &InputLimits::KOLORS).expect("converted");
    let picture = image::load_from_memory(&made.jpeg).expect("a JPEG").into_rgb8();
    has_colours(&picture, &[(160, 2, WHITE), (160, 398, WHITE), (200, 330, [208, 71, 79])], 24);
}

#[test]
fn a_white_garment_on_pale_paper_stays_whole_and_its_paper_becomes_white() {
    let shirt = case("white-shirt-on-246-paper.jpg");
    let made = outfit(&shirt, &shirt).expect("an outfit");
    let picture = image::load_from_memory(&made.jpeg).expect("a JPEG").into_rgb8();
    let before = image::open(&shirt).expect("a picture").into_rgb8();
    // The folds of the shirt: pixels a little darker than white, upper and lower alike.
    let shaded = |picture: &RgbImage| {
        let count = picture.pixels().filter(|pixel| (200..=250).contains(&pixel.0[1])).count();
        count as f64 / (picture.width() * picture.height()) as f64
    };
    assert!(shaded(&before) > 0.9, "all of it is pale grey");
    let share = shaded(&picture);
    assert!((0.04..0.4).contains(&share), "the folds are there, and the paper is white: {share}");
    for (x, y) in
        [(2, 2), (picture.width() - 3, 2), (2, picture.height() / 2), (picture.width() / 2, picture.height() - 3)]
    {
        assert!(picture.get_pixel(x, y).0.iter().all(|channel| *channel >= 253), "{x}, {y}");
    }
}

#[test]
fn no_damage_to_any_case_is_an_accident() {
    for entry in std::fs::read_dir(case("")).expect("cases").flatten() {
        let mut bytes = std::fs::read(entry.path()).expect("read");
        let folder = tempfile::tempdir().expect("tempdir");
        let path = folder.path().join("damaged");
        for round in 0..6 {
            let at = (round * 7_919 + 13) % bytes.len().min(4_000);
            bytes[at] ^= 1 << (round % 8);
            std::fs::write(&path, &bytes).expect("write");
            let _ = verify_result(&mut File::open(&path).expect("open"));
            let _ = shown_at(&path);
        }
    }
}
