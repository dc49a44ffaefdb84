//! What ends a run at once: the machine, not the provider and not a job.

use crate::queue::QueueError;
use crate::store::OutputError;

/// What ends a run at once: the machine, not the provider and not a job.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The queue failed.
    #[error(transparent)]
    Queue(#[from] QueueError),
    /// The output folder failed.
    #[error(transparent)]
    Output(#[from] OutputError),
    /// A client could not be set up.
    #[error("could not set up the connection: {0}")]
    Setup(String),
    /// A part of the program broke; its own message says more.
    #[error("a worker broke down: {0}")]
    Bug(String),
}
