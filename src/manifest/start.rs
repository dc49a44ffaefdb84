//! The first bytes of a manifest: in which encoding it is, how its cells are laid out, and what is no CSV at all.

use std::io::{self, BufReader, Chain, Cursor, Read};

use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE};

use super::ManifestError;
use super::decoded::{Decoded, Undecodable};
use super::foreign_file::{self, ForeignFile};
use super::foreign_text::better_read_as;
use super::header::Column;
use super::separator::Layout;

/// How much is looked at before the first row is read; a header is shorter.
const HEAD_BYTES: u64 = 1 << 14;

/// A manifest's text in UTF-8, without a byte order mark.
pub(super) type Text<R> = Chain<Cursor<Vec<u8>>, BufReader<Source<R>>>;

/// Bytes of which the first were looked at.
type Bytes<R> = Chain<Cursor<Vec<u8>>, R>;

/// Where the text comes from.
pub(super) enum Source<R> {
    Utf8(Bytes<R>),
    Decoded(Box<Decoded<Bytes<R>>>),
}

impl<R: Read> Read for Source<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Utf8(bytes) => bytes.read(buffer),
            Self::Decoded(decoded) => decoded.read(buffer),
        }
    }
}

/// A text that is about to be read.
pub(super) struct Start<R> {
    pub(super) text: Text<R>,
    pub(super) layout: Layout,
    /// Whether its encoding is known, and not assumed.
    pub(super) is_encoding_certain: bool,
}

/// Reads the first bytes, and tells from them how the text is to be read. `encoding` is what the user has said;
/// `columns` are those by which the separator is recognised.
pub(super) fn text_of<R: Read>(
    manifest: &str,
    mut reader: R,
    encoding: Option<&'static Encoding>,
    columns: &[Column],
) -> Result<Start<R>, ManifestError> {
    let head = first_bytes(manifest, &mut reader)?;
    if head.is_empty() {
        return Err(ManifestError::Empty { manifest: manifest.to_owned() });
    }
    if let Some(file) = foreign_file::by_first_bytes(&head) {
        return Err(no_text(manifest, file));
    }
    let mark = Encoding::for_bom(&head).map(|(encoding, _)| encoding);
    let encoding = told_encoding(manifest, &head, mark, encoding)?;
    let is_encoding_certain = mark.is_some() || encoding.is_some();
    let bytes = Read::chain(Cursor::new(head), reader);
    let source = match encoding.or(mark) {
        None => Source::Utf8(bytes),
        Some(utf_8) if utf_8 == UTF_8 => Source::Utf8(bytes),
        Some(other) => Source::Decoded(Box::new(Decoded::new(bytes, other))),
    };
    let mut text = BufReader::with_capacity(1 << 16, source);
    let mut head = first_bytes(manifest, &mut text)?;
    if head.starts_with(b"\xef\xbb\xbf") {
        head.drain(..3);
    }
    let layout = Layout::of(&head, columns);
    if !layout.is_recognised
        && let Some(file) = foreign_file::by_first_characters(&head)
    {
        return Err(no_text(manifest, file));
    }
    Ok(Start { text: Read::chain(Cursor::new(head), text), layout, is_encoding_certain })
}

fn first_bytes(manifest: &str, reader: impl Read) -> Result<Vec<u8>, ManifestError> {
    let mut head = Vec::new();
    reader.take(HEAD_BYTES).read_to_end(&mut head).map_err(|error| unreadable(manifest, error))?;
    Ok(head)
}

/// The encoding that the text is read in, where it is known; `None` assumes UTF-8. A byte order mark is believed
/// before what the user has said, which may be meant for another file.
fn told_encoding(
    manifest: &str,
    head: &[u8],
    mark: Option<&'static Encoding>,
    said: Option<&'static Encoding>,
) -> Result<Option<&'static Encoding>, ManifestError> {
    let is_utf_16 = |encoding: &'static Encoding| encoding == UTF_16LE || encoding == UTF_16BE;
    if let Some(mark) = mark {
        return match is_utf_16(mark) && said.is_none() {
            true => Err(utf_16(manifest, mark)),
            false => Ok(Some(mark)),
        };
    }
    if said.is_some_and(is_utf_16) {
        return Ok(said);
    }
    match head {
        [1..=255, 0, ..] => return Err(utf_16(manifest, UTF_16LE)),
        [0, 1..=255, ..] => return Err(utf_16(manifest, UTF_16BE)),
        _ if head.contains(&0) => {
            let cure = "name a CSV file with a row for each picture to make";
            return Err(no_text(manifest, ForeignFile { what: "binary data", cure }));
        }
        _ => {}
    }
    if let Some(said) = said.filter(|said| *said != UTF_8)
        && is_utf_8_without_doubt(head)
    {
        return Err(ManifestError::IsUtf8 { manifest: manifest.to_owned(), label: said.name().to_ascii_lowercase() });
    }
    Ok(said)
}

/// Whether a text that may be cut off is UTF-8, not ASCII alone, and makes sense.
fn is_utf_8_without_doubt(head: &[u8]) -> bool {
    let text = match std::str::from_utf8(head) {
        Ok(text) => text,
        Err(error) if error.error_len().is_none() => {
            std::str::from_utf8(&head[..error.valid_up_to()]).unwrap_or_default()
        }
        Err(_) => return false,
    };
    let lines: Vec<&[u8]> = text.lines().filter(|line| !line.is_ascii()).map(str::as_bytes).collect();
    !lines.is_empty() && better_read_as(&lines).is_none()
}

fn utf_16(manifest: &str, encoding: &'static Encoding) -> ManifestError {
    let label = if encoding == UTF_16BE { "utf-16be" } else { "utf-16le" };
    ManifestError::Utf16 { manifest: manifest.to_owned(), label }
}

fn no_text(manifest: &str, file: ForeignFile) -> ManifestError {
    ManifestError::NotText { manifest: manifest.to_owned(), what: file.what, cure: file.cure }
}

/// What an error of reading means.
pub(super) fn unreadable(manifest: &str, error: io::Error) -> ManifestError {
    let manifest = manifest.to_owned();
    match error.get_ref().and_then(|inner| inner.downcast_ref::<Undecodable>()) {
        Some(Undecodable { line, encoding }) => ManifestError::Undecodable { manifest, line: *line, encoding },
        None => ManifestError::Unreadable { manifest, source: error },
    }
}
