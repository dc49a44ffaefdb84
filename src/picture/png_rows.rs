//! The rows of a PNG on their way to a thumbnail: without alpha, and of an interlaced picture only those that are whole.

use std::io::{BufRead, Seek};

use png::ColorType;

use super::thumbnail::{Sampler, Samples, Thumbnail};

/// Takes the rows of one PNG, decoded to 8 bits a sample.
#[derive(Debug)]
pub(super) struct PngSampler {
    sampler: Sampler,
    /// Samples a pixel, alpha not counted.
    colours: usize,
    /// The length of a whole row, in bytes.
    row_bytes: usize,
    /// A row without its alpha channel; unused where there is none.
    opaque: Option<Vec<u8>>,
}

impl PngSampler {
    /// For the picture that `reader` reads.
    pub(super) fn new<R: BufRead + Seek>(width: u32, height: u32, reader: &png::Reader<R>) -> Self {
        let (colour, _) = reader.output_color_type();
        let samples = match colour {
            ColorType::Grayscale | ColorType::GrayscaleAlpha => Samples::Grey,
            ColorType::Rgb | ColorType::Rgba | ColorType::Indexed => Samples::Rgb,
        };
        // The last pass of an interlaced picture brings every second row, and brings it whole. That will do; of a picture
        // that is one pixel wide all passes would.
        let interlaced = reader.info().interlaced;
        let rows = if interlaced { height / 2 } else { height };
        let has_alpha = matches!(colour, ColorType::GrayscaleAlpha | ColorType::Rgba);
        let opaque = has_alpha.then(|| vec![0; width as usize * samples.channels()]);
        let colours = samples.channels();
        let row_bytes = width as usize * (colours + usize::from(has_alpha));
        let row_bytes = if interlaced && width == 1 { usize::MAX } else { row_bytes };
        Self { sampler: Sampler::new(width, rows, samples), colours, row_bytes, opaque }
    }

    pub(super) fn row(&mut self, row: &[u8]) {
        if row.len() != self.row_bytes {
            return;
        }
        let Some(opaque) = &mut self.opaque else { return self.sampler.row(row) };
        let colours = self.colours;
        for (pixel, own) in row.chunks_exact(colours + 1).zip(opaque.chunks_exact_mut(colours)) {
            // What shines through is white, as everywhere.
            let alpha = u32::from(pixel[colours]);
            for (own, sample) in own.iter_mut().zip(pixel) {
                *own = ((u32::from(*sample) * alpha + 255 * (255 - alpha) + 127) / 255) as u8;
            }
        }
        self.sampler.row(opaque);
    }

    pub(super) fn finish(self) -> Option<Thumbnail> {
        self.sampler.finish()
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;
    use crate::picture::verify::crc32;

    /// Each pass of an interlaced picture: its first column and row, and the steps to the next ones.
    const PASSES: [(u32, u32, u32, u32); 7] =
        [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)];

    fn grey(x: u32, y: u32) -> u8 {
        (x + y / 2) as u8
    }

    /// An interlaced grey PNG, stored without compression.
    fn interlaced(width: u32, height: u32) -> Vec<u8> {
        let mut rows = Vec::new();
        for (left, top, across, down) in PASSES {
            for y in (top..height).step_by(down as usize) {
                if left < width {
                    rows.push(0);
                }
                rows.extend((left..width).step_by(across as usize).map(|x| grey(x, y)));
            }
        }
        let mut zlib = vec![0x78, 1];
        let mut pieces = rows.chunks(60_000).peekable();
        while let Some(piece) = pieces.next() {
            let length = piece.len() as u16;
            zlib.push(u8::from(pieces.peek().is_none()));
            zlib.extend(length.to_le_bytes().iter().chain(&(!length).to_le_bytes()).chain(piece));
        }
        let (a, b) = rows.iter().fold((1_u32, 0_u32), |(a, b), byte| {
            let a = (a + u32::from(*byte)) % 65_521;
            (a, (b + a) % 65_521)
        });
        zlib.extend((b << 16 | a).to_be_bytes());
        let header = [width.to_be_bytes().as_slice(), &height.to_be_bytes(), &[8, 0, 0, 0, 1]].concat();
        let mut png = b"\x89PNG\r\n\x1a\n".to_vec();
        for (name, data) in [(b"IHDR", header.as_slice()), (b"IDAT", &zlib), (b"IEND", &[])] {
            let chunk = [name.as_slice(), data].concat();
            png.extend((data.len() as u32).to_be_bytes().iter().chain(&chunk).chain(&crc32(&chunk).to_be_bytes()));
        }
        png
    }

    #[test]
    fn an_interlaced_picture_looks_as_one_that_is_not() {
        for (width, height) in [(97, 121), (64, 128), (1, 9), (9, 1)] {
            let bytes = interlaced(width, height);
            let mut reader = png::Decoder::new(Cursor::new(&bytes)).read_info().expect("a header");
            let mut sampler = PngSampler::new(width, height, &reader);
            while let Some(row) = reader.next_row().expect("a row") {
                sampler.row(row.data());
            }
            let Some(found) = sampler.finish() else {
                assert!(width == 1 || height == 1, "only a line has no look");
                continue;
            };
            let frame: Vec<u8> = (0..height).flat_map(|y| (0..width).map(move |x| grey(x, y))).collect();
            let plain = Thumbnail::of_frame(width, height, Samples::Grey, &frame).expect("whole");
            for (found, plain) in found.cells.iter().zip(&plain.cells) {
                assert!((found[0] - plain[0]).abs() <= 1.0, "{width} x {height}: {} for {}", found[0], plain[0]);
            }
        }
    }
}
