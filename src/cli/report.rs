//! `tryon report`: the report, at any time.

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::ValueEnum;
use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::queue::QueueReads;
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
    /// html: the folder that pictures of a queue in PostgreSQL are relative to, for the links to them
    #[arg(long, value_name = "DIR", env = "TRYON_INPUTS")]
    pub inputs: Option<PathBuf>,
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
pub(super) async fn report(
    args: &ReportArgs,
    queue: &dyn QueueReads,
    place: &Place,
    out: &mut dyn Write,
) -> anyhow::Result<()> {
    match args.output.as_deref().filter(|path| *path != Path::new("-")) {
        Some(path) => {
            let summary = to_file(args, queue, place, path).await.context("could not write the report")?;
            fine_if_reader_left(
                writeln!(out, "{}: {}", path.display(), counted(summary.rows, "row")).map_err(Into::into),
            )
        }
        None => {
            let written = to_stdout(args, queue, place, out).await.map(drop);
            fine_if_reader_left(written.context("could not write the report"))
        }
    }
}

async fn to_file(
    args: &ReportArgs,
    queue: &dyn QueueReads,
    place: &Place,
    path: &Path,
) -> Result<ReportSummary, ReportError> {
    match args.format {
        Format::Csv => write_report_file(queue, ReportFormat::Csv, path, &place.out).await,
        Format::Spreadsheet => write_report_file(queue, ReportFormat::Spreadsheet, path, &place.out).await,
        Format::Json => write_report_file(queue, ReportFormat::Json, path, &place.out).await,
        Format::Html => {
            with_page(args, queue, place, async |page| write_page_file(queue, path, &place.out, page).await).await
        }
    }
}

async fn to_stdout(
    args: &ReportArgs,
    queue: &dyn QueueReads,
    place: &Place,
    out: &mut dyn Write,
) -> Result<ReportSummary, ReportError> {
    let paths = ReportPaths { output_dir: &place.out, report_dir: &place.out };
    match args.format {
        Format::Csv => write_report(queue, ReportFormat::Csv, out, paths).await,
        Format::Spreadsheet => write_report(queue, ReportFormat::Spreadsheet, out, paths).await,
        Format::Json => write_report(queue, ReportFormat::Json, out, paths).await,
        Format::Html => with_page(args, queue, place, async |page| write_page(queue, out, paths, page).await).await,
    }
}

/// What the page says beside the queue's contents.
async fn with_page<T>(
    args: &ReportArgs,
    queue: &dyn QueueReads,
    place: &Place,
    write: impl AsyncFnOnce(&PageSettings<'_>) -> Result<T, ReportError>,
) -> Result<T, ReportError> {
    let (place_flags, run_again, typed_in) =
        (place.flags(), place.run_again(queue).await?, std::env::current_dir().ok());
    write(&PageSettings {
        commands: Commands { place_flags: &place_flags, run_again: &run_again },
        typed_in: typed_in.as_deref(),
        inputs: args.inputs.as_deref(),
        now: Timestamp::now(),
        zone: TimeZone::system(),
    })
    .await
}
