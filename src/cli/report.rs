//! `tryon report`: the report, at any time.

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::ValueEnum;
use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::queue::QueueReader;
use crate::report::{PageSettings, ReportError, ReportFormat, ReportPaths, ReportSummary};
use crate::report::{write_page, write_page_file, write_report, write_report_file};
use crate::view::Commands;
use crate::view::wording::counted;

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
    /// A table for scripts and spreadsheets, the one that `run` writes
    Csv,
    /// The table for Excel, WPS and Calc: opens rightly in every language, and long numbers and leading zeros in
    /// ids stay as they are
    Spreadsheet,
    /// An array of objects, for scripts
    Json,
    /// A page to look at: human, garment and result side by side
    Html,
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
    match args.output.as_deref().filter(|path| *path != Path::new("-")) {
        Some(path) => {
            let summary = to_file(args.format, reader, place, path).context("could not write the report")?;
            fine_if_reader_left(
                writeln!(out, "{}: {}", path.display(), counted(summary.rows, "row")).map_err(Into::into),
            )
        }
        None => {
            let written = to_stdout(args.format, reader, place, out).map(drop);
            fine_if_reader_left(written.context("could not write the report"))
        }
    }
}

fn to_file(format: Format, reader: &QueueReader, place: &Place, path: &Path) -> Result<ReportSummary, ReportError> {
    match format {
        Format::Csv => write_report_file(reader, ReportFormat::Csv, path, &place.out),
        Format::Spreadsheet => write_report_file(reader, ReportFormat::Spreadsheet, path, &place.out),
        Format::Json => write_report_file(reader, ReportFormat::Json, path, &place.out),
        Format::Html => with_page(reader, place, |page| write_page_file(reader, path, &place.out, page)),
    }
}

fn to_stdout(
    format: Format,
    reader: &QueueReader,
    place: &Place,
    out: &mut dyn Write,
) -> Result<ReportSummary, ReportError> {
    let paths = ReportPaths { output_dir: &place.out, report_dir: &place.out };
    match format {
        Format::Csv => write_report(reader, ReportFormat::Csv, out, paths),
        Format::Spreadsheet => write_report(reader, ReportFormat::Spreadsheet, out, paths),
        Format::Json => write_report(reader, ReportFormat::Json, out, paths),
        Format::Html => with_page(reader, place, |page| write_page(reader, out, paths, page)),
    }
}

/// What the page says beside the queue's contents.
fn with_page<T>(
    reader: &QueueReader,
    place: &Place,
    write: impl FnOnce(&PageSettings<'_>) -> Result<T, ReportError>,
) -> Result<T, ReportError> {
    let (place_flags, run_again, typed_in) = (place.flags(), place.run_again(reader)?, std::env::current_dir().ok());
    write(&PageSettings {
        commands: Commands { place_flags: &place_flags, run_again: &run_again },
        typed_in: typed_in.as_deref(),
        now: Timestamp::now(),
        zone: TimeZone::system(),
    })
}
