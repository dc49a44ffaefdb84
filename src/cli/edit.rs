//! `tryon retry` and `tryon cancel`: a person's word about jobs, also while a run is going on.

use std::path::PathBuf;

use clap::Args;

use crate::exit_code::ExitCode;
use crate::job::StateName;
use crate::ops::adopt;
use crate::ops::cancel::{self, Cancelled};
use crate::ops::retry::{self, PutBack};
use crate::queue::{self, Opening, ProviderKind, Queue, QueueError};
use crate::settings::{Options, Settings};
use crate::view::wording::counted;

use super::id_list::{ByIds, ListedIds, read_ids};
use super::load::println;
use super::{Failure, Place, changed};

/// Which jobs to put back.
#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("which").required(true))]
pub(super) struct Retry {
    #[command(flatten)]
    jobs: ByIds,

    /// Every failed job; where only the download failed, only that is done again, and nothing is paid
    #[arg(long, group = "which")]
    failed: bool,

    /// Of the failed jobs only those that failed for this reason, as index.html words it; a code alone will do
    #[arg(long, value_name = "REASON", requires = "failed")]
    reason: Option<String>,

    /// Every job in doubt: it is submitted anew, and if the provider did make the first task, both are paid for
    #[arg(long, group = "which")]
    in_doubt: bool,

    /// With --again: every job whose result is flagged (blank, the person unchanged, …)
    #[arg(long, group = "which", requires = "again")]
    flagged: bool,

    /// With --again: every job whose result was rejected (`tryon review`)
    #[arg(long, group = "which", requires = "again")]
    rejected: bool,

    /// Every job whose result was made of a picture that has changed since: each is submitted and PAID FOR ONCE MORE;
    /// --dry-run says before what that costs
    #[arg(long, group = "which")]
    changed: bool,

    /// Folder that the pictures of a queue in PostgreSQL are relative to, for --changed
    #[arg(long, value_name = "DIR", env = "TRYON_INPUTS")]
    inputs: Option<PathBuf>,

    /// With --flagged, --rejected or --changed: say how many those are and what they would cost, and put nothing back
    #[arg(long)]
    dry_run: bool,

    /// Make jobs anew that have succeeded, or whose image could not be fetched: each is submitted and PAID FOR ONCE
    /// MORE, and its new image takes the place of the old one. Without this they are left as they are
    #[arg(long, conflicts_with_all = ["failed", "in_doubt"])]
    again: bool,
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
pub(super) async fn retry(what: &Retry, file: &Options, place: &Place) -> Result<ExitCode, Failure> {
    let queue = queue::open(&place.queue, Opening::Existing).await?;
    if let (true, Some(reason)) = (what.failed, &what.reason) {
        let ids = retry::ids_of_reason(&*queue, reason).await?;
        if ids.is_empty() {
            return Err(no_such_reason(reason, place));
        }
        return retry_list(&*queue, ListedIds { ids, replaced: Vec::new() }, false, place).await;
    }
    if what.failed || what.in_doubt {
        let state = if what.failed { StateName::Failed } else { StateName::InDoubt };
        let count = retry::put_back_all(&*queue, state).await?;
        println(&format!("{count} put back"))?;
        if count > 0 {
            say_how_to_go_on(&*queue, place).await?;
        }
        let rejected = queue.counts().await?.rejected;
        if what.failed && rejected > 0 {
            println(&format!(
                "{rejected} manifest rows were never loaded because they are not right; mend them and load the manifest again"
            ))?;
        }
        return Ok(ExitCode::Ok);
    }
    if what.changed {
        let of_place = Options { inputs: what.inputs.clone(), ..Options::default() }.or(file.clone());
        let settings = Settings::resolve(&of_place)?;
        let cost = async |images| cost_again(images, file, &*queue).await;
        let count = changed::retry(&settings, &*queue, cost, what.dry_run).await?;
        if count > 0 {
            say_how_to_go_on(&*queue, place).await?;
        }
        return Ok(ExitCode::Ok);
    }
    if what.flagged || what.rejected {
        return retry_results(what, file, &*queue, place).await;
    }
    if what.dry_run {
        return Err(Failure::usage(
            "--dry-run goes with --flagged, --rejected or --changed; what is put back by id is told one by one",
        ));
    }
    match &what.jobs.from {
        Some(list) => {
            let listed = read_ids(list, what.jobs.encoding(file), &*queue).await?;
            retry_list(&*queue, listed, what.again, place).await
        }
        None => retry_named(&*queue, &what.jobs.ids, what.again, place).await,
    }
}

/// Puts back results that are flagged or were rejected, and says before what they will cost.
async fn retry_results(what: &Retry, file: &Options, queue: &dyn Queue, place: &Place) -> Result<ExitCode, Failure> {
    let counts = queue.counts().await?;
    let (kind, count) = if what.flagged { ("flagged", counts.flagged) } else { ("rejected", counts.rejected_images) };
    if count > 0 {
        println(&format!("{} {kind}: {}", counted(count, "result"), cost_again(count, file, queue).await?))?;
    }
    if what.dry_run {
        println("nothing was put back (--dry-run)")?;
        return Ok(ExitCode::Ok);
    }
    let count =
        if what.flagged { retry::make_flagged_again(queue).await? } else { retry::make_rejected_again(queue).await? };
    println(&format!("{count} put back"))?;
    if count > 0 {
        println(&format!("  {count} made anew and paid for again"))?;
        say_how_to_go_on(queue, place).await?;
    }
    Ok(ExitCode::Ok)
}

/// What it costs to have that number of images made again, as far as that is known.
async fn cost_again(images: u64, file: &Options, queue: &dyn Queue) -> Result<String, Failure> {
    if queue.provider().await? == Some(ProviderKind::Sandbox) {
        return Ok("the sandbox makes them again, and takes nothing".to_owned());
    }
    let settings = Settings::resolve(file)?;
    Ok(format!("made again they cost {}; `run --budget N` bounds it", super::repeats::cost(images, &settings)))
}

/// A run that is going on takes up what was put back; where there is none, it takes a command, of the kind that this
/// queue is worked by.
async fn say_how_to_go_on(queue: &dyn Queue, place: &Place) -> Result<(), Failure> {
    println(&format!("a run takes up what was put back: {}", place.run_again(queue).await?))
}

/// Puts back the jobs that were typed, and tells of each.
async fn retry_named(queue: &dyn Queue, ids: &[String], again: bool, place: &Place) -> Result<ExitCode, Failure> {
    let mut outcome = Ok(ExitCode::Ok);
    let mut refused = 0;
    for id in ids {
        match retry::put_back(queue, id.clone(), again).await {
            Ok(PutBack::Fetched) => println(&format!("{id}: its image is downloaded again, nothing is paid"))?,
            Ok(PutBack::Waits) => println(&format!("{id}: put back"))?,
            Ok(PutBack::PaidAgain) => println(&format!("{id}: put back; it is made anew and paid for again"))?,
            Err(error) => {
                refused += 1;
                outcome = keep_going(outcome, error)?;
            }
        }
    }
    if refused < ids.len() {
        say_how_to_go_on(queue, place).await?;
    }
    outcome
}

/// Puts back the jobs of a list, and tells how many.
async fn retry_list(queue: &dyn Queue, listed: ListedIds, again: bool, place: &Place) -> Result<ExitCode, Failure> {
    /// How many errors are told one by one.
    const MOST_TOLD: usize = 10;

    let list = retry::put_back_list(queue, listed.ids, again).await?;
    println(&format!("{} put back", list.put_back.len()))?;
    for (count, what) in [
        (list.count(PutBack::Fetched), "only downloaded again, nothing is paid"),
        (list.count(PutBack::PaidAgain), "made anew and paid for again"),
    ] {
        if count > 0 {
            println(&format!("  {count} {what}"))?;
        }
    }
    if !list.put_back.is_empty() {
        say_how_to_go_on(queue, place).await?;
    }
    let mut refused: Vec<String> = listed.replaced.iter().chain(&list.refused).map(ToString::to_string).collect();
    if refused.is_empty() {
        return Ok(ExitCode::Ok);
    }
    let further = refused.len().saturating_sub(MOST_TOLD);
    refused.truncate(MOST_TOLD);
    if further > 0 {
        refused.push(format!("and {further} more"));
    }
    Err(Failure::usage(refused.join("\nerror: ")))
}

fn no_such_reason(reason: &str, place: &Place) -> Failure {
    Failure::usage(format!(
        "no job has failed for the reason `{reason}`; `{}` shows the reasons",
        place.command("list --state failed")
    ))
}

/// `tryon adopt ID TASK_ID`.
pub(super) async fn adopt(what: &Adopt, place: &Place) -> Result<ExitCode, Failure> {
    let (id, task) = (&what.id, adopt::task_id(&what.task_id)?);
    let queue = queue::open(&place.queue, Opening::Existing).await?;
    let said = format!("{id}: is task {}; a run collects it", task.0);
    adopt::adopt(&*queue, id, task).await?;
    println(&said)?;
    Ok(ExitCode::Ok)
}

/// `tryon cancel`.
pub(super) async fn cancel(what: &Cancel, place: &Place) -> Result<ExitCode, Failure> {
    let queue = queue::open(&place.queue, Opening::Existing).await?;
    if what.pending {
        let count = cancel::cancel_pending(&*queue).await?;
        println(&format!("{count} cancelled"))?;
        return Ok(ExitCode::Ok);
    }
    let mut outcome = Ok(ExitCode::Ok);
    for id in &what.ids {
        match cancel::cancel(&*queue, id).await {
            Ok(Cancelled::ImageGivenUp) => println(&format!(
                "{id}: cancelled; its image is given up, and a retry would have another one made and paid for"
            ))?,
            Ok(Cancelled::Waited) => println(&format!("{id}: cancelled"))?,
            Err(error) => outcome = keep_going(outcome, error)?,
        }
    }
    outcome
}

/// One id that cannot be changed does not keep the others from it; its reason is told at the end.
fn keep_going(before: Result<ExitCode, Failure>, error: QueueError) -> Result<Result<ExitCode, Failure>, Failure> {
    let failure = Failure::from(error);
    if failure.code != ExitCode::Usage {
        return Err(failure);
    }
    Ok(Err(match before {
        Ok(_) => failure,
        Err(before) => Failure { message: format!("{}\nerror: {}", before.message, failure.message), ..before },
    }))
}
