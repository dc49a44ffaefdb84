//! What a picture of a request is made of, where it is not sent as it is, and how.

use crate::job::Garment;
use crate::picture::{Encoded, InputLimits, fit, outfit};

use super::request_pictures::{CLOTH, Input, SECOND_CLOTH};

/// What a picture is made of.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Recipe {
    Fitted(Input, InputLimits),
    Outfit { upper: Input, lower: Input, upper_is_second: bool },
}

impl Recipe {
    /// The files that it takes: one, or the first and the second garment.
    pub(super) fn sources(&self) -> Vec<Input> {
        match self {
            Self::Fitted(source, _) => vec![source.clone()],
            Self::Outfit { upper, lower, upper_is_second: true } => vec![lower.clone(), upper.clone()],
            Self::Outfit { upper, lower, upper_is_second: false } => vec![upper.clone(), lower.clone()],
        }
    }

    /// Makes the picture. An error names the column at fault where it is not the picture's own.
    pub(super) fn cook(&self) -> Result<Encoded, (Option<&'static str>, String)> {
        match self {
            Self::Fitted(source, limits) => {
                fit(&source.file, &source.probe, limits).map_err(|problem| (None, problem.at(&source.file)))
            }
            Self::Outfit { upper, lower, upper_is_second } => outfit(&upper.file, &lower.file).map_err(|wrong| {
                let is_upper = wrong.garment == Garment::Upper;
                let column = if is_upper == *upper_is_second { SECOND_CLOTH } else { CLOTH };
                let file = if is_upper { &upper.file } else { &lower.file };
                (Some(column), wrong.problem.at(file))
            }),
        }
    }

    /// What was made, and of what.
    pub(super) fn story(&self, made: &Encoded) -> String {
        let made = format!("a JPEG of {} x {} px ({})", made.width, made.height, mebibytes(made.jpeg.len() as u64));
        match self {
            Self::Fitted(Input { probe, .. }, _) => format!(
                "{made}, made of a {} of {} x {} px ({})",
                probe.format.name(),
                probe.width,
                probe.height,
                mebibytes(probe.bytes)
            ),
            Self::Outfit { .. } => format!("{made}, made of {CLOTH} and {SECOND_CLOTH}"),
        }
    }
}

fn mebibytes(bytes: u64) -> String {
    format!("{:.1} MiB", bytes as f64 / f64::from(1 << 20))
}
