//! The limits that models set to their pictures (`docs/provider.md`).

use crate::job::ModelName;

use super::{LONGEST_USUAL_SIDE_PX, MIN_INPUT_SIDE_PX, PictureFormat, SHRUNK_SIDE_PX};

/// What a model asks of a picture. The most bytes are the same for all: [`super::MAX_INPUT_BYTES`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct InputLimits {
    /// The shortest side that is taken, in pixels.
    pub shortest_px: u32,
    /// The longest side that is taken, in pixels, where there is a limit.
    pub longest_px: Option<u32>,
    /// Whether WebP is taken, besides JPEG and PNG.
    pub takes_webp: bool,
}

impl InputLimits {
    /// Those of the older form.
    pub const KOLORS: Self = Self { shortest_px: MIN_INPUT_SIDE_PX, longest_px: None, takes_webp: false };

    /// Those of try-on 3.0: the shortest side is *over* 300 px.
    pub const SOLUTIONS: Self = Self { shortest_px: MIN_INPUT_SIDE_PX + 1, longest_px: Some(2_048), takes_webp: true };

    /// Those of a model.
    #[must_use]
    pub fn of(model: &ModelName) -> Self {
        if model.is_of_solutions() { Self::SOLUTIONS } else { Self::KOLORS }
    }

    pub(super) fn takes(&self, format: PictureFormat) -> bool {
        format.is_usual() || (self.takes_webp && format == PictureFormat::WebP)
    }

    /// The longest side that `--fit-images` leaves alone, in pixels.
    pub(super) fn longest_left_alone_px(&self) -> u32 {
        self.longest_px.unwrap_or(LONGEST_USUAL_SIDE_PX)
    }

    /// The longest side that a picture keeps when it is made to fit, in pixels.
    pub(super) fn shrunk_px(&self) -> u32 {
        self.longest_px.unwrap_or(SHRUNK_SIDE_PX).min(SHRUNK_SIDE_PX)
    }
}

impl Default for InputLimits {
    fn default() -> Self {
        Self::KOLORS
    }
}
