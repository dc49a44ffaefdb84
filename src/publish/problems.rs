//! What keeps a publication from beginning: all of it, of which the first are told.

use std::fmt;

/// This many are told.
const MOST_TOLD: usize = 50;

/// See the module's page.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Problems {
    told: Vec<String>,
    count: usize,
}

impl Problems {
    pub(super) fn add(&mut self, problem: String) {
        self.count += 1;
        if self.told.len() < MOST_TOLD {
            self.told.push(crate::job::clean_text(&problem));
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.count
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for problem in &self.told {
            writeln!(f, "{problem}")?;
        }
        match self.count - self.told.len() {
            0 => Ok(()),
            further => writeln!(f, "and {further} more"),
        }
    }
}
