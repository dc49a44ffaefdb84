//! The run's tasks of the runtime: how one ends.

use tokio::task::JoinHandle;

use crate::engine::error::RunError;

/// A task that ends with what waits for it.
pub(super) struct AbortOnDrop<T>(pub(super) JoinHandle<T>);

impl<T> Drop for AbortOnDrop<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// What a task of the run has brought. That one panicked is a bug, and ends the run.
pub(super) fn unless_it_panicked<T>(ended: Result<Result<T, RunError>, tokio::task::JoinError>) -> Result<T, RunError> {
    ended.map_err(|error| RunError::Bug(error.to_string()))?
}
