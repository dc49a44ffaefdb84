//! The library behind the `tryon` binary.

pub mod ambient;
pub mod callback;
pub mod cli;
pub mod engine;
pub mod exit_code;
pub mod job;
pub mod manifest;
pub mod ops;
pub mod page;
pub mod picture;
pub mod progress;
pub mod provider;
pub mod publish;
pub mod queue;
pub mod report;
pub mod serve;
pub mod settings;
pub mod store;
pub mod view;
