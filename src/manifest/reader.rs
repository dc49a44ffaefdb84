//! A manifest as a stream of rows.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use encoding_rs::Encoding;

use crate::job::{Keep, ModelName, clean_text};

use super::foreign_text::{Texts, Verdict, in_another_encoding};
use super::header::{Column, ColumnNames, Header};
use super::records::{BrokenRecord, Record, Records};
use super::row::RowRules;
use super::separator::Separator;
use super::start::{self, Start, Text};
use super::swallowed::{Shape, swallowed_by_header, swallowed_rows};
use super::{ManifestError, PictureChecks, Row};

/// How manifests are read.
#[derive(Debug, Clone, Default)]
pub struct Reading {
    /// The model of rows that name none.
    pub default_model: ModelName,
    /// What is to stay as it is in the pictures of people whose rows do not say.
    pub default_keep: Keep,
    /// Why no row can be made by try-on 3.0, if none can; completes "model: …".
    pub no_solutions: Option<&'static str>,
    /// The encoding that the user has named; `None` is UTF-8 as long as nothing speaks against it.
    pub encoding: Option<&'static Encoding>,
}

/// The rows of one manifest, read as they are asked for.
///
/// Yields every row, good or rejected, in the order of the file. After an error nothing more comes.
pub struct ManifestReader<'a, R> {
    rules: RowRules,
    records: Records<Text<R>>,
    texts: Texts,
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
    /// shell) they are relative to the working directory.
    ///
    /// # Errors
    /// The file or its header is wrong.
    pub fn open(argument: &Path, reading: &Reading, pictures: &'a mut PictureChecks) -> Result<Self, ManifestError> {
        if argument == Path::new("-") {
            return Self::from_reader("<stdin>", Path::new(""), Box::new(io::stdin()), reading, pictures);
        }
        let (manifest, is_file, file) = opened(argument)?;
        let base = if is_file { argument.parent().map(Path::to_owned) } else { None };
        Self::from_reader(&manifest, &base.unwrap_or_default(), file, reading, pictures)
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
        reading: &Reading,
        pictures: &'a mut PictureChecks,
    ) -> Result<Self, ManifestError> {
        pictures.enter(base);
        let Start { text, layout, is_encoding_certain } =
            start::text_of(name, reader, reading.encoding, &Column::REQUIRED)?;
        let mut records = Records::new(text, layout.separator);
        if layout.has_separator_line {
            records.next().map_err(|broken| unreadable(name, broken))?;
        }
        let header = match records.next() {
            Ok(Some(record)) => header_of(name, layout.separator, record)?,
            Ok(None) => return Err(ManifestError::Empty { manifest: name.to_owned() }),
            Err(broken) => return Err(unreadable(name, broken)),
        };
        let rules = RowRules {
            manifest: name.to_owned(),
            header,
            default_model: reading.default_model.clone(),
            default_keep: reading.default_keep,
            no_solutions: reading.no_solutions,
        };
        let texts = Texts::new(is_encoding_certain);
        Ok(Self { rules, records, texts, pictures, has_rows: false, has_ended: false })
    }

    /// The manifest as problems call it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.rules.manifest
    }

    /// The columns that it has.
    #[must_use]
    pub fn columns(&self) -> ColumnNames {
        self.rules.header.names()
    }

    /// What is wrong with the manifest as a whole, by the record that was read last.
    fn fault_of_file(&mut self) -> Option<ManifestError> {
        let (manifest, header) = (&self.rules.manifest, &self.rules.header);
        let record = self.records.current();
        if record.lines > 1
            && let Some(rows) = shape(header).and_then(|shape| swallowed_rows(record, shape))
        {
            return Some(rows_in_quote(manifest, record.line, rows));
        }
        if record.is_ascii() {
            return None;
        }
        self.texts.note(record, |index| header.reads(index));
        let cells = header.columns().filter_map(|(_, position)| record.cell(position));
        let (line, broken) =
            (record.line, cells.into_iter().find(|cell| std::str::from_utf8(cell).is_err())?.to_owned());
        match self.texts.judge_broken(manifest, line, &broken, self.records.at_hand()) {
            Verdict::Damaged => None,
            Verdict::Foreign(error) => Some(error),
        }
    }

    /// What is wrong with the manifest as a whole, now that all of it was read.
    fn fault_at_end(&self) -> Option<ManifestError> {
        let manifest = &self.rules.manifest;
        if !self.has_rows {
            return Some(ManifestError::NoRows { manifest: manifest.clone() });
        }
        self.texts.judge_whole(manifest)
    }
}

/// The header, or what is wrong with it.
fn header_of(manifest: &str, separator: Separator, record: Record<'_>) -> Result<Header, ManifestError> {
    let header = match Header::of(manifest, separator, record) {
        Err(ManifestError::MissingColumn { .. }) if !record.is_utf_8() => {
            let cells: Vec<&[u8]> = (0..record.len()).filter_map(|index| record.cell(index)).collect();
            let shown = cells.iter().find(|cell| std::str::from_utf8(cell).is_err()).copied().unwrap_or_default();
            return Err(in_another_encoding(manifest, record.line, shown, &cells));
        }
        header => header?,
    };
    match shape(&header).and_then(|shape| swallowed_by_header(record, &header, shape)) {
        Some(rows) => Err(rows_in_quote(manifest, record.line, rows)),
        None => Ok(header),
    }
}

/// What a row looks like.
fn shape(header: &Header) -> Option<Shape<'_>> {
    let (human, cloth) = (header.position(Column::Human)?, header.position(Column::Cloth)?);
    Some(Shape { cells: &header.cells, human, cloth, separator: header.separator })
}

fn rows_in_quote(manifest: &str, line: u64, rows: usize) -> ManifestError {
    let rows = if rows == 1 { "row".to_owned() } else { format!("{rows} rows") };
    ManifestError::RowsInQuote { manifest: manifest.to_owned(), line, rows }
}

impl<R: Read> Iterator for ManifestReader<'_, R> {
    type Item = Result<Row, ManifestError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.has_ended {
            return None;
        }
        match self.records.next() {
            Ok(Some(_)) => {
                self.has_rows = true;
                if let Some(error) = self.fault_of_file() {
                    self.has_ended = true;
                    return Some(Err(error));
                }
                if self.pictures.meets_objects() {
                    self.pictures.look_ahead(self.records.at_hand());
                }
                let row = self.rules.read(self.records.current(), self.pictures);
                if let Some(why) = self.pictures.trouble() {
                    self.has_ended = true;
                    let (manifest, why) = (self.rules.manifest.clone(), why.to_owned());
                    return Some(Err(ManifestError::Bucket { manifest, why }));
                }
                Some(Ok(row))
            }
            Ok(None) => {
                self.has_ended = true;
                self.fault_at_end().map(Err)
            }
            Err(broken) => {
                self.has_ended = true;
                Some(Err(unreadable(&self.rules.manifest, broken)))
            }
        }
    }
}

/// Opens what an argument names: what messages call it, and whether it is a regular file.
pub(super) fn opened(argument: &Path) -> Result<(String, bool, ManifestFile), ManifestError> {
    let manifest = clean_text(&argument.display().to_string());
    let metadata = fs::metadata(argument).map_err(|error| unopened(argument, error))?;
    if metadata.is_dir() {
        return Err(ManifestError::Folder { manifest });
    }
    let file = File::open(argument).map_err(|error| unopened(argument, error))?;
    Ok((manifest, metadata.is_file(), Box::new(file)))
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
pub(super) fn unreadable(manifest: &str, broken: BrokenRecord) -> ManifestError {
    let manifest = manifest.to_owned();
    match broken {
        BrokenRecord::UnclosedQuote { line } => ManifestError::UnclosedQuote { manifest, line },
        BrokenRecord::TooLong { line } => ManifestError::RowTooLong { manifest, line },
        BrokenRecord::Io(source) => start::unreadable(&manifest, source),
    }
}
