//! An outfit: an upper and a lower garment on one white picture, as model v1-5 takes them (`docs/provider.md`, "Garment
//! combinations").
//!
//! The provider says "several garments on one white picture" and nothing about how they lie, so they lie as they
//! are worn: the upper above the lower, apart from each other, each freed of its margins and in its own
//! proportions. The same files give the same bytes.

use image::{DynamicImage, Rgb, RgbImage};

use crate::job::Garment;

use super::decode::decode;
use super::margins::without_margins;
use super::paper::Paper;
use super::pixels::{resized, scaled};
use super::source::Source;
use super::{Encoded, PictureError, encode, probe};

/// The picture at its largest, in pixels. Results are at most 2048 px high, so more would show nowhere.
const WIDTH: f64 = 1536.0;
const HEIGHT: f64 = 2048.0;

/// The room of each garment, width and height, in the picture at its largest. A lower garment has less width:
/// a skirt as broad as a shirt with its sleeves spread would be worn as broad as that.
const UPPER_ROOM: (f64, f64) = (1344.0, 780.0);
const LOWER_ROOM: (f64, f64) = (760.0, 990.0);

/// Small garments get a smaller picture, rather than being blown up; but not smaller than this part of the largest.
const SMALLEST: f64 = 0.5;

/// Which garment cannot be put on the picture, and why.
#[derive(Debug)]
pub struct OutfitError {
    /// The one of the two.
    pub garment: Garment,
    /// What is wrong with its file.
    pub problem: PictureError,
}

/// Puts two garments on one white picture, and returns it as a JPEG of at most
/// [`super::MAX_INPUT_BYTES`]. Needs the memory of one of them decoded at a time. Garments may be whatever can be
/// decoded; whether they have to be fit inputs is the caller's to say.
///
/// # Errors
/// A file that cannot be an input, or does not decode to its end.
pub fn outfit<S: Source + ?Sized>(upper: &S, lower: &S) -> Result<Encoded, OutfitError> {
    let at = |garment| move |problem| OutfitError { garment, problem };
    let top = cut(upper, UPPER_ROOM).map_err(at(Garment::Upper))?;
    let bottom = cut(lower, LOWER_ROOM).map_err(at(Garment::Lower))?;
    encode::jpeg(&laid_out(top, bottom)).ok_or(PictureError::Unshrinkable).map_err(at(Garment::Upper))
}

/// A garment without its margins, upright, on white if it was on something pale, no larger than its room.
fn cut<S: Source + ?Sized>(source: &S, (width, height): (f64, f64)) -> Result<RgbImage, PictureError> {
    let mut pixels = decode(source, &probe(source)?)?;
    // A picture without paper around it (a photo taken on the street) is left as it is.
    if let Some(paper) = Paper::of(&pixels) {
        let area = without_margins(&pixels, &paper);
        paper.whiten(&mut pixels);
        pixels.crop(area);
    }
    let (width, height) = if pixels.is_on_its_side() { (height, width) } else { (width, height) };
    Ok(pixels.upright_within(width, height))
}

/// Both garments on white, the upper one above.
fn laid_out(upper: RgbImage, lower: RgbImage) -> RgbImage {
    // How much of its room each one fills by itself: 1 where it was made smaller to fit.
    let fill = |garment: &RgbImage, room: (f64, f64)| {
        (f64::from(garment.width()) / room.0).max(f64::from(garment.height()) / room.1)
    };
    let size = fill(&upper, UPPER_ROOM).max(fill(&lower, LOWER_ROOM)).clamp(SMALLEST, 1.0);
    let upper = filling(upper, UPPER_ROOM, size);
    let lower = filling(lower, LOWER_ROOM, size);

    let mut picture = RgbImage::from_pixel(scaled(WIDTH, size), scaled(HEIGHT, size), Rgb([255; 3]));
    // What is left of the height is divided evenly: above, between, below.
    let space = (picture.height() - upper.height() - lower.height()) / 3;
    lay(&mut picture, &upper, space);
    lay(&mut picture, &lower, space + upper.height() + space);
    picture
}

/// The garment as large as its room in a picture of `size` allows.
fn filling(garment: RgbImage, (width, height): (f64, f64), size: f64) -> RgbImage {
    let (own_width, own_height) = (f64::from(garment.width()), f64::from(garment.height()));
    let scale = (width * size / own_width).min(height * size / own_height);
    resized(DynamicImage::from(garment), scaled(own_width, scale), scaled(own_height, scale)).into_rgb8()
}

/// Lays a garment into the middle of the picture's width, `top` pixels from above.
fn lay(picture: &mut RgbImage, garment: &RgbImage, top: u32) {
    let left = (picture.width() - garment.width()) / 2;
    image::imageops::replace(picture, garment, i64::from(left), i64::from(top));
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    use image::{ImageEncoder, ImageFormat};

    use super::*;
    use crate::picture::{MAX_INPUT_BYTES, MIN_INPUT_SIDE_PX};

    const RED: Rgb<u8> = Rgb([200, 20, 20]);
    const BLUE: Rgb<u8> = Rgb([20, 20, 200]);

    struct Rail(tempfile::TempDir);

    impl Rail {
        fn new() -> Self {
            Self(tempfile::tempdir().expect("tempdir"))
        }

        /// A shot of a garment: a rectangle of one colour on white paper.
        fn shot(&self, name: &str, colour: Rgb<u8>, size: (u32, u32), garment: (u32, u32)) -> PathBuf {
            let mut picture = RgbImage::from_pixel(size.0, size.1, Rgb([255; 3]));
            let garment = RgbImage::from_pixel(garment.0, garment.1, colour);
            lay(&mut picture, &garment, (size.1 - garment.height()) / 2);
            let path = self.0.path().join(name);
            picture.save_with_format(&path, ImageFormat::Png).expect("save");
            path
        }
    }

    fn opened(made: &Encoded) -> RgbImage {
        let picture = image::load_from_memory_with_format(&made.jpeg, ImageFormat::Jpeg).expect("a JPEG").into_rgb8();
        assert_eq!(picture.dimensions(), (made.width, made.height));
        picture
    }

    /// The rectangle that a colour takes up: left, top, right, bottom.
    fn extent(picture: &RgbImage, colour: Rgb<u8>) -> (u32, u32, u32, u32) {
        let is_like = |pixel: &Rgb<u8>| pixel.0.iter().zip(colour.0).all(|(a, b)| a.abs_diff(b) < 40);
        let places: Vec<(u32, u32)> =
            picture.enumerate_pixels().filter(|(.., pixel)| is_like(pixel)).map(|(x, y, _)| (x, y)).collect();
        let xs = || places.iter().map(|(x, _)| *x);
        let ys = || places.iter().map(|(_, y)| *y);
        (xs().min().expect("there"), ys().min().expect("there"), xs().max().expect("there"), ys().max().expect("there"))
    }

    #[test]
    fn the_upper_hangs_above_the_lower_apart_from_it_and_from_the_edge() {
        let rail = Rail::new();
        let upper = rail.shot("shirt", RED, (600, 600), (300, 320));
        let lower = rail.shot("trousers", BLUE, (500, 900), (200, 480));
        let made = outfit(&upper, &lower).expect("an outfit");
        let picture = opened(&made);
        let (red, blue) = (extent(&picture, RED), extent(&picture, BLUE));
        let (width, height) = picture.dimensions();
        assert_eq!((f64::from(height) / f64::from(width) * 300.0).round(), 400.0, "three to four");
        let clear = height / 30;
        assert!(red.1 > clear && blue.1 > red.3 + clear && blue.3 + clear < height, "{red:?} {blue:?} of {height}");
        for (left, _, right, _) in [red, blue] {
            assert!(left > clear && right + clear < width && left.abs_diff(width - 1 - right) <= 6, "in the middle");
        }
        let proportions =
            |(left, top, right, bottom): (u32, u32, u32, u32)| f64::from(right - left) / f64::from(bottom - top);
        assert!((proportions(red) - 300.0 / 320.0).abs() < 0.03, "{red:?}");
        assert!((proportions(blue) - 200.0 / 480.0).abs() < 0.03, "{blue:?}");
        // Everything that is no garment is white.
        for (x, y) in [(0, 0), (width - 1, height - 1), (width / 2, (red.3 + blue.1) / 2), (5, height / 2)] {
            assert!(picture.get_pixel(x, y).0.iter().all(|channel| *channel >= 253), "{x}, {y}");
        }
    }

    #[test]
    fn neither_margins_nor_how_the_camera_was_held_make_a_difference() {
        let rail = Rail::new();
        let upper = rail.shot("shirt", RED, (900, 900), (800, 800));
        let narrow = rail.shot("narrow", BLUE, (500, 1_100), (400, 1_000));
        let wide = rail.shot("wide", BLUE, (1_600, 1_600), (400, 1_000));
        // The same shot lying on its side, with an Exif orientation that says so.
        let shot = std::fs::read(&wide).expect("read");
        let lying = image::load_from_memory(&shot).expect("a picture").rotate270();
        let on_its_side = rail.0.path().join("lying");
        let mut file = std::fs::File::create(&on_its_side).expect("create");
        let mut encoder = image::codecs::png::PngEncoder::new(&mut file);
        encoder.set_exif_metadata(crate::picture::decode::tests::exif(6)).expect("metadata");
        lying.write_with_encoder(encoder).expect("encode");
        let cut_to = |path: &Path| cut(path, LOWER_ROOM).expect("cut").dimensions();
        assert_eq!(cut_to(&on_its_side), cut_to(&wide), "as sharp as the other");
        let worn = [narrow, wide, on_its_side].map(|lower| {
            let picture = opened(&outfit(&upper, &lower).expect("an outfit"));
            (picture.dimensions(), extent(&picture, RED), extent(&picture, BLUE))
        });
        let (size, _, (left, top, right, bottom)) = worn[0];
        for (other_size, _, (l, t, r, b)) in &worn[1..] {
            assert_eq!(*other_size, size);
            for (one, other) in [(left, *l), (top, *t), (right, *r), (bottom, *b)] {
                assert!(one.abs_diff(other) <= size.1 / 40, "{worn:?}");
            }
        }
        assert!(bottom - top > size.1 * 2 / 5, "it fills its room: {worn:?}");
    }

    #[test]
    fn the_same_files_give_the_same_bytes_and_others_give_others() {
        let rail = Rail::new();
        let upper = rail.shot("shirt", RED, (300, 300), (150, 150));
        let lower = rail.shot("trousers", BLUE, (300, 300), (100, 200));
        let first = outfit(&upper, &lower).expect("an outfit");
        assert_eq!(outfit(&upper, &lower).expect("an outfit"), first);
        assert_ne!(outfit(&lower, &upper).expect("an outfit").jpeg, first.jpeg);
    }

    #[test]
    fn large_garments_are_shrunk_and_small_ones_are_not_blown_up_beyond_need() {
        let rail = Rail::new();
        let size = |name: &str, shot: (u32, u32), garment: (u32, u32)| {
            let upper = rail.shot(&format!("u{name}"), RED, shot, garment);
            let lower = rail.shot(&format!("l{name}"), BLUE, shot, garment);
            let made = outfit(&upper, &lower).expect("an outfit");
            (made.width, made.height)
        };
        assert_eq!(size("large", (2100, 2100), (2000, 2000)), (1536, 2048));
        assert_eq!(size("small", (300, 300), (100, 100)), (768, 1024));
        let (width, height) = size("middling", (700, 700), (600, 600));
        assert!((769..1536).contains(&width) && (1025..2048).contains(&height), "{width} x {height}");
    }

    #[test]
    fn odd_shapes_and_blank_shots_make_a_fit_picture() {
        let rail = Rail::new();
        let scarf = rail.shot("scarf", RED, (3_000, 300), (2_900, 200));
        let tie = rail.shot("tie", BLUE, (300, 3_000), (60, 2_900));
        let blank = rail.shot("blank", Rgb([255; 3]), (300, 300), (10, 10));
        for (upper, lower) in [(&scarf, &tie), (&tie, &scarf), (&blank, &blank)] {
            let made = outfit(upper, lower).expect("an outfit");
            let picture = opened(&made);
            assert!(
                picture.width().min(picture.height()) >= MIN_INPUT_SIDE_PX && made.jpeg.len() as u64 <= MAX_INPUT_BYTES
            );
        }
    }

    #[test]
    fn the_garment_at_fault_is_named() {
        let rail = Rail::new();
        let good = rail.shot("good", RED, (300, 300), (100, 100));
        let cut_off = rail.0.path().join("cut");
        let whole = std::fs::read(&good).expect("read");
        std::fs::write(&cut_off, &whole[..whole.len() / 2]).expect("write");
        let wrong = outfit(&good, &cut_off).expect_err("cut off");
        assert_eq!(wrong.garment, Garment::Lower);
        assert!(wrong.problem.to_string().starts_with("is a damaged picture: it is cut off"), "{}", wrong.problem);
        let wrong = outfit(Path::new("/nowhere"), &good).expect_err("absent");
        assert_eq!(
            (wrong.garment, wrong.problem.to_string().as_str()),
            (Garment::Upper, "no such file (looked for /nowhere)")
        );
    }
}
