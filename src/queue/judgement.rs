//! Verdicts on their way into the queue, and those that were given.

use jiff::Timestamp;

use crate::job::Verdict;

/// What a person says of a job's image.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Judgement {
    /// The job.
    pub id: String,
    /// The image that was looked at, by its sha256; `None` is the present one, whichever it is.
    pub sha256: Option<String>,
    /// What is said; `None` takes back what was said before.
    pub verdict: Option<Verdict>,
    /// Why.
    pub reason: Option<String>,
    /// Who says so.
    pub reviewer: Option<String>,
}

/// A verdict that was given about one of a job's images, the present one or an earlier one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GivenVerdict {
    /// Of the image that it is about.
    pub sha256: String,
    /// `None` took back what was said before.
    pub verdict: Option<Verdict>,
    pub reason: Option<String>,
    pub reviewer: Option<String>,
    pub at: Timestamp,
}
