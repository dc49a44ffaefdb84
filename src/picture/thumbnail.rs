//! A picture reduced to a small grid of averages while its rows pass by.
//!
//! Every picture has the same grid, stretched over it, so that pictures of different sizes can be compared cell by cell.
//! A cell is the exact average of what lies under it, parts of pixels included. The memory is that of one row.

use image::metadata::Orientation;

/// This many cells has the grid in each direction.
pub(super) const SIDE: usize = 64;

/// The sum of this many bytes fits into two.
const MOST_WHOLE_ROWS: usize = 256;

/// How a row's samples are to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Samples {
    /// One byte a pixel.
    Grey,
    /// Three bytes a pixel, sRGB or nearly so.
    Rgb,
}

impl Samples {
    /// Bytes a pixel.
    pub(super) fn channels(self) -> usize {
        match self {
            Self::Grey => 1,
            Self::Rgb => 3,
        }
    }
}

/// Averages of brightness (Y) and the two colour differences (Cb, Cr), row by row, each from 0 to 255.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Thumbnail {
    /// Row by row, as many rows as columns.
    pub(super) cells: Vec<[f32; 3]>,
    /// Of squares of this many pixels a side only the average was known.
    pub(super) grain_px: u32,
}

/// A thumbnail that is being made.
#[derive(Debug)]
pub(super) struct Sampler {
    samples: Samples,
    width: usize,
    height: usize,
    /// The next row's number.
    row: usize,
    /// Columns of rows that lie in one band as a whole, not yet in `sums`: in two bytes each they are added several times
    /// as quickly.
    whole: Vec<u16>,
    whole_rows: usize,
    /// Columns of the band of rows that one row of cells covers, each weighted by the share of its rows: in parts of
    /// [`SIDE`].
    sums: Vec<u32>,
    cells: Vec<[f32; 3]>,
}

impl Sampler {
    /// For a picture of this size; no side is 0 or over 65,535 where the thumbnail is to be right.
    pub(super) fn new(width: u32, height: u32, samples: Samples) -> Self {
        let (width, height) = (width as usize, height as usize);
        let row = width * samples.channels();
        let (whole, sums) = (vec![0; row], vec![0; row]);
        Self { samples, width, height, row: 0, whole, whole_rows: 0, sums, cells: Vec::with_capacity(SIDE * SIDE) }
    }

    /// Takes in the next row.
    pub(super) fn row(&mut self, samples: &[u8]) {
        self.rows(samples, 1);
    }

    /// Takes in the next `count` rows, which are all alike.
    pub(super) fn rows(&mut self, samples: &[u8], count: usize) {
        // In parts of a row, of which each row has SIDE and each band as many as there are rows: both are whole then.
        let (from, to) = (self.row * SIDE, (self.row + count) * SIDE);
        self.row += count;
        let mut at = from;
        while at < to && self.cells.len() < SIDE * SIDE {
            let band_end = (self.cells.len() / SIDE + 1) * self.height;
            let share = to.min(band_end) - at;
            if share == SIDE {
                self.add_whole(samples);
            } else {
                add(&mut self.sums, samples, share);
            }
            at += share;
            if at == band_end {
                self.end_band();
            }
        }
    }

    /// The thumbnail; `None` where rows are missing.
    pub(super) fn finish(self) -> Option<Thumbnail> {
        let is_whole = self.cells.len() == SIDE * SIDE;
        is_whole.then_some(Thumbnail { cells: self.cells, grain_px: 1 })
    }

    fn add_whole(&mut self, samples: &[u8]) {
        for (sum, sample) in self.whole.iter_mut().zip(samples) {
            *sum += u16::from(*sample);
        }
        self.whole_rows += 1;
        if self.whole_rows == MOST_WHOLE_ROWS {
            self.take_whole();
        }
    }

    fn take_whole(&mut self) {
        add(&mut self.sums, &self.whole, SIDE);
        self.whole.fill(0);
        self.whole_rows = 0;
    }

    /// Makes a row of cells of the sums of its band.
    fn end_band(&mut self) {
        self.take_whole();
        let channels = self.samples.channels();
        let weight = (self.width * self.height) as f32;
        for cell in 0..SIDE {
            // As above, in parts of a pixel.
            let (from, to) = (cell * self.width, (cell + 1) * self.width);
            let mut total = [0_u64; 3];
            for column in from / SIDE..to.div_ceil(SIDE) {
                let share = to.min((column + 1) * SIDE) - from.max(column * SIDE);
                let pixel = &self.sums[column * channels..(column + 1) * channels];
                for (total, sum) in total.iter_mut().zip(pixel) {
                    *total += u64::from(*sum) * share as u64;
                }
            }
            let [first, second, third] = total;
            self.cells.push(self.y_cb_cr([first as f32 / weight, second as f32 / weight, third as f32 / weight]));
        }
        self.sums.fill(0);
    }

    fn y_cb_cr(&self, average: [f32; 3]) -> [f32; 3] {
        let [first, second, third] = average;
        match self.samples {
            Samples::Grey => [first, 128.0, 128.0],
            // As JFIF has it. It is linear, so averages may be converted in place of pixels.
            Samples::Rgb => {
                let luma = 0.299 * first + 0.587 * second + 0.114 * third;
                [luma, 128.0 + (third - luma) / 1.772, 128.0 + (first - luma) / 1.402]
            }
        }
    }
}

fn add<T: Copy + Into<u32>>(sums: &mut [u32], samples: &[T], share: usize) {
    for (sum, sample) in sums.iter_mut().zip(samples) {
        *sum += (*sample).into() * share as u32;
    }
}

impl Thumbnail {
    /// Of a whole frame.
    pub(super) fn of_frame(width: u32, height: u32, samples: Samples, frame: &[u8]) -> Option<Self> {
        let mut sampler = Sampler::new(width, height, samples);
        for row in frame.chunks_exact((width as usize * samples.channels()).max(1)) {
            sampler.row(row);
        }
        sampler.finish()
    }

    /// Of a picture of which only averages were known, of squares of this many pixels a side.
    pub(super) fn of_grain(self, grain_px: u32) -> Self {
        Self { grain_px, ..self }
    }

    /// The cells with half as many a side, each the average of four.
    pub(super) fn halved(cells: &[[f32; 3]], side: usize) -> Vec<[f32; 3]> {
        let half = side / 2;
        let average = |place: usize| {
            let first = place / half * 2 * side + place % half * 2;
            let four = [first, first + 1, first + side, first + side + 1].map(|cell| cells[cell]);
            std::array::from_fn(|channel| four.iter().map(|cell| cell[channel]).sum::<f32>() / 4.0)
        };
        (0..half * half).map(average).collect()
    }

    /// As it looks when the picture is turned upright.
    pub(super) fn upright(&self, orientation: Orientation) -> Self {
        let last = SIDE - 1;
        let cells = (0..SIDE * SIDE).map(|cell| {
            let (x, y) = (cell % SIDE, cell / SIDE);
            let (x, y) = match orientation {
                Orientation::NoTransforms => (x, y),
                Orientation::FlipHorizontal => (last - x, y),
                Orientation::Rotate180 => (last - x, last - y),
                Orientation::FlipVertical => (x, last - y),
                Orientation::Rotate90FlipH => (y, x),
                Orientation::Rotate90 => (y, last - x),
                Orientation::Rotate270FlipH => (last - y, last - x),
                Orientation::Rotate270 => (last - y, x),
            };
            self.cells[y * SIDE + x]
        });
        Self { cells: cells.collect(), ..*self }
    }
}

#[cfg(test)]
mod tests {
    use image::{DynamicImage, Rgb, RgbImage};

    use super::*;

    fn thumbnail(picture: &RgbImage) -> Thumbnail {
        Thumbnail::of_frame(picture.width(), picture.height(), Samples::Rgb, picture.as_raw()).expect("whole")
    }

    /// The grid, worked out pixel by pixel in the plainest way.
    fn plain(picture: &RgbImage, channel: usize) -> Vec<f64> {
        let (width, height) = (f64::from(picture.width()), f64::from(picture.height()));
        let overlap = |cell: usize, length: f64, pixel: f64| {
            let (from, to) = (cell as f64 * length / SIDE as f64, (cell + 1) as f64 * length / SIDE as f64);
            (to.min(pixel + 1.0) - from.max(pixel)).max(0.0)
        };
        let mut cells = Vec::new();
        for y in 0..SIDE {
            for x in 0..SIDE {
                let mut sum = 0.0;
                for (column, row, pixel) in picture.enumerate_pixels() {
                    let share = overlap(x, width, f64::from(column)) * overlap(y, height, f64::from(row));
                    sum += share * f64::from(pixel.0[channel]);
                }
                cells.push(sum / (width * height) * (SIDE * SIDE) as f64);
            }
        }
        cells
    }

    #[test]
    fn a_cell_is_the_exact_average_of_what_lies_under_it_whatever_the_size() {
        for (width, height) in [(64, 64), (100, 30), (1, 1), (7, 131), (129, 65), (63, 200), (3, 40_000)] {
            let picture = RgbImage::from_fn(width, height, |x, y| {
                let grey = (x.wrapping_mul(2_654_435_761).wrapping_add(y.wrapping_mul(40_503)) >> 8) as u8;
                Rgb([grey, grey, grey])
            });
            let found = thumbnail(&picture);
            for (cell, wanted) in found.cells.iter().zip(plain(&picture, 0)) {
                assert!((f64::from(cell[0]) - wanted).abs() < 0.01, "{width} x {height}: {} for {wanted}", cell[0]);
            }
        }
    }

    #[test]
    fn colours_are_those_of_jpeg() {
        let red = thumbnail(&RgbImage::from_pixel(80, 70, Rgb([255, 0, 0])));
        for (found, wanted) in red.cells[77].iter().zip([76.2, 85.0, 255.5]) {
            assert!((found - wanted).abs() < 0.2, "{found} for {wanted}");
        }
    }

    #[test]
    fn a_picture_without_all_its_rows_has_no_thumbnail() {
        assert!(Thumbnail::of_frame(10, 10, Samples::Grey, &[0; 99]).is_none());
        assert!(Thumbnail::of_frame(10, 10, Samples::Grey, &[0; 100]).is_some());
    }

    #[test]
    fn a_thumbnail_is_turned_as_its_picture_is() {
        let picture = RgbImage::from_fn(128, 128, |x, y| Rgb([x as u8, y as u8, 0]));
        for exif in 1..=8 {
            let orientation = Orientation::from_exif(exif).expect("one of eight");
            let mut turned = DynamicImage::from(picture.clone());
            turned.apply_orientation(orientation);
            assert_eq!(thumbnail(&picture).upright(orientation), thumbnail(&turned.into_rgb8()), "{exif}");
        }
    }
}
