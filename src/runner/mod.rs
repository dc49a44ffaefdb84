//! Works the queue: claims jobs, keeps the provider's slots full, and sees every task through to its file.

pub mod event;
