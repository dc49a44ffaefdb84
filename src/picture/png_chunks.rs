//! The chunks of a PNG that its pixels need, without the others.
//!
//! Viewers ignore an ancillary chunk that they cannot make sense of; decoders refuse the picture over some of them.
//! So a decoder here gets to see the critical chunks only, and transparency where that is wanted. The profile and
//! the orientation are read here, leniently.

use std::io::{self, BufRead, Cursor, Read};

const SIGNATURE: usize = 8;

/// One chunk: length, kind, data and checksum as they lie in the file.
struct Chunk<'a> {
    kind: &'a [u8],
    data: &'a [u8],
    whole: &'a [u8],
}

/// Goes over the chunks up to the end chunk, or to where the file is cut off.
fn chunks(png: &[u8]) -> impl Iterator<Item = Chunk<'_>> {
    let mut rest = png.get(SIGNATURE..).unwrap_or_default();
    let mut is_over = false;
    std::iter::from_fn(move || {
        if is_over {
            return None;
        }
        let length = u32::from_be_bytes(*rest.first_chunk()?) as usize;
        let kind = rest.get(4..8)?;
        let (data, whole) = match rest.split_at_checked(length.checked_add(12)?) {
            Some((whole, behind)) => {
                rest = behind;
                (&whole[8..8 + length], whole)
            }
            // What there is of a chunk that was cut off goes to the decoder, so that it says so.
            None => {
                is_over = true;
                (&rest[8..], rest)
            }
        };
        is_over |= kind == b"IEND";
        Some(Chunk { kind, data, whole })
    })
}

/// The file without what its pixels do not need.
pub(super) struct Pruned<'a> {
    pieces: Vec<&'a [u8]>,
}

impl<'a> Pruned<'a> {
    /// Keeps a `tRNS` chunk (which colour is transparent) where it is one of a length that can be meant.
    pub(super) fn of(png: &'a [u8]) -> Self {
        let mut pieces = vec![&png[..SIGNATURE.min(png.len())]];
        let (mut colour, mut palette, mut has_pixels, mut has_transparency) = (0, 0, false, false);
        for chunk in chunks(png) {
            match chunk.kind {
                b"IHDR" => colour = chunk.data.get(9).copied().unwrap_or(0),
                b"PLTE" => palette = chunk.data.len() / 3,
                b"IDAT" => has_pixels = true,
                _ => {}
            }
            let is_wanted = match chunk.kind {
                b"tRNS" => {
                    !has_pixels
                        && !std::mem::replace(&mut has_transparency, true)
                        && is_transparency(colour, palette, &chunk)
                }
                kind => is_critical(kind),
            };
            if is_wanted {
                pieces.push(chunk.whole);
            }
        }
        Self { pieces }
    }

    /// A reader of what is left, for a decoder.
    pub(super) fn reader(self) -> impl BufRead + io::Seek + 'a {
        Rope { pieces: self.pieces, piece: 0, at: 0 }
    }
}

/// The case of the first letter says so (PNG, 5.4), of kinds that nobody knows as well: the decoder has to refuse them.
fn is_critical(kind: &[u8]) -> bool {
    kind.first().is_some_and(|letter| letter & 0x20 == 0)
}

fn is_transparency(colour: u8, palette: usize, chunk: &Chunk<'_>) -> bool {
    let is_long_enough = match colour {
        0 => chunk.data.len() == 2,
        2 => chunk.data.len() == 6,
        3 => !chunk.data.is_empty() && chunk.data.len() <= palette,
        _ => false,
    };
    let has_checksum = chunk.whole.len() == chunk.data.len() + 12;
    is_long_enough && has_checksum
}

/// What is said about the pixels besides them.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Remarks {
    /// The Exif block.
    pub(super) exif: Option<Vec<u8>>,
    /// The ICC profile, unpacked.
    pub(super) profile: Option<Vec<u8>>,
}

/// No profile is larger than this, in bytes; those of printers have two million.
const MOST_PROFILE_BYTES: u64 = 16 << 20;

/// Reads what is said about a PNG's pixels. What cannot be read is not there. An `sRGB` chunk does not count against a
/// profile, nor one after the pixels for one.
pub(super) fn remarks(png: &[u8]) -> Remarks {
    let mut remarks = Remarks::default();
    let mut has_pixels = false;
    for chunk in chunks(png) {
        match chunk.kind {
            b"IDAT" => has_pixels = true,
            b"eXIf" if remarks.exif.is_none() => remarks.exif = Some(chunk.data.to_vec()),
            b"iCCP" if !has_pixels && remarks.profile.is_none() => remarks.profile = unpacked(chunk.data),
            _ => {}
        }
    }
    remarks
}

/// Name, zero, method (0 is zlib), data.
fn unpacked(chunk: &[u8]) -> Option<Vec<u8>> {
    let end_of_name = chunk.iter().take(80).position(|byte| *byte == 0)?;
    let packed = chunk.get(end_of_name + 2..)?;
    let mut profile = Vec::new();
    let unpacking = flate2::read::ZlibDecoder::new(packed).take(MOST_PROFILE_BYTES + 1).read_to_end(&mut profile);
    (unpacking.is_ok() && profile.len() as u64 <= MOST_PROFILE_BYTES).then_some(profile)
}

/// Pieces read one after the other.
struct Rope<'a> {
    pieces: Vec<&'a [u8]>,
    piece: usize,
    at: usize,
}

impl Read for Rope<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = Cursor::new(self.fill_buf()?).read(buffer)?;
        self.consume(count);
        Ok(count)
    }
}

impl BufRead for Rope<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        while self.pieces.get(self.piece).is_some_and(|piece| self.at >= piece.len()) {
            self.piece += 1;
            self.at = 0;
        }
        Ok(self.pieces.get(self.piece).map_or(&[], |piece| &piece[self.at..]))
    }

    fn consume(&mut self, count: usize) {
        self.at += count;
    }
}

/// The decoder asks for it, and uses it for nothing that is read here.
impl io::Seek for Rope<'_> {
    fn seek(&mut self, _to: io::SeekFrom) -> io::Result<u64> {
        Err(io::ErrorKind::Unsupported.into())
    }
}
