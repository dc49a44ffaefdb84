//! The provider's slots: how many tasks this run keeps in flight, and how busy it keeps them.
//!
//! A task holds its slot from before its submission until it has ended, not until its image is fetched. How many there
//! are is only told by the provider's "over the cap": the limit climbs by one with every task that is taken while all
//! slots are full, until that word comes, and falls to what the account does hold then. It is tried again after a
//! while, ever more rarely, by one task more; if that is taken, the limit climbs again. A number that was asked for
//! (`--concurrency N`) is a ceiling that is never exceeded, and begins there.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use crate::engine::account::backoff::Backoff;
use crate::engine::event::Fact;
use crate::engine::settings::SlotCount;

/// Where an account is begun with about which nothing is known: the climb goes on while these are being submitted.
const FIRST_SLOTS: usize = 4;

/// No climb goes further: as many tasks as those pages of the provider's list hold that a walk looks at.
const MOST_SLOTS: usize = 2_000;

/// How long a limit below the ceiling holds before one slot more is tried, at first and at most.
const PROBE: Backoff = Backoff { shortest: Duration::from_secs(5), longest: Duration::from_secs(300) };

/// A probe that was taken is followed by another one so soon, which proves that there is more room.
const SECOND_PROBE: Duration = Duration::from_secs(1);

/// How long nothing is submitted after "over the cap": the provider advises at least a second.
const AFTER_REFUSAL: Backoff = Backoff { shortest: Duration::from_secs(2), longest: Duration::from_secs(30) };

/// All slots of a run.
#[derive(Debug)]
pub(crate) struct Slots {
    ceiling: usize,
    state: Mutex<State>,
    changed: Notify,
    /// A task has ended, and the queue knows: there may be room for a task that waits for it.
    room: Notify,
}

#[derive(Debug)]
struct State {
    limit: usize,
    /// Slots taken, by tasks and by submissions on their way.
    taken: usize,
    /// Among these, submissions that see whether there is room for one more than the limit.
    probes: usize,
    /// Slots that the provider holds a task in.
    held: usize,
    /// Every task that is taken while all slots are full raises the limit.
    is_climbing: bool,
    /// When the provider last said "over the cap".
    refused_at: Option<Instant>,
    /// No submission before this moment.
    not_before: Instant,
    /// When one slot more than `limit` is tried.
    probe_at: Instant,
    refusals: u32,
    refusals_in_a_row: u32,
    probes_refused: u32,
    /// Probes taken one after the other.
    probes_taken: u32,
    /// When the limit was last raised beyond what was found before.
    raised_at: Option<Instant>,
    /// Whether the provider has told where the limit is.
    has_found_cap: bool,
    occupancy: Occupancy,
}

/// How much of the slots' time was used while there was work for them.
#[derive(Debug)]
struct Occupancy {
    since: Instant,
    has_work: bool,
    held_time: Duration,
    slot_time: Duration,
}

/// One slot in use; free again when dropped.
#[derive(Debug)]
pub(crate) struct Slot {
    slots: Arc<Slots>,
    taken_at: Instant,
    /// Whether it is one more than the limit that held before, to see whether there is room.
    is_probe: bool,
    /// Whether the provider holds a task in it, as far as is known.
    is_held: bool,
}

impl Slots {
    /// The slots of a run that begins; `found` is the number that an earlier run has found behind the same provider.
    pub(crate) fn new(count: SlotCount, found: Option<u32>) -> Arc<Self> {
        let (ceiling, limit) = match (count, found) {
            (SlotCount::AtMost(ceiling), _) => (ceiling, ceiling),
            (SlotCount::Auto, Some(found)) => (MOST_SLOTS, (found as usize).clamp(1, MOST_SLOTS)),
            (SlotCount::Auto, None) => (MOST_SLOTS, FIRST_SLOTS),
        };
        let now = Instant::now();
        let state = State {
            limit,
            taken: 0,
            probes: 0,
            held: 0,
            is_climbing: found.is_none(),
            refused_at: None,
            not_before: now,
            probe_at: now + PROBE.firm(1),
            refusals: 0,
            refusals_in_a_row: 0,
            probes_refused: 0,
            probes_taken: 0,
            raised_at: None,
            has_found_cap: found.is_some(),
            occupancy: Occupancy { since: now, has_work: false, held_time: Duration::ZERO, slot_time: Duration::ZERO },
        };
        Arc::new(Self { ceiling, state: Mutex::new(state), changed: Notify::new(), room: Notify::new() })
    }

    /// Waits for a free slot and takes it.
    pub(crate) async fn acquire(self: &Arc<Self>) -> Slot {
        loop {
            // Registered before the look, so that a slot freed in between is not missed.
            let changed = self.changed.notified();
            let wake_at = {
                let mut state = self.locked();
                let now = Instant::now();
                // A probe on its way is not within the limit, and still within the ceiling.
                let is_full = state.within_limit() >= state.limit || state.taken >= self.ceiling;
                let is_probe = is_full && state.taken < self.ceiling && now >= state.probe_at;
                if (is_probe || !is_full) && now >= state.not_before {
                    if is_probe {
                        state.probe_at = now + PROBE.firm(state.probes_refused + 1);
                        state.probes += 1;
                    }
                    state.taken += 1;
                    return Slot { slots: Arc::clone(self), taken_at: now, is_probe, is_held: false };
                }
                match is_full {
                    false => state.not_before,
                    true if state.taken < self.ceiling => state.probe_at.max(state.not_before),
                    true => now + Duration::from_secs(60),
                }
            };
            tokio::select! {
                biased;
                () = changed => {}
                () = tokio::time::sleep_until(wake_at) => {}
            }
        }
    }

    /// Takes a slot for a task that an earlier run has submitted, whatever the limit.
    pub(crate) fn occupy(self: &Arc<Self>) -> Slot {
        self.locked().taken += 1;
        Slot { slots: Arc::clone(self), taken_at: Instant::now(), is_probe: false, is_held: false }
    }

    /// How many tasks may be in flight at present.
    pub(crate) fn limit(&self) -> u32 {
        u32::try_from(self.locked().limit).unwrap_or(u32::MAX)
    }

    /// How many slots are free.
    pub(crate) fn free(&self) -> u64 {
        let state = self.locked();
        state.limit.saturating_sub(state.within_limit()) as u64
    }

    /// How many slots hold a task, as far as is known.
    pub(crate) fn held(&self) -> u32 {
        u32::try_from(self.locked().held).unwrap_or(u32::MAX)
    }

    /// The number of slots that the provider has told, by refusing one more; `None` before that.
    pub(crate) fn found(&self) -> Option<u32> {
        let state = self.locked();
        state.has_found_cap.then(|| u32::try_from(state.limit).unwrap_or(u32::MAX))
    }

    /// Whether the provider holds a task of this run.
    pub(crate) fn hold_tasks(&self) -> bool {
        self.locked().held > 0
    }

    /// Until when nothing is submitted because the account, in which this run holds no slot, has no room for it; `None`
    /// where it has, or was not asked.
    pub(crate) fn shut_out_until(&self) -> Option<Instant> {
        let state = self.locked();
        let is_shut_out = state.held == 0 && state.refusals_in_a_row > 0;
        is_shut_out.then_some(state.not_before)
    }

    /// Whether jobs wait for slots: only then is a free one a loss.
    pub(crate) fn set_has_work(&self, has_work: bool) {
        let mut state = self.locked();
        state.advance(Instant::now());
        state.occupancy.has_work = has_work;
    }

    /// Of the time while jobs waited for slots: how long the slots held tasks at work, and how much slot time there
    /// was.
    pub(crate) fn occupancy(&self) -> (Duration, Duration) {
        let mut state = self.locked();
        state.advance(Instant::now());
        (state.occupancy.held_time, state.occupancy.slot_time)
    }

    /// The queue knows that a task of this run has ended.
    pub(crate) fn has_room(&self) {
        // Kept for whoever waits next: one feeder does.
        self.room.notify_one();
    }

    /// Waits until the queue knows that one more task of this run has ended.
    pub(crate) async fn until_room(&self) {
        self.room.notified().await;
    }

    fn locked(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Slot {
    /// The provider has the task.
    pub(crate) fn accepted(&mut self) {
        let mut state = self.slots.locked();
        state.advance(Instant::now());
        state.refusals_in_a_row = 0;
        if !std::mem::replace(&mut self.is_held, true) {
            state.held += 1;
        }
        let has_room = state.held > state.limit;
        if has_room {
            state.limit = state.held.min(self.slots.ceiling);
            state.raised_at = state.has_found_cap.then(Instant::now);
        }
        if std::mem::take(&mut self.is_probe) {
            state.probes -= 1;
            // Where one of our own tasks has ended meanwhile, a task more says nothing about room. So the climb begins
            // with the second probe that is taken.
            if has_room {
                state.probes_taken += 1;
                state.probes_refused = 0;
                state.probe_at = Instant::now() + SECOND_PROBE;
                state.is_climbing = state.probes_taken >= 2;
            }
        }
        if state.is_climbing && state.within_limit() >= state.limit && state.limit < self.slots.ceiling {
            // By two: one for the task that was taken, and one so that more submissions are on their way than before.
            state.limit = (state.limit + 2).min(self.slots.ceiling);
            drop(state);
            self.slots.changed.notify_waiters();
        }
    }

    /// The provider said "over the cap" to the submission that this slot was taken for.
    pub(crate) fn over_cap(&self) -> Fact {
        let mut state = self.slots.locked();
        let now = Instant::now();
        state.advance(now);
        state.refusals += 1;
        // Submissions that left together are refused together; that is one piece of news.
        let is_news = state.refused_at.is_none_or(|before| self.taken_at > before);
        if is_news {
            state.refusals_in_a_row += 1;
            state.probes_refused = (state.probes_refused + 1).min(16);
            state.probes_taken = 0;
            state.probe_at = now + PROBE.firm(state.probes_refused);
            // One task too many was asked for on purpose: the slots that there are may be filled on. A refusal within
            // the limit means that others of the account are at work.
            if !(self.is_probe || state.is_climbing) {
                state.not_before = now + AFTER_REFUSAL.firm(state.refusals_in_a_row);
            }
        }
        state.refused_at = Some(now);
        state.is_climbing = false;
        state.has_found_cap = true;
        // What is held is room for certain. Submissions that are still on their way are not: they may be refused with
        // this one, and raise the limit again where they are taken.
        state.limit = state.limit.min(state.held).clamp(1, self.slots.ceiling);
        Fact::CapMet { slots: u32::try_from(state.limit).unwrap_or(u32::MAX), refusals: state.refusals }
    }

    /// Whether it is one more than the limit, to see whether there is room.
    pub(crate) fn is_probe(&self) -> bool {
        self.is_probe
    }

    /// The provider has had the task all along: there is room for it, whatever was found before.
    pub(crate) fn mark_held(&mut self) {
        let mut state = self.slots.locked();
        state.advance(Instant::now());
        if !std::mem::replace(&mut self.is_held, true) {
            state.held += 1;
            state.limit = state.limit.max(state.held.min(self.slots.ceiling));
        }
    }

    /// The task has ended, so long `ago` that the slot has lain idle since.
    pub(crate) fn freed(self, ago: Duration) {
        let mut state = self.slots.locked();
        state.advance(Instant::now());
        // It had ended before a task more was taken: that was its own room, and no proof of more.
        let ended_at = Instant::now().checked_sub(ago);
        if self.is_held && ended_at.zip(state.raised_at).is_some_and(|(ended, raised)| ended <= raised) {
            state.limit = (state.limit - 1).max(1);
            state.is_climbing = false;
            state.probes_taken = 0;
            state.raised_at = None;
        }
        if self.is_held && state.occupancy.has_work {
            state.occupancy.held_time = state.occupancy.held_time.saturating_sub(ago);
        }
    }
}

impl State {
    /// Slots taken without the probes.
    fn within_limit(&self) -> usize {
        self.taken - self.probes
    }

    /// Brings the account of slot time up to now.
    fn advance(&mut self, now: Instant) {
        let passed = now.saturating_duration_since(self.occupancy.since);
        self.occupancy.since = now;
        if self.occupancy.has_work {
            let times = |slots: usize| passed * u32::try_from(slots).unwrap_or(u32::MAX);
            self.occupancy.held_time += times(self.held.min(self.limit));
            self.occupancy.slot_time += times(self.limit);
        }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut state = self.slots.locked();
        state.advance(Instant::now());
        state.taken -= 1;
        state.probes -= usize::from(self.is_probe);
        state.held -= usize::from(self.is_held);
        drop(state);
        self.slots.changed.notify_waiters();
    }
}

#[cfg(test)]
mod tests;
