//! What the page says of the queue as a whole, gathered while the rows stream by, so that it agrees with them.

use std::time::Duration;

use crate::job::{Flag, StateName, Verdict};
use crate::queue::{Counts, ReportRow};
use crate::view::FailureReasons;

use super::tempo::{Finished, Tempo};

/// What has been gathered so far.
#[derive(Debug, Default)]
pub(super) struct Totals {
    pub(super) counts: Counts,
    pub(super) reasons: FailureReasons,
    pub(super) tempo: Tempo,
    /// Time from submission to image, over all images that have both.
    image_time: Duration,
    timed_images: u32,
    by_flag: [u64; Flag::ALL.len()],
}

impl Totals {
    /// Takes a row into account. Returns the number of its failure's reason.
    pub(super) fn add(&mut self, row: &ReportRow) -> Option<usize> {
        if row.is_rejected() {
            self.counts.rejected += 1;
            return None;
        }
        self.counts.set(row.state, self.counts.loaded(row.state) + 1);
        self.counts.units += row.units.unwrap_or_default();
        self.counts.paid += row.paid.unwrap_or_default();
        let has_ended = matches!(row.state, StateName::Downloading | StateName::Succeeded);
        self.counts.untold += u64::from(has_ended && row.units.is_none() && row.paid.is_none());
        self.counts.flagged += u64::from(!row.flags.is_empty());
        row.flags.iter().for_each(|flag| self.by_flag[flag as usize] += 1);
        match row.review.as_ref().map(|review| review.verdict) {
            Some(Verdict::Approved) => self.counts.approved += 1,
            Some(Verdict::Rejected) => self.counts.rejected_images += 1,
            None => {}
        }
        let finished = Finished {
            images: u64::from(row.state == StateName::Succeeded),
            failures: u64::from(row.state == StateName::Failed),
        };
        if let Some(at) = row.finished_at.filter(|_| finished != Finished::default()) {
            self.tempo.add(at.as_second(), finished);
        }
        if row.state == StateName::Succeeded {
            self.add_time(row);
        }
        let is_failed = row.state == StateName::Failed;
        let code = row.error_code.as_deref().filter(|_| is_failed)?;
        self.reasons.add_said(code, row.error.as_deref().unwrap_or_default())
    }

    /// How long an image took on average, from its submission on; `None` before the first.
    pub(super) fn mean_image_time(&self) -> Option<Duration> {
        self.image_time.checked_div(self.timed_images)
    }

    /// How many results have which flag; flags that none has are left out.
    pub(super) fn flags(&self) -> Vec<(Flag, u64)> {
        Flag::ALL.into_iter().zip(self.by_flag).filter(|(_, count)| *count > 0).collect()
    }

    fn add_time(&mut self, row: &ReportRow) {
        let Some((from, to)) = row.submitted_at.zip(row.finished_at) else { return };
        // A clock that was set back in between makes no negative durations.
        self.image_time += Duration::try_from(to.duration_since(from)).unwrap_or_default();
        self.timed_images = self.timed_images.saturating_add(1);
    }
}
