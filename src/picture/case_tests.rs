//! Files that went wrong once, each as a test. Where they come from: `tests/data/pictures/README.md`.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use image::RgbImage;

use super::decode::decode;
use super::{PictureFormat, PictureProblem, Probe, fit, probe, verify_result};

fn case(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/pictures").join(name)
}

/// The picture as it would be sent.
fn shown(name: &str) -> Result<RgbImage, PictureProblem> {
    let path = case(name);
    decode(&path, &probe(&path)?).map(|pixels| pixels.upright_within(1e6, 1e6))
}

fn probed(name: &str) -> Result<Probe, String> {
    probe(&case(name)).map_err(|problem| problem.to_string())
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
fn dev() {
    for entry in std::fs::read_dir(case("")).unwrap().flatten() {
        let name = entry.file_name().into_string().unwrap();
        let p = probed(&name);
        let v = verify_result(&mut File::open(case(&name)).unwrap())
            .map(|v| (v.format, v.width, v.height))
            .map_err(|e| e.to_string());
        let s = shown(&name)
            .map(|s| {
                s.save(format!("/tmp/shown/{name}.png")).unwrap();
                s.dimensions()
            })
            .map_err(|e| e.to_string());
        println!(
            "{name}\n   probe {p:?}\n   fit {:?}\n   shown {s:?}\n   result {v:?}",
            probe(&case(&name)).ok().map(|p| p.check_decodable().map_err(|e| e.to_string()))
        );
    }
}

#[test]
fn devo() {
    let mut names: Vec<_> = std::fs::read_dir("/tmp/of")
        .unwrap()
        .flatten()
        .map(|e| e.path())
        .filter(|p| p.extension().is_some_and(|e| e == "jpg"))
        .collect();
    names.sort();
    for pair in names.chunks(2) {
        let t = std::time::Instant::now();
        let made = super::outfit(&pair[0], pair.last().unwrap()).unwrap();
        println!("{pair:?} {}x{} {:?}", made.width, made.height, t.elapsed());
        std::fs::write(pair[0].with_extension("out"), made.jpeg).unwrap();
    }
}
