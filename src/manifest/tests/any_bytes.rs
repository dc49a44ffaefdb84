//! Any bytes at all: no panic, an end, and lines that exist.

use std::io::{self, Read};

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

/// Hands out a text in pieces of a few bytes, as a pipe does.
struct Dripping<'a> {
    text: &'a [u8],
    piece: usize,
}

impl Read for Dripping<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let (now, later) = self.text.split_at(self.piece.min(buffer.len()).min(self.text.len()));
        buffer[..now.len()].copy_from_slice(now);
        self.text = later;
        Ok(now.len())
    }
}

/// Reads everything there is; gives the rows' lines.
fn read_all(text: &[u8], piece: usize) -> Vec<u64> {
    let mut pictures = PictureChecks::new();
    let reader = Dripping { text, piece };
    let default = Reading::default();
    let base = Path::new("no-such-folder");
    let Ok(rows) = ManifestReader::from_reader("jobs.csv", base, reader, &default, &mut pictures) else {
        return Vec::new();
    };
    let line = |row: Row| match row {
        Row::Good(row) => row.line,
        Row::Rejected(row) => {
            assert!(!row.problems.is_empty());
            row.line
        }
    };
    rows.map_while(Result::ok).map(line).collect()
}

/// Bytes that mean something in a manifest, more often than chance would have them.
fn telling_bytes() -> impl Strategy<Value = Vec<u8>> {
    let pieces = prop_oneof![
        Just(b",".to_vec()),
        Just(b";".to_vec()),
        Just(b"\"".to_vec()),
        Just(b"\n".to_vec()),
        Just(b"\r\n".to_vec()),
        Just(b"https://x.example/%41%".to_vec()),
        Just(b"data:".to_vec()),
        Just(b"\xef\xbb\xbf".to_vec()),
        vec(any::<u8>(), 0..4),
    ];
    vec(pieces, 0..60).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn any_bytes_are_read_to_an_end(text in vec(any::<u8>(), 0..500), piece in 1usize..9) {
        read_all(&text, piece);
    }

    #[test]
    fn any_rows_are_read_to_an_end_with_lines_that_rise_and_exist(
        separator in prop_oneof![Just(","), Just(";"), Just("\t")],
        rows in telling_bytes(),
        piece in 1usize..9,
    ) {
        let header = "human,cloth,id,cloth_image_2,priority\n".replace(',', separator);
        let text = [header.as_bytes(), &rows].concat();
        let lines = read_all(&text, piece);
        let last_line = text.split(|byte| *byte == b'\n').count() as u64;
        prop_assert!(lines.is_sorted_by(|a, b| a < b));
        prop_assert!(lines.iter().all(|line| (2..=last_line).contains(line)));
        prop_assert_eq!(lines, read_all(&text, 4096));
    }
}
