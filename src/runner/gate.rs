//! The gate before all requests: throttling, outages, and the end of the run by the provider's word.
//!
//! Requests pass in one of three lanes (creates, queries, downloads), each with an outage of its own, because a
//! gateway can refuse creates for hours while it answers queries. In an outage one probe at a time goes through,
//! at growing intervals; the first request that works ends it. Throttling holds creates and queries together.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::provider::{Meaning, StopReason, Trouble};
use crate::queue::Pause;

use super::pace::Pace;
use super::retry::Backoff;

/// This many transient failures in a row, whatever the jobs, are an outage.
const FAILURES_OF_AN_OUTAGE: u32 = 3;

/// What a request is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lane {
    Create,
    Query,
    Download,
}

/// Nothing passes any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stopped {
    pub(super) reason: StopReason,
    /// What the provider said.
    pub(super) said: String,
}

/// See the module's page.
#[derive(Debug)]
pub(super) struct Gate {
    state: Mutex<State>,
    changed: Notify,
    backoff: Backoff,
}

#[derive(Debug)]
struct State {
    lanes: [LaneState; 3],
    /// Creates and queries wait until then.
    throttled: Option<(Instant, String)>,
    throttles_in_a_row: u32,
    /// The word that ends the run, and whether it ends queries too.
    stopped: Option<(Stopped, bool)>,
    was_reached: bool,
}

#[derive(Debug, Default)]
struct LaneState {
    failures_in_a_row: u32,
    outage: Option<Outage>,
}

#[derive(Debug)]
struct Outage {
    why: String,
    probes: u32,
    next_probe: Instant,
    is_probing: bool,
}

/// Leave to make one request. Tell it how the request went; dropped without a word it counts for nothing.
#[derive(Debug)]
pub(super) struct Pass {
    gate: Arc<Gate>,
    lane: Lane,
    is_probe: bool,
}

impl Gate {
    pub(super) fn new(backoff: Backoff) -> Arc<Self> {
        let state = State {
            lanes: Default::default(),
            throttled: None,
            throttles_in_a_row: 0,
            stopped: None,
            was_reached: false,
        };
        Arc::new(Self { state: Mutex::new(state), changed: Notify::new(), backoff })
    }

    /// Waits until a request may be made.
    ///
    /// # Errors
    /// No request of this lane will be made any more.
    pub(super) async fn pass(self: &Arc<Self>, lane: Lane) -> Result<Pass, Stopped> {
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
                        return Ok(Pass { gate: Arc::clone(self), lane, is_probe });
                    }
                    Some(until) => until,
                }
            };
            tokio::select! {
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
    pub(super) async fn pass_in_turn(self: &Arc<Self>, lane: Lane, pace: &Pace) -> Result<Pass, Stopped> {
        loop {
            let pass = self.pass(lane).await?;
            pace.turn().await;
            if pass.is_good() {
                return Ok(pass);
            }
        }
    }

    /// Whether anything has ever answered.
    pub(super) fn was_reached(&self) -> bool {
        self.locked().was_reached
    }

    /// The word that ended the run, and whether it ended it for queries too.
    pub(super) fn stopped(&self) -> Option<(Stopped, bool)> {
        self.locked().stopped.clone()
    }

    /// What creates wait for (else queries, else downloads), for `status` and the bar.
    pub(super) fn pause(&self, now: Timestamp) -> Option<Pause> {
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

impl State {
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

impl Pass {
    /// Whether a request may still be made: neither throttling nor an outage nor the run's end came since.
    pub(super) fn is_good(&self) -> bool {
        let state = self.gate.locked();
        let now = Instant::now();
        let is_held = self.lane != Lane::Download && state.throttled.as_ref().is_some_and(|(until, _)| now < *until);
        let is_for_probes = state.lanes[self.lane as usize].outage.is_some() && !self.is_probe;
        !is_held && !is_for_probes && state.stopped_for(self.lane).is_none()
    }

    /// Tells the gate of an answer that brought nothing, as far as it concerns the requests that follow. What it means
    /// for the job is the asker's business.
    pub(super) fn heed(self, trouble: &Trouble) {
        let said = trouble.sentence();
        match trouble.meaning {
            Meaning::SlowDown => self.throttled(trouble.retry_after, &said),
            // Over the cap is for the slots to heed, where a create is told so; a question has no slot.
            Meaning::OverCap if self.lane != Lane::Create => self.throttled(trouble.retry_after, &said),
            // What is refused for its own sake was refused by a healthy provider.
            Meaning::OverCap | Meaning::JobRefused => self.worked(),
            // A gateway's 404 may be about this one task, about the upstream that the gateway lost for a moment, or
            // about the URL: the creates tell, which name no task. Until they do, nobody who counts was reached.
            Meaning::StopRun(StopReason::WrongUrl)
                if self.lane != Lane::Create && trouble.facts.http_status == Some(404) =>
            {
                self.failed(&said, false);
            }
            Meaning::StopRun(reason) => self.stop(reason, &said),
            Meaning::RenewToken => self.stop(StopReason::Credentials, &said),
            Meaning::Ok | Meaning::BackOff(_) | Meaning::InDoubt => {
                self.failed(&said, trouble.was_reached);
            }
        }
    }

    /// The provider answered as a healthy one does, whatever it thinks of the job.
    pub(super) fn worked(self) {
        let mut state = self.gate.locked();
        state.was_reached = true;
        if self.lane != Lane::Download {
            state.throttles_in_a_row = 0;
        }
        state.lanes[self.lane as usize] = LaneState::default();
    }

    /// A transient failure. Returns whether the lane is now in an outage.
    pub(super) fn failed(self, why: &str, was_reached: bool) -> bool {
        let mut state = self.gate.locked();
        state.was_reached |= was_reached;
        let lane = &mut state.lanes[self.lane as usize];
        lane.failures_in_a_row += 1;
        match &mut lane.outage {
            Some(outage) if self.is_probe => {
                outage.probes += 1;
                outage.next_probe = Instant::now() + self.gate.backoff.firm(outage.probes);
                outage.why = why.to_owned();
            }
            None if lane.failures_in_a_row >= FAILURES_OF_AN_OUTAGE => {
                tracing::debug!(lane = ?self.lane, why, "an outage begins");
                lane.outage = Some(Outage {
                    why: why.to_owned(),
                    probes: 1,
                    next_probe: Instant::now() + self.gate.backoff.firm(1),
                    is_probing: false,
                });
            }
            _ => {}
        }
        lane.outage.is_some()
    }

    /// The provider asks for slower requests.
    pub(super) fn throttled(self, retry_after: Option<Duration>, why: &str) {
        let mut state = self.gate.locked();
        state.was_reached = true;
        state.throttles_in_a_row += 1;
        let own = self.gate.backoff.firm(state.throttles_in_a_row);
        let wait = retry_after.map_or(own, |asked| asked.max(Duration::from_millis(100)));
        let until = Instant::now() + wait;
        // Several requests are told at once; the longest wait counts.
        if state.throttled.as_ref().is_none_or(|(standing, _)| *standing < until) {
            state.throttled = Some((until, why.to_owned()));
        }
    }

    /// The provider's word that no job can succeed. An empty account may still collect what it has paid for.
    pub(super) fn stop(self, reason: StopReason, said: &str) {
        let mut state = self.gate.locked();
        state.was_reached = true;
        let can_collect = self.lane == Lane::Create && matches!(reason, StopReason::Account | StopReason::Permission);
        let stopped = Stopped { reason, said: said.to_owned() };
        match &mut state.stopped {
            Some((_, ends_queries)) => *ends_queries |= !can_collect,
            None => state.stopped = Some((stopped, !can_collect)),
        }
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        if self.is_probe
            && let Some(outage) = &mut self.gate.locked().lanes[self.lane as usize].outage
        {
            outage.is_probing = false;
        }
        self.gate.changed.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gate() -> Arc<Gate> {
        Gate::new(Backoff::OUTAGE)
    }

    async fn passes(gate: &Arc<Gate>, lane: Lane) -> Option<Pass> {
        tokio::time::timeout(Duration::from_millis(1), gate.pass(lane)).await.ok()?.ok()
    }

    async fn fall_into_outage(gate: &Arc<Gate>) {
        for _ in 0..FAILURES_OF_AN_OUTAGE {
            gate.pass(Lane::Create).await.expect("open").failed("HTTP 503", true);
        }
        assert!(gate.pause(Timestamp::now()).is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn an_outage_lets_one_probe_through_at_a_time() {
        let gate = gate();
        fall_into_outage(&gate).await;
        assert!(passes(&gate, Lane::Create).await.is_none());
        assert!(passes(&gate, Lane::Query).await.is_some(), "queries have an outage of their own");
        tokio::time::advance(Duration::from_secs(1)).await;
        let probe = passes(&gate, Lane::Create).await.expect("a probe");
        assert!(passes(&gate, Lane::Create).await.is_none(), "only one");
        probe.failed("HTTP 503", true);
        assert!(passes(&gate, Lane::Create).await.is_none(), "it backs off");
        tokio::time::advance(Duration::from_secs(2)).await;
        passes(&gate, Lane::Create).await.expect("a probe").worked();
        let _several =
            [passes(&gate, Lane::Create).await.expect("open"), passes(&gate, Lane::Create).await.expect("open")];
    }

    #[tokio::test(start_paused = true)]
    async fn probes_back_off_to_a_minute_and_no_further() {
        let gate = gate();
        fall_into_outage(&gate).await;
        for _ in 0..40 {
            tokio::time::advance(Duration::from_secs(60)).await;
            passes(&gate, Lane::Create).await.expect("a probe within a minute").failed("HTTP 503", true);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_probe_that_is_given_up_lets_the_next_one_through() {
        let gate = gate();
        fall_into_outage(&gate).await;
        tokio::time::advance(Duration::from_secs(1)).await;
        drop(passes(&gate, Lane::Create).await.expect("a probe"));
        assert!(passes(&gate, Lane::Create).await.is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn a_retry_after_is_honoured_by_creates_and_queries() {
        let gate = gate();
        let pass = gate.pass(Lane::Query).await.expect("open");
        pass.throttled(Some(Duration::from_secs(17)), "too many requests");
        tokio::time::advance(Duration::from_millis(16_990)).await;
        assert!(passes(&gate, Lane::Create).await.is_none());
        assert!(passes(&gate, Lane::Query).await.is_none());
        assert!(passes(&gate, Lane::Download).await.is_some());
        let now = Timestamp::now();
        assert_eq!(gate.pause(now).expect("a pause").why, "too many requests");
        tokio::time::advance(Duration::from_millis(20)).await;
        assert!(passes(&gate, Lane::Create).await.is_some());
        assert_eq!(gate.pause(now), None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_that_waits_for_its_turn_is_held_by_what_comes_meanwhile() {
        let gate = gate();
        let early = gate.pass(Lane::Query).await.expect("open");
        assert!(early.is_good());
        gate.pass(Lane::Create).await.expect("open").throttled(Some(Duration::from_secs(2)), "too many requests");
        assert!(!early.is_good());
        tokio::time::advance(Duration::from_secs(3)).await;
        assert!(early.is_good());
        fall_into_outage(&gate).await;
        assert!(early.is_good(), "creates are out, queries are not");
        let create = gate.pass(Lane::Query).await.expect("open");
        create.stop(StopReason::Credentials, "invalid key");
        assert!(!early.is_good());
    }

    #[tokio::test(start_paused = true)]
    async fn an_empty_account_stops_submissions_and_still_collects() {
        let gate = gate();
        gate.pass(Lane::Create).await.expect("open").stop(StopReason::Account, "in arrears");
        assert_eq!(gate.pass(Lane::Create).await.expect_err("stopped").said, "in arrears");
        gate.pass(Lane::Query).await.expect("open").stop(StopReason::Credentials, "invalid key");
        assert!(gate.pass(Lane::Query).await.is_err());
    }
}
