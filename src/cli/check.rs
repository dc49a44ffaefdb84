//! `tryon check`: would these manifests load, and what would they take and cost.

use std::path::PathBuf;
use std::time::Duration;

use crate::exit_code::ExitCode;
use crate::queue::Queue;
use crate::settings::{Door, Options, Settings, keys};
use crate::wording::{self, counted, thousands};

use super::estimate::{self, Lines, REPEATS_NAMED, Reckoning};
use super::load::{load, println, sentence};
use super::{Console, Failure, run};

/// How long the account is waited for.
const ACCOUNT_PATIENCE: Duration = Duration::from_secs(15);

/// `tryon check MANIFEST…`. The rows go through a queue in a temporary folder, so that what is checked is what
/// would be loaded. Nobody is called, but with `--account`.
pub(super) async fn command(
    manifests: &[PathBuf],
    options: &Options,
    asks_account: bool,
    console: &Console,
) -> Result<ExitCode, Failure> {
    let settings = Settings::resolve(options)?;
    let provider = match (asks_account, settings.provider) {
        (false, _) => None,
        (true, Door::Kling) => Some(run::door(&settings, keys(Door::Kling)?, None)?.provider),
        (true, Door::Dmxapi) => {
            return Err(Failure::usage(
                "--account: only Kling's own door tells what an account holds; add --provider kling if you have one there",
            ));
        }
    };
    let machine = |error: std::io::Error| Failure::machine(format!("no temporary folder: {error}"));
    let folder = tempfile::tempdir().map_err(machine)?;
    let queue = Queue::open(&folder.path().join("queue.db"))?;
    let tally = load(&queue, manifests, &settings, None, console.clone()).await?;
    println(&sentence(&tally))?;
    let (tasks, mut lines) = lines(&queue, &settings)?;
    if let Some(provider) = provider {
        lines.extend(estimate::account(&provider, tasks, ACCOUNT_PATIENCE).await);
    }
    println(&format!("\n{}", estimate::printed(&lines, wording::columns())))?;
    Ok(ExitCode::Ok)
}

/// How many tasks there are to pay for, and everything that is said about them.
fn lines(queue: &Queue, settings: &Settings) -> Result<(u64, Lines), Failure> {
    let work = queue.reader()?.workload(&settings.model, REPEATS_NAMED)?;
    let people = if work.humans == 1 { "1 person".to_owned() } else { format!("{} people", thousands(work.humans)) };
    let mut lines =
        vec![("images", format!("{}, from {people} and {}", thousands(work.jobs), counted(work.cloths, "garment")))];
    let repeats = estimate::repeats(work.jobs, work.distinct_pairs, &work.repeats, settings.dedupe);
    lines.extend(repeats.map(|text| ("pairs", text)));
    let tasks = if settings.dedupe { work.distinct_pairs } else { work.jobs };
    lines.push(("tasks", format!("{} to pay for", thousands(tasks))));
    lines.extend(Reckoning::by(settings).lines(tasks));
    Ok((tasks, lines))
}
