//! Hosts that work one queue together, and what is known of one that is heard of no more.
//!
//! Each start of a run is an **epoch**: a number that no other start has. A claim writes it down, and every later verb of a
//! worker is refused where another epoch has the job by then. A host that is not heard of within its lease may be dead, may be
//! asleep, or may have lost its network, and time does not tell which. So there are two steps:
//!
//! - **Lapsed**: another host has acted on the end of its lease. Its tasks are collected by others, which costs nothing. What it
//!   was submitting is in doubt and remains its own: others may find the task by our id, and nobody sends it again. A lapsed
//!   epoch is never renewed; who comes to life again begins a new one.
//! - **Dead**: it is proven that none of its requests will leave any more ([`Death`]). Only then, and only by what is asked
//!   after that, can "no such task" lead to a second submission.

use std::time::Duration;

use jiff::Timestamp;

use crate::job::{Failure, FailureKind};

/// A job in doubt counts against the account's slots for this long, in milliseconds: its task has been found by then, or was
/// never made.
pub(super) const DOUBT_HOLDS_SLOT_MS: i64 = 60_000;

/// A host wants slots for this long after it has claimed, or has found no room, in milliseconds.
pub(super) const WANTS_FOR_MS: i64 = 3_000;

/// Requests leave a little later than the plain interval, so that the network's jitter does not push one more into a window
/// of a second.
pub(super) const MARGIN: f64 = 1.05;

/// This many hosts are named that do not have a picture.
pub(super) const MOST_TOLD: usize = 8;

/// The failure of a job whose pictures no living host has. Each is named with what it says.
pub(super) fn had_by_nobody(looked: &[(String, String)]) -> Failure {
    let each = looked.iter().take(MOST_TOLD).map(|(host, why)| format!("host {host}: {why}"));
    let more = (looked.len() > MOST_TOLD).then(|| "…".to_owned());
    let said = each.chain(more).collect::<Vec<_>>().join("; ");
    Failure::of(FailureKind::InvalidInput, &format!("no host that is at work has its picture: {said}"))
}

/// A start of a run on a host, counted over the whole queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Epoch(pub i64);

/// Who a host is at a start, and for how long it may be silent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostStart {
    /// Its name (`--host`).
    pub name: String,
    /// The machine, by what a copy of its disk does not copy; `None` where that cannot be told.
    pub machine: Option<String>,
    /// The present boot of the machine.
    pub boot: Option<String>,
    /// What the lock file that this process holds has in it: written when the file was made, and in no other.
    pub lock: Option<String>,
    /// The process id, for people.
    pub process: u32,
    /// Without a heartbeat for this long it counts as gone.
    pub lease: Duration,
}

impl HostStart {
    /// A host that shares its queue with no other.
    #[must_use]
    pub fn alone() -> Self {
        Self {
            name: "this".to_owned(),
            machine: None,
            boot: None,
            lock: None,
            process: std::process::id(),
            lease: Duration::from_secs(30),
        }
    }
}

/// How it was proven that an epoch sends nothing any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Death {
    /// It said so at its end.
    Goodbye,
    /// Its lock file was taken again, on the same boot of the same machine.
    Lock,
    /// Its machine has booted since.
    Reboot,
    /// A person said so (`tryon hosts forget`).
    Forgotten,
    /// The queue's file is worked on by one run at a time, and another one has taken it since.
    Replaced,
}

impl Death {
    pub const ALL: [Self; 5] = [Self::Goodbye, Self::Lock, Self::Reboot, Self::Forgotten, Self::Replaced];

    /// The word under which it is stored and shown.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Goodbye => "goodbye",
            Self::Lock => "lock",
            Self::Reboot => "reboot",
            Self::Forgotten => "forgotten",
            Self::Replaced => "replaced",
        }
    }

    /// The death that a word names.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|death| death.word() == word)
    }
}

/// What has become of an epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HostState {
    /// Its heartbeat is fresh.
    Live,
    /// Its lease is over, and no other host has acted on it yet.
    Overdue,
    /// See the module's page.
    Lapsed,
    /// See the module's page.
    Dead(Death),
}

impl HostState {
    /// The word that users see.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Overdue => "overdue",
            Self::Lapsed => "lapsed",
            Self::Dead(_) => "dead",
        }
    }
}

/// One epoch of a host, as `tryon hosts` shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostRecord {
    pub epoch: Epoch,
    pub name: String,
    pub process: u32,
    /// By the queue's own clock, as all times here.
    pub started_at: Timestamp,
    /// How long ago it was last heard of.
    pub silent_for: Duration,
    pub lease: Duration,
    pub state: HostState,
    /// Jobs that it submits, has at the provider, or downloads.
    pub at_work: u64,
    /// Jobs in doubt that are its own.
    pub in_doubt: u64,
}

/// Whose a job is that a host looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holder {
    /// This epoch's.
    Ours,
    /// A lapsed epoch's: it may come to life again, and its request with it.
    Lapsed,
    /// Nobody's who will ever send anything for it again.
    Gone,
}

/// What a heartbeat brings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Renewed {
    /// Hosts that live now, this one included.
    pub live: u32,
}

/// How much of what all hosts share may be taken, for a queue that several work on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Room {
    /// Tasks that the account takes at once, over all hosts.
    pub slots: u32,
    /// Tasks of this host that outlast their time. It looks at them no more, and their slots are its own to fill.
    pub parked: u32,
    /// Jobs that may be in doubt or on their way there, over all hosts.
    pub max_in_doubt: u64,
}

/// What of what all hosts share there is too little of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoRoom {
    /// The account's slots are taken, or are another host's share. `elsewhere` are the tasks of other hosts.
    Slots { elsewhere: u32 },
    /// As many jobs as may be are in doubt, or may come to be.
    Doubt,
    /// As many jobs as may be are refused alike, or may come to be: `in_a_row` are.
    Refusals { in_a_row: u32 },
}

/// The most jobs that are refused alike before runs end over it, over all hosts (`docs/promises.md`, "Answers"): those in a row,
/// and the creates that were on their way meanwhile.
pub const MOST_REFUSED: u32 = 40;

/// Jobs that an account has refused alike, with none accepted in between, over all hosts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RefusedAlike {
    /// Since this epoch began.
    pub jobs: u32,
    /// Whether the account has accepted a job in a run that goes on.
    pub has_accepted: bool,
}

impl NoRoom {
    /// Whether one more create could make too many refusals in a row; `in_a_row` are, and `on_their_way` may come to be.
    pub(super) fn of_refusals(in_a_row: u32, on_their_way: u32) -> Option<Self> {
        (in_a_row + on_their_way >= MOST_REFUSED).then_some(Self::Refusals { in_a_row })
    }
}

impl Room {
    /// Whether there is no slot for one more task of host `me`: all are taken, or what is left belongs to hosts that want it and
    /// have less than their share. `in_flight` are the tasks by their epochs, `wanting` the hosts that want slots.
    pub(super) fn lacks_slots(self, me: Epoch, in_flight: &[(Option<i64>, u32)], wanting: &[i64]) -> Option<NoRoom> {
        let tasks_of =
            |epoch: i64| in_flight.iter().filter(|(of, _)| *of == Some(epoch)).map(|(_, tasks)| tasks).sum::<u32>();
        let all: u32 = in_flight.iter().map(|(_, tasks)| tasks).sum();
        let parked = self.parked.min(tasks_of(me.0));
        let (all, mine) = (all - parked, tasks_of(me.0) - parked);
        let others: Vec<i64> = wanting.iter().copied().filter(|epoch| *epoch != me.0).collect();
        let share = self.slots.div_ceil(u32::try_from(others.len() + 1).unwrap_or(u32::MAX));
        let is_for_others = mine >= share && others.iter().any(|epoch| tasks_of(*epoch) < share);
        (all >= self.slots || is_for_others).then_some(NoRoom::Slots { elsewhere: all - mine })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lacks(slots: u32, mine: u32, others: &[(i64, u32)], wanting: &[i64]) -> bool {
        let mut in_flight: Vec<_> = others.iter().map(|(epoch, tasks)| (Some(*epoch), *tasks)).collect();
        in_flight.push((Some(1), mine));
        Room { slots, parked: 0, max_in_doubt: 50 }.lacks_slots(Epoch(1), &in_flight, wanting).is_some()
    }

    #[test]
    fn the_slot_of_a_task_that_a_host_looks_at_no_more_is_that_hosts_to_fill() {
        let room = |parked| Room { slots: 2, parked, max_in_doubt: 50 };
        let (in_flight, wanting) = ([(Some(1), 2)], [1, 2]);
        assert!(room(0).lacks_slots(Epoch(1), &in_flight, &wanting).is_some());
        assert_eq!(room(1).lacks_slots(Epoch(1), &in_flight, &[1]), None);
        assert_eq!(room(2).lacks_slots(Epoch(1), &in_flight, &wanting), None);
        // It is not another one's, and what is the queue's no more counts for nothing.
        assert!(room(0).lacks_slots(Epoch(2), &in_flight, &wanting).is_some());
        assert!(room(2).lacks_slots(Epoch(2), &in_flight, &wanting).is_some());
        assert_eq!(room(9).lacks_slots(Epoch(1), &[(Some(2), 1)], &[1]), None);
    }

    #[test]
    fn slots_are_handed_where_there_is_work_and_shared_where_several_want_them() {
        assert!(!lacks(10, 9, &[(2, 0)], &[1]), "nobody else wants any");
        assert!(lacks(10, 10, &[(2, 0)], &[1]), "all are taken");
        assert!(lacks(10, 5, &[(2, 0)], &[1, 2]), "the other half is the other host's");
        assert!(!lacks(10, 4, &[(2, 5)], &[1, 2]), "less than its share");
        assert!(lacks(10, 4, &[(2, 4), (3, 1)], &[1, 2, 3]), "the third has the least");
        assert!(!lacks(11, 4, &[(2, 4), (3, 2)], &[1, 2]), "the third wants no more");
        assert!(lacks(10, 6, &[(2, 4)], &[1]), "what another has is taken, whether it wants more or not");
    }
}
