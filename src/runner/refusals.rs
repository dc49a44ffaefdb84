//! Refusals in a row: when the provider refuses one job after the other with the same code and accepts none in between,
//! that is about a setting (the model, the address, what the key may do) and not about the rows.
//!
//! At most [`MOST_REFUSED`] jobs are refused before that is noticed, whatever the number of creates on their way.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::job::JobSeq;

/// So many jobs refused alike, with none accepted in between, end the run.
const ROW: usize = 20;

/// The most jobs that are refused alike before the run ends (`contract.md`, "Answers"): those of the row, and the creates
/// that were on their way meanwhile.
const MOST_REFUSED: usize = 40;

/// See the module's page.
#[derive(Debug, Default)]
pub(super) struct Refusals {
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct State {
    /// What the jobs of the row were refused with.
    code: String,
    row: Vec<RefusedJob>,
    /// Creates on their way.
    open: usize,
    /// Whether the run ends over the refusals, so that nobody has to wait here any more.
    is_over: bool,
}

/// A job that was refused, in an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct RefusedJob {
    pub(super) seq: JobSeq,
    pub(super) attempt: u32,
}

/// A create on its way; over when dropped.
#[derive(Debug)]
pub(super) struct OpenCreate(Arc<Refusals>);

impl Refusals {
    /// Waits until one more create may be on its way, should all of them be refused. When the run ends over the refusals
    /// the wait ends too, and the gate turns the create away.
    pub(super) async fn open(self: &Arc<Self>) -> OpenCreate {
        loop {
            // Registered before the look, so that a change in between is not missed.
            let changed = self.changed.notified();
            {
                let mut state = self.locked();
                if state.is_over || state.open + state.row.len() < MOST_REFUSED {
                    state.open += 1;
                    return OpenCreate(Arc::clone(self));
                }
            }
            changed.await;
        }
    }

    /// The provider has accepted a job: what it refused before was about those jobs.
    pub(super) fn accepted(&self) {
        self.locked().row.clear();
        self.changed.notify_waiters();
    }

    /// The run ends over the refusals, and the gate lets no create pass any more.
    pub(super) fn end_the_run(&self) {
        self.locked().is_over = true;
        self.changed.notify_waiters();
    }

    /// The provider refuses a job with `code`. Returns the jobs whose refusal is to be withdrawn, because the run ends
    /// over it; none while that is not so.
    pub(super) fn refused(&self, code: &str, refused: RefusedJob) -> Vec<RefusedJob> {
        let mut state = self.locked();
        if state.code != code {
            code.clone_into(&mut state.code);
            state.row.clear();
        }
        if !state.row.iter().any(|before| before.seq == refused.seq) {
            state.row.push(refused);
        }
        match state.row.len() {
            ..ROW => Vec::new(),
            ROW => state.row.clone(),
            // The others were put back before.
            _ => vec![refused],
        }
    }

    fn locked(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for OpenCreate {
    fn drop(&mut self) {
        self.0.locked().open -= 1;
        self.0.changed.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn job(seq: usize) -> RefusedJob {
        RefusedJob { seq: JobSeq(i64::try_from(seq).expect("a number")), attempt: 1 }
    }

    async fn opens(refusals: &Arc<Refusals>) -> Option<OpenCreate> {
        tokio::time::timeout(Duration::from_millis(1), refusals.open()).await.ok()
    }

    #[tokio::test(start_paused = true)]
    async fn as_many_creates_are_on_their_way_as_may_be_refused_and_the_end_of_the_run_lets_all_go() {
        let refusals = Arc::new(Refusals::default());
        let mut on_their_way = Vec::new();
        while let Some(open) = opens(&refusals).await {
            on_their_way.push(open);
        }
        assert_eq!(on_their_way.len(), MOST_REFUSED);
        for (seq, open) in on_their_way.into_iter().enumerate() {
            refusals.refused("1201", job(seq));
            drop(open);
        }
        assert!(opens(&refusals).await.is_none(), "as many were refused as may be");
        refusals.end_the_run();
        assert!(opens(&refusals).await.is_some(), "the feeder must not wait here for ever");
    }

    #[test]
    fn the_jobs_of_a_row_are_withdrawn_together_and_each_later_one_by_itself() {
        let refusals = Refusals::default();
        for seq in 1..ROW {
            assert_eq!(refusals.refused("1201", job(seq)), []);
        }
        assert_eq!(refusals.refused("1201", job(ROW)).len(), ROW);
        assert_eq!(refusals.refused("1201", job(ROW + 1)), [job(ROW + 1)]);
    }

    #[test]
    fn an_accepted_job_and_another_code_begin_the_row_again() {
        let refusals = Refusals::default();
        for seq in 1..ROW {
            refusals.refused("1201", job(seq));
        }
        refusals.accepted();
        for seq in 1..ROW {
            assert_eq!(refusals.refused("1201", job(seq)), [], "one was accepted in between");
        }
        for seq in 1..ROW {
            assert_eq!(refusals.refused("1301", job(seq)), [], "they are refused for another reason");
        }
    }
}
