//! What a picture looks like, small enough to be kept for every result: two results that look alike to this measure are
//! the same picture, however their files are encoded.

/// Brightness is kept on a grid of this many cells a side; colour on one of half as many.
const LUMA_SIDE: usize = 16;
const CHROMA_SIDE: usize = LUMA_SIDE / 2;
const LUMA_CELLS: usize = LUMA_SIDE * LUMA_SIDE;
const CHROMA_CELLS: usize = CHROMA_SIDE * CHROMA_SIDE;

/// Two pictures are the same where no cell differs by more than this, in steps of 255. A picture that is encoded again
/// (JPEG, quality 75) or resized differs by 1 at most; results of different garments by ten times as much.
const MOST_DIFFERENCE: u8 = 2;

/// A picture's place among all pictures is its average colour in the middle, in steps of this many of 255.
const PLACE_STEP: f32 = 2.0;

/// See the module's page.
#[derive(Clone, PartialEq, Eq)]
pub struct Likeness {
    /// Where pictures that may be the same are found: the own place first, then those beside it.
    places: [i64; 8],
    /// Brightness, then the two colour differences, row by row.
    cells: Vec<u8>,
}

impl Likeness {
    /// How many bytes [`Self::cells`] has.
    pub const BYTES: usize = LUMA_CELLS + 2 * CHROMA_CELLS;

    /// Of a square grid of `side` cells a side (a multiple of 16) of brightness and the two colour differences, each
    /// from 0 to 255.
    #[must_use]
    pub fn of(side: usize, grid: &[[f32; 3]]) -> Self {
        let luma = averages(side, grid, LUMA_SIDE, 0);
        let blue = averages(side, grid, CHROMA_SIDE, 1);
        let red = averages(side, grid, CHROMA_SIDE, 2);
        let middle = [middle(&luma, LUMA_SIDE), middle(&blue, CHROMA_SIDE), middle(&red, CHROMA_SIDE)];
        let cells = luma.iter().chain(&blue).chain(&red).map(|cell| level(*cell)).collect();
        Self { places: places(middle), cells }
    }

    /// The place under which it is kept.
    #[must_use]
    pub fn place(&self) -> i64 {
        self.places[0]
    }

    /// The places of the pictures that may be the same, the own one among them.
    #[must_use]
    pub fn places(&self) -> [i64; 8] {
        self.places
    }

    /// What is compared.
    #[must_use]
    pub fn cells(&self) -> &[u8] {
        &self.cells
    }

    /// The largest difference of a cell to those of another picture; `u8::MAX` where they cannot be compared.
    #[must_use]
    pub fn distance(&self, cells: &[u8]) -> u8 {
        if cells.len() != self.cells.len() {
            return u8::MAX;
        }
        self.cells.iter().zip(cells).map(|(own, other)| own.abs_diff(*other)).max().unwrap_or(u8::MAX)
    }

    /// Whether the other cells are those of the same picture.
    #[must_use]
    pub fn is_same_as(&self, cells: &[u8]) -> bool {
        self.distance(cells) <= MOST_DIFFERENCE
    }
}

impl std::fmt::Debug for Likeness {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Likeness").field("place", &self.place()).finish_non_exhaustive()
    }
}

/// One channel of a grid with fewer cells: the averages of squares.
fn averages(side: usize, grid: &[[f32; 3]], wanted: usize, channel: usize) -> Vec<f32> {
    let square = side / wanted;
    let mut sums = vec![0.0; wanted * wanted];
    for (row, cells) in grid.chunks_exact(side).enumerate() {
        for (column, cell) in cells.iter().enumerate() {
            sums[row / square * wanted + column / square] += cell[channel];
        }
    }
    let count = (square * square) as f32;
    sums.iter().map(|sum| sum / count).collect()
}

/// The average of the middle half of a grid in both directions: where the garment is.
fn middle(cells: &[f32], side: usize) -> f32 {
    let middle = side / 4..side / 4 * 3;
    let rows = cells.chunks_exact(side).skip(middle.start).take(middle.len());
    let sum: f32 = rows.map(|row| row[middle.clone()].iter().sum::<f32>()).sum();
    sum / (middle.len() * middle.len()) as f32
}

/// The place of a colour, and the seven next ones: in each channel the step that it is in and the one that it is nearer to.
fn places(colour: [f32; 3]) -> [i64; 8] {
    let steps = colour.map(|channel| {
        let at = channel / PLACE_STEP;
        let own = at.floor();
        let beside = if at - own < 0.5 { own - 1.0 } else { own + 1.0 };
        [own as i64 + 1, beside as i64 + 1]
    });
    std::array::from_fn(|way| steps.iter().enumerate().fold(0, |place, (nth, step)| place << 8 | step[way >> nth & 1]))
}

fn level(cell: f32) -> u8 {
    cell.round().clamp(0.0, 255.0) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grid(of: impl Fn(usize, usize) -> [f32; 3]) -> Vec<[f32; 3]> {
        (0..64 * 64).map(|cell| of(cell % 64, cell / 64)).collect()
    }

    fn pattern(x: usize, y: usize) -> [f32; 3] {
        [(x * 3 + y / 4) as f32, 120.0 + (y / 8) as f32, 130.0]
    }

    #[test]
    fn the_same_picture_is_found_at_a_place_beside_its_own_whichever_way_it_is_off() {
        let own = Likeness::of(64, &grid(pattern));
        for shift in [-0.9, -0.5, 0.0, 0.5, 0.9] {
            let other = Likeness::of(64, &grid(|x, y| pattern(x, y).map(|channel| channel + shift)));
            assert!(own.places().contains(&other.place()), "{shift}");
            assert!(own.is_same_as(other.cells()), "{shift}");
        }
    }

    #[test]
    fn a_spot_of_another_brightness_or_colour_makes_another_picture() {
        let own = Likeness::of(64, &grid(pattern));
        for channel in 0..3 {
            let spotted = grid(|x, y| {
                let mut cell = pattern(x, y);
                cell[channel] += if (24..32).contains(&x) && (40..48).contains(&y) { 5.0 } else { 0.0 };
                cell
            });
            assert!(!own.is_same_as(Likeness::of(64, &spotted).cells()), "channel {channel}");
        }
    }

    #[test]
    fn what_was_kept_in_another_form_is_never_the_same() {
        let own = Likeness::of(64, &grid(pattern));
        assert_eq!(own.cells().len(), Likeness::BYTES);
        assert!(!own.is_same_as(&own.cells()[1..]) && !own.is_same_as(&[]));
    }
}
