//! All scans of a JPEG, one after the other.

use std::io::Cursor;

use super::arithmetic::{Arithmetic, Conditioning};
use super::bits::{Bits, Codes};
use super::header::{Component, Header, Process, read_header};
use super::planes::Plane;
use super::progressive::{Band, Progressive};
use super::segments::{END_OF_IMAGE, START_OF_IMAGE, START_OF_SCAN, Segments};
use super::{JpegError, idct};

/// More scans than any encoder makes. Without a bound a small file could keep us busy for hours.
const MAX_SCANS: u32 = 256;

/// What is kept of the pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::picture) enum Keep {
    /// The mean of each block of 8 x 8: enough to check a picture, and to look at it.
    Means,
    /// Everything.
    Pixels,
}

/// A JPEG that was read to its end.
#[derive(Debug)]
pub(in crate::picture) struct Scanned {
    pub(in crate::picture) header: Header,
    /// One for each component.
    pub(in crate::picture) planes: Vec<Plane>,
    /// Whether there were bytes after the last block of a scan. Viewers ignore them; they are also what is left when
    /// damage has made the decoder lose its place.
    pub(in crate::picture) has_surplus: bool,
}

impl Scanned {
    /// Refuses bytes after the last block of a scan, for inputs: nearly always a decoder has lost its place, and the cure
    /// costs nothing before the picture is sent.
    pub(in crate::picture) fn check_surplus(&self) -> Result<(), JpegError> {
        if self.has_surplus { Err(JpegError::Damaged("there is data after its last line")) } else { Ok(()) }
    }
}

pub(super) type Quantisation = [u16; 64];

/// Reads a whole JPEG.
pub(in crate::picture) fn read(jpeg: &[u8], keep: Keep) -> Result<Scanned, JpegError> {
    let header = read_header(Cursor::new(jpeg.get(2..).ok_or(JpegError::NoEnd)?))?;
    if let Process::Rare(what) = header.process {
        return Err(JpegError::Unsupported(what));
    }
    if !matches!(header.precision, 8 | 12) {
        return Err(JpegError::Unsupported("a JPEG of unusual depth"));
    }
    if header.colour().is_none() {
        return Err(JpegError::Unsupported("a JPEG of two components"));
    }
    let mut reader = Reader::new(jpeg, header, keep);
    reader.read_all()?;
    reader.complete()
}

struct Reader<'a> {
    jpeg: &'a [u8],
    header: Header,
    planes: Vec<Plane>,
    progressive: Option<Vec<Progressive>>,
    is_scanned: Vec<bool>,
    quantisation: [Option<Box<Quantisation>>; 4],
    dc: [Option<Codes>; 4],
    ac: [Option<Codes>; 4],
    conditioning: Conditioning,
    restart_interval: u32,
    has_surplus: bool,
}

/// What reads the data of a scan, up to a restart.
enum Coder<'a> {
    Huffman(Bits<'a>),
    Arithmetic(Arithmetic<'a>),
}

/// One component's part in a scan.
#[derive(Debug, Clone, Copy)]
struct Part {
    component: usize,
    dc: usize,
    ac: usize,
}

impl<'a> Reader<'a> {
    fn new(jpeg: &'a [u8], header: Header, keep: Keep) -> Self {
        let planes: Vec<Plane> =
            header.components.iter().map(|component| Plane::of(&header, component, keep)).collect();
        let progressive = (header.process == Process::Progressive)
            .then(|| planes.iter().map(|plane| Progressive::new(plane.blocks(), keep)).collect());
        let is_scanned = vec![false; planes.len()];
        Self {
            jpeg,
            header,
            planes,
            progressive,
            is_scanned,
            quantisation: [const { None }; 4],
            dc: [const { None }; 4],
            ac: [const { None }; 4],
            conditioning: Conditioning::default(),
            restart_interval: 0,
            has_surplus: false,
        }
    }

    fn read_all(&mut self) -> Result<(), JpegError> {
        let mut segments = Segments::new(Cursor::new(self.jpeg));
        segments.skip(2)?;
        let mut scans = 0;
        loop {
            let (marker, length) = segments.next()?;
            match marker {
                END_OF_IMAGE => return Ok(()),
                0xc4 => self.read_codes(&segments.payload(length)?)?,
                0xcc => self.conditioning.read(&segments.payload(length)?)?,
                0xdb => self.read_quantisation(&segments.payload(length)?)?,
                0xdd => {
                    let payload = segments.payload(length)?;
                    let interval = payload.first_chunk().ok_or(JpegError::Damaged("a segment is too short"))?;
                    self.restart_interval = u16::from_be_bytes(*interval).into();
                }
                START_OF_SCAN => {
                    scans += 1;
                    if scans > MAX_SCANS {
                        return Err(JpegError::Damaged("it has too many scans"));
                    }
                    let payload = segments.payload(length)?;
                    let mut cursor = segments.into_inner();
                    let end = self.read_scan(&payload, cursor.position() as usize)?;
                    cursor.set_position(end as u64);
                    segments = Segments::new(cursor);
                }
                0xdc => return Err(JpegError::Unsupported("a JPEG that tells its height after its pixels")),
                // A second picture begins before the first has ended: the rest of the first is missing.
                START_OF_IMAGE => return Err(JpegError::Damaged("lines are missing")),
                _ => segments.skip(length)?,
            }
        }
    }

    fn read_quantisation(&mut self, mut payload: &[u8]) -> Result<(), JpegError> {
        const BROKEN: JpegError = JpegError::Damaged("its quantisation table is broken");
        while let [kind, rest @ ..] = payload {
            let (is_wide, place) = (kind >> 4 == 1, usize::from(kind & 15));
            let length = if is_wide { 128 } else { 64 };
            let (bytes, rest) = rest.split_at_checked(length).ok_or(BROKEN)?;
            let slot = self.quantisation.get_mut(place).ok_or(BROKEN)?;
            let mut table = Box::new([0; 64]);
            for (at, value) in table.iter_mut().enumerate() {
                *value =
                    if is_wide { u16::from_be_bytes([bytes[2 * at], bytes[2 * at + 1]]) } else { bytes[at].into() };
            }
            *slot = Some(table);
            payload = rest;
        }
        Ok(())
    }

    fn read_codes(&mut self, mut payload: &[u8]) -> Result<(), JpegError> {
        const BROKEN: JpegError = JpegError::Damaged("its code table is broken");
        while let [kind, rest @ ..] = payload {
            let (counts, rest) = rest.split_first_chunk::<16>().ok_or(BROKEN)?;
            let total = counts.iter().map(|count| usize::from(*count)).sum();
            let (symbols, rest) = rest.split_at_checked(total).ok_or(BROKEN)?;
            let tables = if kind >> 4 == 0 { &mut self.dc } else { &mut self.ac };
            *tables.get_mut(usize::from(kind & 15)).ok_or(BROKEN)? = Some(Codes::new(counts, symbols)?);
            payload = rest;
        }
        Ok(())
    }

    /// Reads the scan whose data begins at `start`, and returns where it ends.
    fn read_scan(&mut self, payload: &[u8], start: usize) -> Result<usize, JpegError> {
        let (parts, band) = self.scan_header(payload)?;
        let mut coder = self.coder(start);
        let (across, down, is_interleaved) = self.units(&parts);
        let mut scan = Scan { parts, band, predictions: [0; 4], end_of_band_run: 0 };
        let mut until_restart = self.restart_interval;
        let mut restarts = 0;
        for y in 0..down {
            for x in 0..across {
                if self.restart_interval > 0 && until_restart == 0 {
                    coder = self.restart(coder, restarts)?;
                    restarts = (restarts + 1) & 7;
                    until_restart = self.restart_interval;
                    (scan.predictions, scan.end_of_band_run) = ([0; 4], 0);
                }
                until_restart = until_restart.wrapping_sub(1);
                self.read_unit(&mut scan, &mut coder, (x, y), is_interleaved)?;
            }
        }
        let (end, is_surplus) = coder.finish();
        self.has_surplus |= is_surplus;
        Ok(self.after_stray_restarts(end))
    }

    /// Encoders that restart after every this many units write one behind the last unit as well.
    fn after_stray_restarts(&self, at: usize) -> usize {
        match self.jpeg.get(at..) {
            Some([0xff, 0xd0..=0xd7, ..]) => at + 2,
            _ => at,
        }
    }

    fn coder(&self, at: usize) -> Coder<'a> {
        if self.header.is_arithmetic {
            Coder::Arithmetic(Arithmetic::new(self.jpeg, at, self.conditioning))
        } else {
            Coder::Huffman(Bits::new(self.jpeg, at))
        }
    }

    /// Goes over the restart marker that has to be here.
    fn restart(&mut self, coder: Coder<'a>, number: u8) -> Result<Coder<'a>, JpegError> {
        let (mut at, is_surplus) = coder.finish();
        self.has_surplus |= is_surplus;
        while self.jpeg.get(at + 1) == Some(&0xff) {
            at += 1;
        }
        if self.jpeg.get(at..at + 2) != Some(&[0xff, 0xd0 + number]) {
            return Err(JpegError::Damaged("lines are missing"));
        }
        Ok(self.coder(at + 2))
    }

    fn scan_header(&mut self, payload: &[u8]) -> Result<(Vec<Part>, Option<Band>), JpegError> {
        const BROKEN: JpegError = JpegError::Damaged("a scan header is broken");
        let [count, rest @ ..] = payload else { return Err(BROKEN) };
        let (pairs, rest) = rest.split_at_checked(2 * usize::from(*count)).ok_or(BROKEN)?;
        let [first, last, approximation, ..] = rest else { return Err(BROKEN) };
        let mut parts = Vec::new();
        for pair in pairs.chunks_exact(2) {
            let is_meant = |component: &Component| component.id == pair[0];
            // Where two components share an id, the scan's order tells them apart.
            let taken = |at: usize| parts.iter().any(|part: &Part| part.component == at);
            let component = (0..self.planes.len())
                .find(|at| is_meant(&self.header.components[*at]) && !taken(*at))
                .ok_or(BROKEN)?;
            let (dc, ac) = (usize::from(pair[1] >> 4), usize::from(pair[1] & 15));
            if dc > 3 || ac > 3 {
                return Err(BROKEN);
            }
            parts.push(Part { component, dc, ac });
        }
        if parts.is_empty() {
            return Err(BROKEN);
        }
        let band = match self.progressive {
            None => None,
            Some(_) => Some(Band::new(*first, *last, *approximation, parts.len())?),
        };
        self.begin(&parts, band)?;
        Ok((parts, band))
    }

    /// What must be true of a scan's components before it begins.
    fn begin(&mut self, parts: &[Part], band: Option<Band>) -> Result<(), JpegError> {
        for Part { component, .. } in parts {
            let was_scanned = std::mem::replace(&mut self.is_scanned[*component], true);
            let is_first = band.is_none_or(Band::is_first_of_all);
            if is_first && was_scanned || !is_first && !was_scanned {
                return Err(JpegError::Damaged("its scans contradict each other"));
            }
            // The table that counts is the one of the component's first scan.
            if is_first {
                let table = self.quantisation[self.header.components[*component].table].as_deref();
                self.planes[*component].table =
                    Some(*table.ok_or(JpegError::Damaged("a quantisation table is missing"))?);
            }
        }
        Ok(())
    }

    /// How many units the scan has in each direction, and whether they are of several blocks (T.81, A.2).
    fn units(&self, parts: &[Part]) -> (usize, usize, bool) {
        if let [part] = parts {
            let (width, height) = self.header.size_of(&self.header.components[part.component]);
            return (width.div_ceil(8), height.div_ceil(8), false);
        }
        let (across, down) = (8 * self.header.most_across(), 8 * self.header.most_down());
        (self.header.width.div_ceil(across), self.header.height.div_ceil(down), true)
    }

    fn read_unit(
        &mut self,
        scan: &mut Scan,
        coder: &mut Coder<'_>,
        (x, y): (usize, usize),
        is_interleaved: bool,
    ) -> Result<(), JpegError> {
        for place in 0..scan.parts.len() {
            let part = scan.parts[place];
            let Component { across, down, .. } = self.header.components[part.component];
            if !is_interleaved {
                self.read_block(scan, coder, place, (x, y))?;
                continue;
            }
            for v in 0..down {
                for h in 0..across {
                    self.read_block(scan, coder, place, (x * across + h, y * down + v))?;
                }
            }
        }
        Ok(())
    }

    #[inline]
    fn read_block(
        &mut self,
        scan: &mut Scan,
        coder: &mut Coder<'_>,
        place: usize,
        at: (usize, usize),
    ) -> Result<(), JpegError> {
        const MISSING: JpegError = JpegError::Damaged("a code table is missing");
        let part = scan.parts[place];
        let plane = &mut self.planes[part.component];
        let bits = match coder {
            Coder::Huffman(bits) => bits,
            Coder::Arithmetic(arithmetic) => {
                let tables = (part.dc, part.ac);
                if let (Some(progressive), Some(band)) = (&mut self.progressive, scan.band) {
                    let coefficients = &mut progressive[part.component];
                    return arithmetic.add_to(coefficients, plane.block_at(at), band, place, tables);
                }
                let block = arithmetic.block(place, tables)?;
                return plane.put(at, &block, self.header.precision);
            }
        };
        if let (Some(progressive), Some(band)) = (&mut self.progressive, scan.band) {
            let block = plane.block_at(at);
            let codes = if band.is_dc() { &self.dc[part.dc] } else { &self.ac[part.ac] };
            let codes = codes.as_ref();
            let coefficients = &mut progressive[part.component];
            return coefficients.read(
                block,
                band,
                bits,
                codes,
                &mut scan.predictions[place],
                &mut scan.end_of_band_run,
            );
        }
        let (dc, ac) = (self.dc[part.dc].as_ref().ok_or(MISSING)?, self.ac[part.ac].as_ref().ok_or(MISSING)?);
        let mut block = [0; 64];
        read_sequential(bits, dc, ac, &mut scan.predictions[place], &mut block)?;
        plane.put(at, &block, self.header.precision)
    }

    /// Makes the pixels of a progressive picture, when all its scans are known.
    fn complete(mut self) -> Result<Scanned, JpegError> {
        if self.is_scanned.contains(&false) {
            return Err(JpegError::Damaged("a colour is missing"));
        }
        for (plane, coefficients) in self.planes.iter_mut().zip(self.progressive.take().into_iter().flatten()) {
            plane.put_all(coefficients, self.header.precision)?;
        }
        Ok(Scanned { header: self.header, planes: self.planes, has_surplus: self.has_surplus })
    }
}

impl Coder<'_> {
    /// Leaves the data for the marker behind it: its place, and whether much lay between.
    fn finish(self) -> (usize, bool) {
        match self {
            Self::Huffman(bits) => bits.finish(),
            Self::Arithmetic(arithmetic) => arithmetic.finish(),
        }
    }
}

/// What changes from block to block.
struct Scan {
    parts: Vec<Part>,
    band: Option<Band>,
    predictions: [i32; 4],
    end_of_band_run: u32,
}

/// One block of the sequential process (T.81, F.2.2), in natural order.
#[inline]
fn read_sequential(
    bits: &mut Bits<'_>,
    dc: &Codes,
    ac: &Codes,
    prediction: &mut i32,
    block: &mut [i16; 64],
) -> Result<(), JpegError> {
    const BAD: JpegError = JpegError::Damaged("its pixels cannot be decoded");
    let size = u32::from(bits.symbol(dc)?);
    if size > 15 {
        return Err(BAD);
    }
    *prediction += bits.value(size)?;
    block[0] = i16::try_from(*prediction).map_err(|_| BAD)?;
    let mut k = 1;
    while k < 64 {
        let symbol = bits.symbol(ac)?;
        let (run, size) = (usize::from(symbol >> 4), u32::from(symbol & 15));
        if size == 0 {
            if run != 15 {
                break;
            }
            k += 16;
            continue;
        }
        k += run;
        if k > 63 {
            return Err(BAD);
        }
        block[idct::NATURAL[k]] = bits.value(size)? as i16;
        k += 1;
    }
    Ok(())
}
