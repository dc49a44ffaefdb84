//! Looks at a result: is it the person's picture again, is it blank, too small, of another shape, of an unusual format.
//!
//! A false alarm costs a person's time a thousand times a night, so each rule is made to miss rather than to err; how far
//! good results are from each is measured by `benches/looks.rs`. Whether two results are the same picture is decided
//! by their fingerprints, over all results of a queue.

use std::borrow::Cow;
use std::io;

use image::metadata::Orientation;
use sha2::{Digest, Sha256};

use super::source::Source;
use super::thumbnail::{SIDE, Thumbnail};
use super::{ResultError, VerifiedPicture, verify_result};
use crate::job::{Flag, Flags};

/// A copy of the person's picture may differ by this much in each cell (of 255), whatever encodes it again…
const COPY_BASE: f32 = 3.0;

/// …and by this share of the contrast around the cell, which resizing sharpens or softens.
const COPY_SHARE_OF_CONTRAST: f32 = 0.3;

/// What is compared with a picture of another size is at least this large: this many pixels, and this many squares of which
/// only the average is known.
const LEAST_CELL_PX: u32 = 8;
const LEAST_CELL_GRAINS: u32 = 3;

/// A blank picture's cells lie within this many steps (of 255) of one another, in brightness and in both colours…
const BLANK_RANGE: f32 = 6.0;

/// …the darkest and the brightest few left aside: a speck makes no picture.
const BLANK_SPECKS: usize = SIDE * SIDE / 200;

/// Shapes (width by height) that differ by less are the same: models round sides to whole blocks.
const SAME_SHAPE: f64 = 1.05;

/// Shapes that differ by more are different, however large the blocks. From 2:3 to 3:4 it is 1.125.
const OTHER_SHAPE: f64 = 1.105;

/// Between the two a shape is the same where rounding to blocks of this many pixels explains the difference.
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

    /// Of an input file, looked at exactly as a result is, so that a copy of it looks the same. Takes as long as that, and
    /// the memory for it from the same budget.
    ///
    /// # Errors
    /// It is no whole picture, or a larger one than results may be.
    pub fn of_input<S: Source + ?Sized>(source: &S) -> Result<Self, ResultError> {
        let (mut bytes, _) = source.open().map_err(|error| io::Error::other(error.to_string()))?;
        Ok(verify_result(&mut *bytes)?.look)
    }

    /// The same for pictures of the same pixels, and another one for all others: one step more or less in one pixel shows
    /// in the average of its cell, and of a JPEG one that shows in the average of a block. `None` where there is nothing in the picture that could tell it from others.
    ///
    /// Pictures that merely look alike are different on purpose: two shades of a garment are closer to one another than a
    /// picture is to its copy in a JPEG of quality 75.
    #[must_use]
    pub fn fingerprint(&self) -> Option<i64> {
        let thumbnail = self.upright.as_ref().filter(|thumbnail| !is_blank(thumbnail))?;
        // In one piece: a hash that is fed number by number takes several times as long.
        let mut bytes = Vec::with_capacity(4 * (2 + 3 * thumbnail.cells.len()));
        bytes.extend_from_slice(&self.width.to_le_bytes());
        bytes.extend_from_slice(&self.height.to_le_bytes());
        for average in thumbnail.cells.as_flattened() {
            bytes.extend_from_slice(&average.to_bits().to_le_bytes());
        }
        Sha256::digest(&bytes).first_chunk().map(|first| i64::from_le_bytes(*first))
    }

    /// How far this picture is from being a copy of the other; 1 and less is one.
    #[must_use]
    pub fn distance_to_copy_of(&self, other: &Self) -> f32 {
        let is_same_size = (self.width, self.height) == (other.width, other.height);
        let mut nearest = f32::INFINITY;
        for (own, is_upright) in self.ways() {
            for (copied, was_upright) in other.ways() {
                // Of the same size, both were averaged over the same squares.
                let is_alike = is_same_size && is_upright == was_upright && own.grain_px == copied.grain_px;
                let side = if is_alike { SIDE } else { self.comparable_side(own).min(other.comparable_side(copied)) };
                nearest = nearest.min(distance_to_copy(own, copied, side));
            }
        }
        nearest
    }

    /// The picture in each way in which it may be shown, and whether that is upright.
    fn ways(&self) -> impl Iterator<Item = (&Thumbnail, bool)> {
        let upright = self.upright.iter().map(|thumbnail| (thumbnail, true));
        upright.chain(self.as_it_lies.iter().map(|thumbnail| (thumbnail, false)))
    }

    /// How many cells a side may be compared with a picture of another size: only those that are much larger than what
    /// was averaged before, or than the pixels.
    fn comparable_side(&self, thumbnail: &Thumbnail) -> usize {
        let cell_px = LEAST_CELL_PX.max(LEAST_CELL_GRAINS * thumbnail.grain_px);
        let cells = (self.width.min(self.height) / cell_px) as usize;
        if cells >= SIDE {
            SIDE
        } else if cells >= SIDE / 2 {
            SIDE / 2
        } else {
            SIDE / 4
        }
    }
}

impl VerifiedPicture {
    /// What is noticed about it beside the person's picture, where that is known. [`Flag::Twin`] is not among it.
    #[must_use]
    pub fn flags(&self, person: Option<&Look>, min_side_px: u32) -> Flags {
        Flags::NONE
            .with_if(person.is_some_and(|person| self.look.distance_to_copy_of(person) <= 1.0), Flag::Unchanged)
            .with_if(self.look.upright.as_ref().is_some_and(is_blank), Flag::Blank)
            .with_if(self.width.min(self.height) < min_side_px, Flag::Small)
            .with_if(person.is_some_and(|person| !has_shape_of(&self.look, person)), Flag::Aspect)
            .with_if(!self.format.is_usual(), Flag::Format)
    }
}

/// The largest difference of a cell to the copied picture, in units of what a copy may differ there. The largest and not
/// the mean: a good result is the person's picture in all but the garment's place.
fn distance_to_copy(copy: &Thumbnail, copied: &Thumbnail, side: usize) -> f32 {
    let (copy, copied) = (with_cells(copy, side), with_cells(copied, side));
    let mut largest: f32 = 0.0;
    for (place, (own, other)) in copy.iter().zip(copied.iter()).enumerate() {
        for channel in 0..3 {
            let difference = (own[channel] - other[channel]).abs();
            // The contrast is asked for only where it could matter.
            if difference > COPY_BASE * largest {
                let allowed = COPY_BASE + COPY_SHARE_OF_CONTRAST * contrast(&copied, side, place, channel);
                largest = largest.max(difference / allowed);
            }
        }
    }
    largest
}

/// A thumbnail's cells with this many a side.
fn with_cells(thumbnail: &Thumbnail, side: usize) -> Cow<'_, [[f32; 3]]> {
    let mut cells = Cow::Borrowed(thumbnail.cells.as_slice());
    let mut present = SIDE;
    while present > side {
        cells = Cow::Owned(Thumbnail::halved(&cells, present));
        present /= 2;
    }
    cells
}

/// The range of a channel in a cell and those around it.
fn contrast(cells: &[[f32; 3]], side: usize, place: usize, channel: usize) -> f32 {
    let (x, y) = (place % side, place / side);
    let (mut low, mut high) = (f32::MAX, f32::MIN);
    for row in y.saturating_sub(1)..=(y + 1).min(side - 1) {
        for column in x.saturating_sub(1)..=(x + 1).min(side - 1) {
            let value = cells[row * side + column][channel];
            (low, high) = (low.min(value), high.max(value));
        }
    }
    high - low
}

fn is_blank(thumbnail: &Thumbnail) -> bool {
    (0..3).all(|channel| {
        let mut levels: Vec<f32> = thumbnail.cells.iter().map(|cell| cell[channel]).collect();
        if spreads_from(levels[levels.len() / 2], &levels) {
            return false;
        }
        let last = levels.len() - 1;
        let high = *levels.select_nth_unstable_by(last - BLANK_SPECKS, f32::total_cmp).1;
        let low = *levels.select_nth_unstable_by(BLANK_SPECKS, f32::total_cmp).1;
        high - low <= BLANK_RANGE
    })
}

/// Whether more cells than are left aside lie further above a level than a blank picture's range, and as many at it or
/// below. Most pictures are told from blank ones by this, without putting their cells in order.
fn spreads_from(level: f32, levels: &[f32]) -> bool {
    let (mut above, mut not_above) = (0, 0);
    for other in levels {
        above += usize::from(*other > level + BLANK_RANGE);
        not_above += usize::from(*other <= level);
    }
    above > BLANK_SPECKS && not_above > BLANK_SPECKS
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
