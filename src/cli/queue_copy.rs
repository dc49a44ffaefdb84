//! `tryon queue copy`: a queue with its history to another place.

use std::path::{Path, PathBuf};

use crate::exit_code::ExitCode;
use crate::queue::{self, CopyError, Location, Opening};
use crate::settings::Options;
use crate::view::wording::counted;

use super::Failure;
use super::load::println;
use super::place::DEFAULT_QUEUE;

/// What `queue` is asked for.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct QueueArgs {
    #[command(subcommand)]
    pub verb: Verb,
}

/// What can be done with a queue as a whole.
#[derive(Debug, Clone, clap::Subcommand)]
pub(super) enum Verb {
    /// Copy a queue with its history, what is in doubt included, to a place that has no jobs
    Copy(CopyArgs),
    /// Go on with a queue that was copied elsewhere; run one of the two only
    TakeBack {
        /// The queue's file, or its database: `postgres://user@host/database`
        #[arg(value_name = "FILE")]
        queue: PathBuf,
    },
}

/// What `queue copy` is asked for.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct CopyArgs {
    /// The queue's file, or its database: `postgres://user@host/database`
    #[arg(long, value_name = "FILE")]
    pub from: PathBuf,
    /// Where it is to be copied to
    #[arg(long, value_name = "FILE")]
    pub to: PathBuf,
    /// The folder that local pictures are relative to in a database
    #[arg(long, value_name = "DIR", env = "TRYON_INPUTS")]
    pub inputs: Option<PathBuf>,
}

/// `tryon queue copy --from A --to B`.
pub(super) async fn command(args: &QueueArgs, file: &Options) -> Result<ExitCode, Failure> {
    let args = match &args.verb {
        Verb::Copy(args) => args,
        Verb::TakeBack { queue } => return take_back(&location("FILE", queue)?).await,
    };
    let from = location("--from", &args.from)?;
    let to = location("--to", &args.to)?;
    let inputs = args.inputs.as_ref().or(file.inputs.as_ref());
    let output = from.as_file().and_then(output_of);
    let copied = queue::copy(&from, &to, inputs.map(PathBuf::as_path), output.as_deref()).await?;
    println(&format!(
        "{to}: {}, {}, {} and {} copied\nfrom now on this is the one that runs: at {from} runs and loads are refused, because what both submit would be paid twice",
        counted(copied.jobs, "job"),
        counted(copied.attempts, "attempt"),
        counted(copied.images, "image"),
        counted(copied.runs, "run"),
    ))?;
    Ok(ExitCode::Ok)
}

/// `tryon queue take-back FILE`.
async fn take_back(place: &Location) -> Result<ExitCode, Failure> {
    let queue = queue::open(place.clone(), Opening::Existing).await?;
    let said = match queue.moved_to().await? {
        Some(to) => {
            queue.mark_moved(None).await?;
            format!("{place} goes on: do not run {to} any more, what both submit is paid twice")
        }
        None => format!("{place} was copied nowhere, or was taken back before; nothing has changed"),
    };
    println(&said)?;
    Ok(ExitCode::Ok)
}

fn location(option: &str, text: &Path) -> Result<Location, Failure> {
    Location::parse(text.as_os_str()).map_err(|error| Failure::usage(format!("{option}: {error}")))
}

/// The output folder of a queue that is where a run puts it by itself: the database has to remember it.
fn output_of(queue: &Path) -> Option<String> {
    let path = std::path::absolute(queue).ok()?;
    let is_usual = path.file_name().is_some_and(|name| name == DEFAULT_QUEUE);
    path.parent().filter(|_| is_usual).map(|folder| folder.to_string_lossy().into_owned())
}

impl From<CopyError> for Failure {
    fn from(error: CopyError) -> Self {
        match error {
            CopyError::Queue(error) => error.into(),
            CopyError::HostOpen(_) => Self { code: ExitCode::Held, message: error.to_string() },
            CopyError::HasJobs(_)
            | CopyError::Same(_)
            | CopyError::NoFolder(_)
            | CopyError::Outside { .. }
            | CopyError::Folder { .. } => Self::usage(error),
        }
    }
}
