//! The report as CSV, safe to open in a spreadsheet.

use std::borrow::Cow;
use std::io::{self, Write};

use super::columns::{Columns, HEADER};

/// A CSV report that is being written.
pub(super) struct CsvSheet<W: Write> {
    to: csv::Writer<W>,
    /// Whether it is only meant for a spreadsheet, and not for scripts.
    is_for_spreadsheet: bool,
}

/// Tells a spreadsheet that a file is UTF-8. Without it Excel reads the encoding of its country, in China GBK.
const BYTE_ORDER_MARK: &str = "\u{feff}";

/// Excel takes no longer text in a formula.
const MOST_IN_A_FORMULA: usize = 255;

impl<W: Write> CsvSheet<W> {
    pub(super) fn begin(mut to: W, is_for_spreadsheet: bool) -> io::Result<Self> {
        if is_for_spreadsheet {
            to.write_all(BYTE_ORDER_MARK.as_bytes())?;
        }
        let mut to = csv::Writer::from_writer(to);
        to.write_record(HEADER)?;
        Ok(Self { to, is_for_spreadsheet })
    }

    pub(super) fn add(&mut self, row: &Columns<'_>) -> io::Result<()> {
        let is_for_spreadsheet = self.is_for_spreadsheet;
        let cells: [Cow<'_, str>; HEADER.len()] = [
            text(row.id, is_for_spreadsheet),
            row.state.into(),
            text(row.human_image, is_for_spreadsheet),
            text(row.cloth_image, is_for_spreadsheet),
            text(&row.model, is_for_spreadsheet),
            maybe(row.output.as_deref(), is_for_spreadsheet),
            maybe(row.error_code, is_for_spreadsheet),
            maybe(row.error, is_for_spreadsheet),
            number(Some(row.attempts)),
            maybe(row.task_id, is_for_spreadsheet),
            maybe(row.external_task_id, is_for_spreadsheet),
            maybe(row.request_id, is_for_spreadsheet),
            number(row.units),
            number(row.width),
            number(row.height),
            number(row.bytes),
            maybe(row.sha256, is_for_spreadsheet),
            maybe(row.submitted_at.as_deref(), is_for_spreadsheet),
            maybe(row.finished_at.as_deref(), is_for_spreadsheet),
            row.seconds.map_or_else(|| "".into(), |seconds| format!("{seconds:.3}").into()),
            maybe(row.account, is_for_spreadsheet),
            row.flags.join(";").into(),
            maybe(row.review, is_for_spreadsheet),
            maybe(row.review_reason, is_for_spreadsheet),
            maybe(row.human_sha256, is_for_spreadsheet),
            maybe(row.cloth_sha256, is_for_spreadsheet),
        ];
        self.to.write_record(cells.iter().map(|cell| cell.as_bytes()))?;
        Ok(())
    }

    pub(super) fn end(mut self) -> io::Result<()> {
        self.to.flush()
    }
}

fn maybe(cell: Option<&str>, is_for_spreadsheet: bool) -> Cow<'_, str> {
    cell.map_or_else(|| "".into(), |cell| text(cell, is_for_spreadsheet))
}

fn text(cell: &str, is_for_spreadsheet: bool) -> Cow<'_, str> {
    if is_for_spreadsheet { kept_as_text(cell) } else { defused(cell) }
}

fn number(value: Option<impl ToString>) -> Cow<'static, str> {
    value.map_or_else(|| "".into(), |value| value.to_string().into())
}

/// A cell that a spreadsheet would run as a formula, made a text by an apostrophe in front.
#[must_use]
pub fn defused(text: &str) -> Cow<'_, str> {
    if text.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{text}").into() } else { text.into() }
}

/// A cell that a spreadsheet would take for a number, a date or a formula, written as a formula that yields this text:
/// the one form that Excel, WPS and Calc all leave alone. `00123` stays what it is, and 18 digits do not become
/// 1.2E+17.
fn kept_as_text(text: &str) -> Cow<'_, str> {
    let is_text_anyway = text.chars().next().is_none_or(|first| first.is_alphabetic() && !is_a_date(text));
    if is_text_anyway || text.encode_utf16().count() > MOST_IN_A_FORMULA || text.contains(char::is_control) {
        return defused(text);
    }
    format!("=\"{}\"", text.replace('"', "\"\"")).into()
}

/// The text that a cell of [`kept_as_text`] yields; `None` where it is no such cell.
pub(crate) fn out_of_formula(cell: &str) -> Option<String> {
    let quoted = cell.strip_prefix("=\"")?.strip_suffix('"')?;
    let text = quoted.replace("\"\"", "\"");
    (kept_as_text(&text) == cell).then_some(text)
}

/// Whether Excel may see a month in a text: `sep-1`, `MARCH1`.
fn is_a_date(text: &str) -> bool {
    const MONTHS: [&str; 12] = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
    let begins_with = |month: &&str| text.get(..3).is_some_and(|head| head.eq_ignore_ascii_case(month));
    text.len() <= 20 && text.ends_with(|last: char| last.is_ascii_digit()) && MONTHS.iter().any(begins_with)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_spreadsheet_would_change_is_kept_as_a_text() {
        for text in
            ["00123", "851234567890123456", "1-2", "3/4", "1E5", "2026-01-02", "-x", "=1+1", "@a", "sep-1", "MARCH1"]
        {
            assert_eq!(kept_as_text(text), format!("=\"{text}\""));
        }
        assert_eq!(kept_as_text("1\"2"), "=\"1\"\"2\"");
        for text in ["00123", "1\"2", "\"", "=\"1\"", "'-x"] {
            assert_eq!(out_of_formula(&kept_as_text(text)).as_deref(), Some(text));
        }
        for cell in ["=\"", "=\"1", "=1+1", "00123", "=\"1\"&\"2\"", "'=1", ""] {
            assert_eq!(out_of_formula(cell), None, "{cell}");
        }
    }

    #[test]
    fn what_a_spreadsheet_takes_for_a_text_is_left_alone() {
        for text in ["", "ana/coat", "女装/001", "TRUE-7", "marble/7x", "people/ana.jpg"] {
            assert_eq!(kept_as_text(text), text);
        }
    }

    #[test]
    fn a_text_that_is_too_long_for_a_formula_is_defused_only() {
        let long = "1".repeat(300);
        assert_eq!(
            (kept_as_text(&long), kept_as_text(&format!("={long}"))),
            (long.as_str().into(), format!("'={long}").into())
        );
    }
}
