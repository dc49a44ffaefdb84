//! `tryon check`: would these manifests load, and what would they cost.

use std::path::PathBuf;
use std::time::Duration;

use crate::exit_code::ExitCode;
use crate::queue::Queue;
use crate::settings::{Options, Settings};

use super::load::{load, println, sentence};
use super::{Console, Failure};

/// How long a generation takes by the provider's own word (`api.md`, "Query one task").
const TYPICAL_TASK: Duration = Duration::from_secs(30);

/// `tryon check MANIFEST…`. The rows go through a queue in a temporary folder, so that what is checked is what
/// would be loaded.
pub(super) async fn command(manifests: &[PathBuf], options: &Options, console: &Console) -> Result<ExitCode, Failure> {
    let settings = Settings::resolve(options)?;
    let machine = |error: std::io::Error| Failure::machine(format!("no temporary folder: {error}"));
    let folder = tempfile::tempdir().map_err(machine)?;
    let queue = Queue::open(&folder.path().join("queue.db"))?;
    let tally = load(&queue, manifests, &settings.model, settings.skip_invalid, None, console.clone()).await?;
    let work = queue.reader()?.workload()?;
    println(&sentence(&tally))?;
    println(&format!(
        "{} images to make: {} distinct pairs of {} people and {} garments",
        work.jobs, work.distinct_pairs, work.humans, work.cloths
    ))?;
    if work.jobs > work.distinct_pairs {
        let same = work.jobs - work.distinct_pairs;
        println(&format!("{same} of them repeat a pair under another id, and would be made and paid for again"))?;
    }
    let slots = settings.concurrency.get() as u64;
    let seconds = work.jobs.div_ceil(slots).saturating_mul(TYPICAL_TASK.as_secs());
    println(&format!(
        "about {} tasks to pay for, and {} at {slots} in flight and {} s each",
        work.jobs,
        span(seconds),
        TYPICAL_TASK.as_secs()
    ))?;
    Ok(ExitCode::Ok)
}

/// A length of time in the two units that matter.
fn span(seconds: u64) -> String {
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3_600 => format!("{} min", seconds.div_ceil(60)),
        3_600..172_800 => format!("{} h {:02} min", seconds / 3_600, seconds % 3_600 / 60),
        _ => format!("{} days {} h", seconds / 86_400, seconds % 86_400 / 3_600),
    }
}
