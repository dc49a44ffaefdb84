//! The plain clothes that the people wear under whatever they try on.

use tiny_skia::Path;

use super::canvas::{Canvas, Colour, hex};
use super::outline::{AXIS, block, both, ellipse, group, moved, outline, ribbon, symmetric, thread};
use super::person::{Build, Person, leg, trunk};

pub(crate) fn shorts(canvas: &mut Canvas, person: &Person, colour: Colour) {
    let hip = person.build.hip;
    let x = |away: f32| AXIS + away;
    let right = outline(&[
        &[(x(hip - 4.0), 440.0), (x(hip + 1.0), 456.0), (x(hip + 5.0), 495.0), (x(hip + 6.0), 574.0)],
        &[(x(hip + 5.0), 577.0), (x(45.0), 583.0), (x(6.0), 577.0)],
        &[(x(5.0), 540.0), (x(0.5), 484.0)],
        &[(x(-1.0), 484.0), (x(-1.0), 440.0)],
    ]);
    cloth_below_the_waist(canvas, person, &right, colour);
    canvas.shade(&thread(&[(x(8.0), 569.0), (x(45.0), 574.0), (x(hip + 4.0), 567.0)], 1.2), hex(0x6b6b78), 0.6, 0.4);
    canvas.shade(&thread(&[(x(-8.0), 569.0), (x(-45.0), 574.0), (x(-hip - 4.0), 567.0)], 1.2), hex(0x6b6b78), 0.6, 0.4);
}

pub(crate) fn trousers(canvas: &mut Canvas, person: &Person, colour: Colour) {
    let right = leg(person.build.hip, 5.0);
    cloth_below_the_waist(canvas, person, &right, colour);
    let middle = person.build.hip * 0.5;
    canvas.within(&both(&right), |canvas| {
        let dark = hex(0x7a7a8c);
        for side in [1.0, -1.0] {
            let x = |away: f32| AXIS + side * away;
            canvas.shade(
                &thread(&[(x(middle + 2.0), 500.0), (x(middle), 650.0), (x(middle - 2.0), 810.0)], 2.0),
                dark,
                0.35,
                1.6,
            );
            for (height, reach) in [(648.0, 18.0), (662.0, 26.0), (780.0, 16.0)] {
                let fold = [
                    (x(18.0), height, 1.0),
                    (x(18.0 + reach * 0.6), height + 7.0, 5.0),
                    (x(20.0 + reach), height + 5.0, 1.0),
                ];
                canvas.shade(&ribbon(&fold), dark, 0.5, 2.0);
            }
        }
    });
}

fn cloth_below_the_waist(canvas: &mut Canvas, person: &Person, right: &Path, colour: Colour) {
    let hip = person.build.hip;
    let dark = hex(0x7a7a8c);
    canvas.fill(&both(right), colour);
    canvas.within(&both(right), |canvas| {
        canvas.shade(
            &ribbon(&[(AXIS + hip + 6.0, 420.0, 18.0), (AXIS + hip, 560.0, 24.0), (AXIS + hip - 12.0, 820.0, 22.0)]),
            dark,
            0.7,
            9.0,
        );
        canvas.shade(
            &ribbon(&[(AXIS - hip - 6.0, 420.0, 12.0), (AXIS - hip, 560.0, 14.0), (AXIS - hip + 12.0, 820.0, 14.0)]),
            dark,
            0.5,
            7.0,
        );
        canvas.shade(&ribbon(&[(AXIS, 470.0, 2.0), (AXIS, 520.0, 22.0), (AXIS, 820.0, 44.0)]), dark, 0.75, 8.0);
        canvas.shade(&thread(&[(AXIS, 425.0), (AXIS + 1.0, 482.0)], 1.6), dark, 0.8, 0.5);
        for (away, reach) in [(6.0, 44.0), (8.0, 34.0)] {
            for side in [1.0, -1.0] {
                let fold = [
                    (AXIS + side * away, 486.0, 1.0),
                    (AXIS + side * (away + reach * 0.5), 478.0, 5.0),
                    (AXIS + side * (away + reach), 462.0 + away, 1.0),
                ];
                canvas.shade(&ribbon(&fold), dark, 0.45, 2.2);
            }
        }
        // What the top throws onto it.
        canvas.shade(&block(200.0, 400.0, 400.0, 462.0), dark, 0.6, 4.0);
    });
}

pub(crate) fn tank_top(canvas: &mut Canvas, person: &Person) {
    let Build { shoulder, chest, waist, hip, .. } = person.build;
    let strap = shoulder * 0.52;
    let shape = symmetric(&[
        &[(0.0, 252.0), (strap * 0.5, 246.0), (strap - 9.0, 226.0), (strap - 7.0, 198.0)],
        &[(strap + 9.0, 199.0), (strap + 10.0, 240.0), (chest - 14.0, 268.0), (chest + 2.0, 283.0)],
        &[(chest + 1.0, 300.0), (waist + 2.0, 372.0), (hip - 1.0, 438.0), (hip + 2.0, 452.0)],
        &[(hip * 0.5, 457.0), (0.0, 459.0)],
    ]);
    let dark = hex(0x7d7f93);
    // The straps lie on the shoulders and are a little thicker than the skin.
    let lifted = moved(&trunk(&person.build), 0.0, -1.5);
    let body = group([lifted, block(AXIS - 140.0, 240.0, AXIS + 140.0, 500.0)]);
    canvas.within(&body, |canvas| {
        canvas.soft(&shape, hex(person.skin.shadow), 0.5, 2.5);
        canvas.fill(&shape, hex(person.top));
        canvas.within(&shape, |canvas| tank_top_shading(canvas, person, strap, dark));
    });
}

fn tank_top_shading(canvas: &mut Canvas, person: &Person, strap: f32, dark: Colour) {
    let Build { chest, waist, hip, bust, .. } = person.build;
    let right = [(AXIS + chest + 4.0, 276.0, 16.0), (AXIS + waist + 2.0, 372.0, 26.0), (AXIS + hip + 2.0, 460.0, 22.0)];
    let left = [(AXIS - chest - 4.0, 276.0, 8.0), (AXIS - waist - 2.0, 372.0, 14.0), (AXIS - hip - 2.0, 460.0, 12.0)];
    canvas.shade(&ribbon(&right), dark, 0.8, 9.0);
    canvas.shade(&ribbon(&left), dark, 0.6, 7.0);
    for side in [1.0, -1.0] {
        let x = |away: f32| AXIS + side * away;
        if bust > 0.5 {
            let under =
                [(x(10.0), 312.0, 1.0), (x(chest * 0.52), 322.0, 4.0 + 3.0 * bust), (x(chest - 4.0), 300.0, 1.0)];
            canvas.shade(&ribbon(&under), dark, 0.55 * bust, 4.0);
            canvas.soft(&ellipse(x(chest * 0.5) - 6.0, 284.0, 20.0, 18.0), [255.0; 3], 0.5 * bust, 8.0);
        } else {
            let under = [(x(4.0), 302.0, 1.0), (x(chest * 0.45), 306.0, 5.0), (x(chest - 6.0), 288.0, 2.0)];
            canvas.shade(&ribbon(&under), dark, 0.28, 5.0);
            canvas.soft(&ellipse(x(chest * 0.45) - 8.0, 272.0, 24.0, 13.0), [255.0; 3], 0.3, 9.0);
        }
        let far = if side > 0.0 { 0.0 } else { 9.0 };
        let pull = [
            (x(waist - 4.0), 376.0 + far, 1.0),
            (x(waist * 0.7), 384.0 + far, 4.0),
            (x(waist * 0.4), 383.0 + far * 1.4, 0.5),
        ];
        canvas.shade(&ribbon(&pull), dark, 0.4, 2.2);
        let low =
            [(x(hip - 6.0), 424.0 - far, 1.0), (x(hip * 0.66), 438.0 - far, 4.0), (x(hip * 0.4), 441.0 - far, 0.5)];
        canvas.shade(&ribbon(&low), dark, 0.35, 2.6);
        let edge = [(x(strap + 6.0), 199.0), (x(strap + 6.5), 241.0), (x(chest - 17.0), 271.0), (x(chest), 287.0)];
        canvas.shade(&thread(&edge, 1.0), dark, 0.55, 0.4);
        let collar = [(x(0.0), 255.5), (x(strap * 0.52), 249.5), (x(strap - 5.5), 227.0), (x(strap - 3.5), 208.0)];
        canvas.shade(&thread(&collar, 1.0), dark, 0.55, 0.4);
    }
    canvas.shade(&thread(&[(AXIS - hip, 449.0), (AXIS, 455.0), (AXIS + hip, 449.0)], 1.0), dark, 0.5, 0.4);
}
