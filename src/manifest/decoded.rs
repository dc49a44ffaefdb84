//! Bytes in another encoding, read as UTF-8. What cannot be decoded ends the reading: a replaced character in an id or
//! a path would name something else.

use std::io::{self, Read};

use encoding_rs::{Decoder, DecoderResult, Encoding};

/// How much is decoded at a time, in bytes.
const CHUNK_BYTES: usize = 1 << 16;

/// A text that is not in the encoding that was named for it.
#[derive(Debug, thiserror::Error)]
#[error("line {line} is not in the encoding {encoding}")]
pub(super) struct Undecodable {
    /// The physical line on which the text breaks; the first is 1.
    pub(super) line: u64,
    /// The encoding that was named.
    pub(super) encoding: &'static str,
}

/// A reader that decodes.
pub(super) struct Decoded<R> {
    input: R,
    encoding: &'static Encoding,
    decoder: Decoder,
    /// What was read and is not decoded yet.
    raw: Vec<u8>,
    raw_begin: usize,
    has_ended: bool,
    /// What is decoded and was not handed out yet.
    text: Vec<u8>,
    text_begin: usize,
    text_end: usize,
    line: u64,
}

impl<R: Read> Decoded<R> {
    pub(super) fn new(input: R, encoding: &'static Encoding) -> Self {
        Self {
            input,
            encoding,
            // A byte order mark is taken off; one of another encoding is believed, and that encoding is read.
            decoder: encoding.new_decoder(),
            raw: Vec::new(),
            raw_begin: 0,
            has_ended: false,
            text: vec![0; 2 * CHUNK_BYTES],
            text_begin: 0,
            text_end: 0,
            line: 1,
        }
    }

    /// Decodes the next piece; leaves nothing to hand out at the end.
    fn decode_more(&mut self) -> io::Result<()> {
        (self.text_begin, self.text_end) = (0, 0);
        while self.text_end == 0 && !(self.has_ended && self.raw.len() == self.raw_begin) {
            if self.raw_begin == self.raw.len() && !self.has_ended {
                self.read_more()?;
            }
            let raw = &self.raw[self.raw_begin..];
            let (result, read, written) =
                self.decoder.decode_to_utf8_without_replacement(raw, &mut self.text, self.has_ended);
            self.raw_begin += read;
            self.text_end = written;
            self.line += self.text[..written].iter().filter(|byte| **byte == b'\n').count() as u64;
            if let DecoderResult::Malformed(..) = result {
                let undecodable = Undecodable { line: self.line, encoding: self.encoding.name() };
                return Err(io::Error::new(io::ErrorKind::InvalidData, undecodable));
            }
        }
        Ok(())
    }

    fn read_more(&mut self) -> io::Result<()> {
        self.raw.resize(CHUNK_BYTES, 0);
        self.raw_begin = 0;
        let read = loop {
            match self.input.read(&mut self.raw) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                read => break read,
            }
        };
        self.raw.truncate(*read.as_ref().unwrap_or(&0));
        self.has_ended = read? == 0;
        Ok(())
    }
}

impl<R: Read> Read for Decoded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.text_begin == self.text_end {
            self.decode_more()?;
        }
        let read = (&self.text[self.text_begin..self.text_end]).read(buffer)?;
        self.text_begin += read;
        Ok(read)
    }
}

/// A piece of text decoded; `None` where it is not in that encoding.
pub(super) fn decoded(bytes: &[u8], encoding: &'static Encoding) -> Option<String> {
    encoding.decode_without_bom_handling_and_without_replacement(bytes).map(std::borrow::Cow::into_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8], encoding: &'static Encoding, piece: usize) -> io::Result<String> {
        let mut decoded = Decoded::new(bytes, encoding);
        let (mut text, mut buffer) = (Vec::new(), vec![0; piece]);
        loop {
            match decoded.read(&mut buffer)? {
                0 => return Ok(String::from_utf8(text).expect("UTF-8")),
                read => text.extend_from_slice(&buffer[..read]),
            }
        }
    }

    #[test]
    fn a_text_is_decoded_whatever_the_pieces_are() {
        let long = "女衣,ana.png\n".repeat(20_000);
        for encoding in [encoding_rs::GB18030, encoding_rs::BIG5, encoding_rs::UTF_8] {
            let (bytes, ..) = encoding.encode(&long);
            for piece in [1, 3, 4096] {
                assert_eq!(read(&bytes, encoding, piece).expect("text"), long);
            }
        }
        let utf_16: Vec<u8> = "\u{feff}é\n".encode_utf16().flat_map(u16::to_be_bytes).collect();
        assert_eq!(read(&utf_16, encoding_rs::UTF_16LE, 2).expect("text"), "é\n", "the mark is believed");
    }

    #[test]
    fn what_cannot_be_decoded_is_an_error_with_its_line() {
        for bytes in [&b"a\nb\xff\n"[..], b"a\n\xb0", b"a\n\xb0\x0a"] {
            let error = read(bytes, encoding_rs::GBK, 8).expect_err("refused");
            let line = error.get_ref().and_then(|error| error.downcast_ref::<Undecodable>()).map(|error| error.line);
            assert_eq!(line, Some(2), "{bytes:?}");
        }
    }
}
