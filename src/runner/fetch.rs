//! The last part of a job's way: download, check, publish, record. Nothing of it is ever paid for again.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::time::Duration;

use jiff::Timestamp;
use sha2::{Digest, Sha256};
use tokio::time::Instant;

use crate::job::{Failure, FailureKind, TaskId, Transition};
use crate::output::{OutputError, Staged};
use crate::picture::{BrokenPicture, VerifiedPicture, verify_result};
use crate::provider::{FetchError, ResultImage, TaskReport, TaskStatus};
use crate::queue::{ActiveJob, Note, PublishedImage};

use super::context::{Context, RunError};
use super::event::Fact;
use super::gate::Lane;
use super::retry::Backoff;
use super::watcher::Ended;
use super::worker::Step;

/// A host that is out is waited for this long; then the job fails, and a retry pays nothing. Without a bound one
/// picture that its host cannot deliver would keep a run alive for ever.
const LONGEST_WAIT: Duration = Duration::from_secs(6 * 3_600);

/// Why one try did not bring the images.
enum Hitch {
    /// The run is over, or an interruption came.
    RunEnds,
    /// Worth another try. `counts` says whether it is one of the tries that a job has.
    Again { why: String, counts: bool, fresh_links: bool },
    /// No further try helps.
    Final(Failure),
    /// The machine failed.
    Machine(RunError),
}

/// Fetches the images of a task that has succeeded. `report` is the task as the watcher saw it, if it was in this
/// run; its links are fresh then.
pub(super) async fn fetch(
    ctx: &Context,
    job: &ActiveJob,
    task_id: TaskId,
    mut report: Option<TaskReport>,
) -> Result<Step, RunError> {
    let mut tries = 0;
    let mut hitches = 0;
    let began = Instant::now();
    loop {
        let hitch = match attempt(ctx, job, &task_id, &mut report).await {
            Ok(images) => return published(ctx, job, images).await,
            Err(hitch) => hitch,
        };
        match hitch {
            Hitch::RunEnds => return Ok(Step::Leave),
            Hitch::Machine(error) => return Err(error),
            Hitch::Final(failure) => return failed(ctx, job, failure).await,
            Hitch::Again { why, counts, fresh_links } => {
                tries += u32::from(counts);
                hitches += 1;
                if tries >= ctx.settings.max_attempts || began.elapsed() >= LONGEST_WAIT {
                    return failed(ctx, job, Failure::of(FailureKind::Download, &why)).await;
                }
                if fresh_links {
                    report = None;
                }
                let after = Backoff::OUTAGE.jittered(hitches);
                ctx.tell(Fact::DownloadRetried { id: job.spec.id.clone(), why, after });
                tokio::select! {
                    () = tokio::time::sleep(after) => {}
                    () = ctx.shutdown.cancelled() => return Ok(Step::Leave),
                }
            }
        }
    }
}

async fn failed(ctx: &Context, job: &ActiveJob, failure: Failure) -> Result<Step, RunError> {
    let note = Note::of(failure.message.clone());
    ctx.fail(job, Transition::DownloadFail { failure: failure.clone() }, note, failure).await.map(Step::Now)
}

async fn published(ctx: &Context, job: &ActiveJob, images: Vec<PublishedImage>) -> Result<Step, RunError> {
    let path = images.first().map(|image| ctx.tree.root().join(&image.path)).unwrap_or_default();
    // A job that is made anew may have had its image under another extension.
    let before = if job.attempt > 1 { ctx.queue.reader()?.image_paths(job.seq)? } else { Vec::new() };
    let outdated: Vec<String> = before.into_iter().filter(|old| images.iter().all(|new| new.path != *old)).collect();
    let state = ctx.queue.publish(job.seq, job.attempt, images, Timestamp::now()).await?;
    for path in outdated {
        ctx.tree.remove(&path);
    }
    ctx.tell(Fact::Succeeded { id: job.spec.id.clone(), path });
    Ok(Step::Now(state))
}

/// One try for all images of a task.
async fn attempt(
    ctx: &Context,
    job: &ActiveJob,
    task_id: &TaskId,
    report: &mut Option<TaskReport>,
) -> Result<Vec<PublishedImage>, Hitch> {
    if report.is_none() {
        *report = Some(fresh_report(ctx, task_id).await?);
    }
    let links: Vec<ResultImage> = report.as_ref().map(|report| report.images.clone()).unwrap_or_default();
    let mut images = Vec::new();
    for (position, link) in (0_u32..).zip(&links) {
        images.push(one_image(ctx, job, position, &link.url).await?);
    }
    Ok(images)
}

/// Asks the provider for the task again, for links that live.
async fn fresh_report(ctx: &Context, task_id: &TaskId) -> Result<TaskReport, Hitch> {
    let gone = |why: &str| Hitch::Final(Failure::of(FailureKind::Download, why));
    let ended = tokio::select! {
        ended = ctx.watcher.look_up(task_id.clone()) => ended,
        () = ctx.shutdown.cancelled() => return Err(Hitch::RunEnds),
    };
    match ended {
        None | Some(Ended::Stopped) => Err(Hitch::RunEnds),
        Some(Ended::Unknown) => Err(gone("the provider does not know the task any more, so its image is lost")),
        Some(Ended::Task { report, .. }) if report.status == TaskStatus::Succeeded && !report.images.is_empty() => {
            Ok(*report)
        }
        Some(Ended::Task { .. }) => Err(gone("the provider does not offer the task's image any more")),
    }
}

async fn one_image(ctx: &Context, job: &ActiveJob, position: u32, url: &str) -> Result<PublishedImage, Hitch> {
    let permit = tokio::select! {
        permit = ctx.downloads.acquire() => permit,
        () = ctx.shutdown.cancelled() => return Err(Hitch::RunEnds),
    };
    let pass = tokio::select! {
        pass = ctx.gate.pass(Lane::Download) => pass.map_err(|_| Hitch::RunEnds)?,
        () = ctx.shutdown.cancelled() => return Err(Hitch::RunEnds),
    };
    // Opened only now: while a host is out, thousands of jobs may wait here.
    let (mut staged, file) = stage(ctx, job, position)?;
    let mut file = tokio::fs::File::from_std(file);
    let bytes = match ctx.results.fetch(url, &mut file).await {
        Ok(bytes) => {
            pass.worked();
            bytes
        }
        Err(error) => {
            let why = format!("could not download the image: {error}");
            return Err(match error {
                FetchError::Write(source) => {
                    Hitch::Machine(OutputError::Machine { path: staged.path().to_owned(), source }.into())
                }
                // The host answers; what is wrong is wrong with this picture.
                FetchError::Gone(_) | FetchError::BrokeOff(_) => {
                    pass.worked();
                    Hitch::Again { why, counts: true, fresh_links: true }
                }
                FetchError::TooLarge => {
                    pass.worked();
                    Hitch::Final(Failure::of(FailureKind::Download, &why))
                }
                // Trouble of the host as a whole is waited out, and held against no job.
                FetchError::Status(_) | FetchError::Unreached(_) => {
                    let is_outage = pass.failed(&why, true);
                    Hitch::Again { why, counts: !is_outage, fresh_links: true }
                }
            });
        }
    };
    let file = file.into_std().await;
    let name = name_of(ctx, job, position)?;
    let tree = ctx.tree.clone();
    let finished = tokio::task::spawn_blocking(move || -> Result<PublishedImage, Hitch> {
        let mut file = file;
        let picture = verify_result(&mut file).map_err(|error| broken(&error, &mut staged))?;
        let sha256 = sha256_of(&mut file).map_err(|source| machine(&staged, source))?;
        let name = format!("{name}.{}", picture.format.extension());
        let path = tree.publish(staged, &file, &name).map_err(output_hitch)?;
        let VerifiedPicture { width, height, .. } = picture;
        Ok(PublishedImage { image: position, path, width, height, bytes, sha256 })
    })
    .await
    .map_err(|error| Hitch::Machine(RunError::Bug(error.to_string())))?;
    drop(permit);
    finished
}

fn stage(ctx: &Context, job: &ActiveJob, position: u32) -> Result<(Staged, File), Hitch> {
    ctx.tree.stage(&job.spec.id, job.seq, position).map_err(output_hitch)
}

/// The name of an image without extension: the id, and for further images a number that no other job uses.
fn name_of(ctx: &Context, job: &ActiveJob, position: u32) -> Result<String, Hitch> {
    let id = job.spec.id.as_str();
    if position == 0 {
        return Ok(id.to_owned());
    }
    let reader = ctx.queue.reader().map_err(|error| Hitch::Machine(error.into()))?;
    let mut name = format!("{id}_{position}");
    while reader.is_taken_by_other(&name, job.seq).map_err(|error| Hitch::Machine(error.into()))? {
        name.push('_');
    }
    Ok(name)
}

fn broken(error: &BrokenPicture, staged: &mut Staged) -> Hitch {
    match error {
        BrokenPicture::Unreadable(source) => machine(staged, std::io::Error::new(source.kind(), source.to_string())),
        _ => Hitch::Again { why: format!("the result {error}"), counts: true, fresh_links: true },
    }
}

fn machine(staged: &Staged, source: std::io::Error) -> Hitch {
    Hitch::Machine(OutputError::Machine { path: staged.path().to_owned(), source }.into())
}

fn output_hitch(error: OutputError) -> Hitch {
    match error {
        OutputError::Machine { .. } => Hitch::Machine(error.into()),
        OutputError::LeavesTree(_) | OutputError::InTheWay { .. } => {
            Hitch::Final(Failure::of(FailureKind::Download, &error.to_string()))
        }
    }
}

fn sha256_of(file: &mut File) -> std::io::Result<String> {
    file.seek(SeekFrom::Start(0))?;
    let mut hash = Sha256::new();
    let mut piece = vec![0; 64 * 1024];
    loop {
        match file.read(&mut piece)? {
            0 => return Ok(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()),
            read => hash.update(&piece[..read]),
        }
    }
}
