//! How long tasks take, and the best that anybody could do with them.
//!
//! The n-th task that is created takes the n-th time, whoever creates it. So every contender works on the same
//! list of times, and the list schedule of that list is the best that a program can reach that does not know them.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};

/// Log-normal times with this mean and this sigma (of the logarithm), the same ones for the same seed.
pub(crate) fn task_times(count: usize, mean: Duration, sigma: f64, seed: u64) -> Vec<Duration> {
    // The generator is named, and not the library's standard one, which may be another one tomorrow.
    let mut random = Xoshiro256PlusPlus::seed_from_u64(seed);
    // The mean of a log-normal distribution is exp(mu + sigma²/2).
    let mu = mean.as_secs_f64().ln() - sigma * sigma / 2.0;
    (0..count).map(|_| Duration::from_secs_f64(sigma.mul_add(normal(&mut random), mu).exp())).collect()
}

/// One draw from the standard normal distribution, by Box and Muller.
fn normal(random: &mut Xoshiro256PlusPlus) -> f64 {
    // Over 0, because its logarithm is taken.
    let radius = (-2.0 * (1.0 - random.random::<f64>()).ln()).sqrt();
    radius * (std::f64::consts::TAU * random.random::<f64>()).cos()
}

/// How long the list schedule takes: each task starts in the slot that is free first, in the order of the list, and
/// at least `apart` after the one before it (zero is no such limit).
pub(crate) fn ideal_makespan(times: &[Duration], slots: usize, apart: Duration) -> Duration {
    let mut free_at: BinaryHeap<Reverse<Duration>> = (0..slots.max(1)).map(|_| Reverse(Duration::ZERO)).collect();
    let mut not_before = Duration::ZERO;
    let mut last_end = Duration::ZERO;
    for time in times {
        let Some(Reverse(free)) = free_at.pop() else { return last_end };
        let start = free.max(not_before);
        not_before = start + apart;
        last_end = last_end.max(start + *time);
        free_at.push(Reverse(start + *time));
    }
    last_end
}
