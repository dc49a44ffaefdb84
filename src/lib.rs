//! The library behind the `tryon` binary.

pub mod cli;
pub mod job;
pub mod manifest;
pub mod picture;
pub mod progress;
pub mod queue;
pub mod report;
pub mod runner;
pub mod sandbox;
