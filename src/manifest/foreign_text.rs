//! Is a manifest in UTF-8 at all? Judged by all of its texts that are not ASCII, a bounded sample of them.
//!
//! Text in another encoding mostly is no valid UTF-8, and then the encoding is named. Some is valid by accident: two
//! characters of GBK can be two letters of scripts that never meet in a word. Such a manifest would load under ids that
//! nobody wrote, and be paid again once it is saved rightly, so it is refused as well.

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{BIG5, EUC_JP, EUC_KR, Encoding, GB18030, GBK, SHIFT_JIS, WINDOWS_1252};

use super::ManifestError;
use super::decoded::decoded;
use super::records::Record;
use super::words::{is_letter_of_east_asia, reads_oddly, runs};

/// How many cells are kept to judge by, and how many bytes of them.
const MOST_CELLS: usize = 4_096;
const MOST_BYTES: usize = 1 << 16;

/// This many cells of a manifest in UTF-8 may be damaged before it is refused as a whole.
const MOST_DAMAGED: u64 = 100;

/// The texts of one manifest, as far as they say something about its encoding.
#[derive(Debug)]
pub(super) struct Texts {
    /// Somebody has said that it is UTF-8: a byte order mark, or the user.
    is_certain: bool,
    cells: Vec<Cell>,
    bytes: usize,
    damaged: u64,
}

#[derive(Debug)]
struct Cell {
    line: u64,
    /// Whether it is in a column that is read.
    is_read: bool,
    bytes: Box<[u8]>,
}

/// What is known of a cell that is not UTF-8.
pub(super) enum Verdict {
    /// The manifest is in UTF-8 and this cell is damaged.
    Damaged,
    /// The manifest is in another encoding.
    Foreign(ManifestError),
}

impl Texts {
    pub(super) fn new(is_certain: bool) -> Self {
        Self { is_certain, cells: Vec::new(), bytes: 0, damaged: 0 }
    }

    /// Takes up the cells of a record that are not ASCII.
    pub(super) fn note(&mut self, record: Record<'_>, is_read: impl Fn(usize) -> bool) {
        for index in 0..record.len() {
            let cell = record.cell(index).unwrap_or_default();
            if self.cells.len() >= MOST_CELLS || self.bytes + cell.len() > MOST_BYTES {
                return;
            }
            if !cell.is_ascii() {
                self.bytes += cell.len();
                self.cells.push(Cell { line: record.line, is_read: is_read(index), bytes: cell.into() });
            }
        }
    }

    /// Judges a cell that is read and is not UTF-8. `ahead` is what of the file comes next and is at hand.
    pub(super) fn judge_broken(&mut self, manifest: &str, line: u64, cell: &[u8], ahead: &[u8]) -> Verdict {
        let is_valid = |bytes: &&[u8]| std::str::from_utf8(bytes).is_ok();
        // The last line of what is at hand may be cut.
        let ahead_lines = ahead.split(|byte| *byte == b'\n').rev().skip(1);
        let ahead_lines = ahead_lines.filter(|line| !line.is_ascii()).take(MOST_CELLS);
        let texts: Vec<&[u8]> = self.cells.iter().map(|cell| &*cell.bytes).chain(ahead_lines).collect();
        let valid = texts.iter().filter(|bytes| is_valid(bytes)).count();
        let broken = texts.len() - valid;
        if self.is_certain || valid > broken {
            self.damaged += 1;
            return if self.damaged <= MOST_DAMAGED {
                Verdict::Damaged
            } else {
                Verdict::Foreign(ManifestError::MuchDamaged { manifest: manifest.to_owned(), line })
            };
        }
        Verdict::Foreign(in_another_encoding(manifest, line, cell, &texts))
    }

    /// Judges a manifest all of whose cells that are read are valid UTF-8, once all of them were seen.
    pub(super) fn judge_whole(&self, manifest: &str) -> Option<ManifestError> {
        if self.is_certain {
            return None;
        }
        let cells: Vec<&[u8]> = self.cells.iter().map(|cell| &*cell.bytes).collect();
        let mut read = self.cells.iter().filter(|cell| cell.is_read && std::str::from_utf8(&cell.bytes).is_ok());
        let shown = read.next()?;
        let Some(encoding) = better_read_as(&cells) else {
            return is_encoded_twice(&cells).then(|| twice_encoded(manifest, shown));
        };
        Some(ManifestError::PassesAsUtf8 {
            manifest: manifest.to_owned(),
            line: shown.line,
            encoding: shown_name(encoding),
            label: label(encoding),
            meant: excerpt(&shown.bytes, encoding),
            read: crate::job::clean_text(&String::from_utf8_lossy(&shown.bytes)),
        })
    }
}

/// The error of a manifest whose text `cell` is no UTF-8; `texts` is whatever else helps to tell what it is.
pub(super) fn in_another_encoding(manifest: &str, line: u64, cell: &[u8], texts: &[&[u8]]) -> ManifestError {
    let all: Vec<&[u8]> = std::iter::once(cell).chain(texts.iter().copied()).collect();
    let encoding = likeliest(&all);
    ManifestError::Encoding {
        manifest: manifest.to_owned(),
        line,
        encoding: shown_name(encoding),
        label: label(encoding),
        meant: excerpt(cell, encoding),
    }
}

/// Whether a text that is UTF-8 throughout is more likely to be in another encoding; then which.
pub(super) fn better_read_as(texts: &[&[u8]]) -> Option<&'static Encoding> {
    let (mut odd, mut plain, mut broken) = (0_u64, 0_u64, 0_u64);
    for run in texts.iter().flat_map(|text| runs(text)) {
        match std::str::from_utf8(run.bytes) {
            Err(_) => broken += 1,
            // Three bytes that fit together by accident are rare, and in a row with others rarer.
            Ok(text) if text.chars().any(|c| c >= '\u{800}') => return None,
            Ok(text) if reads_oddly(text, run.stands_alone) => odd += 1,
            Ok(_) => plain += 1,
        }
    }
    if odd + broken == 0 || odd + broken < plain {
        return None;
    }
    let makes_sense = |encoding: &'static Encoding| {
        texts.iter().all(|text| {
            decoded(text, encoding)
                .is_some_and(|text| text.chars().filter(|c| !c.is_ascii()).all(is_letter_of_east_asia))
        })
    };
    if odd == 0 {
        // Only columns that are not read are broken, and what is read makes sense as it is.
        let likeliest = likeliest(texts);
        return (plain > 0 && makes_sense(likeliest)).then_some(likeliest);
    }
    let candidates = [likeliest(texts), GBK, BIG5, EUC_KR, SHIFT_JIS, EUC_JP];
    candidates.into_iter().find(|encoding| makes_sense(encoding))
}

/// Whether every text is UTF-8 that was read as windows-1252 and saved in UTF-8 once more: `GrÃ¼n` for `Grün`.
pub(super) fn is_encoded_twice(texts: &[&[u8]]) -> bool {
    let mut runs = texts.iter().flat_map(|text| runs(text)).peekable();
    runs.peek().is_some() && runs.all(|run| once_decoded(run.bytes).is_some())
}

/// A text that was encoded once too often, decoded.
fn once_decoded(bytes: &[u8]) -> Option<String> {
    let (bytes, _, had_errors) = WINDOWS_1252.encode(std::str::from_utf8(bytes).ok()?);
    let text = String::from_utf8(bytes.into_owned()).ok().filter(|_| !had_errors)?;
    let is_usual = |c: char| matches!(u32::from(c), 0xc0..=0x17f | 0x386..=0x3ce | 0x400..=0x45f | 0x5d0..=0x6ff | 0x2018..=0x201e);
    text.chars().all(|c| c.is_ascii() || is_usual(c) || is_letter_of_east_asia(c)).then_some(text)
}

fn twice_encoded(manifest: &str, cell: &Cell) -> ManifestError {
    let read = String::from_utf8_lossy(&cell.bytes);
    // What of the cell is ASCII is the same in both.
    let meant: String = runs_and_between(&read).collect();
    let (read, meant) = (crate::job::clean_text(&read), crate::job::clean_text(&meant));
    ManifestError::EncodedTwice { manifest: manifest.to_owned(), line: cell.line, meant, read }
}

/// A text with each run that is not ASCII decoded once more.
fn runs_and_between(text: &str) -> impl Iterator<Item = String> + '_ {
    let pieces = text.split_inclusive(|c: char| c.is_ascii());
    pieces.map(|piece| {
        let ascii = piece.chars().next_back().filter(char::is_ascii).map_or(piece.len(), |_| piece.len() - 1);
        let (run, end) = piece.split_at(ascii);
        once_decoded(run.as_bytes()).unwrap_or_else(|| run.to_owned()) + end
    })
}

/// What a text that is no UTF-8 most likely is.
fn likeliest(texts: &[&[u8]]) -> &'static Encoding {
    let mut detector = EncodingDetector::new(Iso2022JpDetection::Deny);
    for text in texts {
        detector.feed(text, false);
        detector.feed(b"\n", false);
    }
    detector.feed(b"", true);
    let guess = detector.guess(None, Utf8Detection::Deny);
    // GB18030 holds GBK and more.
    let is_whole = |encoding: &'static Encoding| texts.iter().all(|text| decoded(text, encoding).is_some());
    if guess == GBK && !is_whole(GBK) && is_whole(GB18030) { GB18030 } else { guess }
}

/// How people call an encoding.
fn shown_name(encoding: &'static Encoding) -> &'static str {
    if encoding == GBK { "GBK (simplified Chinese)" } else { described(encoding.name()) }
}

fn described(name: &'static str) -> &'static str {
    match name {
        "gb18030" => "GB18030 (simplified Chinese)",
        "Big5" => "Big5 (traditional Chinese)",
        "Shift_JIS" => "Shift_JIS (Japanese)",
        "EUC-JP" => "EUC-JP (Japanese)",
        "EUC-KR" => "EUC-KR (Korean)",
        "windows-1250" => "windows-1250 (Central European)",
        "windows-1251" => "windows-1251 (Cyrillic)",
        "windows-1252" => "windows-1252 (Western European)",
        "windows-1253" => "windows-1253 (Greek)",
        "windows-1254" => "windows-1254 (Turkish)",
        "windows-1255" => "windows-1255 (Hebrew)",
        "windows-1256" => "windows-1256 (Arabic)",
        "windows-1257" => "windows-1257 (Baltic)",
        "windows-1258" => "windows-1258 (Vietnamese)",
        "windows-874" => "windows-874 (Thai)",
        other => other,
    }
}

/// What `--encoding` takes for an encoding.
fn label(encoding: &'static Encoding) -> String {
    if encoding == GBK { "gb18030".to_owned() } else { encoding.name().to_ascii_lowercase() }
}

/// What a cell says in an encoding, for a message.
fn excerpt(cell: &[u8], encoding: &'static Encoding) -> String {
    const MOST_CHARS: usize = 40;
    let (text, _) = encoding.decode_without_bom_handling(cell);
    let clean = crate::job::clean_text(text.trim());
    match clean.char_indices().nth(MOST_CHARS) {
        Some((end, _)) => format!("{}…", &clean[..end]),
        None => clean,
    }
}
