//! What hangs from the waist: the summer dress, the chinos and the pleated skirt.

use super::canvas::{Canvas, Colour, hex, mix};
use super::garment::{button, crease, fold_shade, on_side, seam};
use super::outline::{
    AXIS, Point, block, both, ellipse, group, mirrored, moved, outline, ribbon, stitches, symmetric, thread,
};

pub(crate) fn summer_dress(canvas: &mut Canvas) {
    let ground = hex(0xd9727a);
    let dark = hex(0x84607c);
    let back =
        symmetric(&[&[(0.0, 212.0), (20.0, 210.0), (35.0, 202.0)], &[(33.0, 210.0), (16.0, 217.0), (0.0, 218.5)]]);
    canvas.fill(&back, hex(super::tailored::INSIDE));
    let right = outline(&[
        &on_side(1.0, &[(70.0, 211.0), (88.0, 216.0), (102.0, 230.0), (113.0, 262.0), (117.0, 284.0)]),
        &on_side(1.0, &[(108.0, 291.0), (97.0, 294.0), (84.0, 293.0)]),
        &on_side(1.0, &[(80.0, 280.0), (68.0, 250.0)]),
    ]);
    let bodice = symmetric(&[
        &[(0.0, 274.0), (14.0, 254.0), (26.0, 228.0), (33.0, 200.0)],
        &[(60.0, 207.0), (86.0, 216.0)],
        &[(83.0, 250.0), (80.0, 274.0), (80.0, 288.0)],
        &[(74.0, 320.0), (66.0, 362.0), (65.0, 376.0)],
        &[(30.0, 380.0), (0.0, 381.0)],
    ]);
    let skirt = symmetric(&[
        &[(0.0, 374.0), (66.0, 372.0)],
        &[(82.0, 415.0), (96.0, 465.0), (110.0, 530.0), (123.0, 594.0)],
        &[
            (112.0, 601.0),
            (98.0, 599.0),
            (84.0, 605.0),
            (66.0, 606.0),
            (50.0, 602.0),
            (30.0, 608.0),
            (12.0, 607.0),
            (0.0, 604.0),
        ],
    ]);
    for shape in [&both(&right), &skirt, &bodice] {
        canvas.fill(shape, ground);
        canvas.within(shape, flowers);
    }
    for (side, sleeve) in [(1.0, right.clone()), (-1.0, mirrored(&right))] {
        canvas.within(&sleeve, |canvas| {
            let (outer, inner) = if side > 0.0 { (0.7, 0.6) } else { (0.3, 0.75) };
            canvas.shade(
                &crease(side, &[(104.0, 226.0, 4.0), (116.0, 262.0, 9.0), (119.0, 290.0, 8.0)]),
                dark,
                outer,
                4.0,
            );
            canvas.shade(&crease(side, &[(76.0, 250.0, 16.0), (84.0, 295.0, 10.0)]), dark, inner, 4.0);
            for fold in [
                [(88.0, 222.0, 1.0), (94.0, 250.0, 4.0), (96.0, 294.0, 3.0)],
                [(92.0, 222.0, 1.0), (104.0, 250.0, 4.0), (108.0, 292.0, 3.0)],
            ] {
                canvas.shade(&crease(side, &fold), dark, 0.45, 2.0);
            }
            canvas.shade(
                &stitches(&on_side(side, &[(83.0, 289.0), (97.0, 290.0), (116.5, 280.0)]), 0.7),
                hex(0x6a3848),
                0.8,
                0.0,
            );
        });
    }
    skirt_of_the_dress(canvas, &skirt, dark);
    bodice_of_the_dress(canvas, &bodice, dark);
    let belt =
        symmetric(&[&[(0.0, 371.0), (34.0, 370.0), (66.5, 366.0)], &[(66.5, 376.0), (34.0, 381.0), (0.0, 382.0)]]);
    canvas.within(&group([skirt, belt.clone()]), |canvas| canvas.shade(&moved(&belt, 0.0, 3.0), dark, 0.7, 2.0));
    canvas.fill(&belt, mix(ground, hex(0x8a3048), 0.5));
    canvas.within(&belt, |canvas| {
        canvas.shade(&ribbon(&[(AXIS + 66.0, 366.0, 20.0), (AXIS + 66.0, 384.0, 20.0)]), dark, 0.7, 6.0);
        canvas.soft(&thread(&[(AXIS - 60.0, 371.0), (AXIS - 10.0, 373.5)], 2.0), [255.0; 3], 0.2, 1.2);
    });
}

fn bodice_of_the_dress(canvas: &mut Canvas, bodice: &tiny_skia::Path, dark: Colour) {
    canvas.within(bodice, |canvas| {
        canvas.shade(&crease(1.0, &[(80.0, 270.0, 12.0), (70.0, 350.0, 22.0), (66.0, 380.0, 20.0)]), dark, 0.7, 7.0);
        canvas.shade(&crease(-1.0, &[(82.0, 270.0, 8.0), (72.0, 350.0, 14.0), (68.0, 380.0, 12.0)]), dark, 0.55, 5.0);
        for side in [1.0, -1.0] {
            canvas.shade(&crease(side, &[(2.0, 300.0, 1.0), (36.0, 322.0, 7.0), (74.0, 304.0, 1.0)]), dark, 0.4, 4.0);
            for fold in [
                [(52.0, 368.0, 2.0), (46.0, 346.0, 4.0), (48.0, 322.0, 0.6)],
                [(28.0, 372.0, 2.0), (28.0, 350.0, 4.0), (34.0, 326.0, 0.6)],
            ] {
                canvas.shade(&crease(side, &fold), dark, 0.5, 2.0);
            }
            seam(canvas, &on_side(side, &[(86.0, 216.0), (82.5, 250.0), (79.5, 274.0), (79.5, 288.0)]), 0.6);
            let border = on_side(side, &[(34.5, 199.0), (28.0, 229.0), (16.0, 256.0), (-4.0, 282.0)]);
            canvas.shade(&thread(&border, 5.5), dark, 0.6, 1.6);
            let edge = on_side(side, &[(33.5, 199.0), (26.5, 228.0), (14.5, 254.5), (-1.0, 276.5)]);
            canvas.fill(&thread(&edge, 3.6), hex(0xb24a5a));
        }
        canvas.shade(&crease(1.0, &[(-2.0, 280.0, 1.0), (-10.0, 320.0, 3.0), (-28.0, 372.0, 1.5)]), dark, 0.5, 1.4);
    });
}

fn skirt_of_the_dress(canvas: &mut Canvas, skirt: &tiny_skia::Path, dark: Colour) {
    canvas.within(skirt, |canvas| {
        canvas.shade(&crease(1.0, &[(66.0, 375.0, 12.0), (100.0, 470.0, 20.0), (122.0, 600.0, 26.0)]), dark, 0.65, 8.0);
        canvas.shade(&crease(-1.0, &[(68.0, 375.0, 8.0), (102.0, 470.0, 12.0), (124.0, 600.0, 14.0)]), dark, 0.5, 6.0);
        for (top, bottom, width) in [
            (-48.0, -91.0, 12.0),
            (-24.0, -50.0, 10.0),
            (-4.0, -12.0, 13.0),
            (18.0, 30.0, 11.0),
            (34.0, 66.0, 14.0),
            (50.0, 99.0, 12.0),
        ] {
            let middle = (top + bottom) * 0.5;
            canvas.shade(
                &crease(1.0, &[(top, 376.0, 2.0), (middle, 480.0, width * 0.5), (bottom, 610.0, width)]),
                dark,
                0.55,
                3.5,
            );
            let lit =
                [(top - 8.0, 384.0, 1.0), (middle - 11.0, 480.0, width * 0.4), (bottom - 15.0, 604.0, width * 0.8)];
            canvas.soft(&crease(1.0, &lit), [255.0, 225.0, 215.0], 0.16, 4.0);
        }
        for x in [-56.0_f32, -38.0, -18.0, 2.0, 22.0, 40.0, 58.0] {
            canvas.shade(
                &crease(1.0, &[(x, 376.0, 2.4), (x * 1.1, 398.0, 2.0), (x * 1.16, 416.0, 0.4)]),
                dark,
                0.6,
                1.2,
            );
        }
    });
}

/// Scattered flowers with two leaves each, at fixed places.
fn flowers(canvas: &mut Canvas) {
    let (mut petals, mut hearts, mut leaves) = (Vec::new(), Vec::new(), Vec::new());
    for row in 0..18_u8 {
        for column in 0..12_u8 {
            let seed = u16::from(row) * 37 + u16::from(column) * 61;
            let x =
                170.0 + f32::from(column) * 24.0 + if row % 2 == 0 { 0.0 } else { 12.0 } + f32::from(seed % 7) - 3.0;
            let y = 204.0 + f32::from(row) * 23.5 + f32::from(seed % 5) * 1.6 - 4.0;
            let size = if (row + column) % 3 == 0 { 3.6 } else { 2.6 };
            let turn = f32::from(seed % 11) * 0.4;
            for petal in 0..5_u8 {
                let angle = turn + f32::from(petal) * std::f32::consts::TAU / 5.0;
                petals.push(ellipse(x + angle.cos() * size, y + angle.sin() * size, size * 0.78, size * 0.78));
            }
            hearts.push(ellipse(x, y, size * 0.55, size * 0.55));
            for side in [1.0, -1.0] {
                let (dx, dy) = ((turn + side).cos(), (turn + side).sin());
                let far = size * 2.0;
                leaves.push(ribbon(&[
                    (x + dx * far, y + dy * far, 0.4),
                    (x + dx * far * 1.5, y + dy * far * 1.5, 2.2),
                    (x + dx * far * 2.0, y + dy * far * 2.0, 0.3),
                ]));
            }
        }
    }
    canvas.soft(&group(leaves), hex(0x5e7a5a), 0.9, 0.0);
    canvas.fill(&group(petals), hex(0xead9c4));
    canvas.fill(&group(hearts), hex(0xd9a23e));
}

pub(crate) fn chinos(canvas: &mut Canvas) {
    let cotton = hex(0xb59a72);
    let dark = fold_shade();
    let inside =
        symmetric(&[&[(0.0, 441.0), (40.0, 439.0), (72.0, 433.0)], &[(72.0, 440.0), (40.0, 448.0), (0.0, 451.0)]]);
    canvas.fill(&inside, mix(cotton, hex(0x4a3a28), 0.5));
    let right = outline(&[
        &[(AXIS - 1.0, 446.0), (AXIS + 40.0, 443.0), (AXIS + 75.0, 434.0)],
        &on_side(
            1.0,
            &[(80.0, 452.0), (91.0, 484.0), (94.0, 520.0), (90.0, 580.0), (83.0, 650.0), (79.0, 720.0), (76.0, 784.0)],
        ),
        &on_side(1.0, &[(60.0, 788.5), (45.0, 788.0), (12.0, 784.0)]),
        &on_side(1.0, &[(9.0, 700.0), (6.0, 620.0), (2.5, 550.0), (-1.0, 512.0)]),
        &[(AXIS - 1.0, 508.0)],
    ]);
    for (side, leg) in [(-1.0, mirrored(&right)), (1.0, right.clone())] {
        canvas.fill(&leg, cotton);
        canvas.within(&leg, |canvas| leg_of_the_chinos(canvas, side, dark));
    }
    let fly = [(AXIS, 446.0), (AXIS, 514.0)];
    canvas.shade(&thread(&fly, 2.4), dark, 0.6, 1.6);
    seam(canvas, &fly, 0.9);
    canvas.shade(
        &stitches(&[(AXIS + 15.0, 458.0), (AXIS + 14.0, 485.0), (AXIS + 8.0, 500.0), (AXIS + 1.0, 507.0)], 0.7),
        hex(0x6b5638),
        0.9,
        0.0,
    );
    canvas.within(&group([both(&right), inside]), |canvas| waistband_of_the_chinos(canvas, cotton));
}

fn leg_of_the_chinos(canvas: &mut Canvas, side: f32, dark: Colour) {
    let (outer, inner) = if side > 0.0 { (0.75, 0.6) } else { (0.45, 0.75) };
    canvas.shade(
        &crease(side, &[(82.0, 440.0, 10.0), (96.0, 520.0, 20.0), (88.0, 650.0, 18.0), (80.0, 792.0, 16.0)]),
        dark,
        outer,
        7.0,
    );
    canvas.shade(
        &crease(side, &[(0.0, 512.0, 10.0), (5.0, 600.0, 16.0), (9.0, 700.0, 14.0), (12.0, 790.0, 12.0)]),
        dark,
        inner,
        6.0,
    );
    canvas.soft(&crease(side, &[(46.0, 500.0, 4.0), (50.0, 600.0, 10.0), (51.0, 760.0, 6.0)]), [255.0; 3], 0.12, 6.0);
    seam(canvas, &on_side(side, &[(50.0, 490.0), (52.0, 600.0), (53.0, 700.0), (52.0, 788.0)]), 0.35);
    for fold in [
        [(2.0, 508.0, 1.0), (24.0, 500.0, 6.0), (52.0, 482.0, 1.0)],
        [(4.0, 524.0, 1.0), (26.0, 524.0, 6.0), (56.0, 510.0, 1.0)],
        [(8.0, 548.0, 1.0), (22.0, 560.0, 5.0), (44.0, 562.0, 1.0)],
        [(15.0, 634.0, 1.0), (34.0, 646.0, 6.0), (60.0, 642.0, 1.0)],
        [(17.0, 664.0, 1.0), (38.0, 660.0, 5.0), (74.0, 672.0, 1.0)],
        [(86.0, 640.0, 1.0), (70.0, 654.0, 5.0), (52.0, 658.0, 1.0)],
        [(23.0, 752.0, 1.0), (40.0, 762.0, 5.0), (66.0, 756.0, 1.0)],
        [(80.0, 736.0, 1.0), (66.0, 746.0, 4.0), (46.0, 744.0, 1.0)],
    ] {
        canvas.shade(&crease(side, &fold), dark, 0.48, 2.4);
    }
    let pocket = on_side(side, &[(52.0, 455.0), (64.0, 482.0), (90.0, 497.0)]);
    canvas.shade(&thread(&pocket, 3.0), dark, 0.6, 1.4);
    seam(canvas, &pocket, 0.8);
    canvas.shade(
        &stitches(&on_side(side, &[(49.5, 456.0), (62.0, 485.0), (91.0, 500.5)]), 0.7),
        hex(0x6b5638),
        0.8,
        0.0,
    );
    canvas.shade(
        &stitches(&on_side(side, &[(20.0, 772.0), (52.0, 777.0), (82.0, 771.5)]), 0.7),
        hex(0x6b5638),
        0.8,
        0.0,
    );
}

fn waistband_of_the_chinos(canvas: &mut Canvas, cotton: Colour) {
    let band =
        symmetric(&[&[(0.0, 445.0), (40.0, 442.5), (75.0, 433.0)], &[(79.0, 447.0), (42.0, 457.0), (0.0, 459.0)]]);
    canvas.shade(&moved(&band, 0.0, 2.0), fold_shade(), 0.6, 1.4);
    canvas.fill(&band, mix(cotton, [255.0; 3], 0.06));
    canvas.within(&band, |canvas| {
        canvas.shade(&ribbon(&[(AXIS + 76.0, 430.0, 16.0), (AXIS + 82.0, 460.0, 16.0)]), fold_shade(), 0.6, 5.0);
        canvas.shade(
            &stitches(
                &[
                    (AXIS - 79.0, 445.0),
                    (AXIS - 42.0, 454.8),
                    (AXIS, 456.8),
                    (AXIS + 42.0, 454.8),
                    (AXIS + 79.0, 445.0),
                ],
                0.6,
            ),
            hex(0x6b5638),
            0.8,
            0.0,
        );
        seam(canvas, &[(AXIS + 12.0, 444.0), (AXIS + 12.0, 460.0)], 0.7);
    });
    for (side, away) in [(1.0, 34.0), (-1.0, 34.0), (1.0, 66.0), (-1.0, 66.0)] {
        let drop = 446.0 - (away / 75.0_f32).powi(2) * 11.0;
        let x = AXIS + side * away;
        let carrier = block(x - 2.2, drop - 3.0, x + 2.2, drop + 15.5);
        canvas.shade(&carrier, fold_shade(), 0.8, 1.2);
        canvas.fill(&carrier, mix(cotton, [255.0; 3], 0.1));
    }
    button(canvas, (AXIS + 4.0, 452.0), 3.4, hex(0x7a5c3c));
}

pub(crate) fn pleated_skirt(canvas: &mut Canvas) {
    let wool = hex(0x3f6b5e);
    let dark = hex(0x4f5a70);
    let hem: &[Point] = &[(102.0, 646.0), (70.0, 652.0), (36.0, 655.0), (0.0, 656.0)];
    let shape = symmetric(&[
        &[(0.0, 447.0), (40.0, 445.0), (72.0, 437.0)],
        &[(84.0, 480.0), (92.0, 530.0), (102.0, 642.0)],
        hem,
    ]);
    canvas.fill(&shape, wool);
    canvas.within(&shape, |canvas| {
        checks(canvas);
        for pleat in -5..=5_i8 {
            let (top, bottom) = (f32::from(pleat) * 13.4, f32::from(pleat) * 18.6);
            let edge = |shift: f32| {
                [(AXIS + top + shift, 440.0), (AXIS + top * 1.18 + shift, 510.0), (AXIS + bottom + shift, 662.0)]
            };
            let [a, b, c] = edge(-3.0);
            canvas.shade(&ribbon(&[(a.0, a.1, 2.0), (b.0, b.1, 5.0), (c.0, c.1, 11.0)]), dark, 0.75, 2.2);
            canvas.shade(&thread(&edge(0.0), 0.9), hex(0x202c38), 0.8, 0.2);
            let [a, b, c] = edge(2.6);
            canvas.soft(&ribbon(&[(a.0, a.1, 1.0), (b.0, b.1, 2.0), (c.0, c.1, 4.0)]), [255.0; 3], 0.13, 1.2);
        }
        canvas.shade(&crease(1.0, &[(76.0, 440.0, 14.0), (94.0, 530.0, 22.0), (104.0, 660.0, 24.0)]), dark, 0.7, 7.0);
        canvas.shade(&crease(-1.0, &[(78.0, 440.0, 8.0), (96.0, 530.0, 12.0), (106.0, 660.0, 14.0)]), dark, 0.5, 5.0);
    });
    let band =
        symmetric(&[&[(0.0, 442.0), (40.0, 440.0), (71.0, 432.0)], &[(74.0, 445.0), (42.0, 454.0), (0.0, 456.0)]]);
    canvas.within(&shape, |canvas| {
        let fallen = moved(&band, 0.0, 3.0);
        canvas.shade(&fallen, hex(0x202c38), 0.6, 2.0);
    });
    canvas.fill(&band, mix(wool, hex(0x1c3a32), 0.35));
    canvas.within(&band, |canvas| {
        canvas.shade(&ribbon(&[(AXIS + 72.0, 430.0, 16.0), (AXIS + 76.0, 460.0, 16.0)]), dark, 0.7, 5.0);
        canvas.soft(
            &ribbon(&[(AXIS - 66.0, 437.0, 0.5), (AXIS - 30.0, 444.5, 2.6), (AXIS + 24.0, 446.0, 0.5)]),
            [255.0; 3],
            0.12,
            1.4,
        );
    });
}

/// A tartan: broad dark lines and fine light ones, spreading towards the hem like the pleats.
fn checks(canvas: &mut Canvas) {
    let down = |width: f32, shift: f32| {
        group((-6..=6_i8).map(move |line| {
            let x = f32::from(line) + shift;
            thread(&[(AXIS + x * 13.4, 436.0), (AXIS + x * 15.8, 510.0), (AXIS + x * 18.6, 662.0)], width)
        }))
    };
    let across = |width: f32, shift: f32| {
        group((0..9_u8).map(move |line| {
            let y = 462.0 + (f32::from(line) + shift) * 24.0;
            thread(
                &[
                    (AXIS - 110.0, y - 8.0),
                    (AXIS - 50.0, y - 1.5),
                    (AXIS, y),
                    (AXIS + 50.0, y - 1.5),
                    (AXIS + 110.0, y - 8.0),
                ],
                width,
            )
        }))
    };
    canvas.soft(&down(4.4, 0.5), hex(0x1f3b4a), 0.55, 0.0);
    canvas.soft(&across(7.0, 0.0), hex(0x1f3b4a), 0.55, 0.0);
    canvas.soft(&across(1.0, 0.5), hex(0xd9b65e), 0.75, 0.0);
    canvas.soft(&down(0.7, 0.85), hex(0xd9b65e), 0.6, 0.0);
    canvas.soft(&across(0.8, 0.2), hex(0xc0564e), 0.6, 0.0);
}
