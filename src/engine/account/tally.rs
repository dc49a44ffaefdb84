//! What one account did in this run: tasks taken, images made, jobs failed, and what it said that it cost.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::queue::AccountTally;

/// Shared by the forms of an account.
#[derive(Debug, Default)]
pub(crate) struct Tally(Mutex<AccountTally>);

impl Tally {
    /// How it is now.
    pub(crate) fn now(&self) -> AccountTally {
        *self.locked()
    }

    /// It took a task.
    pub(crate) fn took_task(&self) {
        self.locked().submitted += 1;
    }

    /// An image of it was published.
    pub(crate) fn made_image(&self) {
        self.locked().images += 1;
    }

    /// A job that it had has failed.
    pub(crate) fn failed(&self) {
        self.locked().failed += 1;
    }

    /// A task of it has ended, and told what it cost, or did not.
    pub(crate) fn cost(&self, units: Option<f64>, paid: Option<f64>) {
        let mut tally = self.locked();
        tally.units += units.unwrap_or_default();
        tally.paid += paid.unwrap_or_default();
        tally.has_told_cost |= units.is_some() || paid.is_some();
    }

    fn locked(&self) -> MutexGuard<'_, AccountTally> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
