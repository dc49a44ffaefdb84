//! What becomes of a request and of a task, drawn from the seed.
//!
//! Every draw is a hash of the seed, of the pair of pictures, and of how often that pair came before. So a run
//! is repeatable whatever the order in which its requests arrive, and a retry has a draw of its own.

use std::time::Duration;

use sha2::{Digest, Sha256};

use super::SandboxConfig;
use super::fault::{Effect, Fault, FaultShare, ResultFlaw, Young};

/// How long tasks take, from `submitted` to their end.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Latency {
    /// Every task takes this long; zero ends a task at once.
    Fixed(Duration),
    /// Equally likely anywhere between the two.
    Uniform {
        /// The shortest.
        min: Duration,
        /// The longest.
        max: Duration,
    },
    /// What generations look like in practice: most near the mean, with a tail to the right.
    LogNormal {
        /// The mean of the times themselves, not of their logarithms.
        mean: Duration,
        /// The standard deviation of the times' logarithm; 0.3 is a factor of about 1.35 either way.
        sigma: f64,
    },
}

impl Latency {
    /// The time that belongs to two independent numbers in `[0, 1)`.
    fn at(self, first: f64, second: f64) -> Duration {
        match self {
            Self::Fixed(time) => time,
            Self::Uniform { min, max } => min + max.saturating_sub(min).mul_f64(first),
            Self::LogNormal { mean, sigma } => {
                // Box and Muller's transform; `1 - first` is never zero, so that the logarithm exists.
                let normal = (-2.0 * (1.0 - first).ln()).sqrt() * (std::f64::consts::TAU * second).cos();
                mean.mul_f64((sigma * normal - sigma * sigma / 2.0).exp())
            }
        }
    }
}

/// The hash of a human and a cloth picture together.
pub(super) type PairKey = [u8; 32];

/// The key of a human and a cloth picture, out of the hashes of both.
pub(super) fn pair_key(human: &[u8; 32], cloth: &[u8; 32]) -> PairKey {
    Sha256::new().chain_update(human).chain_update(cloth).finalize().into()
}

/// What a task will come to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TaskFate {
    /// Digits, as the real service gives them.
    pub(super) task_id: String,
    pub(super) duration: Duration,
    /// The `task_status_msg` of a task that fails.
    pub(super) failure: Option<&'static str>,
}

/// The transient errors of `create_errors`, by their names: nothing is created.
const CREATE_ERRORS: [&str; 4] = ["internal-error", "maintenance", "html-500", "no-channel"];

/// The ways of `lost_answers`, by their names: the task is made.
const LOST_ANSWERS: [&str; 5] = ["502", "504", "timeout", "cut", "cut-answer"];

/// Why tasks fail; the first two lie in the inputs, the last one may pass.
pub(super) const FAILURES: [&str; 3] = [
    "there is no human in the video",
    "Failure to pass the risk control system: the content does not comply with the platform policy",
    "internal error",
];

/// The source of all draws of one sandbox.
#[derive(Debug, Clone)]
pub(super) struct Fates {
    seed: u64,
    latency: Latency,
    task_failures: f64,
    create_errors: f64,
    lost_answers: f64,
    faults: Vec<FaultShare>,
    late_by: Duration,
}

impl Fates {
    pub(super) fn new(config: &SandboxConfig) -> Self {
        Self {
            faults: config.faults.clone(),
            late_by: config.late_by,
            seed: config.seed,
            latency: config.latency,
            task_failures: config.task_failures,
            create_errors: config.create_errors,
            lost_answers: config.lost_answers,
        }
    }

    /// The fate of the task that has `earlier` tasks of the same pair before it.
    pub(super) fn of_task(&self, pair: &PairKey, earlier: u32) -> TaskFate {
        let times = self.draw("time", pair, earlier);
        let outcome = self.draw("outcome", pair, earlier);
        let name = self.draw("name", pair, earlier);
        let failure = if outcome[0] < self.task_failures {
            Some(pick(&FAILURES, outcome[1]))
        } else {
            self.strike(self.draw("failure", pair, earlier)[0], |effect| match effect {
                Effect::TaskFails(reason) => Some(reason),
                _ => None,
            })
        };
        // 18 digits, the first one not zero: 9e17 names make a chance meeting of two tasks negligible.
        let number = 100_000_000_000_000_000 + (name[0] * 9e8) as u64 * 1_000_000_000 + (name[1] * 1e9) as u64;
        TaskFate { task_id: number.to_string(), duration: self.latency.at(times[0], times[1]), failure }
    }

    /// What befalls the create that has `earlier` admitted creates of the same pair before it.
    pub(super) fn of_create(&self, pair: &PairKey, earlier: u32) -> Option<Fault> {
        let draw = self.draw("create", pair, earlier);
        let named = |names: &[&str]| Fault::named(pick(names, draw[1]));
        if draw[0] < self.create_errors {
            named(&CREATE_ERRORS)
        } else if draw[0] < self.create_errors + self.lost_answers {
            named(&LOST_ANSWERS)
        } else {
            self.pick_fault(draw[0] - self.create_errors - self.lost_answers, Fault::is_of_creates)
        }
    }

    /// How much later a task is made whose create was answered long before.
    pub(super) fn late_by(&self) -> Duration {
        self.late_by
    }

    /// What befalls the `nth` request for a path, which is no create.
    pub(super) fn of_request(&self, path: &str, nth: u32) -> Option<Fault> {
        let is_about_tasks = path.contains("kolors-virtual-try-on/");
        let number = self.draw("request", &Sha256::digest(path).into(), nth)[0];
        self.pick_fault(number, |fault| match fault.effect() {
            Effect::Interposed(_) => true,
            Effect::Question(_) => is_about_tasks,
            Effect::NoPackages => path.ends_with("/account/costs"),
            _ => false,
        })
    }

    /// How this task reads in its first moments, if unlike what it is.
    pub(super) fn of_youth(&self, task_id: &str) -> Option<Young> {
        self.of_named("youth", task_id, |effect| match effect {
            Effect::Young(young) => Some(young),
            _ => None,
        })
    }

    /// What is odd about the result of this task.
    pub(super) fn of_result(&self, task_id: &str) -> Option<ResultFlaw> {
        self.of_named("result", task_id, |effect| match effect {
            Effect::Result(flaw) => Some(flaw),
            _ => None,
        })
    }

    fn of_named<T>(&self, purpose: &str, task_id: &str, of: impl Fn(Effect) -> Option<T>) -> Option<T> {
        self.strike(self.draw(purpose, &Sha256::digest(task_id).into(), 0)[0], of)
    }

    /// What strikes at a number in `[0, 1)`, out of the effects that `of` knows.
    fn strike<T>(&self, number: f64, of: impl Fn(Effect) -> Option<T>) -> Option<T> {
        of(self.pick_fault(number, |fault| of(fault.effect()).is_some())?.effect())
    }

    /// The fault in whose share a number lies, when the shares of those that `may` strike are laid side by side.
    fn pick_fault(&self, mut number: f64, may: impl Fn(Fault) -> bool) -> Option<Fault> {
        for FaultShare { fault, share } in self.faults.iter().filter(|asked| may(asked.fault)) {
            if number < *share {
                return Some(*fault);
            }
            number -= share;
        }
        None
    }

    /// Two independent numbers in `[0, 1)`.
    fn draw(&self, purpose: &str, pair: &PairKey, earlier: u32) -> [f64; 2] {
        let hash = Sha256::new()
            .chain_update(self.seed.to_le_bytes())
            .chain_update(purpose)
            .chain_update([0])
            .chain_update(pair)
            .chain_update(earlier.to_le_bytes())
            .finalize();
        [0, 8].map(|at| {
            let bytes: [u8; 8] = hash[at..at + 8].try_into().expect("a SHA-256 has 32 bytes");
            // The upper 53 bits are what a float between 0 and 1 holds exactly.
            (u64::from_le_bytes(bytes) >> 11) as f64 / (1_u64 << 53) as f64
        })
    }
}

/// The item that belongs to a number in `[0, 1)`.
fn pick<T: Copy>(items: &[T], number: f64) -> T {
    items[((number * items.len() as f64) as usize).min(items.len() - 1)]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fates(change: impl FnOnce(&mut SandboxConfig)) -> Fates {
        let mut config = SandboxConfig::default();
        change(&mut config);
        Fates::new(&config)
    }

    fn pairs() -> impl Iterator<Item = PairKey> {
        (0..4_000_u32).map(|n| Sha256::digest(n.to_le_bytes()).into())
    }

    #[test]
    fn the_same_seed_draws_the_same_fate_and_another_seed_another() {
        let (one, same, other) = (fates(|c| c.seed = 7), fates(|c| c.seed = 7), fates(|c| c.seed = 8));
        let pair = [1; 32];
        assert_eq!(one.of_task(&pair, 0), same.of_task(&pair, 0));
        assert_ne!(one.of_task(&pair, 0), one.of_task(&pair, 1), "a retry has a draw of its own");
        assert_ne!(one.of_task(&pair, 0), other.of_task(&pair, 0));
    }

    #[test]
    fn log_normal_times_have_the_mean_that_was_asked_for() {
        let fates = fates(|c| c.latency = Latency::LogNormal { mean: Duration::from_secs(30), sigma: 0.3 });
        let total: f64 = pairs().map(|pair| fates.of_task(&pair, 0).duration.as_secs_f64()).sum();
        assert!((total / 4_000.0 - 30.0).abs() < 0.6, "{}", total / 4_000.0);
    }

    #[test]
    fn uniform_times_stay_between_their_bounds() {
        let (min, max) = (Duration::from_secs(1), Duration::from_secs(3));
        let fates = fates(|c| c.latency = Latency::Uniform { min, max });
        assert!(pairs().all(|pair| (min..=max).contains(&fates.of_task(&pair, 0).duration)));
    }

    #[test]
    fn fractions_come_out_as_asked_with_every_kind_in_the_mix() {
        let fates = fates(|c| (c.task_failures, c.create_errors, c.lost_answers) = (0.1, 0.2, 0.3));
        let share = |n: usize| n as f64 / 4_000.0;
        let failures: Vec<_> = pairs().filter_map(|pair| fates.of_task(&pair, 0).failure).collect();
        assert!((share(failures.len()) - 0.1).abs() < 0.02);
        assert!(FAILURES.iter().all(|reason| failures.contains(reason)));

        let creates: Vec<_> = pairs().map(|pair| fates.of_create(&pair, 0)).collect();
        let turned = creates.iter().flatten().filter(|fault| !fault.makes_task()).count();
        let lost = creates.iter().flatten().filter(|fault| fault.makes_task()).count();
        assert!((share(turned) - 0.2).abs() < 0.03 && (share(lost) - 0.3).abs() < 0.03);
        for name in CREATE_ERRORS.iter().chain(&LOST_ANSWERS) {
            let fault = Fault::named(name).expect("a name of the table");
            assert!(creates.contains(&Some(fault)), "{name}");
        }
    }

    #[test]
    fn shares_of_faults_are_laid_side_by_side() {
        let asked = ["quota=0.2", "task-room=0.5", "504-late=0.3", "firewall=0.4", "fresh-unknown"];
        let fates = fates(|c| c.faults = asked.map(|text| text.parse().expect("a fault")).to_vec());
        let count = |name: &str| {
            let struck = pairs().filter_map(|pair| fates.of_create(&pair, 0)).filter(|fault| fault.name() == name);
            struck.count() as f64 / 4_000.0
        };
        for (name, share) in [("quota", 0.2), ("task-room", 0.0), ("504-late", 0.3), ("firewall", 0.4)] {
            assert!((count(name) - share).abs() < 0.03, "{name}: {}", count(name));
        }
        let failed = pairs().filter(|pair| fates.of_task(pair, 0).failure.is_some()).count() as f64 / 4_000.0;
        assert!((failed - 0.5).abs() < 0.03, "{failed}");
        assert_eq!(fates.of_youth("1"), Some(Young::Unknown));
        assert_eq!(fates.of_result("1"), None);
        let walls = (0..4_000).filter(|nth| fates.of_request("/kling/x", *nth).is_some()).count() as f64 / 4_000.0;
        assert!((walls - 0.4).abs() < 0.03, "queries meet what stands in between, and no fault of creates: {walls}");
    }
}
