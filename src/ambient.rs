//! What the program takes from its surroundings without being handed it: chance, and threads for work that blocks.
//!
//! A simulation replaces both for its own thread, so that a run of the engine follows from a seed and is repeated exactly:
//! random values come from a seeded generator, and work that would block runs at once on the same thread. Elsewhere nothing
//! changes. Time is no part of it: that is [`crate::engine::Clock`]'s and `tokio::time`'s.

use std::cell::{Cell, RefCell};

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tokio::task::JoinError;
use tokio::time::Instant;
use uuid::Uuid;

thread_local! {
    /// Where the clock that all hosts of a simulation share began.
    static BEGAN: Cell<Option<Instant>> = const { Cell::new(None) };
    static SEEDED: RefCell<Option<StdRng>> = const { RefCell::new(None) };
}

/// From now on chance on this thread follows from `seed`, and work that blocks runs on it. `None` ends that.
pub fn simulate_on_this_thread(seed: Option<u64>) {
    SEEDED.with_borrow_mut(|seeded| *seeded = seed.map(StdRng::seed_from_u64));
    if seed.is_none() {
        BEGAN.set(None);
    }
}

/// The time of a clock that does not depend on a host's own, in milliseconds: in a simulation the runtime's, elsewhere this
/// machine's, in Unix time.
pub(crate) fn shared_clock_ms() -> i64 {
    if !is_simulated() {
        return jiff::Timestamp::now().as_millisecond();
    }
    let now = Instant::now();
    let began = BEGAN.get().unwrap_or(now);
    BEGAN.set(Some(began));
    1_800_000_000_000 + i64::try_from(now.duration_since(began).as_millis()).unwrap_or_default()
}

/// Whether this thread belongs to a simulation.
pub(crate) fn is_simulated() -> bool {
    SEEDED.with_borrow(Option::is_some)
}

/// A random number, at least 0 and less than 1.
pub(crate) fn fraction() -> f64 {
    SEEDED.with_borrow_mut(|seeded| seeded.as_mut().map_or_else(rand::random, RngExt::random))
}

/// A new id, unique across runs and machines (UUID version 7, so that ids also sort by time).
pub(crate) fn unique_id() -> Uuid {
    let seeded = SEEDED.with_borrow_mut(|seeded| seeded.as_mut().map(RngExt::random::<u128>));
    seeded.map_or_else(Uuid::now_v7, Uuid::from_u128)
}

/// Runs work that waits for a disk or takes a while, where it holds up nothing else.
///
/// # Errors
/// The work panicked.
pub(crate) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, JoinError> {
    if is_simulated() { Ok(work()) } else { tokio::task::spawn_blocking(work).await }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_seed_repeats_chance_on_its_own_thread_alone() {
        let drawn = |seed| {
            simulate_on_this_thread(Some(seed));
            let drawn = (fraction().to_bits(), unique_id());
            simulate_on_this_thread(None);
            drawn
        };
        assert_eq!(drawn(7), drawn(7));
        assert_ne!(drawn(7), drawn(8));
        assert_ne!(unique_id(), unique_id());
        simulate_on_this_thread(Some(7));
        let this = std::thread::current().id();
        assert_eq!(blocking(move || std::thread::current().id()).await.expect("no panic"), this);
        assert!(!std::thread::spawn(is_simulated).join().expect("no panic"));
    }
}
