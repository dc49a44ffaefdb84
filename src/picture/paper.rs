//! The paper that a garment was photographed on: its colour at each place, told from the picture's edge.
//!
//! Real paper is no flat white: it is a pale grey, lit unevenly. Its brightness is taken for a smooth surface (a
//! polynomial of second degree in each channel), fitted to the edge; what does not lie on that surface is garment.

use super::pixels::Pixels;

/// The edge is looked at in this many pieces on each side.
const PIECES: usize = 24;

/// A piece of the edge may differ by this much from the surface and still be paper, in steps of 255.
const ON_SURFACE: f64 = 6.0;

/// JPEG leaves a haze of a few steps around edges: what differs by less from the paper is paper, where the paper
/// itself is as noisy as that. Smooth paper shows paler garments.
const MOST_TOLERANCE: f64 = 10.0;
const LEAST_TOLERANCE: f64 = 4.0;

/// Paper that is as pale as this everywhere, and as grey as that between its channels, passes for white.
const PALE: f64 = 215.0;
const GREY: f64 = 16.0;

/// `1, x, y, x², xy, y²`, with x and y from -1 to 1 over the picture.
type Surface = [f64; 6];

/// See the module's page.
#[derive(Debug)]
pub(super) struct Paper {
    /// For each channel.
    surfaces: Vec<Surface>,
    /// How far a sample may be from the surface and still be paper.
    tolerance: f64,
    width: f64,
    height: f64,
}

/// The middle sample of each channel in a piece of the edge, where that is, and how far its samples are spread.
struct Piece {
    x: f64,
    y: f64,
    colour: Vec<f64>,
    spread: f64,
}

impl Paper {
    /// The paper of a picture, where most of its edge lies on one smooth surface.
    pub(super) fn of(pixels: &Pixels) -> Option<Self> {
        let pieces = edge(pixels);
        let is_used = fitting(&pieces)?;
        let used: Vec<&Piece> =
            pieces.iter().zip(&is_used).filter(|(_, is_used)| **is_used).map(|(piece, _)| piece).collect();
        let surfaces = (0..pixels.channels).map(|channel| fit(&used, channel)).collect::<Option<Vec<Surface>>>()?;
        let mut spreads: Vec<f64> = used.iter().map(|piece| piece.spread).collect();
        let spread = median(&mut spreads);
        let tolerance = (3.0 * spread + 2.0).clamp(LEAST_TOLERANCE, MOST_TOLERANCE);
        Some(Self { surfaces, tolerance, width: pixels.width as f64, height: pixels.height as f64 })
    }

    /// Whether the pixel is like the paper.
    pub(super) fn is_at(&self, pixels: &Pixels, x: usize, y: usize) -> bool {
        let (u, v) = (place(x, self.width), place(y, self.height));
        let pixel = &pixels.samples[(y * pixels.width + x) * pixels.channels..];
        self.surfaces
            .iter()
            .zip(pixel)
            .all(|(surface, sample)| (value(surface, u, v) - f64::from(*sample)).abs() <= self.tolerance)
    }

    /// Whether it is a pale grey that passes for white.
    fn is_pale(&self) -> bool {
        let places = [-1.0, 0.0, 1.0];
        places.iter().flat_map(|x| places.iter().map(move |y| (*x, *y))).all(|(x, y)| {
            let colours = self.surfaces.iter().map(|surface| value(surface, x, y));
            let (least, most) =
                colours.fold((f64::MAX, f64::MIN), |(least, most), one| (least.min(one), most.max(one)));
            least >= PALE && most - least <= GREY
        })
    }

    /// Makes pale paper white by the light that fell on it: each sample is divided by the paper's at its place. What is
    /// whiter than the paper becomes white, what is darker keeps its shade beside it; a garment loses nothing.
    pub(super) fn whiten(&self, pixels: &mut Pixels) {
        if !self.is_pale() {
            return;
        }
        // Half the noise of the paper is above its middle and would be white anyway; this takes most of the other half.
        let noise = (self.tolerance - 2.0) / 3.0;
        let (width, channels) = (pixels.width, pixels.channels);
        let columns: Vec<f64> = (0..width).map(|x| place(x, self.width)).collect();
        for (y, row) in pixels.samples.chunks_exact_mut(width * channels).enumerate() {
            let v = place(y, self.height);
            for (pixel, u) in row.chunks_exact_mut(channels).zip(&columns) {
                for (sample, surface) in pixel.iter_mut().zip(&self.surfaces) {
                    let white = value(surface, *u, v) - noise;
                    *sample = (f64::from(*sample) * 255.0 / white).round().min(255.0) as u8;
                }
            }
        }
    }
}

fn place(at: usize, of: f64) -> f64 {
    (2.0 * at as f64 + 1.0) / of - 1.0
}

fn terms(x: f64, y: f64) -> Surface {
    [1.0, x, y, x * x, x * y, y * y]
}

fn value(surface: &Surface, x: f64, y: f64) -> f64 {
    surface[0] + x * (surface[1] + x * surface[3] + y * surface[4]) + y * (surface[2] + y * surface[5])
}

/// The pieces of the edge, a few pixels deep.
fn edge(pixels: &Pixels) -> Vec<Piece> {
    let (width, height) = (pixels.width, pixels.height);
    let depth = (width.min(height) / 100).clamp(1, 8);
    let mut pieces = Vec::new();
    for number in 0..PIECES {
        let part =
            |of: usize| (number * of / PIECES, ((number + 1) * of / PIECES).max(number * of / PIECES + 1).min(of));
        let (across, down) = (part(width), part(height));
        for (columns, rows) in [
            (across, (0, depth)),
            (across, (height - depth, height)),
            ((0, depth), down),
            ((width - depth, width), down),
        ] {
            pieces.push(piece(pixels, columns, rows));
        }
    }
    pieces
}

fn piece(pixels: &Pixels, (left, right): (usize, usize), (top, bottom): (usize, usize)) -> Piece {
    let mut colour = Vec::new();
    let mut spread = 0.0_f64;
    for channel in 0..pixels.channels {
        let at = |x: usize, y: usize| f64::from(pixels.samples[(y * pixels.width + x) * pixels.channels + channel]);
        let mut values: Vec<f64> = (top..bottom).flat_map(|y| (left..right).map(move |x| at(x, y))).collect();
        let middle = median(&mut values);
        let mut distances: Vec<f64> = values.iter().map(|value| (value - middle).abs()).collect();
        spread = spread.max(quantile(&mut distances, 0.8));
        colour.push(middle);
    }
    let middle = |from: usize, to: usize, of: usize| (from + to) as f64 / of as f64 - 1.0;
    Piece { x: middle(left, right, pixels.width), y: middle(top, bottom, pixels.height), colour, spread }
}

/// Which pieces lie on one surface: at first on a flat one, then on ever better ones. `None` where those are not most.
fn fitting(pieces: &[Piece]) -> Option<Vec<bool>> {
    let channels = pieces.first()?.colour.len();
    let middle: Vec<f64> = (0..channels)
        .map(|channel| median(&mut pieces.iter().map(|piece| piece.colour[channel]).collect::<Vec<_>>()))
        .collect();
    // The light may differ by this much between the ends of the paper.
    let mut is_used: Vec<bool> = pieces
        .iter()
        .map(|piece| piece.colour.iter().zip(&middle).all(|(one, middle)| (one - middle).abs() <= 24.0))
        .collect();
    for _ in 0..6 {
        let used: Vec<&Piece> =
            pieces.iter().zip(&is_used).filter(|(_, is_used)| **is_used).map(|(piece, _)| piece).collect();
        if used.len() * 2 <= pieces.len() {
            return None;
        }
        let surfaces = (0..channels).map(|channel| fit(&used, channel)).collect::<Option<Vec<Surface>>>()?;
        let distance = |piece: &Piece| {
            let distances =
                piece.colour.iter().zip(&surfaces).map(|(one, surface)| (one - value(surface, piece.x, piece.y)).abs());
            distances.fold(0.0_f64, f64::max)
        };
        // What lies far off bends the surface, so the farthest are let go first.
        let mut distances: Vec<f64> = used.iter().map(|piece| distance(piece)).collect();
        let limit = ON_SURFACE.max(3.0 * median(&mut distances));
        let next: Vec<bool> = pieces.iter().map(|piece| distance(piece) <= limit).collect();
        if next == is_used {
            break;
        }
        is_used = next;
    }
    let worst = pieces.iter().zip(&is_used).filter(|(_, is_used)| **is_used).map(|(piece, _)| piece.spread);
    let mut spreads: Vec<f64> = worst.collect();
    let is_smooth = !spreads.is_empty() && median(&mut spreads) <= MOST_TOLERANCE;
    let count = is_used.iter().filter(|is_used| **is_used).count();
    (is_smooth && count * 2 > pieces.len()).then_some(is_used)
}

/// The surface nearest to the pieces in one channel, by least squares.
fn fit(pieces: &[&Piece], channel: usize) -> Option<Surface> {
    let mut rows = [[0.0_f64; 7]; 6];
    for piece in pieces {
        let terms = terms(piece.x, piece.y);
        for (row, one) in rows.iter_mut().zip(terms) {
            for (cell, other) in row.iter_mut().zip(terms) {
                *cell += one * other;
            }
            row[6] += one * piece.colour[channel];
        }
    }
    // A little pull towards flatness, where the pieces leave a bend open.
    for (at, row) in rows.iter_mut().enumerate().skip(1) {
        row[at] += 0.01 * pieces.len() as f64;
    }
    solve(rows)
}

/// Gauss's elimination with the largest pivot.
fn solve(mut rows: [[f64; 7]; 6]) -> Option<Surface> {
    for column in 0..6 {
        let pivot = (column..6).max_by(|a, b| rows[*a][column].abs().total_cmp(&rows[*b][column].abs()))?;
        rows.swap(column, pivot);
        let pivot = rows[column];
        if pivot[column].abs() < 1e-9 {
            return None;
        }
        for (number, row) in rows.iter_mut().enumerate() {
            if number != column {
                let factor = row[column] / pivot[column];
                row.iter_mut().zip(pivot).for_each(|(cell, above)| *cell -= factor * above);
            }
        }
    }
    Some(std::array::from_fn(|at| rows[at][6] / rows[at][at]))
}

fn median(values: &mut [f64]) -> f64 {
    quantile(values, 0.5)
}

/// Of no values, 0.
fn quantile(values: &mut [f64], part: f64) -> f64 {
    let Some(last) = values.len().checked_sub(1) else { return 0.0 };
    let at = (last as f64 * part) as usize;
    *values.select_nth_unstable_by(at, f64::total_cmp).1
}
