//! Verdicts that are given together.

use jiff::Timestamp;

use crate::job::Verdict;
use crate::queue::{Judgement, Queue, QueueError};

/// What became of verdicts.
#[derive(Debug, Default)]
pub struct Judged {
    pub approved: u64,
    pub rejected: u64,
    pub taken_back: u64,
    /// Why they were not stored: none of them, if there is anything.
    pub problems: Vec<QueueError>,
}

/// Stores verdicts, all or none.
///
/// # Errors
/// Those of the queue; what is wrong with a verdict is among the result's `problems`.
pub async fn judge(queue: &dyn Queue, judgements: Vec<Judgement>) -> Result<Judged, QueueError> {
    let count = |verdict| judgements.iter().filter(|judgement| judgement.verdict == verdict).count() as u64;
    let (approved, rejected, taken_back) =
        (count(Some(Verdict::Approved)), count(Some(Verdict::Rejected)), count(None));
    let problems = queue.judge_all(judgements, Timestamp::now()).await?;
    Ok(Judged { approved, rejected, taken_back, problems: problems.into_iter().map(|(_, problem)| problem).collect() })
}
