//! Refusals in a row: when the provider refuses one job after the other with the same code and accepts none in between,
//! that is about a setting (the model, the address, what the key may do) and not about the rows.
//!
//! At most [`MOST_REFUSED`] jobs are refused before that is noticed, whatever the number of creates on their way.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::job::JobSeq;
use crate::queue::ActiveJob;

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
    /// Waits until one more create may be on its way, should all of them be refused.
    pub(super) async fn open(self: &Arc<Self>) -> OpenCreate {
        loop {
            // Registered before the look, so that a change in between is not missed.
            let changed = self.changed.notified();
            {
                let mut state = self.locked();
                if state.open + state.row.len() < MOST_REFUSED {
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

    /// The provider refuses a job with `code`. Returns the jobs whose refusal is to be withdrawn, because the run ends
    /// over it; none while that is not so.
    pub(super) fn refused(&self, code: &str, job: &ActiveJob) -> Vec<RefusedJob> {
        let mut state = self.locked();
        if state.code != code {
            code.clone_into(&mut state.code);
            state.row.clear();
        }
        let refused = RefusedJob { seq: job.seq, attempt: job.attempt };
        if !state.row.iter().any(|before| before.seq == job.seq) {
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
