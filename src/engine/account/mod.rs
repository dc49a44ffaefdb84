//! What a run knows of one account at a provider: its slots, its gate, its pace, its watcher and what it has shown that it
//! can do. Nothing here knows of the queue.

pub(crate) mod backoff;
pub(crate) mod blame;
pub(crate) mod gate;
pub(crate) mod pace;
pub(crate) mod refusals;
pub(crate) mod slots;
pub(crate) mod watcher;
