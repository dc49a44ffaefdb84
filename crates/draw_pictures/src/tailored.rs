//! What is buttoned: the linen shirt and the blazer.

use super::canvas::{Canvas, hex, mix};
use super::garment::{button, crease, fold_shade, long_sleeve, long_sleeves, on_side, seam, shade_trunk, trunk};
use super::outline::{AXIS, Point, both, group, mirrored, moved, outline, ribbon, stitches, symmetric, thread};

/// What shows inside an open collar: so pale that it is taken for the background and the wearer shows through.
pub(crate) const INSIDE: u32 = 0xf6f6f5;

pub(crate) fn linen_shirt(canvas: &mut Canvas) {
    let linen = hex(0xb9cbc0);
    let dark = fold_shade();
    let right = long_sleeve(91.0);
    long_sleeves(canvas, &right, linen);
    let neckline: &[Point] = &[(0.0, 240.0), (3.0, 232.0), (20.0, 212.0), (30.0, 200.0)];
    let body = trunk(neckline, 91.0, 4.0, 474.0);
    canvas.fill(&body, linen);
    weave(canvas, &group([body.clone(), both(&right)]));
    shade_trunk(canvas, &body, 474.0);
    canvas.within(&body, |canvas| {
        // The yoke, the placket and its buttons, the hem.
        for side in [1.0, -1.0] {
            seam(canvas, &on_side(side, &[(34.0, 226.0), (60.0, 229.0), (90.0, 233.0)]), 0.5);
        }
        canvas.shade(&thread(&[(AXIS + 9.5, 236.0), (AXIS + 9.5, 480.0)], 2.0), dark, 0.6, 1.4);
        seam(canvas, &[(AXIS + 8.0, 234.0), (AXIS + 8.0, 482.0)], 0.7);
        canvas.shade(&stitches(&[(AXIS + 6.0, 240.0), (AXIS + 6.0, 482.0)], 0.6), hex(0x5c6860), 0.7, 0.0);
        canvas.shade(&stitches(&[(AXIS - 6.0, 250.0), (AXIS - 6.0, 482.0)], 0.6), hex(0x5c6860), 0.7, 0.0);
        canvas.shade(
            &stitches(
                &[
                    (AXIS - 95.0, 464.0),
                    (AXIS - 45.0, 473.5),
                    (AXIS, 475.0),
                    (AXIS + 45.0, 473.5),
                    (AXIS + 95.0, 464.0),
                ],
                0.6,
            ),
            hex(0x5c6860),
            0.8,
            0.0,
        );
    });
    for side in [1.0, -1.0] {
        seam(canvas, &on_side(side, &[(91.0, 220.5), (86.0, 250.0), (83.0, 275.0), (84.0, 291.0)]), 0.7);
    }
    pocket(canvas, mix(linen, [255.0; 3], 0.04));
    for step in 0..6_u8 {
        button(canvas, (AXIS, 252.0 + f32::from(step) * 37.0), 3.1, hex(0xe4ddcc));
    }
    for (side, sleeve) in [(1.0, right.clone()), (-1.0, mirrored(&right))] {
        canvas.within(&sleeve, |canvas| {
            let edge = on_side(side, &[(92.0, 434.0), (108.0, 437.0), (126.0, 433.0)]);
            canvas.shade(&thread(&edge, 2.4), dark, 0.6, 1.2);
            seam(canvas, &edge, 0.7);
            canvas.shade(
                &stitches(&on_side(side, &[(92.0, 453.0), (108.0, 455.5), (126.0, 450.0)]), 0.6),
                hex(0x5c6860),
                0.7,
                0.0,
            );
        });
        button(canvas, (AXIS + side * 101.5, 446.0), 2.2, hex(0xe4ddcc));
    }
    shirt_collar(canvas, linen);
}

/// Fine uneven threads, as linen has.
fn weave(canvas: &mut Canvas, shape: &tiny_skia::Path) {
    canvas.within(shape, |canvas| {
        let slubs = (0..900_u32).map(|slub| {
            // A fixed scramble of the thread's number, so that the threads lie in no pattern.
            let scramble = (slub ^ 0x9e37).wrapping_mul(0x9e37_79b1);
            let scramble = (scramble ^ (scramble >> 15)).wrapping_mul(0x85eb_ca6b);
            let scramble = scramble ^ (scramble >> 13);
            let (x, y) = (172.0 + (scramble % 257) as f32, 200.0 + (scramble / 257 % 283) as f32);
            let reach = 2.5 + (slub % 7) as f32 * 1.1;
            if slub % 2 == 0 {
                thread(&[(x, y), (x + reach, y + 0.3)], 0.5)
            } else {
                thread(&[(x, y), (x + 0.2, y + reach)], 0.5)
            }
        });
        canvas.shade(&group(slubs), hex(0x8b9b92), 0.3, 0.2);
    });
}

fn pocket(canvas: &mut Canvas, linen: super::canvas::Colour) {
    let shape = outline(&[
        &[(AXIS + 27.0, 276.0), (AXIS + 65.0, 275.0)],
        &[(AXIS + 65.0, 312.0), (AXIS + 46.0, 320.0), (AXIS + 28.0, 312.5)],
    ]);
    canvas.shade(&shape, fold_shade(), 0.55, 1.6);
    canvas.soft(&shape, linen, 0.85, 0.0);
    canvas.within(&shape, |canvas| {
        canvas.shade(&ribbon(&[(AXIS + 64.0, 272.0, 6.0), (AXIS + 65.0, 318.0, 8.0)]), fold_shade(), 0.45, 4.0);
        seam(canvas, &[(AXIS + 27.0, 284.0), (AXIS + 65.0, 283.0)], 0.6);
        canvas.shade(
            &stitches(
                &[
                    (AXIS + 29.2, 285.0),
                    (AXIS + 30.0, 311.0),
                    (AXIS + 46.0, 317.6),
                    (AXIS + 63.0, 310.5),
                    (AXIS + 63.0, 285.0),
                ],
                0.5,
            ),
            hex(0x5c6860),
            0.8,
            0.0,
        );
    });
}

fn shirt_collar(canvas: &mut Canvas, linen: super::canvas::Colour) {
    let stand =
        symmetric(&[&[(0.0, 202.0), (14.0, 201.0), (28.0, 196.5)], &[(26.0, 204.0), (12.0, 209.0), (0.0, 210.0)]]);
    canvas.fill(&stand, hex(INSIDE));
    let wing = outline(&[
        &on_side(1.0, &[(27.0, 195.5), (33.0, 199.0), (41.0, 213.0), (44.0, 224.0)]),
        &on_side(1.0, &[(37.0, 235.0), (30.0, 243.0)]),
        &on_side(1.0, &[(14.0, 231.0), (1.5, 239.0)]),
        &on_side(1.0, &[(10.0, 222.0), (20.0, 210.0), (27.0, 195.5)]),
    ]);
    for (side, shape) in [(1.0, wing.clone()), (-1.0, mirrored(&wing))] {
        let fallen = moved(&shape, 1.0, 3.0);
        canvas.shade(&fallen, fold_shade(), 0.65, 2.0);
        canvas.fill(&shape, mix(linen, [255.0; 3], 0.06));
        canvas.within(&shape, |canvas| {
            canvas.shade(
                &crease(side, &[(27.0, 194.0, 5.0), (18.0, 214.0, 4.0), (2.0, 238.0, 2.0)]),
                fold_shade(),
                0.5,
                1.8,
            );
            canvas.shade(
                &stitches(&on_side(side, &[(41.5, 223.5), (29.5, 240.0), (14.5, 228.0), (5.0, 233.5)]), 0.5),
                hex(0x5c6860),
                0.8,
                0.0,
            );
            if side > 0.0 {
                canvas.shade(&crease(1.0, &[(40.0, 206.0, 6.0), (44.0, 230.0, 6.0)]), fold_shade(), 0.4, 3.0);
            }
        });
    }
}

pub(crate) fn navy_blazer(canvas: &mut Canvas) {
    let navy = hex(0x2f3d5c);
    let right = long_sleeve(94.0);
    long_sleeves(canvas, &right, navy);
    for side in [1.0, -1.0] {
        for step in 0..3_u8 {
            button(
                canvas,
                (AXIS + side * (100.5 + f32::from(step) * 0.2), 434.0 + f32::from(step) * 7.5),
                2.2,
                hex(0x8a6a48),
            );
        }
    }
    let lining = symmetric(&[
        &[(0.0, 203.0), (16.0, 201.5), (28.0, 197.0)],
        &[(31.0, 212.0), (22.0, 280.0), (6.0, 352.0), (0.0, 362.0)],
    ]);
    canvas.fill(&lining, hex(INSIDE));
    let shape = blazer_body();
    canvas.fill(&shape, navy);
    shade_trunk(canvas, &shape, 476.0);
    canvas.within(&shape, |canvas| {
        for side in [1.0, -1.0] {
            canvas.shade(
                &thread(&on_side(side, &[(52.0, 292.0), (50.0, 350.0), (54.0, 408.0)]), 1.4),
                hex(0x30344c),
                0.55,
                0.6,
            );
        }
    });
    // The left front lies over the right one.
    canvas.within(&shape, |canvas| {
        canvas.shade(
            &ribbon(&[(AXIS + 8.0, 358.0, 3.0), (AXIS + 10.0, 400.0, 5.0), (AXIS + 19.0, 474.0, 3.0)]),
            hex(0x20243a),
            0.7,
            2.0,
        );
        seam(
            canvas,
            &[
                (AXIS + 6.0, 356.0),
                (AXIS + 7.0, 395.0),
                (AXIS + 10.0, 430.0),
                (AXIS + 20.0, 462.0),
                (AXIS + 32.0, 477.0),
            ],
            0.9,
        );
    });
    blazer_pockets(canvas, navy);
    for side in [1.0, -1.0] {
        canvas.shade(
            &thread(&on_side(side, &[(94.0, 220.0), (89.0, 250.0), (86.0, 275.0), (86.0, 292.0)]), 1.6),
            hex(0x20243a),
            0.6,
            0.9,
        );
    }
    lapels(canvas, navy);
    button(canvas, (AXIS + 0.5, 366.0), 4.4, hex(0x8a6a48));
    button(canvas, (AXIS + 1.5, 404.0), 4.4, hex(0x8a6a48));
}

fn blazer_body() -> tiny_skia::Path {
    symmetric(&[
        &[(0.0, 358.0), (6.0, 348.0), (22.0, 280.0), (30.0, 214.0), (29.0, 199.0)],
        &[(62.0, 208.0), (89.0, 215.5), (94.0, 219.0)],
        &[(89.0, 250.0), (86.0, 275.0), (86.0, 292.0)],
        &[(82.0, 330.0), (77.0, 368.0), (82.0, 410.0), (90.0, 472.0)],
        &[(88.0, 476.0), (60.0, 482.0), (34.0, 483.0)],
        &[(24.0, 474.0), (12.0, 458.0), (4.0, 440.0)],
        &[(0.0, 430.0)],
    ])
}

fn blazer_pockets(canvas: &mut Canvas, navy: super::canvas::Colour) {
    for side in [1.0, -1.0] {
        let flap = outline(&[
            &on_side(side, &[(34.0, 412.0), (78.0, 407.0)]),
            &on_side(side, &[(80.0, 421.0), (77.0, 424.0), (40.0, 429.0), (36.0, 426.0)]),
        ]);
        let fallen = moved(&flap, 1.0, 2.5);
        canvas.shade(&fallen, hex(0x20243a), 0.7, 1.6);
        canvas.fill(&flap, if side > 0.0 { mix(navy, [10.0; 3], 0.12) } else { mix(navy, [255.0; 3], 0.03) });
        canvas.soft(&thread(&on_side(side, &[(34.0, 412.4), (78.0, 407.4)]), 0.8), [255.0; 3], 0.22, 0.3);
    }
    let welt = outline(&[&[(AXIS + 40.0, 290.0), (AXIS + 71.0, 284.0)], &[(AXIS + 72.0, 290.5), (AXIS + 41.0, 297.0)]]);
    let square = outline(&[
        &[(AXIS + 43.0, 290.0), (AXIS + 47.0, 278.0)],
        &[(AXIS + 54.0, 284.0)],
        &[(AXIS + 60.0, 275.0)],
        &[(AXIS + 68.0, 286.0)],
    ]);
    canvas.fill(&square, hex(0xc9b8a0));
    canvas.shade(&thread(&[(AXIS + 54.0, 284.0), (AXIS + 56.0, 289.0)], 1.4), fold_shade(), 0.7, 0.6);
    canvas.shade(&welt, hex(0x20243a), 0.7, 1.2);
    canvas.fill(&welt, mix(navy, [255.0; 3], 0.05));
}

fn lapels(canvas: &mut Canvas, navy: super::canvas::Colour) {
    let back =
        symmetric(&[&[(0.0, 200.5), (15.0, 199.5), (27.0, 196.0)], &[(30.0, 203.0), (14.0, 208.5), (0.0, 209.5)]]);
    canvas.fill(&back, hex(INSIDE));
    let lapel = outline(&[
        &on_side(1.0, &[(31.0, 226.0), (46.0, 234.0), (62.0, 238.0)]),
        &on_side(1.0, &[(58.0, 262.0), (38.0, 306.0), (3.0, 357.0)]),
        &on_side(1.0, &[(13.0, 312.0), (23.0, 268.0), (28.0, 226.0)]),
    ]);
    let collar = outline(&[
        &on_side(1.0, &[(26.0, 195.5), (33.0, 199.0), (44.0, 212.0), (57.0, 224.0)]),
        &on_side(1.0, &[(53.0, 230.0), (49.0, 236.5)]),
        &on_side(1.0, &[(38.0, 231.0), (27.0, 226.0)]),
        &on_side(1.0, &[(28.0, 210.0), (26.0, 195.5)]),
    ]);
    for side in [-1.0, 1.0] {
        for shape in [&lapel, &collar] {
            let shape = if side > 0.0 { shape.clone() } else { mirrored(shape) };
            let fallen = moved(&shape, 1.5, 3.0);
            canvas.within(&group([blazer_body(), shape.clone()]), |canvas| {
                canvas.shade(&fallen, hex(0x20243a), 0.8, 2.0);
            });
            canvas.fill(&shape, mix(navy, [255.0; 3], if side > 0.0 { 0.045 } else { 0.08 }));
            canvas.within(&shape, |canvas| {
                let roll =
                    crease(side, &[(27.0, 200.0, 4.0), (27.0, 236.0, 5.0), (21.0, 280.0, 5.0), (4.0, 352.0, 4.0)]);
                canvas.shade(&roll, hex(0x20243a), 0.6, 2.2);
                canvas.soft(
                    &crease(side, &[(46.0, 236.0, 1.0), (47.0, 262.0, 8.0), (26.0, 312.0, 2.0)]),
                    [255.0; 3],
                    0.06,
                    4.0,
                );
            });
        }
        canvas.soft(
            &thread(&on_side(side, &[(59.5, 239.5), (56.0, 262.0), (36.5, 304.0), (4.5, 352.0)]), 0.5),
            [255.0; 3],
            0.22,
            0.2,
        );
    }
    canvas.soft(&thread(&[(AXIS + 47.0, 246.0), (AXIS + 55.0, 247.5)], 1.0), hex(0x10141f), 0.7, 0.2);
}
