//! The gate before all requests: throttling, outages, and the end of the run by the provider's word.
//!
//! Requests pass in one of three lanes (creates, queries, downloads), each with an outage of its own, because a
//! gateway can refuse creates for hours while it answers queries. In an outage one probe at a time goes through,
//! at growing intervals; the first request that works ends it. Throttling holds creates and queries together.
//!
//! An answer that would end the run, but that a firewall or a login page gives as well (401, 403, a redirect, a web
//! page), is believed at first contact only. Once the API has answered in this run it is an outage with a suspicion:
//! the same answer to several probes, over at least a minute, confirms it and ends the run.

mod pass;
#[cfg(test)]
mod tests;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::provider::StopReason;
use crate::queue::Pause;

use crate::engine::account::backoff::Backoff;
use crate::engine::account::pace::Pace;
use crate::engine::settings::Patience;

pub(crate) use pass::Pass;

/// This many transient failures in a row, whatever the jobs, are an outage.
const FAILURES_OF_AN_OUTAGE: u32 = 3;

/// This many probes have to bring the same answer before a suspicion is confirmed.
const PROBES_OF_A_SUSPICION: u32 = 3;

/// What a request is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lane {
    Create,
    Query,
    Download,
}

/// Nothing passes any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stopped {
    pub(crate) reason: StopReason,
    /// What the provider said.
    pub(crate) said: String,
}

/// See the module's page.
#[derive(Debug)]
pub(crate) struct Gate {
    state: Mutex<State>,
    changed: Notify,
    backoff: Backoff,
    patience: Patience,
}

#[derive(Debug)]
struct State {
    lanes: [LaneState; 3],
    /// Creates and queries wait until then.
    throttled: Option<(Instant, String)>,
    throttles_in_a_row: u32,
    /// The word that ends the run, and whether it ends queries too.
    stopped: Option<(Stopped, bool)>,
    /// When the first request left that failed without reaching anybody.
    unreached_since: Option<Instant>,
    /// Whether anything has ever answered.
    was_reached: bool,
    /// Whether the API itself has answered: a task, a list, or one of its own codes.
    has_answered: bool,
    /// Whether a create was accepted.
    has_accepted: bool,
    /// Since when the reseller has called itself saturated, with nothing of ours in flight.
    saturated_since: Option<Instant>,
}

#[derive(Debug, Default)]
struct LaneState {
    failures_in_a_row: u32,
    outage: Option<Outage>,
}

#[derive(Debug)]
struct Outage {
    why: String,
    since: Instant,
    probes: u32,
    next_probe: Instant,
    is_probing: bool,
    /// Whether the last failure left a submission in doubt.
    leaves_doubt: bool,
    /// Whether creates are only held because of what queries were answered.
    is_hold: bool,
    suspicion: Option<Suspicion>,
}

/// An answer that would end the run, not confirmed yet.
#[derive(Debug)]
struct Suspicion {
    reason: StopReason,
    since: Instant,
    /// How many probes have brought it again.
    confirmed: u32,
}

impl Gate {
    pub(crate) fn new(backoff: Backoff, patience: Patience) -> Arc<Self> {
        let state = State {
            lanes: Default::default(),
            throttled: None,
            throttles_in_a_row: 0,
            stopped: None,
            unreached_since: None,
            was_reached: false,
            has_answered: false,
            has_accepted: false,
            saturated_since: None,
        };
        Arc::new(Self { state: Mutex::new(state), changed: Notify::new(), backoff, patience })
    }

    /// Waits until a request may be made.
    ///
    /// # Errors
    /// No request of this lane will be made any more.
    pub(crate) async fn pass(self: &Arc<Self>, lane: Lane) -> Result<Pass, Stopped> {
        loop {
            let changed = self.changed.notified();
            let wait_until = {
                let mut state = self.locked();
                if let Some(stopped) = state.stopped_for(lane) {
                    return Err(stopped);
                }
                match state.wait(lane, Instant::now()) {
                    None => {
                        let outage = state.lanes[lane as usize].outage.as_mut();
                        let is_probe = outage.is_some();
                        if let Some(outage) = outage {
                            outage.is_probing = true;
                        }
                        return Ok(Pass::new(self, lane, is_probe));
                    }
                    Some(until) => until,
                }
            };
            tokio::select! {
                biased;
                () = changed => {}
                () = tokio::time::sleep_until(wait_until) => {}
            }
        }
    }

    /// Waits for a request's turn, within its rate, and until it may be made. What closes the gate while the request
    /// waits for its turn holds this request too.
    ///
    /// # Errors
    /// As [`Self::pass`].
    pub(crate) async fn pass_in_turn(self: &Arc<Self>, lane: Lane, pace: &Arc<Pace>) -> Result<Pass, Stopped> {
        loop {
            let mut pass = self.pass(lane).await?;
            pace.turn().await;
            pass.has_turn(pace);
            if pass.is_good() {
                return Ok(pass);
            }
        }
    }

    /// For how long requests have failed without reaching anybody, with nothing ever answered. `None` where none has: a run
    /// whose jobs wait for their retry times has not tried to reach anybody.
    pub(crate) fn unreached_for(&self) -> Option<Duration> {
        let state = self.locked();
        state.unreached_since.filter(|_| !state.was_reached).map(|since| since.elapsed())
    }

    /// Whether the API itself has answered in this run.
    pub(crate) fn has_answered(&self) -> bool {
        self.locked().has_answered
    }

    /// Whether a request of this lane may leave now.
    pub(crate) fn is_open(&self, lane: Lane) -> bool {
        let state = self.locked();
        state.stopped_for(lane).is_none() && state.wait(lane, Instant::now()).is_none()
    }

    /// Ends the run, as far as submissions go; what is in flight is still collected.
    pub(crate) fn stop_submitting(&self, reason: StopReason, said: &str) {
        self.locked().stop(reason, said, false);
        self.changed.notify_waiters();
    }

    /// The word that ended the run, and whether it ended it for queries too.
    pub(crate) fn stopped(&self) -> Option<(Stopped, bool)> {
        self.locked().stopped.clone()
    }

    /// What creates wait for (else queries, else downloads), for `status` and the bar.
    pub(crate) fn pause(&self, now: Timestamp) -> Option<Pause> {
        let state = self.locked();
        let instant_now = Instant::now();
        let at = |until: Instant| {
            let wait = SignedDuration::try_from(until.saturating_duration_since(instant_now)).unwrap_or_default();
            now.saturating_add(wait).unwrap_or(now)
        };
        if let Some((until, why)) = state.throttled.as_ref().filter(|(until, _)| *until > instant_now) {
            return Some(Pause { until: at(*until), why: why.clone() });
        }
        let outage = state.lanes.iter().find_map(|lane| lane.outage.as_ref())?;
        Some(Pause { until: at(outage.next_probe), why: outage.why.clone() })
    }

    fn locked(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Outage {
    fn begins(why: &str, next_probe: Instant) -> Self {
        Self {
            why: why.to_owned(),
            since: Instant::now(),
            probes: 1,
            next_probe,
            is_probing: false,
            leaves_doubt: false,
            is_hold: false,
            suspicion: None,
        }
    }
}

impl State {
    /// Ends the run by the provider's word, and `ends_queries` too where nothing can be collected any more.
    fn stop(&mut self, reason: StopReason, said: &str, ends_queries: bool) {
        match &mut self.stopped {
            Some((_, ends)) => *ends |= ends_queries,
            None => self.stopped = Some((Stopped { reason, said: said.to_owned() }, ends_queries)),
        }
    }

    fn stopped_for(&self, lane: Lane) -> Option<Stopped> {
        let (stopped, ends_queries) = self.stopped.as_ref()?;
        (*ends_queries || lane == Lane::Create).then(|| stopped.clone())
    }

    /// Until when a request of this lane has to wait; `None` is not at all.
    fn wait(&self, lane: Lane, now: Instant) -> Option<Instant> {
        if lane != Lane::Download
            && let Some((until, _)) = &self.throttled
            && now < *until
        {
            return Some(*until);
        }
        let outage = self.lanes[lane as usize].outage.as_ref()?;
        if outage.is_probing {
            // The probe's end wakes the others; the time is only a bound.
            return Some(now + Duration::from_secs(60));
        }
        (now < outage.next_probe).then_some(outage.next_probe)
    }
}
