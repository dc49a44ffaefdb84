//! The first bytes of a manifest: what they give away about files that are not UTF-8 text.

use std::io::{self, BufReader, Chain, Cursor, Read};

use super::ManifestError;
use super::separator::Layout;

/// How much is looked at before the first row is read; a header is shorter.
const HEAD_BYTES: u64 = 1 << 14;

/// A manifest's bytes without its byte order mark.
pub(super) type Text<R> = Chain<Cursor<Vec<u8>>, BufReader<R>>;

/// Reads the first bytes, tells from them how the cells are laid out, and refuses what is no UTF-8 text. A byte order
/// mark is taken off.
pub(super) fn text_of<R: Read>(manifest: &str, reader: R) -> Result<(Text<R>, Layout), ManifestError> {
    let manifest = || manifest.to_owned();
    let mut reader = BufReader::with_capacity(1 << 16, reader);
    let mut head = Vec::new();
    let read = Read::by_ref(&mut reader).take(HEAD_BYTES).read_to_end(&mut head);
    read.map_err(|source| ManifestError::Unreadable { manifest: manifest(), source })?;

    if head.is_empty() {
        return Err(ManifestError::Empty { manifest: manifest() });
    }
    if let Some(what) = foreign_file(&head) {
        return Err(ManifestError::NotText { manifest: manifest(), what });
    }
    if is_utf_16(&head) {
        return Err(ManifestError::Utf16 { manifest: manifest() });
    }
    if head.contains(&0) {
        return Err(ManifestError::NotText { manifest: manifest(), what: "binary data" });
    }
    if head.starts_with(b"\xef\xbb\xbf") {
        head.drain(..3);
    }
    let layout = Layout::of(&head);
    Ok((io::Read::chain(Cursor::new(head), reader), layout))
}

/// Whether the text begins with a mark of UTF-16, or with a plain letter in two bytes.
fn is_utf_16(head: &[u8]) -> bool {
    matches!(head, [0xff, 0xfe, ..] | [0xfe, 0xff, ..] | [0, 1..=255, ..] | [1..=255, 0, ..])
}

/// Files that people hand in for a CSV.
fn foreign_file(head: &[u8]) -> Option<&'static str> {
    let magics: [(&[u8], &str); 5] = [
        (b"PK\x03\x04", "a spreadsheet or a ZIP archive"),
        (b"\xd0\xcf\x11\xe0", "an Excel workbook"),
        (b"\x1f\x8b", "a gzip file"),
        (b"\x89PNG", "a picture"),
        (b"\xff\xd8\xff", "a picture"),
    ];
    magics.into_iter().find_map(|(magic, what)| head.starts_with(magic).then_some(what))
}
