//! The canvas: paints paths, sharp or soft-edged, and turns the result into an image.
//!
//! Colours are kept as floats at twice the final size and averaged down at the end, so that soft shadows show no steps
//! and neighbouring shapes no seams. It does nothing at random: the same strokes give the same bytes.

use image::{Rgb as Pixel, RgbImage};
use tiny_skia::{FillRule, Mask, Path, Transform};

use super::outline::Point;

/// A colour; each part runs from 0 to 255.
pub(crate) type Colour = [f32; 3];

/// The canvas is this many times as wide and high as the image it becomes.
const OVERSAMPLING: usize = 2;

/// The part of the drawing that an image shows.
#[derive(Clone, Copy)]
pub(crate) struct Frame {
    pub(crate) left: f32,
    pub(crate) top: f32,
    pub(crate) width: f32,
}

pub(crate) struct Canvas {
    width: usize,
    height: usize,
    view: Transform,
    colours: Vec<Colour>,
    /// What may be painted, innermost last; each covers the whole canvas and includes the ones before it.
    clips: Vec<Vec<f32>>,
}

/// How much of every canvas pixel in a rectangle a shape covers.
struct Coverage {
    left: i32,
    top: i32,
    width: usize,
    height: usize,
    share: Vec<f32>,
}

/// A colour as in CSS, `0xRRGGBB`.
pub(crate) fn hex(code: u32) -> Colour {
    let [_, red, green, blue] = code.to_be_bytes();
    [f32::from(red), f32::from(green), f32::from(blue)]
}

/// The colour that is `share` of the way from one to another.
pub(crate) fn mix(from: Colour, to: Colour, share: f32) -> Colour {
    std::array::from_fn(|part| from[part] + (to[part] - from[part]) * share)
}

impl Canvas {
    /// A white canvas for an image of `width` x `height` pixels that shows `frame`.
    pub(crate) fn new(width: usize, height: usize, frame: Frame) -> Self {
        let (width, height) = (width * OVERSAMPLING, height * OVERSAMPLING);
        let scale = width as f32 / frame.width;
        let view = Transform::from_translate(-frame.left, -frame.top).post_scale(scale, scale);
        Self { width, height, view, colours: vec![[255.0; 3]; width * height], clips: Vec::new() }
    }

    /// Fills a shape with one colour.
    pub(crate) fn fill(&mut self, shape: &Path, colour: Colour) {
        self.soft(shape, colour, 1.0, 0.0);
    }

    /// Fills a shape with a gradient between two points.
    pub(crate) fn fade(&mut self, shape: &Path, from: (Point, Colour), to: (Point, Colour)) {
        let back = self.view.invert().expect("the view only scales, turns and moves");
        let (dx, dy) = (to.0.0 - from.0.0, to.0.1 - from.0.1);
        let length = dx * dx + dy * dy;
        self.lay(shape, 0.0, |x, y, under, share| {
            let (px, py) = (x * back.sx + y * back.kx + back.tx, x * back.ky + y * back.sy + back.ty);
            let along = (((px - from.0.0) * dx + (py - from.0.1) * dy) / length).clamp(0.0, 1.0);
            mix(under, mix(from.1, to.1, along), share)
        });
    }

    /// Paints a shape with an edge that is blurred over about `blur` units.
    pub(crate) fn soft(&mut self, shape: &Path, colour: Colour, strength: f32, blur: f32) {
        self.lay(shape, blur, |_, _, under, share| mix(under, colour, share * strength));
    }

    /// Darkens what is there, as a shadow of that colour does; patterns show through.
    pub(crate) fn shade(&mut self, shape: &Path, colour: Colour, strength: f32, blur: f32) {
        self.lay(shape, blur, |_, _, under, share| {
            let dark = std::array::from_fn(|part| under[part] * colour[part] / 255.0);
            mix(under, dark, share * strength)
        });
    }

    /// Does some painting that stays inside a shape.
    pub(crate) fn within(&mut self, shape: &Path, paint: impl FnOnce(&mut Self)) {
        let mut clip = vec![0.0; self.width * self.height];
        let cover = self.cover(shape, 0.0);
        cover.for_each(self.width, self.height, |index, _, _, share| {
            clip[index] = self.clips.last().map_or(share, |outer| outer[index] * share);
        });
        self.clips.push(clip);
        paint(self);
        self.clips.pop();
    }

    /// Does some painting turned by an angle around a point.
    pub(crate) fn turned(&mut self, degrees: f32, around: Point, paint: impl FnOnce(&mut Self)) {
        let straight = self.view;
        self.view = straight.pre_concat(Transform::from_rotate_at(degrees, around.0, around.1));
        paint(self);
        self.view = straight;
    }

    /// The finished image.
    pub(crate) fn into_image(self) -> RgbImage {
        let step = OVERSAMPLING;
        let area = (step * step) as f32;
        RgbImage::from_fn((self.width / step) as u32, (self.height / step) as u32, |x, y| {
            let mut sum = [0.0; 3];
            for inner in 0..step * step {
                let (column, row) = (x as usize * step + inner % step, y as usize * step + inner / step);
                let colour = self.colours[row * self.width + column];
                sum = std::array::from_fn(|part| sum[part] + colour[part]);
            }
            Pixel(sum.map(|part: f32| (part / area).round().clamp(0.0, 255.0) as u8))
        })
    }

    fn lay(&mut self, shape: &Path, blur: f32, paint: impl Fn(f32, f32, Colour, f32) -> Colour) {
        let cover = self.cover(shape, blur);
        let clip = self.clips.last();
        let colours = &mut self.colours;
        cover.for_each(self.width, self.height, |index, x, y, share| {
            let share = clip.map_or(share, |clip| clip[index] * share);
            if share > 0.0 {
                colours[index] = paint(x, y, colours[index], share);
            }
        });
    }

    fn cover(&self, shape: &Path, blur: f32) -> Coverage {
        let (sx, _) = self.view.get_scale();
        let deviation = blur * sx;
        let pad = (deviation * 3.0).ceil() + 2.0;
        let placed = shape.clone().transform(self.view).expect("the view keeps shapes finite");
        let bounds = placed.bounds();
        let left = (bounds.left() - pad).max(-pad).floor();
        let top = (bounds.top() - pad).max(-pad).floor();
        let right = (bounds.right() + pad).min(self.width as f32 + pad).ceil().max(left + 1.0);
        let bottom = (bounds.bottom() + pad).min(self.height as f32 + pad).ceil().max(top + 1.0);
        let (width, height) = ((right - left) as usize, (bottom - top) as usize);
        let mut mask = Mask::new(width as u32, height as u32).expect("the shape covers at least a pixel");
        mask.fill_path(&placed, FillRule::Winding, true, Transform::from_translate(-left, -top));
        let mut share: Vec<f32> = mask.data().iter().map(|&part| f32::from(part) / 255.0).collect();
        let radius = (deviation * 0.94).round() as usize;
        if radius > 0 {
            // Three box blurs in each direction come close to a Gaussian.
            for _ in 0..3 {
                share = box_blur_transposed(&share, width, height, radius);
                share = box_blur_transposed(&share, height, width, radius);
            }
        }
        Coverage { left: left as i32, top: top as i32, width, height, share }
    }
}

impl Coverage {
    /// Calls back for every covered pixel of a canvas: its index, its centre, and how much of it is covered.
    fn for_each(&self, width: usize, height: usize, mut call: impl FnMut(usize, f32, f32, f32)) {
        for row in 0..self.height {
            let y = self.top + row as i32;
            if y < 0 || y as usize >= height {
                continue;
            }
            for column in 0..self.width {
                let x = self.left + column as i32;
                let share = self.share[row * self.width + column];
                if x >= 0 && (x as usize) < width && share > 0.0 {
                    call(y as usize * width + x as usize, x as f32 + 0.5, y as f32 + 0.5, share);
                }
            }
        }
    }
}

/// Blurs along the rows and swaps rows with columns, so that two calls blur both ways.
fn box_blur_transposed(source: &[f32], width: usize, height: usize, radius: usize) -> Vec<f32> {
    let mut target = vec![0.0; source.len()];
    let size = (radius * 2 + 1) as f32;
    for (row, line) in source.chunks_exact(width).enumerate() {
        let mut sum: f32 = line[..radius.min(width)].iter().sum();
        for column in 0..width {
            if column + radius < width {
                sum += line[column + radius];
            }
            target[column * height + row] = (sum / size).max(0.0);
            if column >= radius {
                sum -= line[column - radius];
            }
        }
    }
    target
}
