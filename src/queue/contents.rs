//! What is known of pictures by their content, and which results were made of what.

use crate::job::{Content, ImageSource, JobId, JobSeq};

/// What a picture was when it was read to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownContent {
    /// The picture's number in the queue.
    pub picture: i64,
    /// Where it is.
    pub source: ImageSource,
    /// The number of this knowledge.
    pub number: i64,
    pub content: Content,
}

/// What a job's result was made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MadeFrom {
    pub seq: JobSeq,
    pub id: JobId,
    /// The job's pictures by their numbers, each with the sha256 of what was sent; those of which that is not known are
    /// left out.
    pub pictures: Vec<(i64, String)>,
}
