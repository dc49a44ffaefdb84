//! Entropy-coded data: bits, and Huffman codes made of them.

use super::JpegError;

const SHORT: JpegError = JpegError::Damaged("lines are missing");
const BAD_CODE: JpegError = JpegError::Damaged("its pixels cannot be decoded");

/// Codes up to this length are looked up at once; they are nearly all there are.
const QUICK_BITS: u32 = 9;

/// A Huffman table (T.81, annex C).
#[derive(Debug, Clone)]
pub(super) struct Codes {
    /// By the next nine bits: the code's length, and its symbol. Length 0 where the code is longer.
    quick: Box<[(u8, u8); 1 << QUICK_BITS]>,
    /// For each length: one more than its largest code, aligned left in 16 bits.
    limits: [u32; 17],
    /// For each length: what leads from a code to the place of its symbol.
    offsets: [i32; 17],
    symbols: Vec<u8>,
}

impl Codes {
    /// From the counts of codes of each length, 1 to 16, and their symbols.
    pub(super) fn new(counts: &[u8; 16], symbols: &[u8]) -> Result<Self, JpegError> {
        const BROKEN: JpegError = JpegError::Damaged("its code table is broken");
        let mut codes = Self {
            quick: Box::new([(0, 0); 1 << QUICK_BITS]),
            limits: [0; 17],
            offsets: [0; 17],
            symbols: symbols.to_vec(),
        };
        let (mut code, mut place) = (0_u32, 0_usize);
        for (length, count) in (1_u32..).zip(counts.iter().map(|count| u32::from(*count))) {
            codes.offsets[length as usize] = place as i32 - code as i32;
            for _ in 0..count {
                let symbol = *symbols.get(place).ok_or(BROKEN)?;
                if code >= 1 << length {
                    return Err(BROKEN);
                }
                if length <= QUICK_BITS {
                    let first = (code << (QUICK_BITS - length)) as usize;
                    codes.quick[first..first + (1 << (QUICK_BITS - length))].fill((length as u8, symbol));
                }
                code += 1;
                place += 1;
            }
            codes.limits[length as usize] = code << (16 - length);
            code <<= 1;
        }
        Ok(codes)
    }
}

/// Reads bits until the next marker.
#[derive(Debug)]
pub(super) struct Bits<'a> {
    data: &'a [u8],
    /// The next byte that is not in `held` yet; at the marker's `FF` when the data has ended.
    at: usize,
    /// The next bits, from the top.
    held: u64,
    count: u32,
    has_ended: bool,
}

impl<'a> Bits<'a> {
    pub(super) fn new(data: &'a [u8], at: usize) -> Self {
        Self { data, at, held: 0, count: 0, has_ended: false }
    }

    #[inline]
    fn fill(&mut self) {
        if let Some(four) = self.data.get(self.at..).and_then(|rest| rest.first_chunk::<4>()) {
            let four = u32::from_be_bytes(*four);
            // No byte of the four is FF: the usual test for a zero byte, of the complement.
            if (!four).wrapping_sub(0x0101_0101) & four & 0x8080_8080 == 0 {
                self.held |= u64::from(four) << (32 - self.count);
                self.count += 32;
                self.at += 4;
                return;
            }
        }
        self.fill_slowly();
    }

    #[cold]
    fn fill_slowly(&mut self) {
        while self.count <= 32 && !self.has_ended {
            let Some(byte) = self.data.get(self.at) else {
                self.has_ended = true;
                return;
            };
            let mut next = self.at + 1;
            if *byte == 0xff {
                // Any number of fill bytes, and then a zero (the FF is data) or a marker.
                let follows = self.data[next..].iter().position(|byte| *byte != 0xff).map(|more| next + more);
                match follows {
                    Some(zero) if self.data[zero] == 0 => next = zero + 1,
                    _ => {
                        self.has_ended = true;
                        return;
                    }
                }
            }
            self.held |= u64::from(*byte) << (56 - self.count);
            self.count += 8;
            self.at = next;
        }
    }

    /// The next `count` bits, 0 to 16.
    #[inline]
    pub(super) fn take(&mut self, count: u32) -> Result<u32, JpegError> {
        if self.count < count {
            self.fill();
            if self.count < count {
                return Err(SHORT);
            }
        }
        let value = (self.held >> 48) as u32 >> (16 - count);
        self.held <<= count;
        self.count -= count;
        Ok(value)
    }

    #[inline]
    pub(super) fn bit(&mut self) -> Result<bool, JpegError> {
        self.take(1).map(|bit| bit == 1)
    }

    /// A value of `size` bits as T.81, F.2.2.1 extends it: the upper half is positive.
    #[inline]
    pub(super) fn value(&mut self, size: u32) -> Result<i32, JpegError> {
        let value = self.take(size)? as i32;
        Ok(if size > 0 && value < 1 << (size - 1) { value - (1 << size) + 1 } else { value })
    }

    #[inline]
    pub(super) fn symbol(&mut self, codes: &Codes) -> Result<u8, JpegError> {
        if self.count < 16 {
            self.fill();
        }
        let (length, symbol) = codes.quick[(self.held >> (64 - QUICK_BITS)) as usize];
        let length = u32::from(length);
        if length > 0 {
            if length > self.count {
                return Err(SHORT);
            }
            self.held <<= length;
            self.count -= length;
            return Ok(symbol);
        }
        self.long_symbol(codes)
    }

    #[cold]
    fn long_symbol(&mut self, codes: &Codes) -> Result<u8, JpegError> {
        let next = (self.held >> 48) as u32;
        let length = (QUICK_BITS + 1..=16).find(|length| next < codes.limits[*length as usize]).ok_or(BAD_CODE)?;
        if length > self.count {
            return Err(SHORT);
        }
        let place = (next >> (16 - length)) as i32 + codes.offsets[length as usize];
        self.held <<= length;
        self.count -= length;
        codes.symbols.get(place as usize).copied().ok_or(BAD_CODE)
    }

    /// Leaves the data for the marker behind it: its place, and whether bytes lay between that were no padding.
    pub(super) fn finish(mut self) -> (usize, bool) {
        let mut is_surplus = false;
        // Less than a byte is padding.
        let mut held = self.held << (self.count % 8);
        let mut whole = self.count / 8;
        loop {
            for _ in 0..whole {
                let byte = (held >> 56) as u8;
                is_surplus |= byte != 0 && byte != 0xff;
                held <<= 8;
            }
            (self.held, self.count) = (0, 0);
            self.fill_slowly();
            (held, whole) = (self.held, self.count / 8);
            if whole == 0 {
                return (self.at, is_surplus);
            }
        }
    }
}
