//! How a run works: values that are resolved and checked; nothing here is a flag.

use std::path::PathBuf;
use std::time::Duration;

/// How a run works. Durations and rates are resolved; nothing here is a flag.
#[derive(Debug, Clone)]
pub struct RunSettings {
    /// The same task is never asked about more often than this.
    pub poll_interval: Duration,
    /// Downloads at a time.
    pub downloads: usize,
    /// Attempts of one job, and tries of one download.
    pub max_attempts: u32,
    /// A task that has not ended after this long in this run is left to the next one.
    pub task_timeout: Duration,
    /// The folder that relative names of pictures are relative to, on this host.
    pub inputs: Option<PathBuf>,
    /// Pictures that almost fit are made to fit when they are sent.
    pub fit_images: bool,
    /// Identical pairs are made once, and each of their jobs gets a file.
    pub dedupe: bool,
    /// A result with a shorter side is flagged; in pixels.
    pub min_result_px: u32,
    /// What becomes of a submission whose fate the provider cannot tell.
    pub in_doubt: InDoubtPolicy,
    /// Tasks this run may submit; `None` is without limit.
    pub budget: Option<u64>,
    /// A provider that was not reached for this long from the start ends the run.
    pub reach_patience: Duration,
    /// Between the first questions about a submission in doubt.
    pub doubt_interval: Duration,
    /// "No such task" is believed of a submission in doubt only so long after its request was given up: gateways go on
    /// forwarding what a client has given up.
    pub doubt_age: Duration,
    /// When this number of jobs of the queue is in doubt, and asking does not settle them, nothing more is submitted.
    pub max_in_doubt: u64,
    /// How long answers that would end the run are checked.
    pub patience: Patience,
}

/// How many tasks are kept in flight at the provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SlotCount {
    /// As many as the account turns out to have room for.
    Auto,
    /// So many, and never more; at least 1.
    AtMost(usize),
}

impl SlotCount {
    /// Those of two accounts together.
    pub(crate) fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::AtMost(these), Self::AtMost(those)) => Self::AtMost(these.saturating_add(those)),
            _ => Self::Auto,
        }
    }
}

/// What becomes of a submission whose fate the provider cannot tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InDoubtPolicy {
    /// It stays visible, for a person to decide.
    Hold,
    /// It is submitted again, and may be paid for twice.
    Resubmit,
}

/// How long answers are waited for before they are believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// An answer that would end the run, but is not the API's own word, is confirmed over at least this time.
    pub confirm: Duration,
    /// A reseller that calls itself saturated, while nothing of ours is in flight, for so long ends the run.
    pub saturated: Duration,
    /// A bucket that takes no results for so long ends the run.
    pub bucket: Duration,
}

impl Default for Patience {
    /// Those of `docs/promises.md`, "Answers", and `docs/provider.md`.
    fn default() -> Self {
        Self { confirm: Duration::from_secs(60), saturated: Duration::from_secs(600), bucket: Duration::from_secs(600) }
    }
}
