//! A person's word which of the provider's tasks a job in doubt became.

use jiff::Timestamp;

use crate::job::TaskId;
use crate::queue::{Queue, QueueError};

/// Longer than any provider's task id, in bytes.
const LONGEST_TASK_ID: usize = 256;

/// Why a job was not given a task.
#[derive(Debug, thiserror::Error)]
pub enum AdoptError {
    /// Empty, too long, or with control characters.
    #[error("TASK_ID: this is no task id; copy it from the provider's console")]
    NoTaskId,
    /// The queue; the job may not be in doubt, or the task another job's.
    #[error(transparent)]
    Queue(#[from] QueueError),
}

/// A task id as a person has typed it.
///
/// # Errors
/// It cannot be one.
pub fn task_id(typed: &str) -> Result<TaskId, AdoptError> {
    let typed = typed.trim();
    if typed.is_empty() || typed.len() > LONGEST_TASK_ID || typed.chars().any(char::is_control) {
        return Err(AdoptError::NoTaskId);
    }
    Ok(TaskId(typed.to_owned()))
}

/// Records that the job `id` became `task`; a run collects it.
///
/// # Errors
/// Those of the queue.
pub async fn adopt(queue: &dyn Queue, id: &str, task: TaskId) -> Result<(), AdoptError> {
    queue.adopt(id.to_owned(), task, Timestamp::now()).await?;
    Ok(())
}
