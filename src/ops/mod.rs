//! What a command does, returning values. Prints nothing, and knows no flag.

pub mod adopt;
pub mod cancel;
pub mod contents;
pub mod equal_pictures;
pub mod estimate;
pub mod load;
mod reckoning;
pub mod reconcile;
pub mod repeats;
pub mod retry;
pub mod review;
pub mod this_host;
pub mod uploads;

pub use adopt::AdoptError;
pub use load::LoadError;
