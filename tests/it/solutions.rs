//! Try-on 3.0 from end to end: the program, and the engine by itself, against the stand-in's "solutions" form.

mod books;
mod commands;
mod engine;
mod wire;
