//! `tryon check`: would these manifests load, and what would they take and cost.

use std::path::PathBuf;
use std::time::Duration;

use crate::exit_code::ExitCode;
use crate::ops::contents::{Looked, find_changed};
use crate::ops::estimate::{self, Lines, REPEATS_NAMED, Reckoning};
use crate::ops::load::ReadRows;
use crate::ops::load::{Purpose, read};
use crate::queue;
use crate::settings::{Account, Options, ProviderName, Settings};
use crate::view::wording::{counted, thousands};

use super::clients::{self, Clients};
use super::load::{println, sentence, settled, told_on};
use super::{Console, Failure, Place, changed, repeats};

/// How long the account is waited for.
const ACCOUNT_PATIENCE: Duration = Duration::from_secs(15);

/// `tryon check MANIFEST…`. The rows go the way of a load that is not kept, beside the queue of the place where there is
/// one, so that what is checked is what would be loaded. Nobody is called, but with `--account`.
pub(super) async fn command(
    manifests: &[PathBuf],
    options: &Options,
    place: &Place,
    asks_account: bool,
    console: &Console,
) -> Result<ExitCode, Failure> {
    let mut settings = Settings::resolve(options)?;
    let accounts = settings.accounts(options, &[])?;
    let telling: Vec<_> = accounts.iter().filter(|it| asks_account && it.provider == ProviderName::Kling).collect();
    let telling = clients::with_keys(telling.into_iter().cloned().collect(), settings.sandbox)?;
    if asks_account && telling.is_empty() {
        return Err(Failure::usage(
            "--account: only Kling's own door tells what an account holds; add --provider kling if you have one there",
        ));
    }
    let telling = Clients::of(&settings, telling, None)?;
    let place = &settled(place).await?;
    let mut begun = queue::at(&place.queue).look().await?;
    // A queue that was loaded with --dedupe goes on with it.
    settings.dedupe |= options.dedupe.is_none() && begun.queue_dedupes().await?;
    let mut rows = read(begun, manifests, &settings, &place.out, Purpose::Check, told_on(console)).await?;
    println(&sentence(&rows.load.tally()))?;
    let (tasks, mut lines) = lines(&mut rows, place, &settings, &accounts).await?;
    for (name, provider) in telling.that_tell_what_they_hold() {
        lines.extend(estimate::account(provider, name, tasks, ACCOUNT_PATIENCE).await);
    }
    println(&format!("\n{}", super::load::printed(&lines, super::console::columns())))?;
    Ok(ExitCode::Ok)
}

/// How many tasks there are to pay for, and everything that is said about them.
async fn lines(
    rows: &mut ReadRows,
    place: &Place,
    settings: &Settings,
    accounts: &[Account],
) -> Result<(u64, Lines), Failure> {
    let work = rows.load.workload(&settings.model, REPEATS_NAMED).await?;
    let people = if work.humans == 1 { "1 person".to_owned() } else { format!("{} people", thousands(work.humans)) };
    let mut lines = Lines::new();
    if rows.load.has_queue() {
        lines.push(("queue", format!("compared with {}; nothing was changed there", place.queue)));
    }
    lines.push(match work.jobs {
        0 => ("images", "none to make: every row is in the queue, and none waits".to_owned()),
        jobs => ("images", format!("{}, from {people} and {}", thousands(jobs), counted(work.cloths, "garment"))),
    });
    let repeats = estimate::repeats(work.jobs, work.distinct_pairs, &work.repeats, settings.dedupe);
    lines.extend(repeats.map(|text| ("pairs", text)));
    let again = rows.load.pairs_again(&settings.model, REPEATS_NAMED).await?;
    if again.jobs > 0 {
        let indent = format!("\n{:<12}", "");
        lines.push(("again", repeats::sentence(&again, settings, settings.dedupe).replace("\n  ", &indent)));
    }
    let changed = find_changed(Looked::Load(&mut *rows.load), settings.inputs.as_deref()).await?;
    if let Some(said) = changed::sentence(&changed) {
        lines.push(("changed", format!("{said}; they are made again only by {}", place.command("retry --changed"))));
    }
    if changed.not_looked_at > 0 {
        lines
            .push(("", format!("{} in buckets: not looked at for changes", counted(changed.not_looked_at, "picture"))));
    }
    let tasks = match settings.dedupe {
        // Low where several new jobs ask for one pair of the queue: it is taken off for each of them.
        true => work.distinct_pairs.saturating_sub(again.jobs),
        false => work.jobs,
    };
    lines.push(("tasks", format!("{} to pay for", thousands(tasks))));
    lines.extend(Reckoning::by(settings, accounts).lines(tasks));
    Ok((tasks, lines))
}
