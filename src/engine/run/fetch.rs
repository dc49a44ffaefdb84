//! The last part of a job's way: download, check, publish, record. Nothing of it is ever paid for again.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::job::{Failure, FailureKind, TaskId, Transition};
use crate::provider::{FetchError, ResultImage, TaskReport, TaskStatus};
use crate::queue::{ActiveJob, Note, PublishedImage};
use crate::store::{Landed, OutputError};

use crate::engine::account::backoff::Backoff;
use crate::engine::account::gate::{Lane, Pass};
use crate::engine::account::watcher::Ended;
use crate::engine::deliver::landing::{Judge, Landing, LandingError, name_of};
use crate::engine::deliver::share;
use crate::engine::error::RunError;
use crate::engine::event::Fact;
use crate::engine::run::context::Context;
use crate::engine::run::step::Step;

/// A host that is out is waited for this long; then the job fails, and a retry pays nothing. Without a bound one
/// picture that its host cannot deliver would keep a run alive for ever.
const LONGEST_WAIT: Duration = Duration::from_secs(6 * 3_600);

/// Why one try did not bring the images.
enum TryError {
    /// The run is over, or an interruption came.
    RunEnds,
    /// Nobody has said in time what became of the task; the next run asks again.
    NoWord,
    /// Worth another try. `counts` says whether it is one of the tries that a job has.
    Again { why: String, counts: bool, fresh_links: bool },
    /// No further try helps.
    Final(Failure),
    /// The machine failed.
    Machine(RunError),
}

/// Fetches the images of a task that has succeeded. `report` is the task as the watcher saw it, if it was in this
/// run; its links are fresh then.
pub(crate) async fn fetch(
    ctx: &Context,
    job: &ActiveJob,
    task_id: TaskId,
    mut report: Option<TaskReport>,
) -> Result<Step, RunError> {
    if let Some(images) = share::copy(ctx.queue.as_ref(), &ctx.tree, job, &task_id).await? {
        return published(ctx, job, images).await;
    }
    let mut tries = 0;
    let mut hitches = 0;
    let began = Instant::now();
    loop {
        let hitch = match attempt(ctx, job, &task_id, &mut report).await {
            Ok(images) => return published(ctx, job, images).await,
            Err(hitch) => hitch,
        };
        match hitch {
            TryError::RunEnds => return Ok(Step::Leave),
            TryError::NoWord => {
                ctx.park(job);
                ctx.tell(Fact::Parked { id: job.spec.id.clone(), task_id });
                return Ok(Step::Leave);
            }
            TryError::Machine(error) => return Err(error),
            TryError::Final(failure) => return failed(ctx, job, failure).await,
            TryError::Again { why, counts, fresh_links } => {
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
                    biased;
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
    let path = images.first().map(|image| ctx.tree.place_of(&image.path)).unwrap_or_default();
    // A job that is made again may have had its image under another extension.
    let before = if job.attempt > 1 { ctx.queue.images(job.seq).await? } else { Vec::new() };
    let outdated: Vec<String> =
        before.into_iter().map(|image| image.path).filter(|old| images.iter().all(|new| new.path != *old)).collect();
    let state = ctx.queue.publish(job.seq, job.attempt, images, ctx.now()).await?;
    if job.shares.is_none() {
        ctx.account.tally.made_image();
    }
    for path in outdated {
        ctx.tree.remove(&path, job.seq).await;
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
) -> Result<Vec<PublishedImage>, TryError> {
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
async fn fresh_report(ctx: &Context, task_id: &TaskId) -> Result<TaskReport, TryError> {
    let gone = |why: &str| TryError::Final(Failure::of(FailureKind::Download, why));
    let ended = tokio::select! {
        biased;
        ended = tokio::time::timeout(ctx.settings.task_timeout, ctx.account.watcher.look_up(task_id.clone())) => ended,
        () = ctx.shutdown.cancelled() => return Err(TryError::RunEnds),
    };
    let Ok(ended) = ended else { return Err(TryError::NoWord) };
    match ended {
        None | Some(Ended::Stopped) => Err(TryError::RunEnds),
        Some(Ended::Unknown) => Err(gone(
            "the provider does not know the task any more, so its image is lost; retry --again has it made anew",
        )),
        Some(Ended::Task { report, .. }) if report.status == TaskStatus::Succeeded && !report.images.is_empty() => {
            Ok(*report)
        }
        Some(Ended::Task { .. }) => {
            Err(gone("the provider does not offer the task's image any more; retry --again has it made anew"))
        }
    }
}

async fn one_image(ctx: &Context, job: &ActiveJob, position: u32, url: &str) -> Result<PublishedImage, TryError> {
    let permit = tokio::select! {
        biased;
        permit = ctx.downloads.acquire() => permit,
        () = ctx.shutdown.cancelled() => return Err(TryError::RunEnds),
    };
    let pass = tokio::select! {
        biased;
        pass = ctx.account.gate.pass(Lane::Download) => pass.map_err(|_| TryError::RunEnds)?,
        () = ctx.shutdown.cancelled() => return Err(TryError::RunEnds),
    };
    let landing = Landing::new(ctx.tree.clone(), job.spec.id.clone(), job.seq, position);
    let landing = match download(ctx, url, landing).await {
        Ok(landing) => {
            pass.worked();
            landing
        }
        Err(Broken::Download(error)) => return Err(download_hitch(&error, pass)),
        Err(Broken::Landing(error)) => return Err(landing_hitch(error)),
    };
    let name = name_of(ctx.queue.as_ref(), job, position).await.map_err(TryError::Machine)?;
    let settled = landing.settle(name, Judge::of(job, Arc::clone(&ctx.people), ctx.settings.min_result_px)).await;
    let (image, landed) = settled.map_err(landing_hitch)?;
    arrive(ctx, job, &landed).await?;
    drop(permit);
    Ok(image)
}

/// Sees an image into its place. A bucket that is away is waited for, image in hand, as long as
/// [`Patience::bucket`](crate::engine::settings::Patience) says; downloads wait behind it, since this one keeps its permit.
/// Then the run ends; the image is fetched by the next one.
async fn arrive(ctx: &Context, job: &ActiveJob, landed: &Landed) -> Result<(), TryError> {
    let began = Instant::now();
    let mut failures = 0;
    loop {
        let error = match landed.arrive().await {
            Ok(()) => return Ok(()),
            Err(error @ (OutputError::Away { .. } | OutputError::Refused { .. }))
                if began.elapsed() < ctx.settings.patience.bucket =>
            {
                error
            }
            Err(error) => return Err(landing_hitch(error.into())),
        };
        failures += 1;
        let after = Backoff::OUTAGE.jittered(failures);
        ctx.tell(Fact::DownloadRetried { id: job.spec.id.clone(), why: error.to_string(), after });
        tokio::select! {
            biased;
            () = ctx.shutdown.cancelled() => return Err(TryError::RunEnds),
            () = tokio::time::sleep(after) => {}
        }
    }
}

/// What went wrong while an image arrived.
enum Broken {
    Download(FetchError),
    Landing(LandingError),
}

async fn download(ctx: &Context, url: &str, mut landing: Landing) -> Result<Landing, Broken> {
    let mut download = ctx.results.fetch(url).await.map_err(Broken::Download)?;
    while let Some(piece) = download.piece().await.map_err(Broken::Download)? {
        landing = landing.take(&piece).await.map_err(Broken::Landing)?;
    }
    Ok(landing)
}

fn download_hitch(error: &FetchError, pass: Pass) -> TryError {
    let why = format!("could not download the image: {error}");
    match error {
        // The host answers; what is wrong is wrong with this picture.
        FetchError::Gone(_) | FetchError::BrokeOff(_) => {
            pass.worked();
            TryError::Again { why, counts: true, fresh_links: true }
        }
        FetchError::TooLarge => {
            pass.worked();
            TryError::Final(Failure::of(FailureKind::Download, &why))
        }
        // Trouble of the host as a whole is waited out, and held against no job.
        FetchError::Status(_) | FetchError::Unreached(_) => {
            let is_outage = pass.failed(&why, true);
            TryError::Again { why, counts: !is_outage, fresh_links: true }
        }
    }
}

fn landing_hitch(error: LandingError) -> TryError {
    match error {
        LandingError::Output(
            error @ (OutputError::Machine { .. } | OutputError::Away { .. } | OutputError::Refused { .. }),
        ) => TryError::Machine(error.into()),
        LandingError::Output(error @ (OutputError::LeavesTree(_) | OutputError::InTheWay { .. })) => {
            TryError::Final(Failure::of(FailureKind::Download, &error.to_string()))
        }
        LandingError::Broken(_) => TryError::Again { why: error.to_string(), counts: true, fresh_links: true },
        // The same picture would break the next run as well.
        LandingError::Bug(error) if error.is_panic() => {
            let why = "the result breaks the program that looks at it; please report this";
            TryError::Final(Failure::of(FailureKind::Download, why))
        }
        LandingError::Bug(error) => TryError::Machine(RunError::Bug(error.to_string())),
    }
}
