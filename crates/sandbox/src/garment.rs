//! Cuts garments out of a product shot: what is like the picture's edge and connected to it becomes transparent.
//!
//! Flooding from the edge, instead of keying on white, leaves a white shirt on white paper its inside.

use image::{DynamicImage, RgbaImage};

use super::composite;

/// The size to which a garment is shrunk before it is cut out, in pixels; results are not much larger.
const WORK_SIDE_PX: u32 = 480;

/// How far a channel may differ from the background and still be background.
const TOLERANCE: u8 = 22;

/// Gaps narrower than this part of the picture do not separate two garments.
const GAP: f64 = 0.02;

/// A garment with a transparent surrounding, cropped to itself. Colours are premultiplied with alpha, so that
/// nothing of the background shines through where the garment is scaled later.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Cutout {
    pub(super) pixels: RgbaImage,
    pub(super) cut: Cut,
}

/// Where on a body a garment belongs, as far as its outline tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cut {
    /// A shirt, a jacket: about as wide as high.
    Upper,
    /// Two legs below a waist.
    Lower,
    /// Ever wider from a waistband down.
    Skirt,
    /// Much higher than wide.
    Dress,
}

/// The garments in a picture, one or two (an upper and a lower in one picture), the upper one first.
pub(super) fn cut_out(picture: &DynamicImage) -> Vec<Cutout> {
    let mut pixels = composite::fit(picture, WORK_SIDE_PX).into_rgba8();
    let cover = cover(&pixels);
    apply(&mut pixels, &cover);
    let mut pieces: Vec<Cutout> = regions(&pixels).into_iter().map(|region| cutout(&pixels, region)).collect();
    if let [first, second] = &mut pieces[..] {
        // In an outfit one is worn above the other, whatever their outlines look like.
        let is_below = |cut| matches!(cut, Cut::Lower | Cut::Skirt);
        if is_below(first.cut) && !is_below(second.cut) {
            std::mem::swap(first, second);
        }
        first.cut = Cut::Upper;
        if !is_below(second.cut) {
            second.cut = Cut::Lower;
        }
    }
    pieces
}

/// How much of each pixel belongs to a garment, 0 to 255, with soft edges.
fn cover(pixels: &RgbaImage) -> Vec<u8> {
    let (width, height) = (pixels.width() as usize, pixels.height() as usize);
    let data = pixels.as_raw();
    let background = background(pixels);
    let is_background = |at: usize| {
        let pixel = &data[at * 4..at * 4 + 4];
        pixel[3] < 16 || (0..3).all(|c| pixel[c].abs_diff(background[c]) <= TOLERANCE)
    };
    let mut inside = vec![255_u8; width * height];
    let mut open = Vec::new();
    let edge = (0..width).flat_map(|x| [x, (height - 1) * width + x]);
    for at in edge.chain((0..height).flat_map(|y| [y * width, y * width + width - 1])) {
        if inside[at] != 0 && is_background(at) {
            inside[at] = 0;
            open.push(at);
        }
    }
    while let Some(at) = open.pop() {
        let (x, y) = (at % width, at / width);
        let neighbours = [
            (x > 0).then(|| at - 1),
            (x + 1 < width).then_some(at + 1),
            (y > 0).then(|| at - width),
            (y + 1 < height).then_some(at + width),
        ];
        for next in neighbours.into_iter().flatten() {
            if inside[next] != 0 && is_background(next) {
                inside[next] = 0;
                open.push(next);
            }
        }
    }
    soften(&inside, width, height)
}

/// The colour of the paper: the mean of the four corners.
fn background(pixels: &RgbaImage) -> [u8; 3] {
    let (right, bottom) = (pixels.width() - 1, pixels.height() - 1);
    let corners = [(0, 0), (right, 0), (0, bottom), (right, bottom)].map(|(x, y)| pixels.get_pixel(x, y).0);
    [0, 1, 2].map(|c| (corners.iter().map(|corner| u32::from(corner[c])).sum::<u32>() / 4) as u8)
}

/// A mask whose edge is moved inward by about a pixel and blurred: the outermost pixels are half paper.
fn soften(mask: &[u8], width: usize, height: usize) -> Vec<u8> {
    let mut soft = mask.to_vec();
    for y in 0..height {
        for x in 0..width {
            let at = y * width + x;
            if mask[at] == 0 {
                continue;
            }
            let rows = y.saturating_sub(1)..(y + 2).min(height);
            let outside: u32 = rows
                .flat_map(|row| (x.saturating_sub(1)..(x + 2).min(width)).map(move |column| row * width + column))
                .map(|near| u32::from(mask[near] == 0))
                .sum();
            // Straight edges have three neighbours outside; those pixels keep a quarter.
            soft[at] = 255 - (outside * 64).min(255) as u8;
        }
    }
    soft
}

/// Writes the cover into the picture, and premultiplies.
fn apply(pixels: &mut RgbaImage, cover: &[u8]) {
    for (pixel, cover) in pixels.as_mut().chunks_exact_mut(4).zip(cover) {
        let alpha = u32::from(pixel[3]) * u32::from(*cover) / 255;
        for channel in &mut pixel[..3] {
            *channel = (u32::from(*channel) * alpha / 255) as u8;
        }
        pixel[3] = alpha as u8;
    }
}

/// A rectangle: left, top, width, height.
type Region = (u32, u32, u32, u32);

/// The rectangles of the garments: the two that a clear gap separates, or the one around everything.
fn regions(pixels: &RgbaImage) -> Vec<Region> {
    let (width, height) = (pixels.width(), pixels.height());
    let all = (0, 0, width, height);
    let Some(whole) = bounds(pixels, all) else { return vec![all] };
    let (left, top, w, h) = whole;
    let solid = |x, y| pixels.get_pixel(x, y).0[3] > 32;
    let columns: Vec<bool> = (left..left + w).map(|x| (top..top + h).any(|y| solid(x, y))).collect();
    let rows: Vec<bool> = (top..top + h).map(|y| (left..left + w).any(|x| solid(x, y))).collect();
    let halves = if let Some(at) = gap(&columns) {
        Some([(left, top, at, h), (left + at, top, w - at, h)])
    } else {
        gap(&rows).map(|at| [(left, top, w, at), (left, top + at, w, h - at)])
    };
    let parts: Vec<Region> = halves.into_iter().flatten().filter_map(|half| bounds(pixels, half)).collect();
    // A speck of dust beside a shirt is no second garment.
    let sizable = |region: &Region| region.2 >= width / 8 && region.3 >= height / 8;
    if parts.len() == 2 && parts.iter().all(sizable) { parts } else { vec![whole] }
}

/// The middle of the widest run of empty lines between filled ones.
fn gap(filled: &[bool]) -> Option<u32> {
    let mut widest = (0, 0);
    let mut begin = 0;
    for (at, is_filled) in filled.iter().enumerate() {
        if *is_filled {
            if at - begin > widest.1 {
                widest = (begin + (at - begin) / 2, at - begin);
            }
            begin = at + 1;
        }
    }
    let is_clear = widest.1 as f64 >= filled.len() as f64 * GAP && widest.1 > 0;
    is_clear.then(|| u32::try_from(widest.0).unwrap_or(0))
}

/// The smallest rectangle within `region` that holds all that is visible there.
fn bounds(pixels: &RgbaImage, (left, top, width, height): Region) -> Option<Region> {
    let mut found: Option<(u32, u32, u32, u32)> = None;
    for y in top..top + height {
        for x in left..left + width {
            if pixels.get_pixel(x, y).0[3] > 32 {
                let (x0, y0, x1, y1) = found.unwrap_or((x, y, x, y));
                found = Some((x0.min(x), y0.min(y), x1.max(x), y1.max(y)));
            }
        }
    }
    found.map(|(x0, y0, x1, y1)| (x0, y0, x1 - x0 + 1, y1 - y0 + 1))
}

fn cutout(pixels: &RgbaImage, (left, top, width, height): Region) -> Cutout {
    let pixels = DynamicImage::ImageRgba8(pixels.clone()).crop_imm(left, top, width, height).into_rgba8();
    let cut = classify(&pixels);
    Cutout { pixels, cut }
}

fn classify(pixels: &RgbaImage) -> Cut {
    let (width, height) = (pixels.width(), pixels.height());
    // Where the outline is cut across: the number of pieces and their width together, at this many hundredths down.
    let across = |hundredth: u32| {
        let solid = (0..width).map(|x| pixels.get_pixel(x, height * hundredth / 100).0[3] > 128);
        solid.fold((0, 0, false), |(runs, filled, was), is| (runs + u32::from(is && !was), filled + u32::from(is), is))
    };
    let is_tall = f64::from(height) >= f64::from(width) * 1.3;
    if is_tall && across(88).0 == 2 {
        return Cut::Lower;
    }
    // Sleeves and straps come back in, or are in pieces; a skirt only ever widens.
    // The waistband may sag in the middle and the hem be in folds, so both ends are left out.
    let rows = [14, 28, 42, 56, 70, 84].map(across);
    let is_whole = rows.iter().all(|(runs, ..)| *runs == 1);
    let is_widening = rows.windows(2).all(|pair| pair[1].1 + width / 50 >= pair[0].1);
    if is_whole && is_widening && rows[0].1 * 3 >= width && rows[0].1 * 10 < width * 9 {
        return Cut::Skirt;
    }
    if is_tall { Cut::Dress } else { Cut::Upper }
}

#[cfg(test)]
mod tests {
    use image::Rgba;

    use super::*;

    /// Rectangles of one colour on white.
    fn shot(size: (u32, u32), parts: &[Region], colour: [u8; 3]) -> DynamicImage {
        let mut picture = RgbaImage::from_pixel(size.0, size.1, Rgba([255, 255, 255, 255]));
        for &(left, top, width, height) in parts {
            for y in top..top + height {
                for x in left..left + width {
                    picture.put_pixel(x, y, Rgba([colour[0], colour[1], colour[2], 255]));
                }
            }
        }
        DynamicImage::ImageRgba8(picture)
    }

    #[test]
    fn the_paper_becomes_transparent_and_the_garment_stays() {
        let pieces = cut_out(&shot((400, 400), &[(100, 100, 200, 200)], [200, 30, 30]));
        assert_eq!(pieces.len(), 1);
        let piece = &pieces[0];
        assert_eq!(piece.cut, Cut::Upper);
        assert!(piece.pixels.width().abs_diff(200) <= 3, "cropped to itself: {}", piece.pixels.width());
        let middle = piece.pixels.get_pixel(100, 100);
        assert_eq!(middle.0, [200, 30, 30, 255]);
    }

    #[test]
    fn a_white_inside_is_not_paper() {
        let mut picture = shot((400, 400), &[(100, 100, 200, 200)], [60, 60, 60]).into_rgba8();
        for y in 120..280 {
            for x in 120..280 {
                picture.put_pixel(x, y, Rgba([255, 255, 255, 255]));
            }
        }
        let pieces = cut_out(&DynamicImage::ImageRgba8(picture));
        assert_eq!(pieces[0].pixels.get_pixel(100, 100).0[3], 255);
    }

    #[test]
    fn trousers_and_dresses_are_told_apart_by_their_outline() {
        let trousers = [(150, 50, 100, 100), (150, 150, 40, 220), (210, 150, 40, 220)];
        assert_eq!(cut_out(&shot((400, 400), &trousers, [20, 20, 90]))[0].cut, Cut::Lower);
        assert_eq!(cut_out(&shot((400, 400), &[(150, 50, 100, 320)], [20, 20, 90]))[0].cut, Cut::Dress);
    }

    #[test]
    fn a_skirt_widens_all_the_way_down_and_a_shirt_does_not() {
        let skirt: Vec<Region> = (0..200).map(|y| (150 - y / 2, 100 + y, 100 + y, 1)).collect();
        assert_eq!(cut_out(&shot((400, 400), &skirt, [90, 20, 90]))[0].cut, Cut::Skirt);
        let shirt = [(130, 80, 140, 20), (60, 100, 280, 80), (120, 180, 160, 140)];
        assert_eq!(cut_out(&shot((400, 400), &shirt, [90, 20, 90]))[0].cut, Cut::Upper);
    }

    #[test]
    fn two_garments_in_one_picture_are_an_upper_and_a_lower() {
        let trousers_first = [(30, 50, 120, 100), (30, 150, 50, 220), (100, 150, 50, 220), (220, 50, 150, 150)];
        let pieces = cut_out(&shot((400, 400), &trousers_first, [20, 90, 20]));
        assert_eq!(pieces.iter().map(|piece| piece.cut).collect::<Vec<_>>(), [Cut::Upper, Cut::Lower]);
        assert!(pieces[0].pixels.height() < pieces[1].pixels.height(), "the trousers are the lower one");
    }

    #[test]
    fn an_empty_picture_is_no_accident() {
        assert_eq!(cut_out(&shot((300, 300), &[], [0, 0, 0])).len(), 1);
    }
}
