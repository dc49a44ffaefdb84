//! A permit for one request, and what its answer means for the requests that follow.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::provider::{Meaning, StopReason, Trouble};

use crate::engine::account::pace::Pace;

use super::{FAILURES_OF_AN_OUTAGE, Gate, Lane, LaneState, Outage, PROBES_OF_A_SUSPICION, State, Suspicion};

/// A permit to make one request. Tell it how the request went; dropped without a word it counts for nothing.
#[derive(Debug)]
pub(crate) struct Pass {
    gate: Arc<Gate>,
    lane: Lane,
    is_probe: bool,
    taken_at: Instant,
    /// The pace by which the request had its turn, and when.
    paced: Option<(Arc<Pace>, Instant)>,
}

impl Pass {
    pub(crate) fn new(gate: &Arc<Gate>, lane: Lane, is_probe: bool) -> Self {
        Self { gate: Arc::clone(gate), lane, is_probe, taken_at: Instant::now(), paced: None }
    }

    /// The request has its turn.
    pub(crate) fn has_turn(&mut self, pace: &Arc<Pace>) {
        self.paced = Some((Arc::clone(pace), Instant::now()));
    }

    /// Whether a request may still be made: neither throttling nor an outage nor the run's end came since.
    pub(crate) fn is_good(&self) -> bool {
        let state = self.gate.locked();
        let now = Instant::now();
        let is_held = self.lane != Lane::Download && state.throttled.as_ref().is_some_and(|(until, _)| now < *until);
        let is_for_probes = state.lanes[self.lane as usize].outage.is_some() && !self.is_probe;
        !is_held && !is_for_probes && state.stopped_for(self.lane).is_none()
    }

    /// Whether this request sees if an outage is over.
    pub(crate) fn is_probe(&self) -> bool {
        self.is_probe
    }

    /// Whether a known task has to be found before this probe is risked: where its failure may leave a submission in
    /// doubt, and where it is the questions that fail.
    pub(crate) fn needs_a_found_task(&self) -> bool {
        let state = self.gate.locked();
        let outage = state.lanes[self.lane as usize].outage.as_ref();
        outage.is_some_and(|outage| outage.leaves_doubt || outage.is_hold)
    }

    /// Tells the gate of an answer that brought nothing, as far as it concerns the requests that follow. What it means
    /// for the job is the asker's business.
    pub(crate) fn heed(self, trouble: &Trouble) {
        let said = trouble.sentence();
        match trouble.meaning {
            Meaning::SlowDown => self.throttled(trouble.retry_after, &said),
            Meaning::Saturated => self.saturated(trouble.retry_after, &said),
            // What is refused for its own sake, or for want of room, was refused by a healthy provider.
            Meaning::OverCap | Meaning::JobRefused | Meaning::UnknownTask => {
                self.answered(trouble.facts.is_of_the_api());
            }
            // A gateway's 404 may be about this one task, about the upstream that the gateway lost for a moment, or
            // about the URL: the creates tell, which name no task. Until they do, nobody who counts was reached.
            Meaning::Suspect(StopReason::WrongUrl)
                if self.lane != Lane::Create && trouble.facts.http_status == Some(404) =>
            {
                self.failed(&said, false);
            }
            Meaning::StopRun(reason) => {
                // It speaks as itself: what a firewall says afterwards is no reason to leave uncollected what is in flight.
                let is_its_own = self.lane != Lane::Download && trouble.facts.is_of_the_api();
                self.gate.locked().has_answered |= is_its_own;
                self.stop(reason, &said);
            }
            Meaning::Suspect(reason) => self.suspect(reason, &said),
            Meaning::RenewToken => self.suspect(StopReason::Credentials, &said),
            Meaning::WebPage => self.suspect(StopReason::WrongUrl, &said),
            Meaning::NoChannel => self.has_no_channel(&said),
            Meaning::InDoubt => {
                self.fails(&said, trouble.was_reached, true);
            }
            Meaning::Ok | Meaning::BackOff(_) => {
                self.failed(&said, trouble.was_reached);
            }
        }
    }

    /// The provider answered as a healthy one does: a task, a list, a picture.
    pub(crate) fn worked(self) {
        self.answered(true);
    }

    /// The provider has accepted a create.
    pub(crate) fn accepted(self) {
        {
            let mut state = self.gate.locked();
            state.has_accepted = true;
        }
        self.answered(true);
    }

    /// An answer of a healthy provider, whatever it thinks of the job. `by_the_api`: not by a gateway in front of it.
    fn answered(self, by_the_api: bool) {
        if let Some((pace, sent)) = &self.paced {
            pace.answered(*sent);
        }
        let mut state = self.gate.locked();
        state.was_reached = true;
        if self.lane != Lane::Download {
            state.throttles_in_a_row = 0;
            state.has_answered |= by_the_api;
        }
        if self.lane == Lane::Create {
            // Refused for the job's sake, or for want of room behind tasks of ours: not saturated with nothing in flight.
            state.saturated_since = None;
        }
        state.lanes[self.lane as usize] = LaneState::default();
        let creates = &mut state.lanes[Lane::Create as usize];
        if self.lane == Lane::Query && creates.outage.as_ref().is_some_and(|outage| outage.is_hold) {
            *creates = LaneState::default();
        }
    }

    /// A transient failure in which nothing was created. Returns whether the lane is now in an outage.
    pub(crate) fn failed(self, why: &str, was_reached: bool) -> bool {
        self.fails(why, was_reached, false)
    }

    fn fails(self, why: &str, was_reached: bool, leaves_doubt: bool) -> bool {
        let mut state = self.gate.locked();
        state.was_reached |= was_reached;
        if !state.was_reached {
            state.unreached_since.get_or_insert(self.taken_at);
        }
        let lane = &mut state.lanes[self.lane as usize];
        lane.failures_in_a_row += 1;
        match &mut lane.outage {
            Some(outage) if self.is_probe => {
                outage.probes += 1;
                outage.next_probe = Instant::now() + self.gate.backoff.firm(outage.probes);
                outage.why = why.to_owned();
                outage.leaves_doubt = leaves_doubt;
                outage.is_hold = false;
                // Another answer than the suspected one: that was not confirmed.
                outage.suspicion = None;
                let (began, next_probe) = (outage.since, outage.next_probe);
                if self.lane == Lane::Query && began.elapsed() >= self.gate.patience.confirm {
                    // What is made now could not be collected: it may be paid for in vain.
                    state.hold_creates(why, next_probe);
                }
                return true;
            }
            None if lane.failures_in_a_row >= FAILURES_OF_AN_OUTAGE => {
                tracing::debug!(lane = ?self.lane, why, "an outage begins");
                let next_probe = Instant::now() + self.gate.backoff.firm(1);
                lane.outage = Some(Outage { leaves_doubt, ..Outage::begins(why, next_probe) });
            }
            _ => {}
        }
        lane.outage.is_some()
    }

    /// The free question before a probing create has failed, so the create is not risked yet.
    pub(crate) fn postpone(self, why: &str) {
        let mut state = self.gate.locked();
        if let Some(outage) = &mut state.lanes[self.lane as usize].outage {
            outage.probes += 1;
            outage.next_probe = Instant::now() + self.gate.backoff.firm(outage.probes);
            outage.why = why.to_owned();
        }
    }

    /// The provider asks for slower requests.
    pub(crate) fn throttled(self, retry_after: Option<Duration>, why: &str) {
        if let Some((pace, sent)) = &self.paced {
            pace.refused(*sent);
        }
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

    /// A reseller says that it is saturated, while nothing of ours is in flight. It says so of an empty account too, so
    /// that it is not waited for without end.
    fn saturated(self, retry_after: Option<Duration>, why: &str) {
        {
            let mut state = self.gate.locked();
            let since = *state.saturated_since.get_or_insert_with(Instant::now);
            if since.elapsed() >= self.gate.patience.saturated {
                state.was_reached = true;
                state.stop(StopReason::Saturated, why, false);
            }
        }
        self.throttled(retry_after, why);
    }

    /// The provider's own word that no job can succeed. An empty account may still collect what it has paid for.
    pub(crate) fn stop(self, reason: StopReason, said: &str) {
        let mut state = self.gate.locked();
        state.was_reached = true;
        let can_collect = self.lane == Lane::Create
            && matches!(reason, StopReason::Account | StopReason::Permission | StopReason::NoPrice);
        state.stop(reason, said, !can_collect);
    }

    /// An answer that would end the run, and that the API itself may not have given.
    fn suspect(self, reason: StopReason, said: &str) {
        if !self.gate.locked().has_answered {
            return self.stop(reason, said);
        }
        self.suspects(reason, said);
    }

    /// Before anything was accepted, a missing channel is a wrong setting if it stays; later it is an outage.
    fn has_no_channel(self, said: &str) {
        if self.gate.locked().has_accepted {
            self.failed(said, true);
        } else {
            self.suspects(StopReason::NoChannel, said);
        }
    }

    fn suspects(self, reason: StopReason, said: &str) {
        let mut state = self.gate.locked();
        state.was_reached = true;
        let now = Instant::now();
        let patience = self.gate.patience.confirm;
        // Soon enough that the suspicion is confirmed or lifted when its time is over.
        let step = |probes: u32| self.gate.backoff.firm(probes).min(patience / 4);
        let suspicion = Suspicion { reason, since: now, confirmed: 0 };
        let lane = &mut state.lanes[self.lane as usize];
        match &mut lane.outage {
            Some(outage) if self.is_probe => {
                outage.probes += 1;
                outage.next_probe = now + step(outage.probes);
                outage.why = said.to_owned();
                outage.is_hold = false;
                match &mut outage.suspicion {
                    Some(standing) if standing.reason == reason => standing.confirmed += 1,
                    other => *other = Some(suspicion),
                }
            }
            // It left before the outage began, and tells nothing new.
            Some(_) => {}
            None => {
                tracing::warn!(said, "the provider answers otherwise than before; asking again before it is believed");
                lane.outage = Some(Outage { suspicion: Some(suspicion), ..Outage::begins(said, now + step(1)) });
            }
        }
        let is_confirmed = lane.outage.as_ref().and_then(|outage| outage.suspicion.as_ref()).is_some_and(|standing| {
            standing.confirmed >= PROBES_OF_A_SUSPICION && now.duration_since(standing.since) >= patience
        });
        if is_confirmed {
            let can_collect = self.lane == Lane::Create && state.lanes[Lane::Query as usize].outage.is_none();
            state.stop(reason, said, !can_collect);
        } else if self.lane == Lane::Query {
            state.hold_creates(said, now + step(1));
        }
    }
}

impl State {
    /// While it is not clear whether the API still answers questions, nothing is submitted but probes.
    fn hold_creates(&mut self, why: &str, next_probe: Instant) {
        let creates = &mut self.lanes[Lane::Create as usize];
        creates.outage.get_or_insert_with(|| Outage { is_hold: true, ..Outage::begins(why, next_probe) });
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
