//! The rates: how many requests a second leave, spread evenly, so that they hold in any window of a second. What a person has
//! given is never exceeded; what an account bears is found out ([`finder`]).

mod finder;

use std::fmt::Debug;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use governor::clock::{Clock, QuantaClock};
use governor::middleware::NoOpMiddleware;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};
use tokio::time::Instant;

use crate::ambient;

pub(crate) use finder::Bounds;
use finder::Finder;

/// Requests leave a little later than the plain interval, so that the network's jitter does not push one more
/// into a window of a second.
const MARGIN: f64 = 1.05;

/// A limit on requests a second.
#[derive(Debug)]
pub(crate) struct Pace {
    state: Mutex<State>,
    /// Where several hosts share a given rate.
    shared: Option<Arc<dyn SharedTurns>>,
}

/// Turns among all hosts that share a rate.
#[async_trait]
pub(crate) trait SharedTurns: Debug + Send + Sync {
    /// Waits for a turn.
    async fn turn(&self);
}

#[derive(Debug)]
struct State {
    finder: Finder,
    /// By the present rate; another one whenever that changes.
    limiter: Arc<Limiter>,
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
    /// One request at a time: no burst, not even at the start.
    pub(crate) fn new(bounds: Bounds, shared: Option<Arc<dyn SharedTurns>>) -> Arc<Self> {
        let finder = Finder::new(bounds, Instant::now());
        let limiter = Arc::new(Limiter::at(finder.rate()));
        Arc::new(Self { state: Mutex::new(State { finder, limiter }), shared })
    }

    /// Waits for a turn.
    pub(crate) async fn turn(&self) {
        let mut was_held_up = false;
        loop {
            let limiter = Arc::clone(&self.locked().limiter);
            was_held_up |= limiter.turn().await;
            if let Some(shared) = &self.shared {
                shared.turn().await;
            }
            let mut state = self.locked();
            // Where the rate has changed meanwhile, the turn is waited for again, at the new one.
            if Arc::ptr_eq(&state.limiter, &limiter) {
                return state.finder.had_turn(was_held_up);
            }
        }
    }

    /// A request that left at `sent` was answered as by a healthy provider.
    pub(crate) fn answered(&self, sent: Instant) {
        let mut state = self.locked();
        if state.finder.answered(sent, Instant::now()) {
            state.follow();
        }
    }

    /// A request that left at `sent` was refused because there are too many.
    pub(crate) fn refused(&self, sent: Instant) {
        let mut state = self.locked();
        if state.finder.refused(sent, Instant::now()) {
            state.follow();
        }
    }

    /// How many requests a second the account was found to bear; `None` where it has refused none.
    pub(crate) fn found(&self) -> Option<f64> {
        self.locked().finder.found()
    }

    fn locked(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Has the limiter keep the present rate. The first turn by it is a whole interval away.
    fn follow(&mut self) {
        tracing::debug!(per_second = self.finder.rate(), "another pace");
        let limiter = Limiter::at(self.finder.rate());
        limiter.take();
        self.limiter = Arc::new(limiter);
    }
}

impl Limiter {
    fn at(per_second: f64) -> Self {
        if ambient::is_simulated() {
            let clock = RuntimeClock(Instant::now());
            Self::Simulated(RateLimiter::direct_with_clock(quota(per_second), clock), clock)
        } else {
            Self::Real(RateLimiter::direct(quota(per_second)))
        }
    }

    /// Waits for a turn; returns whether it had to be waited for.
    async fn turn(&self) -> bool {
        let mut was_held_up = false;
        match self {
            Self::Real(limiter) => {
                if limiter.check().is_err() {
                    was_held_up = true;
                    limiter.until_ready().await;
                }
            }
            Self::Simulated(limiter, clock) => {
                while let Err(early) = limiter.check() {
                    was_held_up = true;
                    tokio::time::sleep(early.wait_time_from(clock.now())).await;
                }
            }
        }
        was_held_up
    }

    /// Takes the first turn, which needs no waiting for.
    fn take(&self) {
        let _ = match self {
            Self::Real(limiter) => limiter.check().is_ok(),
            Self::Simulated(limiter, _) => limiter.check().is_ok(),
        };
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

    #[tokio::test(start_paused = true)]
    async fn a_request_that_waits_when_the_rate_falls_leaves_at_the_new_one() {
        ambient::simulate_on_this_thread(Some(1));
        let pace = Pace::new(Bounds { first: 10.0, most: None, limit: None }, None);
        pace.turn().await;
        let waits = tokio::spawn({
            let pace = Arc::clone(&pace);
            async move { pace.turn().await }
        });
        tokio::task::yield_now().await;
        let began = Instant::now();
        pace.refused(began);
        waits.await.expect("it leaves");
        ambient::simulate_on_this_thread(None);
        assert!(began.elapsed() >= Duration::from_millis(180), "{:?}", began.elapsed());
    }
}
