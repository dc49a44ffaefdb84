//! The progressive process (T.81, annex G): each block in several scans.

use super::bits::{Bits, Codes};
use super::scan::Keep;
use super::{JpegError, idct};

/// What one scan adds to its blocks.
#[derive(Debug, Clone, Copy)]
pub(super) struct Band {
    first: usize,
    last: usize,
    /// Whether it refines what an earlier scan has begun.
    refines: bool,
    /// The bit position of what it adds.
    low: u32,
}

impl Band {
    pub(super) fn new(first: u8, last: u8, approximation: u8, components: usize) -> Result<Self, JpegError> {
        let (high, low) = (approximation >> 4, approximation & 15);
        let is_valid = match first {
            0 => last == 0,
            _ => first <= last && last < 64 && components == 1,
        };
        if !is_valid || low > 13 {
            return Err(JpegError::Damaged("a scan header is broken"));
        }
        Ok(Self { first: first.into(), last: last.into(), refines: high > 0, low: low.into() })
    }

    pub(super) fn is_dc(self) -> bool {
        self.first == 0
    }

    pub(super) fn refines(self) -> bool {
        self.refines
    }

    pub(super) fn low(self) -> u32 {
        self.low
    }

    /// Its first and last coefficient.
    pub(super) fn range(self) -> (usize, usize) {
        (self.first, self.last)
    }

    /// Whether nothing of its components may come before it.
    pub(super) fn is_first_of_all(self) -> bool {
        self.is_dc() && !self.refines
    }
}

/// The coefficients of one component, as far as they are known.
#[derive(Debug)]
pub(super) struct Progressive {
    /// For each block, which coefficients are not zero, in zigzag order: what decoding the next scan needs to know.
    is_set: Vec<u64>,
    means: Vec<i16>,
    /// All of them, where pixels are wanted; in natural order.
    all: Option<Vec<[i16; 64]>>,
}

const BAD: JpegError = JpegError::Damaged("its pixels cannot be decoded");
const MISSING: JpegError = JpegError::Damaged("a code table is missing");

impl Progressive {
    pub(super) fn new(blocks: usize, keep: Keep) -> Self {
        let all = (keep == Keep::Pixels).then(|| vec![[0; 64]; blocks]);
        Self { is_set: vec![0; blocks], means: vec![0; blocks], all }
    }

    /// The coefficients of a block, as far as they were kept.
    pub(super) fn block(&self, at: usize) -> [i16; 64] {
        let mut block = self.all.as_ref().map_or([0; 64], |all| all[at]);
        block[0] = self.means[at];
        block
    }

    pub(super) fn read(
        &mut self,
        block: usize,
        band: Band,
        bits: &mut Bits<'_>,
        codes: Option<&Codes>,
        prediction: &mut i32,
        run: &mut u32,
    ) -> Result<(), JpegError> {
        if band.is_dc() {
            return self.read_mean(block, band, bits, codes, prediction);
        }
        let codes = codes.ok_or(MISSING)?;
        if band.refines {
            self.refine(block, band, bits, codes, run)
        } else {
            self.begin(block, band, bits, codes, run)
        }
    }

    fn read_mean(
        &mut self,
        block: usize,
        band: Band,
        bits: &mut Bits<'_>,
        codes: Option<&Codes>,
        prediction: &mut i32,
    ) -> Result<(), JpegError> {
        if band.refines {
            self.add_to_mean(block, bits.bit()?, band);
            return Ok(());
        }
        let size = u32::from(bits.symbol(codes.ok_or(MISSING)?)?);
        if size > 15 {
            return Err(BAD);
        }
        *prediction += bits.value(size)?;
        self.set_mean(block, i16::try_from(*prediction << band.low).map_err(|_| BAD)?);
        Ok(())
    }

    fn begin(
        &mut self,
        block: usize,
        band: Band,
        bits: &mut Bits<'_>,
        codes: &Codes,
        run: &mut u32,
    ) -> Result<(), JpegError> {
        if *run > 0 {
            *run -= 1;
            return Ok(());
        }
        let mut k = band.first;
        while k <= band.last {
            let symbol = bits.symbol(codes)?;
            let (zeros, size) = (symbol >> 4, u32::from(symbol & 15));
            if size == 0 {
                if zeros < 15 {
                    *run = run_of(zeros, bits)? - 1;
                    break;
                }
                k += 16;
                continue;
            }
            k += usize::from(zeros);
            if k > band.last {
                return Err(BAD);
            }
            let value = bits.value(size)?;
            self.set(block, k, (value << band.low) as i16);
            k += 1;
        }
        Ok(())
    }

    fn refine(
        &mut self,
        block: usize,
        band: Band,
        bits: &mut Bits<'_>,
        codes: &Codes,
        run: &mut u32,
    ) -> Result<(), JpegError> {
        let mut k = band.first;
        if *run == 0 {
            while k <= band.last {
                let symbol = bits.symbol(codes)?;
                let (zeros, size) = (symbol >> 4, symbol & 15);
                let mut value = 0;
                match size {
                    0 if zeros < 15 => {
                        *run = run_of(zeros, bits)?;
                        break;
                    }
                    0 => {}
                    1 => value = if bits.bit()? { 1 << band.low } else { -1 << band.low },
                    _ => return Err(BAD),
                }
                k = self.correct_until(block, k, band, bits, Some(zeros))?;
                if value != 0 {
                    if k > band.last {
                        return Err(BAD);
                    }
                    self.set(block, k, value);
                }
                k += 1;
            }
        }
        if *run > 0 {
            self.correct_until(block, k, band, bits, None)?;
            *run -= 1;
        }
        Ok(())
    }

    /// Reads a bit for each coefficient that is set already, from `k` on, until this many zeros are passed that the next
    /// one is meant; `None` is to the end of the band. Returns where it stopped.
    fn correct_until(
        &mut self,
        block: usize,
        mut k: usize,
        band: Band,
        bits: &mut Bits<'_>,
        zeros: Option<u8>,
    ) -> Result<usize, JpegError> {
        let mut zeros_left = zeros;
        while k <= band.last {
            if self.is_set(block, k) {
                if bits.bit()? {
                    self.correct(block, k, band.low);
                }
            } else if let Some(left) = &mut zeros_left {
                match left.checked_sub(1) {
                    Some(fewer) => *left = fewer,
                    None => break,
                }
            }
            k += 1;
        }
        Ok(k)
    }

    pub(super) fn set_mean(&mut self, block: usize, mean: i16) {
        self.means[block] = mean;
    }

    /// A further bit of a block's mean.
    pub(super) fn add_to_mean(&mut self, block: usize, bit: bool, band: Band) {
        self.means[block] |= i16::from(bit) << band.low;
    }

    pub(super) fn is_set(&self, block: usize, k: usize) -> bool {
        self.is_set[block] >> k & 1 == 1
    }

    pub(super) fn set(&mut self, block: usize, k: usize, value: i16) {
        self.is_set[block] |= 1 << k;
        if let Some(all) = &mut self.all {
            all[block][idct::NATURAL[k]] = value;
        }
    }

    pub(super) fn correct(&mut self, block: usize, k: usize, low: u32) {
        if let Some(all) = &mut self.all {
            let value = &mut all[block][idct::NATURAL[k]];
            *value = value.saturating_add(value.signum() << low);
        }
    }
}

/// How many blocks, this one included, have nothing further in this band.
fn run_of(exponent: u8, bits: &mut Bits<'_>) -> Result<u32, JpegError> {
    Ok((1 << exponent) + bits.take(exponent.into())?)
}
