//! Arithmetic coding (T.81, annex D and sections F.2.4 and G.2): a chain of decisions, each predicted by the decisions
//! before it in the same place.
//!
//! Few programs write it and no browser reads it, so a picture in it is converted before it is sent.

use super::JpegError;
use super::idct;
use super::progressive::{Band, Progressive};

const BAD: JpegError = JpegError::Damaged("its pixels cannot be decoded");
const SHORT: JpegError = JpegError::Damaged("lines are missing");

/// Encoders leave out zeros at the end of the data, which a decoder puts back (D.1.8). More than this many bytes are not
/// zeros that were left out.
const MOST_LEFT_OUT: u32 = 12;

/// A decoder need not read the last few bytes of the data. More than this many are left where it has lost its place.
const MOST_LEFT_UNREAD: usize = 8;

/// How decisions are conditioned (F.1.4.4.1.2, F.1.4.4.2.1): bounds of small and large differences for each table of
/// means, and where high frequencies begin for each table of the others.
#[derive(Debug, Clone, Copy)]
pub(super) struct Conditioning {
    means: [(u8, u8); 4],
    high: [u8; 4],
}

impl Default for Conditioning {
    fn default() -> Self {
        Self { means: [(0, 1); 4], high: [5; 4] }
    }
}

impl Conditioning {
    /// Reads a `DAC` segment.
    pub(super) fn read(&mut self, payload: &[u8]) -> Result<(), JpegError> {
        const BROKEN: JpegError = JpegError::Damaged("its code table is broken");
        for pair in payload.chunks(2) {
            let [kind, value] = pair else { return Err(BROKEN) };
            let place = usize::from(kind & 15);
            match kind >> 4 {
                0 => *self.means.get_mut(place).ok_or(BROKEN)? = (value & 15, value >> 4),
                _ => *self.high.get_mut(place).ok_or(BROKEN)? = *value,
            }
        }
        Ok(())
    }
}

/// Bins of statistics: those of four tables of means, those of four tables of the others, and one that does not learn.
const MEAN_BINS: usize = 64;
const OTHER_BINS: usize = 256;
const FIXED: usize = 4 * (MEAN_BINS + OTHER_BINS);

/// The first bins of magnitudes, and how far from each the bins of its lower bits are (tables F.4 and F.5).
const MEAN_MAGNITUDE: usize = 20;
const LOW_MAGNITUDE: usize = 189;
const HIGH_MAGNITUDE: usize = 217;
const LOWER_BITS: usize = 14;

/// Decodes until the next marker, from fresh statistics.
#[derive(Debug)]
pub(super) struct Arithmetic<'a> {
    data: &'a [u8],
    /// The next byte that was not read; at the marker's `FF` when the data has ended.
    at: usize,
    has_ended: bool,
    /// Zeros that were put in for bytes behind the end.
    left_out: u32,
    code: u32,
    interval: u32,
    /// Bits of `code` that were not shifted in yet; negative before the first two bytes.
    ahead: i32,
    /// For each bin the state of its estimate, and in the top bit the decision that is expected.
    bins: Box<[u8; FIXED + 1]>,
    conditioning: Conditioning,
    /// By the component's place in the scan: the last mean, and the bins that the last difference leads to.
    predictions: [i32; 4],
    contexts: [usize; 4],
}

impl<'a> Arithmetic<'a> {
    pub(super) fn new(data: &'a [u8], at: usize, conditioning: Conditioning) -> Self {
        let mut bins = Box::new([0; FIXED + 1]);
        bins[FIXED] = EVEN_ODDS;
        Self {
            data,
            at,
            has_ended: false,
            left_out: 0,
            code: 0,
            interval: 0,
            ahead: -16,
            bins,
            conditioning,
            predictions: [0; 4],
            contexts: [0; 4],
        }
    }

    /// The next byte of data, as a zero behind its end.
    fn byte(&mut self) -> u32 {
        let rest = self.data.get(self.at..).unwrap_or_default();
        match rest {
            _ if self.has_ended => {}
            [0xff, behind @ ..] => {
                let fill = behind.iter().take_while(|byte| **byte == 0xff).count();
                if behind.get(fill) == Some(&0) {
                    self.at += fill + 2;
                    return 0xff;
                }
            }
            [byte, ..] => {
                self.at += 1;
                return u32::from(*byte);
            }
            [] => {}
        }
        self.has_ended = true;
        self.left_out += 1;
        0
    }

    /// One decision (D.2), which its bin learns from.
    #[inline]
    fn decide(&mut self, bin: usize) -> bool {
        while self.interval < 0x8000 {
            self.ahead -= 1;
            if self.ahead < 0 {
                self.code = self.code << 8 | self.byte();
                self.ahead += 8;
                if self.ahead < 0 {
                    self.ahead += 1;
                    if self.ahead == 0 {
                        self.interval = 0x8000;
                    }
                }
            }
            self.interval <<= 1;
        }
        let state = self.bins[bin];
        let expected = state & 0x80;
        let (odds, after_unlikely, after_likely, switches) = ESTIMATES[usize::from(state & 0x7f)];
        let odds = u32::from(odds);
        self.interval -= odds;
        let bound = self.interval << self.ahead;
        // Where the interval of the likely decision is the smaller one, the two are exchanged.
        let is_exchanged = self.interval < odds;
        let is_likely = if self.code >= bound {
            self.code -= bound;
            self.interval = odds;
            is_exchanged
        } else if self.interval >= 0x8000 {
            return expected != 0;
        } else {
            !is_exchanged
        };
        self.bins[bin] = if is_likely { expected | after_likely } else { expected ^ switches << 7 | after_unlikely };
        (expected != 0) == is_likely
    }

    /// Reads on from a magnitude's first bin: powers of two as long as decisions say so, then the bits below.
    fn magnitude(&mut self, mut bin: usize, first: i32) -> Result<(i32, i32), JpegError> {
        let mut power = first;
        while self.decide(bin) {
            power <<= 1;
            if power == 0x8000 {
                return Err(BAD);
            }
            bin += 1;
        }
        let (mut value, mut bit) = (power, power >> 1);
        while bit > 0 {
            if self.decide(bin + LOWER_BITS) {
                value |= bit;
            }
            bit >>= 1;
        }
        Ok((value, power))
    }

    /// The mean of the next block of the component at `place` in the scan (F.2.4.1).
    pub(super) fn mean(&mut self, place: usize, table: usize) -> Result<i32, JpegError> {
        let base = table * MEAN_BINS;
        let bin = base + self.contexts[place];
        if !self.decide(bin) {
            self.contexts[place] = 0;
            return self.checked(self.predictions[place]);
        }
        let is_negative = self.decide(bin + 1);
        let (less_one, power) = if self.decide(bin + 2 + usize::from(is_negative)) {
            self.magnitude(base + MEAN_MAGNITUDE, 1)?
        } else {
            (0, 0)
        };
        let (lower, upper) = self.conditioning.means[table];
        let context = if power < 1 << lower >> 1 {
            0
        } else if power > 1 << upper >> 1 {
            12
        } else {
            4
        };
        self.contexts[place] = if context == 0 { 0 } else { context + 4 * usize::from(is_negative) };
        let difference = if is_negative { -(less_one + 1) } else { less_one + 1 };
        self.predictions[place] += difference;
        self.checked(self.predictions[place])
    }

    /// The coefficients from `first` to `last` of a block (F.2.4.2), each handed to `put` with its place in zigzag order.
    pub(super) fn others(
        &mut self,
        table: usize,
        (first, last): (usize, usize),
        mut put: impl FnMut(usize, i32),
    ) -> Result<(), JpegError> {
        let base = 4 * MEAN_BINS + table * OTHER_BINS;
        let mut k = first;
        while k <= last && !self.decide(base + 3 * (k - 1)) {
            while !self.decide(base + 3 * (k - 1) + 1) {
                k += 1;
                if k > last {
                    return Err(BAD);
                }
            }
            let is_negative = self.decide(FIXED);
            let bin = base + 3 * (k - 1) + 2;
            let mut less_one = 0;
            if self.decide(bin) {
                less_one = 1;
                if self.decide(bin) {
                    let is_low = k <= usize::from(self.conditioning.high[table]);
                    (less_one, _) = self.magnitude(base + if is_low { LOW_MAGNITUDE } else { HIGH_MAGNITUDE }, 2)?;
                }
            }
            put(k, if is_negative { -(less_one + 1) } else { less_one + 1 });
            k += 1;
        }
        self.checked(())
    }

    /// One block of the sequential process, in natural order.
    pub(super) fn block(&mut self, place: usize, tables: (usize, usize)) -> Result<[i16; 64], JpegError> {
        let mut block = [0; 64];
        block[0] = i16::try_from(self.mean(place, tables.0)?).map_err(|_| BAD)?;
        self.others(tables.1, (1, 63), |k, value| block[idct::NATURAL[k]] = value as i16)?;
        Ok(block)
    }

    /// What one scan of the progressive process adds to a block (G.2).
    pub(super) fn add_to(
        &mut self,
        coefficients: &mut Progressive,
        block: usize,
        band: Band,
        place: usize,
        tables: (usize, usize),
    ) -> Result<(), JpegError> {
        match (band.is_dc(), band.refines()) {
            (true, false) => {
                let mean = self.mean(place, tables.0)? << band.low();
                coefficients.set_mean(block, i16::try_from(mean).map_err(|_| BAD)?);
                Ok(())
            }
            (true, true) => {
                coefficients.add_to_mean(block, self.decide(FIXED), band);
                self.checked(())
            }
            (false, false) => self.others(tables.1, band.range(), |k, value| {
                coefficients.set(block, k, (value << band.low()) as i16);
            }),
            (false, true) => self.refine(coefficients, block, band, tables.1),
        }
    }

    fn refine(
        &mut self,
        coefficients: &mut Progressive,
        block: usize,
        band: Band,
        table: usize,
    ) -> Result<(), JpegError> {
        let base = 4 * MEAN_BINS + table * OTHER_BINS;
        let (first, last) = band.range();
        let last_before = (first..=last).rev().find(|k| coefficients.is_set(block, *k)).unwrap_or(0);
        let mut k = first;
        while k <= last {
            if k > last_before && self.decide(base + 3 * (k - 1)) {
                break;
            }
            loop {
                let bin = base + 3 * (k - 1);
                if coefficients.is_set(block, k) {
                    if self.decide(bin + 2) {
                        coefficients.correct(block, k, band.low());
                    }
                    break;
                }
                if self.decide(bin + 1) {
                    let sign = if self.decide(FIXED) { -1 } else { 1 };
                    coefficients.set(block, k, sign << band.low());
                    break;
                }
                k += 1;
                if k > last {
                    return Err(BAD);
                }
            }
            k += 1;
        }
        self.checked(())
    }

    /// A value, unless it was made of data that is not there.
    fn checked<T>(&self, value: T) -> Result<T, JpegError> {
        if self.left_out > MOST_LEFT_OUT { Err(SHORT) } else { Ok(value) }
    }

    /// Leaves the data for the marker behind it: its place, and whether much was left unread.
    pub(super) fn finish(self) -> (usize, bool) {
        let rest = self.data.get(self.at..).unwrap_or_default();
        let is_marker = |pair: &[u8]| pair[0] == 0xff && pair[1] != 0 && pair[1] != 0xff;
        let unread = rest.windows(2).position(is_marker).unwrap_or(rest.len());
        (self.at + unread, unread > MOST_LEFT_UNREAD)
    }
}

/// The state of a bin that always takes both decisions for equally likely.
const EVEN_ODDS: u8 = 113;

/// Table D.3: the interval of the unlikely decision, the states after an unlikely and after a likely one, and whether
/// the expectation changes after an unlikely one.
#[rustfmt::skip]
const ESTIMATES: [(u16, u8, u8, u8); 114] = [
    (0x5a1d, 1, 1, 1), (0x2586, 14, 2, 0), (0x1114, 16, 3, 0), (0x080b, 18, 4, 0), (0x03d8, 20, 5, 0),
    (0x01da, 23, 6, 0), (0x00e5, 25, 7, 0), (0x006f, 28, 8, 0), (0x0036, 30, 9, 0), (0x001a, 33, 10, 0),
    (0x000d, 35, 11, 0), (0x0006, 9, 12, 0), (0x0003, 10, 13, 0), (0x0001, 12, 13, 0), (0x5a7f, 15, 15, 1),
    (0x3f25, 36, 16, 0), (0x2cf2, 38, 17, 0), (0x207c, 39, 18, 0), (0x17b9, 40, 19, 0), (0x1182, 42, 20, 0),
    (0x0cef, 43, 21, 0), (0x09a1, 45, 22, 0), (0x072f, 46, 23, 0), (0x055c, 48, 24, 0), (0x0406, 49, 25, 0),
    (0x0303, 51, 26, 0), (0x0240, 52, 27, 0), (0x01b1, 54, 28, 0), (0x0144, 56, 29, 0), (0x00f5, 57, 30, 0),
    (0x00b7, 59, 31, 0), (0x008a, 60, 32, 0), (0x0068, 62, 33, 0), (0x004e, 63, 34, 0), (0x003b, 32, 35, 0),
    (0x002c, 33, 9, 0), (0x5ae1, 37, 37, 1), (0x484c, 64, 38, 0), (0x3a0d, 65, 39, 0), (0x2ef1, 67, 40, 0),
    (0x261f, 68, 41, 0), (0x1f33, 69, 42, 0), (0x19a8, 70, 43, 0), (0x1518, 72, 44, 0), (0x1177, 73, 45, 0),
    (0x0e74, 74, 46, 0), (0x0bfb, 75, 47, 0), (0x09f8, 77, 48, 0), (0x0861, 78, 49, 0), (0x0706, 79, 50, 0),
    (0x05cd, 48, 51, 0), (0x04de, 50, 52, 0), (0x040f, 50, 53, 0), (0x0363, 51, 54, 0), (0x02d4, 52, 55, 0),
    (0x025c, 53, 56, 0), (0x01f8, 54, 57, 0), (0x01a4, 55, 58, 0), (0x0160, 56, 59, 0), (0x0125, 57, 60, 0),
    (0x00f6, 58, 61, 0), (0x00cb, 59, 62, 0), (0x00ab, 61, 63, 0), (0x008f, 61, 32, 0), (0x5b12, 65, 65, 1),
    (0x4d04, 80, 66, 0), (0x412c, 81, 67, 0), (0x37d8, 82, 68, 0), (0x2fe8, 83, 69, 0), (0x293c, 84, 70, 0),
    (0x2379, 86, 71, 0), (0x1edf, 87, 72, 0), (0x1aa9, 87, 73, 0), (0x174e, 72, 74, 0), (0x1424, 72, 75, 0),
    (0x119c, 74, 76, 0), (0x0f6b, 74, 77, 0), (0x0d51, 75, 78, 0), (0x0bb6, 77, 79, 0), (0x0a40, 77, 48, 0),
    (0x5832, 80, 81, 1), (0x4d1c, 88, 82, 0), (0x438e, 89, 83, 0), (0x3bdd, 90, 84, 0), (0x34ee, 91, 85, 0),
    (0x2eae, 92, 86, 0), (0x299a, 93, 87, 0), (0x2516, 86, 71, 0), (0x5570, 88, 89, 1), (0x4ca9, 95, 90, 0),
    (0x44d9, 96, 91, 0), (0x3e22, 97, 92, 0), (0x3824, 99, 93, 0), (0x32b4, 99, 94, 0), (0x2e17, 93, 86, 0),
    (0x56a8, 95, 96, 1), (0x4f46, 101, 97, 0), (0x47e5, 102, 98, 0), (0x41cf, 103, 99, 0), (0x3c3d, 104, 100, 0),
    (0x375e, 99, 93, 0), (0x5231, 105, 102, 0), (0x4c0f, 106, 103, 0), (0x4639, 107, 104, 0), (0x415e, 103, 99, 0),
    (0x5627, 105, 106, 1), (0x50e7, 108, 107, 0), (0x4b85, 109, 103, 0), (0x5597, 110, 109, 0), (0x504f, 111, 107, 0),
    (0x5a10, 110, 111, 1), (0x5522, 112, 109, 0), (0x59eb, 112, 111, 1), (0x5a1d, 113, 113, 0),
];
