//! The pictures of the tests: results that tell which job they belong to, made in microseconds.

use std::hash::{DefaultHasher, Hash, Hasher};

/// The result of a job: a small PNG that no other job has.
pub(crate) fn picture_of(job: &str) -> Vec<u8> {
    let mut hash = DefaultHasher::new();
    job.hash(&mut hash);
    let seed = hash.finish().to_le_bytes();
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, 24, 24);
    encoder.set_color(png::ColorType::Rgb);
    encoder.add_text_chunk("job".to_owned(), job.to_owned()).expect("a text");
    let mut writer = encoder.write_header().expect("a header");
    let pixels: Vec<u8> = (0..24 * 24 * 3).map(|place| seed[place % 8].wrapping_mul((place / 24) as u8)).collect();
    writer.write_image_data(&pixels).expect("its pixels");
    writer.finish().expect("its end");
    bytes
}
