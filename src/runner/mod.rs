//! Works the queue: claims jobs, keeps the provider's slots full, and sees every task through to its file.

pub mod event;
mod gate;
mod pace;
mod retry;
mod slots;
mod watcher;
