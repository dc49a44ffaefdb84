//! `tryon run`: load, work, report.

use std::ffi::OsString;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use secrecy::{ExposeSecret, SecretString};
use tokio_util::sync::CancellationToken;
use tryon_sandbox::{Latency, Sandbox, SandboxConfig};

use crate::engine::{self, InDoubtPolicy, Outcome, Patience, RunEnd, RunError, RunSettings};
use crate::exit_code::ExitCode;
use crate::ops::load::{self, Purpose};
use crate::ops::this_host::ThisHost;
use crate::ops::{equal_pictures, estimate};
use crate::queue::{self, Opening, PostgresAddress, ProviderKind, QueueReads};
use crate::report::ReportError;
use crate::settings::{Account, InDoubt, Options, ProviderName, Settings};
use crate::store::Scratch;
use crate::view::{FailureReasons, Prices, RunSummary, summary};

use super::await_queue::await_queue;
use super::clients::{self, Clients};
use super::load::{println, sentence, told_on};
use super::place::quoted_os;
use super::repeats::agree_to_repeats;
use super::{Console, Failure, Place, callbacks, changed, on_end, output};

/// How long the embedded stand-in takes for a task: long enough to watch, short enough to wait for.
const SANDBOX_TASK: Latency = Latency::Uniform { min: Duration::from_secs(1), max: Duration::from_secs(3) };

/// A provider that was not reached for this long from the start ends the run (`docs/promises.md`).
const REACH_PATIENCE: Duration = Duration::from_secs(120);

/// How long a run's start waits for what the account holds.
const ACCOUNT_PATIENCE: Duration = Duration::from_secs(5);

/// Between two questions about a submission in doubt.
const DOUBT_INTERVAL: Duration = Duration::from_secs(5);

/// `tryon run [MANIFEST…]`.
pub(super) async fn run(
    manifests: &[PathBuf],
    options: &Options,
    chosen: &[String],
    place: &Place,
    console: &Console,
) -> Result<ExitCode, Failure> {
    let mut settings = Settings::resolve(options)?;
    // Everything that can be wrong is looked at before anything is changed.
    let accounts = clients::with_keys(settings.accounts(options, chosen)?, settings.sandbox)?;
    settings.provider_shares_network = settings.sandbox || accounts.iter().all(|(account, _)| account.shares_network());
    let price = |account: &Account| (account.name.clone(), account.price.filter(|_| !settings.sandbox));
    let prices = Prices::of(accounts.iter().map(|(account, _)| price(account)).collect());
    let callbacks = callbacks::Wanted::by(&settings)?;
    let webhook_secret = callbacks.as_ref().and_then(|wanted| wanted.secret().cloned());
    let site = queue::at(&place.queue);
    await_queue(&*site, console).await?;
    let existed = site.exists().await;
    if manifests.is_empty() && !existed {
        return Err(nothing_to_do(place));
    }
    let is_named = accounts.iter().any(|(account, _)| account.name.is_some());
    let kind = match settings.provider {
        _ if settings.sandbox => ProviderKind::Sandbox,
        _ if is_named => ProviderKind::Accounts,
        ProviderName::Dmxapi => ProviderKind::Dmxapi,
        ProviderName::Kling => ProviderKind::Kling,
    };
    // What another run holds is not read for.
    let open = if existed { Some(site.open_to_run().await?) } else { None };
    let place = &place.settled(open.as_ref().map(|(queue, _)| &**queue as &dyn QueueReads)).await?;
    if let Some((queue, _)) = &open {
        load::refuse_moved(&**queue, &*site).await?;
        queue.check_provider(kind).await?;
    }
    // Nothing is made before the manifests are read, and nothing is changed before everything is agreed to.
    let rows = match manifests {
        [] => None,
        _ => {
            let begun = match &open {
                Some((queue, _)) => queue.begin_load().await?,
                None => site.stage().await?,
            };
            let mut rows = load::read(begun, manifests, &settings, &place.out, Purpose::Load, told_on(console)).await?;
            agree_to_repeats(&mut rows, &settings, options, console).await?;
            rows.keeping.before_a_run = true;
            Some(rows)
        }
    };
    let folder = output::folder(place)?;
    let (queue, _hold) = match open {
        Some(open) => open,
        None => {
            let queue = site.open(Opening::OrMake).await?;
            let hold = queue.hold().await?;
            (queue, hold)
        }
    };
    queue.check_provider(kind).await?;
    settings.inputs = inputs_of(&settings, rows.as_ref(), &*queue, place).await?;
    place.remember(&*queue).await?;
    let tree = output::tree(folder, place, &*queue).await?;
    let this_host = ThisHost::of(&*queue, settings.host.clone(), settings.lease).await?;
    let links = output::links(settings.upload_to.clone(), &*queue).await?;
    let callbacks = match callbacks {
        Some(wanted) => Some(wanted.listen(&*queue).await?),
        None => None,
    };
    match rows {
        Some(rows) => {
            let tally = load::keep(rows, told_on(console)).await?;
            console.info(&sentence(&tally));
        }
        None => queue.complete_load().await?,
    }
    let counts = queue.counts().await?;
    if counts.total() + counts.rejected == 0 {
        return Err(nothing_to_do(place));
    }
    if options.fit_images.is_none() {
        // A queue that was loaded with --fit-images goes on with it.
        settings.fit_images = queue.fits_images().await?;
    }
    if options.dedupe.is_none() {
        // As above, for --dedupe.
        settings.dedupe = queue.dedupes().await?;
    }
    if settings.dedupe {
        equal_pictures::note_in(&*queue, settings.inputs.as_deref()).await?;
    }
    clients::check_models(&*queue, &settings, &accounts).await?;
    queue.bind(kind).await?;
    let address = settings.unusual_base_url().filter(|_| !is_named).map(str::to_owned);
    queue.remember_address(address).await?;
    let sandbox = if settings.sandbox { Some(start_sandbox(place, webhook_secret).await?) } else { None };
    let mut clients = Clients::of(&settings, accounts, sandbox.as_ref())?;
    let listener = callbacks.map(|callbacks| callbacks.connect(&mut clients));
    changed::tell(&settings, &*queue, place, console).await?;
    if console.tells_beforehand() {
        tell_beforehand(&settings, &*queue, &clients, console).await?;
    }
    let interrupted = CancellationToken::new();
    let signal = tokio::spawn(cancel_on_signal(interrupted.clone()));
    queue.wait_for_return(interrupted.clone());
    let (mut progress, began) = (console.progress(), Instant::now());
    let outcome = engine::run(
        clients.into_resources(
            Arc::clone(&queue),
            tree.clone(),
            links,
            Scratch::new(place.beside_queue("pictures")),
            this_host.start(),
        ),
        run_settings(&settings),
        interrupted.clone(),
        |event| {
            progress.on_event(event);
        },
    )
    .await;
    drop(progress);
    let interruption = if interrupted.is_cancelled() { signal.await.ok() } else { None };
    if let Some(listener) = listener {
        listener.stop().await;
    }
    if let Some(sandbox) = sandbox {
        sandbox.stop().await;
    }
    let (report, page) = (place.out.join(output::REPORT), place.out.join(output::PAGE));
    let reported = output::write_reports(&*queue, place, &tree, settings.inputs.as_deref(), &run_again()).await;
    let concluded = conclude(outcome, reported, &*queue, place, (&settings, &prices), interruption).await;
    if let (Ok(concluded), false) = (&concluded, console.is_quiet()) {
        println(concluded.summary.trim_end())?;
    }
    if let Some(command) = &settings.on_end {
        let counts = queue.counts().await.ok();
        let ended = on_end::Ended {
            exit_code: concluded.as_ref().map_or_else(|failure| failure.code, |concluded| concluded.exit_code),
            reason: concluded.as_ref().map_or_else(|failure| &*failure.message, |concluded| &*concluded.reason),
            counts: counts.as_ref(),
            succeeded_now: concluded.as_ref().map_or(0, |concluded| concluded.succeeded_now),
            took: began.elapsed(),
            report: &report,
            page: &page,
            summary: concluded.as_ref().map_or_else(|failure| &*failure.message, |concluded| &*concluded.summary),
        };
        if let Some(wrong) = on_end::run(command, &ended).await {
            console.problem(&wrong);
        }
    }
    concluded.map(|concluded| concluded.exit_code)
}

/// Where this host has the local pictures of a queue that several hosts work: in the folder that is named, or that of the
/// manifest that was read just now.
async fn inputs_of(
    settings: &Settings,
    rows: Option<&load::ReadRows>,
    queue: &dyn QueueReads,
    place: &Place,
) -> Result<Option<PathBuf>, Failure> {
    let inputs = settings.inputs.clone().or_else(|| rows.and_then(|rows| rows.inputs.clone()));
    if inputs.is_none() && queue.has_relative_pictures().await? {
        return Err(Failure::usage(format!(
            "jobs of this queue name local pictures, and this run was not told where this host has them: {}",
            place.command("run --inputs DIR")
        )));
    }
    Ok(inputs)
}

/// What is said of a run that could not come to its end.
const GO_ON: &str = "what is done is safe; run the same command again to go on";

/// How a run ended.
struct Concluded {
    exit_code: ExitCode,
    /// Why it ended before everything was done; empty where it did not.
    reason: String,
    succeeded_now: u64,
    summary: String,
}

/// What is told of a run that has ended.
async fn conclude(
    outcome: Result<Outcome, RunError>,
    reported: Result<(), output::NotWritten>,
    queue: &dyn QueueReads,
    place: &Place,
    (settings, prices): (&Settings, &Prices),
    interruption: Option<ExitCode>,
) -> Result<Concluded, Failure> {
    let outcome = match (outcome, interruption) {
        // Whoever ends a run does not wait for its database.
        (Err(RunError::Queue(error)), Some(code)) if error.is_transient() => {
            return Err(Failure { code, message: format!("{error}\n{GO_ON}") });
        }
        (outcome, _) => outcome.map_err(|error| Failure::machine(format!("{error}\n{GO_ON}")))?,
    };
    if let (Err(output::NotWritten::Report(ReportError::Queue(error))), Some(code)) = (&reported, interruption)
        && error.is_transient()
    {
        return Err(Failure { code, message: format!("could not write the report: {error}\n{GO_ON}") });
    }
    reported.map_err(|error| Failure::machine(format!("could not write the report: {error}")))?;
    let (reasons, flags) = (FailureReasons::read(queue).await?, queue.flag_counts().await?);
    let accounts = queue.last_run().await?.map(|run| run.accounts).unwrap_or_default();
    let stopped = stopped_because(&outcome.end);
    let summary = summary(&RunSummary {
        counts: &outcome.counts,
        succeeded_now: outcome.succeeded,
        took: outcome.took,
        slots_busy: outcome.slots_busy,
        is_sandbox: settings.sandbox,
        stopped: stopped.as_deref(),
        reasons: &reasons,
        accounts: &accounts,
        prices,
        flags: &flags,
        report: Some(&place.out.join(output::REPORT)),
        page: Some(&place.out.join(output::PAGE)),
        place_flags: &place.flags(),
        run_again: &run_again(),
    });
    Ok(Concluded {
        exit_code: exit_code(&outcome, interruption, settings.strict),
        reason: stopped.unwrap_or_default(),
        succeeded_now: outcome.succeeded,
        summary,
    })
}

/// A run that was given no manifest, where no earlier one was loaded.
fn nothing_to_do(place: &Place) -> Failure {
    Failure::usage(format!(
        "nothing was loaded into {} yet; name a manifest: {}",
        place.queue,
        place.command("run jobs.csv")
    ))
}

/// Says what is going to be made, how long that takes and what it costs, while there is still time to say no. What the
/// account holds is only for the eye: that it does not tell stops nothing.
async fn tell_beforehand(
    settings: &Settings,
    queue: &dyn QueueReads,
    clients: &Clients,
    console: &Console,
) -> Result<(), Failure> {
    let (tasks, mut lines) = estimate::before_run(settings, queue, &clients.endpoints()).await?;
    for (name, provider) in clients.that_tell_what_they_hold().filter(|_| tasks > 0) {
        lines.extend(estimate::account(provider, name, tasks, ACCOUNT_PATIENCE).await);
    }
    if !lines.is_empty() {
        console.info(&super::load::printed(&lines, super::console::columns()));
    }
    Ok(())
}

/// Why a run ended before everything was done, with what to do about it.
fn stopped_because(end: &RunEnd) -> Option<String> {
    match end {
        RunEnd::Done => None,
        RunEnd::Interrupted => Some("interrupted".to_owned()),
        RunEnd::BudgetSpent => Some("the budget is spent".to_owned()),
        RunEnd::TooManyInDoubt(jobs) => Some(format!(
            "{jobs} jobs are in doubt (--max-in-doubt): the provider loses answers, and asking it does not settle them"
        )),
        RunEnd::NeverReached(why) => Some(format!("the provider was never reached: {why}")),
        RunEnd::Stopped { reason, said } => Some(format!("{said}. {}", reason.advice())),
    }
}

/// The command that goes on: the one that was typed. A manifest from standard input is in the queue by now.
fn run_again() -> String {
    let typed = std::env::args_os().skip(1).filter(|word| word != "-").map(without_password);
    std::iter::once("tryon".to_owned()).chain(typed.map(|word| quoted_os(&word))).collect::<Vec<_>>().join(" ")
}

/// A word of the command line as it may be shown: an address of a database without its password.
fn without_password(word: OsString) -> OsString {
    let Some(text) = word.to_str() else { return word };
    let Some(begin) = text.find("postgres").filter(|begin| *begin == 0 || text[..*begin].ends_with('=')) else {
        return word;
    };
    match PostgresAddress::parse(&text[begin..]) {
        Some(Ok(address)) => format!("{}{address}", &text[..begin]).into(),
        _ => word,
    }
}

/// The exit code of a run that the machine did not fail.
fn exit_code(outcome: &Outcome, interruption: Option<ExitCode>, is_strict: bool) -> ExitCode {
    match &outcome.end {
        RunEnd::Done => ExitCode::of_counts(&outcome.counts, is_strict),
        RunEnd::Stopped { .. } | RunEnd::BudgetSpent | RunEnd::TooManyInDoubt(_) | RunEnd::NeverReached(_) => {
            ExitCode::Stopped
        }
        RunEnd::Interrupted => interruption.unwrap_or(ExitCode::Interrupted),
    }
}

/// The stand-in with what it remembers of the runs at a place.
pub(super) async fn start_sandbox(place: &Place, webhook_secret: Option<SecretString>) -> Result<Sandbox, Failure> {
    let config = SandboxConfig {
        latency: SANDBOX_TASK,
        state_dir: Some(place.own(".sandbox")),
        webhook_secret: webhook_secret.map(|secret| secret.expose_secret().to_owned()),
        ..SandboxConfig::default()
    };
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    Sandbox::start(address, config).await.map_err(Failure::machine)
}

fn run_settings(settings: &Settings) -> RunSettings {
    RunSettings {
        poll_interval: settings.poll_interval,
        downloads: settings.download_concurrency.get(),
        max_attempts: settings.max_attempts.get(),
        task_timeout: settings.task_timeout,
        in_doubt: match settings.in_doubt {
            InDoubt::Hold => InDoubtPolicy::Hold,
            InDoubt::Resubmit => InDoubtPolicy::Resubmit,
        },
        budget: settings.budget,
        inputs: settings.inputs.clone(),
        fit_images: settings.fit_images,
        dedupe: settings.dedupe,
        min_result_px: settings.min_result_px,
        reach_patience: REACH_PATIENCE,
        doubt_interval: DOUBT_INTERVAL,
        doubt_age: settings.doubt_age,
        max_in_doubt: settings.max_in_doubt.get().into(),
        patience: Patience::default(),
    }
}

/// A signal that comes so soon after another is the same word said twice: `timeout` and some shells send one to the
/// process and one to its group.
const ONE_WORD: Duration = Duration::from_millis(100);

/// Cancels the token at the first interruption, and ends the process at the second.
pub(super) async fn cancel_on_signal(interrupted: CancellationToken) -> ExitCode {
    let code = interruption().await;
    interrupted.cancel();
    tokio::spawn(async {
        tokio::time::sleep(ONE_WORD).await;
        let code = interruption().await;
        std::process::exit(i32::from(code.number()));
    });
    code
}

/// Waits for SIGINT or SIGTERM (Ctrl-C elsewhere).
pub(super) async fn interruption() -> ExitCode {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let (Ok(mut interrupt), Ok(mut terminate)) =
            (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
        {
            return tokio::select! {
                _ = interrupt.recv() => ExitCode::Interrupted,
                _ = terminate.recv() => ExitCode::Terminated,
            };
        }
    }
    // Without signals there is only Ctrl-C; if that cannot be heard either, the run cannot be interrupted gently.
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
    ExitCode::Interrupted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_that_goes_on_is_shown_without_a_password() {
        let shown = |word: &str| without_password(word.into()).into_string().expect("text");
        assert_eq!(shown("postgres://shop:hush@db/may"), "postgres://shop@db/may");
        assert_eq!(shown("--queue=postgresql://shop:hush@db/may"), "--queue=postgresql://shop@db/may");
        assert_eq!(shown("postgres.csv"), "postgres.csv");
    }
}
