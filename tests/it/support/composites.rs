//! Good results, made of the example's pictures: a person as somebody photographed them, in a garment, lit and cut in ever
//! other ways. Made apart from the sandbox, whose pictures carry a stamp.

use std::io::Cursor;
use std::path::Path;

use image::codecs::jpeg::JpegEncoder;
use image::imageops::FilterType;
use image::{DynamicImage, ImageFormat, Rgb, RgbImage, RgbaImage};

/// Numbers that look random and are the same each time.
#[derive(Debug)]
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn next(&mut self) -> u64 {
        // SplitMix64.
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Between two numbers.
    pub(crate) fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    pub(crate) fn below(&mut self, count: usize) -> usize {
        (self.next() % count as u64) as usize
    }
}

/// The example's pictures of a folder, in the order of their names.
pub(crate) fn pictures_of(folder: &str) -> Vec<RgbImage> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples").join(folder);
    let mut paths: Vec<_> =
        std::fs::read_dir(&folder).expect("the example").map(|entry| entry.expect("a file").path()).collect();
    paths.sort();
    paths.iter().map(|path| image::open(path).expect("a picture").into_rgb8()).collect()
}

/// The people of the example as 12 customers have them: whole, and cut and lit in another way.
pub(crate) fn people(dice: &mut Dice) -> Vec<RgbImage> {
    let mut people = pictures_of("people");
    let further: Vec<_> = people.iter().map(|person| lit(&cut(person, dice), dice.between(0.7, 1.25))).collect();
    people.extend(further);
    people
}

/// A part of a picture in the same proportions.
pub(crate) fn cut(picture: &RgbImage, dice: &mut Dice) -> RgbImage {
    let share = dice.between(0.8, 1.0);
    let side = |length: u32| (f64::from(length) * share) as u32;
    let (width, height) = (side(picture.width()), side(picture.height()));
    let left = dice.below((picture.width() - width + 1) as usize) as u32;
    let top = dice.below((picture.height() - height + 1) as usize) as u32;
    image::imageops::crop_imm(picture, left, top, width, height).to_image()
}

pub(crate) fn lit(picture: &RgbImage, brightness: f64) -> RgbImage {
    let mut lit = picture.clone();
    lit.iter_mut().for_each(|sample| *sample = (f64::from(*sample) * brightness).min(255.0) as u8);
    lit
}

/// A garment without the white that it lies on.
pub(crate) fn cut_out(garment: &RgbImage) -> RgbaImage {
    RgbaImage::from_fn(garment.width(), garment.height(), |x, y| {
        let [red, green, blue] = garment.get_pixel(x, y).0;
        let is_paper = red.min(green).min(blue) > 240;
        image::Rgba([red, green, blue, if is_paper { 0 } else { 255 }])
    })
}

/// The person in the garment. Its place, size and light are the dice's, within what people would call well made.
pub(crate) fn dressed(person: &RgbImage, garment: &RgbImage, dice: &mut Dice) -> RgbImage {
    let mut result = DynamicImage::from(person.clone()).into_rgba8();
    let wide = f64::from(person.width()) * dice.between(0.42, 0.56);
    let high = wide * f64::from(garment.height()) / f64::from(garment.width());
    let garment = lit(garment, dice.between(0.65, 1.05));
    let piece = image::imageops::resize(&cut_out(&garment), wide as u32, high as u32, FilterType::Triangle);
    let left = (f64::from(person.width()) - wide) / 2.0 + dice.between(-12.0, 12.0);
    let top = f64::from(person.height()) * dice.between(0.2, 0.26);
    image::imageops::overlay(&mut result, &piece, left as i64, top as i64);
    DynamicImage::from(result).into_rgb8()
}

/// Every sample a little off, as no two generations are the same.
pub(crate) fn grainy(picture: &RgbImage, most: u64, dice: &mut Dice) -> RgbImage {
    let mut grainy = picture.clone();
    for sample in grainy.iter_mut() {
        let off = (dice.next() % (2 * most + 1)) as i64 - most as i64;
        *sample = (i64::from(*sample) + off).clamp(0, 255) as u8;
    }
    grainy
}

pub(crate) fn resized(picture: &RgbImage, width: u32, height: u32, filter: FilterType) -> RgbImage {
    image::imageops::resize(picture, width, height, filter)
}

pub(crate) fn plain(width: u32, height: u32, colour: [u8; 3]) -> RgbImage {
    RgbImage::from_pixel(width, height, Rgb(colour))
}

pub(crate) fn jpeg(picture: &RgbImage, quality: u8) -> Vec<u8> {
    let mut bytes = Vec::new();
    JpegEncoder::new_with_quality(&mut bytes, quality).encode_image(picture).expect("encode");
    bytes
}

pub(crate) fn png(picture: &RgbImage) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    picture.write_to(&mut bytes, ImageFormat::Png).expect("encode");
    bytes.into_inner()
}
