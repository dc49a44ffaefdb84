//! Files that people hand in for a CSV, known by how they begin.

/// A file that is no CSV.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ForeignFile {
    /// Completes "is …".
    pub(super) what: &'static str,
    /// What to do.
    pub(super) cure: &'static str,
}

const SAVE_AS: &str = "save it as CSV UTF-8 (in Excel: Save As, file type \"CSV UTF-8\")";
const UNPACK: &str = "unpack it, and name the CSV file that is in it";
const LIST_PICTURES: &str = "name a CSV file with a row for each picture to make; `tryon pair` writes one";
const EXPORT: &str = "export the table as CSV UTF-8 where it comes from";

/// What the first bytes give away, whatever follows.
pub(super) fn by_first_bytes(head: &[u8]) -> Option<ForeignFile> {
    let magics: [(&[u8], &str, &str); 18] = [
        (b"\xd0\xcf\x11\xe0", "an Excel workbook (.xls)", SAVE_AS),
        (b"\x09\x08\x10\x00", "an Excel workbook (.xls)", SAVE_AS),
        (b"\x1f\x8b", "a gzip file", UNPACK),
        (b"BZh", "a bzip2 file", UNPACK),
        (b"\xfd7zXZ", "an xz file", UNPACK),
        (b"\x28\xb5\x2f\xfd", "a zstd file", UNPACK),
        (b"7z\xbc\xaf", "a 7z archive", UNPACK),
        (b"Rar!", "a RAR archive", UNPACK),
        (b"%PDF", "a PDF", EXPORT),
        (b"{\\rtf", "an RTF document", EXPORT),
        (b"SQLite format 3", "an SQLite database", "name a CSV file; a queue is named with --queue"),
        (b"PAR1", "a Parquet file", EXPORT),
        (b"bplist", "a property list", EXPORT),
        (b"\x89PNG", "a picture", LIST_PICTURES),
        (b"\xff\xd8\xff", "a picture", LIST_PICTURES),
        (b"GIF8", "a picture", LIST_PICTURES),
        (b"BM\x36", "a picture", LIST_PICTURES),
        (b"II*\0", "a picture", LIST_PICTURES),
    ];
    if head.starts_with(b"PK\x03\x04") || head.starts_with(b"PK\x05\x06") {
        return Some(packed(head));
    }
    if head.get(4..8) == Some(b"ftyp") || (head.starts_with(b"RIFF") && head.get(8..12) == Some(b"WEBP")) {
        return Some(ForeignFile { what: "a picture", cure: LIST_PICTURES });
    }
    let found = magics.into_iter().find(|(magic, ..)| head.starts_with(magic));
    found.map(|(_, what, cure)| ForeignFile { what, cure })
}

/// A ZIP archive by what is in it; many kinds of document are one.
fn packed(head: &[u8]) -> ForeignFile {
    let holds = |name: &[u8]| head.windows(name.len()).any(|window| window == name);
    let (what, cure) = if holds(b"opendocument.spreadsheet") {
        (
            "an OpenDocument spreadsheet (.ods)",
            "save it as CSV, character set UTF-8 (in LibreOffice: Save As, Text CSV)",
        )
    } else if holds(b"xl/") || holds(b"[Content_Types].xml") {
        ("an Excel workbook (.xlsx)", SAVE_AS)
    } else if holds(b"Index/") || holds(b".iwa") {
        ("a Numbers spreadsheet", "export it as CSV, text encoding UTF-8 (in Numbers: File, Export To, CSV)")
    } else {
        ("a ZIP archive", UNPACK)
    };
    ForeignFile { what, cure }
}

/// What the first characters give away of a text that names no column that is read.
pub(super) fn by_first_characters(head: &[u8]) -> Option<ForeignFile> {
    let begin = head.trim_ascii_start();
    let begin = &begin[..begin.len().min(512)];
    let text = String::from_utf8_lossy(begin).to_ascii_lowercase();
    let (what, cure) = if text.starts_with("<!doctype html") || text.starts_with("<html") || text.contains("<table") {
        ("an HTML page (some shops export these as .xls or .csv)", EXPORT_OR_SAVE)
    } else if text.starts_with('<') && text.contains("spreadsheet") {
        ("an Excel XML spreadsheet", SAVE_AS)
    } else if text.starts_with("<?xml") {
        ("an XML file", EXPORT)
    } else if is_json(&text) {
        ("JSON", EXPORT)
    } else {
        return None;
    };
    Some(ForeignFile { what, cure })
}

const EXPORT_OR_SAVE: &str =
    "if it is an export, open it in Excel and save it as CSV UTF-8; else fetch it again, signed in if need be";

/// Whether a text begins as JSON: a list or an object, and in it a text, a number, a list or an object.
fn is_json(text: &str) -> bool {
    let inside = text.strip_prefix(['[', '{']).map(str::trim_start);
    inside.is_some_and(|inside| inside.starts_with(['"', '{', '[', ']', '}']))
}
