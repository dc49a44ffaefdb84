//! A finished picture as a channel wants it: cut, sized, padded, in a form of its own.
//!
//! The picture is turned upright, transparency is laid on the background, and colours become sRGB unless the profile is
//! kept. Metadata is not this module's business: it stays behind.

use image::codecs::jpeg::JpegEncoder;
use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use image::{ExtendedColorType, ImageEncoder, Rgb, RgbImage};

use super::colours;
use super::decode::{Wanted, decode_bytes};
use super::guard::guarded;
use super::margins::without_margins;
use super::paper::Paper;
use super::pixels::{Area, Pixels, resized, scaled};
use super::source::Source;
use super::{PictureError, PictureFormat, Probe};

/// The longest side that a converted picture may have, in pixels: that of a WebP, and more than any channel takes.
pub const MAX_CONVERTED_SIDE_PX: u32 = 16_383;

/// The most pixels that a converted picture may have.
pub const MAX_CONVERTED_PIXELS: u64 = 50_000_000;

/// What a picture is made into.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conversion {
    /// In pixels; `None` follows the other side.
    pub width: Option<u32>,
    /// In pixels; `None` follows the other side.
    pub height: Option<u32>,
    /// What is done about another shape.
    pub fit: Fit,
    /// Whether a smaller picture is enlarged.
    pub enlarge: bool,
    /// What is behind a padded or transparent picture, in sRGB.
    pub background: [u8; 3],
    /// Whether plain margins are cut off first.
    pub trim: bool,
    /// Whether a pale, plain background is made white first.
    pub whiten: bool,
    /// Whether colours stay in the picture's own profile, which is embedded.
    pub keep_profile: bool,
    pub form: Form,
}

/// How a picture is brought into a frame of another shape.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fit {
    /// Whole, and no larger than the frame; the frame is not filled.
    Inside,
    /// Whole, on the background, which fills the frame; the picture takes at most this share of each side, in percent.
    Pad { fill: u8 },
    /// What does not fit is cut off on both sides alike.
    Crop,
}

/// The form of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// From 1 to 100.
    Jpeg {
        quality: u8,
    },
    Png,
    /// From 1 to 100.
    WebP {
        quality: u8,
    },
    LosslessWebP,
}

impl Form {
    /// The format of such a file.
    #[must_use]
    pub fn format(self) -> PictureFormat {
        match self {
            Self::Jpeg { .. } => PictureFormat::Jpeg,
            Self::Png => PictureFormat::Png,
            Self::WebP { .. } | Self::LosslessWebP => PictureFormat::WebP,
        }
    }
}

/// A converted picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Converted {
    pub bytes: Vec<u8>,
    /// In pixels.
    pub width: u32,
    /// In pixels.
    pub height: u32,
    /// The ICC profile that its colours are in, where they are not sRGB. A JPEG or PNG has it embedded; a WebP has not.
    pub profile: Option<Vec<u8>>,
}

/// Where the scaled picture goes.
#[derive(Debug, PartialEq, Eq)]
struct Layout {
    /// The picture's own part that is shown, upright; `None` is all of it.
    cut: Option<(u32, u32)>,
    /// The size of what is shown.
    scaled: (u32, u32),
    /// The size of the whole.
    canvas: (u32, u32),
}

/// Converts what lies at `source`, of which `probe` says what it is. Waits where other pictures take up the memory that it
/// needs, so it belongs on a thread that may wait. The same file gives the same bytes.
///
/// # Errors
/// It cannot be read or decoded, or takes too much memory for that.
pub fn convert<S: Source + ?Sized>(
    source: &S,
    probe: &Probe,
    conversion: &Conversion,
) -> Result<Converted, PictureError> {
    probe.check_decodable()?;
    let further_bytes = conversion.bytes_needed(probe);
    let wanted = Wanted { background: conversion.background, further_bytes };
    let (mut bytes, _) = source.open()?;
    let mut pixels = decode_bytes(&mut *bytes, &source.place(), probe, wanted)?;
    let memory = pixels.memory.take();
    let converted = guarded(|| {
        prepare(&mut pixels, conversion);
        let (picture, profile) = framed(pixels, conversion);
        let (width, height) = picture.dimensions();
        let bytes = encoded(&picture, conversion.form, profile.as_deref())?;
        Ok(Converted { bytes, width, height, profile })
    });
    drop(memory);
    converted.unwrap_or(Err(PictureError::BreaksDecoder))
}

fn prepare(pixels: &mut Pixels, conversion: &Conversion) {
    let wants_paper = conversion.trim || conversion.whiten;
    let Some(paper) = Some(()).filter(|()| wants_paper).and_then(|()| Paper::of(pixels)) else { return };
    let area = conversion.trim.then(|| without_margins(pixels, &paper));
    if conversion.whiten {
        paper.whiten(pixels);
    }
    if let Some(area) = area {
        pixels.crop(area);
    }
}

/// The picture in its frame, and the profile that its colours are in.
fn framed(mut pixels: Pixels, conversion: &Conversion) -> (RgbImage, Option<Vec<u8>>) {
    let turned = |(width, height)| if pixels.is_on_its_side() { (height, width) } else { (width, height) };
    let layout = conversion.layout(turned((pixels.width as u32, pixels.height as u32)));
    let (cut, (width, height)) = (layout.cut.map(turned), turned(layout.scaled));
    if let Some((width, height)) = cut {
        pixels.crop(centred((pixels.width, pixels.height), (width as usize, height as usize)));
    }
    let (orientation, profile) = (pixels.orientation, pixels.profile.take());
    // A grey picture's profile does not fit the colours that it is written in.
    let keeps_profile = conversion.keep_profile && pixels.channels == 3 && profile.is_some();
    let mut picture = resized(pixels.into_image(), width, height);
    picture.apply_orientation(orientation);
    let picture = if keeps_profile { picture.into_rgb8() } else { colours::srgb(picture, profile.as_deref()) };
    let profile = profile.filter(|_| keeps_profile);
    if layout.canvas == layout.scaled {
        return (picture, profile);
    }
    let mut canvas = RgbImage::from_pixel(layout.canvas.0, layout.canvas.1, Rgb(conversion.background));
    let (left, top) = ((layout.canvas.0 - layout.scaled.0) / 2, (layout.canvas.1 - layout.scaled.1) / 2);
    image::imageops::replace(&mut canvas, &picture, left.into(), top.into());
    (canvas, profile)
}

fn centred((own_width, own_height): (usize, usize), (width, height): (usize, usize)) -> Area {
    Area { left: (own_width - width) / 2, top: (own_height - height) / 2, width, height }
}

impl Conversion {
    /// Where a picture of this size goes, upright.
    fn layout(&self, own: (u32, u32)) -> Layout {
        let (own_width, own_height) = (f64::from(own.0), f64::from(own.1));
        let at_most = |scale: f64| if self.enlarge { scale } else { scale.min(1.0) };
        let by =
            |side: Option<u32>, own: f64, share: f64| side.map_or(f64::INFINITY, |side| f64::from(side) * share / own);
        let within = |share: f64| {
            let scale = by(self.width, own_width, share).min(by(self.height, own_height, share));
            let scale = if scale.is_finite() { at_most(scale) } else { 1.0 };
            (scaled(own_width, scale), scaled(own_height, scale))
        };
        match (self.fit, self.width, self.height) {
            (Fit::Pad { fill }, Some(width), Some(height)) => {
                let (inner_width, inner_height) = within(f64::from(fill) / 100.0);
                Layout {
                    cut: None,
                    scaled: (inner_width.min(width), inner_height.min(height)),
                    canvas: (width, height),
                }
            }
            (Fit::Crop, Some(width), Some(height)) => {
                let scale = by(Some(width), own_width, 1.0).max(by(Some(height), own_height, 1.0));
                let side = |wanted: u32, own: u32| scaled(f64::from(wanted), 1.0 / scale).min(own);
                let cut = (side(width, own.0), side(height, own.1));
                let size = if scale <= 1.0 || self.enlarge { (width, height) } else { cut };
                Layout { cut: Some(cut).filter(|cut| *cut != own), scaled: size, canvas: size }
            }
            _ => {
                let size = within(1.0);
                Layout { cut: None, scaled: size, canvas: size }
            }
        }
    }

    /// The memory for the scaled picture, the frame, the file, and what the filter keeps in between (16 bytes a pixel).
    fn bytes_needed(&self, probe: &Probe) -> u64 {
        let (width, height) = (u64::from(probe.width), u64::from(probe.height));
        // Which way up it is, is not known yet; and trimming may have it enlarged further.
        let long = |one: u64, other: u64| one.max(other);
        let side = |wanted: Option<u32>| wanted.map_or(long(width, height), u64::from);
        let pixels = (side(self.width) * side(self.height)).min(MAX_CONVERTED_PIXELS);
        let filtered = long(side(self.width), side(self.height)) * width.min(height);
        9 * pixels + 16 * filtered.min(12_000_000)
    }
}

fn encoded(picture: &RgbImage, form: Form, profile: Option<&[u8]>) -> Result<Vec<u8>, PictureError> {
    let (width, height) = picture.dimensions();
    let failed = |error: &dyn std::fmt::Display| PictureError::Unencodable(error.to_string());
    let mut bytes = Vec::new();
    let written = match form {
        Form::Jpeg { quality } => {
            let mut encoder = JpegEncoder::new_with_quality(&mut bytes, quality);
            with_profile(&mut encoder, profile);
            encoder.write_image(picture.as_raw(), width, height, ExtendedColorType::Rgb8)
        }
        Form::Png => {
            let mut encoder = PngEncoder::new_with_quality(&mut bytes, CompressionType::Default, FilterType::Adaptive);
            with_profile(&mut encoder, profile);
            encoder.write_image(picture.as_raw(), width, height, ExtendedColorType::Rgb8)
        }
        Form::WebP { quality } => return webp(picture, false, quality.into()),
        // How hard it tries: libwebp's own choice.
        Form::LosslessWebP => return webp(picture, true, 75.0),
    };
    written.map_err(|error| failed(&error))?;
    Ok(bytes)
}

/// What an encoder does not take is left out: the picture is whole without it.
fn with_profile(encoder: &mut impl ImageEncoder, profile: Option<&[u8]>) {
    if let Some(profile) = profile {
        let _ = encoder.set_icc_profile(profile.to_vec());
    }
}

/// By libwebp, since there is no lossy encoder in Rust with a free licence. It sees pixels that were decoded here, never a
/// foreign file.
fn webp(picture: &RgbImage, is_lossless: bool, quality: f32) -> Result<Vec<u8>, PictureError> {
    let encoder = webp::Encoder::from_rgb(picture.as_raw(), picture.width(), picture.height());
    match encoder.encode_simple(is_lossless, quality) {
        Ok(bytes) => Ok(bytes.to_vec()),
        Err(error) => Err(PictureError::Unencodable(format!("{error:?}"))),
    }
}

#[cfg(test)]
mod tests;
