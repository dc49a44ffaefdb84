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
        // The last pass of an interlaced picture brings every second row, and brings it whole. That will do.
        let rows = if reader.info().interlaced { height / 2 } else { height };
        let has_alpha = matches!(colour, ColorType::GrayscaleAlpha | ColorType::Rgba);
        let opaque = has_alpha.then(|| vec![0; width as usize * samples.channels()]);
        let colours = samples.channels();
        let row_bytes = width as usize * (colours + usize::from(has_alpha));
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
