//! The contract of the place where a queue is, or will be.

use std::fmt::Debug;
use std::sync::Arc;

use async_trait::async_trait;

use super::contract::Queue;
use super::error::QueueResult;
use super::hold::RunHold;
use super::loading::Load;
use super::location::Location;
use super::reads::QueueReads;

/// Where a queue is, or will be: what can be done before one is open. [`super::at`] makes it.
#[async_trait]
pub trait Site: Debug + Send + Sync {
    /// Where it is, as it may be shown.
    fn location(&self) -> Location;

    /// Whether the place can be reached now. A file is where it is, as far as can be told beforehand.
    ///
    /// # Errors
    /// [`QueueError::Unreachable`](super::QueueError::Unreachable): it may be reached later. Others are of the address itself.
    async fn reach(&self) -> QueueResult<()> {
        Ok(())
    }

    /// Whether there is a queue, or something else in its place.
    async fn exists(&self) -> bool;

    /// Opens the queue.
    ///
    /// # Errors
    /// What is there is foreign, newer, damaged or not accessible; the error names it and says what to do.
    /// [`QueueError::Missing`](super::QueueError::Missing) where there is none and it is not to be made.
    async fn open(&self, opening: Opening) -> QueueResult<Arc<dyn Queue>>;

    /// Takes the queue, which must exist, for a run, and opens it only then: one that another run holds is left alone.
    ///
    /// # Errors
    /// As [`Self::open`], and [`QueueError::Held`](super::QueueError::Held).
    async fn open_to_run(&self) -> QueueResult<(Arc<dyn Queue>, RunHold)>;

    /// Opens the queue, which must exist, to be read.
    ///
    /// # Errors
    /// As [`Self::open`].
    async fn open_to_read(&self) -> QueueResult<Arc<dyn QueueReads>>;

    /// A load for a queue that does not exist yet.
    ///
    /// # Errors
    /// There is no place for a temporary file.
    async fn stage(&self) -> QueueResult<Box<dyn Load>>;

    /// A load that is only looked at: what would it change? Nothing is created or changed, and a queue of an earlier
    /// version is left as it is.
    ///
    /// # Errors
    /// As [`Self::open`], and there is no place for a temporary file.
    async fn look(&self) -> QueueResult<Box<dyn Load>>;
}

/// Whether a queue is made where there is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Opening {
    /// It must be there.
    Existing,
    /// It is made where there is none.
    OrMake,
}
