//! `tryon retry` and `tryon cancel`: a person's word about jobs, also while a run is going on.

use clap::Args;
use jiff::Timestamp;

use crate::exit_code::ExitCode;
use crate::job::{JobState, StateName, TaskId};
use crate::queue::Queue;

use super::load::println;
use super::{Failure, Place};

/// Which jobs to put back.
#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("which").required(true))]
pub(super) struct Retry {
    /// The jobs' ids
    #[arg(value_name = "ID", group = "which")]
    ids: Vec<String>,

    /// Every failed job; where only the download failed, only that is done again, and nothing is paid
    #[arg(long, group = "which")]
    failed: bool,

    /// Every job in doubt: it is submitted anew, and if the provider did make the first task, both are paid for
    #[arg(long, group = "which")]
    in_doubt: bool,
}

/// Which jobs to take out.
#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("which").required(true))]
pub(super) struct Cancel {
    /// The jobs' ids
    #[arg(value_name = "ID", group = "which")]
    ids: Vec<String>,

    /// Every job that waits
    #[arg(long, group = "which")]
    pending: bool,
}

/// Which job became which task.
#[derive(Debug, Args)]
pub(super) struct Adopt {
    /// The job's id
    id: String,

    /// The provider's task id
    task_id: String,
}

/// `tryon retry`.
pub(super) async fn retry(what: &Retry, place: &Place) -> Result<ExitCode, Failure> {
    let queue = Queue::open_existing(&place.queue)?;
    let now = Timestamp::now();
    if what.failed || what.in_doubt {
        let state = if what.failed { StateName::Failed } else { StateName::InDoubt };
        let count = queue.retry_all(state, now).await?;
        println(&format!("{count} put back"))?;
        let rejected = queue.reader()?.counts()?.rejected;
        if what.failed && rejected > 0 {
            println(&format!(
                "{rejected} manifest rows were never loaded because they are not right; mend them and load the manifest again"
            ))?;
        }
        return Ok(ExitCode::Ok);
    }
    let mut outcome = Ok(ExitCode::Ok);
    for id in &what.ids {
        match queue.retry(id.clone(), now).await {
            Ok(JobState::Downloading { .. }) => {
                println(&format!("{id}: its image is downloaded again, nothing is paid"))?;
            }
            Ok(_) => println(&format!("{id}: put back"))?,
            Err(error) => outcome = keep_going(outcome, error)?,
        }
    }
    outcome
}

/// `tryon adopt ID TASK_ID`.
pub(super) async fn adopt(what: &Adopt, place: &Place) -> Result<ExitCode, Failure> {
    let (id, task_id) = (&what.id, what.task_id.trim());
    if task_id.is_empty() || task_id.len() > 256 || task_id.chars().any(char::is_control) {
        return Err(Failure::usage("TASK_ID: this is no task id; copy it from the provider's console"));
    }
    let queue = Queue::open_existing(&place.queue)?;
    queue.adopt(id.to_owned(), TaskId(task_id.to_owned()), Timestamp::now()).await?;
    println(&format!("{id}: is task {task_id}; a run collects it"))?;
    Ok(ExitCode::Ok)
}

/// `tryon cancel`.
pub(super) async fn cancel(what: &Cancel, place: &Place) -> Result<ExitCode, Failure> {
    let queue = Queue::open_existing(&place.queue)?;
    let now = Timestamp::now();
    if what.pending {
        let count = queue.cancel_pending(now).await?;
        println(&format!("{count} cancelled"))?;
        return Ok(ExitCode::Ok);
    }
    let mut outcome = Ok(ExitCode::Ok);
    for id in &what.ids {
        match queue.cancel(id.clone(), now).await {
            Ok(_) => println(&format!("{id}: cancelled"))?,
            Err(error) => outcome = keep_going(outcome, error)?,
        }
    }
    outcome
}

/// One id that cannot be changed does not keep the others from it; its reason is told at the end.
fn keep_going(
    before: Result<ExitCode, Failure>,
    error: crate::queue::QueueError,
) -> Result<Result<ExitCode, Failure>, Failure> {
    let failure = Failure::from(error);
    if failure.code != ExitCode::Usage {
        return Err(failure);
    }
    Ok(Err(match before {
        Ok(_) => failure,
        Err(before) => Failure { message: format!("{}\n{}", before.message, failure.message), ..before },
    }))
}
