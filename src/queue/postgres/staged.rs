//! Rows that are staged on this machine, for threads that may wait for its disk.

use std::sync::{Arc, Mutex, PoisonError};

use crate::queue::sqlite::{Loader, blocking};

use super::error::Result;

/// The staged rows, for threads that may wait for the disk.
pub(super) type Staged = Arc<Mutex<Loader>>;

/// Runs what reads or writes staged rows on a thread that may wait for the disk.
pub(super) async fn on_staged<T: Send + 'static>(
    staged: &Staged,
    work: impl FnOnce(&mut Loader) -> Result<T> + Send + 'static,
) -> Result<T> {
    let staged = Arc::clone(staged);
    blocking(move || work(&mut staged.lock().unwrap_or_else(PoisonError::into_inner))).await
}
