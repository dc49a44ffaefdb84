//! A JPEG, of which every block must be there.
//!
//! The strict reading decides whether it is whole ([`super::super::jpeg`]); the pixels of the usual kinds are made by
//! the faster decoder, which gets those right, and those of the others by the strict one.

use std::io::{BufReader, SeekFrom};

use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

use super::super::colours;
use super::super::exif;
use super::super::jpeg::{Colour, Header, Keep, Process, Scanned, read, read_header, without_metadata};
use super::super::memory::Taken;
use super::super::pixels::Pixels;
use super::super::source::Bytes;
use super::{PictureError, Probe};

/// How much memory decoding takes for each pixel, in bytes.
pub(super) fn bytes_a_pixel(file: &mut dyn Bytes) -> Result<u64, PictureError> {
    let damaged = |_| PictureError::Damaged;
    file.seek(SeekFrom::Start(2)).map_err(damaged)?;
    let header = read_header(BufReader::new(&mut *file))?;
    file.seek(SeekFrom::Start(0)).map_err(damaged)?;
    let (is_progressive, count) = (header.process == Process::Progressive, header.components.len() as u64);
    Ok(match count {
        // Each coefficient of a progressive picture is kept until the last scan, in two bytes; an ink has a plane too.
        4 => 4 + 3 + if is_progressive { 2 * count } else { 0 },
        _ => (if is_usual(&header) { count } else { 2 * count }) + if is_progressive { 2 * count } else { 0 },
    })
}

/// Whether the faster decoder gets it right.
fn is_usual(header: &Header) -> bool {
    let is_together = header.is_interleaved || header.process == Process::Progressive;
    let is_coloured = matches!(header.colour(), Some(Colour::Grey | Colour::YCbCr));
    is_together
        && is_coloured
        && !header.is_arithmetic
        && header.precision == 8
        && header.is_sampled_as_usual()
        && !header.is_named_rgb()
}

pub(super) fn decode(file: &[u8], probe: &Probe, memory: Taken<'static>) -> Result<Pixels, PictureError> {
    let header = read_header(std::io::Cursor::new(file.get(2..).unwrap_or_default()))?;
    if (header.width, header.height) != (probe.width as usize, probe.height as usize) {
        return Err(PictureError::Damaged);
    }
    let is_usual = is_usual(&header);
    let scanned = read(file, if is_usual { Keep::Means } else { Keep::Pixels })?;
    scanned.check_surplus()?;
    let orientation = exif::orientation(header.exif.as_deref());
    let pixels = Pixels {
        width: header.width,
        height: header.height,
        channels: if header.components.len() == 1 { 1 } else { 3 },
        samples: Vec::new(),
        orientation,
        profile: header.profile.clone(),
        memory: Some(memory),
    };
    if is_usual {
        drop(scanned);
        return Ok(Pixels { samples: fast(file, &header)?, ..pixels });
    }
    if header.is_ink() {
        return Ok(Pixels { samples: without_inks(&scanned, header.profile.as_deref()), profile: None, ..pixels });
    }
    let mut samples = Vec::with_capacity(header.width * header.height * pixels.channels);
    scanned.rows(|_, row| samples.extend_from_slice(row));
    Ok(Pixels { samples, ..pixels })
}

fn without_inks(scanned: &Scanned, profile: Option<&[u8]>) -> Vec<u8> {
    let inks = colours::Inks::new(profile);
    let mut samples = Vec::with_capacity(scanned.header.width * scanned.header.height * 3);
    scanned.rows(|_, row| inks.add_row(row, &mut samples));
    samples
}

fn fast(file: &[u8], header: &Header) -> Result<Vec<u8>, PictureError> {
    let broken = |error: zune_jpeg::errors::DecodeErrors| PictureError::Undecodable(error.to_string());
    let space = if header.components.len() == 1 { ColorSpace::Luma } else { ColorSpace::RGB };
    let options = DecoderOptions::default()
        .set_strict_mode(false)
        .set_max_width(usize::from(u16::MAX))
        .set_max_height(usize::from(u16::MAX))
        .jpeg_set_out_colorspace(space);
    // It stumbles over segments that say nothing about the pixels.
    let pixels_only = without_metadata(file)?;
    JpegDecoder::new_with_options(ZCursor::new(pixels_only.as_slice()), options).decode().map_err(broken)
}
