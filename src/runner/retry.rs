//! When something is tried again, and when it is not. Decided by kind; the one text that is read is the reason a
//! failed task gives, because the provider gives nothing else.

use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};

/// An exponential backoff: doubles from the shortest delay to the longest, with full jitter, so that jobs that
/// failed together do not come back together.
#[derive(Debug, Clone, Copy)]
pub(super) struct Backoff {
    pub(super) shortest: Duration,
    pub(super) longest: Duration,
}

impl Backoff {
    /// Between tries of one job.
    pub(super) const JOB: Self = Self { shortest: Duration::from_secs(2), longest: Duration::from_secs(120) };
    /// Between probes while the provider is out, and between tries of a download.
    pub(super) const OUTAGE: Self = Self { shortest: Duration::from_secs(1), longest: Duration::from_secs(60) };

    /// The delay after `failures` failures in a row (from 1): somewhere between nothing and the full step.
    pub(super) fn jittered(self, failures: u32) -> Duration {
        self.step(failures).mul_f64(rand::random::<f64>())
    }

    /// The delay after `failures` failures in a row, at least half of the step: for waits that must not be short.
    pub(super) fn firm(self, failures: u32) -> Duration {
        self.step(failures).mul_f64(0.5 + 0.5 * rand::random::<f64>())
    }

    fn step(self, failures: u32) -> Duration {
        let steps = failures.clamp(1, 32) as usize;
        ExponentialBuilder::new()
            .with_min_delay(self.shortest)
            .with_max_delay(self.longest)
            .with_max_times(steps)
            .build()
            .last()
            .unwrap_or(self.longest)
    }
}

/// Whether a failed task would fail again: its reason lies in the pictures (`api.md`, last paragraph). A reason
/// that is not understood may pass.
pub(super) fn lies_in_the_inputs(task_status_msg: &str) -> bool {
    const SIGNS: [&str; 16] = [
        "no human",
        "human in the",
        "no person",
        "no face",
        "multiple",
        "risk",
        "sensitive",
        "content",
        "policy",
        "nsfw",
        "violat",
        "combination",
        "no cloth",
        "no garment",
        "resolution",
        "image format",
    ];
    let text = task_status_msg.to_lowercase();
    SIGNS.iter().any(|sign| text.contains(sign)) || text.contains("风控") || text.contains("人像")
}

/// Whether a task that is called failed may only be too young to be found (`api.md`, "What is not known").
pub(super) fn reads_as_not_found(task_status_msg: &str) -> bool {
    task_status_msg.to_lowercase().contains("task not found")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_double_up_to_their_bound_and_are_jittered_below_it() {
        let backoff = Backoff { shortest: Duration::from_secs(1), longest: Duration::from_secs(60) };
        let steps: Vec<_> = (0..9).map(|failures| backoff.step(failures).as_secs()).collect();
        assert_eq!(steps, [1, 1, 2, 4, 8, 16, 32, 60, 60]);
        assert_eq!(backoff.step(u32::MAX).as_secs(), 60);
        for _ in 0..100 {
            assert!(backoff.jittered(5) <= Duration::from_secs(16));
            assert!((Duration::from_secs(8)..=Duration::from_secs(16)).contains(&backoff.firm(5)));
        }
    }

    #[test]
    fn a_reason_in_the_pictures_is_final_and_others_are_not() {
        for reason in [
            "there is no human in the video",
            "Content risk control",
            "platform policy",
            "unsupported garment combination",
            "触发平台的内容风控",
        ] {
            assert!(lies_in_the_inputs(reason), "{reason}");
        }
        for reason in ["internal error", "timeout", "", "server busy", "GPU lost"] {
            assert!(!lies_in_the_inputs(reason), "{reason}");
        }
    }
}
