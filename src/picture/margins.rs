//! The paper of a product shot: how much of the picture is only paper, and pale paper made white.

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

/// Paper that is as pale as this in every channel, and as grey as that between them, passes for white.
const PALE: u8 = 215;
const GREY: u8 = 16;

/// Makes the paper around a garment white where it is a pale grey: laid on white it would show as a rectangle. What
/// is like paper inside of the garment, and not connected to the edge, stays as it is.
pub(super) fn whiten_paper(pixels: &mut Pixels) {
    let Some(paper) = paper(pixels, 1) else { return };
    let (palest, darkest) = (paper.into_iter().max().unwrap_or(0), paper.into_iter().min().unwrap_or(0));
    if darkest < PALE || palest - darkest > GREY || paper == [255; 3] {
        return;
    }
    let (width, height) = (pixels.width, pixels.height);
    let is_paper: Vec<bool> = (0..width * height).map(|at| is_like(pixels, at % width, at / width, paper)).collect();
    let mut is_seen = vec![false; width * height];
    let across = (0..width).flat_map(|x| [x, (height - 1) * width + x]);
    let down = (0..height).flat_map(|y| [y * width, y * width + width - 1]);
    let mut open: Vec<usize> = across.chain(down).collect();
    while let Some(at) = open.pop() {
        if is_seen[at] || !is_paper[at] {
            continue;
        }
        is_seen[at] = true;
        pixels.samples[at * pixels.channels..(at + 1) * pixels.channels].fill(255);
        let x = at % width;
        let (left, right) = ((x > 0).then(|| at - 1), (x + 1 < width).then(|| at + 1));
        let (above, below) = (at.checked_sub(width), Some(at + width).filter(|at| *at < width * height));
        open.extend([left, right, above, below].into_iter().flatten());
    }
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

#[cfg(test)]
mod tests {
    use image::{Rgb, RgbImage};

    use super::*;

    /// What is left of a picture that is `paper` but for a rectangle of `garment`.
    fn left_of(
        size: (u32, u32),
        paper: [u8; 3],
        garment: [u8; 3],
        (left, top, width, height): (u32, u32, u32, u32),
    ) -> Area {
        let is_garment = |x: u32, y: u32| (left..left + width).contains(&x) && (top..top + height).contains(&y);
        area_of(&RgbImage::from_fn(size.0, size.1, |x, y| Rgb(if is_garment(x, y) { garment } else { paper })))
    }

    fn area_of(picture: &RgbImage) -> Area {
        without_margins(&Pixels::from(picture.clone()))
    }

    /// The area holds the rectangle and little else.
    fn holds(area: Area, (left, top, width, height): (usize, usize, usize, usize)) {
        assert!(area.left <= left && area.top <= top, "{area:?}");
        assert!(area.left + area.width >= left + width && area.top + area.height >= top + height, "{area:?}");
        assert!(area.width <= width + 20 && area.height <= height + 20, "{area:?}");
    }

    #[test]
    fn paper_around_a_garment_is_taken_off_whatever_its_colour() {
        for paper in [[255; 3], [246, 246, 244], [120, 160, 120]] {
            holds(left_of((400, 500), paper, [30, 40, 90], (120, 60, 150, 300)), (120, 60, 150, 300));
        }
    }

    #[test]
    fn a_garment_that_is_cut_by_the_edge_keeps_its_edge() {
        holds(left_of((400, 400), [255; 3], [90, 40, 30], (100, 0, 200, 250)), (100, 0, 200, 250));
    }

    #[test]
    fn a_grain_of_dust_does_not_hold_the_margin() {
        let mut picture = RgbImage::from_pixel(600, 600, Rgb([255; 3]));
        image::imageops::replace(&mut picture, &RgbImage::from_pixel(200, 200, Rgb([9, 9, 9])), 200, 200);
        picture.put_pixel(20, 20, Rgb([0; 3]));
        holds(area_of(&picture), (200, 200, 200, 200));
    }

    #[test]
    fn a_photo_without_paper_and_a_blank_one_stay_whole() {
        let whole = Area { left: 0, top: 0, width: 400, height: 300 };
        let noise = RgbImage::from_fn(400, 300, |x, y| Rgb([(x * 37 + y * 91) as u8, (x * y) as u8, (y * 53) as u8]));
        assert_eq!(area_of(&noise), whole);
        assert_eq!(area_of(&RgbImage::from_pixel(400, 300, Rgb([255; 3]))), whole);
    }

    #[test]
    fn half_an_edge_of_one_colour_is_no_paper() {
        let halves = RgbImage::from_fn(300, 300, |x, _| Rgb(if x < 150 { [250; 3] } else { [120; 3] }));
        assert_eq!(area_of(&halves), Area { left: 0, top: 0, width: 300, height: 300 });
    }

    #[test]
    fn the_haze_that_jpeg_leaves_on_paper_is_paper() {
        let mut picture = RgbImage::from_fn(400, 400, |x, y| Rgb([248 + ((x * 31 + y * 17) % 8) as u8; 3]));
        image::imageops::replace(&mut picture, &RgbImage::from_pixel(100, 100, Rgb([9, 9, 9])), 150, 150);
        holds(area_of(&picture), (150, 150, 100, 100));
    }

    /// A garment on paper, with a hole in its middle through which the paper shows.
    fn with_hole(paper: Rgb<u8>) -> RgbImage {
        let mut picture = RgbImage::from_pixel(60, 60, paper);
        image::imageops::replace(&mut picture, &RgbImage::from_pixel(30, 30, Rgb([90, 20, 20])), 15, 15);
        image::imageops::replace(&mut picture, &RgbImage::from_pixel(10, 10, paper), 25, 25);
        picture
    }

    #[test]
    fn pale_paper_becomes_white_and_what_is_like_it_inside_the_garment_stays() {
        for paper in [[243, 243, 241], [254, 254, 255], [222, 226, 230]] {
            let mut pixels = Pixels::from(with_hole(Rgb(paper)));
            whiten_paper(&mut pixels);
            let found = pixels.into_image().into_rgb8();
            assert_eq!((found.get_pixel(2, 2).0, found.get_pixel(57, 30).0), ([255; 3], [255; 3]));
            assert_eq!((found.get_pixel(20, 20).0, found.get_pixel(30, 30).0), ([90, 20, 20], paper));
        }
    }

    #[test]
    fn paper_that_is_a_colour_stays_one() {
        for paper in [[205, 205, 205], [250, 240, 220], [10, 10, 10]] {
            let mut pixels = Pixels::from(with_hole(Rgb(paper)));
            whiten_paper(&mut pixels);
            assert_eq!(pixels.into_image().into_rgb8(), with_hole(Rgb(paper)));
        }
    }

    #[test]
    fn a_large_picture_is_looked_at_in_places_and_loses_nothing() {
        let area = left_of((3000, 2400), [255; 3], [10, 10, 10], (1000, 700, 900, 1100));
        assert!(area.left <= 1000 && area.top <= 700, "{area:?}");
        assert!(area.left + area.width >= 1900 && area.top + area.height >= 1800, "{area:?}");
        assert!(area.width <= 960 && area.height <= 1160, "{area:?}");
    }
}
