//! Whose fault an internal error (code 5000) is: the provider's, or the job's own.
//!
//! An outage must cost no job an attempt, however long it lasts; a job that gets an internal error every time must
//! not be tried for ever. One answer cannot tell them apart, but the others can: a job is to blame when the
//! provider has taken another one since it first refused this one, or when nothing is left to compare it with.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::job::JobSeq;

use super::backoff::Backoff;

/// However many jobs are refused, none of them waits longer for its next try: the outage may be over by then.
const LONGEST_WAIT: Duration = Duration::from_secs(600);

#[derive(Debug, Default)]
pub(crate) struct Blame {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Jobs refused since the provider last took one.
    row: HashSet<JobSeq>,
    /// Jobs refused before that, and not taken since.
    suspects: HashSet<JobSeq>,
}

impl Blame {
    /// The provider took a job: it is well, and those it refused before are suspect.
    pub(crate) fn accepted(&self, job: JobSeq) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let row = std::mem::take(&mut state.row);
        state.suspects.extend(row);
        state.suspects.remove(&job);
    }

    /// How long a job waits that is refused now, if that is the provider's fault. The second time it waits until each of the
    /// jobs that were refused like it, and one more, can have been the probe of an outage: the same few again would tell
    /// nothing, and keep every job behind them from being tried.
    pub(crate) fn wait_after(&self, job: JobSeq) -> Duration {
        let row = &self.state.lock().unwrap_or_else(PoisonError::into_inner).row;
        if !row.contains(&job) {
            return Backoff::JOB.jittered(1);
        }
        let others = u32::try_from(row.len()).unwrap_or(u32::MAX);
        Backoff::OUTAGE.longest.saturating_mul(others.saturating_add(1)).min(LONGEST_WAIT)
    }

    /// The provider refused a job with an internal error. Whether that counts as an attempt of the job.
    ///
    /// `left` is how many jobs are still to be submitted, this one included.
    pub(crate) fn refused(&self, job: JobSeq, left: u64) -> bool {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.row.insert(job);
        let only_suspects = state.row.iter().all(|job| state.suspects.contains(job));
        let nothing_to_compare = state.row.len() as u64 >= left;
        only_suspects || nothing_to_compare
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outage_is_held_against_no_job() {
        let blame = Blame::default();
        for _ in 0..100 {
            for job in 1..=5 {
                assert!(!blame.refused(JobSeq(job), 8_000));
            }
        }
    }

    #[test]
    fn a_job_that_is_refused_while_others_are_taken_is_to_blame() {
        let blame = Blame::default();
        assert!(!blame.refused(JobSeq(1), 100), "the first time it may be the provider");
        blame.accepted(JobSeq(2));
        assert!(blame.refused(JobSeq(1), 99));
        assert!(!blame.refused(JobSeq(3), 99), "another one too: that may be an outage");
        assert!(!blame.refused(JobSeq(1), 99));
        blame.accepted(JobSeq(3));
        assert!(blame.refused(JobSeq(1), 98));
        blame.accepted(JobSeq(1));
        assert!(!blame.refused(JobSeq(1), 98), "it was taken in the end, and starts anew");
    }

    #[test]
    fn the_last_jobs_of_a_queue_do_not_wait_for_ever() {
        let blame = Blame::default();
        assert!(!blame.refused(JobSeq(1), 2));
        assert!(blame.refused(JobSeq(2), 2));
        assert!(blame.refused(JobSeq(1), 2));
    }

    #[test]
    fn jobs_that_are_always_refused_do_not_keep_those_behind_them_from_being_tried() {
        let blame = Blame::default();
        // Six bad jobs come first in the queue, and an outage lets one probe through a minute.
        let mut due = [Duration::ZERO; 6];
        let is_another_tried = (0..30_u32).any(|minute| {
            let now = Backoff::OUTAGE.longest * minute;
            let Some(bad) = due.iter().position(|due| *due <= now) else { return true };
            let job = JobSeq(bad as i64);
            due[bad] = now + blame.wait_after(job);
            assert!(!blame.refused(job, 8_000));
            false
        });
        assert!(is_another_tried);
    }
}
