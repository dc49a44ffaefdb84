//! Where the rows of one load stand: which row a job was first met in, and behind which job a rejected row belongs.

use std::collections::HashMap;

/// Where a load first met a job, and what it made of that row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Met {
    /// The manifest's position among those of the load.
    pub(super) manifest: u32,
    pub(super) line: u32,
    pub(super) as_what: Row,
}

/// What the first row of a load about a job was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Row {
    Added,
    Unchanged,
    Updated,
    /// It names a job of the queue and cannot be it; it was rejected, and the job stands.
    Rejected,
}

/// How many jobs in a row share an allocation, so that the memory grows without being copied, and holds nothing of
/// a large queue that the load is not about.
const STRETCH: usize = 1 << 12;

/// The memory of a load: twelve bytes a job, whatever its size.
#[derive(Default)]
pub(super) struct Places {
    /// By sequence number, in stretches.
    met: Vec<Option<Box<[Option<Met>; STRETCH]>>>,
    /// The last job that a row was about and that stands.
    last: Option<i64>,
    /// For added jobs that do not follow their predecessor in number: what was last when they were added.
    behind: HashMap<i64, Option<i64>>,
}

impl Places {
    /// Remembers the first row about a job.
    pub(super) fn note(&mut self, seq: i64, manifest: u32, line: u64, as_what: Row) {
        let index = usize::try_from(seq).unwrap_or_default();
        if self.met.len() <= index / STRETCH {
            self.met.resize(index / STRETCH + 1, None);
        }
        let stretch = self.met[index / STRETCH].get_or_insert_with(|| Box::new([None; STRETCH]));
        stretch[index % STRETCH] = Some(Met { manifest, line: u32::try_from(line).unwrap_or(u32::MAX), as_what });
        if as_what == Row::Rejected {
            return;
        }
        if as_what == Row::Added && self.last != Some(seq - 1) {
            self.behind.insert(seq, self.last);
        }
        self.last = Some(seq);
    }

    /// The first row about a job.
    pub(super) fn met(&self, seq: i64) -> Option<Met> {
        let index = usize::try_from(seq).ok()?;
        self.met.get(index / STRETCH)?.as_ref()?[index % STRETCH]
    }

    /// The job behind which the next rejected row stands; `None` before the first.
    pub(super) fn last(&self) -> Option<i64> {
        self.last
    }

    /// The job behind which a job's own row stands; `None` when it was the first.
    pub(super) fn behind(&self, seq: i64) -> Option<i64> {
        self.behind.get(&seq).copied().unwrap_or(Some(seq - 1))
    }

    /// Forgets a job that is taken out. Returns what it stood behind.
    pub(super) fn forget(&mut self, seq: i64) -> Option<i64> {
        let behind = self.behind(seq);
        self.behind.remove(&seq);
        if self.last == Some(seq) {
            self.last = behind;
        }
        let index = usize::try_from(seq).unwrap_or_default();
        if let Some(Some(stretch)) = self.met.get_mut(index / STRETCH) {
            stretch[index % STRETCH] = None;
        }
        behind
    }
}
