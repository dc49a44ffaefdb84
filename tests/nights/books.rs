//! The provider's books: every task that was ever made, for which pair, by which process, and what it was charged.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use tryon::job::TaskId;

use crate::dice::Dice;
use crate::weather::{Ids, LATEST_TASK_MS, Weather};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    Image,
    NoImage,
    /// With this reason.
    Fails(&'static str),
}

#[derive(Debug, Clone)]
pub(crate) struct Task {
    pub(crate) id: String,
    pub(crate) external_id: String,
    pub(crate) pair: String,
    pub(crate) process: usize,
    pub(crate) account: usize,
    pub(crate) made_at: Duration,
    pub(crate) ends_at: Duration,
    pub(crate) found_from: Duration,
    pub(crate) found_by_own_id_from: Duration,
    pub(crate) outcome: Outcome,
    /// The engine has been told its id, and not that it has ended.
    pub(crate) is_held: bool,
    pub(crate) has_called: bool,
    pub(crate) fetches: u32,
}

impl Task {
    /// Its image, in the words of its provider's place and number: no other task has the same.
    pub(crate) fn image(&self) -> String {
        format!("{}/{}", self.account / 2, self.id)
    }

    /// What ends with an image, or should have, is charged; what fails is not.
    pub(crate) fn is_charged(&self) -> bool {
        !matches!(self.outcome, Outcome::Fails(_))
    }
}

/// A create on its way through the provider, whoever still waits for its answer.
#[derive(Debug, Clone)]
pub(crate) struct Arrival {
    pub(crate) at: Duration,
    pub(crate) external_id: String,
    pub(crate) pair: String,
    pub(crate) process: usize,
    pub(crate) account: usize,
    pub(crate) task_id: String,
}

#[derive(Debug)]
pub(crate) struct Books {
    pub(crate) dice: Dice,
    pub(crate) tasks: Vec<Task>,
    arrivals: Vec<Arrival>,
    made: u64,
    /// Creates that wait for their answers.
    pub(crate) open: usize,
    pub(crate) process: usize,
    /// Whose key the present process has.
    pub(crate) account: usize,
    /// The slots of the present process, where it has a fixed number.
    pub(crate) slots: Option<usize>,
    /// The ids under which creates were sent.
    pub(crate) asked: HashSet<String>,
    /// The processes in which the only create of an id was clearly answered; none where one was not, or there were two.
    pub(crate) answered: HashMap<String, Option<usize>>,
    /// Processes from which a task is known to have been accepted.
    pub(crate) accepted: HashSet<usize>,
    pub(crate) wrongs: Vec<String>,
    pub(crate) requests: u64,
}

/// What a pair is like, whenever it is tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Nature {
    Good,
    Refused,
    InternalError,
    Fails,
    NoImage,
}

impl Books {
    pub(crate) fn new(dice: Dice) -> Self {
        Self {
            dice,
            tasks: Vec::new(),
            arrivals: Vec::new(),
            made: 0,
            open: 0,
            process: 0,
            account: 0,
            slots: None,
            asked: HashSet::new(),
            answered: HashMap::new(),
            accepted: HashSet::new(),
            wrongs: Vec::new(),
            requests: 0,
        }
    }

    pub(crate) fn new_task_id(&mut self, prefix: &str) -> String {
        self.made += 1;
        format!("{prefix}{}", self.made)
    }

    /// Whether it has made this task, or is about to.
    pub(crate) fn has_made(&self, task_id: &TaskId, pair: &str) -> bool {
        self.tasks.iter().any(|task| task.id == task_id.0 && task.pair == pair)
            || self.arrivals.iter().any(|arrival| arrival.task_id == task_id.0 && arrival.pair == pair)
    }

    pub(crate) fn arrives(&mut self, arrival: Arrival) {
        self.arrivals.push(arrival);
    }

    /// A process has ended: its creates are given up, and their tasks made soon enough or never.
    pub(crate) fn process_ended(&mut self, now: Duration) {
        self.given_up(now, |_| true);
    }

    /// Some creates are given up.
    pub(crate) fn given_up(&mut self, now: Duration, which: impl Fn(&Arrival) -> bool) {
        for arrival in self.arrivals.iter_mut().filter(|arrival| which(arrival)) {
            arrival.at = arrival.at.min(now + Duration::from_millis(LATEST_TASK_MS));
        }
    }

    /// Brings the books up to a moment: what has arrived by then is made.
    pub(crate) fn bring_up_to(&mut self, now: Duration, weather: &Weather, seed: u64) {
        self.arrivals.sort_by_key(|arrival| arrival.at);
        while self.arrivals.first().is_some_and(|arrival| arrival.at <= now) {
            let arrival = self.arrivals.remove(0);
            let is_taken = self
                .tasks
                .iter()
                .any(|task| task.external_id == arrival.external_id && task.account == arrival.account);
            if !(is_taken && matches!(weather.ids, Ids::Refused { .. })) {
                self.make(arrival, weather, seed);
            }
        }
    }

    fn make(&mut self, arrival: Arrival, weather: &Weather, seed: u64) {
        let is_calm = arrival.at >= weather.calm_from;
        let factor = if !is_calm && self.dice.chance(weather.stuck) { 20 } else { 1 };
        let takes = self.dice.time(weather.task_ms.0, weather.task_ms.1) * factor;
        let outcome = match nature(&arrival.pair, weather, seed) {
            Nature::Fails => Outcome::Fails("there is no human in the video"),
            Nature::NoImage => Outcome::NoImage,
            _ if !is_calm && self.dice.chance(weather.tasks_fail) => Outcome::Fails(self.dice.one_of(&[
                "internal failure, please retry",
                "the parallel task limit of the resource pack is reached",
                "content risk control",
            ])),
            _ => Outcome::Image,
        };
        let lag = if is_calm { Duration::ZERO } else { self.dice.time(0, weather.lag_ms) };
        let own_lag = if is_calm { 0 } else { weather.own_id_lag_ms };
        self.tasks.push(Task {
            id: arrival.task_id,
            external_id: arrival.external_id,
            pair: arrival.pair,
            process: arrival.process,
            account: arrival.account,
            made_at: arrival.at,
            ends_at: arrival.at + takes,
            found_from: arrival.at + lag,
            // In the morning everything is found.
            found_by_own_id_from: (arrival.at + lag + Duration::from_millis(own_lag))
                .min(weather.calm_from)
                .max(arrival.at + lag),
            outcome,
            is_held: false,
            has_called: false,
            fetches: 0,
        });
    }

    /// Tasks that take a slot of the account: at work, or about to be.
    pub(crate) fn in_flight(&self, now: Duration) -> usize {
        let soon = now + Duration::from_secs(2);
        let account = self.account;
        self.tasks.iter().filter(|task| task.account == account && task.ends_at > now).count()
            + self.arrivals.iter().filter(|arrival| arrival.account == account && arrival.at <= soon).count()
    }

    pub(crate) fn find(&mut self, id: &str, ids: Ids, now: Duration) -> Option<&mut Task> {
        let (by_ours, account) = (ids.find_tasks(), self.account);
        let is_it = |task: &Task| {
            let by_own_id = by_ours && task.external_id == id && task.found_by_own_id_from <= now;
            task.account == account && (task.id == id && task.found_from <= now || by_own_id)
        };
        self.tasks.iter_mut().find(|task| is_it(task))
    }

    pub(crate) fn is_wrong(&mut self, what: String) {
        self.wrongs.push(what);
    }
}

/// A pair's nature follows from its name and the seed.
pub(crate) fn nature(pair: &str, weather: &Weather, seed: u64) -> Nature {
    let name = pair.bytes().fold(seed, |hash, byte| hash.wrapping_mul(31).wrapping_add(byte.into()));
    let mut dice = Dice::new(name);
    match dice.chance(weather.bad_pairs) {
        true => dice.one_of(&[Nature::Refused, Nature::InternalError, Nature::Fails, Nature::NoImage]),
        false => Nature::Good,
    }
}
