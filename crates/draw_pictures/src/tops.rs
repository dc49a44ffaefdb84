//! What is pulled over the head: the striped T-shirt and the cable sweater.

use super::canvas::{Canvas, hex, mix};
use super::garment::{crease, fold_shade, long_sleeve, long_sleeves, on_side, seam, shade_trunk, trunk};
use super::outline::{AXIS, Point, both, ellipse, group, mirrored, outline, ribbon, stitches, symmetric, thread};

pub(crate) fn striped_tee(canvas: &mut Canvas) {
    let (cream, blue) = (hex(0xe6dfd0), hex(0x34527c));
    let dark = fold_shade();
    let right = outline(&[
        &on_side(1.0, &[(72.0, 216.0), (91.0, 220.5), (106.0, 234.0), (117.0, 272.0), (124.0, 318.0)]),
        &on_side(1.0, &[(116.0, 323.0), (103.0, 326.0), (87.0, 326.0)]),
        &on_side(1.0, &[(85.0, 306.0), (80.0, 285.0), (70.0, 250.0)]),
    ]);
    for (side, sleeve) in [(1.0, right.clone()), (-1.0, mirrored(&right))] {
        canvas.fill(&sleeve, cream);
        canvas.within(&sleeve, |canvas| {
            // The stripes run around the arm, so they slope with it.
            let stripes = (0..11_u8).map(|row| {
                let y = 206.0 + f32::from(row) * 13.0;
                thread(&on_side(side, &[(60.0, y + 20.0), (95.0, y + 12.0), (112.0, y + 6.0), (130.0, y - 4.0)]), 5.6)
            });
            canvas.fill(&group(stripes), blue);
            let (outer, inner) = if side > 0.0 { (0.7, 0.6) } else { (0.35, 0.75) };
            canvas.shade(
                &crease(side, &[(106.0, 226.0, 4.0), (119.0, 275.0, 10.0), (127.0, 322.0, 10.0)]),
                dark,
                outer,
                4.5,
            );
            canvas.shade(
                &crease(side, &[(76.0, 262.0, 18.0), (84.0, 300.0, 10.0), (87.0, 330.0, 8.0)]),
                dark,
                inner,
                4.5,
            );
            canvas.shade(&crease(side, &[(84.0, 300.0, 1.0), (96.0, 288.0, 6.0), (108.0, 262.0, 1.0)]), dark, 0.5, 2.2);
            canvas.shade(
                &crease(side, &[(86.0, 316.0, 1.0), (100.0, 308.0, 5.0), (114.0, 296.0, 1.0)]),
                dark,
                0.4,
                2.2,
            );
            canvas.shade(
                &stitches(&on_side(side, &[(86.0, 320.0), (103.0, 320.0), (123.5, 312.0)]), 0.8),
                hex(0x4c4c60),
                0.7,
                0.0,
            );
        });
    }
    let neckline: &[Point] = &[(0.0, 218.0), (14.0, 215.5), (25.0, 207.5), (30.0, 199.5)];
    let body = trunk(neckline, 91.0, 4.0, 478.0);
    canvas.fill(&body, cream);
    canvas.within(&body, |canvas| {
        let stripes = (0..20_u8).map(|row| {
            let y = 222.0 + f32::from(row) * 13.0;
            thread(
                &[
                    (AXIS - 100.0, y - 3.0),
                    (AXIS - 40.0, y + 0.8),
                    (AXIS + 10.0, y + 1.6),
                    (AXIS + 60.0, y),
                    (AXIS + 100.0, y - 3.5),
                ],
                5.6,
            )
        });
        canvas.fill(&group(stripes), blue);
    });
    shade_trunk(canvas, &body, 478.0);
    canvas.within(&body, |canvas| {
        canvas.shade(
            &stitches(&[(AXIS - 95.0, 470.0), (AXIS, 475.5), (AXIS + 95.0, 470.0)], 0.8),
            hex(0x4c4c60),
            0.8,
            0.0,
        );
    });
    for side in [1.0, -1.0] {
        seam(canvas, &on_side(side, &[(91.0, 220.5), (86.0, 250.0), (83.0, 275.0), (84.0, 291.0)]), 0.6);
    }
    crew_collar(canvas, blue, 6.5);
}

/// A round collar of a width, with the inside of its back.
fn crew_collar(canvas: &mut Canvas, colour: super::canvas::Colour, width: f32) {
    let inside =
        symmetric(&[&[(0.0, 203.5), (16.0, 202.5), (29.0, 198.5)], &[(26.0, 208.0), (14.0, 216.0), (0.0, 219.0)]]);
    canvas.fill(&inside, mix(colour, hex(0x20222c), 0.35));
    canvas.within(&inside, |canvas| {
        canvas.shade(
            &ribbon(&[(AXIS - 30.0, 199.0, 4.0), (AXIS, 207.5, 4.0), (AXIS + 30.0, 199.0, 4.0)]),
            fold_shade(),
            0.6,
            2.0,
        );
    });
    let back = [
        (AXIS - 29.5, 199.5, 1.0),
        (AXIS - 16.0, 202.5, 3.5),
        (AXIS, 203.6, 4.0),
        (AXIS + 16.0, 202.5, 3.5),
        (AXIS + 29.5, 199.5, 1.0),
    ];
    canvas.fill(&ribbon(&back), mix(colour, hex(0x20222c), 0.12));
    let half = width / 2.0;
    let line: Vec<Point> =
        [(-31.0, 200.0), (-26.0, 208.5), (-14.0, 216.5), (0.0, 219.5), (14.0, 216.5), (26.0, 208.5), (31.0, 200.0)]
            .iter()
            .map(|p| (AXIS + p.0, p.1))
            .collect();
    let below: Vec<Point> = line.iter().map(|p| (p.0, p.1 + half)).collect();
    canvas.shade(&thread(&below, width), fold_shade(), 0.6, 1.4);
    let band = thread(&line, width);
    canvas.fill(&band, colour);
    canvas.within(&band, |canvas| {
        canvas.shade(&thread(&below, 2.4), fold_shade(), 0.6, 0.8);
        let ribs = (-9..=9_i8).map(|rib| {
            let away = f32::from(rib) * 3.6;
            let y = 219.5 - (away / 31.0).powi(2) * 19.0;
            thread(&[(AXIS + away * 0.93, y - 7.0), (AXIS + away * 1.06, y + 6.0)], 0.5)
        });
        canvas.shade(&group(ribs), hex(0x55566a), 0.5, 0.2);
    });
}

pub(crate) fn cable_sweater(canvas: &mut Canvas) {
    let wool = hex(0xc98a54);
    let right = long_sleeve(92.0);
    long_sleeves(canvas, &right, wool);
    for (side, sleeve) in [(1.0, right.clone()), (-1.0, mirrored(&right))] {
        canvas.within(&sleeve, |canvas| {
            let middle: Vec<Point> =
                on_side(side, &[(93.0, 222.0), (97.0, 280.0), (102.0, 340.0), (107.0, 400.0), (109.0, 438.0)]);
            cable(canvas, &middle, 4.2, 15.0);
            cuff(canvas, side);
        });
    }
    let neckline: &[Point] = &[(0.0, 220.0), (14.0, 217.5), (26.0, 209.0), (31.0, 200.0)];
    let body = trunk(neckline, 92.0, 5.0, 478.0);
    canvas.shade(&both(&ribbon(&[(AXIS + 88.0, 290.0, 4.0), (AXIS + 86.0, 320.0, 3.0)])), fold_shade(), 0.3, 3.0);
    canvas.fill(&body, wool);
    canvas.within(&body, |canvas| {
        let left_of = |away: f32| [(AXIS + away, 206.0), (AXIS + away, 330.0), (AXIS + away, 458.0)];
        purl(canvas);
        for away in [-52.0, -18.0, 18.0, 52.0] {
            cable(canvas, &left_of(away), 6.5, 21.0);
        }
    });
    shade_trunk(canvas, &body, 478.0);
    canvas.within(&body, waistband);
    for side in [1.0, -1.0] {
        seam(canvas, &on_side(side, &[(92.0, 220.5), (87.0, 250.0), (84.0, 275.0), (85.0, 292.0)]), 0.8);
    }
    crew_collar(canvas, mix(wool, hex(0x9a5f30), 0.25), 9.5);
}

/// Two strands that cross each other again and again along a line.
fn cable(canvas: &mut Canvas, line: &[Point], reach: f32, turn: f32) {
    let (from, to) = (line[0], line[line.len() - 1]);
    let length = to.1 - from.1;
    let at = |down: f32| {
        let index = line.windows(2).position(|pair| down <= pair[1].1).unwrap_or(line.len() - 2);
        let (a, b) = (line[index], line[index + 1]);
        a.0 + (b.0 - a.0) * (down - a.1) / (b.1 - a.1)
    };
    let ground = [-1.0, 1.0]
        .map(|side| thread(&line.iter().map(|p| (p.0 + side * (reach + 4.0), p.1)).collect::<Vec<_>>(), 1.6));
    canvas.shade(&group(ground), hex(0x8a7378), 0.6, 0.9);
    let count = (length / turn) as u16;
    for step in 0..count {
        let top = from.1 + f32::from(step) * turn;
        let strand = |side: f32| {
            let y = |share: f32| top + turn * share;
            let x = |share: f32, away: f32| at(y(share)) + side * away * reach;
            outline(&[
                &[(x(-0.1, -1.25), y(-0.1)), (x(0.3, -0.9), y(0.3)), (x(0.7, 0.2), y(0.7)), (x(1.1, 0.35), y(1.1))],
                &[(x(1.1, 1.25), y(1.1)), (x(0.8, 1.2), y(0.8)), (x(0.4, 0.3), y(0.4)), (x(-0.1, -0.35), y(-0.1))],
            ])
        };
        for side in [1.0, -1.0] {
            let shape = strand(side);
            canvas.shade(&shape, hex(0x6b545c), 0.65, 1.1);
            canvas.within(&shape, |canvas| {
                canvas.soft(&shape, hex(0xd39a66), 1.0, 0.0);
                let centre = at(top + turn * 0.5);
                canvas.soft(
                    &ellipse(centre - reach * 0.3, top + turn * 0.42, reach * 0.45, turn * 0.32),
                    hex(0xe6bd90),
                    0.7,
                    1.4,
                );
                // The yarn itself.
                let yarn = (0..4_u8).map(|row| {
                    let y = top + turn * (f32::from(row) * 0.28 + 0.05);
                    thread(&[(centre - reach * 1.3, y - side * 1.2), (centre + reach * 1.3, y + side * 1.2)], 0.45)
                });
                canvas.shade(&group(yarn), hex(0x8a6f70), 0.5, 0.2);
            });
        }
    }
}

/// The ground between the cables: rows of small bumps.
fn purl(canvas: &mut Canvas) {
    let rows = (0..43_u8).flat_map(|row| {
        (-19..=19_i8).map(move |column| {
            let shift = if row % 2 == 0 { 0.0 } else { 2.5 };
            let (x, y) = (AXIS + f32::from(column) * 5.0 + shift, 204.0 + f32::from(row) * 6.0);
            thread(&[(x - 1.9, y + 0.8), (x, y - 0.8), (x + 1.9, y + 0.8)], 0.9)
        })
    });
    canvas.shade(&group(rows), hex(0x8a7072), 0.45, 0.45);
}

fn ribbing(
    canvas: &mut Canvas,
    band: &tiny_skia::Path,
    ribs: impl Iterator<Item = [Point; 2]>,
    wool: super::canvas::Colour,
) {
    canvas.within(band, |canvas| {
        canvas.soft(band, wool, 0.9, 0.0);
        let lines = group(ribs.map(|rib| thread(&rib, 1.3)));
        canvas.shade(&lines, hex(0x775f66), 0.7, 0.4);
    });
}

fn waistband(canvas: &mut Canvas) {
    let band = outline(&[
        &[(AXIS - 100.0, 455.0), (AXIS, 460.0), (AXIS + 100.0, 455.0)],
        &[(AXIS + 100.0, 490.0), (AXIS - 100.0, 490.0)],
    ]);
    let ribs = (-24..=24_i8).map(|rib| [(AXIS + f32::from(rib) * 3.8, 452.0), (AXIS + f32::from(rib) * 3.8, 488.0)]);
    ribbing(canvas, &band, ribs, hex(0xbd7c48));
    canvas.shade(&thread(&[(AXIS - 100.0, 454.0), (AXIS, 459.0), (AXIS + 100.0, 454.0)], 1.6), hex(0x6b545c), 0.8, 0.8);
    canvas.shade(&crease(1.0, &[(88.0, 450.0, 14.0), (92.0, 486.0, 14.0)]), fold_shade(), 0.6, 5.0);
    canvas.shade(&crease(-1.0, &[(90.0, 450.0, 9.0), (93.0, 486.0, 9.0)]), fold_shade(), 0.5, 4.0);
}

fn cuff(canvas: &mut Canvas, side: f32) {
    let band = outline(&[
        &on_side(side, &[(92.0, 439.0), (108.0, 442.0), (126.0, 438.0)]),
        &on_side(side, &[(128.0, 464.0), (92.0, 464.0)]),
    ]);
    let ribs = (0..10_i8).map(|rib| {
        let away = 95.0 + f32::from(rib) * 3.1;
        [(AXIS + side * away, 436.0), (AXIS + side * (away + 0.8), 462.0)]
    });
    ribbing(canvas, &band, ribs, hex(0xbd7c48));
    canvas.shade(
        &thread(&on_side(side, &[(92.0, 438.5), (108.0, 441.5), (126.0, 437.5)]), 1.4),
        hex(0x6b545c),
        0.8,
        0.7,
    );
    canvas.shade(&crease(side, &[(123.0, 436.0, 6.0), (125.0, 462.0, 6.0)]), fold_shade(), 0.6, 2.5);
}
