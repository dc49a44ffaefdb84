//! From an output tree to a channel: which images, under which names, in which form, with which marks, and the table that the
//! channel imports.
//!
//! The originals are only read. What a recipe asks for is decided whole before the first write.

mod marks;
mod recipe;
mod template;
