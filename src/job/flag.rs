//! What was noticed when a result was looked at. A flag is a hint for a person: the job has succeeded all the same.

use std::fmt;

/// One thing that was noticed (`docs/promises.md`, "Results"). Declared in the order in which they are listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Flag {
    /// It is the person's picture again.
    Unchanged,
    /// It is all one colour, or nearly so.
    Blank,
    /// One of its sides is shorter than `--min-result-px`.
    Small,
    /// It has another shape than the person's picture.
    Aspect,
    /// It is the same picture as another pair's result.
    Twin,
    /// It is a whole picture, but neither JPEG nor PNG.
    Format,
}

impl Flag {
    /// Every flag, in the order in which they are listed.
    pub const ALL: [Self; 6] = [Self::Unchanged, Self::Blank, Self::Small, Self::Aspect, Self::Twin, Self::Format];

    /// The word that users see.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Unchanged => "unchanged",
            Self::Blank => "blank",
            Self::Small => "small",
            Self::Aspect => "aspect",
            Self::Twin => "twin",
            Self::Format => "format",
        }
    }

    /// What the word means, in a few words.
    #[must_use]
    pub fn meaning(self) -> &'static str {
        match self {
            Self::Unchanged => "it is the person's picture again",
            Self::Blank => "it is all one colour, or nearly so",
            Self::Small => "one of its sides is shorter than --min-result-px",
            Self::Aspect => "it has another shape than the person's picture",
            Self::Twin => "it is the same picture as another pair's result",
            Self::Format => "it is neither JPEG nor PNG",
        }
    }

    /// Its bit in [`Flags`]; stored, so a bit keeps its meaning.
    fn bit(self) -> u8 {
        1 << (self as u8)
    }
}

/// The flags of one result.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Flags(u8);

impl Flags {
    /// No flag.
    pub const NONE: Self = Self(0);

    /// With one flag more.
    #[must_use]
    pub fn with(self, flag: Flag) -> Self {
        Self(self.0 | flag.bit())
    }

    /// With one flag more, if `applies`.
    #[must_use]
    pub fn with_if(self, applies: bool, flag: Flag) -> Self {
        if applies { self.with(flag) } else { self }
    }

    /// Without a flag.
    #[must_use]
    pub fn without(self, flag: Flag) -> Self {
        Self(self.0 & !flag.bit())
    }

    /// What either has.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether it has a flag.
    #[must_use]
    pub fn has(self, flag: Flag) -> bool {
        self.0 & flag.bit() != 0
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Each flag, in the order in which they are listed.
    pub fn iter(self) -> impl Iterator<Item = Flag> {
        Flag::ALL.into_iter().filter(move |flag| self.has(*flag))
    }

    /// The flags' words.
    #[must_use]
    pub fn words(self) -> Vec<&'static str> {
        self.iter().map(Flag::word).collect()
    }

    /// The flags as a number, as the queue stores them.
    #[must_use]
    pub fn bits(self) -> u8 {
        self.0
    }

    /// The flags of a stored number; `None` for one that names a flag that is not known.
    #[must_use]
    pub fn from_bits(bits: u8) -> Option<Self> {
        let known = Flag::ALL.into_iter().fold(0, |known, flag| known | flag.bit());
        (bits & !known == 0).then_some(Self(bits))
    }
}

impl FromIterator<Flag> for Flags {
    fn from_iter<I: IntoIterator<Item = Flag>>(flags: I) -> Self {
        flags.into_iter().fold(Self::NONE, Self::with)
    }
}

impl fmt::Debug for Flags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

/// The words, separated by commas.
impl fmt::Display for Flags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.words().join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stored_numbers_keep_their_meaning() {
        let words = |bits| Flags::from_bits(bits).map(Flags::words);
        assert_eq!(words(0), Some(vec![]));
        assert_eq!(words(1), Some(vec!["unchanged"]));
        assert_eq!(words(2 | 16), Some(vec!["blank", "twin"]));
        assert_eq!(words(4 | 8 | 32), Some(vec!["small", "aspect", "format"]));
        assert_eq!(words(64), None, "a flag of a later version is not taken for nothing");
    }

    #[test]
    fn a_flag_comes_and_goes_alone() {
        let both = Flags::NONE.with(Flag::Twin).with(Flag::Blank);
        assert_eq!((both.to_string(), both.without(Flag::Twin).to_string()), ("blank, twin".into(), "blank".into()));
        assert!(both.without(Flag::Twin).without(Flag::Blank).is_empty());
    }
}
