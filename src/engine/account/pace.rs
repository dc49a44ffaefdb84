//! The rates: at most this many requests a second, spread evenly, so that they hold in any window of a second.

use std::num::NonZeroU32;
use std::time::Duration;

use governor::clock::{Clock, QuantaClock};
use governor::middleware::NoOpMiddleware;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};
use tokio::time::Instant;

use crate::ambient;

/// Requests leave a little later than the plain interval, so that the network's jitter does not push one more
/// into a window of a second.
const MARGIN: f64 = 1.05;

/// A limit on requests a second.
#[derive(Debug)]
pub(crate) struct Pace {
    limiter: Limiter,
}

#[derive(Debug)]
enum Limiter {
    /// By the machine's clock, with a timer that is finer than the runtime's.
    Real(RateLimiter<NotKeyed, InMemoryState, QuantaClock>),
    /// By the runtime's clock, which a simulation moves.
    Simulated(RateLimiter<NotKeyed, InMemoryState, RuntimeClock, NoOpMiddleware<Duration>>, RuntimeClock),
}

/// The runtime's time, since some moment.
#[derive(Debug, Clone, Copy)]
struct RuntimeClock(Instant);

impl Pace {
    /// At most `per_second` requests a second, one at a time: no burst, not even at the start.
    pub(crate) fn new(per_second: f64) -> Self {
        let limiter = if ambient::is_simulated() {
            let clock = RuntimeClock(Instant::now());
            Limiter::Simulated(RateLimiter::direct_with_clock(quota(per_second), clock), clock)
        } else {
            Limiter::Real(RateLimiter::direct(quota(per_second)))
        };
        Self { limiter }
    }

    /// Waits for a turn.
    pub(crate) async fn turn(&self) {
        match &self.limiter {
            Limiter::Real(limiter) => limiter.until_ready().await,
            Limiter::Simulated(limiter, clock) => {
                while let Err(early) = limiter.check() {
                    tokio::time::sleep(early.wait_time_from(clock.now())).await;
                }
            }
        }
    }
}

impl Clock for RuntimeClock {
    type Instant = Duration;

    fn now(&self) -> Duration {
        self.0.elapsed()
    }
}

fn quota(per_second: f64) -> Quota {
    let period = Duration::from_secs_f64((MARGIN / per_second).clamp(1e-9, 86_400.0));
    let quota = Quota::with_period(period).unwrap_or_else(|| Quota::per_second(NonZeroU32::MIN));
    quota.allow_burst(NonZeroU32::MIN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_of_a_second_never_holds_more_than_the_rate() {
        use governor::clock::FakeRelativeClock;
        let clock = FakeRelativeClock::default();
        let limiter = RateLimiter::direct_with_clock(quota(5.0), clock.clone());
        let mut passed_at_ms = Vec::new();
        for ms in 0_u32..5_000 {
            if limiter.check().is_ok() {
                passed_at_ms.push(ms);
            }
            clock.advance(Duration::from_millis(1));
        }
        assert!(passed_at_ms.len() >= 24, "{passed_at_ms:?}");
        for start in 0..4_000 {
            let in_window = passed_at_ms.iter().filter(|ms| (start..=start + 1_000).contains(*ms)).count();
            assert!(in_window <= 5, "{in_window} in the second from {start} ms");
        }
    }
}
