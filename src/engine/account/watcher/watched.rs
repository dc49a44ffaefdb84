//! A task that the watcher asks about, and what is known of it so far.

use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::Instant;

use super::Ended;

/// A task that this many walks, one after the other, did not show is asked about by itself.
pub(super) const MOST_MISSES: u32 = 2;

/// A task that somebody waits for.
#[derive(Debug)]
pub(super) struct Watched {
    /// Who waits for it: one worker, or those of several jobs that share it.
    pub(super) waiting: Vec<oneshot::Sender<Ended>>,
    pub(super) began: Began,
    /// The age at which it was last known to be working; 0 when it was only taken.
    pub(super) alive_at: Duration,
    /// When it was last asked about.
    pub(super) asked: Option<Instant>,
    /// When a question about it is due; `None` while one is open.
    pub(super) due: Option<Instant>,
    pub(super) unknown_times: u32,
    pub(super) unknown_since: Option<Instant>,
    /// How many walks through the list, one after the other, did not show it.
    pub(super) unlisted: u32,
    /// It is only asked about for what is left of it, and nothing about times is to be learnt from it.
    pub(super) is_known_to_have_ended: bool,
    /// A callback came while a question about it was open.
    pub(super) is_woken: bool,
    /// A question about several tasks failed for one of them: it is asked about by itself.
    pub(super) asks_alone: bool,
    /// This many questions may confirm a callback, whatever the interval: the callback can be ahead of what is told.
    pub(super) confirmations: u32,
}

impl Watched {
    /// One that is asked about for the first time: `age` is how long ago the provider took it, `None` for a task that is known
    /// to have ended.
    pub(super) fn new(waiting: oneshot::Sender<Ended>, age: Option<Duration>) -> Self {
        Self {
            waiting: vec![waiting],
            began: Began { watched: Instant::now(), age_then: age.unwrap_or_default() },
            is_known_to_have_ended: age.is_none(),
            alive_at: Duration::ZERO,
            asked: None,
            due: None,
            unknown_times: 0,
            unknown_since: None,
            unlisted: 0,
            is_woken: false,
            asks_alone: false,
            confirmations: 0,
        }
    }

    /// Whether it may be asked about in a question that is due for another task's sake.
    pub(super) fn may_join(&self, now: Instant, interval: Duration) -> bool {
        !self.asks_alone && self.confirmations == 0 && self.asked.unwrap_or(self.began.watched) + interval <= now
    }

    /// Whether the list shows it, as far as is known.
    pub(super) fn is_listed(&self) -> bool {
        self.unlisted < MOST_MISSES && !self.is_known_to_have_ended
    }
}

/// When the provider took a task. A task of an earlier run may be older than this machine's clock.
#[derive(Debug, Clone, Copy)]
pub(super) struct Began {
    pub(super) watched: Instant,
    pub(super) age_then: Duration,
}

impl Began {
    pub(super) fn age(self, at: Instant) -> Duration {
        self.age_then + at.saturating_duration_since(self.watched)
    }

    pub(super) fn at(self, age: Duration) -> Instant {
        self.watched + age.saturating_sub(self.age_then)
    }
}
