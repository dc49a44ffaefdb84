//! What of the pictures that were uploaded is still needed.

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;

use tokio::task::JoinError;

use crate::job::{ImageSource, StateName};
use crate::queue::{QueueError, QueueReads, Selection, each_job};
use crate::store::{InputFile, Objects, sha256_of};

/// Why it cannot be told.
#[derive(Debug, thiserror::Error)]
pub enum NeededError {
    #[error(transparent)]
    Queue(#[from] QueueError),
    /// Pictures of jobs are in a bucket that cannot be read.
    #[error("{0}")]
    Bucket(String),
    #[error(transparent)]
    Thread(#[from] JoinError),
}

/// The SHA-256 of every local picture of a job that may still be made, or is being made. A file that cannot be read is
/// needed by nobody: its job will say so. Relative names are those of files in `folder`.
///
/// # Errors
/// The queue cannot be read.
pub async fn needed(queue: &dyn QueueReads, folder: Option<PathBuf>) -> Result<HashSet<String>, NeededError> {
    const STILL: [StateName; 4] = [StateName::Pending, StateName::Submitting, StateName::InDoubt, StateName::Running];
    let mut pictures: HashMap<ImageSource, ()> = HashMap::new();
    each_job(queue, Selection::in_states(&STILL), |job| -> Result<(), NeededError> {
        let second = job.spec.second.map(|second| second.image.source);
        for source in [job.spec.human.source, job.spec.cloth.source].into_iter().chain(second) {
            if matches!(source, ImageSource::File(_) | ImageSource::Object(_)) {
                pictures.insert(source, ());
            }
        }
        Ok(())
    })
    .await?;
    let read = move || {
        let objects = Objects::looked_at();
        let files = pictures.into_keys().filter_map(|source| InputFile::named_by(&source, folder.as_deref(), &objects));
        let needed = files.filter_map(|file| sha256_of(&file).ok()).collect();
        objects.trouble().map_or(Ok(needed), |why| Err(NeededError::Bucket(why.to_owned())))
    };
    tokio::task::spawn_blocking(read).await?
}
