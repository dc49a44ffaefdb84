//! `tryon uploads`: what `--upload-to` has put into a bucket, removed when no job needs it any more.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::exit_code::ExitCode;
use crate::job::ObjectUrl;
use crate::ops::uploads::{NeededError, needed};
use crate::queue;
use crate::settings::{Options, Span};
use crate::store::{Bucket, Uploads};
use crate::view::wording::counted;

use super::load::println;
use super::{Failure, Place};

/// What is younger may belong to a request that is on its way.
const DEFAULT_AGE: Duration = Duration::from_secs(24 * 3_600);

/// What `uploads` is asked for.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct UploadsArgs {
    /// Remove the pictures that no job of the queue needs that is still to be made or being made
    #[arg(long, required = true)]
    pub prune: bool,
    /// Leave those that are younger [default: 24h]
    #[arg(long, value_name = "DUR")]
    pub older_than: Option<Span>,
    /// The bucket and prefix, as in `run` [default: upload-to of the settings]
    #[arg(long, value_name = "URL", env = "TRYON_UPLOAD_TO")]
    pub upload_to: Option<String>,
    /// The folder that pictures of a queue in PostgreSQL are relative to, as in `run`
    #[arg(long, value_name = "DIR", env = "TRYON_INPUTS")]
    pub inputs: Option<PathBuf>,
}

/// `tryon uploads --prune`.
pub(super) async fn command(args: &UploadsArgs, file: &Options, place: &Place) -> Result<ExitCode, Failure> {
    let Some(text) = args.upload_to.as_ref().or(file.upload_to.as_ref()) else {
        return Err(Failure::usage("name the bucket that pictures are uploaded to: --upload-to s3://bucket/prefix"));
    };
    let url = match ObjectUrl::of_path(Path::new(text)) {
        Some(url) => url.map_err(|error| Failure::usage(format!("--upload-to: {error}")))?,
        None => {
            return Err(Failure::usage(format!(
                "--upload-to: `{text}` is no bucket; write it like s3://bucket/prefix"
            )));
        }
    };
    let queue = queue::at(&place.queue).open_to_read().await?;
    if queue.is_at_work().await? {
        let why = "a run is at work on this queue, and may need what is removed; prune when it has ended".to_owned();
        return Err(Failure { code: ExitCode::Held, message: why });
    }
    let inputs = args.inputs.as_ref().or(file.inputs.as_ref());
    if inputs.is_none() && queue.has_relative_pictures().await? {
        return Err(Failure::usage(
            "jobs of this queue name local pictures: say where this host has them with --inputs DIR",
        ));
    }
    let needed = needed(&*queue, inputs.cloned()).await.map_err(|error| match error {
        NeededError::Queue(error) => error.into(),
        NeededError::Bucket(_) => Failure::usage(error),
        NeededError::Thread(error) => Failure::machine(error),
    })?;
    let age = args.older_than.map_or(DEFAULT_AGE, Span::duration);
    let pruned = Uploads::into_bucket(Bucket::of(url.clone())?).prune(&needed, age).await?;
    println(&format!("{url}: {} removed, {} kept", counted(pruned.removed, "picture"), pruned.kept))?;
    Ok(ExitCode::Ok)
}
