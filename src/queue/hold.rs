//! What keeps a queue for one run.

use std::any::Any;
use std::fmt::Debug;

/// A run's hold on its queue. It ends when this is dropped.
pub struct RunHold {
    _held: Box<dyn Any + Send + Sync>,
}

impl RunHold {
    /// A hold that lasts as long as `held`.
    pub(super) fn by(held: impl Any + Send + Sync) -> Self {
        Self { _held: Box::new(held) }
    }
}

impl Debug for RunHold {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RunHold").finish_non_exhaustive()
    }
}
