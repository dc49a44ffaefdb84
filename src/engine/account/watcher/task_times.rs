//! How long tasks take, learnt from this run, and when a question about one is worth asking.
//!
//! A question has a price: requests are to be few. What it buys is the slot of a task that has ended without our
//! knowing. So a question is worth asking when the slot time that is expected to lie idle without it exceeds the
//! price. From that one rule follows everything else: nothing is asked while no task has ever ended so early, most is
//! asked around the likely end, and little about a task that is long overdue.
//!
//! No shape is assumed for the times: what is kept is the share of the run's tasks that had ended by each age, smoothed,
//! with the latest 200 or so counting most. A small share is taken for late ones, about which nothing is known.

use std::time::Duration;

/// The price of a question, as a share of a typical task's time: idle slot time that is suffered rather than asking.
const PRICE: f64 = 0.003;

/// While nothing has been learnt, a task is asked about again when it is older by this; with the root of what else
/// tells of its end (see [`TaskTimes::worth_asking_at`]), by more.
const UNLEARNT_GROWTH: f64 = 1.5;

/// However long tasks take, and however sure callbacks are: no task is left longer than this without a question.
pub(crate) const LONGEST_SILENCE: Duration = Duration::from_secs(300);

/// About this many ends are remembered.
const MEMORY: u32 = 200;

/// The share of tasks that follow no rule: stuck, or in a queue of the provider's …
const LATE_SHARE: f64 = 0.02;
/// … and take this many times as long as a typical one, give or take a factor of e^±1.
const LATE_FACTOR: f64 = 3.0;
const LATE_SPREAD: f64 = 0.5;

/// Ages are looked at in steps of 4 %, from a millisecond to a day.
const STEP_LN: f64 = 0.04;
const FIRST_LN: f64 = -6.9;
const STEPS: usize = 460;

/// Forecasts are made again when a typical time, or the spread about it, has moved by this share.
const NOTABLE: f64 = 0.05;

/// How the times of this run's tasks are spread.
#[derive(Debug)]
pub(crate) struct TaskTimes {
    learnt: u32,
    /// The share of tasks that had ended by `exp(FIRST_LN + i * STEP_LN)` seconds.
    ended_by: Vec<f64>,
    /// In seconds: the ages by which a tenth, half and nine tenths had ended, when forecasts were last made.
    told: [f64; 3],
    median: f64,
}

impl TaskTimes {
    pub(crate) fn unlearnt() -> Self {
        Self { learnt: 0, ended_by: vec![0.0; STEPS], told: [0.0; 3], median: 0.0 }
    }

    /// Takes in how long a task took. Returns whether forecasts made before are out of date.
    pub(crate) fn learn(&mut self, took: Duration) -> bool {
        let at = ln_seconds(took);
        self.learnt = (self.learnt + 1).min(MEMORY);
        let weight = 1.0 / f64::from(self.learnt);
        // The fewer are known, the further each one is taken to speak for its neighbours.
        let width = 0.28 * f64::from(self.learnt).powf(-0.4);
        for (step, share) in self.ended_by.iter_mut().enumerate() {
            let smoothed = logistic((age_ln(step) - at) / width);
            *share += weight * (smoothed - *share);
        }
        let now = [self.quantile(0.1), self.quantile(0.5), self.quantile(0.9)];
        self.median = now[1];
        let has_moved = now.iter().zip(self.told).any(|(now, told)| (now / told - 1.0).abs() > NOTABLE || told == 0.0);
        if has_moved {
            self.told = now;
        }
        has_moved
    }

    /// How long a task takes, as a rule; `None` before the first has ended.
    pub(crate) fn typical(&self) -> Option<Duration> {
        (self.learnt > 0).then(|| Duration::from_secs_f64(self.median))
    }

    /// The idle slot time that is suffered rather than making one request, in seconds.
    pub(crate) fn price(&self) -> f64 {
        PRICE * self.median
    }

    /// How long the slot of a task will have lain idle, on average, when it is `until` old, if it was still working
    /// when it was `alive_at` old. In seconds.
    pub(crate) fn idle_seconds(&self, alive_at: Duration, until: Duration) -> f64 {
        const PIECES: u32 = 8;
        let (from, to) = (alive_at.as_secs_f64(), until.as_secs_f64().max(alive_at.as_secs_f64()));
        let alive = self.alive(from);
        let piece = (to - from) / f64::from(PIECES);
        let at = |index: u32| 1.0 - self.alive(from + piece * f64::from(index)) / alive;
        let inner: f64 = (1..PIECES).map(at).sum();
        piece * (inner + at(PIECES) / 2.0)
    }

    /// The age at which a question about a task is worth `prices` times its price, if it was still working when it
    /// was `alive_at` old; [`LONGEST_SILENCE`] later at the latest.
    pub(crate) fn worth_asking_at(&self, alive_at: Duration, prices: f64) -> Duration {
        let from = alive_at.as_secs_f64();
        if self.learnt == 0 {
            return alive_at.mul_f64(UNLEARNT_GROWTH * prices.sqrt()).min(alive_at + LONGEST_SILENCE);
        }
        let (alive, price) = (self.alive(from), self.price() * prices);
        let (mut age, mut ended, mut idle) = (from, 0.0, 0.0);
        let latest = from + LONGEST_SILENCE.as_secs_f64();
        // Steps grow with the time looked ahead, so that there are a few hundred at most.
        while age < latest {
            let step = (self.median / 64.0).max((age - from) / 32.0);
            let ended_then = 1.0 - self.alive(age + step) / alive;
            let idle_then = idle + step * (ended + ended_then) / 2.0;
            if idle_then >= price {
                // Within the step idle time grows evenly enough.
                age += step * (price - idle) / (idle_then - idle);
                break;
            }
            (age, ended, idle) = (age + step, ended_then, idle_then);
        }
        Duration::from_secs_f64(age.min(latest))
    }

    /// The share of tasks still working at an age.
    fn alive(&self, seconds: f64) -> f64 {
        if seconds <= 0.0 {
            return 1.0;
        }
        let ln = seconds.ln();
        let late = logistic((ln - (self.median * LATE_FACTOR).ln()) / LATE_SPREAD);
        let ended = (1.0 - LATE_SHARE) * self.share_ended(ln) + LATE_SHARE * late;
        // Never quite nothing: at any age a task may work on.
        (1.0 - ended).max(1e-12)
    }

    fn share_ended(&self, ln_age: f64) -> f64 {
        let place = ((ln_age - FIRST_LN) / STEP_LN).clamp(0.0, (STEPS - 1) as f64);
        let below = place as usize;
        let above = (below + 1).min(STEPS - 1);
        let (below_share, above_share) = (self.ended_by[below], self.ended_by[above]);
        below_share + (above_share - below_share) * place.fract()
    }

    fn quantile(&self, share: f64) -> f64 {
        age_ln(self.ended_by.partition_point(|ended| *ended < share)).exp()
    }
}

fn age_ln(step: usize) -> f64 {
    FIRST_LN + STEP_LN * step as f64
}

fn ln_seconds(time: Duration) -> f64 {
    time.as_secs_f64().max(1e-3).ln()
}

fn logistic(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Log-normal times of a mean and a spread, the same each time: the quantiles in a scattered order.
    fn log_normal(mean: f64, sigma: f64, count: u32) -> impl Iterator<Item = f64> {
        let mu = mean.ln() - sigma * sigma / 2.0;
        (0..count).map(move |index| {
            let scattered = (u64::from(index) * 7_919 % u64::from(count)) as f64;
            let share = (scattered + 0.5) / f64::from(count);
            // A logistic quantile scaled to a normal's spread is near enough to it here.
            (mu + sigma * (share / (1.0 - share)).ln() / 1.702).exp()
        })
    }

    fn learnt(times: impl Iterator<Item = f64>) -> TaskTimes {
        let mut learnt = TaskTimes::unlearnt();
        for time in times {
            learnt.learn(Duration::from_secs_f64(time));
        }
        learnt
    }

    /// All the ages at which a task is asked about, up to an age.
    fn questions(times: &TaskTimes, interval: f64, until: f64) -> Vec<f64> {
        let mut ages = vec![0.0_f64];
        while let Some(last) = ages.last().copied().filter(|last| *last < until) {
            let worth = times.worth_asking_at(Duration::from_secs_f64(last), 1.0).as_secs_f64();
            ages.push(worth.max(last + interval));
        }
        ages.remove(0);
        ages
    }

    #[test]
    fn few_questions_leave_little_idle_time() {
        let times = learnt(log_normal(30.0, 0.3, 1_000));
        let ages = questions(&times, 1.0, 300.0);
        let (mut asked, mut idle) = (0, 0.0);
        for time in log_normal(30.0, 0.3, 10_007) {
            let found = ages.iter().position(|age| *age >= time).expect("asked until the end");
            asked += found + 1;
            idle += ages[found] - time;
        }
        let (asked, idle) = (asked as f64 / 10_007.0, idle / 10_007.0);
        assert!(asked <= 10.0, "{asked} questions a task");
        assert!(idle <= 0.9, "{idle} s idle after a task of 30 s");
    }

    #[test]
    fn nothing_is_asked_while_no_task_ends_and_little_once_it_is_overdue() {
        let times = learnt(log_normal(30.0, 0.3, 1_000));
        let ages = questions(&times, 1.0, 1_200.0);
        let between = |from: f64, to: f64| ages.iter().filter(|age| (from..to).contains(*age)).count();
        assert_eq!(between(0.0, 12.0), 0, "{ages:?}");
        assert!(between(25.0, 35.0) >= 6, "{ages:?}");
        assert!(between(300.0, 400.0) <= 25, "{}", between(300.0, 400.0));
        assert!(between(1_100.0, 1_200.0) <= 10, "{}", between(1_100.0, 1_200.0));
    }

    #[test]
    fn tasks_that_fail_early_are_asked_about_early() {
        let fifth = |time: f64, index: usize| if index.is_multiple_of(5) { 2.0 } else { time };
        let times = learnt(log_normal(30.0, 0.3, 1_000).enumerate().map(|(index, time)| fifth(time, index)));
        let ages = questions(&times, 1.0, 40.0);
        assert!(ages.iter().any(|age| (2.0..4.5).contains(age)), "{ages:?}");
        assert!(!ages.iter().any(|age| (7.0..12.0).contains(age)), "{ages:?}");
    }

    #[test]
    fn times_that_change_are_followed() {
        let mut times = learnt(log_normal(10.0, 0.3, 500));
        for time in log_normal(40.0, 0.3, 500) {
            times.learn(Duration::from_secs_f64(time));
        }
        let typical = times.typical().expect("learnt").as_secs_f64();
        assert!((33.0..42.0).contains(&typical), "{typical}");
    }

    #[test]
    fn before_anything_is_learnt_questions_come_at_growing_ages_whatever_the_scale() {
        let times = TaskTimes::unlearnt();
        assert_eq!(times.typical(), None);
        assert_eq!(questions(&times, 1.0, 8.0), [1.0, 2.0, 3.0, 4.5, 6.75, 10.125]);
        let quick = questions(&times, 0.001, 60.0);
        assert!(quick.len() < 40, "{quick:?}");
    }

    #[test]
    fn the_first_end_makes_forecasts_anew_and_the_thousandth_does_not() {
        let mut times = TaskTimes::unlearnt();
        assert!(times.learn(Duration::from_secs(30)));
        let mut anew = 0;
        for time in log_normal(30.0, 0.3, 1_000) {
            anew += u32::from(times.learn(Duration::from_secs_f64(time)));
        }
        assert!(anew < 100, "{anew} times");
    }

    #[test]
    fn idle_time_in_advance_agrees_with_the_age_at_which_it_is_worth_a_question() {
        let times = learnt(log_normal(3.0, 0.5, 500));
        for alive_at in [0.0, 1.0, 3.0, 7.0, 30.0] {
            let alive_at = Duration::from_secs_f64(alive_at);
            let age = times.worth_asking_at(alive_at, 4.0);
            let idle = times.idle_seconds(alive_at, age);
            assert!((idle / (4.0 * times.price()) - 1.0).abs() < 0.25, "{alive_at:?}: {idle}");
        }
    }

    #[test]
    fn absurd_times_break_nothing() {
        let mut times = TaskTimes::unlearnt();
        for time in
            [Duration::ZERO, Duration::from_secs(1 << 62), Duration::from_nanos(1), Duration::from_secs(1 << 40)]
        {
            times.learn(time);
            for alive_at in [Duration::ZERO, Duration::from_secs(1 << 30)] {
                assert!(times.worth_asking_at(alive_at, 1e6) >= alive_at);
                assert!(times.idle_seconds(alive_at, Duration::from_secs(1 << 31)).is_finite());
            }
        }
    }
}
