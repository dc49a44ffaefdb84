//! The margins of a product shot: how much of the picture is only paper.

use super::paper::Paper;
use super::pixels::{Area, Pixels};

/// The picture is looked at in about this many places in each direction; more would find nothing more.
const PLACES: usize = 1_200;

/// The part of the picture that is more than paper, with a little paper around it: the whole picture where there is
/// nothing else on it.
pub(super) fn without_margins(pixels: &Pixels, paper: &Paper) -> Area {
    let whole = Area { left: 0, top: 0, width: pixels.width, height: pixels.height };
    let step = (pixels.width.max(pixels.height) / PLACES).max(1);
    let is_paper = |x: usize, y: usize| paper.is_at(pixels, x, y);
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
        let pixels = Pixels::from(picture.clone());
        let whole = Area { left: 0, top: 0, width: pixels.width, height: pixels.height };
        Paper::of(&pixels).map_or(whole, |paper| without_margins(&pixels, &paper))
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

    #[test]
    fn a_large_picture_is_looked_at_in_places_and_loses_nothing() {
        let area = left_of((3000, 2400), [255; 3], [10, 10, 10], (1000, 700, 900, 1100));
        assert!(area.left <= 1000 && area.top <= 700, "{area:?}");
        assert!(area.left + area.width >= 1900 && area.top + area.height >= 1800, "{area:?}");
        assert!(area.width <= 960 && area.height <= 1160, "{area:?}");
    }
}
