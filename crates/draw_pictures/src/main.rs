//! Draws the pictures of the example: people in plain clothes, and garments to try on.
//!
//! `cargo run --release -p draw_pictures` writes them to `examples/`; the same program gives the same bytes.

#![expect(clippy::print_stdout, reason = "an example program tells its user what it wrote")]

mod canvas;
mod clothes;
mod face;
mod garment;
mod hair;
mod outline;
mod people;
mod person;
mod short_hair;
mod skirts;
mod tailored;
mod tops;

use std::error::Error;
use std::fs;
use std::path::Path;

use image::codecs::jpeg::JpegEncoder;
use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use image::{ExtendedColorType, ImageEncoder, RgbImage};

#[derive(Clone, Copy)]
enum Format {
    Jpeg,
    Png,
}

fn main() -> Result<(), Box<dyn Error>> {
    for person in people::all() {
        save("people", person.name, Format::Jpeg, person::draw(&person).into_image())?;
    }
    for garment in garment::all() {
        save("garments", garment.name, garment.format, garment::draw(&garment).into_image())?;
    }
    Ok(())
}

fn save(folder: &str, name: &str, format: Format, mut image: RgbImage) -> Result<(), Box<dyn Error>> {
    let mut bytes = Vec::new();
    let extension = match format {
        Format::Jpeg => {
            JpegEncoder::new_with_quality(&mut bytes, 83).encode_image(&image)?;
            "jpg"
        }
        Format::Png => {
            // Steps of three cannot be seen, keep white white (255 = 3 * 85), and halve the file.
            image.iter_mut().for_each(|part| *part = part.saturating_add(1) / 3 * 3);
            PngEncoder::new_with_quality(&mut bytes, CompressionType::Best, FilterType::Adaptive).write_image(
                &image,
                image.width(),
                image.height(),
                ExtendedColorType::Rgb8,
            )?;
            "png"
        }
    };
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples");
    fs::create_dir_all(examples.join(folder))?;
    let file = format!("{folder}/{name}.{extension}");
    fs::write(examples.join(&file), &bytes)?;
    println!("examples/{file}: {} x {}, {} bytes", image.width(), image.height(), bytes.len());
    Ok(())
}
