//! Works the queue: claims jobs, keeps the provider's slots full, and sees every task through to its file.
//!
//! The route of a job: [`run::coordinator`] claims it when a slot is free, which writes the intent to submit to disk; a
//! [`run::worker`] submits, waits ([`account::watcher`]) and fetches ([`run::fetch`]); every step is in the queue before
//! the next one begins. All requests pass the [`account::gate`], which knows throttling, outages and the provider's last
//! word.
//!
//! At the bottom: [`settings`], [`event`] and [`error`], which the rooms import.

mod account;
mod clock;
mod deliver;
mod error;
pub mod event;
mod inputs;
mod run;
mod settings;

pub use account::{Endpoint, OtherForm};
pub use clock::{Clock, SystemClock};
pub use error::RunError;
pub use run::begin::{Resources, run};
pub use run::end::{Outcome, RunEnd};
pub use settings::{InDoubtPolicy, Patience, RunSettings, SlotCount};
