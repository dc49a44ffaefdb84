//! The report: every job of the queue in manifest order, streamed, so that a million rows need no more memory than one.
//!
//! Answers for what is in each column (`docs/promises.md`, "The report") and for a report file that is whole or
//! absent. Which rows there are, and what is in them, is the queue's to say.

mod columns;
mod csv;
mod html;
mod json;
mod place;

use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use crate::queue::{ProviderKind, QueueError, QueueReads, each_report_row};

use self::columns::Columns;
pub use self::csv::defused;
pub(crate) use self::csv::out_of_formula;
pub use self::html::{PageSettings, SHA256_SHOWN, write_page, write_page_file};

/// In which form a report is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReportFormat {
    /// A table for a spreadsheet; what a spreadsheet would take for a formula is defused.
    Csv,
    /// The same table for people who open it in Excel, WPS or Calc: marked as UTF-8, and ids and other texts of
    /// digits kept as they are. Not for scripts.
    Spreadsheet,
    /// An array of objects with the table's columns as keys, and `sent_as`; what is absent is `null`.
    Json,
}

/// Where pictures and report are, so that the report can say where a picture is as seen from itself.
#[derive(Debug, Clone, Copy)]
pub struct ReportPaths<'a> {
    /// The output folder, to which the queue's paths are relative.
    pub output_dir: &'a Path,
    /// The folder that the report is in.
    pub report_dir: &'a Path,
}

/// What has been written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ReportSummary {
    /// Jobs and rejected rows in the report; the header is not counted.
    pub rows: u64,
}

/// Why a report was not written, or not to its end. The wording completes "could not write the report: …".
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// The queue could not be read.
    #[error(transparent)]
    Queue(#[from] QueueError),
    /// What the report is written to does not take it (a full disk, a pipe whose reader has left).
    #[error(transparent)]
    Write(#[from] std::io::Error),
    /// The report file could not be made or replaced.
    #[error("{}: {error}", .path.display())]
    File { path: PathBuf, error: std::io::Error },
}

impl ReportError {
    /// The system's error beneath, where there is one: whether the disk is full, whether a pipe's reader has left.
    #[must_use]
    pub fn io(&self) -> Option<&std::io::Error> {
        match self {
            Self::Queue(_) => None,
            Self::Write(error) | Self::File { error, .. } => Some(error),
        }
    }
}

/// Rows are handed to the system in portions of this size.
const BUFFER_BYTES: usize = 64 << 10;

/// Writes the report of the queue as it is at this moment.
///
/// # Errors
/// The queue cannot be read, or `to` does not take the report.
pub async fn write_report(
    queue: &dyn QueueReads,
    format: ReportFormat,
    to: &mut dyn Write,
    paths: ReportPaths<'_>,
) -> Result<ReportSummary, ReportError> {
    let is_sandbox = queue.provider().await? == Some(ProviderKind::Sandbox);
    let way_to_output = place::way(paths.report_dir, paths.output_dir);
    let to = BufWriter::with_capacity(BUFFER_BYTES, to);
    let mut summary = ReportSummary::default();
    let mut sheet = match format {
        ReportFormat::Csv => Sheet::Csv(Box::new(csv::CsvSheet::begin(to, false)?)),
        ReportFormat::Spreadsheet => Sheet::Csv(Box::new(csv::CsvSheet::begin(to, true)?)),
        ReportFormat::Json => Sheet::Json(json::JsonSheet::begin(to)?),
    };
    each_report_row(queue, |row| -> Result<(), ReportError> {
        let columns = Columns::of(&row, is_sandbox, &way_to_output);
        match &mut sheet {
            Sheet::Csv(sheet) => sheet.add(&columns)?,
            Sheet::Json(sheet) => sheet.add(&columns)?,
        }
        summary.rows += 1;
        Ok(())
    })
    .await?;
    match sheet {
        Sheet::Csv(sheet) => sheet.end()?,
        Sheet::Json(sheet) => sheet.end()?,
    }
    Ok(summary)
}

/// A report that is being written.
enum Sheet<W: Write> {
    Csv(Box<csv::CsvSheet<W>>),
    Json(json::JsonSheet<W>),
}

/// Writes the report to the file `path`: whole, or not at all. What stood there is replaced at the end in one step.
///
/// Something at `path` that is no file (`/dev/stdout`, a named pipe) is written to as it is.
///
/// # Errors
/// As [`write_report`], and [`ReportError::File`] with the path.
pub async fn write_report_file(
    queue: &dyn QueueReads,
    format: ReportFormat,
    path: &Path,
    output_dir: &Path,
) -> Result<ReportSummary, ReportError> {
    let paths = ReportPaths { output_dir, report_dir: place::folder_of(path) };
    place::write_whole(path, async |to| write_report(queue, format, to, paths).await).await
}

#[cfg(test)]
pub(crate) mod stocked;
#[cfg(test)]
mod tests;
