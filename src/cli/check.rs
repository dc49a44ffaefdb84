//! `tryon check`: would these manifests load, and what would they cost.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use crate::exit_code::ExitCode;
use crate::progress::wording::{counted, span, thousands};
use crate::queue::Queue;
use crate::settings::{Options, Settings};

use super::load::{load, println, sentence};
use super::{Console, Failure};

/// How long a generation takes by the provider's own word (`api.md`, "Query one task").
const TYPICAL_TASK: Duration = Duration::from_secs(30);

/// What is reckoned with where the number of slots is to be found out.
const SLOTS_WHEN_AUTO: usize = 5;

/// `tryon check MANIFEST…`. The rows go through a queue in a temporary folder, so that what is checked is what
/// would be loaded.
pub(super) async fn command(manifests: &[PathBuf], options: &Options, console: &Console) -> Result<ExitCode, Failure> {
    let settings = Settings::resolve(options)?;
    let machine = |error: std::io::Error| Failure::machine(format!("no temporary folder: {error}"));
    let folder = tempfile::tempdir().map_err(machine)?;
    let queue = Queue::open(&folder.path().join("queue.db"))?;
    let tally = load(&queue, manifests, &settings, None, console.clone()).await?;
    let work = queue.reader()?.workload()?;
    println(&sentence(&tally))?;
    let people = if work.humans == 1 { "1 person".to_owned() } else { format!("{} people", thousands(work.humans)) };
    println(&format!(
        "{} to make, from {people} and {}",
        counted(work.jobs, "image"),
        counted(work.cloths, "garment")
    ))?;
    if work.jobs > work.distinct_pairs {
        let same = work.jobs - work.distinct_pairs;
        let repeats = if same == 1 { "1 repeats" } else { &format!("{} repeat", thousands(same)) };
        println(&format!("of these, {repeats} a pair that has another id, and would be made and paid for again"))?;
    }
    let slots = settings.concurrency.fixed().map_or(SLOTS_WHEN_AUTO, NonZeroUsize::get) as u64;
    let seconds = work.jobs.div_ceil(slots).saturating_mul(TYPICAL_TASK.as_secs());
    println(&format!(
        "{} to pay for, taking about {} at {slots} in flight and {} s each",
        counted(work.jobs, "task"),
        span(Duration::from_secs(seconds)),
        TYPICAL_TASK.as_secs()
    ))?;
    Ok(ExitCode::Ok)
}
