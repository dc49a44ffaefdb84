//! The garments: which there are, and the cuts and folds they share.
//!
//! A garment is drawn as it hangs on the people of `person`, in the same coordinates, and its picture shows just that
//! part of the drawing. So a picture scaled back to its frame fits everybody. Nothing in a garment is brighter than
//! 235 in all of red, green and blue, except what shows the white background through an open collar.

use tiny_skia::Path;

use super::canvas::{Canvas, Colour, Frame, hex};
use super::outline::{AXIS, Point, group, mirrored, outline, ribbon, symmetric, thread};
use super::{Format, skirts, tailored, tops};

pub(crate) struct Garment {
    pub(crate) name: &'static str,
    pub(crate) format: Format,
    /// Width and height in pixels.
    pub(crate) size: (usize, usize),
    pub(crate) frame: Frame,
    pub(crate) paint: fn(&mut Canvas),
}

/// What is worn over the chest: x from 168 to 432 (28 to 72 % of the people's pictures), y from 192 to 496.
const UPPER: Frame = Frame { left: 168.0, top: 192.0, width: 264.0 };
const UPPER_SIZE: (usize, usize) = (600, 690);

pub(crate) fn all() -> [Garment; 7] {
    [
        Garment { name: "striped-tee", format: Format::Jpeg, size: UPPER_SIZE, frame: UPPER, paint: tops::striped_tee },
        Garment {
            name: "cable-sweater",
            format: Format::Jpeg,
            size: UPPER_SIZE,
            frame: UPPER,
            paint: tops::cable_sweater,
        },
        Garment {
            name: "linen-shirt",
            format: Format::Jpeg,
            size: UPPER_SIZE,
            frame: UPPER,
            paint: tailored::linen_shirt,
        },
        Garment {
            name: "navy-blazer",
            format: Format::Png,
            size: UPPER_SIZE,
            frame: UPPER,
            paint: tailored::navy_blazer,
        },
        Garment {
            name: "summer-dress",
            format: Format::Jpeg,
            size: (500, 800),
            frame: UPPER,
            paint: skirts::summer_dress,
        },
        Garment {
            name: "chinos",
            format: Format::Png,
            size: (450, 800),
            frame: Frame { left: 196.0, top: 428.0, width: 208.0 },
            paint: skirts::chinos,
        },
        Garment {
            name: "pleated-skirt",
            format: Format::Jpeg,
            size: (600, 640),
            frame: Frame { left: 190.0, top: 428.0, width: 220.0 },
            paint: skirts::pleated_skirt,
        },
    ]
}

pub(crate) fn draw(garment: &Garment) -> Canvas {
    let mut canvas = Canvas::new(garment.size.0, garment.size.1, garment.frame);
    (garment.paint)(&mut canvas);
    canvas
}

/// The colour that folds and seams multiply with.
pub(crate) fn fold_shade() -> Colour {
    hex(0x757690)
}

/// Points at a side of the axis: 1 is the viewer's right, -1 the left.
pub(crate) fn on_side(side: f32, points: &[Point]) -> Vec<Point> {
    points.iter().map(|p| (AXIS + side * p.0, p.1)).collect()
}

/// A fold at a side of the axis, from `(x, y, width)`.
pub(crate) fn crease(side: f32, points: &[(f32, f32, f32)]) -> Path {
    let points: Vec<_> = points.iter().map(|p| (AXIS + side * p.0, p.1, p.2)).collect();
    ribbon(&points)
}

/// The trunk of an upper garment: neck opening, shoulder, armhole, side seam, hem.
pub(crate) fn trunk(neckline: &[Point], shoulder: f32, ease: f32, hem: f32) -> Path {
    symmetric(&[
        neckline,
        &[(shoulder * 0.65, 210.0), (shoulder - 4.0, 217.5), (shoulder, 221.0)],
        &[(shoulder - 5.0, 250.0), (shoulder - 8.0, 275.0), (80.0 + ease, 292.0)],
        &[(78.0 + ease, 330.0), (75.0 + ease, 372.0), (79.0 + ease, 420.0), (85.0 + ease, hem - 6.0)],
        &[(84.0 + ease, hem), (45.0, hem + 4.0), (0.0, hem + 5.0)],
    ])
}

/// The right sleeve down to the wrist, from the shoulder seam.
pub(crate) fn long_sleeve(shoulder: f32) -> Path {
    outline(&[
        &on_side(
            1.0,
            &[
                (shoulder - 14.0, 217.0),
                (shoulder, 220.5),
                (shoulder + 10.0, 233.0),
                (109.0, 275.0),
                (114.0, 330.0),
                (119.0, 380.0),
                (123.0, 452.0),
            ],
        ),
        &on_side(1.0, &[(117.0, 457.5), (106.0, 459.0), (97.0, 457.0)]),
        &on_side(1.0, &[(93.0, 400.0), (88.0, 350.0), (83.0, 300.0), (72.0, 260.0)]),
    ])
}

/// Fills a sleeve on each side and folds it at the elbow.
pub(crate) fn long_sleeves(canvas: &mut Canvas, right: &Path, colour: Colour) {
    canvas.fill(&group([right.clone(), mirrored(right)]), colour);
    shade_long_sleeves(canvas, right);
}

pub(crate) fn shade_long_sleeves(canvas: &mut Canvas, right: &Path) {
    let dark = fold_shade();
    for (side, sleeve) in [(1.0, right.clone()), (-1.0, mirrored(right))] {
        canvas.within(&sleeve, |canvas| {
            let (outer, inner) = if side > 0.0 { (0.75, 0.6) } else { (0.35, 0.8) };
            canvas.shade(
                &crease(side, &[(108.0, 230.0, 4.0), (114.0, 300.0, 10.0), (120.0, 380.0, 10.0), (125.0, 460.0, 8.0)]),
                dark,
                outer,
                4.0,
            );
            canvas.shade(
                &crease(side, &[(76.0, 270.0, 18.0), (84.0, 320.0, 10.0), (90.0, 390.0, 9.0), (96.0, 460.0, 8.0)]),
                dark,
                inner,
                4.0,
            );
            canvas.soft(
                &crease(side, &[(96.0, 236.0, 4.0), (100.0, 290.0, 7.0), (104.0, 330.0, 3.0)]),
                [255.0; 3],
                0.18,
                3.5,
            );
            for fold in [
                [(86.0, 344.0, 0.6), (98.0, 352.0, 4.5), (111.0, 346.0, 0.6)],
                [(89.0, 366.0, 0.6), (99.0, 362.0, 4.0), (116.0, 370.0, 0.6)],
                [(93.0, 392.0, 0.5), (102.0, 384.0, 3.0), (114.0, 386.0, 0.5)],
                [(84.0, 300.0, 0.6), (92.0, 290.0, 5.0), (101.0, 264.0, 0.6)],
                [(97.0, 436.0, 0.5), (106.0, 442.0, 3.5), (118.0, 437.0, 0.5)],
            ] {
                canvas.shade(&crease(side, &fold), dark, 0.5, 1.6);
            }
        });
    }
}

/// Rounds a trunk off at the sides, and lays the folds that fall from the armholes and gather at the waist.
pub(crate) fn shade_trunk(canvas: &mut Canvas, shape: &Path, hem: f32) {
    let dark = fold_shade();
    canvas.within(shape, |canvas| {
        canvas.shade(&crease(1.0, &[(82.0, 280.0, 14.0), (82.0, 372.0, 26.0), (88.0, hem, 24.0)]), dark, 0.7, 8.0);
        canvas.shade(&crease(-1.0, &[(84.0, 280.0, 8.0), (84.0, 372.0, 16.0), (90.0, hem, 14.0)]), dark, 0.6, 6.0);
        canvas.soft(
            &crease(-1.0, &[(40.0, 232.0, 20.0), (44.0, 290.0, 26.0), (34.0, 350.0, 10.0)]),
            [255.0; 3],
            0.13,
            12.0,
        );
        for (side, strength) in [(1.0, 0.5), (-1.0, 0.42)] {
            let far = if side > 0.0 { 0.0 } else { 8.0 };
            canvas.shade(
                &crease(side, &[(82.0, 288.0, 1.0), (66.0, 300.0 - far, 6.0), (44.0, 304.0, 1.0)]),
                dark,
                strength,
                3.0,
            );
            canvas.shade(
                &crease(side, &[(80.0, 292.0, 1.0), (66.0, 322.0 + far, 5.0), (56.0, 348.0, 1.0)]),
                dark,
                strength,
                3.0,
            );
            canvas.shade(
                &crease(side, &[(78.0, 368.0 + far, 1.0), (58.0, 384.0 + far, 7.0), (30.0, 388.0, 1.0)]),
                dark,
                strength,
                3.0,
            );
            canvas.shade(
                &crease(side, &[(80.0, 396.0 - far, 1.0), (62.0, 404.0, 5.0), (44.0, 402.0 + far, 1.0)]),
                dark,
                strength * 0.8,
                2.6,
            );
            canvas.shade(
                &crease(side, &[(62.0, hem - 50.0, 1.0), (58.0, hem - 22.0, 6.0), (60.0, hem + 4.0, 4.0)]),
                dark,
                strength * 0.8,
                3.4,
            );
            canvas.shade(
                &crease(side, &[(24.0, hem - 38.0 - far, 1.0), (22.0, hem - 14.0, 6.0), (26.0, hem + 4.0, 4.0)]),
                dark,
                strength * 0.6,
                3.6,
            );
        }
    });
}

/// A seam: a fine dark line with a light one beside it.
pub(crate) fn seam(canvas: &mut Canvas, points: &[Point], strength: f32) {
    let beside: Vec<Point> = points.iter().map(|p| (p.0 - 0.9, p.1 - 0.5)).collect();
    canvas.soft(&thread(&beside, 0.8), [255.0; 3], strength * 0.25, 0.3);
    canvas.shade(&thread(points, 0.9), hex(0x4c4c60), strength, 0.25);
}

/// A round button with four holes.
pub(crate) fn button(canvas: &mut Canvas, at: Point, radius: f32, colour: Colour) {
    use super::outline::ellipse;
    canvas.shade(&ellipse(at.0 + 0.5, at.1 + 0.9, radius, radius), hex(0x55566a), 0.8, 0.5);
    canvas.fill(&ellipse(at.0, at.1, radius, radius), colour);
    canvas.shade(&ellipse(at.0, at.1, radius * 0.68, radius * 0.68), hex(0x8a8aa0), 0.4, 0.3);
    canvas.soft(&ellipse(at.0 - radius * 0.35, at.1 - radius * 0.4, radius * 0.35, radius * 0.3), [255.0; 3], 0.5, 0.3);
    for (dx, dy) in [(-0.25, -0.25), (0.25, -0.25), (-0.25, 0.25), (0.25, 0.25)] {
        canvas.fill(&ellipse(at.0 + dx * radius, at.1 + dy * radius, radius * 0.13, radius * 0.13), hex(0x3a3838));
    }
}
