//! How many requests a second an account bears, found out by asking for more.
//!
//! The rate doubles every second while it is the rate that holds requests up and nothing is refused. The first refusal shows
//! about where the limit is: from then on the rate stays a little below what was accepted, and a little more is tried ever
//! more rarely. Answers that take much longer than the quickest ones did are a provider that has enough: they make the rate
//! fall too, though not below where it began.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

use crate::engine::account::backoff::Backoff;

/// How often the rate may rise.
const STEP: Duration = Duration::from_secs(1);

/// By how much it rises before a limit was met, towards a known one, and beyond it.
const DOUBLE: f64 = 2.0;
const TOWARDS: f64 = 1.25;
const BEYOND: f64 = 1.15;

/// Which share of what was accepted in the last second is asked for after a refusal.
const BELOW_LIMIT: f64 = 0.9;

/// No slower than this, in requests a second.
const SLOWEST: f64 = 0.1;

/// No faster than this: one process does not make more.
const FASTEST: f64 = 1_000.0;

/// How long it takes until more than the known limit is tried.
const BEYOND_LIMIT: Backoff = Backoff { shortest: Duration::from_secs(10), longest: Duration::from_secs(600) };

/// While more than the known limit turns out to be borne, more is tried so soon after.
const BORNE: Duration = Duration::from_secs(2);

/// Answers are slow where their mean is so many times that of the quickest step, and so much more.
const SLOW_TIMES: f64 = 3.0;
const SLOW_MORE: f64 = 0.3;

/// By how much slow answers make the rate fall.
const SLOWED: f64 = 0.7;

/// So many answers make a mean.
const ENOUGH_ANSWERS: u32 = 4;

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
    /// The rate at which it was last refused, about; `None` where it never was.
    limit: Option<f64>,
    /// When more than the limit may be tried.
    beyond_at: Instant,
    refusals_in_a_row: u32,
    /// When a refusal last made it fall: what left before that moment and is refused too tells nothing new.
    fell_at: Option<Instant>,
    step: Step,
    /// When the last requests were accepted, within the last second.
    accepted: VecDeque<Instant>,
    /// The mean time of answers of the quickest step, in seconds.
    quickest: Option<f64>,
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
        // Given rates are begun with: whoever gives one knows it. What was found is begun with as well.
        let first = bounds.limit.map(|limit| limit * BELOW_LIMIT).or(bounds.most).unwrap_or(bounds.first).min(most);
        Self {
            rate: first,
            first: bounds.first.min(most),
            most,
            limit: bounds.limit,
            beyond_at: now + BEYOND_LIMIT.firm(1),
            refusals_in_a_row: 0,
            fell_at: None,
            step: Step::at(now),
            accepted: VecDeque::new(),
            quickest: None,
        }
    }

    /// Requests a second at present.
    pub(super) fn rate(&self) -> f64 {
        self.rate
    }

    /// The rate that the account bears, where it has shown one.
    pub(super) fn found(&self) -> Option<f64> {
        self.limit
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
        self.step.answers += 1;
        self.step.seconds += now.saturating_duration_since(sent).as_secs_f64();
        if now.saturating_duration_since(self.step.since) < STEP {
            return false;
        }
        let step = std::mem::replace(&mut self.step, Step::at(now));
        if self.is_slow(&step) {
            return self.set((self.rate * SLOWED).max(self.first.min(self.rate)));
        }
        // A rate that holds nobody up says nothing of what the account bears.
        if step.held_up > step.free { self.rise(now) } else { false }
    }

    /// A request that left at `sent` was refused because of the rate. Returns whether the rate has changed.
    pub(super) fn refused(&mut self, sent: Instant, now: Instant) -> bool {
        if self.fell_at.is_some_and(|fell| sent < fell) {
            return false;
        }
        self.forget_old(now);
        #[expect(clippy::cast_precision_loss, reason = "requests of one second")]
        let borne = (self.accepted.len() as f64).clamp(self.rate / 2.0, self.rate);
        self.refusals_in_a_row = (self.refusals_in_a_row + 1).min(16);
        self.limit = Some(borne);
        self.beyond_at = now + BEYOND_LIMIT.firm(self.refusals_in_a_row);
        self.step = Step::at(now);
        self.fell_at = Some(now);
        self.set(borne * BELOW_LIMIT)
    }

    fn rise(&mut self, now: Instant) -> bool {
        let rate = match self.limit {
            None => self.rate * DOUBLE,
            Some(limit) if self.rate < limit * BELOW_LIMIT * 0.999 => (self.rate * TOWARDS).min(limit * BELOW_LIMIT),
            Some(_) if now < self.beyond_at => return false,
            Some(_) => {
                let rate = (self.rate * BEYOND).min(self.most);
                self.limit = Some(rate / BELOW_LIMIT);
                self.beyond_at = now + BORNE;
                rate
            }
        };
        self.set(rate)
    }

    fn set(&mut self, rate: f64) -> bool {
        let rate = rate.clamp(SLOWEST.min(self.most), self.most);
        let has_changed = (rate - self.rate).abs() > self.rate * 0.001;
        if has_changed {
            self.rate = rate;
        }
        has_changed
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

#[cfg(test)]
mod tests {
    use super::*;

    const FREE: Bounds = Bounds { first: 4.0, most: None, limit: None };

    /// A provider that accepts `limit` requests in any second and answers after `latency`; sent as fast as the pace allows.
    /// Returns the numbers of accepted and refused requests, and the last rate.
    fn night(bounds: Bounds, limit: usize, latency: Duration, seconds: u64) -> (usize, usize, Finder) {
        let begin = Instant::now();
        let mut finder = Finder::new(bounds, begin);
        let (mut now, mut next, mut accepted, mut refused) = (begin, begin, 0, 0);
        let mut window: VecDeque<Instant> = VecDeque::new();
        let mut on_the_way: VecDeque<(Instant, Instant, bool)> = VecDeque::new();
        let mut held_until = begin;
        while now < begin + Duration::from_secs(seconds) {
            while on_the_way.front().is_some_and(|(answer, ..)| *answer <= now) {
                let Some((answer, sent, is_accepted)) = on_the_way.pop_front() else { break };
                let has_changed =
                    if is_accepted { finder.answered(sent, answer) } else { finder.refused(sent, answer) };
                if !is_accepted {
                    // The gate holds everything for a second.
                    held_until = answer + Duration::from_secs(1);
                }
                if has_changed {
                    next = next.max(now) + Duration::from_secs_f64(1.0 / finder.rate());
                }
            }
            if now >= next && now >= held_until {
                finder.had_turn(true);
                next = now + Duration::from_secs_f64(1.0 / finder.rate());
                while window.front().is_some_and(|at| now - *at >= Duration::from_secs(1)) {
                    window.pop_front();
                }
                let is_accepted = window.len() < limit;
                if is_accepted {
                    window.push_back(now);
                    accepted += 1;
                } else {
                    refused += 1;
                }
                on_the_way.push_back((now + latency, now, is_accepted));
            }
            now += Duration::from_millis(1);
        }
        (accepted, refused, finder)
    }

    #[test]
    fn where_nothing_is_refused_a_thousand_slots_are_filled_within_ten_seconds() {
        let (accepted, refused, _) = night(FREE, usize::MAX, Duration::from_millis(50), 9);
        assert!(accepted >= 1_000 && refused == 0, "{accepted}");
    }

    #[test]
    fn the_first_second_holds_no_burst() {
        let (accepted, ..) = night(FREE, usize::MAX, Duration::from_millis(1), 1);
        assert!(accepted <= 4, "{accepted}");
    }

    #[test]
    fn a_reseller_that_allows_three_a_second_refuses_no_more_than_two_in_a_hundred() {
        for latency in [20, 200, 900] {
            for seconds in [300, 1_800] {
                let (accepted, refused, finder) = night(FREE, 3, Duration::from_millis(latency), seconds);
                assert!(refused * 50 <= accepted + refused, "{refused} of {accepted} at {latency} ms");
                assert!(accepted as u64 * 100 >= seconds * 3 * 75, "{accepted} in {seconds} s at {latency} ms");
                assert!(finder.found().is_some());
            }
        }
    }

    #[test]
    fn what_was_found_is_begun_with_and_a_given_rate_is_never_exceeded() {
        let found = Bounds { limit: Some(3.0), ..FREE };
        let (_, refused, _) = night(found, 3, Duration::from_millis(50), 4);
        assert_eq!(refused, 0, "not even at the beginning");
        let (accepted, ..) = night(Bounds { most: Some(2.0), ..FREE }, usize::MAX, Duration::from_millis(50), 100);
        assert!((195..=201).contains(&accepted), "{accepted}");
        let (_, refused, finder) = night(Bounds { most: Some(50.0), ..FREE }, 10, Duration::from_millis(50), 100);
        assert!(finder.rate() < 11.0 && refused < 60, "{} after {refused} refusals", finder.rate());
    }

    #[test]
    fn a_limit_that_is_lifted_is_found_out() {
        let bounds = Bounds { limit: Some(3.0), ..FREE };
        let (_, _, finder) = night(bounds, usize::MAX, Duration::from_millis(50), 120);
        assert!(finder.rate() > 20.0, "{}", finder.rate());
    }

    #[test]
    fn slow_answers_make_it_fall_and_not_below_its_beginning() {
        let begin = Instant::now();
        let mut finder = Finder::new(FREE, begin);
        let mut now = begin;
        let mut second = |finder: &mut Finder, latency_ms: u64| {
            for _ in 0..8 {
                now += Duration::from_millis(126);
                finder.had_turn(true);
                finder.answered(now, now + Duration::from_millis(latency_ms));
            }
        };
        for _ in 0..4 {
            second(&mut finder, 20);
        }
        let quick = finder.rate();
        assert!(quick > 30.0, "{quick}");
        second(&mut finder, 2_000);
        second(&mut finder, 2_000);
        second(&mut finder, 2_000);
        assert!(finder.rate() < quick, "{}", finder.rate());
        for _ in 0..20 {
            second(&mut finder, 2_000);
        }
        assert!((finder.rate() - 4.0).abs() < 0.01, "{}", finder.rate());
    }

    #[test]
    fn a_rate_that_holds_nobody_up_stays() {
        let begin = Instant::now();
        let mut finder = Finder::new(FREE, begin);
        for second in 0..10 {
            finder.had_turn(false);
            let sent = begin + Duration::from_secs(second);
            assert!(!finder.answered(sent, sent + Duration::from_millis(20)));
        }
    }
}
