//! Looks at a result: is it the person's picture again, is it blank, too small, of another shape, of an unusual format.
//!
//! A false alarm costs a person's time a thousand times a night, so each rule is made to miss rather than to err; how far
//! good results are from each is measured by `tests/it/looks.rs`. Whether two results are the same picture is decided
//! by [`Likeness`], over all results of a queue.

use std::path::Path;

use image::metadata::Orientation;

use super::decode::decode;
use super::pixels::Pixels;
use super::thumbnail::{SIDE, Samples, Thumbnail};
use super::{PictureFormat, PictureProblem, VerifiedPicture, probe};
use crate::job::{Flag, Flags, Likeness};

/// A copy of the person's picture may differ by this much in each cell (of 255), whatever encodes it again…
const COPY_BASE: f32 = 2.5;

/// …and by this share of the contrast around the cell, which resizing sharpens or softens.
const COPY_SHARE_OF_CONTRAST: f32 = 0.12;

/// A blank picture's cells lie within so many steps (of 255) of one another, in brightness and in both colours…
const BLANK_RANGE: f32 = 6.0;

/// …the darkest and the brightest few left aside: a speck makes no picture.
const BLANK_SPECKS: usize = SIDE * SIDE / 200;

/// Shapes (width by height) that differ by less are the same: models round sides to whole blocks.
const SAME_SHAPE: f64 = 1.05;

/// Shapes that differ by more are different, however large the blocks. From 2:3 to 3:4 it is 1.125.
const OTHER_SHAPE: f64 = 1.105;

/// Between the two a shape is the same where rounding to blocks of so many pixels explains the difference.
const LARGEST_BLOCK_PX: f64 = 64.0;

/// What a picture looks like, turned upright.
#[derive(Debug, Clone, PartialEq)]
pub struct Look {
    width: u32,
    height: u32,
    upright: Option<Thumbnail>,
    /// As it lies in its file, where that is not upright: some programs drop the note that says how to turn it.
    as_it_lies: Option<Thumbnail>,
}

impl Look {
    /// Of a picture of this size as it lies in its file.
    pub(super) fn new(width: u32, height: u32, lies: Option<Thumbnail>, orientation: Orientation) -> Self {
        use Orientation::{Rotate90, Rotate90FlipH, Rotate270, Rotate270FlipH};
        if orientation == Orientation::NoTransforms {
            return Self { width, height, upright: lies, as_it_lies: None };
        }
        let is_on_its_side = matches!(orientation, Rotate90 | Rotate270 | Rotate90FlipH | Rotate270FlipH);
        let (width, height) = if is_on_its_side { (height, width) } else { (width, height) };
        let upright = lies.as_ref().map(|thumbnail| thumbnail.upright(orientation));
        Self { width, height, upright, as_it_lies: lies }
    }

    /// Of an input file, as it is sent. It is decoded, so this takes as long and as much memory as that.
    ///
    /// # Errors
    /// It cannot be decoded.
    pub fn of_input(path: &Path) -> Result<Self, PictureProblem> {
        let pixels = decode(path, &probe(path)?)?;
        let Pixels { width, height, channels, ref samples, orientation, .. } = pixels;
        let (width, height) = (width as u32, height as u32);
        let kind = if channels == 1 { Samples::Grey } else { Samples::Rgb };
        Ok(Self::new(width, height, Thumbnail::of_frame(width, height, kind, samples), orientation))
    }

    /// What tells this result from all others; `None` where there is nothing in it that could.
    #[must_use]
    pub fn likeness(&self) -> Option<Likeness> {
        let thumbnail = self.upright.as_ref().filter(|thumbnail| thumbnail.has_colours && !is_blank(thumbnail))?;
        Some(Likeness::of(SIDE, &thumbnail.cells))
    }

    /// How far this picture is from being a copy of the other; 1 and less is one.
    #[must_use]
    pub fn distance_to_copy_of(&self, other: &Self) -> f32 {
        let pairs = [(&self.upright, &other.upright), (&self.as_it_lies, &other.as_it_lies)];
        let known = pairs.into_iter().filter_map(|(own, other)| own.as_ref().zip(other.as_ref()));
        known.map(|(own, other)| distance_to_copy(own, other)).fold(f32::INFINITY, f32::min)
    }
}

impl VerifiedPicture {
    /// What is noticed about it beside the person's picture, where that is known. [`Flag::Twin`] is not among it.
    #[must_use]
    pub fn flags(&self, person: Option<&Look>, min_side_px: u32) -> Flags {
        let is_usual = matches!(self.format, PictureFormat::Jpeg | PictureFormat::Png);
        Flags::NONE
            .with_if(person.is_some_and(|person| self.look.distance_to_copy_of(person) <= 1.0), Flag::Unchanged)
            .with_if(self.look.upright.as_ref().is_some_and(is_blank), Flag::Blank)
            .with_if(self.width.min(self.height) < min_side_px, Flag::Small)
            .with_if(person.is_some_and(|person| !has_shape_of(&self.look, person)), Flag::Aspect)
            .with_if(!is_usual, Flag::Format)
    }
}

/// The largest difference of a cell to the copied picture, in units of what a copy may differ there. The largest and not
/// the mean: a good result is the person's picture in all but the garment's place.
fn distance_to_copy(copy: &Thumbnail, copied: &Thumbnail) -> f32 {
    let channels = if copy.has_colours && copied.has_colours { 3 } else { 1 };
    let mut largest: f32 = 0.0;
    for (place, (own, other)) in copy.cells.iter().zip(&copied.cells).enumerate() {
        for channel in 0..channels {
            let difference = (own[channel] - other[channel]).abs();
            // The contrast is asked for only where it could matter.
            if difference > COPY_BASE * largest {
                let allowed = COPY_BASE + COPY_SHARE_OF_CONTRAST * contrast(&copied.cells, place, channel);
                largest = largest.max(difference / allowed);
            }
        }
    }
    largest
}

/// The range of a channel in a cell and those around it.
fn contrast(cells: &[[f32; 3]], place: usize, channel: usize) -> f32 {
    let (x, y) = (place % SIDE, place / SIDE);
    let (mut low, mut high) = (f32::MAX, f32::MIN);
    for row in y.saturating_sub(1)..=(y + 1).min(SIDE - 1) {
        for column in x.saturating_sub(1)..=(x + 1).min(SIDE - 1) {
            let value = cells[row * SIDE + column][channel];
            (low, high) = (low.min(value), high.max(value));
        }
    }
    high - low
}

fn is_blank(thumbnail: &Thumbnail) -> bool {
    (0..3).all(|channel| {
        let mut levels: Vec<f32> = thumbnail.cells.iter().map(|cell| cell[channel]).collect();
        let last = levels.len() - 1;
        let (.., high) = levels.select_nth_unstable_by(last - BLANK_SPECKS, f32::total_cmp);
        let high = high.iter().copied().fold(f32::MAX, f32::min).min(levels[last - BLANK_SPECKS]);
        let low = *levels.select_nth_unstable_by(BLANK_SPECKS, f32::total_cmp).1;
        high - low <= BLANK_RANGE
    })
}

fn has_shape_of(result: &Look, person: &Look) -> bool {
    let [width, height, own_width, own_height] =
        [result.width, result.height, person.width, person.height].map(f64::from);
    let difference = (width * own_height) / (height * own_width);
    let difference = difference.max(1.0 / difference);
    if difference <= SAME_SHAPE {
        return true;
    }
    // By which scales could the person's picture have become so wide, and so high, before it was rounded?
    let scales = |length: f64, own: f64| {
        let off = LARGEST_BLOCK_PX / 2.0;
        ((length - off) / own, (length + off) / own)
    };
    let is_of_blocks = width % LARGEST_BLOCK_PX == 0.0 && height % LARGEST_BLOCK_PX == 0.0;
    let ((from_x, to_x), (from_y, to_y)) = (scales(width, own_width), scales(height, own_height));
    difference <= OTHER_SHAPE && is_of_blocks && from_x.max(from_y) <= to_x.min(to_y)
}
