//! One integration binary; a module a subject.

mod attack;
mod resume;
mod support;
mod tidy;
