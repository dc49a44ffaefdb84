//! A JPEG: every block of every scan has to be there.

use super::super::exif;
use super::super::jpeg::{JpegError, Keep, read};
use super::super::thumbnail::{Sampler, Samples};
use super::{Look, ResultError};

/// What is kept of a picture of this many pixels while it is read, in bytes: of each block of 64 its mean, and of a
/// progressive one which coefficients are set; for up to four components.
pub(in crate::picture) fn memory(pixels: u64) -> u64 {
    pixels / 64 * 4 * 12
}

/// Reads the picture to its last block. Data after the last block of a scan is ignored, as every viewer does: the result
/// is paid for, and all of its lines are there.
pub(super) fn look(jpeg: &[u8]) -> Result<Look, ResultError> {
    let scanned = read(jpeg, Keep::Means).map_err(|error| match error {
        JpegError::NoEnd => ResultError::NoEnd,
        error => ResultError::Undecodable(error.to_string()),
    })?;
    let (width, height) = (scanned.header.width, scanned.header.height);
    let samples = if scanned.channels() == 1 { Samples::Grey } else { Samples::Rgb };
    let mut sampler = Sampler::new(width as u32, height as u32, samples);
    let mut line = vec![0; width * samples.channels()];
    scanned.rows(|row, means| {
        spread(means, scanned.channels(), &mut line, samples.channels());
        sampler.rows(&line, (height - row * 8).min(8));
    });
    let orientation = exif::orientation(scanned.header.exif.as_deref());
    let thumbnail = sampler.finish().map(|thumbnail| thumbnail.of_grain(8));
    Ok(Look::new(width as u32, height as u32, thumbnail, orientation))
}

/// Gives each of the eight pixels that a mean stands for its value.
fn spread(means: &[u8], channels: usize, line: &mut [u8], channels_out: usize) {
    for (mean, pixels) in means.chunks_exact(channels).zip(line.chunks_mut(8 * channels_out)) {
        let mut colour = [mean[0]; 3];
        match mean {
            [r, g, b] => colour = [*r, *g, *b],
            [cyan, magenta, yellow, black] => {
                colour = [cyan, magenta, yellow].map(|ink| (u32::from(255 - ink) * u32::from(255 - black) / 255) as u8);
            }
            _ => {}
        }
        pixels.chunks_exact_mut(channels_out).for_each(|pixel| pixel.copy_from_slice(&colour[..channels_out]));
    }
}
