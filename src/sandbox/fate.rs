//! What becomes of a request and of a task, drawn from the seed.
//!
//! Every draw is a hash of the seed, of the pair of pictures, and of how often that pair came before. So a run
//! is repeatable whatever the order in which its requests arrive, and a retry has a draw of its own.

use std::time::Duration;

use sha2::{Digest, Sha256};

use super::SandboxConfig;

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

/// How a create is answered that breaks no rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CreateFate {
    Answered,
    /// Nothing is created, and the answer says so or nearly so.
    Turned(Trouble),
    /// The task is created, and its answer does not come through.
    Lost(Loss),
}

/// Transient errors that create nothing (`api.md`, "Error codes").
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trouble {
    InternalError,
    Maintenance,
    HtmlPage,
    GatewayBody,
}

/// The ways in which the answer to a create gets lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Loss {
    BadGateway,
    GatewayTimeout,
    ServerTimeout,
    /// The connection ends before the first byte of the answer.
    CutBeforeAnswer,
    /// The connection ends in the middle of the body.
    CutInAnswer,
}

const TROUBLES: [Trouble; 4] = [Trouble::InternalError, Trouble::Maintenance, Trouble::HtmlPage, Trouble::GatewayBody];

const LOSSES: [Loss; 5] =
    [Loss::BadGateway, Loss::GatewayTimeout, Loss::ServerTimeout, Loss::CutBeforeAnswer, Loss::CutInAnswer];

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
}

impl Fates {
    pub(super) fn new(config: &SandboxConfig) -> Self {
        Self {
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
        let failure = (outcome[0] < self.task_failures).then(|| pick(&FAILURES, outcome[1]));
        // 18 digits, the first one not zero: 9e17 names make a chance meeting of two tasks negligible.
        let number = 100_000_000_000_000_000 + (name[0] * 9e8) as u64 * 1_000_000_000 + (name[1] * 1e9) as u64;
        TaskFate { task_id: number.to_string(), duration: self.latency.at(times[0], times[1]), failure }
    }

    /// How the create is answered that has `earlier` admitted creates of the same pair before it.
    pub(super) fn of_create(&self, pair: &PairKey, earlier: u32) -> CreateFate {
        let draw = self.draw("create", pair, earlier);
        if draw[0] < self.create_errors {
            CreateFate::Turned(pick(&TROUBLES, draw[1]))
        } else if draw[0] < self.create_errors + self.lost_answers {
            CreateFate::Lost(pick(&LOSSES, draw[1]))
        } else {
            CreateFate::Answered
        }
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
        let turned = creates.iter().filter(|c| matches!(c, CreateFate::Turned(_))).count();
        let lost = creates.iter().filter(|c| matches!(c, CreateFate::Lost(_))).count();
        assert!((share(turned) - 0.2).abs() < 0.03 && (share(lost) - 0.3).abs() < 0.03);
        assert!(TROUBLES.iter().all(|trouble| creates.contains(&CreateFate::Turned(*trouble))));
        assert!(LOSSES.iter().all(|loss| creates.contains(&CreateFate::Lost(*loss))));
    }
}
