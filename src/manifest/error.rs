//! What can be wrong with a manifest as a whole. Each message names the manifest and what to do.

use std::io;

/// What helps against every text that is not in UTF-8.
const SAVE_AS_UTF_8: &str = "save it as CSV UTF-8 (in Excel: Save As, file type \"CSV UTF-8\")";

/// A manifest that cannot be read to its end.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ManifestError {
    /// Nothing is there.
    #[error("{manifest}: no such manifest (looked for {path}); check the path")]
    NotFound { manifest: String, path: String },
    /// A folder is there.
    #[error("{manifest}: is a folder; name the CSV file in it")]
    Folder { manifest: String },
    /// The system does not let it be read.
    #[error("{manifest}: cannot be read: {source}; check the file and its permissions")]
    Unreadable { manifest: String, source: io::Error },
    /// Its pictures' bucket refuses, or is not reached.
    #[error("{manifest}: names pictures in a bucket that cannot be read: {why}")]
    Bucket { manifest: String, why: String },
    /// It has no bytes, or blank lines only.
    #[error("{manifest}: is empty; its first line must name the columns, at least human_image and cloth_image")]
    Empty { manifest: String },
    /// It has a header only.
    #[error("{manifest}: has a header and no rows; add a row for each job")]
    NoRows { manifest: String },
    /// It is text in two-byte characters.
    #[error("{manifest}: is UTF-16 text; {SAVE_AS_UTF_8}, or read it with --encoding {label}")]
    Utf16 { manifest: String, label: &'static str },
    /// It is text in another encoding.
    #[error(
        "{manifest}:{line}: is not in UTF-8 but most likely in {encoding}, in which this line has `{meant}`; \
         {SAVE_AS_UTF_8}, or read it with --encoding {label}"
    )]
    Encoding { manifest: String, line: u64, encoding: &'static str, label: String, meant: String },
    /// It is text in another encoding that is valid UTF-8 by accident.
    #[error(
        "{manifest}:{line}: makes sense only in {encoding}, in which this line has `{meant}`, though it happens to be \
         valid UTF-8 (`{read}`); {SAVE_AS_UTF_8}, or read it with --encoding {label}; if it is UTF-8 after all, with \
         --encoding utf-8"
    )]
    PassesAsUtf8 { manifest: String, line: u64, encoding: &'static str, label: String, meant: String, read: String },
    /// It was decoded wrongly and saved again.
    #[error(
        "{manifest}:{line}: `{read}` is `{meant}` in UTF-8 that was opened in a wrong encoding and saved again; make the \
         file again from its source as CSV UTF-8; if it is right as it is, read it with --encoding utf-8"
    )]
    EncodedTwice { manifest: String, line: u64, meant: String, read: String },
    /// Another encoding was named than it is in.
    #[error(
        "{manifest}: is in UTF-8, not in {label}; leave out --encoding {label} (TRYON_ENCODING, `encoding` in tryon.toml)"
    )]
    IsUtf8 { manifest: String, label: String },
    /// It is not in the encoding that was named.
    #[error("{manifest}:{line}: is not in {encoding} here; leave out --encoding to be told what it looks like")]
    Undecodable { manifest: String, line: u64, encoding: &'static str },
    /// Many of its cells are no text.
    #[error(
        "{manifest}:{line}: over a hundred cells up to here are damaged, though the rest is UTF-8; texts of another \
         encoding were put into it; make the file again from its source, and save it as CSV UTF-8"
    )]
    MuchDamaged { manifest: String, line: u64 },
    /// It is no text.
    #[error("{manifest}: is {what}, not a CSV text; {cure}")]
    NotText { manifest: String, what: &'static str, cure: &'static str },
    /// Its lines end as on a Macintosh of the last century.
    #[error("{manifest}: its lines end with CR alone; save it with LF or CRLF line ends")]
    CarriageReturns { manifest: String },
    /// Required columns are not there.
    #[error(
        "{manifest}:{line}: the header has no column {}; it has {}; add {}",
        .missing.join(" and no column "), listed(.found), if .missing.len() == 1 { "it" } else { "them" }
    )]
    MissingColumn { manifest: String, line: u64, missing: Vec<&'static str>, found: Vec<String> },
    /// A list of jobs without the jobs.
    #[error("{manifest}: has no column `id`; its first line must name the columns")]
    NoIdColumn { manifest: String },
    /// Columns that would not be read, so that a garment or a priority would be left out without a word.
    #[error("{manifest}:{line}: {}", cures(.misspelt))]
    MisspeltColumns { manifest: String, line: u64, misspelt: Vec<Misspelt> },
    /// A byte order mark was read as text, and became part of the first column's name.
    #[error(
        "{manifest}:{line}: the first column `{written}` is `{behind}` behind a byte order mark that was read in \
         {encoding}: the file was saved in a wrong encoding, and other texts in it may be damaged too; make it again from \
         its source as CSV UTF-8, or rename the column to `{behind}` if all else is right"
    )]
    DamagedMark { manifest: String, line: u64, written: String, behind: String, encoding: &'static str },
    /// The columns are separated by a sign that looks like a comma.
    #[error("{manifest}:{line}: the columns are separated by {name}s ({sign}); write plain commas (,)")]
    LookAlikeSeparator { manifest: String, line: u64, sign: char, name: &'static str },
    /// A column is there twice.
    #[error("{manifest}:{line}: the header names the column {column} twice ({}); keep one", listed(.written))]
    DuplicateColumn { manifest: String, line: u64, column: &'static str, written: Vec<String> },
    /// A quote is opened and never closed.
    #[error(
        "{manifest}:{line}: a quote (\") is opened in the row that begins here and never closed; close it, or double it if it is part of a name"
    )]
    UnclosedQuote { manifest: String, line: u64 },
    /// A quote is opened, and closed by one that was to open another cell.
    #[error(
        "{manifest}:{line}: a quote (\") that is opened in the row that begins here takes in the {rows} after it; close it \
         in its row, or double it if it is part of a text (inches: 5\"\")"
    )]
    RowsInQuote { manifest: String, line: u64, rows: String },
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
