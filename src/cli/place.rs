//! Where a command works: the output folder and its queue.

use std::path::PathBuf;

/// See the module's page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The output folder (`-o`).
    pub out: PathBuf,
    /// The queue file (`--queue`).
    pub queue: PathBuf,
}

impl Place {
    /// The output folder when none is given.
    pub const DEFAULT_OUT: &'static str = "tryon-out";
}
