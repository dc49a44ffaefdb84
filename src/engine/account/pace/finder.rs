//! How many requests a second an account bears, found out by asking for more.
//!
//! The rate doubles every 0.4 s while it is the rate that holds requests up and nothing is refused. The first refusal shows
//! about where the limit is. From then on the rate follows a cubic curve, as congestion control of networks does (CUBIC, RFC
//! 9438): it falls a little below, comes back to the limit slowly, stays about there, and goes beyond it the faster the longer
//! nothing is refused. Where refusals come at the same rate again and again, that is the limit, and it is come back to ever more
//! slowly. A provider that goes on refusing some requests however far the rate falls does not refuse them because of the rate: it
//! rises again then, as long as most are accepted. Answers that take much longer than the quickest ones did are a provider that has enough: they make the rate fall too,
//! though not below where it began.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

/// How often the rate may rise before a limit was met, and after that.
const FIRST_STEP: Duration = Duration::from_millis(400);
const STEP: Duration = Duration::from_secs(1);

/// By how much it rises in a step before a limit was met, and at most after that.
const DOUBLE: f64 = 2.0;
const FASTEST_RISE: f64 = 1.25;

/// By how much it falls below the limit at a refusal.
const FALL: f64 = 0.1;

/// How long the curve takes back to the limit, in seconds: twice as long each time that the limit is the same, at most so long.
const BACK: f64 = 5.0;
const LONGEST_BACK: f64 = 640.0;

/// At a refusal the limit is what was accepted in the last second, and not below this share of the rate at which the request left:
/// before a limit was met half of the rate is known to be borne; later much less says that it is about something else.
const BORNE_AT_FIRST: f64 = 0.5;
const BORNE: f64 = 0.7;

/// Refusals are of the same limit where what was accepted before them differs by no more than this share, or by one; so few tell
/// nothing.
const SAME: f64 = 0.1;
const TOO_FEW: usize = 2;

/// It falls no further than this, in requests a second: what bears less is waited for at the gate, ever longer.
const SLOWEST: f64 = 1.0;

/// No faster than this: one process does not make more.
const FASTEST: f64 = 1_000.0;

/// Answers are slow where their mean is this many times that of the quickest step, and this much more (in seconds).
const SLOW_TIMES: f64 = 3.0;
const SLOW_MORE: f64 = 0.3;

/// By how much slow answers make the rate fall.
const SLOWED: f64 = 0.7;

/// So many answers make a mean.
const ENOUGH_ANSWERS: u32 = 4;

/// Refusals are not about the rate where this many came, with no long row of accepted requests between two of them, while the
/// rate fell to this share of what it was at the first of them.
const MANY_REFUSALS: u32 = 8;
const FELL_FAR: f64 = 0.25;
const LONG_ROW: u32 = 100;

/// They are about it after all where more than this share of the last requests is refused. It is then taken so for a while.
const MOST_REFUSED: f64 = 0.33;
const LAST_REQUESTS: usize = 48;
const BELIEVED_FOR: Duration = Duration::from_secs(600);

/// So many changes of the rate are remembered, for requests that are still on their way.
const MOST_CHANGES: usize = 32;

/// Which rate a pace begins with, and which it never exceeds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    /// Requests a second at the beginning.
    pub(crate) first: f64,
    /// Requests a second, at most: those that a person has given.
    pub(crate) most: Option<f64>,
    /// Requests a second that an earlier run was found to bear, at most.
    pub(crate) limit: Option<f64>,
}

/// What is known of the rate that an account bears.
#[derive(Debug)]
pub(super) struct Finder {
    rate: f64,
    first: f64,
    most: f64,
    /// Where requests were last refused; `None` where they never were.
    limit: Option<Limit>,
    /// When a refusal last made it fall: what left before that moment and is refused too tells nothing new.
    fell_at: Option<Instant>,
    /// The last changes of the rate, with what it was from then on.
    changes: VecDeque<(Instant, f64)>,
    step: Step,
    /// When the last requests were accepted, within the last second.
    accepted: VecDeque<Instant>,
    refusals: Refusals,
    /// The mean time of answers of the quickest step, in seconds.
    quickest: Option<f64>,
}

/// What tells whether requests are refused because of the rate.
#[derive(Debug, Default)]
struct Refusals {
    /// How many came since the last long row of accepted requests, and the rate at the first of them.
    many: u32,
    from: f64,
    accepted_in_a_row: u32,
    /// Whether each of the last requests was refused.
    last: VecDeque<bool>,
    /// Whether they are about something else.
    are_ignored: bool,
    /// When they were last found to be about the rate after all.
    believed_at: Option<Instant>,
}

impl Refusals {
    fn accepted(&mut self) {
        self.accepted_in_a_row += 1;
        if self.accepted_in_a_row >= LONG_ROW {
            self.many = 0;
        }
        self.note(false);
    }

    /// A request was refused at a rate. Returns whether that is because of it.
    fn refused(&mut self, rate: f64, now: Instant) -> bool {
        self.accepted_in_a_row = 0;
        self.note(true);
        if self.are_ignored {
            self.are_ignored = self.share() <= MOST_REFUSED;
            if !self.are_ignored {
                (self.many, self.believed_at) = (0, Some(now));
            }
            return !self.are_ignored;
        }
        if self.many == 0 {
            self.from = rate;
        }
        self.many += 1;
        let is_believed = self.believed_at.is_some_and(|at| now.saturating_duration_since(at) < BELIEVED_FOR);
        let is_at_every_rate = self.many >= MANY_REFUSALS && rate <= (self.from * FELL_FAR).max(SLOWEST);
        self.are_ignored = is_at_every_rate && !is_believed && self.share() <= MOST_REFUSED;
        !self.are_ignored
    }

    fn note(&mut self, is_refused: bool) {
        self.last.push_back(is_refused);
        if self.last.len() > LAST_REQUESTS {
            self.last.pop_front();
        }
    }

    fn share(&self) -> f64 {
        to_rate(self.last.iter().filter(|is_refused| **is_refused).count()) / to_rate(LAST_REQUESTS)
    }
}

/// A limit that was met.
#[derive(Debug, Clone, Copy)]
struct Limit {
    rate: f64,
    met_at: Instant,
    /// How long the way back to it takes, in seconds.
    back: f64,
    /// Requests that were accepted in the second before it was met.
    accepted: usize,
}

impl Limit {
    /// The rate that may be asked for at a moment.
    fn curve(&self, now: Instant) -> f64 {
        let passed = now.saturating_duration_since(self.met_at).as_secs_f64();
        self.rate * FALL.mul_add(((passed - self.back) / self.back).powi(3), 1.0)
    }
}

/// What happened since the rate could last rise.
#[derive(Debug)]
struct Step {
    since: Instant,
    /// Turns that had to wait for the rate, and those that had not.
    held_up: u32,
    free: u32,
    answers: u32,
    seconds: f64,
}

impl Step {
    fn at(since: Instant) -> Self {
        Self { since, held_up: 0, free: 0, answers: 0, seconds: 0.0 }
    }

    fn mean(&self) -> Option<f64> {
        (self.answers >= ENOUGH_ANSWERS).then(|| self.seconds / f64::from(self.answers))
    }
}

impl Finder {
    pub(super) fn new(bounds: Bounds, now: Instant) -> Self {
        let most = bounds.most.unwrap_or(FASTEST);
        // A given rate is begun with: whoever gives one knows it. So is what was found.
        let found = bounds.limit.map(|limit| limit * (1.0 - FALL));
        let rate = found.or(bounds.most).unwrap_or(bounds.first).min(most);
        let limit = bounds.limit.map(|rate| Limit { rate, met_at: now, back: BACK, accepted: 0 });
        Self {
            rate,
            first: bounds.first.min(most),
            most,
            limit,
            fell_at: None,
            changes: VecDeque::from([(now, rate)]),
            step: Step::at(now),
            accepted: VecDeque::new(),
            refusals: Refusals::default(),
            quickest: None,
        }
    }

    /// Requests a second at present.
    pub(super) fn rate(&self) -> f64 {
        self.rate
    }

    /// The rate that the account bears, where it has shown one.
    pub(super) fn found(&self) -> Option<f64> {
        self.limit.map(|limit| limit.rate)
    }

    /// A request had its turn, and had to wait for it or not.
    pub(super) fn had_turn(&mut self, was_held_up: bool) {
        if was_held_up {
            self.step.held_up += 1;
        } else {
            self.step.free += 1;
        }
    }

    /// A request that left at `sent` was answered as by a healthy provider. Returns whether the rate has changed.
    pub(super) fn answered(&mut self, sent: Instant, now: Instant) -> bool {
        self.accepted.push_back(now);
        self.forget_old(now);
        self.refusals.accepted();
        self.step.answers += 1;
        self.step.seconds += now.saturating_duration_since(sent).as_secs_f64();
        // How the account bears the present rate is told by requests that left at it.
        let changed_at = self.changes.back().map_or(now, |(at, _)| *at);
        let step = if self.limit.is_some() { STEP } else { FIRST_STEP };
        if sent < changed_at || now.saturating_duration_since(self.step.since) < step {
            return false;
        }
        let step = std::mem::replace(&mut self.step, Step::at(now));
        if self.is_slow(&step) {
            return self.set((self.rate * SLOWED).max(self.first.min(self.rate)), now);
        }
        // A rate that holds nobody up says nothing of what the account bears.
        if step.held_up <= step.free {
            return false;
        }
        let rate = match self.limit {
            None => self.rate * DOUBLE,
            Some(limit) => limit.curve(now).clamp(self.rate, self.rate * FASTEST_RISE),
        };
        self.set(rate, now)
    }

    /// A request that left at `sent` was refused because of the rate. Returns whether the rate has changed.
    pub(super) fn refused(&mut self, sent: Instant, now: Instant) -> bool {
        if self.fell_at.is_some_and(|fell| sent < fell) {
            return false;
        }
        self.forget_old(now);
        let (accepted, rate) = (self.accepted.len(), self.rate_at(sent));
        if !self.refusals.refused(rate, now) {
            // It rises as at the beginning.
            self.limit = None;
            return false;
        }
        let share = if self.limit.is_some() { BORNE } else { BORNE_AT_FIRST };
        let is_same = self.limit.is_some_and(|before| {
            let most = before.accepted.max(accepted);
            most >= TOO_FEW && to_rate(before.accepted.abs_diff(accepted)) <= (to_rate(most) * SAME).max(1.0)
        });
        let back = self.limit.filter(|_| is_same).map_or(BACK, |before| (before.back * 2.0).min(LONGEST_BACK));
        let limit = Limit { rate: to_rate(accepted).clamp(rate * share, rate), met_at: now, back, accepted };
        self.limit = Some(limit);
        self.step = Step::at(now);
        self.fell_at = Some(now);
        self.set(limit.rate * (1.0 - FALL), now)
    }

    fn set(&mut self, rate: f64, now: Instant) -> bool {
        let rate = rate.clamp(SLOWEST.min(self.most), self.most);
        let has_changed = (rate - self.rate).abs() > self.rate * 0.001;
        if has_changed {
            self.rate = rate;
            self.changes.push_back((now, rate));
            if self.changes.len() > MOST_CHANGES {
                self.changes.pop_front();
            }
        }
        has_changed
    }

    /// The rate at which a request left.
    fn rate_at(&self, sent: Instant) -> f64 {
        let before = self.changes.iter().rev().find(|(at, _)| *at <= sent);
        before.or(self.changes.front()).map_or(self.rate, |(_, rate)| *rate)
    }

    fn is_slow(&mut self, step: &Step) -> bool {
        let Some(mean) = step.mean() else { return false };
        let quickest = self.quickest.map_or(mean, |quickest| quickest.min(mean));
        self.quickest = Some(quickest);
        mean > quickest * SLOW_TIMES + SLOW_MORE
    }

    fn forget_old(&mut self, now: Instant) {
        while self.accepted.front().is_some_and(|at| now.saturating_duration_since(*at) > Duration::from_secs(1)) {
            self.accepted.pop_front();
        }
    }
}

/// A number of requests of one second, as a rate.
fn to_rate(requests: usize) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "requests of one second")]
    let rate = requests as f64;
    rate
}

#[cfg(test)]
mod tests;
