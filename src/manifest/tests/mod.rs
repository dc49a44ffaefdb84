//! What users are promised of manifests, a test a promise.

mod any_bytes;
mod encodings;
mod files;
mod handed_in;
mod rows;
mod solutions;
mod spreadsheets;

use std::path::Path;

use crate::job::ModelName;

use super::{ManifestError, ManifestReader, ManifestRow, PictureChecks, Reading, RejectedRow, Row};

/// A folder with the pictures that the tests' manifests name: `ana.png`, `shirt.jpg`, `trousers.png`.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("tempdir");
    for (name, format) in [
        ("ana.png", image::ImageFormat::Png),
        ("shirt.jpg", image::ImageFormat::Jpeg),
        ("trousers.png", image::ImageFormat::Png),
    ] {
        picture(&folder.path().join(name), 300, 300, format);
    }
    folder
}

fn picture(path: &Path, width: u32, height: u32, format: image::ImageFormat) {
    image::GrayImage::new(width, height).save_with_format(path, format).expect("save");
}

/// Reads a whole manifest that lies in `folder` under the name `jobs.csv`.
fn read(folder: &Path, text: impl AsRef<[u8]>) -> Result<Vec<Row>, ManifestError> {
    read_as(folder, text, &Reading::default())
}

fn read_with_default(folder: &Path, text: impl AsRef<[u8]>, model: &ModelName) -> Result<Vec<Row>, ManifestError> {
    read_as(folder, text, &Reading { default_model: model.clone(), ..Reading::default() })
}

fn read_as(folder: &Path, text: impl AsRef<[u8]>, reading: &Reading) -> Result<Vec<Row>, ManifestError> {
    let mut pictures = PictureChecks::new();
    ManifestReader::from_reader("jobs.csv", folder, text.as_ref(), reading, &mut pictures)?.collect()
}

/// The only row of a manifest, which must be good.
fn good(folder: &Path, text: impl AsRef<[u8]>) -> ManifestRow {
    match read(folder, text).expect("manifest").pop().expect("row") {
        Row::Good(row) => row,
        Row::Rejected(row) => panic!("rejected: {:?}", row.problems),
    }
}

/// The last row of a manifest, which must be rejected.
fn rejected(folder: &Path, text: impl AsRef<[u8]>) -> RejectedRow {
    match read(folder, text).expect("manifest").pop().expect("row") {
        Row::Good(row) => panic!("good: {row:?}"),
        Row::Rejected(row) => row,
    }
}

/// All problems of a manifest, as users see them.
fn problems(folder: &Path, text: impl AsRef<[u8]>) -> Vec<String> {
    let rows = read(folder, text).expect("manifest");
    let lists = rows.into_iter().filter_map(|row| match row {
        Row::Good(_) => None,
        Row::Rejected(row) => Some(row.problems),
    });
    lists.flatten().map(|problem| problem.to_string()).collect()
}
