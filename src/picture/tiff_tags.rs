//! The tags of a TIFF's first picture that decide whether it is decoded rightly here.
//!
//! The decoder (tiff 0.11) undoes the predictor after it has dropped samples that are no colour, which scrambles the
//! picture, and does not tell premultiplied alpha from the other. Both are seen here, before it is asked.

use std::io::{Read, Seek, SeekFrom};

/// More tags than this has no picture.
const MAX_TAGS: u64 = 1024;

/// What the first directory says, as far as it matters; values that it leaves out are TIFF 6.0's defaults.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Tags {
    pub(super) width: u32,
    pub(super) height: u32,
    bits: u16,
    compression: u16,
    photometric: u16,
    photometric_at: u64,
    samples: u16,
    fill_order: u16,
    planar: u16,
    predictor: u16,
    inks: u16,
    extra: Extra,
    sample_format: u16,
    is_tiled: bool,
    is_big_endian: bool,
}

/// The samples of a pixel that are no colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Extra {
    count: u64,
    /// What the first one is: 0 anything, 1 premultiplied alpha, 2 alpha.
    first: u16,
    /// Where that is said.
    at: u64,
}

/// What the sample beside the colours of a pixel is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Beside {
    Alpha,
    /// Alpha by which the colours are multiplied already.
    Premultiplied,
    /// Nothing that viewers show: a saved selection, say.
    Idle,
    /// The fourth ink.
    Black,
}

impl Tags {
    /// What such a TIFF is, where it is not decoded here; completes "is …".
    pub(super) fn not_decoded(&self) -> Option<&'static str> {
        match self.compression {
            1 | 5 | 8 | 32_773 | 32_946 => {}
            6 | 7 => return Some("a TIFF that holds a JPEG"),
            _ => return Some("a TIFF that is packed in an unusual way"),
        }
        let colours = match self.photometric {
            0 | 1 => 1,
            2 => 3,
            3 => return Some("a TIFF with a palette"),
            5 if self.inks == 1 => 4,
            6 => return Some("a TIFF in YCbCr"),
            8..=10 => return Some("a TIFF in Lab"),
            _ => return Some("a TIFF of an unusual kind"),
        };
        let extra = self.samples.saturating_sub(colours);
        let is_bilevel = self.bits == 1 && colours == 1 && extra == 0;
        if !(is_bilevel || matches!(self.bits, 8 | 16)) || self.sample_format != 1 {
            return Some("a TIFF of unusual depth");
        }
        // One sample that is no colour is told apart beside RGB only, and only where all lie together.
        let is_extra_known = extra == 0 || extra == 1 && colours == 3 && self.planar == 1 && self.extra.count <= 1;
        let is_plain = self.samples >= colours && self.fill_order == 1 && matches!(self.predictor, 1 | 2);
        // The decoder gives up at tiles of one colour each.
        let is_laid_out = self.planar == 1 || self.planar == 2 && colours != 4 && !self.is_tiled;
        (!(is_plain && is_extra_known && is_laid_out)).then_some("a TIFF of an unusual kind")
    }

    /// What the fourth sample is, where there is one.
    pub(super) fn beside(&self) -> Beside {
        match (self.photometric, self.extra) {
            (5, _) => Beside::Black,
            (_, Extra { count: 1.., first: 1, .. }) => Beside::Premultiplied,
            (_, Extra { count: 1.., first: 0, .. }) => Beside::Idle,
            _ => Beside::Alpha,
        }
    }

    /// Which two bytes to put where, so that the decoder gives the samples as they are: inks as if they were RGB with
    /// alpha, and a sample that is nothing as if it were alpha.
    pub(super) fn patch(&self) -> Option<(u64, [u8; 2])> {
        let two = if self.is_big_endian { [0, 2] } else { [2, 0] };
        match self.beside() {
            Beside::Black => Some((self.photometric_at, two)),
            Beside::Idle if self.photometric == 2 => Some((self.extra.at, two)),
            _ => None,
        }
    }
}

/// Reads the first directory. `None` where it is damaged.
pub(super) fn read(reader: impl Read + Seek) -> Option<Tags> {
    let mut reader = Words { reader, is_big_endian: false, is_big: false };
    let order = reader.bytes::<2>()?;
    reader.is_big_endian = &order == b"MM";
    reader.is_big = reader.short()? == 43;
    if reader.is_big {
        reader.bytes::<4>()?;
    }
    let directory = reader.place()?;
    reader.reader.seek(SeekFrom::Start(directory)).ok()?;
    let count = if reader.is_big { reader.place()? } else { reader.short()?.into() };
    let mut tags = Tags {
        width: 0,
        height: 0,
        bits: 1,
        compression: 1,
        photometric: 1,
        photometric_at: 0,
        samples: 1,
        fill_order: 1,
        planar: 1,
        predictor: 1,
        inks: 1,
        extra: Extra { count: 0, first: 0, at: 0 },
        sample_format: 1,
        is_tiled: false,
        is_big_endian: reader.is_big_endian,
    };
    let (header, entry_bytes) = if reader.is_big { (8, 20) } else { (2, 12) };
    for number in 0..count.min(MAX_TAGS) {
        let entry = directory.checked_add(header)?.checked_add(number * entry_bytes)?;
        reader.reader.seek(SeekFrom::Start(entry)).ok()?;
        tags.take(&mut reader)?;
    }
    (tags.width > 0 && tags.height > 0).then_some(tags)
}

impl Tags {
    fn take(&mut self, reader: &mut Words<impl Read + Seek>) -> Option<()> {
        let (tag, kind) = (reader.short()?, reader.short()?);
        let count = reader.place()?;
        let slot = match tag {
            256 => return reader.value(kind).map(|value| self.width = value),
            257 => return reader.value(kind).map(|value| self.height = value),
            258 => &mut self.bits,
            259 => &mut self.compression,
            262 => &mut self.photometric,
            266 => &mut self.fill_order,
            277 => &mut self.samples,
            284 => &mut self.planar,
            317 => &mut self.predictor,
            332 => &mut self.inks,
            339 => &mut self.sample_format,
            322 => {
                self.is_tiled = true;
                return Some(());
            }
            338 => {
                let at = reader.place_of_values(count.checked_mul(2)?)?;
                self.extra = Extra { count, first: reader.short()?, at };
                return Some(());
            }
            _ => return Some(()),
        };
        if kind == 3 {
            let at = reader.place_of_values(count.checked_mul(2)?)?;
            if tag == 262 {
                self.photometric_at = at;
            }
            let values: Vec<u16> = (0..count.min(8)).map(|_| reader.short()).collect::<Option<_>>()?;
            let first = *values.first()?;
            // Samples of different depths are decoded by nobody.
            let value = if values.iter().all(|value| *value == first) { first } else { u16::MAX };
            *slot = value;
        } else {
            *slot = u16::try_from(reader.value(kind)?).unwrap_or(u16::MAX);
        }
        Some(())
    }
}

/// Numbers in the file's byte order.
struct Words<R> {
    reader: R,
    is_big_endian: bool,
    /// Whether places have 64 bits.
    is_big: bool,
}

impl<R: Read + Seek> Words<R> {
    fn bytes<const N: usize>(&mut self) -> Option<[u8; N]> {
        let mut bytes = [0; N];
        self.reader.read_exact(&mut bytes).ok()?;
        Some(bytes)
    }

    fn short(&mut self) -> Option<u16> {
        let bytes = self.bytes()?;
        Some(if self.is_big_endian { u16::from_be_bytes(bytes) } else { u16::from_le_bytes(bytes) })
    }

    fn long(&mut self) -> Option<u32> {
        let bytes = self.bytes()?;
        Some(if self.is_big_endian { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) })
    }

    fn place(&mut self) -> Option<u64> {
        if !self.is_big {
            return self.long().map(u64::from);
        }
        let bytes = self.bytes()?;
        Some(if self.is_big_endian { u64::from_be_bytes(bytes) } else { u64::from_le_bytes(bytes) })
    }

    /// One value in the place for it: a byte, a short or a long.
    fn value(&mut self, kind: u16) -> Option<u32> {
        match kind {
            1 => self.bytes::<1>().map(|[byte]| byte.into()),
            3 => self.short().map(u32::from),
            4 => self.long(),
            16 => self.place().and_then(|value| u32::try_from(value).ok()),
            _ => None,
        }
    }

    /// Goes to the values of a tag, which are in the place for them where they fit into it; returns where they are.
    fn place_of_values(&mut self, bytes: u64) -> Option<u64> {
        let at =
            if bytes <= if self.is_big { 8 } else { 4 } { self.reader.stream_position().ok()? } else { self.place()? };
        self.reader.seek(SeekFrom::Start(at)).ok()
    }
}
