//! A manifest as a stream of rows.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use crate::job::{ModelName, clean_text};

use super::header::Header;
use super::records::{BrokenRecord, Records};
use super::row::RowRules;
use super::start::{self, Text};
use super::{ManifestError, PictureChecks, Row};

/// The rows of one manifest, read as they are asked for.
///
/// Yields every row, good or rejected, in the order of the file. After an error nothing more comes.
pub struct ManifestReader<'a, R> {
    rules: RowRules,
    records: Records<Text<R>>,
    pictures: &'a mut PictureChecks,
    has_rows: bool,
    has_ended: bool,
}

/// The bytes of a manifest that was opened by name.
pub type ManifestFile = Box<dyn Read + Send>;

impl<'a> ManifestReader<'a, ManifestFile> {
    /// Opens the manifest that an argument names; `-` is standard input. Its header is read at once.
    ///
    /// Paths in it are relative to its folder. In one that is no regular file (standard input, a pipe of the
    /// shell) they are relative to the working directory. `default_model` is the model of rows that name none.
    ///
    /// # Errors
    /// The file or its header is wrong.
    pub fn open(
        argument: &Path,
        default_model: &ModelName,
        pictures: &'a mut PictureChecks,
    ) -> Result<Self, ManifestError> {
        if argument == Path::new("-") {
            return Self::from_reader("<stdin>", Path::new(""), Box::new(io::stdin()), default_model, pictures);
        }
        let manifest = || clean_text(&argument.display().to_string());
        let metadata = fs::metadata(argument).map_err(|error| unopened(argument, error))?;
        if metadata.is_dir() {
            return Err(ManifestError::Folder { manifest: manifest() });
        }
        let base = if metadata.is_file() { argument.parent().map(Path::to_owned) } else { None };
        let file: ManifestFile = Box::new(File::open(argument).map_err(|error| unopened(argument, error))?);
        Self::from_reader(&manifest(), &base.unwrap_or_default(), file, default_model, pictures)
    }
}

impl<'a, R: Read> ManifestReader<'a, R> {
    /// Reads a manifest from anywhere. `name` is what problems call it; an empty `base` is the working directory.
    ///
    /// # Errors
    /// The header is wrong, or the text is no CSV in UTF-8.
    pub fn from_reader(
        name: &str,
        base: &Path,
        reader: R,
        default_model: &ModelName,
        pictures: &'a mut PictureChecks,
    ) -> Result<Self, ManifestError> {
        pictures.enter(base);
        let (text, layout) = start::text_of(name, reader)?;
        let mut records = Records::new(text, layout.separator);
        if layout.has_separator_line {
            records.next().map_err(|broken| unreadable(name, broken))?;
        }
        let header = match records.next() {
            Ok(Some(record)) => Header::of(name, layout.separator, record)?,
            Ok(None) => return Err(ManifestError::Empty { manifest: name.to_owned() }),
            Err(broken) => return Err(unreadable(name, broken)),
        };
        let rules = RowRules { manifest: name.to_owned(), header, default_model: default_model.clone() };
        Ok(Self { rules, records, pictures, has_rows: false, has_ended: false })
    }

    /// The manifest as problems call it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.rules.manifest
    }
}

impl<R: Read> Iterator for ManifestReader<'_, R> {
    type Item = Result<Row, ManifestError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.has_ended {
            return None;
        }
        match self.records.next() {
            Ok(Some(record)) => {
                self.has_rows = true;
                Some(Ok(self.rules.read(record, self.pictures)))
            }
            Ok(None) => {
                self.has_ended = true;
                let empty = || ManifestError::NoRows { manifest: self.rules.manifest.clone() };
                (!self.has_rows).then(|| Err(empty()))
            }
            Err(broken) => {
                self.has_ended = true;
                Some(Err(unreadable(&self.rules.manifest, broken)))
            }
        }
    }
}

/// Why a manifest could not be opened.
fn unopened(argument: &Path, source: io::Error) -> ManifestError {
    let manifest = clean_text(&argument.display().to_string());
    match source.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => {
            let path: PathBuf = std::path::absolute(argument).unwrap_or_else(|_| argument.to_owned());
            ManifestError::NotFound { manifest, path: clean_text(&path.display().to_string()) }
        }
        _ => ManifestError::Unreadable { manifest, source },
    }
}

/// Why a manifest could not be read to its end.
fn unreadable(manifest: &str, broken: BrokenRecord) -> ManifestError {
    let manifest = manifest.to_owned();
    match broken {
        BrokenRecord::UnclosedQuote { line } => ManifestError::UnclosedQuote { manifest, line },
        BrokenRecord::TooLong { line } => ManifestError::RowTooLong { manifest, line },
        BrokenRecord::Io(source) => ManifestError::Unreadable { manifest, source },
    }
}
