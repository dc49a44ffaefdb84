//! The run itself: what is claimed, what becomes of each job, and when it is over.

pub(crate) mod begin;
pub(crate) mod context;
pub(crate) mod coordinator;
pub(crate) mod doubt;
pub(crate) mod end;
pub(crate) mod feeder;
pub(crate) mod fetch;
pub(crate) mod learning;
pub(crate) mod membership;
pub(crate) mod missing;
mod owner;
mod pauses;
mod remember;
mod search;
pub(crate) mod step;
pub(crate) mod submit;
mod tasks;
pub(crate) mod worker;
mod workers;
