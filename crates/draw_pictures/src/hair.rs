//! Hair: what falls behind the head and the shoulders, and what frames the face.

use tiny_skia::Path;

use super::canvas::{Canvas, Colour, hex, mix};
use super::outline::{AXIS, Point, blob, ellipse, group, moved, outline, ribbon, symmetric};
use super::person::{HEAD, Person};
use super::short_hair;

pub(crate) enum Style {
    /// Long and wavy, parted at the side.
    Waves,
    /// Cropped, with faded sides.
    Crop,
    /// A straight bob with a fringe.
    Bob,
    /// Swept up and to the side.
    Quiff,
    /// A round cloud of curls.
    Curls,
    /// Short and combed to the side.
    Parted,
}

pub(crate) struct Shades {
    pub(crate) base: Colour,
    pub(crate) dark: Colour,
    pub(crate) light: Colour,
}

fn shades(person: &Person) -> Shades {
    let base = hex(person.hair_colour);
    Shades { base, dark: mix(base, [12.0, 6.0, 10.0], 0.55), light: mix(base, [255.0, 232.0, 205.0], 0.32) }
}

/// Points around the middle of the head, as points of the picture.
pub(crate) fn on_head(points: &[Point]) -> Vec<Point> {
    points.iter().map(|p| (HEAD.0 + p.0, HEAD.1 + p.1)).collect()
}

pub(crate) fn lock(points: &[(f32, f32, f32)]) -> Path {
    let points: Vec<_> = points.iter().map(|p| (HEAD.0 + p.0, HEAD.1 + p.1, p.2)).collect();
    ribbon(&points)
}

pub(crate) fn behind(canvas: &mut Canvas, person: &Person) {
    let shades = shades(person);
    let y = |down: f32| HEAD.1 + down;
    match person.hair {
        Style::Waves => {
            let shape = blob(&on_head(&[
                (-4.0, -63.0),
                (30.0, -56.0),
                (47.0, -28.0),
                (48.0, 8.0),
                (55.0, 42.0),
                (52.0, 72.0),
                (60.0, 100.0),
                (50.0, 124.0),
                (30.0, 118.0),
                (0.0, 108.0),
                (-30.0, 122.0),
                (-54.0, 126.0),
                (-60.0, 98.0),
                (-52.0, 70.0),
                (-57.0, 40.0),
                (-49.0, 6.0),
                (-48.0, -26.0),
                (-34.0, -54.0),
            ]));
            canvas.fill(&shape, mix(shades.base, shades.dark, 0.45));
            canvas.within(&shape, |canvas| {
                canvas.soft(&ellipse(AXIS, y(60.0), 34.0, 70.0), shades.dark, 0.9, 10.0);
                for side in [1.0, -1.0] {
                    let strand = [
                        (side * 46.0, 10.0, 2.0),
                        (side * 52.0, 44.0, 6.0),
                        (side * 48.0, 74.0, 4.0),
                        (side * 55.0, 104.0, 5.0),
                        (side * 46.0, 122.0, 1.0),
                    ];
                    canvas.soft(&lock(&strand), shades.light, 0.4, 2.0);
                    let strand = [
                        (side * 40.0, 20.0, 2.0),
                        (side * 45.0, 50.0, 4.0),
                        (side * 40.0, 80.0, 4.0),
                        (side * 46.0, 116.0, 1.0),
                    ];
                    canvas.soft(&lock(&strand), shades.dark, 0.7, 1.6);
                }
            });
        }
        Style::Bob => {
            let shape = symmetric(&[
                &[
                    (0.0, y(-64.0)),
                    (30.0, y(-57.0)),
                    (46.0, y(-30.0)),
                    (48.0, y(0.0)),
                    (50.0, y(34.0)),
                    (50.0, y(60.0)),
                ],
                &[(44.0, y(64.0)), (24.0, y(66.0)), (0.0, y(66.0))],
            ]);
            canvas.fill(&shape, mix(shades.base, shades.dark, 0.6));
        }
        Style::Curls => {
            canvas.fill(&curls(-1.0, 16), mix(shades.base, shades.dark, 0.35));
            canvas.soft(&curls(0.0, 11), shades.base, 0.8, 1.0);
            canvas.soft(&ellipse(AXIS, y(20.0), 52.0, 50.0), shades.dark, 0.75, 12.0);
        }
        Style::Crop | Style::Quiff | Style::Parted => {}
    }
}

/// Overlapping curls in a ring around the head; `offset` shifts them against each other.
fn curls(offset: f32, size: u8) -> Path {
    let size = f32::from(size);
    let mut all = vec![ellipse(AXIS, HEAD.1 - 14.0, 58.0, 58.0)];
    for step in 0..20_u8 {
        let turn = (f32::from(step) + offset * 0.5) / 20.0 * std::f32::consts::TAU;
        let wobble = f32::from(step * 7 % 5) - 2.0;
        let reach = 58.0 + wobble;
        all.push(ellipse(AXIS + turn.cos() * reach, HEAD.1 - 12.0 + turn.sin() * reach, size, size));
    }
    group(all)
}

pub(crate) fn front(canvas: &mut Canvas, person: &Person) {
    let shades = shades(person);
    match person.hair {
        Style::Waves => waves(canvas, person, &shades),
        Style::Crop => short_hair::crop(canvas, &shades),
        Style::Bob => bob(canvas, person, &shades),
        Style::Quiff => short_hair::quiff(canvas, &shades),
        Style::Curls => curly_hairline(canvas, person, &shades),
        Style::Parted => short_hair::parted(canvas, &shades),
    }
}

/// A piece of hair with its shadow on the skin, its dark roots and its shine.
pub(crate) fn piece(
    canvas: &mut Canvas,
    shape: &Path,
    shades: &Shades,
    dark: &[&[(f32, f32, f32)]],
    light: &[&[(f32, f32, f32)]],
) {
    canvas.fill(shape, shades.base);
    canvas.within(shape, |canvas| {
        for strand in dark {
            canvas.soft(&lock(strand), shades.dark, 0.7, 1.3);
        }
        for strand in light {
            canvas.soft(&lock(strand), shades.light, 0.6, 1.6);
        }
    });
}

/// What hair throws onto the forehead.
fn forehead_shadow(canvas: &mut Canvas, person: &Person, shape: &Path) {
    let moved = moved(shape, 1.0, 3.5);
    let face = symmetric(&[&[
        (0.0, HEAD.1 - 54.0),
        (36.0, HEAD.1 - 28.0),
        (37.0, HEAD.1 + 10.0),
        (30.0, HEAD.1 + 36.0),
        (0.0, HEAD.1 + 52.0),
    ]]);
    canvas.within(&face, |canvas| canvas.soft(&moved, hex(person.skin.shadow), 0.75, 2.2));
}

fn waves(canvas: &mut Canvas, person: &Person, shades: &Shades) {
    let left = outline(&[
        &on_head(&[
            (10.0, -61.0),
            (-14.0, -64.0),
            (-36.0, -52.0),
            (-48.0, -24.0),
            (-48.0, 6.0),
            (-56.0, 38.0),
            (-51.0, 68.0),
            (-57.0, 96.0),
            (-50.0, 118.0),
        ]),
        &on_head(&[
            (-40.0, 96.0),
            (-42.0, 66.0),
            (-38.0, 40.0),
            (-37.0, 12.0),
            (-34.0, -10.0),
            (-22.0, -30.0),
            (0.0, -42.0),
            (10.0, -54.0),
        ]),
    ]);
    let right = outline(&[
        &on_head(&[
            (6.0, -61.0),
            (26.0, -60.0),
            (43.0, -42.0),
            (48.0, -14.0),
            (48.0, 12.0),
            (56.0, 42.0),
            (50.0, 72.0),
            (56.0, 98.0),
            (48.0, 118.0),
        ]),
        &on_head(&[
            (40.0, 96.0),
            (42.0, 70.0),
            (38.0, 44.0),
            (37.0, 14.0),
            (35.0, -8.0),
            (29.0, -28.0),
            (18.0, -44.0),
            (9.0, -54.0),
        ]),
    ]);
    forehead_shadow(canvas, person, &group([left.clone(), right.clone()]));
    piece(
        canvas,
        &right,
        shades,
        &[&[
            (10.0, -56.0, 1.0),
            (30.0, -40.0, 4.0),
            (40.0, -8.0, 4.0),
            (41.0, 20.0, 4.0),
            (48.0, 46.0, 3.0),
            (44.0, 76.0, 4.0),
            (49.0, 112.0, 1.0),
        ]],
        &[
            &[(20.0, -56.0, 2.0), (38.0, -34.0, 5.0), (43.0, -6.0, 2.0)],
            &[(47.0, 24.0, 1.0), (51.0, 44.0, 4.0), (46.0, 70.0, 3.0), (51.0, 98.0, 1.0)],
        ],
    );
    piece(
        canvas,
        &left,
        shades,
        &[
            &[
                (6.0, -55.0, 1.0),
                (-20.0, -42.0, 4.0),
                (-38.0, -12.0, 4.0),
                (-41.0, 18.0, 4.0),
                (-48.0, 44.0, 3.0),
                (-44.0, 74.0, 4.0),
                (-50.0, 112.0, 1.0),
            ],
            &[(4.0, -60.0, 1.0), (-24.0, -52.0, 2.5), (-42.0, -20.0, 1.0)],
        ],
        &[
            &[(-4.0, -57.0, 2.0), (-30.0, -44.0, 7.0), (-43.0, -14.0, 3.0)],
            &[(-46.0, 20.0, 1.0), (-52.0, 40.0, 4.0), (-47.0, 68.0, 4.0), (-53.0, 96.0, 1.0)],
        ],
    );
}

fn bob(canvas: &mut Canvas, person: &Person, shades: &Shades) {
    let y = |down: f32| HEAD.1 + down;
    let cap = symmetric(&[
        &[(0.0, y(-65.0)), (28.0, y(-59.0)), (45.0, y(-34.0)), (47.0, y(0.0)), (50.0, y(36.0)), (48.0, y(62.0))],
        &[(40.0, y(64.0)), (34.0, y(60.0))],
        &[(36.0, y(36.0)), (35.0, y(8.0)), (32.0, y(-17.0))],
        &[(20.0, y(-15.0)), (0.0, y(-14.0))],
    ]);
    forehead_shadow(canvas, person, &cap);
    canvas.fill(&cap, shades.base);
    canvas.within(&cap, |canvas| {
        for away in [-24.0_f32, -15.0, -6.0, 4.0, 13.0, 23.0] {
            let strand = [(away * 0.3, -60.0, 0.6), (away * 0.75, -40.0, 1.5), (away, -13.0, 1.2)];
            canvas.soft(&lock(&strand), shades.dark, 0.55, 0.8);
        }
        canvas.soft(
            &lock(&[(-30.0, -36.0, 2.0), (-12.0, -43.0, 6.0), (8.0, -44.0, 5.0), (28.0, -38.0, 2.0)]),
            shades.light,
            0.55,
            3.0,
        );
        for side in [1.0, -1.0] {
            canvas.soft(
                &lock(&[(side * 33.0, -20.0, 1.0), (side * 37.0, 10.0, 3.0), (side * 38.0, 58.0, 3.0)]),
                shades.dark,
                0.7,
                1.5,
            );
            canvas.soft(
                &lock(&[(side * 42.0, -24.0, 1.0), (side * 43.0, 8.0, 3.5), (side * 45.0, 44.0, 1.0)]),
                shades.light,
                0.5,
                2.0,
            );
        }
    });
}

fn curly_hairline(canvas: &mut Canvas, person: &Person, shades: &Shades) {
    let edge: [(f32, f32, f32); 9] = [
        (-39.0, 2.0, 6.5),
        (-38.0, -10.0, 8.0),
        (-33.0, -24.0, 9.0),
        (-22.0, -35.0, 10.0),
        (0.0, -42.0, 12.0),
        (21.0, -36.0, 10.0),
        (33.0, -25.0, 9.0),
        (38.0, -10.0, 8.0),
        (39.0, 2.0, 6.5),
    ];
    let cap = symmetric(&[
        &[(0.0, HEAD.1 - 66.0), (34.0, HEAD.1 - 56.0), (46.0, HEAD.1 - 20.0)],
        &[(38.0, HEAD.1 - 12.0), (30.0, HEAD.1 - 30.0), (0.0, HEAD.1 - 42.0)],
    ]);
    let shape = group(edge.iter().map(|e| ellipse(HEAD.0 + e.0, HEAD.1 + e.1, e.2, e.2)).chain([cap]));
    forehead_shadow(canvas, person, &shape);
    canvas.fill(&shape, shades.base);
    // Little arcs, more of them towards the light.
    for step in 0..90_u16 {
        let turn = f32::from(step) * 2.399_963;
        let reach = (f32::from(step) / 90.0).sqrt() * 66.0;
        let (x, y) = (turn.cos() * reach, turn.sin() * reach - 14.0);
        if (x / 40.0).powi(2) + ((y - 6.0) / 46.0).powi(2) < 1.0 || y > 46.0 {
            continue;
        }
        let arc = [(x - 5.0, y + 2.0, 0.6), (x - 1.0, y - 4.0, 2.0), (x + 4.0, y - 1.0, 0.6)];
        let lit = x + y < -30.0;
        canvas.soft(&lock(&arc), if lit { shades.light } else { shades.dark }, if lit { 0.5 } else { 0.6 }, 0.9);
    }
}
