//! What is sent for a job, prepared ahead of its turn, within a bound of memory.

mod look_again;
pub(crate) mod people;
mod recipe;
pub(crate) mod request_pictures;
mod shelf;
pub(crate) mod trouble;
mod whole_files;
