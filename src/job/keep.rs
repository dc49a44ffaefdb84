//! What a model leaves as it is in the person's picture, where it lets one choose (try-on 3.0).

/// See the module's page. All of it, unless a row or an option says otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Keep {
    pub face: bool,
    pub pose: bool,
    pub background: bool,
}

impl Keep {
    /// Everything stays.
    pub const ALL: Self = Self { face: true, pose: true, background: true };

    /// As the queue stores it: a bit each, of the face the lowest.
    #[must_use]
    pub fn bits(self) -> u8 {
        u8::from(self.face) | u8::from(self.pose) << 1 | u8::from(self.background) << 2
    }

    /// What [`Self::bits`] stored.
    #[must_use]
    pub fn of_bits(bits: u8) -> Self {
        Self { face: bits & 1 != 0, pose: bits & 2 != 0, background: bits & 4 != 0 }
    }
}

impl Default for Keep {
    fn default() -> Self {
        Self::ALL
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_stored_is_read_again() {
        for bits in 0..8 {
            assert_eq!(Keep::of_bits(bits).bits(), bits);
        }
        assert_eq!(Keep::ALL.bits(), 7);
    }
}
