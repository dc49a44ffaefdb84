//! The people: the studio they stand in and their bodies. Their clothes, faces and hair have files of their own.
//!
//! Everybody is at the same place in the picture, 600 x 800 with the shoulders at y = 216, so that one set of
//! garments fits them all.

use tiny_skia::Path;

use super::canvas::{Canvas, Frame, hex, mix};
use super::outline::{AXIS, Point, block, both, ellipse, moved, outline, ribbon, symmetric};
use super::{clothes, face, hair};

/// The middle of the head.
pub(crate) const HEAD: Point = (AXIS, 123.0);

/// The light of the studio comes from the upper left; shadows are cool.
const STUDIO_SHADOW: u32 = 0x8a8fa8;

pub(crate) struct Person {
    pub(crate) name: &'static str,
    pub(crate) skin: Skin,
    pub(crate) build: Build,
    pub(crate) face: face::Face,
    pub(crate) hair: hair::Style,
    pub(crate) hair_colour: u32,
    /// How far the head leans, in degrees.
    pub(crate) lean: f32,
    pub(crate) top: u32,
    pub(crate) bottom: Bottom,
    pub(crate) wall: u32,
}

pub(crate) struct Skin {
    pub(crate) base: u32,
    pub(crate) shadow: u32,
    pub(crate) light: u32,
    pub(crate) lips: u32,
}

/// Half widths of the body, and the thickness of an arm.
pub(crate) struct Build {
    pub(crate) neck: f32,
    pub(crate) shoulder: f32,
    pub(crate) chest: f32,
    pub(crate) waist: f32,
    pub(crate) hip: f32,
    pub(crate) arm: f32,
    /// How round the chest is, from 0 to 1.
    pub(crate) bust: f32,
}

pub(crate) enum Bottom {
    Shorts(u32),
    Trousers(u32),
}

pub(crate) fn draw(person: &Person) -> Canvas {
    let mut canvas = Canvas::new(600, 800, Frame { left: 0.0, top: 0.0, width: 600.0 });
    studio(&mut canvas, person);
    canvas.turned(person.lean, (AXIS, 190.0), |canvas| hair::behind(canvas, person));
    legs(&mut canvas, person);
    match person.bottom {
        Bottom::Shorts(colour) => clothes::shorts(&mut canvas, person, hex(colour)),
        Bottom::Trousers(colour) => clothes::trousers(&mut canvas, person, hex(colour)),
    }
    torso(&mut canvas, person);
    arms(&mut canvas, person);
    clothes::tank_top(&mut canvas, person);
    canvas.turned(person.lean, (AXIS, 190.0), |canvas| {
        face::draw(canvas, person);
        hair::front(canvas, person);
    });
    canvas
}

fn studio(canvas: &mut Canvas, person: &Person) {
    let wall = hex(person.wall);
    let all = block(-10.0, -10.0, 610.0, 810.0);
    canvas.fade(&all, ((300.0, 0.0), mix(wall, [255.0; 3], 0.25)), ((300.0, 800.0), mix(wall, [90.0; 3], 0.12)));
    canvas.soft(&ellipse(250.0, 260.0, 210.0, 270.0), [255.0; 3], 0.55, 70.0);
    // The wall meets the floor far behind the legs, without an edge.
    canvas.shade(&ellipse(300.0, 812.0, 420.0, 70.0), hex(STUDIO_SHADOW), 0.35, 30.0);
    let Build { shoulder, hip, .. } = person.build;
    let shape = symmetric(&[&[
        (0.0, 90.0),
        (40.0, 120.0),
        (shoulder, 225.0),
        (shoulder + 26.0, 420.0),
        (hip, 520.0),
        (hip - 6.0, 800.0),
    ]]);
    let shape = moved(&shape, 26.0, 10.0);
    canvas.shade(&shape, hex(STUDIO_SHADOW), 0.42, 20.0);
    canvas.shade(&ellipse(312.0, 806.0, hip + 40.0, 18.0), hex(STUDIO_SHADOW), 0.7, 9.0);
}

fn legs(canvas: &mut Canvas, person: &Person) {
    let leg = leg(person.build.hip, 0.0);
    let skin = &person.skin;
    canvas.fill(&both(&leg), hex(skin.base));
    let shadow = hex(skin.shadow);
    let centre = AXIS + person.build.hip * 0.52;
    canvas.within(&both(&leg), |canvas| {
        for (side, strength) in [(1.0, 0.75), (-1.0, 0.45)] {
            let x = |away: f32| AXIS + side * away;
            let hip = person.build.hip;
            let edge = [
                (x(hip), 480.0, 20.0),
                (x(hip - 9.0), 590.0, 18.0),
                (x(hip - 20.0), 690.0, 14.0),
                (x(hip - 20.0), 810.0, 16.0),
            ];
            canvas.soft(&ribbon(&edge), shadow, strength, 7.0);
            let inner = [(x(4.0), 480.0, 22.0), (x(12.0), 580.0, 16.0), (x(20.0), 680.0, 8.0), (x(22.0), 810.0, 14.0)];
            canvas.soft(&ribbon(&inner), shadow, 0.7, 7.0);
            let middle = centre - AXIS;
            canvas.soft(&ellipse(x(middle), 664.0, 13.0, 7.0), shadow, 0.45, 5.0);
            canvas.soft(&ellipse(x(middle), 643.0, 11.0, 10.0), hex(skin.light), 0.5, 6.0);
            canvas.soft(&ribbon(&[(x(middle), 690.0, 8.0), (x(middle - 1.0), 800.0, 8.0)]), hex(skin.light), 0.45, 6.0);
        }
        // What the shorts throw onto the thighs.
        canvas.soft(&block(180.0, 500.0, 420.0, 592.0), shadow, 0.4, 5.0);
    });
}

/// The right leg, `ease` wider than the skin.
pub(crate) fn leg(hip: f32, ease: f32) -> Path {
    let x = |away: f32| AXIS + away;
    outline(&[
        &[
            (x(hip - 4.0), 440.0),
            (x(hip + ease), 476.0),
            (x(hip - 2.0 + ease), 540.0),
            (x(hip - 13.0 + ease), 620.0),
            (x(hip - 20.0 + ease), 662.0),
            (x(hip - 18.0 + ease), 715.0),
            (x(hip - 24.0 + ease), 810.0),
        ],
        &[
            (x(24.0 - ease), 810.0),
            (x(17.0 - ease), 720.0),
            (x(20.0 - ease), 662.0),
            (x(13.0 - ease), 600.0),
            (x((7.0 - ease).max(1.0)), 530.0),
            (x(-1.0), 474.0),
        ],
        &[(x(-1.0), 440.0)],
    ])
}

/// The neck, the shoulders and what is under the top.
pub(crate) fn trunk(build: &Build) -> Path {
    let &Build { neck, shoulder, chest, waist, hip, .. } = build;
    symmetric(&[&[
        (0.0, 140.0),
        (neck - 1.0, 150.0),
        (neck, 182.0),
        (neck + 8.0, 200.0),
        (shoulder - 30.0, 212.0),
        (shoulder - 8.0, 221.0),
        (shoulder + 1.0, 240.0),
        (chest + 6.0, 272.0),
        (chest - 2.0, 300.0),
        (waist - 4.0, 372.0),
        (hip - 16.0, 432.0),
        (0.0, 440.0),
    ]])
}

fn torso(canvas: &mut Canvas, person: &Person) {
    let Build { neck, shoulder, .. } = person.build;
    let shape = trunk(&person.build);
    let skin = &person.skin;
    let shadow = hex(skin.shadow);
    canvas.fill(&shape, hex(skin.base));
    canvas.within(&shape, |canvas| {
        // What the chin throws onto the neck, the pit of the throat, the collar bones.
        let chin = outline(&[
            &[(AXIS - 44.0, 140.0), (AXIS + 44.0, 140.0)],
            &[(AXIS + 36.0, 186.0), (AXIS + 4.0, 197.0), (AXIS - 30.0, 178.0)],
        ]);
        canvas.soft(&chin, shadow, 0.95, 3.5);
        canvas.soft(
            &ribbon(&[
                (AXIS + neck + 2.0, 160.0, 8.0),
                (AXIS + neck + 6.0, 202.0, 10.0),
                (AXIS + shoulder, 224.0, 4.0),
            ]),
            shadow,
            0.6,
            5.0,
        );
        canvas.soft(&ellipse(AXIS, 216.0, 5.0, 4.0), shadow, 0.6, 3.0);
        for side in [1.0, -1.0] {
            let x = |away: f32| AXIS + side * away;
            let bone = [(x(7.0), 217.0, 1.0), (x(26.0), 214.0, 3.0), (x(shoulder - 22.0), 219.0, 1.0)];
            canvas.soft(&ribbon(&bone), shadow, 0.7, 1.8);
            let above = [(x(9.0), 212.5, 0.5), (x(28.0), 209.5, 2.5), (x(shoulder - 26.0), 213.0, 0.5)];
            canvas.soft(&ribbon(&above), hex(skin.light), 0.6, 1.8);
            canvas.soft(&ribbon(&[(x(neck - 3.0), 176.0, 1.0), (x(8.0), 212.0, 3.0)]), shadow, 0.35, 2.0);
        }
    });
}

fn arms(canvas: &mut Canvas, person: &Person) {
    for (side, strength) in [(1.0, 0.8), (-1.0, 0.5)] {
        let Build { shoulder, arm, .. } = person.build;
        let x = |away: f32| AXIS + side * (shoulder + away);
        let skin = &person.skin;
        let shadow = hex(skin.shadow);
        let full = (arm - 17.0) * 0.8;
        let shape = outline(&[&[
            (x(-26.0), 213.0),
            (x(-8.0), 217.5),
            (x(4.0 + full * 0.5), 233.0),
            (x(8.0 + full), 262.0),
            (x(10.0 + full * 0.6), 300.0),
            (x(13.0 + full * 0.6), 345.0),
            (x(18.0 + full), 385.0),
            (x(21.0 + full * 0.7), 420.0),
            (x(23.0), 448.0),
            (x(29.0), 466.0),
            (x(31.0), 486.0),
            (x(29.0), 506.0),
            (x(23.0), 519.0),
            (x(16.0), 518.0),
            (x(12.0), 504.0),
            (x(8.0), 488.0),
            (x(8.0), 466.0),
            (x(10.0), 448.0),
            (x(21.0 - arm - 1.0), 410.0),
            (x(14.0 - arm - 4.0), 362.0),
            (x(10.0 - arm - 3.0), 318.0),
            (x(8.0 - arm - 3.0), 280.0),
            (x(-26.0), 262.0),
        ]]);
        canvas.fill(&shape, hex(skin.base));
        canvas.within(&shape, |canvas| {
            let outer = [
                (x(8.0), 226.0, 4.0),
                (x(12.0), 300.0, 11.0),
                (x(18.0), 370.0, 10.0),
                (x(26.0), 450.0, 9.0),
                (x(32.0), 510.0, 8.0),
            ];
            let inner = [
                (x(7.0 - arm), 270.0, 14.0),
                (x(9.0 - arm), 330.0, 10.0),
                (x(14.0 - arm), 380.0, 10.0),
                (x(10.0), 450.0, 6.0),
            ];
            canvas.soft(&ribbon(if side > 0.0 { &outer } else { &inner }), shadow, strength, 4.5);
            canvas.soft(&ribbon(if side > 0.0 { &inner } else { &outer }), shadow, strength * 0.7, 4.0);
            let shine = [
                (x(-8.0), 228.0, 6.0),
                (x(-3.0), 262.0, 9.0),
                (x(0.0), 310.0, 5.0),
                (x(8.0), 395.0, 5.0),
                (x(16.0), 440.0, 2.0),
            ];
            canvas.soft(&ribbon(&shine), hex(skin.light), 0.5, 4.0);
            canvas.soft(
                &ribbon(&[(x(-9.0), 352.0, 0.5), (x(0.0), 357.0, 2.0), (x(7.0), 353.0, 0.5)]),
                shadow,
                0.4,
                1.5,
            );
        });
        hand(canvas, person, side);
    }
}

/// The thumb and the lines between the fingers, over the shape of the arm.
fn hand(canvas: &mut Canvas, person: &Person, side: f32) {
    let x = |away: f32| AXIS + side * (person.build.shoulder + away);
    let shadow = hex(person.skin.shadow);
    let line = mix(shadow, [60.0, 20.0, 15.0], 0.15);
    let fingers = [
        [(x(25.5), 490.0, 0.5), (x(25.5), 502.0, 1.3), (x(23.0), 517.0, 0.6)],
        [(x(20.0), 492.0, 0.5), (x(20.5), 503.0, 1.3), (x(18.5), 518.0, 0.6)],
    ];
    for finger in fingers {
        canvas.soft(&ribbon(&finger), line, 0.75, 0.5);
    }
    let thumb = ribbon(&[
        (x(11.0), 458.0, 6.0),
        (x(8.5), 472.0, 8.5),
        (x(8.0), 485.0, 7.5),
        (x(10.0), 496.0, 5.5),
        (x(11.5), 500.0, 2.0),
    ]);
    canvas.soft(&ribbon(&[(x(15.0), 464.0, 1.0), (x(14.0), 482.0, 4.0), (x(14.0), 500.0, 2.0)]), shadow, 0.8, 1.5);
    canvas.fill(&thumb, hex(person.skin.base));
    canvas.within(&thumb, |canvas| {
        canvas.soft(&ribbon(&[(x(4.0), 464.0, 3.0), (x(4.0), 490.0, 3.5)]), shadow, 0.6, 1.8);
    });
    canvas.soft(&ribbon(&[(x(24.0), 466.0, 4.0), (x(25.0), 482.0, 5.0)]), hex(person.skin.light), 0.5, 3.0);
}
