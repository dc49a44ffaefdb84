//! The page to look at: every job as human, garment and result, with what a reviewer needs to judge and to go on.
//!
//! One file that needs nothing but the pictures it links to, and asks no network for anything: its policy forbids it.
//! Rows are written as they stream by, before the markup that shows them; everything said about the queue as a whole
//! is gathered on the way and agrees with the rows.

mod links;
mod listing;
mod page;
mod plot;
mod tempo;
mod totals;

use std::io::{BufWriter, Write};
use std::path::Path;

use askama::Template;
use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::queue::{QueueReads, each_report_row};

use self::links::Links;
pub use self::listing::SHA256_SHOWN;
use self::listing::{Listing, MOST_LISTED, Quota};
use self::page::{Body, Head};
use self::totals::Totals;
use super::{BUFFER_BYTES, ReportError, ReportPaths, ReportSummary, place};
use crate::view::Commands;

/// What a page says beside the queue's contents.
#[derive(Debug, Clone)]
pub struct PageSettings<'a> {
    /// How to name the queue in the commands that the page shows.
    pub commands: Commands<'a>,
    /// The folder in which these commands work as they stand.
    pub typed_in: Option<&'a Path>,
    /// The folder that relative names of local pictures are relative to, if it is known.
    pub inputs: Option<&'a Path>,
    /// The moment of the page.
    pub now: Timestamp,
    /// Whose clock it shows.
    pub zone: TimeZone,
}

/// Writes the page of the queue as it is at this moment.
///
/// # Errors
/// The queue cannot be read, or `to` does not take the page.
pub async fn write_page(
    queue: &dyn QueueReads,
    to: &mut dyn Write,
    paths: ReportPaths<'_>,
    page: &PageSettings<'_>,
) -> Result<ReportSummary, ReportError> {
    write_bounded(queue, to, paths, page, MOST_LISTED).await
}

/// Writes a page that lists at most this many jobs.
async fn write_bounded(
    queue: &dyn QueueReads,
    to: &mut dyn Write,
    paths: ReportPaths<'_>,
    page: &PageSettings<'_>,
    most_listed: u64,
) -> Result<ReportSummary, ReportError> {
    let provider = queue.provider().await?;
    let run = queue.last_run().await?;
    let links = Links::new(paths.report_dir, paths.output_dir).with_inputs(page.inputs);
    let head = Head::of(paths.output_dir, page);
    let mut to = BufWriter::with_capacity(BUFFER_BYTES, to);
    head.write_into(&mut to)?;
    let mut totals = Totals::default();
    let mut listing = Listing::begin(to, &links, Quota::of(&queue.counts().await?, most_listed));
    each_report_row(queue, |row| -> Result<(), ReportError> {
        let reason = totals.add(&row);
        Ok(listing.add(row, reason)?)
    })
    .await?;
    let (mut to, listed) = listing.end()?;
    Body::of(head.title(), &totals, listed, provider, run.as_ref(), page).write_into(&mut to)?;
    to.flush()?;
    Ok(ReportSummary { rows: totals.counts.total() })
}

/// Writes the page to the file `path`: whole, or not at all. What stood there is replaced at the end in one step.
///
/// # Errors
/// As [`write_page`], and [`ReportError::File`] with the path.
pub async fn write_page_file(
    queue: &dyn QueueReads,
    path: &Path,
    output_dir: &Path,
    page: &PageSettings<'_>,
) -> Result<ReportSummary, ReportError> {
    let paths = ReportPaths { output_dir, report_dir: place::folder_of(path) };
    place::write_whole(path, async |to| write_page(queue, to, paths, page).await).await
}

#[cfg(test)]
mod tests;
