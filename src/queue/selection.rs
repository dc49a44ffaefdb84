//! Which jobs are meant, and a page of them.

use crate::job::{JobSeq, StateName};

use super::record::JobRecord;

/// Which jobs are meant: those that fulfil all of it.
#[derive(Debug, Clone, Copy, Default)]
pub struct Selection<'a> {
    /// In one of these states; all, if none are named.
    pub states: &'a [StateName],
    /// Only those whose result is flagged, or is not; results alone are flagged.
    pub flagged: Option<bool>,
    /// Only those with a result about which this was said.
    pub judged: Option<Judged>,
    /// Only those whose present attempt was sent to the account of this name.
    pub account: Option<&'a str>,
    /// Only those that have these values in the manifest columns of these names, all of them, to the letter.
    pub columns: &'a [(String, String)],
}

/// What was said about a result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Judged {
    Approved,
    Rejected,
    /// Nothing yet.
    Unjudged,
}

impl Selection<'_> {
    /// Those in one of these states.
    #[must_use]
    pub fn in_states(states: &[StateName]) -> Selection<'_> {
        Selection { states, ..Selection::default() }
    }

    /// Those whose result is flagged.
    #[must_use]
    pub fn flagged() -> Self {
        Self { flagged: Some(true), ..Self::default() }
    }

    /// Those with a result about which this was said.
    #[must_use]
    pub fn judged(judged: Judged) -> Self {
        Self { judged: Some(judged), ..Self::default() }
    }
}

/// A page of the selected jobs.
#[derive(Debug, Default)]
pub struct JobsPage {
    /// In manifest order.
    pub jobs: Vec<JobRecord>,
    /// Where the next page begins: behind this job. `None` at the end. Where few of many jobs are selected by what no index
    /// knows, a page may have few jobs, or none, and not be the last: some thousand are looked at for each.
    pub next: Option<JobSeq>,
}
