//! `--fit-images`: a picture that almost fits is made a JPEG that does. The file itself is left alone.
//!
//! What is lost on the way is what the provider could not use: transparency is laid on white, colours become sRGB,
//! the picture is turned upright, and metadata (places, names, cameras) stays behind.

use std::path::Path;

use super::pixels::Pixels;
use super::{Encoded, MIN_INPUT_SIDE_PX, PictureProblem, Probe, encode};

/// The longest side that a picture keeps when it is made to fit, in pixels. Results are half as long at most.
pub const SHRUNK_SIDE_PX: u32 = 4096;

/// How often a picture is made smaller by a quarter, after the quality of the JPEG has done what it can.
const MOST_SHRINKS: u32 = 8;

/// Makes a fit input of the picture at `path`, of which `probe` says what it is.
///
/// # Errors
/// It does not decode to its end, or takes too much memory for that.
pub fn fit(path: &Path, probe: &Probe) -> Result<Encoded, PictureProblem> {
    let mut side = f64::from(SHRUNK_SIDE_PX);
    let (width, height) = within(f64::from(probe.width), f64::from(probe.height), side);
    let mut picture = Pixels::decode(path, probe)?.upright_within(width, height);
    for _ in 0..=MOST_SHRINKS {
        if let Some(encoded) = encode::jpeg(&picture) {
            return Ok(encoded);
        }
        side *= 0.75;
        let (width, height) = within(f64::from(picture.width()), f64::from(picture.height()), side);
        picture = super::pixels::resized(picture.into(), width as u32, height as u32).into_rgb8();
    }
    Err(PictureProblem::Unshrinkable)
}

/// Width and height with a longest side of `side`, in the same proportions; but the shorter side keeps what the
/// provider asks for, and nothing is enlarged.
fn within(width: f64, height: f64, side: f64) -> (f64, f64) {
    let (long, short) = (width.max(height), width.min(height));
    let scale = (side / long).max(f64::from(MIN_INPUT_SIDE_PX) / short).min(1.0);
    ((width * scale).round(), (height * scale).round())
}
