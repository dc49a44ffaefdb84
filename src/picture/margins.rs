//! The margins of a product shot: how much of the picture is only paper.

use super::pixels::{Area, Pixels};

/// How far a sample may differ from the paper and still be paper. JPEG leaves a haze of a few steps around edges.
const TOLERANCE: u8 = 10;

/// The picture is looked at in about so many places in each direction; more would find nothing more.
const PLACES: usize = 1_200;

/// The part of the picture that is more than paper, with a little paper around it: the whole picture where its edge
/// is not mostly of one colour (a photo taken on the street), or where there is nothing else on it.
pub(super) fn without_margins(pixels: &Pixels) -> Area {
    let whole = Area { left: 0, top: 0, width: pixels.width, height: pixels.height };
    let step = (pixels.width.max(pixels.height) / PLACES).max(1);
    let Some(paper) = paper(pixels, step) else { return whole };
    let is_paper = |x: usize, y: usize| is_like(pixels, x, y, paper);
    let columns: Vec<usize> = (0..pixels.width).step_by(step).collect();
    let rows: Vec<usize> = (0..pixels.height).step_by(step).collect();
    // Grains of dust are no garment: a line counts when a few of its places do.
    let counts = |others: usize, of: usize| others > of / 300 + 1;
    let row_counts = |y: &usize| counts(columns.iter().filter(|x| !is_paper(**x, *y)).count(), columns.len());
    let column_counts = |x: &usize| counts(rows.iter().filter(|y| !is_paper(*x, **y)).count(), rows.len());
    let (Some(top), Some(bottom)) = (rows.iter().find(|y| row_counts(y)), rows.iter().rfind(|y| row_counts(y))) else {
        return whole;
    };
    let (Some(left), Some(right)) =
        (columns.iter().find(|x| column_counts(x)), columns.iter().rfind(|x| column_counts(x)))
    else {
        return whole;
    };
    // What is paler than the tolerance (the edge of a white sleeve) lies within this.
    let spare = step + (right - left).max(bottom - top) / 60;
    let (left, top) = (left.saturating_sub(spare), top.saturating_sub(spare));
    let (right, bottom) = ((right + spare + 1).min(pixels.width), (bottom + spare + 1).min(pixels.height));
    Area { left, top, width: right - left, height: bottom - top }
}

/// The colour that most of the picture's edge has, if one has.
fn paper(pixels: &Pixels, step: usize) -> Option<[u8; 3]> {
    let (right, bottom) = (pixels.width - 1, pixels.height - 1);
    let across = (0..pixels.width).step_by(step).flat_map(|x| [(x, 0), (x, bottom)]);
    let down = (0..pixels.height).step_by(step).flat_map(|y| [(0, y), (right, y)]);
    let edge: Vec<(usize, usize)> = across.chain(down).collect();
    let mut paper = [0; 3];
    for (channel, value) in paper.iter_mut().enumerate() {
        let mut values: Vec<u8> = edge.iter().map(|(x, y)| sample(pixels, *x, *y, channel)).collect();
        let middle = values.len() / 2;
        *value = *values.select_nth_unstable(middle).1;
    }
    let alike = edge.iter().filter(|(x, y)| is_like(pixels, *x, *y, paper)).count();
    (alike * 2 > edge.len()).then_some(paper)
}

fn is_like(pixels: &Pixels, x: usize, y: usize, colour: [u8; 3]) -> bool {
    (0..pixels.channels).all(|channel| sample(pixels, x, y, channel).abs_diff(colour[channel]) <= TOLERANCE)
}

/// A grey picture has its one sample in every channel.
fn sample(pixels: &Pixels, x: usize, y: usize, channel: usize) -> u8 {
    pixels.samples[(y * pixels.width + x) * pixels.channels + channel.min(pixels.channels - 1)]
}
