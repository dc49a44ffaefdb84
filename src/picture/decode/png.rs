//! A PNG: palettes and single bits become samples, 16 bits become 8, what shines through becomes the background.

use super::super::exif;
use super::super::memory::Taken;
use super::super::pixels::Pixels;
use super::super::png_chunks::{Pruned, remarks};
use super::{MAX_DECODED_BYTES, PictureError, Probe, lay_on};

pub(super) fn decode(
    file: &[u8],
    probe: &Probe,
    memory: Taken<'static>,
    background: [u8; 3],
) -> Result<Pixels, PictureError> {
    let limits = png::Limits { bytes: MAX_DECODED_BYTES as usize };
    let mut decoder = png::Decoder::new_with_limits(Pruned::of(file).reader(), limits);
    decoder.set_transformations(png::Transformations::normalize_to_color8());
    let mut reader = decoder.read_info().map_err(damaged)?;
    if (reader.info().width, reader.info().height) != (probe.width, probe.height) {
        return Err(PictureError::Damaged);
    }
    let (colour, _) = reader.output_color_type();
    let mut samples = vec![0; reader.output_buffer_size().unwrap_or_default()];
    let frame = reader.next_frame(&mut samples).map_err(damaged)?;
    // The end chunk and its checksum.
    reader.finish().map_err(damaged)?;
    samples.truncate(frame.buffer_size());
    let channels = match colour {
        png::ColorType::Grayscale => 1,
        png::ColorType::GrayscaleAlpha => lay_on(background, &mut samples, 1),
        png::ColorType::Rgba => lay_on(background, &mut samples, 3),
        png::ColorType::Rgb | png::ColorType::Indexed => 3,
    };
    let remarks = remarks(file);
    Ok(Pixels {
        width: frame.width as usize,
        height: frame.height as usize,
        channels,
        samples,
        orientation: exif::orientation(remarks.exif.as_deref()),
        profile: remarks.profile,
        memory: Some(memory),
    })
}

/// What is wrong, in the words for inputs.
pub(in crate::picture) fn damaged(error: png::DecodingError) -> PictureError {
    match error {
        png::DecodingError::IoError(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => PictureError::CutOff,
        // Which checksum or code it is tells a user nothing.
        png::DecodingError::Format(_) => PictureError::DamagedPixels("its pixels cannot be decoded"),
        error => PictureError::Undecodable(error.to_string()),
    }
}
