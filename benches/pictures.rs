//! How long a result takes to verify, and how much memory eight of the largest take at once:
//! `cargo bench --bench pictures`. With `-- FILE…`, those files are verified in eight threads each instead. Linux only
//! where memory is told.

#![expect(clippy::print_stdout, reason = "this is a program, and these are its results")]

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use image::codecs::jpeg::JpegEncoder;
use image::{GenericImageView, Rgb};

use tryon::picture::{InputLimits, fit, probe, verify_result};
use tryon::store::InputFile;

/// As many results arrive at once.
const AT_ONCE: usize = 8;

/// A picture that is made while it is asked for, so that it takes no memory.
struct Drawn(u32, u32);

impl GenericImageView for Drawn {
    type Pixel = Rgb<u8>;

    fn dimensions(&self) -> (u32, u32) {
        (self.0, self.1)
    }

    fn get_pixel(&self, x: u32, y: u32) -> Rgb<u8> {
        let grain = (x.wrapping_mul(2_654_435_761) ^ y.wrapping_mul(40_503_917)) >> 28;
        Rgb([(x / 16 + grain) as u8, (y / 16 + grain) as u8, ((x + y) / 32) as u8])
    }
}

fn draw(path: &Path, width: u32, height: u32) {
    let mut file = std::io::BufWriter::new(File::create(path).expect("a file"));
    JpegEncoder::new_with_quality(&mut file, 75).encode_image(&Drawn(width, height)).expect("encoded");
}

/// The most memory that this process has had, in megabytes.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok()).unwrap_or_default() / 1_000
}

fn verify_at_once(path: &Path) {
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                let verified = verify_result(&mut File::open(path).expect("open"));
                verified.map(|picture| (picture.format, picture.width, picture.height)).expect("whole");
            });
        }
    });
    println!("{AT_ONCE} at once of {}: at most {} MB", path.display(), peak());
}

fn convert(path: &Path) {
    let seen = probe(&InputFile::new(path)).expect("a picture");
    let made = fit(&InputFile::new(path), &seen, &InputLimits::KOLORS)
        .map(|made| format!("{} x {} px", made.width, made.height));
    println!("converted {}: {made:?}, at most {} MB", path.display(), peak());
}

/// Does it in a process of its own, so that peaks do not add up.
fn apart(what: &str, path: &Path) {
    let program = std::env::current_exe().expect("this program");
    let status = Command::new(program).args([what]).arg(path).status().expect("started");
    assert!(status.success());
}

fn time(path: &Path) {
    let mut times: Vec<u128> = (0..30)
        .map(|_| {
            let began = Instant::now();
            verify_result(&mut File::open(path).expect("open")).expect("whole");
            began.elapsed().as_micros()
        })
        .collect();
    times.sort_unstable();
    println!("verified {} in {} µs (median of {})", path.display(), times[times.len() / 2], times.len());
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    match arguments.as_slice() {
        [] => {}
        [what, path] if what == "verify" => return verify_at_once(Path::new(path)),
        [what, path] if what == "convert" => return convert(Path::new(path)),
        files => {
            for file in files {
                apart("verify", Path::new(file));
                apart("convert", Path::new(file));
            }
            return;
        }
    }
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| -> PathBuf { folder.path().join(name) };
    draw(&path("two-megapixels.jpg"), 1_024, 2_048);
    time(&path("two-megapixels.jpg"));
    image::open(path("two-megapixels.jpg")).expect("open").save(path("two-megapixels.png")).expect("save");
    time(&path("two-megapixels.png"));
    draw(&path("hundred-megapixels.jpg"), 10_000, 10_000);
    apart("verify", &path("hundred-megapixels.jpg"));
    apart("convert", &path("hundred-megapixels.jpg"));
}
