//! Time, and what befalls processes. In a night of one host this outlives every process; where several hosts work at once,
//! each process has one of its own, and all have the same time.

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

/// The steps of a process among several, reads included: some ten thousand in a long night.
const MOST_STEPS: u64 = 200_000;

#[derive(Debug)]
pub(crate) struct World {
    state: Mutex<State>,
    died: Notify,
    interrupted: Notify,
    /// How long each step takes at most, and the chance that says how long.
    step_ms: u64,
    dice: Mutex<Dice>,
    jumps: Vec<(Duration, i64)>,
    fate: Fate,
    /// A process that takes more steps is busy for nothing: it is killed.
    most_steps: u64,
}

/// What befalls a process beside others, but for its death. Times are the night's.
#[derive(Debug, Clone, Default)]
pub(crate) struct Fate {
    /// It is stopped from a moment until another one, as by SIGSTOP.
    pub(crate) pauses: Vec<(Duration, Duration)>,
    /// It is stopped at its n-th step, for so long.
    pub(crate) at_step: Option<(u64, Duration)>,
    /// It is stopped when its n-th create is about to leave, for so long.
    pub(crate) at_create: Option<(u64, Duration)>,
    /// It is stopped when it is first told of no such task after a moment, for so long: it goes on by that answer.
    pub(crate) at_unknown: Option<(Duration, Duration)>,
    /// It does not reach its queue from a moment until another one.
    pub(crate) cuts: Vec<(Duration, Duration)>,
    /// How far its wall clock is ahead, in seconds.
    pub(crate) ahead: i64,
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
    creates: u64,
    has_been_told: bool,
    stops: u64,
    /// Until when it is stopped.
    stopped_until: Duration,
}

impl State {
    fn dying(death: Option<Death>) -> Self {
        let at_step = |wanted: fn(Death) -> Option<u64>| death.and_then(wanted);
        let dies_at_step = at_step(|death| if let Death::AtStep(step) = death { Some(step) } else { None });
        let interrupted_at_step =
            at_step(|death| if let Death::InterruptedAtStep(step) = death { Some(step) } else { None });
        Self { dies_at_step, interrupted_at_step, ..Self::default() }
    }
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
            fate: Fate::default(),
            most_steps: u64::MAX,
        }
    }

    /// The world of one process among several, at the time of `night`.
    pub(crate) fn of_one(night: &Self, weather: &Weather, seed: u64, death: Death, fate: Fate) -> Self {
        let (before, began) = {
            let state = night.locked();
            (state.before, state.began)
        };
        let state = State { before, began, ..State::dying(Some(death)) };
        Self { state: Mutex::new(state), fate, most_steps: MOST_STEPS, ..Self::new(weather, seed) }
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
        let mut state = self.locked();
        let before = state.before;
        let began = Some(Instant::now());
        *state = State { before, began, ..State::dying(death) };
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
            (
                state.is_dead || is_at(state.dies_at_step) || state.steps > self.most_steps,
                is_at(state.interrupted_at_step),
            )
        };
        if is_dead {
            self.kill();
            std::future::pending::<()>().await;
        }
        self.be_stopped().await;
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

    /// A create is about to leave: a step, and a moment at which a process may be stopped.
    pub(crate) async fn before_create(&self) {
        {
            let mut state = self.locked();
            state.creates += 1;
            if let Some((_, stop)) = self.fate.at_create.filter(|(nth, _)| *nth == state.creates) {
                drop(state);
                self.stop_for(stop);
            }
        }
        self.step().await;
    }

    /// An answer that says of no such task is on its way to the process: a moment at which it may be stopped.
    pub(crate) fn tells_of_no_task(&self) {
        let Some((_, stop)) = self.fate.at_unknown.filter(|(from, _)| *from <= self.time()) else { return };
        let was_told = std::mem::replace(&mut self.locked().has_been_told, true);
        if !was_told {
            self.stop_for(stop);
        }
    }

    /// A verb of the queue, or a read: a step, and something that needs a way to the queue.
    pub(crate) async fn queue_step(&self) {
        self.step().await;
        while let Some(until) = during(&self.fate.cuts, self.time()) {
            tokio::time::sleep(until.saturating_sub(self.time())).await;
            self.step().await;
        }
    }

    /// Whether a create of it has been about to leave.
    pub(crate) fn has_created(&self) -> bool {
        self.locked().creates > 0
    }

    /// Whether it was busy for nothing.
    pub(crate) fn has_run_in_circles(&self) -> bool {
        self.locked().steps > self.most_steps
    }

    /// How often a step had to wait because the process was stopped.
    pub(crate) fn stops(&self) -> u64 {
        self.locked().stops
    }

    fn stop_for(&self, stop: Duration) {
        let until = self.time() + stop;
        let mut state = self.locked();
        state.stopped_until = state.stopped_until.max(until);
    }

    /// While the process is stopped, it takes no step. Its timers go on, and so does time.
    async fn be_stopped(&self) {
        let steps = self.locked().steps;
        if let Some((_, stop)) = self.fate.at_step.filter(|(nth, _)| *nth == steps) {
            self.stop_for(stop);
        }
        loop {
            let now = self.time();
            let until = self.locked().stopped_until.max(during(&self.fate.pauses, now).unwrap_or_default());
            if until <= now {
                break;
            }
            self.locked().stops += 1;
            tokio::time::sleep(until - now).await;
        }
        if self.locked().is_dead {
            std::future::pending::<()>().await;
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

/// The end of the time, of those given, in which a moment is.
fn during(times: &[(Duration, Duration)], now: Duration) -> Option<Duration> {
    times.iter().filter(|(from, until)| (*from..*until).contains(&now)).map(|(_, until)| *until).max()
}

impl Clock for World {
    fn now(&self) -> Timestamp {
        let time = self.time();
        let jumped: i64 = self.jumps.iter().filter(|(at, _)| *at <= time).map(|(_, by)| by).sum();
        let passed = SignedDuration::try_from(time).expect("a night is short");
        Timestamp::from_second(EVENING + self.fate.ahead + jumped).expect("a time") + passed
    }

    fn since_boot(&self) -> Duration {
        self.time()
    }
}
