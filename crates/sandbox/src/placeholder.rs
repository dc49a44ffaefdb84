//! Drawn figures for inputs that are addresses, since a stand-in fetches nothing: the same address always has
//! the same colours.

use image::{DynamicImage, Rgb, RgbImage, imageops::FilterType};
use sha2::{Digest, Sha256};

/// Drawn small and enlarged, which is quick and softens the edges.
const WIDTH: u32 = 192;
const HEIGHT: u32 = 256;
const ENLARGED: u32 = 3;

type Point = (f64, f64);

/// A line with round ends, from one point to the other; its thickness grows from the first radius to the second.
struct Limb(Point, Point, f64, f64);

impl Limb {
    /// The distance from `point` to the limb's surface in cells of the drawing, negative inside.
    fn distance(&self, (x, y): Point) -> f64 {
        let Self((x0, y0), (x1, y1), from, to) = *self;
        let (dx, dy) = (x1 - x0, y1 - y0);
        let length_squared = (dx * dx + dy * dy).max(1e-9);
        let along = (((x - x0) * dx + (y - y0) * dy) / length_squared).clamp(0.0, 1.0);
        (x - x0 - dx * along).hypot(y - y0 - dy * along) - (from + (to - from) * along)
    }
}

/// A standing person before a plain wall.
pub(super) fn person(address: &str) -> DynamicImage {
    let colours = Sha256::digest(address);
    let wall = tint(colours[0], 0.12, 0.93);
    let skin = [[241, 205, 178], [224, 176, 140], [176, 122, 86], [112, 74, 52]][usize::from(colours[1] % 4)];
    let hair = [[44, 34, 30], [96, 62, 36], [168, 124, 66], [88, 88, 92]][usize::from(colours[2] % 4)];
    let clothes = tint(colours[3], 0.25, 0.62);
    let body = [Limb((82.0, 68.0), (110.0, 68.0), 9.0, 9.0), Limb((96.0, 72.0), (96.0, 128.0), 19.0, 17.0)];
    let arms = [
        Limb((77.0, 70.0), (66.0, 132.0), 7.5, 5.0),
        Limb((115.0, 70.0), (126.0, 132.0), 7.5, 5.0),
        Limb((96.0, 46.0), (96.0, 62.0), 6.5, 7.5),
    ];
    let legs = [
        Limb((86.0, 130.0), (83.0, 226.0), 11.0, 6.5),
        Limb((106.0, 130.0), (109.0, 226.0), 11.0, 6.5),
        Limb((82.0, 230.0), (77.0, 232.0), 5.0, 4.0),
        Limb((110.0, 230.0), (115.0, 232.0), 5.0, 4.0),
    ];
    let head = [Limb((96.0, 32.0), (96.0, 37.0), 12.5, 11.0)];
    let crown = [Limb((96.0, 28.0), (96.0, 31.0), 13.8, 13.8)];
    let floor = [Limb((70.0, 236.0), (122.0, 236.0), 4.0, 4.0)];
    let shadow = wall.map(|channel| (f64::from(channel) * 0.86) as u8);
    draw(wall, &[(&floor, shadow), (&arms, skin), (&crown, hair), (&head, skin), (&legs, clothes), (&body, clothes)])
}

/// A T-shirt on white.
pub(super) fn shirt(address: &str) -> DynamicImage {
    let colours = Sha256::digest(address);
    let cloth = tint(colours[0], 0.62, 0.78);
    let seam = cloth.map(|channel| (f64::from(channel) * 0.8) as u8);
    let sleeves = [Limb((64.0, 84.0), (38.0, 124.0), 17.0, 15.0), Limb((128.0, 84.0), (154.0, 124.0), 17.0, 15.0)];
    let body = [
        Limb((71.0, 80.0), (66.0, 188.0), 20.0, 14.0),
        Limb((121.0, 80.0), (126.0, 188.0), 20.0, 14.0),
        Limb((66.0, 188.0), (126.0, 188.0), 14.0, 14.0),
        Limb((96.0, 90.0), (96.0, 170.0), 28.0, 30.0),
    ];
    let paper = [255, 255, 255];
    let collar = [Limb((86.0, 60.0), (106.0, 60.0), 13.0, 13.0)];
    // The collar's upper half is covered again with paper.
    let neck = [Limb((88.0, 57.0), (104.0, 57.0), 11.0, 11.0), Limb((64.0, 48.0), (128.0, 48.0), 12.5, 12.5)];
    draw(paper, &[(&sleeves, seam), (&body, cloth), (&collar, seam), (&neck, paper)])
}

/// Paints layer over layer, each with an edge one cell soft.
fn draw(ground: [u8; 3], layers: &[(&[Limb], [u8; 3])]) -> DynamicImage {
    let picture = RgbImage::from_fn(WIDTH, HEIGHT, |x, y| {
        let point = (f64::from(x) + 0.5, f64::from(y) + 0.5);
        let mut pixel = ground.map(f64::from);
        for (limbs, colour) in layers {
            let distance = limbs.iter().map(|limb| limb.distance(point)).fold(f64::MAX, f64::min);
            let cover = (0.5 - distance).clamp(0.0, 1.0);
            for (channel, over) in pixel.iter_mut().zip(colour) {
                *channel += (f64::from(*over) - *channel) * cover;
            }
        }
        Rgb(pixel.map(|channel| channel.round() as u8))
    });
    DynamicImage::ImageRgb8(picture).resize_exact(WIDTH * ENLARGED, HEIGHT * ENLARGED, FilterType::CatmullRom)
}

/// A colour of the given hue (0 to 255 around the circle), saturation and value.
fn tint(hue: u8, saturation: f64, value: f64) -> [u8; 3] {
    let sixth = f64::from(hue) / 256.0 * 6.0;
    [5.0, 3.0, 1.0].map(|offset| {
        let k = (offset + sixth) % 6.0;
        let channel = value - value * saturation * k.min(4.0 - k).clamp(0.0, 1.0);
        (channel * 255.0).round() as u8
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_always_has_the_same_figure_and_another_one_another() {
        assert_eq!(person("https://example.com/a.jpg"), person("https://example.com/a.jpg"));
        assert_ne!(person("https://example.com/a.jpg"), person("https://example.com/b.jpg"));
        assert_ne!(shirt("https://example.com/a.jpg"), shirt("https://example.com/b.jpg"));
    }
}
