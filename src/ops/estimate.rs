//! What is going to be made, how long that takes and what it costs, before anything is spent.

use std::fmt::Write;
use std::time::{Duration, SystemTime};

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::job::{AccountName, StateName};
use crate::provider::{COUNT_MAY_BE_OLD, HttpProvider, PackageStatus, ResourcePackage};
use crate::queue::{QueueError, QueueReads, RepeatedPair};
use crate::settings::Settings;
use crate::view::wording::{counted, thousands, units};

pub use super::reckoning::{Endpoint, Reckoning};

/// This many packages of an account are shown.
const MOST_PACKAGES_SHOWN: usize = 5;

/// At the start of a run, repeated pairs are only looked for among this many jobs, since that looks at every one.
const MOST_LOOKED_AT: u64 = 100_000;

/// How many repeated pairs are named.
pub const REPEATS_NAMED: usize = 3;

/// Lines of an estimate: what each is about, and what it says.
pub type Lines = Vec<(&'static str, String)>;

/// The line about pairs that several jobs ask for. `None` where there are none.
pub fn repeats(jobs: u64, distinct: u64, examples: &[RepeatedPair], dedupe: bool) -> Option<String> {
    let again = jobs.checked_sub(distinct).filter(|again| *again > 0)?;
    let repeat = if again == 1 { "repeats" } else { "repeat" };
    let what_then = if dedupe {
        "made once"
    } else if again == 1 {
        "made and paid for again without --dedupe"
    } else {
        "each made and paid for again without --dedupe"
    };
    let mut text = format!(
        "{} different; {} {repeat} a pair of another id, {what_then}",
        thousands(distinct),
        counted(again, "job")
    );
    for pair in examples {
        let more = pair.jobs.saturating_sub(1);
        let _ = match more {
            1 => write!(text, "\n{:<12}{} and {} are the same", "", pair.first, pair.last),
            _ => write!(
                text,
                "\n{:<12}{} and {} more, the last of them {}, are the same",
                "",
                pair.first,
                thousands(more),
                pair.last
            ),
        };
    }
    if again > examples.iter().map(|pair| pair.jobs - 1).sum() {
        let _ = write!(text, "\n{:<12}…", "");
    }
    Some(text)
}

/// What the run at hand is going to do; nothing where nothing is left to submit.
///
/// # Errors
/// Those of the queue.
pub async fn before_run(
    settings: &Settings,
    queue: &dyn QueueReads,
    endpoints: &[Endpoint<'_>],
) -> Result<(u64, Lines), QueueError> {
    let counts = queue.counts().await?;
    let waiting = counts.of(StateName::Pending);
    if waiting == 0 {
        return Ok((0, Lines::new()));
    }
    let work = match waiting <= MOST_LOOKED_AT {
        true => Some(queue.workload(&settings.model, REPEATS_NAMED).await?),
        false => None,
    };
    let mut lines = Lines::new();
    let mut tasks = waiting;
    let mut to_do = format!("{} to submit", counted(waiting, "task"));
    if settings.dedupe {
        // Of pairs that an earlier run has made, nothing is submitted.
        tasks = work.as_ref().map_or(waiting, |work| work.distinct_pairs);
        to_do = format!("at most {}, for {}", counted(tasks, "task"), counted(waiting, "job"));
    }
    if let Some(budget) = settings.budget.filter(|budget| *budget < tasks) {
        let _ = write!(to_do, ", at most {} of them in this run", thousands(budget));
        tasks = budget;
    }
    match counts.in_flight() + counts.of(StateName::InDoubt) {
        0 => {}
        under_way => {
            let _ = write!(to_do, "; {} more under way", thousands(under_way));
        }
    }
    lines.push(("to do", to_do));
    if let Some(work) = &work {
        lines.extend(
            repeats(work.jobs, work.distinct_pairs, &work.repeats, settings.dedupe).map(|text| ("pairs", text)),
        );
    }
    lines.extend(Reckoning::by_experience(settings.sandbox, queue, endpoints).await?.lines(tasks));
    Ok((tasks, lines))
}

/// What the account holds, asked for once and not waited for any longer than `patience`.
pub async fn account(provider: &HttpProvider, name: Option<&AccountName>, tasks: u64, patience: Duration) -> Lines {
    let asked = tokio::time::timeout(patience, provider.resource_packages(SystemTime::now())).await;
    let mut lines = match asked {
        Ok(Ok(packages)) => account_lines(&packages, tasks),
        Ok(Err(trouble)) => vec![("account", format!("does not tell what it holds: {}", trouble.sentence()))],
        Err(_) => vec![("account", format!("does not tell what it holds: no answer within {} s", patience.as_secs()))],
    };
    if let (Some(name), Some((_, first))) = (name, lines.first_mut()) {
        *first = format!("{name}: {first}");
    }
    lines
}

/// What the account holds, in lines.
fn account_lines(packages: &[ResourcePackage], tasks: u64) -> Lines {
    let is_of_use =
        |package: &&ResourcePackage| matches!(package.status, PackageStatus::Online | PackageStatus::NotYetValid);
    let useful: Vec<&ResourcePackage> = packages.iter().filter(is_of_use).collect();
    let mut lines: Lines =
        useful.iter().take(MOST_PACKAGES_SHOWN).map(|package| ("account", package_line(package))).collect();
    let further = useful.len().saturating_sub(MOST_PACKAGES_SHOWN);
    if further > 0 {
        lines.push(("", format!("and {}", counted(further as u64, "more package"))));
    }
    let old = packages.len() - useful.len();
    match (useful.is_empty(), old) {
        (true, 0) => lines.push(("account", "no resource package of the last year".to_owned())),
        (true, old) => {
            lines.push(("account", format!("nothing left: {} expired or used up", counted(old as u64, "package"))));
        }
        (false, 0) => {}
        (false, old) => lines.push(("", format!("{} expired or used up", counted(old as u64, "more package")))),
    }
    let left: f64 = useful.iter().filter_map(|package| package.remaining).sum();
    #[expect(clippy::cast_precision_loss, reason = "compared with a number of units")]
    let too_little = left < tasks as f64 && useful.iter().all(|package| package.remaining.is_some());
    if too_little {
        let (left, tasks) = (units(left), counted(tasks, "task"));
        lines.push(("", format!("{left} left in all is less than {tasks} need at one unit each")));
    }
    if !useful.is_empty() {
        let hours = COUNT_MAY_BE_OLD.as_secs() / 3_600;
        lines.push(("", format!("(the provider's count may be {hours} hours old)")));
    }
    lines
}

fn package_line(package: &ResourcePackage) -> String {
    let day = |at: Timestamp| at.to_zoned(TimeZone::system()).strftime("%Y-%m-%d").to_string();
    let mut text = format!("{}: ", package.name);
    text += &match (package.remaining, package.total) {
        (Some(left), Some(total)) => format!("{} of {} units left", units(left), units(total)),
        (Some(left), None) => format!("{} units left", units(left)),
        (None, Some(total)) => format!("{} units bought", units(total)),
        (None, None) => "it does not say how much".to_owned(),
    };
    if let (PackageStatus::NotYetValid, Some(from)) = (package.status, package.effective_at) {
        let _ = write!(text, ", from {} on", day(from));
    }
    if let Some(until) = package.expires_at {
        let _ = write!(text, ", until {}", day(until));
    }
    text
}
