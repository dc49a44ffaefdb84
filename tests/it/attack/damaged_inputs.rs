//! Pictures that are sent byte for byte: a damaged one is found out before anything is spent, and what every viewer shows is
//! not damaged.

use std::path::Path;

use image::{DynamicImage, ImageFormat, Rgb, RgbImage};

use crate::support::provider::{Provider, Script};
use crate::support::workshop::Workshop;

fn encoded(format: ImageFormat) -> Vec<u8> {
    let picture = RgbImage::from_fn(320, 400, |x, y| Rgb([(x / 2) as u8, (y / 2) as u8, (x ^ y) as u8]));
    let mut bytes = std::io::Cursor::new(Vec::new());
    DynamicImage::from(picture).write_to(&mut bytes, format).expect("a picture");
    bytes.into_inner()
}

fn case(name: &str) -> Vec<u8> {
    std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/pictures").join(name)).expect("a case")
}

/// A workshop with a job for each picture, as garment or as person, by its column.
fn shop_with(pictures: &[(&str, &str, Vec<u8>)]) -> Workshop {
    let mut shop = Workshop::new(0);
    let mut manifest = "id,human_image,cloth_image\n".to_owned();
    for (job, column, bytes) in pictures {
        std::fs::write(shop.file(job), bytes).expect("a picture");
        let url = format!("http://pictures.test/{job}.jpg");
        manifest += &match *column {
            "human_image" => format!("{job},{job},cloth.jpg\n"),
            _ => format!("{job},{url},{job}\n"),
        };
        shop.jobs.push((*job).to_owned());
    }
    std::fs::write(shop.file("jobs.csv"), manifest).expect("a manifest");
    shop
}

fn damaged() -> Vec<(&'static str, &'static str, Vec<u8>, &'static str)> {
    let (png, jpeg) = (encoded(ImageFormat::Png), encoded(ImageFormat::Jpeg));
    let mut flipped = png.clone();
    flipped[png.len() / 2] ^= 0x40;
    let without_lines = [&jpeg[..jpeg.len() * 2 / 3], &jpeg[jpeg.len() - 2..]].concat();
    vec![
        ("cut.png", "human_image", png[..png.len() * 3 / 4].to_vec(), "is a damaged picture: it is cut off; copy"),
        ("flipped.png", "cloth_image", flipped, "is a damaged picture: its pixels cannot be decoded; open it"),
        ("cut.jpg", "human_image", jpeg[..jpeg.len() / 2].to_vec(), "is a damaged picture: lines are missing; open it"),
        ("no-end.jpg", "cloth_image", jpeg[..jpeg.len() - 2].to_vec(), "is a damaged picture: it is cut off; copy"),
        ("no-lines.jpg", "cloth_image", without_lines, "is a damaged picture: lines are missing; open it"),
        ("middle.jpg", "cloth_image", case("garment-damaged-in-the-middle.jpg"), "is a damaged picture: "),
    ]
}

#[test]
fn a_damaged_picture_fails_its_job_before_anything_is_spent_and_the_others_go_on() {
    for more in [&[][..], &["--fit-images"]] {
        let provider = Provider::start(Script::default());
        let damaged = damaged();
        let mut pictures: Vec<(&str, &str, Vec<u8>)> =
            damaged.iter().map(|(job, column, bytes, _)| (*job, *column, bytes.clone())).collect();
        pictures.insert(2, ("good.png", "cloth_image", encoded(ImageFormat::Png)));
        pictures.push(("good.jpg", "cloth_image", encoded(ImageFormat::Jpeg)));
        let shop = shop_with(&pictures);
        // A budget that just suffices for the two: the others cost nothing.
        let ended = shop.run(&provider, &[&["--budget", "2"], more].concat());
        ended.assert_code(1);
        for (job, column, _, why) in &damaged {
            let row = shop.row(job);
            assert_eq!((row.state.as_str(), row.error_code.as_deref()), ("failed", Some("invalid_input")), "{job}");
            let shown = shop.call(&provider, &["show", job]).said;
            let told = format!("{column}: {why}");
            assert!(shown.contains(&told) && shown.contains(&format!("{job})")), "{job}: {shown}");
        }
        for good in ["good.png", "good.jpg"] {
            assert_eq!(shop.row(good).state, "succeeded");
        }
        let report = std::fs::read_to_string(shop.out().join("report.csv")).expect("a report");
        let mut rows = csv::Reader::from_reader(report.trim_start_matches('\u{feff}').as_bytes());
        let column = rows.headers().expect("a header").iter().position(|name| name == "units").expect("a column");
        let units: Vec<String> = rows.records().map(|row| row.expect("a row")[column].to_owned()).collect();
        assert_eq!(units.iter().filter(|units| !units.is_empty()).count(), 2, "{report}");
        assert_eq!(provider.books().creates().len(), 2, "nothing was sent: {}", provider.books().story());
        assert_eq!(provider.books().charges().len(), 2);
    }
}

#[test]
fn a_damaged_picture_that_many_jobs_share_fails_them_all_and_once_mended_they_go_on() {
    let provider = Provider::start(Script::default());
    let mut shop = Workshop::new(0);
    let whole = encoded(ImageFormat::Jpeg);
    std::fs::write(shop.file("shirt.jpg"), &whole[..whole.len() / 2]).expect("a garment");
    let mut manifest = "id,human_image,cloth_image\n".to_owned();
    for number in 0..12 {
        manifest += &format!("job-{number},http://pictures.test/job-{number}.jpg,shirt.jpg\n");
        shop.jobs.push(format!("job-{number}"));
    }
    std::fs::write(shop.file("jobs.csv"), manifest).expect("a manifest");
    shop.run(&provider, &[]).assert_code(1);
    assert_eq!(shop.count("failed"), 12, "{}", shop.standing());
    assert!(provider.books().creates().is_empty());
    std::fs::write(shop.file("shirt.jpg"), &whole).expect("mended");
    shop.call(&provider, &["retry", "--failed"]).assert_code(0);
    shop.run(&provider, &[]).assert_code(0);
    assert_eq!(shop.count("succeeded"), 12, "{}", shop.standing());
}

#[test]
fn what_every_viewer_shows_is_sent_byte_for_byte() {
    let (png, jpeg) = (encoded(ImageFormat::Png), encoded(ImageFormat::Jpeg));
    // A bad checksum in a chunk that says nothing about the pixels.
    let remark = [&b"\0\0\0\x01tEXtx\0\0\0\0"[..]].concat();
    let pictures = vec![
        ("plain.png", "cloth_image", png.clone()),
        ("behind-its-end.png", "cloth_image", [&png[..], b"appended"].concat()),
        ("remark.png", "cloth_image", [&png[..33], &remark, &png[33..]].concat()),
        // As phones append a second picture (a gain map, a preview) to the first.
        ("two.jpg", "cloth_image", [&jpeg[..], &jpeg[..]].concat()),
        ("behind-its-end.jpg", "cloth_image", [&jpeg[..], &jpeg[..jpeg.len() / 2]].concat()),
        ("junk.jpg", "cloth_image", case("pillow-junk_jpeg_header.jpg")),
        ("fill.jpg", "cloth_image", case("garment-fill-byte-between-segments.jpg")),
        ("parts.jpg", "cloth_image", case("garment-non-interleaved-420.jpg")),
        ("bands.jpg", "cloth_image", case("made-progressive.jpg")),
        ("inks.jpg", "cloth_image", case("garment-cmyk-with-profile.jpg")),
    ];
    let provider = Provider::start(Script::default());
    let shop = shop_with(&pictures);
    shop.run(&provider, &[]).assert_code(0);
    for (job, _, bytes) in &pictures {
        let sent = provider.books().task_of(job).cloth.clone();
        assert!(*sent == **bytes, "{job} was sent otherwise");
    }
}
