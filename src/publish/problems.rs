//! What keeps a publication from beginning: all of it. What many images have in common is told once, with the first of them.

use std::collections::BTreeMap;
use std::fmt;

use super::outcome::Named;
use crate::job::clean_text;

/// This many different problems are told, each with this many images.
const MOST_TOLD: usize = 50;
const MOST_NAMED: usize = 3;

/// See the module's page.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Problems {
    /// What is wrong, and with which images or files.
    by_reason: BTreeMap<String, Named>,
    count: u64,
}

impl Problems {
    /// Something is wrong with an image or a file.
    pub(super) fn add(&mut self, of: &str, why: String) {
        self.count += 1;
        self.by_reason.entry(clean_text(&why)).or_default().add(clean_text(of));
    }

    pub(super) fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// With how many images or files something is wrong.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.count
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (why, of) in self.by_reason.iter().take(MOST_TOLD) {
            let named = of.first.len().min(MOST_NAMED);
            write!(f, "{}", of.first[..named].join(", "))?;
            match of.count - named as u64 {
                0 => writeln!(f, ": {why}")?,
                further => writeln!(f, " and {further} more: {why}")?,
            }
        }
        match self.by_reason.len().saturating_sub(MOST_TOLD) {
            0 => Ok(()),
            further => writeln!(f, "and {further} more of other kinds"),
        }
    }
}
