//! `tryon queue copy`: a queue with its history to another place.

use std::path::{Path, PathBuf};

use crate::exit_code::ExitCode;
use crate::queue::{self, CopyError, Location};
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
    let Verb::Copy(args) = &args.verb;
    let from = location("--from", &args.from)?;
    let to = location("--to", &args.to)?;
    let inputs = args.inputs.as_ref().or(file.inputs.as_ref());
    let output = from.as_file().and_then(output_of);
    let copied = queue::copy(&from, &to, inputs.map(PathBuf::as_path), output.as_deref()).await?;
    println(&format!(
        "{to}: {}, {}, {} and {} copied\nfrom now on run this one only: {from} is as it was, and what both submit is paid twice",
        counted(copied.jobs, "job"),
        counted(copied.attempts, "attempt"),
        counted(copied.images, "image"),
        counted(copied.runs, "run"),
    ))?;
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
