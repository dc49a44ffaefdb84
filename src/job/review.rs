//! What a person says of an image.

use jiff::Timestamp;

/// What a person says of an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// It may be published.
    Approved,
    /// It may not.
    Rejected,
}

impl Verdict {
    /// Both, in the order in which they are listed.
    pub const ALL: [Self; 2] = [Self::Approved, Self::Rejected];

    /// The word that users see, and that is stored.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Approved => "approved",
            Self::Rejected => "rejected",
        }
    }

    /// The verdict that a word names.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|verdict| verdict.word() == word)
    }
}

/// A verdict about one image, with what was said along with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Review {
    /// What was said.
    pub verdict: Verdict,
    /// Why; mostly of a rejected image.
    pub reason: Option<String>,
    /// Who said so, where that is known.
    pub reviewer: Option<String>,
    /// When.
    pub at: Timestamp,
}
