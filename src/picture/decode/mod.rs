//! Decoding an input, as strictly as results are verified: what is damaged is refused before anything is spent.
//!
//! In bounded memory: each picture takes what it needs from the process's budget and holds it while its pixels are
//! there, so that a thread must let go of one before it decodes the next.

mod foreign;
mod jpeg;
mod png;

pub(super) use png::damaged as damaged_png;

use std::io::{Read, SeekFrom};

use super::guard::guarded;
use super::memory::{self, Taken};
use super::pixels::Pixels;
use super::source::{Bytes, Source};
use super::{Peculiarity, PictureError, PictureFormat, Probe};

/// The most that one picture may need in memory while it is decoded, its file included. 10 MB of PNG can claim to be a
/// thousand times as large.
pub(super) const MAX_DECODED_BYTES: u64 = 450_000_000;

/// What a decoded picture is wanted for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wanted {
    /// The colour that shines through where the picture is transparent.
    pub(super) background: [u8; 3],
    /// Memory that is needed besides the decoded picture, for as long as it is there, in bytes.
    pub(super) further_bytes: u64,
}

impl Wanted {
    /// On white, and nothing besides.
    pub(super) const PLAIN: Self = Self { background: [255; 3], further_bytes: 0 };
}

/// Decodes what lies at `source`, of which `probe` says what it is.
pub(super) fn decode<S: Source + ?Sized>(source: &S, probe: &Probe) -> Result<Pixels, PictureError> {
    probe.check_decodable()?;
    let (mut bytes, _) = source.open()?;
    decode_bytes(&mut *bytes, &source.place(), probe, Wanted::PLAIN)
}

/// The same of an open one; `place` is for messages.
pub(super) fn decode_bytes(
    bytes: &mut dyn Bytes,
    place: &str,
    probe: &Probe,
    wanted: Wanted,
) -> Result<Pixels, PictureError> {
    probe.check_decodable()?;
    let unreadable = |source| PictureError::Unreadable { path: place.to_owned(), source };
    bytes.seek(SeekFrom::Start(0)).map_err(unreadable)?;
    let whole = |bytes: &mut dyn Bytes| {
        let mut all = Vec::with_capacity(probe.bytes as usize);
        bytes.take(probe.bytes).read_to_end(&mut all).map_err(unreadable).map(|_| all)
    };
    let decoded = guarded(|| match probe.format {
        PictureFormat::Png => {
            let bytes_a_pixel = if probe.peculiarity == Some(Peculiarity::Transparent) { 4 } else { 3 };
            let memory = take_memory(probe, bytes_a_pixel, probe.bytes + wanted.further_bytes)?;
            png::decode(&whole(bytes)?, probe, memory, wanted.background)
        }
        PictureFormat::Jpeg => {
            let memory = take_memory(probe, jpeg::bytes_a_pixel(bytes)?, 2 * probe.bytes + wanted.further_bytes)?;
            jpeg::decode(&whole(bytes)?, probe, memory)
        }
        PictureFormat::WebP => foreign::decode(bytes, image::ImageFormat::WebP, probe, wanted),
        PictureFormat::Bmp => foreign::decode(bytes, image::ImageFormat::Bmp, probe, wanted),
        PictureFormat::Gif => foreign::decode(bytes, image::ImageFormat::Gif, probe, wanted),
        PictureFormat::Tiff => foreign::decode_tiff(bytes, probe, wanted),
        PictureFormat::Avif => Err(PictureError::OtherPicture(probe.format.a_picture())),
    });
    decoded.unwrap_or(Err(PictureError::BreaksDecoder)).and_then(checked)
}

/// Waits for the memory that the picture needs: this many bytes a pixel, and what is read of its file at once.
fn take_memory(probe: &Probe, bytes_a_pixel: u64, file_bytes: u64) -> Result<Taken<'static>, PictureError> {
    take_bytes(probe, u64::from(probe.width) * u64::from(probe.height) * bytes_a_pixel + file_bytes)
}

/// Waits for `needed` bytes of memory for the picture. Refuses what would need too much, before it is decoded.
pub(super) fn take_bytes(probe: &Probe, needed: u64) -> Result<Taken<'static>, PictureError> {
    if needed <= MAX_DECODED_BYTES {
        return Ok(memory::take(needed));
    }
    Err(PictureError::TooMuchMemory { width: probe.width, height: probe.height, needed })
}

/// What decoders promise is checked once, so that nothing behind this has to doubt it.
fn checked(pixels: Pixels) -> Result<Pixels, PictureError> {
    let expected = pixels.width * pixels.height * pixels.channels;
    if expected > 0 && pixels.samples.len() == expected { Ok(pixels) } else { Err(PictureError::Damaged) }
}

/// Takes the alpha channel off pixels of `colours` channels and alpha: what shone through is the background now. Returns how
/// many channels are left: grey on a coloured background is colour.
fn lay_on(background: [u8; 3], samples: &mut Vec<u8>, colours: usize) -> usize {
    lay(background, samples, colours, |colour, alpha, behind| (colour * alpha + behind * (255 - alpha) + 127) / 255)
}

/// The same where the colours are multiplied by alpha already.
fn lay_premultiplied_on(background: [u8; 3], samples: &mut Vec<u8>, colours: usize) -> usize {
    let over = |colour: u32, alpha: u32, behind: u32| (colour + (behind * (255 - alpha) + 127) / 255).min(255);
    lay(background, samples, colours, over)
}

fn lay(background: [u8; 3], samples: &mut Vec<u8>, colours: usize, over: impl Fn(u32, u32, u32) -> u32) -> usize {
    let is_neutral = background.iter().all(|channel| *channel == background[0]);
    if colours == 1 && !is_neutral {
        *samples = samples.chunks_exact(2).flat_map(|pixel| [pixel[0], pixel[0], pixel[0], pixel[1]]).collect();
        return lay(background, samples, 3, over);
    }
    without_alpha(samples, colours, |channel, colour, alpha| over(colour, alpha, background[channel].into()));
    colours
}

/// Takes a channel off that says nothing about the colours beside it.
fn drop_idle_channel(samples: &mut Vec<u8>, colours: usize) {
    without_alpha(samples, colours, |_, colour, _| colour);
}

/// The samples move forward in the same memory.
fn without_alpha(samples: &mut Vec<u8>, colours: usize, laid: impl Fn(usize, u32, u32) -> u32) {
    let count = samples.len() / (colours + 1);
    for pixel in 0..count {
        let from = pixel * (colours + 1);
        let alpha = u32::from(samples[from + colours]);
        for channel in 0..colours {
            samples[pixel * colours + channel] = laid(channel, samples[from + channel].into(), alpha) as u8;
        }
    }
    samples.truncate(count * colours);
}

#[cfg(test)]
pub(super) mod tests;
