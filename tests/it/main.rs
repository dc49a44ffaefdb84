//! One integration binary; a module a subject.

mod attack;
mod benchmark;
mod buckets;
mod callbacks;
mod changed;
mod circles;
mod commands;
mod html;
mod looks;
mod page;
mod publish;
mod queue;
mod resume;
mod room;
mod solutions;
mod state_machine;
mod support;
mod tidy;
