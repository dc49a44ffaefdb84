//! What can be wrong with a manifest as a whole. Each message names the manifest and what to do.

use std::io;

/// A manifest that cannot be read to its end.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ManifestError {
    /// Nothing is there.
    #[error("{manifest}: no such manifest (looked for {path}); check the path")]
    NotFound { manifest: String, path: String },
    /// A folder stands there.
    #[error("{manifest}: is a folder; name the CSV file in it")]
    Folder { manifest: String },
    /// The system does not let it be read.
    #[error("{manifest}: cannot be read: {source}; check the file and its permissions")]
    Unreadable { manifest: String, source: io::Error },
    /// It has no bytes, or blank lines only.
    #[error("{manifest}: is empty; its first line must name the columns, at least human_image and cloth_image")]
    Empty { manifest: String },
    /// It has a header only.
    #[error("{manifest}: has a header and no rows; add a row for each job")]
    NoRows { manifest: String },
    /// It is text in two-byte characters.
    #[error("{manifest}: is UTF-16 text; save it as CSV UTF-8 (in Excel: Save As, file type \"CSV UTF-8\")")]
    Utf16 { manifest: String },
    /// It is no text.
    #[error("{manifest}: is {what}, not a CSV text; save it as CSV UTF-8 (in Excel: Save As, file type \"CSV UTF-8\")")]
    NotText { manifest: String, what: &'static str },
    /// Its lines end as on a Macintosh of the last century.
    #[error("{manifest}: its lines end with CR alone; save it with LF or CRLF line ends")]
    CarriageReturns { manifest: String },
    /// Required columns are not there.
    #[error(
        "{manifest}:{line}: the header has no column {}; it has {}; add {}",
        .missing.join(" and no column "), listed(.found), if .missing.len() == 1 { "it" } else { "them" }
    )]
    MissingColumn { manifest: String, line: u64, missing: Vec<&'static str>, found: Vec<String> },
    /// Columns that would not be read, so that a garment or a priority would be left out without a word.
    #[error("{manifest}:{line}: {}", cures(.misspelt))]
    MisspeltColumns { manifest: String, line: u64, misspelt: Vec<Misspelt> },
    /// A column is there twice.
    #[error("{manifest}:{line}: the header names the column {column} twice ({}); keep one", listed(.written))]
    DuplicateColumn { manifest: String, line: u64, column: &'static str, written: Vec<String> },
    /// A quote is opened and never closed.
    #[error(
        "{manifest}:{line}: a quote (\") is opened in the row that begins here and never closed; close it, or double it if it is part of a name"
    )]
    UnclosedQuote { manifest: String, line: u64 },
    /// A row is too long to be one.
    #[error(
        "{manifest}:{line}: the row that begins here is over 1 MiB long; most likely a quote (\") in it is opened and never closed"
    )]
    RowTooLong { manifest: String, line: u64 },
}

/// A column of a manifest that is called nearly as one that is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Misspelt {
    pub written: String,
    /// The documented name of the column that is meant.
    pub meant: &'static str,
}

fn cures(misspelt: &[Misspelt]) -> String {
    let cure = |Misspelt { written, meant }: &Misspelt| format!("`{written}` to `{meant}`");
    let cures = misspelt.iter().take(MAX_LISTED).map(cure).collect::<Vec<_>>().join(", ");
    format!("the header has columns that are not read; rename {cures}, or to something less like it")
}

/// How many column names a message shows.
const MAX_LISTED: usize = 20;

/// Names in a row, quoted, for a message.
fn listed(names: &[String]) -> String {
    let mut text = names.iter().take(MAX_LISTED).map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    if names.len() > MAX_LISTED {
        text.push_str(", …");
    }
    text
}
