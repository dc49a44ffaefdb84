//! A folder for one contender: pictures, a manifest, and a place for what it makes.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use rand::rngs::Xoshiro256PlusPlus;
use rand::{Rng, SeedableRng};
use tempfile::TempDir;

/// The pictures that jobs name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Inputs {
    /// As small as the API takes them, 20 people and 20 garments.
    Small,
    /// As large as the API takes them, nearly: 9 MB each, 2 people and 2 garments.
    Large,
}

impl Inputs {
    fn each(self) -> usize {
        match self {
            Self::Small => 20,
            Self::Large => 2,
        }
    }

    fn draw(self, number: usize) -> io::Result<Vec<u8>> {
        match self {
            // The API wants at least 300 pixels.
            Self::Small => picture(300, number),
            Self::Large => noise(1_730, number),
        }
    }
}

/// The folder; it is removed at the end.
#[derive(Debug)]
pub(crate) struct Workshop {
    folder: TempDir,
}

impl Workshop {
    /// Draws the pictures and writes a manifest of this many jobs.
    pub(crate) fn new(jobs: usize, inputs: Inputs) -> io::Result<Self> {
        // On the disk of the build, and not on one in memory: what a flush costs belongs to the measurement.
        let folder = tempfile::Builder::new().prefix("makespan-").tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
        let each = inputs.each();
        for number in 0..each {
            std::fs::write(folder.path().join(format!("human{number}.png")), inputs.draw(number)?)?;
            std::fs::write(folder.path().join(format!("cloth{number}.png")), inputs.draw(each + number)?)?;
        }
        let shop = Self { folder };
        let mut manifest = BufWriter::new(File::create(shop.manifest())?);
        writeln!(manifest, "id,human_image,cloth_image")?;
        for job in 0..jobs {
            let (human, cloth) = (job % each, job / each % each);
            writeln!(manifest, "job{job:07},human{human}.png,cloth{cloth}.png")?;
        }
        manifest.flush()?;
        Ok(shop)
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn manifest(&self) -> PathBuf {
        self.path().join("jobs.csv")
    }

    pub(crate) fn out(&self) -> PathBuf {
        self.path().join("results")
    }

    pub(crate) fn log(&self) -> PathBuf {
        self.path().join("log.txt")
    }

    /// Where one of several processes writes what it says.
    pub(crate) fn log_of(&self, process: usize) -> PathBuf {
        if process == 0 { self.log() } else { self.path().join(format!("log-{process}.txt")) }
    }

    /// How many results there are, each compared with what the provider sent.
    ///
    /// # Errors
    /// A file cannot be read, or is not what was sent.
    pub(crate) fn count_results(&self, sent: &[u8]) -> Result<usize, String> {
        let mut count = 0;
        for entry in std::fs::read_dir(self.out()).map_err(|error| error.to_string())? {
            let path = entry.map_err(|error| error.to_string())?.path();
            if path.extension().is_some_and(|extension| extension == "png") {
                let found = std::fs::read(&path).map_err(|error| format!("{}: {error}", path.display()))?;
                if found != sent {
                    return Err(format!("{} is not what was sent", path.display()));
                }
                count += 1;
            }
        }
        Ok(count)
    }
}

/// A valid PNG that no other number gives.
///
/// # Errors
/// None that is known: it is made in memory.
pub(crate) fn picture(side: u32, number: usize) -> io::Result<Vec<u8>> {
    let shade = |x: u32, y: u32| [x as u8, y as u8, (x ^ y) as u8 ^ number as u8];
    let pixels: Vec<u8> = (0..side).flat_map(|y| (0..side).flat_map(move |x| shade(x, y))).collect();
    png(side, &pixels)
}

/// A valid PNG of noise, which nothing makes smaller: its size is that of its pixels.
fn noise(side: u32, number: usize) -> io::Result<Vec<u8>> {
    let mut pixels = vec![0; side as usize * side as usize * 3];
    Xoshiro256PlusPlus::seed_from_u64(number as u64).fill_bytes(&mut pixels);
    png(side, &pixels)
}

fn png(side: u32, pixels: &[u8]) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, side, side);
    encoder.set_color(png::ColorType::Rgb);
    let mut writer = encoder.write_header()?;
    writer.write_image_data(pixels)?;
    writer.finish()?;
    Ok(bytes)
}
