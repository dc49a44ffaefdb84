//! Why the pictures of a request cannot be had.

use crate::engine::error::RunError;

/// Why a request cannot be made.
#[derive(Debug)]
pub(crate) enum InputsError {
    /// The job's own pictures are at fault.
    Input(String),
    /// They are not on this host, and may be on another one of the queue's hosts.
    NotHere(String),
    /// None of the pictures is on this host.
    NoneHere(String),
    /// They cannot be linked to, or be had from their bucket, now; later they may.
    NotLinked(String),
    /// No picture can be linked to, or be had from a bucket, until a person has done something.
    NoLinks(String),
    /// The folder of made pictures cannot be written.
    Machine(RunError),
    /// The run ends before they are made.
    RunEnds,
}
