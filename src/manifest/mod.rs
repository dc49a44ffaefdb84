//! Manifests: CSV rows become [`JobSpec`]s, and every problem is named with file, line and column.
//!
//! Answers for what can be said of one row by itself. What needs other rows (two ids that would write the
//! same file, a row that repeats a row) is the queue's to find.
//!
//! A row passes through [`records`] (bytes to cells, with the physical line), [`header`] (which cell is
//! which) and [`row`] (cells to a spec). Nothing is kept of a row once it is handed out, so a million rows
//! need no more memory than a hundred.

mod decoded;
mod error;
mod foreign_file;
mod foreign_text;
mod header;
mod id_list;
mod lost_path;
mod near_names;
mod object_checks;
mod pairing;
mod picture_cell;
mod picture_checks;
mod reader;
mod records;
mod row;
mod second_garment;
mod separator;
mod shared_folder;
mod start;
mod swallowed;
#[cfg(test)]
mod tests;
mod words;

use std::fmt;

use crate::job::JobSpec;

pub use error::ManifestError;
pub use header::ColumnNames;
pub use id_list::{ListedJob, read_id_list};
pub use pairing::{Choice, LeftOut, Pairing, PairingError, PairingOrder, PictureFolder, Side};
pub use picture_checks::PictureChecks;
pub use reader::{ManifestFile, ManifestReader, Reading};

/// One row of a manifest, looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Row {
    /// It can become a job.
    Good(ManifestRow),
    /// It cannot, and says why.
    Rejected(RejectedRow),
}

/// A row that can become a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ManifestRow {
    /// The physical line on which the row begins; the first line of the file is 1.
    pub line: u64,
    /// What it asks for.
    pub spec: JobSpec,
}

/// A row that cannot become a job, with what can be shown of it. All its texts are fit for a terminal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RejectedRow {
    /// The physical line on which the row begins; the first line of the file is 1.
    pub line: u64,
    /// The row's id, written or by default; empty where there is none.
    pub id: String,
    /// The cell that names the person's picture.
    pub human: String,
    /// The cell that names the garment's picture.
    pub cloth: String,
    /// Everything that is wrong with the row; never empty.
    pub problems: Vec<Problem>,
}

/// One thing that is wrong with one row, shown as `<manifest>:<line>: <column>: <reason>`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The manifest as the user named it.
    pub manifest: String,
    /// The physical line on which the row begins; the first line of the file is 1.
    pub line: u64,
    /// The column by its documented name, or `row` where the row as a whole is wrong.
    pub column: String,
    /// A short sentence, fit for a terminal.
    pub reason: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}: {}", self.manifest, self.line, self.column, self.reason)
    }
}
