//! The commands: one file each. The only place that prints.

mod job_json;
pub mod list;
pub mod pipe;
pub mod place;
pub mod report;
pub mod show;
pub mod status;

#[cfg(test)]
mod read_tests;
