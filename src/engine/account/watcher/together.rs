//! Questions about several tasks at once, where the provider takes them.
//!
//! Such a question costs one request, however many tasks it is about, so the price of a question buys more. Two things follow.
//! Tasks that come due soon are asked about with the one that is due. And questions keep a distance: there is no more than one
//! for each task that ends, unless the tasks are so few that their slots would lie idle for longer than is noticed.

use std::time::Duration;

use tokio::time::Instant;

/// Questions are no further apart than this share of a typical task's time: half of it is how long a slot lies idle.
const WIDEST_GAP: f64 = 0.032;

/// Tasks that come due within this share of a typical task's time are asked about as well.
const SOON: f64 = 0.1;

/// When questions may leave.
#[derive(Debug, Default)]
pub(super) struct Together {
    not_before: Option<Instant>,
}

impl Together {
    /// The next question leaves no earlier.
    pub(super) fn not_before(&self) -> Option<Instant> {
        self.not_before
    }

    /// A question leaves now, while this many tasks are watched.
    pub(super) fn note(&mut self, now: Instant, interval: Duration, typical: Option<Duration>, watched: usize) {
        self.not_before = Some(now + gap(interval, typical, watched));
    }
}

/// How soon a task has to come due to be asked about with another.
pub(super) fn soon(interval: Duration, typical: Option<Duration>) -> Duration {
    typical.map_or(interval, |typical| typical.mul_f64(SOON))
}

/// The distance that questions keep. While nothing is known of the tasks' times, the interval is all that there is to go by.
fn gap(interval: Duration, typical: Option<Duration>, watched: usize) -> Duration {
    typical.map_or(interval, |typical| typical.mul_f64((1.0 / watched.max(1) as f64).min(WIDEST_GAP)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_tasks_are_asked_about_once_for_each_that_ends_and_few_before_their_slots_lie_idle() {
        let (interval, typical) = (Duration::from_secs(1), Some(Duration::from_secs(30)));
        assert_eq!(gap(interval, typical, 100), Duration::from_millis(300), "100 questions in the time of 100 ends");
        assert_eq!(gap(interval, typical, 10), Duration::from_millis(960));
        assert_eq!(gap(interval, None, 100), interval);
    }
}
