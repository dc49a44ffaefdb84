//! One integration binary; a module a subject.

mod attack;
mod support;
mod tidy;
