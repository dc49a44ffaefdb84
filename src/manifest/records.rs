//! Bytes to cells: one CSV record at a time, with the physical line on which it begins.
//!
//! csv-core does the parsing. It is used directly, and not through `csv::Reader`, because that one cannot
//! say three things that users are promised: the line of a row after blank lines or CRLF (its `Position` is
//! taken before both are skipped), that a quote was never closed, and that a row has outgrown its bound.

use std::io::{self, BufRead};

use csv_core::{ReadRecordResult, ReaderBuilder, Terminator};

use super::separator::Separator;

/// The longest record that is read. An unclosed quote swallows the rest of the file; this stops it.
const MAX_RECORD_BYTES: usize = 1 << 20;

/// Why no further record can be read. Lines are those on which the record begins.
#[derive(Debug)]
pub(super) enum BrokenRecord {
    UnclosedQuote { line: u64 },
    TooLong { line: u64 },
    Io(io::Error),
}

/// The records of a CSV text. Blank lines are counted and skipped.
pub(super) struct Records<R> {
    input: R,
    parser: csv_core::Reader,
    /// Line ends that were skipped without showing them to the parser, which counts its own.
    blank_lines: u64,
    /// The cells of the current record, one after the other.
    text: Vec<u8>,
    /// Where each of them ends in `text`.
    ends: Vec<usize>,
    text_len: usize,
    cells: usize,
    /// Where the current record begins, and on how many lines it is.
    line: u64,
    lines: u64,
}

/// One record. Lives until the next is read.
#[derive(Clone, Copy)]
pub(super) struct Record<'a> {
    /// The physical line on which it begins; the first line of the file is 1.
    pub(super) line: u64,
    /// On how many physical lines it is; over one where quotes hold line breaks.
    pub(super) lines: u64,
    text: &'a [u8],
    ends: &'a [usize],
}

impl<'a> Record<'a> {
    /// How many cells it has.
    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether it is in ASCII throughout.
    pub(super) fn is_ascii(&self) -> bool {
        self.text.is_ascii()
    }

    /// Whether it is in UTF-8 throughout.
    pub(super) fn is_utf_8(&self) -> bool {
        (0..self.len()).all(|index| std::str::from_utf8(self.cell(index).unwrap_or_default()).is_ok())
    }

    /// The cell at a position, as it is in the file but for its quotes.
    pub(super) fn cell(&self, index: usize) -> Option<&'a [u8]> {
        let end = *self.ends.get(index)?;
        let begin = index.checked_sub(1).map_or(0, |before| self.ends[before]);
        self.text.get(begin..end)
    }
}

impl<R: BufRead> Records<R> {
    pub(super) fn new(input: R, separator: Separator) -> Self {
        // With LF as the only terminator, a CR before it ends up in the last cell, where trimming takes it
        // off; a stray CR elsewhere does not tear its row in two, and lines are what other programs count.
        let parser = ReaderBuilder::new().delimiter(separator.byte()).terminator(Terminator::Any(b'\n')).build();
        Self {
            input,
            parser,
            blank_lines: 0,
            text: vec![0; 1024],
            ends: vec![0; 32],
            text_len: 0,
            cells: 0,
            line: 0,
            lines: 0,
        }
    }

    /// The next record that is not a blank line, or `None` at the end.
    pub(super) fn next(&mut self) -> Result<Option<Record<'_>>, BrokenRecord> {
        let line = loop {
            self.skip_empty_lines().map_err(BrokenRecord::Io)?;
            let line = self.parser.line() + self.blank_lines;
            if !self.read_record(line)? {
                return Ok(None);
            }
            // A line of white space, the CR of a CRLF included, is as blank as an empty one, and so is a line of
            // separators alone: a spreadsheet writes an empty row like that.
            let is_blank = self.text[..self.text_len].trim_ascii().is_empty();
            if !is_blank && !self.is_remark() {
                break line;
            }
        };
        (self.line, self.lines) = (line, self.parser.line() + self.blank_lines - line);
        Ok(Some(self.current()))
    }

    /// The record that was read last.
    pub(super) fn current(&self) -> Record<'_> {
        let (text, ends) = (&self.text[..self.text_len], &self.ends[..self.cells]);
        Record { line: self.line, lines: self.lines, text, ends }
    }

    /// What of the input comes next and is at hand.
    pub(super) fn at_hand(&mut self) -> &[u8] {
        fill(&mut self.input).unwrap_or_default()
    }

    /// Whether the record is a first cell that begins with `#`, and nothing else: a remark, which is passed over.
    fn is_remark(&self) -> bool {
        let (first, others) = self.text[..self.text_len].split_at(self.ends.first().copied().unwrap_or_default());
        first.trim_ascii_start().starts_with(b"#") && others.trim_ascii().is_empty()
    }

    /// The parser would skip these too, but a record's line is that of its first byte, so it must not begin before them.
    fn skip_empty_lines(&mut self) -> io::Result<()> {
        loop {
            let input = fill(&mut self.input)?;
            let count = input.iter().take_while(|byte| **byte == b'\n').count();
            if count == 0 {
                return Ok(());
            }
            self.input.consume(count);
            self.blank_lines += count as u64;
        }
    }

    /// Reads one record into the buffers; `false` at the end.
    fn read_record(&mut self, line: u64) -> Result<bool, BrokenRecord> {
        (self.text_len, self.cells) = (0, 0);
        let mut consumed = 0;
        loop {
            let input = fill(&mut self.input).map_err(BrokenRecord::Io)?;
            let is_end = input.is_empty();
            if is_end && consumed == 0 {
                return Ok(false);
            }
            // The last line is ended for files that do not. If that does not end the record, a quote is open.
            let input = if is_end { &b"\n"[..] } else { input };
            let (text, ends) = (&mut self.text[self.text_len..], &mut self.ends[self.cells..]);
            let (result, read, written, cells) = self.parser.read_record(input, text, ends);
            if !is_end {
                self.input.consume(read);
            }
            consumed += read;
            self.text_len += written;
            self.cells += cells;
            match result {
                ReadRecordResult::Record => return Ok(true),
                ReadRecordResult::OutputFull => self.text.resize(self.text.len() * 2, 0),
                ReadRecordResult::OutputEndsFull => self.ends.resize(self.ends.len() * 2, 0),
                ReadRecordResult::InputEmpty if is_end => return Err(BrokenRecord::UnclosedQuote { line }),
                ReadRecordResult::InputEmpty => {}
                ReadRecordResult::End => return Ok(false),
            }
            if consumed > MAX_RECORD_BYTES {
                return Err(BrokenRecord::TooLong { line });
            }
        }
    }
}

/// The bytes at hand, at least one unless the input has ended.
fn fill<R: BufRead>(input: &mut R) -> io::Result<&[u8]> {
    let at_hand = loop {
        match input.fill_buf() {
            Ok(bytes) => break bytes.len(),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    };
    // What is buffered is handed out again without reading; a terminal is not asked twice for its end.
    if at_hand == 0 { Ok(&[]) } else { input.fill_buf() }
}

#[cfg(test)]
mod tests {
    use std::io::BufReader;

    use super::*;

    /// Every record's line and cells, read through a buffer of `capacity` bytes.
    fn all(text: &[u8], capacity: usize) -> Vec<(u64, Vec<String>)> {
        let mut records = Records::new(BufReader::with_capacity(capacity, text), Separator::Comma);
        let mut found = Vec::new();
        while let Some(record) = records.next().expect("record") {
            let cell = |index| String::from_utf8_lossy(record.cell(index).expect("cell")).trim().to_owned();
            found.push((record.line, (0..record.len()).map(cell).collect()));
        }
        found
    }

    #[test]
    fn a_record_begins_on_its_physical_line_whatever_stands_before_it() {
        let texts: [(&str, &[u64]); 7] = [
            ("a,b\n1,2\n3,4\n", &[1, 2, 3]),
            ("a,b\r\n1,2\r\n3,4", &[1, 2, 3]),
            ("\n\na,b\n\n\n1,2\n \t\n3,4\n\n", &[3, 6, 8]),
            ("\r\na,b\r\n\r\n1,2\r\n\r\n\r\n3,4\r\n", &[2, 4, 7]),
            ("a,b\n\"x\ny\",2\n3,4\n", &[1, 2, 4]),
            (",\r\na,b\r\n,\r\n1,2\r\n ,\" \"\r\n3,4\r\n,\r\n", &[2, 4, 6]),
            ("a,\"b\r\n\r\n\"\r\n\r\n\"\r\n\",2\r\n3,\"\n\n\"", &[1, 5, 7]),
        ];
        for (text, lines) in texts {
            for capacity in [1, 2, 3, 7, 4096] {
                let found = all(text.as_bytes(), capacity);
                assert_eq!(found.iter().map(|(line, _)| *line).collect::<Vec<_>>(), lines, "{text:?} by {capacity}");
                assert!(found.iter().all(|(_, cells)| cells.len() == 2), "{text:?} by {capacity}");
            }
        }
    }

    #[test]
    fn quotes_and_commas_in_cells_are_kept() {
        let found = all(b"\"a, \"\"b\"\"\",c\r\n", 4096);
        assert_eq!(found, [(1, vec!["a, \"b\"".to_owned(), "c".to_owned()])]);
    }

    #[test]
    fn a_quote_that_is_never_closed_is_reported_on_its_line() {
        let mut records = Records::new(&b"a,b\n\n1,\"2\n3,4\n5,6\n"[..], Separator::Comma);
        assert!(records.next().is_ok());
        assert!(matches!(records.next(), Err(BrokenRecord::UnclosedQuote { line: 3 })));
    }

    #[test]
    fn a_quote_that_is_closed_in_the_last_byte_is_closed() {
        assert_eq!(all(b"a,\"b\"", 4096).len(), 1);
        assert_eq!(all(b"a,\"b\n\"", 4096).len(), 1);
    }

    #[test]
    fn an_endless_record_is_stopped() {
        let text = [b"a,b\n1,\"".to_vec(), b"x,\n".repeat(1 << 20)].concat();
        let mut records = Records::new(BufReader::new(text.as_slice()), Separator::Comma);
        assert!(records.next().is_ok());
        assert!(matches!(records.next(), Err(BrokenRecord::TooLong { line: 2 })));
        assert!(records.text.len() <= 4 * MAX_RECORD_BYTES);
    }
}
