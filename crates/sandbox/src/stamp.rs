//! The word that keeps a stand-in's picture from being taken for a real one.

use image::RgbImage;

/// Letters of 5 by 7 cells; a bit is a cell, the highest of the five the leftmost.
const LETTERS: [[u8; 7]; 7] = [
    [0b01111, 0b10000, 0b10000, 0b01110, 0b00001, 0b00001, 0b11110], // S
    [0b01110, 0b10001, 0b10001, 0b11111, 0b10001, 0b10001, 0b10001], // A
    [0b10001, 0b11001, 0b10101, 0b10101, 0b10011, 0b10001, 0b10001], // N
    [0b11110, 0b10001, 0b10001, 0b10001, 0b10001, 0b10001, 0b11110], // D
    [0b11110, 0b10001, 0b10001, 0b11110, 0b10001, 0b10001, 0b11110], // B
    [0b01110, 0b10001, 0b10001, 0b10001, 0b10001, 0b10001, 0b01110], // O
    [0b10001, 0b10001, 0b01010, 0b00100, 0b01010, 0b10001, 0b10001], // X
];

/// From the left edge of a letter to that of the next, in cells: wide, as capitals want it.
const ADVANCE: u32 = 8;

/// The word's width in cells, without the space after its last letter.
const WORD_CELLS: u32 = ADVANCE * 6 + 5;

const BAND: [u8; 3] = [24, 24, 28];
const INK: [u8; 3] = [255, 255, 255];

/// Lays a translucent band over the foot of the picture, with SANDBOX in it.
pub(super) fn stamp(picture: &mut RgbImage) {
    let (width, height) = picture.dimensions();
    // The word takes half the width, or less of a very low picture.
    let cell = (width / (WORD_CELLS * 2)).min(height / 40).max(1);
    let band_height = (cell * 15).min(height);
    let top = height - band_height;
    for y in top..height {
        let row = &mut picture.as_mut()[(y * width * 3) as usize..((y + 1) * width * 3) as usize];
        for pixel in row.chunks_exact_mut(3) {
            blend(pixel, BAND, 170);
        }
    }
    let (left, letter_top) = (width.saturating_sub(WORD_CELLS * cell) / 2, top + cell * 4);
    for (nth, rows) in (0_u32..).zip(LETTERS) {
        for (down, bits) in (0_u32..).zip(rows) {
            for across in (0..5).filter(|across| bits & (0b10000 >> across) != 0) {
                square(picture, left + (nth * ADVANCE + across) * cell, letter_top + down * cell, cell);
            }
        }
    }
}

fn square(picture: &mut RgbImage, left: u32, top: u32, side: u32) {
    let (width, height) = picture.dimensions();
    for y in top..(top + side).min(height) {
        for x in left..(left + side).min(width) {
            blend(&mut picture.get_pixel_mut(x, y).0, INK, 235);
        }
    }
}

/// Mixes `colour` into a pixel, `alpha` parts of 255.
fn blend(pixel: &mut [u8], colour: [u8; 3], alpha: u32) {
    for (channel, over) in pixel.iter_mut().zip(colour) {
        *channel = ((u32::from(*channel) * (255 - alpha) + u32::from(over) * alpha) / 255) as u8;
    }
}

#[cfg(test)]
mod tests {
    use image::Rgb;

    use super::*;

    #[test]
    fn the_stamp_is_dark_with_light_letters_and_leaves_the_picture_above_alone() {
        let mut picture = RgbImage::from_pixel(576, 768, Rgb([120, 180, 120]));
        stamp(&mut picture);
        assert_eq!(picture.get_pixel(288, 600), &Rgb([120, 180, 120]));
        let foot: Vec<_> = (0..576).map(|x| picture.get_pixel(x, 725).0[1]).collect();
        assert!(foot.iter().any(|g| *g > 220) && foot.iter().any(|g| *g < 90), "{foot:?}");
    }

    #[test]
    fn tiny_and_odd_pictures_are_stamped_without_harm() {
        for (width, height) in [(1, 1), (64, 8), (8, 64), (53, 20)] {
            stamp(&mut RgbImage::new(width, height));
        }
    }
}
