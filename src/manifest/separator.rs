//! What is between the cells: a comma, or what a spreadsheet writes in its place.
//!
//! Excel separates by the list separator of the system it runs on, which is a semicolon in half of the world, and its
//! "Unicode text" by tabs. The header says which it is: it must name the required columns, and only one separator
//! makes columns of them. Rows are never guessed from.

use super::header::{Column, Header};
use super::records::Records;

/// A separator of cells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Separator {
    Comma,
    Semicolon,
    Tab,
    Bar,
}

impl Separator {
    /// In the order in which they are tried; the first of equals wins.
    pub(super) const ALL: [Self; 4] = [Self::Comma, Self::Semicolon, Self::Tab, Self::Bar];

    pub(super) fn byte(self) -> u8 {
        match self {
            Self::Comma => b',',
            Self::Semicolon => b';',
            Self::Tab => b'\t',
            Self::Bar => b'|',
        }
    }

    /// As a message shows it.
    pub(super) fn sign(self) -> char {
        if self == Self::Tab { '⇥' } else { char::from(self.byte()) }
    }

    /// What one of them is called; the plural is this with an s.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Comma => "comma",
            Self::Semicolon => "semicolon",
            Self::Tab => "tab",
            Self::Bar => "bar",
        }
    }
}

/// How a manifest is laid out, told from its first bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Layout {
    pub(super) separator: Separator,
    /// Whether a line `sep=;` is before the header. Excel reads it, and people write it for Excel.
    pub(super) has_separator_line: bool,
    /// Whether the header names a column that is looked for.
    pub(super) is_recognised: bool,
}

impl Layout {
    /// Tells the layout of a text by its first bytes, which may end anywhere, and by columns that its header must name.
    pub(super) fn of(head: &[u8], columns: &[Column]) -> Self {
        if let Some(separator) = separator_line(head) {
            return Self { separator, has_separator_line: true, is_recognised: true };
        }
        let named = |separator: Separator| match Records::new(head, separator).next() {
            Ok(Some(record)) => Header::count_in(record, columns),
            _ => 0,
        };
        let mut best = (Separator::Comma, 0);
        for separator in Separator::ALL {
            let count = named(separator);
            if count > best.1 {
                best = (separator, count);
            }
        }
        Self { separator: best.0, has_separator_line: false, is_recognised: best.1 > 0 }
    }
}

/// The separator that the first line names, if that is what it is for.
fn separator_line(head: &[u8]) -> Option<Separator> {
    let line = head.trim_ascii_start().split(|byte| *byte == b'\n').next()?;
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    // Excel itself quotes the line when it saves a file that began with it.
    let line = line.strip_prefix(b"\"").unwrap_or(line);
    let named = line.get(..4).filter(|word| word.eq_ignore_ascii_case(b"sep=")).and(line.get(4))?;
    Separator::ALL.into_iter().find(|separator| separator.byte() == *named)
}
