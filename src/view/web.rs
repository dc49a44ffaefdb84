//! Style and script that both pages have: the one in a file and the live one. What only one of them has is its own.

use super::texts::CHINESE_TABLE;

/// The style of both pages.
pub const STYLE: &str = include_str!("../../templates/report/style.css");

/// The parts of the script that both pages have: texts, words, copying, cards, and the viewer. They and what follows them share
/// a scope.
const SHARED: &str = concat!(
    include_str!("../../templates/report/texts.js"),
    include_str!("../../templates/report/words.js"),
    include_str!("../../templates/report/clipboard.js"),
    include_str!("../../templates/report/cards.js"),
    include_str!("../../templates/report/compare.js"),
    include_str!("../../templates/report/viewer.js"),
);

/// A page's whole script; `own` are the parts that it alone has.
#[must_use]
pub fn script(own: &str) -> String {
    format!("const CHINESE = {};\n{SHARED}{own}", CHINESE_TABLE.trim())
}
