//! How long something waits before it is tried again.

use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};

use crate::ambient;

/// An exponential backoff: doubles from the shortest delay to the longest, with full jitter, so that jobs that
/// failed together do not come back together.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Backoff {
    pub(crate) shortest: Duration,
    pub(crate) longest: Duration,
}

impl Backoff {
    /// Between tries of one job.
    pub(crate) const JOB: Self = Self { shortest: Duration::from_secs(2), longest: Duration::from_secs(120) };
    /// Between probes while the provider is out, and between tries of a download.
    pub(crate) const OUTAGE: Self = Self { shortest: Duration::from_secs(1), longest: Duration::from_secs(60) };

    /// The delay after `failures` failures in a row (from 1): somewhere between nothing and the full step.
    pub(crate) fn jittered(self, failures: u32) -> Duration {
        self.step(failures).mul_f64(ambient::fraction())
    }

    /// The delay after `failures` failures in a row, at least half of the step: for waits that must not be short.
    pub(crate) fn firm(self, failures: u32) -> Duration {
        self.step(failures).mul_f64(0.5 + 0.5 * ambient::fraction())
    }

    fn step(self, failures: u32) -> Duration {
        let steps = failures.clamp(1, 32) as usize;
        ExponentialBuilder::new()
            .with_min_delay(self.shortest)
            .with_max_delay(self.longest)
            .with_max_times(steps)
            .build()
            .last()
            .unwrap_or(self.longest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_double_up_to_their_bound_and_are_jittered_below_it() {
        let backoff = Backoff { shortest: Duration::from_secs(1), longest: Duration::from_secs(60) };
        let steps: Vec<_> = (0..9).map(|failures| backoff.step(failures).as_secs()).collect();
        assert_eq!(steps, [1, 1, 2, 4, 8, 16, 32, 60, 60]);
        assert_eq!(backoff.step(u32::MAX).as_secs(), 60);
        for _ in 0..100 {
            assert!(backoff.jittered(5) <= Duration::from_secs(16));
            assert!((Duration::from_secs(8)..=Duration::from_secs(16)).contains(&backoff.firm(5)));
        }
    }
}
