//! Shapes: everything that is drawn begins as one of these paths.
//!
//! Coordinates are those of the people's pictures: 600 units wide, 800 high, the body's axis at x = 300.
//! Shapes that are the same on both sides are given by their right half, as distances from that axis.

use tiny_skia::{Path, PathBuilder, PathSegment, Rect, Transform};

/// A point, or for a half shape a distance from the axis and a height.
pub(crate) type Point = (f32, f32);

/// The x of the body's axis.
pub(crate) const AXIS: f32 = 300.0;

/// A closed shape: each run is a smooth curve through its points, and runs meet in corners.
pub(crate) fn outline(runs: &[&[Point]]) -> Path {
    let mut builder = PathBuilder::new();
    for run in runs {
        follow(&mut builder, run);
    }
    builder.close();
    finish(builder)
}

/// A closed shape around one smooth curve, without any corner.
pub(crate) fn blob(points: &[Point]) -> Path {
    let count = points.len();
    let at = |index: usize| points[index % count];
    let mut builder = PathBuilder::new();
    builder.move_to(points[0].0, points[0].1);
    for index in 0..count {
        bend(&mut builder, at(index + count - 1), at(index), at(index + 1), at(index + 2));
    }
    builder.close();
    finish(builder)
}

/// A closed shape from its right half, top to bottom, as distances from the axis.
pub(crate) fn symmetric(runs: &[&[Point]]) -> Path {
    let right: Vec<Vec<Point>> = runs.iter().map(|run| run.iter().map(|p| (AXIS + p.0, p.1)).collect()).collect();
    let left: Vec<Vec<Point>> =
        runs.iter().rev().map(|run| run.iter().rev().map(|p| (AXIS - p.0, p.1)).collect()).collect();
    let all: Vec<&[Point]> = right.iter().chain(&left).map(Vec::as_slice).collect();
    outline(&all)
}

/// The right-hand shape and its mirror image, as one path.
pub(crate) fn both(path: &Path) -> Path {
    let mut builder = PathBuilder::new();
    builder.push_path(path);
    builder.push_path(&mirrored(path));
    finish(builder)
}

/// The shape on the other side of the axis.
pub(crate) fn mirrored(path: &Path) -> Path {
    let flip = Transform::from_row(-1.0, 0.0, 0.0, 1.0, 2.0 * AXIS, 0.0);
    reversed(&path.clone().transform(flip).expect("a mirrored shape is as finite as the shape"))
}

/// A brush stroke through points of `(x, y, width)`, thick and thin as the widths say.
pub(crate) fn ribbon(points: &[(f32, f32, f32)]) -> Path {
    let mut there = Vec::with_capacity(points.len());
    let mut back = Vec::with_capacity(points.len());
    for (index, &(x, y, width)) in points.iter().enumerate() {
        let before = points[index.saturating_sub(1)];
        let after = points[(index + 1).min(points.len() - 1)];
        let (dx, dy) = (after.0 - before.0, after.1 - before.1);
        let length = (dx * dx + dy * dy).sqrt().max(1e-3);
        let (nx, ny) = (-dy / length * width / 2.0, dx / length * width / 2.0);
        there.push((x + nx, y + ny));
        back.push((x - nx, y - ny));
    }
    back.reverse();
    outline(&[&there, &back])
}

/// A brush stroke of one width.
pub(crate) fn thread(points: &[Point], width: f32) -> Path {
    let points: Vec<_> = points.iter().map(|p| (p.0, p.1, width)).collect();
    ribbon(&points)
}

/// A sewn line: short dashes along a curve, as one path.
pub(crate) fn stitches(points: &[Point], width: f32) -> Path {
    let mut builder = PathBuilder::new();
    follow(&mut builder, points);
    let line = finish(builder);
    let stroke = tiny_skia::Stroke {
        width,
        dash: tiny_skia::StrokeDash::new(vec![3.0, 1.8], 0.0),
        ..tiny_skia::Stroke::default()
    };
    let dashed = line.dash(stroke.dash.as_ref().expect("the dashes are positive"), 4.0).unwrap_or(line);
    dashed.stroke(&stroke, 4.0).expect("a dashed line has an outline")
}

/// An ellipse by its centre and its two radii.
pub(crate) fn ellipse(x: f32, y: f32, across: f32, down: f32) -> Path {
    let bounds = Rect::from_xywh(x - across, y - down, across * 2.0, down * 2.0).expect("the radii are positive");
    PathBuilder::from_oval(bounds).expect("the oval is not empty")
}

/// A rectangle by its left, top, right and bottom edges.
pub(crate) fn block(left: f32, top: f32, right: f32, bottom: f32) -> Path {
    PathBuilder::from_rect(Rect::from_ltrb(left, top, right, bottom).expect("left < right and top < bottom"))
}

/// Many shapes as one, so that they are painted in one go.
pub(crate) fn group(paths: impl IntoIterator<Item = Path>) -> Path {
    let mut builder = PathBuilder::new();
    for path in paths {
        builder.push_path(&path);
    }
    finish(builder)
}

/// The same path drawn backwards: a mirror image turns the other way round, and shapes that turn in opposite ways
/// leave a hole where they overlap.
fn reversed(path: &Path) -> Path {
    let mut builder = PathBuilder::new();
    let mut pieces = Vec::new();
    let mut from = (0.0, 0.0);
    let mut draw = |pieces: &mut Vec<(Point, [Point; 2], Point)>| {
        if let Some(last) = pieces.last() {
            builder.move_to(last.2.0, last.2.1);
        }
        for (from, [first, second], _) in pieces.drain(..).rev() {
            builder.cubic_to(second.0, second.1, first.0, first.1, from.0, from.1);
        }
        builder.close();
    };
    for segment in path.segments() {
        let to_point = |point: tiny_skia::Point| (point.x, point.y);
        let (first, second, to) = match segment {
            PathSegment::MoveTo(to) => {
                from = to_point(to);
                continue;
            }
            PathSegment::LineTo(to) => (from, to_point(to), to_point(to)),
            PathSegment::QuadTo(middle, to) => {
                let (middle, to) = (to_point(middle), to_point(to));
                let pull =
                    |end: Point| (end.0 + (middle.0 - end.0) * 2.0 / 3.0, end.1 + (middle.1 - end.1) * 2.0 / 3.0);
                (pull(from), pull(to), to)
            }
            PathSegment::CubicTo(first, second, to) => (to_point(first), to_point(second), to_point(to)),
            PathSegment::Close => {
                draw(&mut pieces);
                continue;
            }
        };
        pieces.push((from, [first, second], to));
        from = to;
    }
    finish(builder)
}

fn follow(builder: &mut PathBuilder, run: &[Point]) {
    let first = run[0];
    if builder.is_empty() {
        builder.move_to(first.0, first.1);
    } else {
        builder.line_to(first.0, first.1);
    }
    let last = run.len() - 1;
    for index in 0..last {
        let before = run[index.saturating_sub(1)];
        let after = run[(index + 2).min(last)];
        bend(builder, before, run[index], run[index + 1], after);
    }
}

/// The same shape a little further right and down.
pub(crate) fn moved(path: &Path, right: f32, down: f32) -> Path {
    path.clone().transform(Transform::from_translate(right, down)).expect("a moved shape is as finite as the shape")
}

/// One piece of a Catmull-Rom curve, from `from` to `to`, as a Bézier curve.
fn bend(builder: &mut PathBuilder, before: Point, from: Point, to: Point, after: Point) {
    let pull = 1.0 / 6.0;
    builder.cubic_to(
        from.0 + (to.0 - before.0) * pull,
        from.1 + (to.1 - before.1) * pull,
        to.0 - (after.0 - from.0) * pull,
        to.1 - (after.1 - from.1) * pull,
        to.0,
        to.1,
    );
}

fn finish(builder: PathBuilder) -> Path {
    builder.finish().expect("a shape has at least two points")
}
