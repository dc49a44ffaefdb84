//! One clock for all times of a sandbox: wall time that never runs backward while the process lives.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// A moment, in microseconds since the Unix epoch. It outlives the process, so it is wall time.
pub(super) type Micros = i64;

/// Wall time at the start, carried on by the monotonic clock: a clock that is set while the sandbox runs
/// must not make a task end twice.
#[derive(Debug, Clone, Copy)]
pub(super) struct Clock {
    started_at: Micros,
    since: Instant,
}

impl Clock {
    pub(super) fn start() -> Self {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self { started_at: micros(since_epoch), since: Instant::now() }
    }

    pub(super) fn now(&self) -> Micros {
        self.started_at + micros(self.since.elapsed())
    }
}

/// A span of time in whole microseconds.
pub(super) fn micros(span: Duration) -> Micros {
    Micros::try_from(span.as_micros()).unwrap_or(Micros::MAX / 4)
}

/// What the API shows of a moment: Unix milliseconds.
pub(super) fn millis(moment: Micros) -> i64 {
    moment.div_euclid(1_000)
}
