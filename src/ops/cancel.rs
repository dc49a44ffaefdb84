//! Taking jobs out of the queue.

use jiff::Timestamp;

use crate::job::StateName;
use crate::queue::{Queue, QueueError};

/// What a cancelled job was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cancelled {
    /// It was not submitted.
    Waited,
    /// It was paid for, and its image could not be fetched: the image is given up.
    ImageGivenUp,
}

/// Takes one job out.
///
/// # Errors
/// Those of the queue; the job may be one that cannot be cancelled.
pub async fn cancel(queue: &dyn Queue, id: &str) -> Result<Cancelled, QueueError> {
    let has_failed = queue.job(id).await.is_ok_and(|job| job.state.name() == StateName::Failed);
    queue.cancel(id.to_owned(), Timestamp::now()).await?;
    Ok(if has_failed { Cancelled::ImageGivenUp } else { Cancelled::Waited })
}

/// Takes every job out that waits. Returns how many those were.
///
/// # Errors
/// Those of the queue.
pub async fn cancel_pending(queue: &dyn Queue) -> Result<u64, QueueError> {
    queue.cancel_pending(Timestamp::now()).await
}
