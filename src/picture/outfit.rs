//! An outfit: an upper and a lower garment on one white picture, as model v1-5 takes them (`api.md`, "Garment
//! combinations").
//!
//! The provider says "several garments on one white picture" and nothing about how they lie, so they lie as they
//! are worn: the upper above the lower, apart from each other, each freed of its margins and in its own
//! proportions. The same files give the same bytes.

use std::path::Path;

use image::{DynamicImage, Rgb, RgbImage};

use crate::job::Garment;

use super::margins::without_margins;
use super::pixels::{Pixels, resized, scaled};
use super::{Encoded, PictureProblem, encode, probe};

/// The picture at its largest, in pixels. Results are at most 2048 px high, so more would show nowhere.
const WIDTH: f64 = 1536.0;
const HEIGHT: f64 = 2048.0;

/// The room of each garment, width and height, in the picture at its largest. A lower garment has less width:
/// a skirt as broad as a shirt with its sleeves spread would be worn as broad as that.
const UPPER_ROOM: (f64, f64) = (1344.0, 780.0);
const LOWER_ROOM: (f64, f64) = (760.0, 990.0);

/// Small garments get a smaller picture, rather than being blown up; but not smaller than this part of the largest.
const SMALLEST: f64 = 0.5;

/// Which garment cannot be put on the picture, and why.
#[derive(Debug)]
pub struct OutfitProblem {
    /// The one of the two.
    pub garment: Garment,
    /// What is wrong with its file.
    pub problem: PictureProblem,
}

/// Puts the garments in two local files on one white picture, and returns it as a JPEG of at most
/// [`super::MAX_INPUT_BYTES`]. Needs the memory of one of them decoded at a time. Garments may be whatever can be
/// decoded; whether they have to be fit inputs is the caller's to say.
///
/// # Errors
/// A file that cannot be an input, or does not decode to its end.
pub fn outfit(upper: &Path, lower: &Path) -> Result<Encoded, OutfitProblem> {
    let at = |garment| move |problem| OutfitProblem { garment, problem };
    let top = cut(upper, UPPER_ROOM).map_err(at(Garment::Upper))?;
    let bottom = cut(lower, LOWER_ROOM).map_err(at(Garment::Lower))?;
    encode::jpeg(&laid_out(top, bottom)).ok_or(PictureProblem::Unshrinkable).map_err(at(Garment::Upper))
}

/// A garment without its margins, upright, no larger than its room.
fn cut(path: &Path, (width, height): (f64, f64)) -> Result<RgbImage, PictureProblem> {
    let mut pixels = Pixels::decode(path, &probe(path)?)?;
    pixels.crop(without_margins(&pixels));
    let (width, height) = if pixels.is_on_its_side() { (height, width) } else { (width, height) };
    Ok(pixels.upright_within(width, height))
}

/// Both garments on white, the upper one above.
fn laid_out(upper: RgbImage, lower: RgbImage) -> RgbImage {
    // How much of its room each one fills by itself: 1 where it was made smaller to fit.
    let fill = |garment: &RgbImage, room: (f64, f64)| {
        (f64::from(garment.width()) / room.0).max(f64::from(garment.height()) / room.1)
    };
    let size = fill(&upper, UPPER_ROOM).max(fill(&lower, LOWER_ROOM)).clamp(SMALLEST, 1.0);
    let upper = filling(upper, UPPER_ROOM, size);
    let lower = filling(lower, LOWER_ROOM, size);

    let mut picture = RgbImage::from_pixel(scaled(WIDTH, size), scaled(HEIGHT, size), Rgb([255; 3]));
    // What is left of the height is divided evenly: above, between, below.
    let space = (picture.height() - upper.height() - lower.height()) / 3;
    lay(&mut picture, &upper, space);
    lay(&mut picture, &lower, space + upper.height() + space);
    picture
}

/// The garment as large as its room in a picture of `size` allows.
fn filling(garment: RgbImage, (width, height): (f64, f64), size: f64) -> RgbImage {
    let (own_width, own_height) = (f64::from(garment.width()), f64::from(garment.height()));
    let scale = (width * size / own_width).min(height * size / own_height);
    resized(DynamicImage::from(garment), scaled(own_width, scale), scaled(own_height, scale)).into_rgb8()
}

/// Lays a garment into the middle of the picture's width, `top` pixels from above.
fn lay(picture: &mut RgbImage, garment: &RgbImage, top: u32) {
    let left = (picture.width() - garment.width()) / 2;
    image::imageops::replace(picture, garment, i64::from(left), i64::from(top));
}
