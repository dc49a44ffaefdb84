//! Style and script that both pages have: the one in a file and the live one. What only one of them has is its own.

use serde::Serialize;

use super::texts::CHINESE_TABLE;
use crate::job::Review;

/// The style of both pages.
pub const STYLE: &str = include_str!("../../templates/report/style.css");

/// The parts of the script that both pages have: texts, words, copying, cards, the viewer, and what clicks and keys do. They and what follows them share
/// a scope.
const SHARED: &str = concat!(
    include_str!("../../templates/report/texts.js"),
    include_str!("../../templates/report/words.js"),
    include_str!("../../templates/report/clipboard.js"),
    include_str!("../../templates/report/cards.js"),
    include_str!("../../templates/report/compare.js"),
    include_str!("../../templates/report/viewer.js"),
    include_str!("../../templates/report/deck.js"),
);

/// A page's whole script; `own` are the parts that it alone has.
#[must_use]
pub fn script(own: &str) -> String {
    format!("const CHINESE = {};\n{SHARED}{own}", CHINESE_TABLE.trim())
}

/// What somebody said of a result, as both scripts read it. What is absent is left out.
#[derive(Debug, Serialize)]
pub struct SaidOfResult {
    verdict: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reviewer: Option<String>,
    /// Unix milliseconds.
    at: i64,
}

impl From<Review> for SaidOfResult {
    fn from(review: Review) -> Self {
        let Review { verdict, reason, reviewer, at } = review;
        Self { verdict: verdict.word(), reason, reviewer, at: at.as_millisecond() }
    }
}
