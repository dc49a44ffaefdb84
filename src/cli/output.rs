//! Where a run's results go: the output folder, or a bucket that is tried before anything is spent; and the report and the
//! page beside them.

use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use tempfile::NamedTempFile;

use crate::job::ObjectUrl;
use crate::ops::load::LoadError;
use crate::queue::{Queue, QueueReads};
use crate::report::{PageSettings, ReportError, ReportFormat, ReportPaths};
use crate::report::{write_page, write_page_file, write_report, write_report_file};
use crate::store::{Bucket, OutputError, OutputTree, PictureLinks, Uploads};
use crate::view::Commands;

use super::{Failure, Place};

/// The report's and the page's names.
pub(super) const REPORT: &str = "report.csv";
pub(super) const PAGE: &str = "index.html";

/// The output folder, which is made here; `None` where results go to a bucket.
pub(super) fn folder(place: &Place) -> Result<Option<OutputTree>, Failure> {
    match place.bucket() {
        Some(_) => Ok(None),
        None => Ok(Some(OutputTree::create(&place.out).map_err(LoadError::from)?)),
    }
}

/// The bucket of this place, after it has taken an object and given it back. A folder is returned as it is.
pub(super) async fn tree(folder: Option<OutputTree>, place: &Place, queue: &dyn Queue) -> Result<OutputTree, Failure> {
    let url = match (folder, place.bucket()) {
        (Some(folder), _) => return Ok(folder),
        (None, Some(url)) => url,
        (None, None) => return Ok(OutputTree::create(&place.out)?),
    };
    let identity = queue.keep_identity(crate::ambient::unique_id().to_string()).await?;
    let mut bucket = Bucket::of(url)?;
    bucket.probe(&identity).await?;
    Ok(OutputTree::in_bucket(bucket, &place.beside_queue("results"), &identity)?)
}

/// The bucket that pictures are uploaded to, tried in the same way; `None` where none is named.
pub(super) async fn links(url: Option<ObjectUrl>, queue: &dyn Queue) -> Result<Option<Arc<dyn PictureLinks>>, Failure> {
    let Some(url) = url else { return Ok(None) };
    let identity = queue.keep_identity(crate::ambient::unique_id().to_string()).await?;
    let mut bucket = Bucket::of(url)?;
    bucket.probe(&identity).await?;
    Ok(Some(Arc::new(Uploads::into_bucket(bucket))))
}

/// Why a report is not where it should be.
#[derive(Debug, thiserror::Error)]
pub(super) enum NotWritten {
    #[error(transparent)]
    Report(#[from] ReportError),
    #[error(transparent)]
    Output(#[from] OutputError),
}

/// Writes the table, and the page to look at.
pub(super) async fn write_reports(
    queue: &dyn QueueReads,
    place: &Place,
    tree: &OutputTree,
    inputs: Option<&Path>,
    run_again: &str,
) -> Result<(), NotWritten> {
    let (place_flags, typed_in) = (place.flags(), std::env::current_dir().ok());
    let settings = PageSettings {
        commands: Commands { place_flags: &place_flags, run_again },
        typed_in: typed_in.as_deref(),
        inputs,
        now: Timestamp::now(),
        zone: TimeZone::system(),
    };
    match tree.bucket() {
        Some(bucket) => put_reports(queue, place, bucket, &settings).await,
        None => {
            write_report_file(queue, ReportFormat::Csv, &place.out.join(REPORT), &place.out).await?;
            write_page_file(queue, &place.out.join(PAGE), &place.out, &settings).await?;
            Ok(())
        }
    }
}

/// Both are written to a local file first: what arrives in the bucket is whole.
async fn put_reports(
    queue: &dyn QueueReads,
    place: &Place,
    bucket: &Bucket,
    settings: &PageSettings<'_>,
) -> Result<(), NotWritten> {
    let paths = ReportPaths { output_dir: &place.out, report_dir: &place.out };
    let mut report = local(place)?;
    write_report(queue, ReportFormat::Csv, &mut report, paths).await?;
    bucket.put_file(REPORT, "text/csv; charset=utf-8", report.as_file()).await?;
    let mut page = local(place)?;
    write_page(queue, &mut page, paths, settings).await?;
    Ok(bucket.put_file(PAGE, "text/html; charset=utf-8", page.as_file()).await?)
}

fn local(place: &Place) -> Result<NamedTempFile, ReportError> {
    let folder = place.beside_queue("results");
    let folder = if folder.is_dir() { &folder } else { Path::new(".") };
    Ok(NamedTempFile::new_in(folder)?)
}
