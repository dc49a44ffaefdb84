//! From marker to marker.

use std::io::{self, BufRead, Seek};

use super::JpegError;

/// Pictures have a few dozen segments, so one with thousands is made to keep us busy.
const MAX_SEGMENTS: u32 = 4096;

/// What lies between two segments of real files is padding to a page at most.
const MAX_JUNK: u64 = 1 << 20;

pub(super) const START_OF_IMAGE: u8 = 0xd8;
pub(super) const END_OF_IMAGE: u8 = 0xd9;
pub(super) const START_OF_SCAN: u8 = 0xda;

/// Reads segments one after the other, from just behind the start marker.
#[derive(Debug)]
pub(super) struct Segments<R> {
    reader: R,
    left: u32,
}

impl<R: BufRead + Seek> Segments<R> {
    pub(super) fn new(reader: R) -> Self {
        Self { reader, left: MAX_SEGMENTS }
    }

    /// The next marker, and the length of its segment's payload; 0 where the marker has none.
    ///
    /// Like libjpeg's `next_marker`, skips what is no marker (B.1.1.2 allows fill bytes; editors leave worse).
    pub(super) fn next(&mut self) -> Result<(u8, usize), JpegError> {
        self.left = self.left.checked_sub(1).ok_or(JpegError::Damaged("it has too many segments"))?;
        let marker = self.marker()?;
        if is_alone(marker) {
            return Ok((marker, 0));
        }
        let mut length = [0; 2];
        self.reader.read_exact(&mut length).map_err(end)?;
        // The length counts its own two bytes.
        let length = usize::from(u16::from_be_bytes(length));
        Ok((marker, length.checked_sub(2).ok_or(JpegError::Damaged("a segment is too short"))?))
    }

    fn marker(&mut self) -> Result<u8, JpegError> {
        let mut skipped = 0;
        let mut byte = self.byte()?;
        loop {
            while byte != 0xff {
                skipped += 1;
                if skipped > MAX_JUNK {
                    return Err(JpegError::Damaged("its header is not followed by pixels"));
                }
                byte = self.byte()?;
            }
            while byte == 0xff {
                byte = self.byte()?;
            }
            if byte != 0 {
                return Ok(byte);
            }
        }
    }

    fn byte(&mut self) -> Result<u8, JpegError> {
        let byte = *self.reader.fill_buf().map_err(end)?.first().ok_or(JpegError::NoEnd)?;
        self.reader.consume(1);
        Ok(byte)
    }

    pub(super) fn payload(&mut self, length: usize) -> Result<Vec<u8>, JpegError> {
        let mut payload = vec![0; length];
        self.reader.read_exact(&mut payload).map_err(end)?;
        Ok(payload)
    }

    pub(super) fn skip(&mut self, length: usize) -> Result<(), JpegError> {
        self.reader.seek_relative(length as i64).map_err(end)
    }

    pub(super) fn into_inner(self) -> R {
        self.reader
    }
}

/// Markers without a segment: TEM, restarts, start and end of image.
fn is_alone(marker: u8) -> bool {
    matches!(marker, 0x01 | 0xd0..=0xd9)
}

/// A file that cannot be read to the end is treated as one that has none.
fn end(_: io::Error) -> JpegError {
    JpegError::NoEnd
}
