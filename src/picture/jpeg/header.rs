//! What is before a JPEG's first pixels.

use std::io::{BufRead, Cursor, Seek};

use super::JpegError;
use super::segments::{END_OF_IMAGE, START_OF_SCAN, Segments};

/// How a frame is coded: the start-of-frame markers of T.81, table B.1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::picture) enum Process {
    /// Each block at once: baseline and extended.
    Sequential,
    /// Each block in several scans.
    Progressive,
    /// A lossless or a hierarchical process: viewers differ about both.
    Rare(&'static str),
}

/// What the components of a pixel mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::picture) enum Colour {
    Grey,
    YCbCr,
    Rgb,
    /// Four inks, stored inverted as Adobe does: 255 is no ink.
    Cmyk,
    /// The same, with the first three turned into brightness and colour.
    Ycck,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::picture) struct Component {
    pub(super) id: u8,
    /// Sampling factors, 1 to 4.
    pub(super) across: usize,
    pub(super) down: usize,
    /// Which quantisation table it uses.
    pub(super) table: usize,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::picture) struct Header {
    pub(in crate::picture) process: Process,
    /// Whether its codes are arithmetic ones, and not Huffman's.
    pub(in crate::picture) is_arithmetic: bool,
    /// Bits a sample: 8 or 12.
    pub(in crate::picture) precision: u8,
    pub(in crate::picture) width: usize,
    pub(in crate::picture) height: usize,
    pub(in crate::picture) components: Vec<Component>,
    /// Whether the first scan holds all components.
    pub(in crate::picture) is_interleaved: bool,
    /// The first Exif block, without its name. Viewers take the first of several: Pillow appends further ones to it,
    /// libexif and exiv2 stop at it.
    pub(in crate::picture) exif: Option<Vec<u8>>,
    /// The ICC profile, where all its pieces are there.
    pub(in crate::picture) profile: Option<Vec<u8>>,
    has_jfif: bool,
    /// The colour transform of Adobe's segment.
    adobe: Option<u8>,
}

impl Header {
    /// By libjpeg's rules (`default_decompress_parms`): JFIF is `YCbCr`, Adobe says what it is, else the ids tell.
    /// `None` for a number of components that no viewer knows.
    pub(in crate::picture) fn colour(&self) -> Option<Colour> {
        match self.components.as_slice() {
            [_] => Some(Colour::Grey),
            [_, _, _] => Some(match self.adobe {
                _ if self.has_jfif => Colour::YCbCr,
                Some(0) => Colour::Rgb,
                None if self.is_named_rgb() => Colour::Rgb,
                _ => Colour::YCbCr,
            }),
            [_, _, _, _] => Some(if self.adobe == Some(2) { Colour::Ycck } else { Colour::Cmyk }),
            _ => None,
        }
    }

    /// Whether the components' ids alone would make it RGB.
    pub(in crate::picture) fn is_named_rgb(&self) -> bool {
        self.components.iter().map(|component| component.id).eq(*b"RGB")
    }

    pub(in crate::picture) fn is_ink(&self) -> bool {
        self.components.len() == 4
    }

    /// Sampled as nearly all pictures are: brightness at most twice as dense as colour.
    pub(in crate::picture) fn is_sampled_as_usual(&self) -> bool {
        let is = |component: &Component, at_most: usize| component.across <= at_most && component.down <= at_most;
        match self.components.as_slice() {
            [grey] => is(grey, 1),
            [brightness, others @ ..] => is(brightness, 2) && others.iter().all(|other| is(other, 1)),
            [] => false,
        }
    }

    pub(super) fn most_across(&self) -> usize {
        self.components.iter().map(|component| component.across).max().unwrap_or(1)
    }

    pub(super) fn most_down(&self) -> usize {
        self.components.iter().map(|component| component.down).max().unwrap_or(1)
    }

    /// A component's own width and height, in samples.
    pub(super) fn size_of(&self, component: &Component) -> (usize, usize) {
        (
            (self.width * component.across).div_ceil(self.most_across()),
            (self.height * component.down).div_ceil(self.most_down()),
        )
    }
}

/// Reads the header of a JPEG from `reader`, which is just behind the start marker.
pub(in crate::picture) fn read_header(reader: impl BufRead + Seek) -> Result<Header, JpegError> {
    let mut segments = Segments::new(reader);
    let mut seen = Metadata::default();
    let mut frame = None;
    loop {
        let (marker, length) = segments.next()?;
        match marker {
            END_OF_IMAGE => return Err(JpegError::Damaged("it has no pixels")),
            START_OF_SCAN => {
                let count = segments.payload(length)?.first().copied().unwrap_or(0);
                return seen.complete(frame, usize::from(count));
            }
            // The last three among them are no frames.
            0xc0..=0xcf if !matches!(marker, 0xc4 | 0xc8 | 0xcc) => {
                let payload = segments.payload(length)?;
                if frame.is_some() {
                    return Err(JpegError::Damaged("it has two frames"));
                }
                frame = Some(read_frame(marker, &payload)?);
            }
            0xe0..=0xe2 | 0xee => seen.take(marker, &segments.payload(length)?),
            _ => segments.skip(length)?,
        }
    }
}

/// The JPEG without application segments, comments, and what lies between segments before the first scan.
pub(in crate::picture) fn without_metadata(jpeg: &[u8]) -> Result<Vec<u8>, JpegError> {
    let mut kept = Vec::with_capacity(jpeg.len());
    kept.extend(jpeg.get(..2).ok_or(JpegError::NoEnd)?);
    let mut segments = Segments::new(Cursor::new(jpeg));
    segments.skip(2)?;
    loop {
        let (marker, length) = segments.next()?;
        let payload = segments.payload(length)?;
        if !matches!(marker, 0xc0..=0xcf | 0xda..=0xdd) {
            continue;
        }
        kept.extend([0xff, marker]);
        kept.extend((length as u16 + 2).to_be_bytes());
        kept.extend(payload);
        if marker == START_OF_SCAN {
            let rest = segments.into_inner().position() as usize;
            kept.extend(jpeg.get(rest..).unwrap_or_default());
            return Ok(kept);
        }
    }
}

/// The parts of application segments that say how the pixels are to be shown.
#[derive(Debug, Default)]
struct Metadata {
    has_jfif: bool,
    adobe: Option<u8>,
    exif: Option<Vec<u8>>,
    /// Number, count and bytes of each piece.
    pieces: Vec<(u8, u8, Vec<u8>)>,
}

impl Metadata {
    /// Segments that are too short for what they are called are somebody else's, and left alone as by libjpeg.
    fn take(&mut self, marker: u8, payload: &[u8]) {
        match marker {
            0xe0 if payload.len() >= 14 && payload.starts_with(b"JFIF\0") => self.has_jfif = true,
            0xe1 if self.exif.is_none() => {
                self.exif = payload.strip_prefix(b"Exif\0").and_then(|rest| rest.get(1..)).map(<[u8]>::to_vec);
            }
            0xe2 => {
                if let Some([number, count, piece @ ..]) = payload.strip_prefix(b"ICC_PROFILE\0") {
                    self.pieces.push((*number, *count, piece.to_vec()));
                }
            }
            0xee if payload.len() >= 12 && payload.starts_with(b"Adobe") => self.adobe = Some(payload[11]),
            _ => {}
        }
    }

    fn profile(&mut self) -> Option<Vec<u8>> {
        let count = self.pieces.first()?.1;
        self.pieces.sort_by_key(|(number, ..)| *number);
        let is_whole = self.pieces.len() == usize::from(count)
            && self.pieces.iter().zip(1..).all(|((number, of, _), expected)| *number == expected && *of == count);
        is_whole.then(|| self.pieces.iter().flat_map(|(.., piece)| piece.iter().copied()).collect())
    }

    fn complete(mut self, frame: Option<Frame>, scan_components: usize) -> Result<Header, JpegError> {
        let Frame { process, is_arithmetic, precision, width, height, components } =
            frame.ok_or(JpegError::Damaged("its pixels come before their size"))?;
        Ok(Header {
            process,
            is_arithmetic,
            precision,
            width,
            height,
            is_interleaved: scan_components == components.len(),
            components,
            profile: self.profile(),
            exif: self.exif,
            has_jfif: self.has_jfif,
            adobe: self.adobe,
        })
    }
}

#[derive(Debug)]
struct Frame {
    process: Process,
    is_arithmetic: bool,
    precision: u8,
    width: usize,
    height: usize,
    components: Vec<Component>,
}

fn read_frame(marker: u8, payload: &[u8]) -> Result<Frame, JpegError> {
    const BROKEN: JpegError = JpegError::Damaged("its frame header is broken");
    let [precision, h1, h0, w1, w0, count, rest @ ..] = payload else { return Err(BROKEN) };
    let (width, height) = (u16::from_be_bytes([*w1, *w0]), u16::from_be_bytes([*h1, *h0]));
    let process = match marker {
        0xc0 | 0xc1 | 0xc9 => Process::Sequential,
        0xc2 | 0xca => Process::Progressive,
        0xc3 | 0xcb => Process::Rare("a lossless JPEG"),
        _ => Process::Rare("a hierarchical JPEG"),
    };
    if height == 0 {
        return Err(JpegError::Unsupported("a JPEG that tells its height after its pixels"));
    }
    if width == 0 || rest.len() < usize::from(*count) * 3 || !(1..=4).contains(count) {
        return Err(BROKEN);
    }
    let components: Vec<Component> = rest
        .chunks_exact(3)
        .take(usize::from(*count))
        .map(|part| Component {
            id: part[0],
            across: usize::from(part[1] >> 4),
            down: usize::from(part[1] & 15),
            table: usize::from(part[2]),
        })
        .collect();
    let is_sampled = |factor: usize| (1..=4).contains(&factor);
    if components.iter().any(|one| !is_sampled(one.across) || !is_sampled(one.down) || one.table > 3) {
        return Err(BROKEN);
    }
    let is_arithmetic = matches!(marker, 0xc9 | 0xca);
    Ok(Frame { process, is_arithmetic, precision: *precision, width: width.into(), height: height.into(), components })
}
