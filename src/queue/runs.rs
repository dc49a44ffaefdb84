//! Runs as they are told: how each goes on, and several hosts' as one.

use jiff::Timestamp;

use crate::job::AccountName;

/// What a run waits for, so that `status` can say it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pause {
    /// The next moment at which something is tried.
    pub until: Timestamp,
    /// Why, completing "paused until 02:14, because …".
    pub why: String,
}

/// What an account did in a run.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct AccountTally {
    /// Tasks that it took.
    pub submitted: u64,
    /// Jobs whose images it made.
    pub images: u64,
    /// Jobs that failed there: refused, or ended without an image.
    pub failed: u64,
    /// Units of its packs that its tasks have cost, as far as it told.
    pub units: f64,
    /// Money that they have cost, as far as it told.
    pub paid: f64,
    /// Whether it told of any task what it cost.
    pub has_told_cost: bool,
}

impl AccountTally {
    fn add(&mut self, other: &Self) {
        self.submitted += other.submitted;
        self.images += other.images;
        self.failed += other.failed;
        self.units += other.units;
        self.paid += other.paid;
        self.has_told_cost |= other.has_told_cost;
    }
}

/// How an account of a run goes on.
#[derive(Debug, Clone, PartialEq)]
pub struct AccountStanding {
    pub name: AccountName,
    /// Tasks that it takes at once, as far as is known.
    pub slots: u32,
    /// Tasks that it has.
    pub in_flight: u32,
    /// What it did in this run.
    pub done: AccountTally,
    /// Why it takes nothing at present, or any more.
    pub trouble: Option<String>,
    /// Whether it takes nothing any more in this run.
    pub has_ended: bool,
}

impl AccountStanding {
    /// The same account, of another host that works the queue at the same time.
    fn add(&mut self, other: Self) {
        self.slots = self.slots.max(other.slots);
        self.in_flight += other.in_flight;
        self.done.add(&other.done);
        self.trouble = self.trouble.take().filter(|_| other.trouble.is_some());
        self.has_ended &= other.has_ended;
    }
}

/// One run that worked on a queue.
#[derive(Debug, Clone, PartialEq)]
pub struct RunRecord {
    /// How many hosts' runs these are: what is counted is of all of them.
    pub hosts: u32,
    pub started_at: Timestamp,
    /// Its last heartbeat.
    pub seen_at: Timestamp,
    pub ended_at: Option<Timestamp>,
    /// Tasks it keeps in flight at the provider.
    pub slots: u32,
    /// Slot time in use, and slot time there was, in milliseconds.
    pub slot_ms_busy: u64,
    pub slot_ms_all: u64,
    /// Images finished in this run.
    pub succeeded: u64,
    pub pause: Option<Pause>,
    /// Its accounts, where they have names.
    pub accounts: Vec<AccountStanding>,
}

impl RunRecord {
    /// This run and another one that is going on at the same time, as one. It waits where both do.
    pub(super) fn and(mut self, other: Self) -> Self {
        self.hosts += other.hosts;
        self.started_at = self.started_at.min(other.started_at);
        self.seen_at = self.seen_at.max(other.seen_at);
        // Each of them counts the accounts' slots, which all share.
        self.slots = self.slots.max(other.slots);
        self.slot_ms_busy += other.slot_ms_busy;
        self.slot_ms_all = self.slot_ms_all.max(other.slot_ms_all);
        self.succeeded += other.succeeded;
        self.pause = self.pause.zip(other.pause).map(|(one, two)| if one.until <= two.until { one } else { two });
        for theirs in other.accounts {
            match self.accounts.iter_mut().find(|ours| ours.name == theirs.name) {
                None => self.accounts.push(theirs),
                Some(ours) => ours.add(theirs),
            }
        }
        self
    }

    /// Share of slot time in use so far, from 0 to 1; `None` when there was no slot time.
    #[must_use]
    pub fn slots_busy(&self) -> Option<f64> {
        #[expect(clippy::cast_precision_loss, reason = "a share of milliseconds")]
        let share = self.slot_ms_busy as f64 / self.slot_ms_all as f64;
        (self.slot_ms_all > 0).then_some(share)
    }
}
