//! Images over time: counted into buckets while the rows stream by, in no order, without knowing when the first or
//! the last was finished.

use std::collections::BTreeMap;
use std::ops::AddAssign;

/// This many bars are drawn at most.
const MOST_BUCKETS: i64 = 120;

/// How wide a bucket can be, in seconds. Each is a multiple of the one before, so that buckets can be merged.
const WIDTHS_SECONDS: [i64; 13] =
    [1, 5, 15, 60, 5 * 60, 15 * 60, 3_600, 3 * 3_600, 6 * 3_600, 86_400, 7 * 86_400, 28 * 86_400, 364 * 86_400];

/// What was finished in one bucket.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Finished {
    pub(super) images: u64,
    pub(super) failures: u64,
}

impl AddAssign for Finished {
    fn add_assign(&mut self, other: Self) {
        self.images += other.images;
        self.failures += other.failures;
    }
}

/// Counts what is finished, in as few buckets as fit on a page.
#[derive(Debug, Default)]
pub(super) struct Tempo {
    /// Which of the widths is in use.
    width: usize,
    by_bucket: BTreeMap<i64, Finished>,
}

impl Tempo {
    /// Something was finished at this Unix second.
    pub(super) fn add(&mut self, second: i64, finished: Finished) {
        *self.by_bucket.entry(second.div_euclid(self.width_seconds())).or_default() += finished;
        while self.bars() > MOST_BUCKETS && self.width + 1 < WIDTHS_SECONDS.len() {
            self.widen();
        }
    }

    /// How wide a bucket is.
    pub(super) fn width_seconds(&self) -> i64 {
        WIDTHS_SECONDS[self.width]
    }

    /// Each bucket from the first to the last, by the Unix second at which it begins; the empty ones too.
    pub(super) fn buckets(&self) -> impl Iterator<Item = (i64, Finished)> {
        let (first, last) = (self.first(), self.last());
        // A queue whose jobs are centuries apart is drawn without the centuries.
        let every = (first..=last).take(usize::try_from(MOST_BUCKETS).unwrap_or(usize::MAX));
        let none_finished = self.by_bucket.is_empty();
        every
            .filter(move |_| !none_finished)
            .map(|at| (at * self.width_seconds(), self.by_bucket.get(&at).copied().unwrap_or_default()))
    }

    fn widen(&mut self) {
        let factor = WIDTHS_SECONDS[self.width + 1] / self.width_seconds();
        self.width += 1;
        for (bucket, finished) in std::mem::take(&mut self.by_bucket) {
            *self.by_bucket.entry(bucket.div_euclid(factor)).or_default() += finished;
        }
    }

    fn bars(&self) -> i64 {
        self.last() - self.first() + 1
    }

    fn first(&self) -> i64 {
        self.by_bucket.first_key_value().map_or(0, |(bucket, _)| *bucket)
    }

    fn last(&self) -> i64 {
        self.by_bucket.last_key_value().map_or(0, |(bucket, _)| *bucket)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const IMAGE: Finished = Finished { images: 1, failures: 0 };

    fn of(seconds: impl IntoIterator<Item = i64>) -> Tempo {
        let mut tempo = Tempo::default();
        for second in seconds {
            tempo.add(second, IMAGE);
        }
        tempo
    }

    #[test]
    fn a_short_run_is_told_by_the_second_and_gaps_are_shown() {
        let tempo = of([103, 100, 100]);
        let told: Vec<_> = tempo.buckets().map(|(at, finished)| (at, finished.images)).collect();
        assert_eq!((tempo.width_seconds(), told), (1, vec![(100, 2), (101, 0), (102, 0), (103, 1)]));
    }

    #[test]
    fn a_night_fits_into_the_bars_and_no_image_is_lost() {
        let tempo = of((0..36_000).rev().step_by(3));
        assert_eq!(tempo.width_seconds(), 5 * 60);
        let counts: Vec<u64> = tempo.buckets().map(|(_, finished)| finished.images).collect();
        assert_eq!((counts.len(), counts.iter().sum::<u64>()), (120, 12_000));
    }

    #[test]
    fn the_order_in_which_jobs_come_makes_no_difference() {
        let times: Vec<i64> = (0..500).map(|n| n * n % 100_003).collect();
        let mut sorted = times.clone();
        sorted.sort_unstable();
        assert!(of(times).buckets().eq(of(sorted).buckets()));
    }

    #[test]
    fn nothing_finished_makes_no_bars() {
        assert_eq!(Tempo::default().buckets().count(), 0);
    }
}
