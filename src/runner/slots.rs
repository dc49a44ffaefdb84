//! The provider's slots: how many tasks this run keeps in flight, and how busy it keeps them.
//!
//! A task holds its slot from before its submission until it has ended, not until its image is fetched. The
//! ceiling is never exceeded; when the provider says that the account is over its cap, the limit falls to what it
//! does hold, and one slot more is tried after a while.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use super::retry::Backoff;

/// How long a limit below the ceiling stands before one slot more is tried, at first and at most.
const PROBE: Backoff = Backoff { shortest: Duration::from_secs(5), longest: Duration::from_secs(300) };

/// How long nothing is submitted after "over the cap": the provider advises at least a second.
const AFTER_REFUSAL: Backoff = Backoff { shortest: Duration::from_secs(2), longest: Duration::from_secs(30) };

/// All slots of a run.
#[derive(Debug)]
pub(super) struct Slots {
    ceiling: usize,
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Debug)]
struct State {
    limit: usize,
    busy: usize,
    /// No submission before this moment.
    not_before: Instant,
    /// When one slot more than `limit` is tried.
    probe_at: Instant,
    refusals_in_a_row: u32,
    probes_refused: u32,
    since: Instant,
    busy_time: Duration,
    slot_time: Duration,
}

/// One slot in use; free again when dropped.
#[derive(Debug)]
pub(super) struct Slot {
    slots: Arc<Slots>,
}

impl Slots {
    pub(super) fn new(ceiling: usize) -> Arc<Self> {
        let now = Instant::now();
        let state = State {
            limit: ceiling,
            busy: 0,
            not_before: now,
            probe_at: now,
            refusals_in_a_row: 0,
            probes_refused: 0,
            since: now,
            busy_time: Duration::ZERO,
            slot_time: Duration::ZERO,
        };
        Arc::new(Self { ceiling, state: Mutex::new(state), changed: Notify::new() })
    }

    /// Waits for a free slot and takes it.
    pub(super) async fn acquire(self: &Arc<Self>) -> Slot {
        loop {
            // Registered before the look, so that a slot freed in between is not missed.
            let changed = self.changed.notified();
            let wake_at = {
                let mut state = self.locked();
                let now = Instant::now();
                if state.limit < self.ceiling && now >= state.probe_at {
                    state.limit += 1;
                    state.probe_at = now + PROBE.firm(state.probes_refused + 1);
                }
                if state.busy < state.limit && now >= state.not_before {
                    state.advance(now);
                    state.busy += 1;
                    return Slot { slots: Arc::clone(self) };
                }
                if state.busy < state.limit {
                    state.not_before
                } else {
                    state.probe_at.max(now + Duration::from_secs(1))
                }
            };
            tokio::select! {
                () = changed => {}
                () = tokio::time::sleep_until(wake_at) => {}
            }
        }
    }

    /// Takes a slot for a task that the provider already has, whatever the limit.
    pub(super) fn occupy(self: &Arc<Self>) -> Slot {
        let mut state = self.locked();
        state.advance(Instant::now());
        state.busy += 1;
        Slot { slots: Arc::clone(self) }
    }

    /// The provider took a task: the limit holds.
    pub(super) fn accepted(&self) {
        let mut state = self.locked();
        state.refusals_in_a_row = 0;
        if state.busy >= state.limit {
            state.probes_refused = 0;
        }
    }

    /// The provider said "over the cap" to a submission that holds one of the busy slots.
    pub(super) fn over_cap(&self) {
        let mut state = self.locked();
        let now = Instant::now();
        state.advance(now);
        state.refusals_in_a_row += 1;
        state.limit = state.busy.saturating_sub(1).clamp(1, self.ceiling);
        state.probes_refused = (state.probes_refused + 1).min(16);
        state.probe_at = now + PROBE.firm(state.probes_refused);
        state.not_before = now + AFTER_REFUSAL.firm(state.refusals_in_a_row);
        tracing::debug!(limit = state.limit, "the account's cap is reached; fewer tasks in flight");
    }

    /// Slot time in use and slot time there was, since the run began.
    pub(super) fn occupancy(&self) -> (Duration, Duration) {
        let mut state = self.locked();
        state.advance(Instant::now());
        (state.busy_time, state.slot_time)
    }

    fn locked(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Brings the account of slot time up to now.
    fn advance(&mut self, now: Instant) {
        let passed = now.saturating_duration_since(self.since);
        let count = |slots: usize| passed * u32::try_from(slots).unwrap_or(u32::MAX);
        self.busy_time += count(self.busy.min(self.limit));
        self.slot_time += count(self.limit);
        self.since = now;
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut state = self.slots.locked();
        state.advance(Instant::now());
        state.busy -= 1;
        drop(state);
        self.slots.changed.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether a slot is to be had now, without waiting.
    async fn try_take(slots: &Arc<Slots>) -> Option<Slot> {
        tokio::time::timeout(Duration::from_millis(1), slots.acquire()).await.ok()
    }

    #[tokio::test(start_paused = true)]
    async fn the_ceiling_is_never_exceeded_and_a_freed_slot_is_taken_at_once() {
        let slots = Slots::new(2);
        let first = slots.acquire().await;
        let _second = slots.acquire().await;
        assert!(try_take(&slots).await.is_none());
        let waiting = tokio::spawn({
            let slots = Arc::clone(&slots);
            async move { slots.acquire().await }
        });
        tokio::task::yield_now().await;
        let before = Instant::now();
        drop(first);
        let _third = waiting.await.expect("a slot");
        assert_eq!(Instant::now(), before);
    }

    #[tokio::test(start_paused = true)]
    async fn over_the_cap_lowers_the_limit_waits_a_second_and_tries_one_more_later() {
        let slots = Slots::new(5);
        let held = [slots.acquire().await, slots.acquire().await];
        let refused = slots.acquire().await;
        slots.over_cap();
        drop(refused);
        assert!(try_take(&slots).await.is_none());
        tokio::time::advance(Duration::from_millis(2_100)).await;
        assert!(try_take(&slots).await.is_none(), "two are held and two is the cap that was seen");
        tokio::time::advance(Duration::from_secs(6)).await;
        let probe = try_take(&slots).await.expect("one more is tried");
        slots.over_cap();
        drop(probe);
        drop(held);
        tokio::time::advance(Duration::from_secs(5)).await;
        assert!(try_take(&slots).await.is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn occupancy_is_the_share_of_slot_time_in_use() {
        let slots = Slots::new(2);
        let one = slots.acquire().await;
        tokio::time::advance(Duration::from_secs(10)).await;
        drop(one);
        tokio::time::advance(Duration::from_secs(10)).await;
        assert_eq!(slots.occupancy(), (Duration::from_secs(10), Duration::from_secs(40)));
    }
}
