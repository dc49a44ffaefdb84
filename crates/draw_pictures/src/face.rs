//! Faces: the head's shape, eyes, brows, nose, mouth, ears, and what grows or sits on a face.

use super::canvas::{Canvas, Colour, hex, mix};
use super::outline::{AXIS, Point, both, ellipse, outline, ribbon, symmetric, thread};
use super::person::{HEAD, Person};

pub(crate) struct Face {
    /// Half the width of the jaw; a wide one has a broader chin.
    pub(crate) jaw: f32,
    pub(crate) eyes: u32,
    /// How thick the brows are.
    pub(crate) brow: f32,
    /// How far the outer corners of the eyes rise.
    pub(crate) slant: f32,
    pub(crate) lashes: bool,
    /// How full the lips are.
    pub(crate) lips: f32,
    /// Half the width of the nose.
    pub(crate) nose: f32,
    pub(crate) beard: Beard,
    pub(crate) glasses: bool,
    pub(crate) earrings: bool,
}

pub(crate) enum Beard {
    None,
    Stubble,
    Moustache,
    Full,
}

/// A point of the face, from distances to the middle of the head.
fn at(away: f32, down: f32) -> Point {
    (HEAD.0 + away, HEAD.1 + down)
}

pub(crate) fn draw(canvas: &mut Canvas, person: &Person) {
    ears(canvas, person);
    let shape = head(person);
    canvas.fill(&shape, hex(person.skin.base));
    canvas.within(&shape, |canvas| {
        modelling(canvas, person);
        beard(canvas, person);
    });
    for side in [1.0, -1.0] {
        eye(canvas, person, side);
        brow(canvas, person, side);
    }
    nose(canvas, person);
    mouth(canvas, person);
    if person.face.glasses {
        glasses(canvas);
    }
}

fn head(person: &Person) -> tiny_skia::Path {
    let jaw = person.face.jaw;
    symmetric(&[&[
        (0.0, HEAD.1 - 54.0),
        (22.0, HEAD.1 - 50.0),
        (36.0, HEAD.1 - 28.0),
        (38.0, HEAD.1),
        (36.0, HEAD.1 + 18.0),
        (jaw, HEAD.1 + 35.0),
        (jaw * 0.58, HEAD.1 + 48.5),
        (jaw * 0.22, HEAD.1 + 53.6),
        (0.0, HEAD.1 + 54.0),
    ]])
}

fn ears(canvas: &mut Canvas, person: &Person) {
    let x = |away: f32| AXIS + away;
    let y = |down: f32| HEAD.1 + down;
    let ear = outline(&[&[
        (x(34.0), y(-6.0)),
        (x(41.0), y(-9.0)),
        (x(44.0), y(-2.0)),
        (x(41.0), y(10.0)),
        (x(37.0), y(17.0)),
        (x(33.0), y(14.0)),
    ]]);
    canvas.fill(&both(&ear), mix(hex(person.skin.base), hex(person.skin.shadow), 0.35));
    let fold =
        ribbon(&[(x(37.5), y(-4.0), 0.8), (x(41.0), y(-3.0), 1.6), (x(39.5), y(6.0), 1.2), (x(37.0), y(9.0), 0.6)]);
    canvas.soft(&both(&fold), hex(person.skin.shadow), 0.9, 0.6);
    if person.face.earrings {
        canvas.fill(&both(&ellipse(x(38.5), y(20.0), 2.6, 2.6)), hex(0xd9b45a));
        canvas.soft(&both(&ellipse(x(37.8), y(19.2), 1.0, 1.0)), hex(0xfff3cc), 0.9, 0.3);
    }
}

fn modelling(canvas: &mut Canvas, person: &Person) {
    let shadow = hex(person.skin.shadow);
    let light = hex(person.skin.light);
    let jaw = person.face.jaw;
    let p = |away: f32, down: f32, width: f32| (AXIS + away, HEAD.1 + down, width);
    canvas.soft(
        &ribbon(&[p(38.0, -40.0, 10.0), p(40.0, 0.0, 14.0), p(jaw + 4.0, 32.0, 14.0), p(12.0, 56.0, 8.0)]),
        shadow,
        0.85,
        5.0,
    );
    canvas.soft(
        &ribbon(&[p(-40.0, -30.0, 6.0), p(-40.0, 5.0, 8.0), p(-jaw - 4.0, 34.0, 8.0), p(-10.0, 57.0, 5.0)]),
        shadow,
        0.5,
        4.0,
    );
    canvas.soft(&ellipse(AXIS - 5.0, HEAD.1 - 28.0, 18.0, 9.0), light, 0.55, 7.0);
    canvas.soft(&ellipse(AXIS - 2.0, HEAD.1 + 46.0, 9.0, 4.0), light, 0.45, 3.5);
    let blush = mix(hex(person.skin.lips), hex(person.skin.base), 0.45);
    for side in [1.0, -1.0] {
        let x = |away: f32| AXIS + side * away;
        canvas.soft(&ellipse(x(22.0), HEAD.1 + 20.0, 8.5, 6.5), blush, 0.5, 5.0);
        canvas.soft(&ellipse(x(21.0), HEAD.1 + 12.5, 7.0, 3.0), light, 0.5, 3.0);
        // The sockets, and the shadow beside the bridge of the nose.
        canvas.soft(&ellipse(x(15.5), HEAD.1 - 4.0, 10.0, 4.5), shadow, 0.42, 3.2);
        canvas.soft(
            &ribbon(&[(x(8.0), HEAD.1 - 10.0, 2.0), (x(6.0), HEAD.1 + 2.0, 4.0), (x(5.5), HEAD.1 + 12.0, 1.0)]),
            shadow,
            0.3,
            2.2,
        );
    }
}

fn eye(canvas: &mut Canvas, person: &Person, side: f32) {
    let face = &person.face;
    let middle = at(16.0 * side, 1.0);
    let x = |away: f32| middle.0 + side * away;
    let y = |down: f32| middle.1 + down;
    let outer = -face.slant;
    let white = outline(&[
        &[
            (x(-7.2), y(1.4)),
            (x(-3.4), y(-2.6)),
            (x(1.0), y(-3.7)),
            (x(5.0), y(-2.4 + outer * 0.4)),
            (x(7.6), y(0.4 + outer)),
        ],
        &[(x(5.0), y(2.5 + outer * 0.4)), (x(0.5), y(3.5)), (x(-4.0), y(2.8)), (x(-7.2), y(1.4))],
    ]);
    canvas.fill(&white, hex(0xf4efec));
    let iris = hex(face.eyes);
    canvas.within(&white, |canvas| {
        let look = (middle.0, middle.1 - 0.3);
        canvas.fill(&ellipse(look.0, look.1, 4.1, 4.1), mix(iris, [0.0; 3], 0.45));
        canvas.fill(&ellipse(look.0, look.1, 3.5, 3.5), iris);
        canvas.soft(&ellipse(look.0, look.1 + 1.6, 2.6, 1.6), mix(iris, [255.0; 3], 0.4), 0.7, 0.8);
        canvas.fill(&ellipse(look.0, look.1, 1.8, 1.8), hex(0x120c0b));
        let lid = [(x(-8.0), y(-1.0), 2.0), (x(1.0), y(-4.0), 3.0), (x(8.0), y(-1.0 + outer), 2.0)];
        canvas.shade(&ribbon(&lid), hex(0x6d5a5c), 0.7, 0.9);
        canvas.fill(&ellipse(look.0 - 1.3, look.1 - 1.5, 0.95, 0.95), [255.0; 3]);
    });
    let dark = mix(hex(person.skin.shadow), hex(0x1c1110), 0.82);
    let weight = if face.lashes { 2.0 } else { 1.4 };
    let mut lid = vec![
        (x(-7.4), y(1.5), 0.6),
        (x(-3.6), y(-2.8), weight * 0.8),
        (x(1.0), y(-4.0), weight),
        (x(5.2), y(-2.7 + outer * 0.4), weight),
        (x(7.8), y(0.1 + outer), weight * 0.8),
    ];
    if face.lashes {
        lid.push((x(10.0), y(-2.2 + outer), 0.4));
    }
    canvas.fill(&ribbon(&lid), dark);
    let lower = [(x(-5.0), y(3.0), 0.3), (x(1.0), y(4.0), 0.7), (x(7.0), y(1.4 + outer), 0.8)];
    canvas.soft(&ribbon(&lower), dark, 0.5, 0.3);
    let crease = [(x(-6.0), y(-4.2), 0.4), (x(1.0), y(-7.2), 1.1), (x(8.0), y(-3.8 + outer), 0.4)];
    canvas.soft(&ribbon(&crease), mix(hex(person.skin.shadow), dark, 0.35), 0.8, 0.5);
}

fn brow(canvas: &mut Canvas, person: &Person, side: f32) {
    let face = &person.face;
    let p = |away: f32, down: f32, width: f32| (AXIS + side * away, HEAD.1 + down, width * face.brow);
    let shape = ribbon(&[
        p(7.5, -11.0, 2.4),
        p(12.0, -13.2, 3.0),
        p(19.0, -14.6 - face.slant * 0.5, 2.5),
        p(26.5, -10.8 - face.slant, 0.6),
    ]);
    let colour = mix(hex(person.hair_colour), hex(0x2a1c17), 0.35);
    canvas.soft(&shape, colour, 0.92, 0.6);
}

fn nose(canvas: &mut Canvas, person: &Person) {
    let width = person.face.nose;
    let shadow = hex(person.skin.shadow);
    let deep = mix(shadow, hex(0x2b120e), 0.45);
    let p = |away: f32, down: f32, w: f32| (AXIS + away, HEAD.1 + down, w);
    canvas.soft(&ribbon(&[p(4.0, -6.0, 1.0), p(4.6, 6.0, 2.6), p(width - 1.0, 17.0, 3.6)]), shadow, 0.75, 1.8);
    canvas.soft(
        &ribbon(&[p(-width + 1.0, 23.0, 1.0), p(0.0, 25.6, 3.4), p(width - 1.0, 23.0, 1.0)]),
        shadow,
        0.85,
        1.3,
    );
    canvas.soft(
        &ribbon(&[p(-0.6, -6.0, 2.0), p(-0.8, 8.0, 2.4), p(-0.8, 17.0, 4.6)]),
        hex(person.skin.light),
        0.75,
        1.6,
    );
    for side in [1.0, -1.0] {
        let wing = [
            p(side * (width - 0.6), 16.0, 0.3),
            p(side * (width + 0.6), 19.5, 1.3),
            p(side * (width - 1.2), 22.6, 0.5),
        ];
        canvas.soft(&ribbon(&wing), deep, if side > 0.0 { 0.65 } else { 0.4 }, 0.4);
        let hole = [p(side * 1.8, 23.3, 0.5), p(side * (width * 0.55), 22.6, 1.7), p(side * (width - 1.8), 23.2, 0.4)];
        canvas.soft(&ribbon(&hole), deep, 0.85, 0.35);
    }
}

fn mouth(canvas: &mut Canvas, person: &Person) {
    let full = person.face.lips;
    let y = |down: f32| HEAD.1 + 34.0 + down;
    let lips = hex(person.skin.lips);
    let upper = symmetric(&[
        &[(0.0, y(-2.6 * full)), (3.2, y(-3.4 * full)), (8.0, y(-1.4 * full)), (12.2, y(-0.8))],
        &[(8.0, y(0.9)), (3.0, y(0.6)), (0.0, y(1.2))],
    ]);
    let lower = symmetric(&[
        &[(0.0, y(0.9)), (4.0, y(0.4)), (11.4, y(-0.6))],
        &[(8.0, y(3.2 * full)), (4.0, y(4.9 * full)), (0.0, y(5.2 * full))],
    ]);
    canvas.soft(&ellipse(AXIS, y(7.0 * full), 7.0, 2.0), hex(person.skin.shadow), 0.65, 1.6);
    canvas.soft(&lower, lips, 1.0, 0.3);
    canvas.soft(&upper, mix(lips, hex(0x4a1c1c), 0.25), 1.0, 0.3);
    canvas.soft(&ellipse(AXIS - 1.5, y(2.8 * full), 4.5, 1.1), mix(lips, [255.0; 3], 0.55), 0.75, 0.8);
    let line = [
        (AXIS - 13.4, y(-1.8), 0.5),
        (AXIS - 8.0, y(0.8), 1.2),
        (AXIS, y(1.1), 1.1),
        (AXIS + 8.0, y(0.8), 1.2),
        (AXIS + 13.4, y(-1.8), 0.5),
    ];
    canvas.soft(&ribbon(&line), mix(lips, hex(0x2a0d0d), 0.7), 0.95, 0.25);
    for side in [1.0, -1.0] {
        canvas.soft(&ellipse(AXIS + side * 14.6, y(-1.4), 1.2, 1.8), hex(person.skin.shadow), 0.7, 1.0);
    }
}

fn beard(canvas: &mut Canvas, person: &Person) {
    let jaw = person.face.jaw;
    let (strength, blur) = match person.face.beard {
        Beard::None => return,
        Beard::Moustache => return moustache(canvas, person),
        Beard::Stubble => (0.34, 3.0),
        Beard::Full => (0.93, 1.1),
    };
    let y = |down: f32| HEAD.1 + down;
    let colour: Colour = mix(hex(person.hair_colour), hex(0x1d1412), 0.2);
    let shape = symmetric(&[
        &[
            (0.0, y(27.2)),
            (7.0, y(27.6)),
            (15.0, y(31.0)),
            (20.0, y(26.0)),
            (30.0, y(16.0)),
            (34.0, y(0.0)),
            (40.0, y(-4.0)),
        ],
        &[(42.0, y(20.0)), (jaw + 6.0, y(40.0)), (20.0, y(58.0)), (0.0, y(60.0))],
    ]);
    canvas.soft(&shape, colour, strength, blur);
    canvas.soft(
        &ribbon(&[(AXIS - 26.0, y(34.0), 3.0), (AXIS - 12.0, y(46.0), 4.0), (AXIS + 2.0, y(49.0), 3.0)]),
        mix(colour, [255.0; 3], 0.3),
        strength * 0.4,
        3.0,
    );
    // Skin shows around the lips.
    canvas.soft(&ellipse(AXIS, y(35.5), 11.0, 5.4), hex(person.skin.base), strength, 1.6);
    let chin = symmetric(&[&[(0.0, y(41.0)), (5.0, y(41.5)), (6.0, y(46.0)), (0.0, y(48.0))]]);
    canvas.soft(&chin, colour, strength * 0.8, 1.5);
}

fn glasses(canvas: &mut Canvas) {
    let frame = hex(0x2c2a2e);
    let y = |down: f32| HEAD.1 + down;
    let points =
        [(4.6, -6.5), (16.0, -8.5), (27.5, -6.0), (28.0, 3.0), (23.0, 11.0), (14.0, 12.0), (6.5, 8.0), (4.2, 0.0)];
    let right: Vec<Point> = points.iter().map(|p| at(p.0, p.1)).collect();
    let lens = super::outline::blob(&right);
    canvas.soft(&both(&lens), hex(0xf2f6fa), 0.13, 0.5);
    let rim: Vec<Point> = right.iter().chain(right.first()).copied().collect();
    canvas.fill(&both(&thread(&rim, 1.9)), frame);
    canvas.fill(&ribbon(&[(AXIS - 4.6, y(-3.0), 1.6), (AXIS, y(-4.6), 2.0), (AXIS + 4.6, y(-3.0), 1.6)]), frame);
    canvas.fill(&both(&ribbon(&[(AXIS + 27.5, y(-4.5), 2.0), (AXIS + 39.5, y(-5.5), 1.6)])), frame);
    let glint = [(AXIS + 11.0, y(-6.0), 0.4), (AXIS + 8.5, y(2.0), 1.8), (AXIS + 9.5, y(6.0), 0.4)];
    canvas.soft(&ribbon(&glint), [255.0; 3], 0.55, 0.4);
}

fn moustache(canvas: &mut Canvas, person: &Person) {
    let y = |down: f32| HEAD.1 + down;
    let shape = symmetric(&[
        &[(0.0, y(27.0)), (6.0, y(26.0)), (14.0, y(31.0))],
        &[(15.5, y(34.5)), (9.0, y(32.6)), (0.0, y(31.4))],
    ]);
    let colour = mix(hex(person.hair_colour), hex(0x1d1412), 0.15);
    canvas.soft(&shape, colour, 0.95, 0.6);
    canvas.soft(
        &ribbon(&[(AXIS - 11.0, y(31.0), 0.6), (AXIS - 5.0, y(28.0), 1.6), (AXIS, y(28.6), 0.8)]),
        mix(colour, [255.0; 3], 0.4),
        0.5,
        0.7,
    );
}
