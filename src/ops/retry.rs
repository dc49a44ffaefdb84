//! Putting jobs back into the queue, also while a run is going on.

use futures_util::StreamExt;
use jiff::Timestamp;

use crate::exit_code::ExitCode;
use crate::job::{JobSeq, JobState, StateName};
use crate::queue::{Queue, QueueError, QueueReads, Selection, each_job};

/// What became of a job that was put back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PutBack {
    /// It is pending.
    Waits,
    /// Only its image is fetched again.
    Fetched,
    /// It had succeeded, and waits to be submitted once more.
    PaidAgain,
}

/// What became of a list of jobs.
#[derive(Debug, Default)]
pub struct ListPutBack {
    /// What became of those that were put back, in the list's order.
    pub put_back: Vec<PutBack>,
    /// Why the others could not be.
    pub refused: Vec<QueueError>,
}

impl ListPutBack {
    /// How many jobs were put back in this way.
    #[must_use]
    pub fn count(&self, kind: PutBack) -> usize {
        self.put_back.iter().filter(|it| **it == kind).count()
    }
}

/// Puts one job back; one that has succeeded only if that was asked for (`again`).
///
/// # Errors
/// Those of the queue.
pub async fn put_back(queue: &dyn Queue, id: String, again: bool) -> Result<PutBack, QueueError> {
    let now = Timestamp::now();
    if again {
        match queue.make_anew(id.clone(), now).await {
            // It has no image that could be made again.
            Err(QueueError::Illegal { .. }) => {}
            made_again => return made_again.map(|_| PutBack::PaidAgain),
        }
    }
    match queue.retry(id.clone(), now).await {
        Ok(JobState::Downloading { .. }) => Ok(PutBack::Fetched),
        Ok(_) => Ok(PutBack::Waits),
        Err(QueueError::Illegal { source, .. }) if source.from == StateName::Succeeded => {
            Err(QueueError::HasSucceeded(id))
        }
        Err(error) => Err(error),
    }
}

/// Puts back the jobs of a list.
///
/// # Errors
/// What has nothing to do with a single job; jobs that cannot be put back are among the result's `refused`.
pub async fn put_back_list(queue: &dyn Queue, ids: Vec<String>, again: bool) -> Result<ListPutBack, QueueError> {
    /// How many are put back together, which lets them share their flush to disk.
    const TOGETHER: usize = 256;

    let mut list = ListPutBack::default();
    let mut results = futures_util::stream::iter(ids).map(|id| put_back(queue, id, again)).buffered(TOGETHER);
    while let Some(result) = results.next().await {
        match result {
            Ok(put_back) => list.put_back.push(put_back),
            Err(error) if ExitCode::of_queue(&error) == ExitCode::Usage => list.refused.push(error),
            Err(error) => return Err(error),
        }
    }
    Ok(list)
}

/// Puts back every job in `state`. Returns how many those were.
///
/// # Errors
/// Those of the queue.
pub async fn put_back_all(queue: &dyn Queue, state: StateName) -> Result<u64, QueueError> {
    queue.retry_all(state, Timestamp::now()).await
}

/// Has every flagged result made, and paid for, again. Returns how many those are.
///
/// # Errors
/// Those of the queue.
pub async fn make_flagged_again(queue: &dyn Queue) -> Result<u64, QueueError> {
    queue.make_flagged_anew(Timestamp::now()).await
}

/// Has every rejected result made, and paid for, again. Returns how many those are.
///
/// # Errors
/// Those of the queue.
pub async fn make_rejected_again(queue: &dyn Queue) -> Result<u64, QueueError> {
    queue.make_rejected_anew(Timestamp::now()).await
}

/// Has the results of these jobs made, and paid for, again. Returns how many those are: what is not finished any more is
/// passed over.
///
/// # Errors
/// Those of the queue.
pub async fn make_these_again(queue: &dyn Queue, jobs: Vec<JobSeq>) -> Result<u64, QueueError> {
    queue.make_these_anew(jobs, Timestamp::now()).await
}

/// The failed jobs that have a reason, or its code.
///
/// # Errors
/// Those of the queue.
pub async fn ids_of_reason(queue: &dyn QueueReads, reason: &str) -> Result<Vec<String>, QueueError> {
    let mut ids = Vec::new();
    let failed = Selection::in_states(&[StateName::Failed]);
    each_job(queue, failed, |job| -> Result<(), QueueError> {
        if let JobState::Failed { failure, .. } = &job.state
            && (failure.reason() == reason || failure.code == reason)
        {
            ids.push(job.spec.id.to_string());
        }
        Ok(())
    })
    .await?;
    Ok(ids)
}
