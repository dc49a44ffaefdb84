//! `tryon report`: the report, at any time.

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::ValueEnum;

use crate::progress::wording::counted;
use crate::queue::QueueReader;
use crate::report::{ReportFormat, ReportPaths, write_report, write_report_file};

use super::pipe::fine_if_reader_left;
use super::place::Place;

/// What `report` is asked for.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct ReportArgs {
    /// The form of the report
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t = Format::Csv)]
    pub format: Format,
    /// Write it to this file, whole or not at all, instead of to standard output
    ///
    /// The paths of the images are relative to the folder of this file; on standard output they are relative to
    /// the output folder, as in its report.csv.
    #[arg(long, value_name = "FILE")]
    pub output: Option<PathBuf>,
}

/// The forms a report can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// A table for a spreadsheet
    Csv,
    /// An array of objects, for scripts
    Json,
}

impl From<Format> for ReportFormat {
    fn from(format: Format) -> Self {
        match format {
            Format::Csv => Self::Csv,
            Format::Json => Self::Json,
        }
    }
}

/// Prints the report, or writes it to the file that is asked for and says so.
///
/// # Errors
/// The queue cannot be read, or the report not written.
pub(super) fn report(
    args: &ReportArgs,
    reader: &QueueReader,
    place: &Place,
    out: &mut dyn Write,
) -> anyhow::Result<()> {
    let format = args.format.into();
    match args.output.as_deref().filter(|path| *path != Path::new("-")) {
        Some(path) => {
            let summary = write_report_file(reader, format, path, &place.out).context("could not write the report")?;
            fine_if_reader_left(
                writeln!(out, "{}: {}", path.display(), counted(summary.rows, "row")).map_err(Into::into),
            )
        }
        None => {
            let paths = ReportPaths { output_dir: &place.out, report_dir: &place.out };
            let written = write_report(reader, format, out, paths).map(drop);
            fine_if_reader_left(written.context("could not write the report"))
        }
    }
}
