//! Pictures in formats that the provider does not take.

use std::io::{self, BufReader, Read, Seek, SeekFrom};

use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, ImageReader, Limits};

use super::super::pixels::Pixels;
use super::super::source::Bytes;
use super::super::tiff_tags::Beside;
use super::super::{colours, exif, tiff_tags};
use super::{
    MAX_DECODED_BYTES, PictureError, Probe, Wanted, drop_idle_channel, lay_on, lay_premultiplied_on, take_memory,
};

pub(super) fn decode(
    file: &mut dyn Bytes,
    format: image::ImageFormat,
    probe: &Probe,
    wanted: Wanted,
) -> Result<Pixels, PictureError> {
    decode_from(BufReader::new(file), format, probe, Beside::Alpha, wanted)
}

/// A TIFF. The decoder gets to see a sample that is no colour as alpha, since it scrambles what it drops.
pub(super) fn decode_tiff(file: &mut dyn Bytes, probe: &Probe, wanted: Wanted) -> Result<Pixels, PictureError> {
    let tags = tiff_tags::read(BufReader::new(&mut *file)).ok_or(PictureError::Damaged)?;
    if let Some(what) = tags.not_decoded() {
        return Err(PictureError::NotDecoded(what));
    }
    file.seek(SeekFrom::Start(0)).map_err(|_| PictureError::Damaged)?;
    let patched = Patched { file, patch: tags.patch() };
    decode_from(BufReader::new(patched), image::ImageFormat::Tiff, probe, tags.beside(), wanted)
}

fn decode_from(
    reader: impl io::BufRead + Seek,
    format: image::ImageFormat,
    probe: &Probe,
    beside: Beside,
    wanted: Wanted,
) -> Result<Pixels, PictureError> {
    let broken = |error: image::ImageError| PictureError::Undecodable(error.to_string());
    let mut reader = ImageReader::with_format(reader, format);
    let mut limits = Limits::default();
    limits.max_alloc = Some(MAX_DECODED_BYTES);
    reader.limits(limits);
    let mut decoder = reader.into_decoder().map_err(broken)?;
    let (width, height) = decoder.dimensions();
    // All but one hold what they read and what they give at once.
    let copies = if format == image::ImageFormat::Bmp { 1 } else { 2 };
    let bytes_a_pixel = copies * u64::from(decoder.color_type().bytes_per_pixel());
    let memory = take_memory(&Probe { width, height, ..*probe }, bytes_a_pixel, wanted.further_bytes)?;
    let orientation = match format {
        image::ImageFormat::WebP => exif::orientation(decoder.exif_metadata().ok().flatten().as_deref()),
        _ => decoder.orientation().unwrap_or(Orientation::NoTransforms),
    };
    let profile = decoder.icc_profile().ok().flatten();
    let picture = DynamicImage::from_decoder(decoder).map_err(broken)?;
    let colour = picture.color();
    let (mut channels, mut samples) = match (colour.has_color(), colour.has_alpha()) {
        (false, false) => (1, picture.into_luma8().into_raw()),
        (false, true) => (1, picture.into_luma_alpha8().into_raw()),
        (true, false) => (3, picture.into_rgb8().into_raw()),
        (true, true) => (3, picture.into_rgba8().into_raw()),
    };
    let mut profile = profile;
    if colour.has_alpha() {
        let is_bmp = format == image::ImageFormat::Bmp;
        match if is_bmp { beside_in_bmp(&samples, channels) } else { beside } {
            Beside::Alpha => channels = lay_on(wanted.background, &mut samples, channels),
            Beside::Premultiplied => channels = lay_premultiplied_on(wanted.background, &mut samples, channels),
            Beside::Idle => drop_idle_channel(&mut samples, channels),
            Beside::Black => samples = colours::Inks::new(profile.take().as_deref()).without(&samples, width as usize),
        }
    }
    let (width, height) = (width as usize, height as usize);
    Ok(Pixels { width, height, channels, samples, orientation, profile, memory: Some(memory) })
}

/// Most programs leave the alpha of a BMP at 0 throughout and mean no picture in which nothing can be seen.
fn beside_in_bmp(samples: &[u8], colours: usize) -> Beside {
    let is_clear = samples.chunks_exact(colours + 1).all(|pixel| pixel[colours] == 0);
    if is_clear { Beside::Idle } else { Beside::Alpha }
}

/// A file of which two bytes are others.
struct Patched<R> {
    file: R,
    patch: Option<(u64, [u8; 2])>,
}

impl<R: Read + Seek> Read for Patched<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let start = self.file.stream_position()?;
        let count = self.file.read(buffer)?;
        if let Some((at, bytes)) = self.patch {
            for (place, byte) in (at..).zip(bytes) {
                if let Some(byte_read) =
                    place.checked_sub(start).and_then(|place| buffer[..count].get_mut(place as usize))
                {
                    *byte_read = byte;
                }
            }
        }
        Ok(count)
    }
}

impl<R: Seek> Seek for Patched<R> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.file.seek(to)
    }
}
