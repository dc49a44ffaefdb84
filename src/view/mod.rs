//! What is shown: serde types and sentences, one source for text, JSON and HTML.
//!
//! Answers for what is said, in which words and under which keys. Where it goes, how it is coloured and how it is made to
//! fit a terminal or a page is for `progress`, `report` and `cli` to decide. Prints nothing.

mod accounts;
mod advice;
mod job_json;
pub mod pace;
mod prices;
mod reasons;
mod standing;
mod summary;
mod texts;
pub mod web;
pub mod wording;

pub use accounts::{AccountJson, account_lines};
pub use advice::{
    Advice, Commands, SANDBOX_NOTICE, about_failed, about_flagged, about_in_doubt, about_left, about_rejected,
};
pub use job_json::{AttemptJson, JobJson, StoryJson, utc};
pub use prices::Prices;
pub use reasons::{FailureReason, FailureReasons};
pub use standing::{Piece, Standing, Tone, paused, stopping};
pub use summary::{RunSummary, summary};
pub use texts::Language;
