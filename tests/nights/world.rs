//! Time, and the deaths of processes. What is here outlives every process of the night.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::Notify;
use tokio::time::Instant;
use tryon::engine::Clock;

use crate::dice::Dice;
use crate::weather::{Death, Weather};

/// When the night begins, in seconds of Unix time.
const EVENING: i64 = 1_764_100_000;

#[derive(Debug)]
pub(crate) struct World {
    state: Mutex<State>,
    died: Notify,
    interrupted: Notify,
    /// How long each step takes at most, and the chance that says how long.
    step_ms: u64,
    dice: Mutex<Dice>,
    jumps: Vec<(Duration, i64)>,
}

#[derive(Debug, Default)]
struct State {
    /// How long the night was when the present process began.
    before: Duration,
    began: Option<Instant>,
    steps: u64,
    dies_at_step: Option<u64>,
    interrupted_at_step: Option<u64>,
    is_dead: bool,
}

impl World {
    pub(crate) fn new(weather: &Weather, seed: u64) -> Self {
        Self {
            state: Mutex::default(),
            died: Notify::new(),
            interrupted: Notify::new(),
            step_ms: weather.step_ms,
            dice: Mutex::new(Dice::new(!seed)),
            jumps: weather.jumps.clone(),
        }
    }

    fn locked(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How long the night is.
    pub(crate) fn time(&self) -> Duration {
        let state = self.locked();
        state.before + state.began.map_or(Duration::ZERO, |began| began.elapsed())
    }

    /// A process begins, within its runtime.
    pub(crate) fn process_begins(&self, death: Option<Death>) {
        let at_step = |wanted: fn(Death) -> Option<u64>| death.and_then(wanted);
        let dies_at_step = at_step(|death| if let Death::AtStep(step) = death { Some(step) } else { None });
        let interrupted_at_step =
            at_step(|death| if let Death::InterruptedAtStep(step) = death { Some(step) } else { None });
        let mut state = self.locked();
        let before = state.before;
        let began = Some(Instant::now());
        *state = State { before, began, dies_at_step, interrupted_at_step, ..State::default() };
    }

    /// The process has ended; still within its runtime.
    pub(crate) fn process_ends(&self) {
        let now = self.time();
        let mut state = self.locked();
        (state.before, state.began, state.is_dead) = (now, None, true);
    }

    /// Nothing runs for a while.
    pub(crate) fn rest(&self, time: Duration) {
        self.locked().before += time;
    }

    /// Whatever the process does from now on, it does not do.
    pub(crate) fn kill(&self) {
        self.locked().is_dead = true;
        self.died.notify_one();
    }

    /// The process takes a step: dead ones do not.
    pub(crate) async fn step(&self) {
        let (is_dead, is_interrupted) = {
            let mut state = self.locked();
            state.steps += 1;
            let is_at = |step: Option<u64>| step == Some(state.steps);
            (state.is_dead || is_at(state.dies_at_step), is_at(state.interrupted_at_step))
        };
        if is_dead {
            self.kill();
            std::future::pending::<()>().await;
        }
        if is_interrupted {
            self.interrupted.notify_one();
            // The interruption is heard before the step is over.
            tokio::task::yield_now().await;
        }
        if self.step_ms > 0 {
            let takes = self.dice.lock().unwrap_or_else(PoisonError::into_inner).time(0, self.step_ms);
            tokio::time::sleep(takes).await;
        }
    }

    /// Waits for the step at which the process is interrupted.
    pub(crate) async fn interruption(&self) {
        self.interrupted.notified().await;
    }

    /// Waits for the process's death.
    pub(crate) async fn death(&self) {
        self.died.notified().await;
    }
}

impl Clock for World {
    fn now(&self) -> Timestamp {
        let time = self.time();
        let jumped: i64 = self.jumps.iter().filter(|(at, _)| *at <= time).map(|(_, by)| by).sum();
        let passed = SignedDuration::try_from(time).expect("a night is short");
        Timestamp::from_second(EVENING + jumped).expect("a time") + passed
    }

    fn since_boot(&self) -> Duration {
        self.time()
    }
}
