//! Whose fault an internal error (code 5000) is: the provider's, or the job's own.
//!
//! An outage must cost no job an attempt, however long it lasts; a job that gets an internal error every time must
//! not be tried for ever. One answer cannot tell them apart, but the others can: a job is to blame when the
//! provider has taken another one since it first refused this one, or when nothing is left to compare it with.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use crate::job::JobSeq;

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

    /// Whether the provider has refused this job since it last took one.
    pub(crate) fn has_refused(&self, job: JobSeq) -> bool {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).row.contains(&job)
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
}
