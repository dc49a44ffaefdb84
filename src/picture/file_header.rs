//! What a picture's header says: its size, whether it can be decoded here, and what may be taken wrong about it.
//! The pixels are not read.

use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};

use image::metadata::Orientation;

use super::jpeg::{JpegError, Process, read_header};
use super::probe::read_up_to;
use super::source::Bytes;
use super::{PictureFormat, exif, png_header, tiff_tags};

/// What a header says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct FileHeader {
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) peculiarity: Option<Peculiarity>,
    /// Why the picture cannot be decoded here, where the header tells; the text completes "is …".
    pub(super) not_decoded: Option<&'static str>,
}

/// What viewers show rightly, and a model may take wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Peculiarity {
    /// It has an alpha channel, or a colour that is transparent.
    Transparent,
    /// A note in it says how it is to be turned to stand upright.
    Turned,
    /// It is made for print, of four inks.
    Inks,
    /// A process of JPEG that few programs decode: arithmetic codes, 12 bits.
    RareProcess,
    /// A process of JPEG that fewer decode, and that is not decoded here: lossless, hierarchical.
    Unconvertible,
}

/// Why a header does not tell a size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum HeaderError {
    /// It is damaged.
    Damaged,
    /// It is a PNG as Apple's tools pack it into programs: renamed, filtered and packed in a way of its own.
    ApplePng,
}

/// Reads the header of `file`, which has `format` by its first bytes.
pub(super) fn read(file: &mut dyn Bytes, format: PictureFormat) -> Result<FileHeader, HeaderError> {
    let damaged = |_| HeaderError::Damaged;
    file.seek(SeekFrom::Start(0)).map_err(damaged)?;
    let mut reader = BufReader::new(file);
    match format {
        PictureFormat::Jpeg => {
            reader.seek_relative(2).map_err(damaged)?;
            jpeg(reader)
        }
        PictureFormat::Png => png_header::read(reader),
        PictureFormat::Bmp => bmp(reader).map_err(damaged),
        PictureFormat::Tiff => {
            let tags = tiff_tags::read(reader).ok_or(HeaderError::Damaged)?;
            let peculiarity = None;
            Ok(FileHeader { width: tags.width, height: tags.height, peculiarity, not_decoded: tags.not_decoded() })
        }
        PictureFormat::Avif => avif(reader).ok_or(HeaderError::Damaged),
        PictureFormat::WebP | PictureFormat::Gif => other(reader),
    }
}

impl FileHeader {
    pub(super) fn plain(width: u32, height: u32) -> Self {
        Self { width, height, peculiarity: None, not_decoded: None }
    }
}

fn jpeg(reader: impl BufRead + Seek) -> Result<FileHeader, HeaderError> {
    let header = read_header(reader).map_err(|error| match error {
        JpegError::NoEnd | JpegError::Damaged(_) | JpegError::Unsupported(_) => HeaderError::Damaged,
    })?;
    let not_decoded = match header.process {
        Process::Rare(what) => Some(what),
        Process::Sequential | Process::Progressive => match (header.precision, header.colour()) {
            (8 | 12, Some(_)) => None,
            _ => Some("a JPEG of an unusual kind"),
        },
    };
    let is_turned = exif::orientation(header.exif.as_deref()) != Orientation::NoTransforms;
    let peculiarity = if not_decoded.is_some() {
        Some(Peculiarity::Unconvertible)
    } else if header.precision != 8 || header.is_arithmetic {
        Some(Peculiarity::RareProcess)
    } else if header.is_ink() {
        Some(Peculiarity::Inks)
    } else {
        is_turned.then_some(Peculiarity::Turned)
    };
    Ok(FileHeader { width: header.width as u32, height: header.height as u32, peculiarity, not_decoded })
}

/// The file's header, and what matters of the picture's.
const BMP_HEAD_BYTES: usize = 54;

/// The first header of OS/2 has 16 bits for each side; all others have 32, and a negative height where the rows go from
/// the top down.
fn bmp(mut reader: impl Read) -> io::Result<FileHeader> {
    let mut head = [0; BMP_HEAD_BYTES];
    if read_up_to(&mut reader, &mut head)? < 26 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    let short = |at: usize| u16::from_le_bytes([head[at], head[at + 1]]);
    let long = |at: usize| u32::from_le_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]);
    let (header_bytes, is_first) = (long(14), long(14) == 12);
    let (width, height) = if is_first {
        (u32::from(short(18)), u32::from(short(20)))
    } else {
        (long(18).cast_signed().unsigned_abs(), long(22).cast_signed().unsigned_abs())
    };
    // Where pixels are said to lie on the palette, the decoder takes one for the other, and browsers refuse the file.
    // The first header does not tell how many colours there are: as many as come before the pixels.
    let colours = match (short(28), long(46)) {
        (9.., _) => 0,
        _ if is_first => 0,
        (bits, 0) => 1 << bits,
        (bits, used) => used.min(1 << bits),
    };
    let palette_end = 14 + u64::from(header_bytes) + 4 * u64::from(colours);
    let overlaps = colours > 0 && u64::from(long(10)) < palette_end;
    let not_decoded = overlaps.then_some("a damaged bitmap, of which palette and pixels overlap");
    Ok(FileHeader { not_decoded, ..FileHeader::plain(width, height) })
}

/// How far into an AVIF its size is looked for, in bytes: its table of contents comes first.
const MAX_AVIF_HEAD: u64 = 1 << 20;

/// The largest of the sizes in the table of contents: thumbnails, tiles and alpha have others.
fn avif(reader: impl Read) -> Option<FileHeader> {
    let mut head = Vec::new();
    reader.take(MAX_AVIF_HEAD).read_to_end(&mut head).ok()?;
    let number = |at: usize| Some(u32::from_be_bytes(*head.get(at..)?.first_chunk()?));
    let kinds = head.windows(4).enumerate().filter(|(_, kind)| kind == b"ispe");
    // Behind its kind a box of this kind has version and flags, width, height.
    let sizes = kinds.filter_map(|(at, _)| Some((number(at + 8)?, number(at + 12)?)));
    let (width, height) = sizes.max_by_key(|(width, height)| u64::from(*width) * u64::from(*height))?;
    (width > 0 && height > 0).then(|| FileHeader::plain(width, height))
}

fn other(reader: BufReader<&mut dyn Bytes>) -> Result<FileHeader, HeaderError> {
    let size =
        imagesize::reader_size(FewSeeks { file: reader, seeks_left: MAX_SEEKS }).map_err(|_| HeaderError::Damaged)?;
    let side = |side: usize| u32::try_from(side).map_err(|_| HeaderError::Damaged);
    Ok(FileHeader::plain(side(size.width)?, side(size.height)?))
}

/// Headers are reached in a few dozen jumps, so a file with thousands is made to keep us busy.
const MAX_SEEKS: u32 = 4096;

/// A file in which one can only jump this many times, and in which short jumps stay within the buffer.
struct FewSeeks<'a> {
    file: BufReader<&'a mut dyn Bytes>,
    seeks_left: u32,
}

impl Read for FewSeeks<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.file.read(buffer)
    }
}

impl BufRead for FewSeeks<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.file.fill_buf()
    }

    fn consume(&mut self, amount: usize) {
        self.file.consume(amount);
    }
}

impl Seek for FewSeeks<'_> {
    fn seek(&mut self, position: SeekFrom) -> io::Result<u64> {
        self.seeks_left = self.seeks_left.checked_sub(1).ok_or_else(|| io::Error::other("too many jumps"))?;
        match position {
            SeekFrom::Current(offset) => self.file.seek_relative(offset)?,
            position => return self.file.seek(position),
        }
        self.file.stream_position()
    }
}
