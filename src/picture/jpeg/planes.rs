//! The samples of each component, and the pixels that they make together.

use super::header::{Colour, Component, Header};
use super::progressive::Progressive;
use super::scan::{Keep, Quantisation, Scanned};
use super::{JpegError, idct};

/// The samples of one component: all of them, or the mean of each block.
#[derive(Debug)]
pub(in crate::picture) struct Plane {
    /// What counts of it, in samples; the rest of the last blocks is padding.
    width: usize,
    height: usize,
    blocks_across: usize,
    /// Samples of the component for how many of the picture, across and down.
    across: (usize, usize),
    down: (usize, usize),
    /// Samples of a block in each direction: 8, or 1 for its mean.
    side: usize,
    samples: Vec<u8>,
    /// In zigzag order, as it lies in the file.
    pub(super) table: Option<Quantisation>,
}

impl Plane {
    pub(super) fn of(header: &Header, component: &Component, keep: Keep) -> Self {
        let side = if keep == Keep::Pixels { 8 } else { 1 };
        let (width, height) = header.size_of(component);
        // Interleaved scans pad each component to whole units.
        let blocks_across = header.width.div_ceil(8 * header.most_across()) * component.across;
        let blocks_down = header.height.div_ceil(8 * header.most_down()) * component.down;
        Self {
            width: (width * side).div_ceil(8),
            height: (height * side).div_ceil(8),
            blocks_across,
            across: (component.across, header.most_across()),
            down: (component.down, header.most_down()),
            side,
            samples: vec![0; blocks_across * blocks_down * side * side],
            table: None,
        }
    }

    pub(super) fn blocks(&self) -> usize {
        self.samples.len() / (self.side * self.side)
    }

    pub(super) fn block_at(&self, (x, y): (usize, usize)) -> usize {
        y * self.blocks_across + x
    }

    /// Puts the samples of a block in their place.
    #[inline]
    pub(super) fn put(&mut self, (x, y): (usize, usize), block: &[i16; 64], precision: u8) -> Result<(), JpegError> {
        let table = self.table.as_ref().ok_or(JpegError::Damaged("a quantisation table is missing"))?;
        let mean = i32::from(block[0]) * i32::from(table[0]);
        // Eight times the largest sample is all that a mean can be; encoders round it a little further. What is far
        // off comes of a decoder that has lost its place.
        if mean.unsigned_abs() >> (precision + 4) > 0 {
            return Err(JpegError::Damaged("its pixels cannot be decoded"));
        }
        let stride = self.blocks_across * self.side;
        let at = y * self.side * stride + x * self.side;
        if self.side == 1 {
            self.samples[at] = ((mean >> (precision - 5)) + 128).clamp(0, 255) as u8;
            return Ok(());
        }
        let mut natural = [0; 64];
        for (k, value) in table.iter().enumerate() {
            natural[idct::NATURAL[k]] = *value;
        }
        let samples = idct::samples(block, &natural, precision);
        for (row, line) in samples.chunks_exact(8).enumerate() {
            self.samples[at + row * stride..at + row * stride + 8].copy_from_slice(line);
        }
        Ok(())
    }

    pub(super) fn put_all(&mut self, coefficients: Progressive, precision: u8) -> Result<(), JpegError> {
        for block in 0..self.blocks() {
            self.put((block % self.blocks_across, block / self.blocks_across), &coefficients.block(block), precision)?;
        }
        Ok(())
    }

    /// Fills `line` with the component's samples of the picture's row `y`, smoothly where it is sampled less often.
    fn line(&self, y: usize, line: &mut [u8]) {
        let stride = self.blocks_across * self.side;
        let (above, below, weight) = between(y, self.down, self.height);
        let (above, below) =
            (&self.samples[above * stride..][..self.width], &self.samples[below * stride..][..self.width]);
        if weight == 0 && self.width == line.len() {
            line.copy_from_slice(above);
            return;
        }
        let mix = |x: usize| i32::from(above[x]) * (256 - weight) + i32::from(below[x]) * weight;
        for (x, sample) in line.iter_mut().enumerate() {
            let (left, right, weight) = between(x, self.across, self.width);
            *sample = ((mix(left) * (256 - weight) + mix(right) * weight + (1 << 15)) >> 16) as u8;
        }
    }
}

/// Between which two of `have` samples the `at`-th of the picture lies, and how near the second, in 256ths. There are
/// `few` samples for `many` of the picture, each in the middle of those that it stands for.
fn between(at: usize, (few, many): (usize, usize), have: usize) -> (usize, usize, i32) {
    if few == many {
        return (at.min(have - 1), at.min(have - 1), 0);
    }
    let place = ((2 * at + 1) * few * 128 / many).saturating_sub(128);
    let first = (place / 256).min(have - 1);
    (first, (first + 1).min(have - 1), (place % 256) as i32)
}

impl Scanned {
    /// Width and height of what was kept.
    pub(in crate::picture) fn size(&self) -> (usize, usize) {
        let side = self.planes.first().map_or(8, |plane| plane.side);
        ((self.header.width * side).div_ceil(8), (self.header.height * side).div_ceil(8))
    }

    /// How many channels the pixels have: 1 for grey, 3 for colour, 4 for inks (255 is full ink).
    pub(in crate::picture) fn channels(&self) -> usize {
        match self.header.components.len() {
            1 => 1,
            4 => 4,
            _ => 3,
        }
    }

    /// The pixels, row by row; `row` gets each one with its number.
    pub(in crate::picture) fn rows(&self, mut row: impl FnMut(usize, &[u8])) {
        let (width, height) = self.size();
        let channels = self.channels();
        let colour = self.header.colour().unwrap_or(Colour::Grey);
        let mut lines = vec![vec![0; width]; channels];
        let mut pixels = vec![0; width * channels];
        for y in 0..height {
            for (line, plane) in lines.iter_mut().zip(&self.planes) {
                plane.line(y, line);
            }
            for (x, pixel) in pixels.chunks_exact_mut(channels).enumerate() {
                pixel.iter_mut().zip(&lines).for_each(|(sample, line)| *sample = line[x]);
                convert(colour, pixel);
            }
            row(y, &pixels);
        }
    }
}

/// From what is stored to grey, RGB, or inks of which 255 is full.
fn convert(colour: Colour, pixel: &mut [u8]) {
    if matches!(colour, Colour::YCbCr | Colour::Ycck)
        && let [y, cb, cr, ..] = pixel
    {
        let (brightness, blue, red) = (i32::from(*y) << 16, i32::from(*cb) - 128, i32::from(*cr) - 128);
        let clamp = |value: i32| ((value + (1 << 15)) >> 16).clamp(0, 255) as u8;
        *y = clamp(brightness + 91_881 * red);
        *cb = clamp(brightness - 22_554 * blue - 46_802 * red);
        *cr = clamp(brightness + 116_130 * blue);
    }
    // Adobe stores inks inverted, and of YCCK the first three inverted twice; all viewers take it so, whether
    // Adobe's segment is there or not.
    match (colour, pixel) {
        (Colour::Cmyk, pixel) => pixel.iter_mut().for_each(|ink| *ink = 255 - *ink),
        (Colour::Ycck, [.., black]) => *black = 255 - *black,
        _ => {}
    }
}
