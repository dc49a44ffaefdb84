//! Reads: what a run needs, and single jobs.

use crate::job::{Forms, JobId, JobSeq, ModelName, StateName, TaskId, id_key};
use crate::queue::{ActiveJob, AttemptRecord, JobRecord, Published, PublishedImage, QueueError};

use super::Db;
use super::claim::of_forms;
use super::db::args;
use super::error::Result;
use super::rows::{ATTEMPT_COLUMNS, FullJob, IMAGE_COLUMNS, JOB_COLUMNS, JOB_TABLES, read_attempt, read_image, whole};

/// The jobs in one of `states` that somebody has to work on; see [`crate::queue::QueueReads::active`].
pub(super) async fn active(db: Db<'_>, states: &[StateName], most: usize) -> Result<Vec<ActiveJob>> {
    use StateName::{Downloading, InDoubt, Running, Submitting};
    let needs_work = |state: &&StateName| matches!(state, Submitting | InDoubt | Running | Downloading);
    let mut jobs = Vec::new();
    for state in states.iter().filter(needs_work) {
        // The state is in the text so that a partial index is seen to fit.
        let query = format!(
            "SELECT {JOB_COLUMNS} FROM {JOB_TABLES} WHERE j.state = '{}' ORDER BY j.seq LIMIT $1",
            state.word()
        );
        let left = i64::try_from(most.saturating_sub(jobs.len())).unwrap_or(i64::MAX);
        for row in db.rows(&query, args![left]).await? {
            jobs.push(FullJob::read(&row)?.active()?);
        }
    }
    Ok(jobs)
}

/// Whether a job can be claimed, now or later, and whether one was claimed and is not known to be submitted. Both of one
/// moment, so that a job on its way from the one to the other is not overlooked.
pub(super) async fn claimable_and_claimed(db: Db<'_>, forms: Forms) -> Result<(bool, bool)> {
    let of_forms = of_forms(forms);
    let query = format!(
        "SELECT
           EXISTS (SELECT 1 FROM tryon.jobs WHERE state = 'pending' AND retry_at IS NULL AND waits_for IS NULL{of_forms})
        OR EXISTS (SELECT 1 FROM tryon.jobs WHERE state = 'pending' AND retry_at IS NOT NULL{of_forms}),
           EXISTS (SELECT 1 FROM tryon.jobs WHERE state = 'submitting')"
    );
    let row = db.one(&query, args![]).await?;
    Ok((row.try_get(0)?, row.try_get(1)?))
}

/// Whether some jobs name local pictures relative to a folder that each host has. Such a name has no `//` in it and begins with
/// no root.
pub(super) async fn has_relative_pictures(db: Db<'_>) -> Result<bool> {
    let query = r"SELECT EXISTS (SELECT 1 FROM tryon.inputs
                                  WHERE position('://' IN source) = 0 AND source !~ '^(/|\\|[A-Za-z]:\\)')";
    Ok(db.one(query, args![]).await?.try_get(0)?)
}

/// The first job that waits and names a model that no account in these forms takes.
pub(super) async fn next_beyond(db: Db<'_>, forms: Forms) -> Result<Option<JobId>> {
    if forms == Forms::ALL {
        return Ok(None);
    }
    let others = of_forms(Forms { kolors: !forms.kolors, solutions: !forms.solutions });
    let query =
        format!("SELECT id FROM tryon.jobs WHERE state = 'pending' AND model IS NOT NULL{others} ORDER BY seq LIMIT 1");
    first_id(db.row(&query, args![]).await?.as_ref())
}

/// The first job that waits to be submitted to a model; with `has_file`, the first that has a local picture.
pub(super) async fn first_for(
    db: Db<'_>,
    model: &ModelName,
    default_model: &ModelName,
    has_file: bool,
) -> Result<Option<JobId>> {
    // As `job/spec.rs` tells a URL from a path.
    let is_file = |picture: &str| format!("({picture} NOT ILIKE 'http://%' AND {picture} NOT ILIKE 'https://%')");
    let wanted = if has_file { format!("({} OR {})", is_file("h.source"), is_file("c.source")) } else { "TRUE".into() };
    for by_model in ["j.model = $1", "j.model IS NULL AND $1 IS NOT NULL"] {
        let query = format!(
            "SELECT j.id FROM tryon.jobs j
               JOIN tryon.inputs h ON h.input = j.human JOIN tryon.inputs c ON c.input = j.cloth
              WHERE j.state = 'pending' AND {by_model} AND {wanted} LIMIT 1"
        );
        let found = first_id(db.row(&query, args![model.as_str()]).await?.as_ref())?;
        if found.is_some() || model != default_model {
            return Ok(found);
        }
    }
    Ok(None)
}

fn first_id(row: Option<&tokio_postgres::Row>) -> Result<Option<JobId>> {
    Ok(row.map(|row| row.try_get(0)).transpose()?.map(JobId::trusted))
}

/// The next finished jobs after `after`, in manifest order, at most `most`.
pub(super) async fn published(db: Db<'_>, after: JobSeq, most: usize) -> Result<Vec<Published>> {
    let query = "SELECT j.seq, j.id, j.attempt, i.path
       FROM (SELECT seq, id, attempt FROM tryon.jobs WHERE state = 'succeeded' AND seq > $1 ORDER BY seq LIMIT $2) j
       LEFT JOIN tryon.images i ON i.job = j.seq
      ORDER BY j.seq, i.image";
    let mut jobs: Vec<Published> = Vec::new();
    for row in db.rows(query, args![after.0, limit(most)]).await? {
        let seq = JobSeq(row.try_get(0)?);
        if jobs.last().is_none_or(|job| job.seq != seq) {
            let id = JobId::trusted(row.try_get(1)?);
            jobs.push(Published { seq, id, attempt: whole(&row, 2)?, paths: Vec::new() });
        }
        if let (Some(job), Some(path)) = (jobs.last_mut(), row.try_get(3)?) {
            job.paths.push(path);
        }
    }
    Ok(jobs)
}

/// A number of rows, as a parameter.
pub(super) fn limit(most: usize) -> i64 {
    i64::try_from(most).unwrap_or(i64::MAX)
}

/// A job's images, the result first.
pub(super) async fn images(db: Db<'_>, seq: JobSeq) -> Result<Vec<PublishedImage>> {
    let query = format!("SELECT {IMAGE_COLUMNS} FROM tryon.images WHERE job = $1 ORDER BY image");
    db.rows(&query, args![seq.0]).await?.iter().map(read_image).collect()
}

/// A finished job's images, if they are those of a task.
pub(super) async fn images_of(db: Db<'_>, seq: JobSeq, task_id: &TaskId) -> Result<Vec<PublishedImage>> {
    let query = format!(
        "SELECT {IMAGE_COLUMNS} FROM tryon.images WHERE job = $1
            AND EXISTS (SELECT 1 FROM tryon.jobs j JOIN tryon.attempts a ON a.job = j.seq AND a.attempt = j.attempt
                         WHERE j.seq = $1 AND j.state = 'succeeded' AND a.task_id = $2)
          ORDER BY image"
    );
    db.rows(&query, args![seq.0, task_id.0]).await?.iter().map(read_image).collect()
}

/// One job by its id.
pub(super) async fn job(db: Db<'_>, id: &str) -> Result<JobRecord> {
    let query = format!("SELECT {JOB_COLUMNS} FROM {JOB_TABLES} WHERE j.id_key = $1 AND j.id = $2");
    let row = db.row(&query, args![id_key(id), id]).await?;
    let job = row.map(|row| FullJob::read(&row)).transpose()?;
    job.map(|job| job.record).ok_or_else(|| QueueError::NoSuchJob(id.to_owned()))
}

/// Every attempt made for a job, the first one first.
pub(super) async fn attempts(db: Db<'_>, seq: JobSeq) -> Result<Vec<AttemptRecord>> {
    let query = format!("SELECT {ATTEMPT_COLUMNS} FROM tryon.attempts t WHERE t.job = $1 ORDER BY t.attempt");
    db.rows(&query, args![seq.0]).await?.iter().map(read_attempt).collect()
}

/// Whether a job other than `owner` is named by this id, in the sense of [`crate::job::JobId::key`].
pub(super) async fn is_taken_by_other(db: Db<'_>, id: &str, owner: JobSeq) -> Result<bool> {
    let query = "SELECT EXISTS (SELECT 1 FROM tryon.jobs WHERE id_key = $1 AND seq <> $2)
                     OR EXISTS (SELECT 1 FROM tryon.images WHERE path_key = $1 AND job <> $2)";
    Ok(db.one(query, args![id_key(id), owner.0]).await?.try_get(0)?)
}

/// How many jobs wait for a duplicate that is under way.
pub(super) async fn held_back(db: Db<'_>) -> Result<u64> {
    let row = db.one("SELECT count(*) FROM tryon.jobs WHERE waits_for IS NOT NULL", args![]).await?;
    whole(&row, 0)
}
