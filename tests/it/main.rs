//! One integration binary; a module a subject.

mod queue;
mod state_machine;
mod tidy;
