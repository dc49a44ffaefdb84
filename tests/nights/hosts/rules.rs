//! What has to be true after each verb of the queue: whose a job is, and what an epoch may do.
//!
//! The books show what a broken rule cost; most nights in which one was broken cost nothing, because several rules hold the
//! same door. So each rule is looked at by itself, through the queue's contract, as soon as a verb has written.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::FutureExt;
use tryon::job::{JobSeq, JobState, StateName};
use tryon::queue::{ActiveJob, Epoch, HostRecord, HostState, Queue};

/// The queue as a whole, as of the last verb that wrote.
#[derive(Debug, Default)]
struct Seen {
    revision: String,
    /// Jobs that are under way.
    jobs: HashMap<JobSeq, ActiveJob>,
    /// Epochs that are not dead, or have doubt.
    hosts: HashMap<Epoch, HostRecord>,
}

/// Looks at the queue after each verb.
#[derive(Debug)]
pub(super) struct Rules {
    /// A handle of its own, which nobody holds up.
    queue: Arc<dyn Queue>,
    seen: Mutex<Seen>,
    wrongs: Mutex<Vec<String>>,
}

/// The states in which a job is some host's.
const UNDER_WAY: [StateName; 4] =
    [StateName::Submitting, StateName::InDoubt, StateName::Running, StateName::Downloading];

impl Rules {
    pub(super) fn of(queue: Arc<dyn Queue>) -> Self {
        Self { queue, seen: Mutex::default(), wrongs: Mutex::default() }
    }

    /// What was found wrong.
    pub(super) fn wrongs(&self) -> Vec<String> {
        std::mem::take(&mut self.wrongs.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Looks at what a verb of process `number` has changed: called at once after each, so that nobody else has written since.
    pub(super) fn look(&self, number: usize) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let revision = at_once(self.queue.revision());
        if revision == seen.revision {
            return;
        }
        let jobs = at_once(self.queue.active(&UNDER_WAY, 10_000)).into_iter().map(|job| (job.seq, job)).collect();
        let hosts = at_once(self.queue.hosts()).into_iter().map(|host| (host.epoch, host)).collect();
        let now = Seen { revision, jobs, hosts };
        let mut wrongs = Vec::new();
        now.hosts.values().for_each(|host| wrongs.extend(wrong_with_host(seen.hosts.get(&host.epoch), host)));
        now.jobs.values().for_each(|job| wrongs.extend(wrong_with_submission(seen.jobs.get(&job.seq), job, &now)));
        seen.jobs.values().for_each(|job| wrongs.extend(wrong_with_move(job, &seen, &now, number)));
        *seen = now;
        self.wrongs.lock().unwrap_or_else(PoisonError::into_inner).append(&mut wrongs);
    }
}

/// The answer of a simulated queue, which waits for nothing.
fn at_once<T>(answer: impl Future<Output = tryon::queue::QueueResult<T>>) -> T {
    answer.now_or_never().expect("an answer at once").expect("the queue")
}

/// An epoch that has lapsed begins nothing again: it is heard of no more.
fn wrong_with_host(before: Option<&HostRecord>, after: &HostRecord) -> Option<String> {
    let before = before.filter(|before| before.state == HostState::Lapsed)?;
    let is_heard_of = after.silent_for < before.silent_for;
    let is_back = !matches!(after.state, HostState::Lapsed | HostState::Dead(_));
    (is_heard_of || is_back).then(|| format!("epoch {} of {} had lapsed, and was renewed", after.epoch.0, after.name))
}

/// Only an epoch that holds its lease has the intent to submit written down.
fn wrong_with_submission(before: Option<&ActiveJob>, after: &ActiveJob, now: &Seen) -> Option<String> {
    let is_submitting = |job: &ActiveJob| matches!(job.state, JobState::Submitting { .. });
    let was_so = before.is_some_and(|before| {
        is_submitting(before) && (&before.external_id, before.epoch) == (&after.external_id, after.epoch)
    });
    if !is_submitting(after) || was_so {
        return None;
    }
    let state = after.epoch.and_then(|epoch| now.hosts.get(&epoch)).map(|host| host.state);
    let may = matches!(state, Some(HostState::Live | HostState::Overdue));
    (!may).then(|| format!("{} is to be submitted by epoch {:?}, which is {state:?}", after.spec.id, after.epoch))
}

/// A job of a host that holds its lease is moved by that host alone; one of a lapsed epoch is sent by nobody again.
fn wrong_with_move(before: &ActiveJob, seen: &Seen, now: &Seen, number: usize) -> Option<String> {
    let after = now.jobs.get(&before.seq);
    let place = |job: &ActiveJob| (job.state.name(), job.attempt, job.epoch);
    if after.map(place) == Some(place(before)) {
        return None;
    }
    let epoch = before.epoch?;
    let (was, is) = (seen.hosts.get(&epoch)?, now.hosts.get(&epoch)?);
    if was.process as usize == number {
        return None;
    }
    let holds = |host: &HostRecord| matches!(host.state, HostState::Live | HostState::Overdue);
    let moved =
        || format!("process {number} moved {} of process {}: {before:?} to {after:?}", before.spec.id, was.process);
    if holds(was) && holds(is) {
        return Some(moved());
    }
    let is_sent = after.is_none_or(|after| matches!(after.state, JobState::Submitting { .. }));
    (is.state == HostState::Lapsed && before.state.name() == StateName::InDoubt && is_sent).then(moved)
}
