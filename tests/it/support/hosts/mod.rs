//! Several hosts on one queue in a database, and everything that can befall them.

mod audit;
mod database;
mod faults;
mod fleet;
mod round;

pub(crate) use audit::Findings;
pub(crate) use database::Database;
pub(crate) use fleet::faketime;
pub(crate) use round::{Round, Tally};
