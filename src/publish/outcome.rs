//! What has become of a publication.

use std::collections::{BTreeMap, HashSet};

use super::marks::Remark;

/// This many ids, names and reasons are kept of each kind.
const MOST_NAMED: usize = 100;

/// Something that happened to several, the first of which are named.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Named {
    pub count: u64,
    pub first: Vec<String>,
}

impl Named {
    pub(super) fn add(&mut self, name: String) {
        self.count += 1;
        if self.first.len() < MOST_NAMED {
            self.first.push(name);
        }
    }
}

impl FromIterator<String> for Named {
    fn from_iter<I: IntoIterator<Item = String>>(names: I) -> Self {
        let mut named = Self::default();
        names.into_iter().for_each(|name| named.add(name));
        named
    }
}

/// What has become of the channel's table.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum TableOutcome {
    /// The recipe has none.
    #[default]
    None,
    Written,
    UpToDate,
    /// It has to wait until all images are there.
    Waits,
}

/// See the module's page.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Images that are to be in the place.
    pub images: u64,
    pub written: u64,
    pub up_to_date: u64,
    /// Images that could not be published, each with why.
    pub failed: Named,
    /// Files that somebody has changed since they were published; they were left alone.
    pub changed: Named,
    /// Published files that are wanted no more, and still there.
    pub stale: Named,
    /// Published files that were wanted no more, and were removed.
    pub removed: u64,
    /// What was worth telling, and of which jobs.
    pub remarks: BTreeMap<Remark, Named>,
    pub table: TableOutcome,
    /// Whether it was stopped before its end.
    pub interrupted: bool,
    /// The names of the files that could not be published.
    missing: HashSet<String>,
}

impl Outcome {
    /// Before anything is written.
    pub(super) fn before(images: u64, up_to_date: u64, changed: Vec<String>, stale: &[String]) -> Self {
        let up_to_date = up_to_date + changed.len() as u64;
        let (changed, stale) = (changed.into_iter().collect(), stale.iter().cloned().collect());
        Self { images, up_to_date, changed, stale, ..Self::default() }
    }

    pub(super) fn wrote(&mut self, job: String, remarks: Vec<Remark>) {
        self.written += 1;
        for remark in remarks {
            self.remarks.entry(remark).or_default().add(job.clone());
        }
    }

    pub(super) fn fail(&mut self, job: String, name: String, why: String) {
        self.failed.add(format!("{job}: {why}"));
        self.missing.insert(name);
    }

    pub(super) fn failed_count(&self) -> u64 {
        self.failed.count
    }

    /// Whether a file is not there because its image could not be published.
    pub(super) fn lacks(&self, name: &str) -> bool {
        self.missing.contains(name)
    }
}
