//! How fast the run makes images, and when it will be done: over the last minutes, not since the beginning.

use std::collections::VecDeque;
use std::time::Duration;

use jiff::Timestamp;

use crate::queue::Counts;

/// The rate is that of the last five minutes. A try-on takes half a minute, so that is ten rounds of all slots.
const WINDOW_SECONDS: f64 = 300.0;

/// A pause this long says nothing about the rate that follows it, so the measuring begins again. Shorter ones
/// (the provider asks for a moment) are part of how fast it goes.
const PAUSE_THAT_COUNTS_SECONDS: f64 = 60.0;

/// Images are counted in steps of this, which bounds how many marks are kept.
const STEP_SECONDS: f64 = 1.0;

/// Measures the rate of a run.
#[derive(Debug)]
pub struct Pace {
    /// From here on is measured.
    since: Timestamp,
    paused_since: Option<Timestamp>,
    /// When images were finished, and how many in that step; none older than the window.
    marks: VecDeque<(Timestamp, u64)>,
}

impl Pace {
    /// A run that begins now.
    #[must_use]
    pub fn begin(now: Timestamp) -> Self {
        Self { since: now, paused_since: None, marks: VecDeque::new() }
    }

    /// An image was finished.
    pub fn succeeded(&mut self, now: Timestamp) {
        match self.marks.back_mut() {
            Some((at, count)) if seconds(*at, now) < STEP_SECONDS => *count += 1,
            _ => self.marks.push_back((now, 1)),
        }
        self.forget(now);
    }

    /// Everything waits.
    pub fn paused(&mut self, now: Timestamp) {
        self.paused_since.get_or_insert(now);
    }

    /// Everything goes on.
    pub fn resumed(&mut self, now: Timestamp) {
        if self.paused_since.take().is_some_and(|since| seconds(since, now) >= PAUSE_THAT_COUNTS_SECONDS) {
            self.since = now;
            self.marks.clear();
        }
    }

    /// Images a minute; `None` before the first image.
    #[must_use]
    pub fn per_minute(&self, now: Timestamp) -> Option<f64> {
        let in_window = self.marks.iter().filter(|(at, _)| seconds(*at, now) <= WINDOW_SECONDS);
        let images: u64 = in_window.map(|(_, count)| count).sum();
        let measured = seconds(self.since, now).min(WINDOW_SECONDS);
        #[expect(clippy::cast_precision_loss, reason = "images of five minutes")]
        let images = images as f64;
        (images > 0.0 && measured >= 1.0).then(|| images * 60.0 / measured)
    }

    /// How long the work that is left takes at this rate.
    #[must_use]
    pub fn time_left(&self, counts: &Counts, now: Timestamp) -> Option<Duration> {
        time_left(left(counts), self.per_minute(now)?)
    }

    fn forget(&mut self, now: Timestamp) {
        while self.marks.front().is_some_and(|(at, _)| seconds(*at, now) > WINDOW_SECONDS) {
            self.marks.pop_front();
        }
    }
}

/// Jobs that a run still has to do. Doubtful ones wait for a person, and are not among them.
#[must_use]
pub fn left(counts: &Counts) -> u64 {
    counts.left()
}

/// How long `jobs` take at a rate; `None` where the rate says nothing.
#[must_use]
pub fn time_left(jobs: u64, per_minute: f64) -> Option<Duration> {
    #[expect(clippy::cast_precision_loss, reason = "an estimate")]
    let seconds = jobs as f64 * 60.0 / per_minute;
    Duration::try_from_secs_f64(seconds).ok()
}

fn seconds(from: Timestamp, to: Timestamp) -> f64 {
    to.duration_since(from).as_secs_f64()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::StateName;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + seconds).expect("a time")
    }

    /// Ten images every thirty seconds, until `until`.
    fn steady(pace: &mut Pace, from: i64, until: i64) {
        for second in (from..=until).step_by(30).skip(1) {
            for _ in 0..10 {
                pace.succeeded(at(second));
            }
        }
    }

    #[test]
    fn there_is_no_rate_before_the_first_image() {
        let pace = Pace::begin(at(0));
        assert_eq!(pace.per_minute(at(20)), None);
    }

    #[test]
    fn the_first_round_already_shows_the_rate() {
        let mut pace = Pace::begin(at(0));
        steady(&mut pace, 0, 30);
        assert_eq!(pace.per_minute(at(30)), Some(20.0));
    }

    #[test]
    fn what_was_slow_long_ago_is_forgotten() {
        let mut pace = Pace::begin(at(0));
        pace.succeeded(at(1_000));
        steady(&mut pace, 2_000, 2_300);
        assert_eq!(pace.per_minute(at(2_300)), Some(20.0));
    }

    #[test]
    fn a_long_pause_does_not_spoil_the_rate_and_a_short_one_counts() {
        let mut pace = Pace::begin(at(0));
        steady(&mut pace, 0, 300);
        pace.paused(at(300));
        pace.paused(at(400));
        pace.resumed(at(3_900));
        steady(&mut pace, 3_900, 3_960);
        assert_eq!(pace.per_minute(at(3_960)), Some(20.0));
        pace.paused(at(3_960));
        pace.resumed(at(3_990));
        assert!(pace.per_minute(at(3_990)).is_some_and(|rate| rate < 20.0));
    }

    #[test]
    fn the_time_left_follows_from_the_jobs_left() {
        let mut pace = Pace::begin(at(0));
        steady(&mut pace, 0, 300);
        let mut counts = Counts::default();
        counts.set(StateName::Pending, 190);
        counts.set(StateName::Running, 10);
        counts.set(StateName::InDoubt, 4);
        assert_eq!(pace.time_left(&counts, at(300)), Some(Duration::from_secs(600)));
    }

    #[test]
    fn memory_stays_flat() {
        let mut pace = Pace::begin(at(0));
        for second in 0..2_000 {
            for _ in 0..20 {
                pace.succeeded(at(second));
            }
        }
        assert!(pace.marks.len() <= 302);
    }
}
