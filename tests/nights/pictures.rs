//! The results: a small picture for each task, another one for every task.

use bytes::Bytes;

/// The picture of a task, by what [`crate::books::Task::image`] calls it.
pub(crate) fn of(image: &str) -> Bytes {
    let hash = image.bytes().fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    let mut picture = Vec::new();
    let mut encoder = png::Encoder::new(&mut picture, 4, 4);
    encoder.set_color(png::ColorType::Rgb);
    let pixels: Vec<u8> =
        (0..48_u32).map(|at| hash.to_le_bytes()[at as usize % 4].wrapping_mul(at as u8 + 1)).collect();
    let written = encoder.write_header().and_then(|mut writer| writer.write_image_data(&pixels));
    written.expect("a picture");
    picture.into()
}
