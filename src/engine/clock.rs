//! What time it is for a person: the only clock whose moments are stored, and one that may be set. How long something takes
//! is measured with `tokio::time::Instant` instead.

use std::fmt::Debug;
use std::time::Duration;

use jiff::Timestamp;

/// Tells the time.
pub trait Clock: Debug + Send + Sync {
    /// The time of day now. It may go back.
    fn now(&self) -> Timestamp;

    /// The time since some moment of this boot of the machine, by a clock that nobody sets and that goes on while the machine
    /// sleeps.
    fn since_boot(&self) -> Duration;
}

/// The machine's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    #[cfg(target_os = "linux")]
    fn since_boot(&self) -> Duration {
        let time = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
        let (seconds, nanos) = (u64::try_from(time.tv_sec), u32::try_from(time.tv_nsec));
        Duration::new(seconds.unwrap_or_default(), nanos.unwrap_or_default())
    }

    // Elsewhere the clock that this reads goes on in sleep.
    #[cfg(not(target_os = "linux"))]
    fn since_boot(&self) -> Duration {
        static BEGAN: std::sync::OnceLock<std::time::Instant> = std::sync::OnceLock::new();
        BEGAN.get_or_init(std::time::Instant::now).elapsed()
    }
}
