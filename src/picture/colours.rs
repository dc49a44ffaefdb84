//! Colours as their profile means them, in sRGB: what every program takes a picture without a profile for.

use std::sync::Arc;

use image::{DynamicImage, RgbImage};
use moxcms::{ColorProfile, DataColorSpace, Layout, Transform8BitExecutor, TransformOptions};

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

/// Makes RGB of four inks, of which 255 is full.
pub(super) struct Inks {
    by_profile: Option<Arc<Transform8BitExecutor>>,
}

impl Inks {
    /// By the profile of the press, where the picture has one that can be used; else as browsers do without one.
    pub(super) fn new(profile: Option<&[u8]>) -> Self {
        let by_profile = profile.and_then(|profile| {
            let profile = ColorProfile::new_from_slice(profile).ok()?;
            if profile.color_space != DataColorSpace::Cmyk {
                return None;
            }
            let (srgb, options) = (ColorProfile::new_srgb(), TransformOptions::default());
            profile.create_transform_8bit(Layout::Rgba, &srgb, Layout::Rgb, options).ok()
        });
        Self { by_profile }
    }

    /// Adds the pixels of a row to `rgb`.
    pub(super) fn add_row(&self, inks: &[u8], rgb: &mut Vec<u8>) {
        let start = rgb.len();
        rgb.resize(start + inks.len() / 4 * 3, 0);
        let row = &mut rgb[start..];
        if let Some(by_profile) = &self.by_profile
            && by_profile.transform(inks, row).is_ok()
        {
            return;
        }
        for (inks, pixel) in inks.chunks_exact(4).zip(row.chunks_exact_mut(3)) {
            let light = 255 - u32::from(inks[3]);
            for (ink, sample) in inks.iter().zip(pixel) {
                *sample = (((255 - u32::from(*ink)) * light + 127) / 255) as u8;
            }
        }
    }

    /// The RGB of a whole picture.
    pub(super) fn without(&self, inks: &[u8], width: usize) -> Vec<u8> {
        let mut rgb = Vec::with_capacity(inks.len() / 4 * 3);
        inks.chunks_exact(width * 4).for_each(|row| self.add_row(row, &mut rgb));
        rgb
    }
}

#[cfg(test)]
mod tests {
    use image::{GrayImage, Luma, Rgb};

    use super::*;

    fn one_pixel(colour: [u8; 3]) -> DynamicImage {
        RgbImage::from_pixel(1, 1, Rgb(colour)).into()
    }

    #[test]
    fn the_red_of_a_wide_profile_is_the_red_of_srgb() {
        let display_p3 = ColorProfile::new_display_p3().encode().expect("a profile");
        // sRGB's red, as a telephone's camera writes it.
        let red = srgb(one_pixel([234, 51, 35]), Some(&display_p3)).get_pixel(0, 0).0;
        assert!(red[0] >= 252 && red[1] <= 4 && red[2] <= 4, "{red:?}");
        let grey = srgb(one_pixel([128; 3]), Some(&display_p3)).get_pixel(0, 0).0;
        assert!(grey.iter().all(|channel| channel.abs_diff(128) <= 1), "{grey:?}");
    }

    #[test]
    fn a_grey_profile_is_used_for_grey_pictures() {
        let linear = ColorProfile::new_gray_with_gamma(1.0).encode().expect("a profile");
        let picture = DynamicImage::from(GrayImage::from_pixel(1, 1, Luma([55])));
        let grey = srgb(picture, Some(&linear)).get_pixel(0, 0).0;
        // Linear 55 of 255 is a middle grey to the eye.
        assert!(grey.iter().all(|channel| channel.abs_diff(128) <= 3), "{grey:?}");
    }

    #[test]
    fn a_profile_that_is_none_or_of_another_kind_changes_nothing() {
        let of_grey = ColorProfile::new_gray_with_gamma(2.2).encode().expect("a profile");
        for profile in [None, Some(&b"no profile"[..]), Some(&[][..]), Some(of_grey.as_slice())] {
            assert_eq!(srgb(one_pixel([10, 200, 30]), profile).get_pixel(0, 0).0, [10, 200, 30]);
        }
    }

    proptest::proptest! {
        #[test]
        fn a_damaged_profile_is_no_accident(
            cut in 0usize..700,
            damage in proptest::collection::vec((0usize..700, proptest::prelude::any::<u8>()), 0..8),
        ) {
            let mut profile = ColorProfile::new_display_p3().encode().expect("a profile");
            for (at, byte) in damage {
                let at = at % profile.len();
                profile[at] = byte;
            }
            profile.truncate(profile.len().saturating_sub(cut));
            srgb(one_pixel([1, 2, 3]), Some(&profile));
        }
    }
}
