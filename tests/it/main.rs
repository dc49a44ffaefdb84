//! One integration binary; a module a subject.

mod state_machine;
