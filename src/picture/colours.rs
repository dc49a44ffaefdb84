//! Colours as their profile means them, in sRGB: what every program takes a picture without a profile for.

use image::{DynamicImage, RgbImage};
use moxcms::{ColorProfile, DataColorSpace, Layout, TransformOptions};

/// The picture in sRGB. Without a profile it is sRGB already; a profile that cannot be used counts as none.
pub(super) fn srgb(picture: DynamicImage, profile: Option<&[u8]>) -> RgbImage {
    match profile.and_then(|profile| converted(&picture, profile)) {
        Some(converted) => converted,
        None => picture.into_rgb8(),
    }
}

fn converted(picture: &DynamicImage, profile: &[u8]) -> Option<RgbImage> {
    let profile = ColorProfile::new_from_slice(profile).ok()?;
    let layout = match (picture, profile.color_space) {
        (DynamicImage::ImageRgb8(_), DataColorSpace::Rgb) => Layout::Rgb,
        (DynamicImage::ImageLuma8(_), DataColorSpace::Gray) => Layout::Gray,
        _ => return None,
    };
    let to_srgb = profile
        .create_transform_8bit(layout, &ColorProfile::new_srgb(), Layout::Rgb, TransformOptions::default())
        .ok()?;
    let mut converted = RgbImage::new(picture.width(), picture.height());
    to_srgb.transform(picture.as_bytes(), converted.as_mut()).ok()?;
    Some(converted)
}
