//! How a run ended, and what it leaves.

use std::time::Duration;

use crate::provider::StopReason;
use crate::queue::Counts;

use crate::engine::error::RunError;

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RunEnd {
    /// Nothing is left to do, as far as this run may do it.
    Done,
    /// The provider's word ended it. What it said, and what to do.
    Stopped { reason: StopReason, said: String },
    /// The budget is spent, and jobs are left.
    BudgetSpent,
    /// `--max-in-doubt`: this number of jobs is in doubt, and asking does not settle them.
    TooManyInDoubt(u64),
    /// The provider was never reached. Why, as far as it is known.
    NeverReached(String),
    /// A person or the system interrupted it.
    Interrupted,
}

/// What a run leaves.
#[derive(Debug)]
pub struct Outcome {
    pub end: RunEnd,
    pub counts: Counts,
    /// Images finished in this run.
    pub succeeded: u64,
    /// Since the run began.
    pub took: Duration,
    /// Share of slot time in use, from 0 to 1; `None` when there was no slot time.
    pub slots_busy: Option<f64>,
}

/// Why no new work is begun any more; `None` where there is none.
pub(crate) fn reason_to_stop(end: &Result<RunEnd, RunError>) -> Option<String> {
    match end {
        Ok(RunEnd::Done) => None,
        Ok(RunEnd::Interrupted) => Some("interrupted; requests in flight are finished first".to_owned()),
        Ok(RunEnd::Stopped { said, .. }) => Some(said.clone()),
        Ok(RunEnd::BudgetSpent) => Some("the budget is spent".to_owned()),
        Ok(RunEnd::TooManyInDoubt(jobs)) => Some(format!("{jobs} jobs are in doubt, and asking does not settle them")),
        Ok(RunEnd::NeverReached(why)) => Some(format!("the provider was never reached: {why}")),
        Err(error) => Some(error.to_string()),
    }
}
