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
    /// What the reviewer knows of what was said before.
    pub seen: Seen,
}

/// Which verdict about an image a reviewer has seen: one that was given since is not lost under theirs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Seen {
    /// Whatever was said before is replaced.
    #[default]
    Any,
    /// None had been given.
    Unjudged,
    /// The one that was given at this moment, to the millisecond.
    Given(Timestamp),
}

impl Seen {
    /// Whether it is the present one; `given` is when that was given, `None` where there is none.
    pub(super) fn is_present(self, given: Option<Timestamp>) -> bool {
        match self {
            Self::Any => true,
            Self::Unjudged => given.is_none(),
            Self::Given(seen) => given.is_some_and(|given| given.as_millisecond() == seen.as_millisecond()),
        }
    }
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
