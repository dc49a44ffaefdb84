//! `tryon reconcile`: what the provider has charged, beside what the queue knows.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use rust_decimal::Decimal;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::exit_code::ExitCode;
use crate::job::AccountName;
use crate::ops::reconcile::{
    Difference, DifferenceKind, Group, Progress, ReconcileError, Reconciliation, Sums, reconcile,
};
use crate::queue::{self, ProviderKind};
use crate::report::defused;
use crate::settings::{Account, Options, ProviderName, Settings};
use crate::view::utc;
use crate::view::wording::{counted, thousands};

use super::clients::{self, Clients};
use super::load::println;
use super::run::cancel_on_signal;
use super::{Console, Failure, Place};

/// So many differences are told on the terminal; `--csv` has all of them.
const MOST_TOLD: usize = 20;

/// How often it is told how far it has come.
const TOLD_EVERY: Duration = Duration::from_secs(10);

/// What `reconcile` is asked for.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct ReconcileArgs {
    /// Only tasks asked for since this day or moment (UTC), like 2026-11-01 or 2026-11-01T18:00Z [default: since this
    /// queue's first task]
    #[arg(long, value_name = "DATE", value_parser = moment)]
    pub since: Option<Timestamp>,
    /// Only these of the settings file's accounts
    #[arg(long = "account", value_name = "NAME", env = "TRYON_ACCOUNT", value_delimiter = ',')]
    pub accounts: Vec<String>,
    /// Which door to the service the account is at: only Kling's own has a bill [default: that of the queue]
    #[arg(long, value_name = "DOOR", env = "TRYON_PROVIDER")]
    pub provider: Option<ProviderName>,
    /// The provider's address [default: that of the queue]
    #[arg(long, value_name = "URL", env = "TRYON_BASE_URL")]
    pub base_url: Option<String>,
    /// Write every difference to this file, one a row
    #[arg(long, value_name = "FILE")]
    pub csv: Option<PathBuf>,
    /// One JSON object, for scripts
    #[arg(long)]
    pub json: bool,
}

fn moment(text: &str) -> Result<Timestamp, String> {
    if let Ok(moment) = text.parse() {
        return Ok(moment);
    }
    let day: Date =
        text.parse().map_err(|_| "write a day like 2026-11-01, or a moment like 2026-11-01T18:00:00Z".to_owned())?;
    day.to_zoned(TimeZone::UTC).map(|zoned| zoned.timestamp()).map_err(|error| error.to_string())
}

/// `tryon reconcile`. Ends with 1 where something does not agree.
pub(super) async fn command(
    args: &ReconcileArgs,
    file: &Options,
    place: &Place,
    console: &Console,
) -> Result<ExitCode, Failure> {
    let queue = queue::at(&place.queue).open_to_read().await?;
    let bound = queue.provider().await?;
    let is_sandbox = bound == Some(ProviderKind::Sandbox);
    let said = Options { provider: args.provider, base_url: args.base_url.clone(), ..Options::default() };
    let mut options = said.or(file.clone());
    if is_sandbox {
        (options.sandbox, options.provider, options.base_url) = (Some(true), Some(ProviderName::Kling), None);
    } else if options.account.is_none() {
        options.provider = options.provider.or((bound == Some(ProviderKind::Kling)).then_some(ProviderName::Kling));
        options.base_url = options.base_url.or(queue.address().await?);
    }
    let settings = Settings::resolve(&options)?;
    let accounts: Vec<Account> = settings.accounts(&options, &args.accounts)?;
    let (with_bill, without): (Vec<_>, Vec<_>) =
        accounts.into_iter().partition(|account| account.provider == ProviderName::Kling);
    if with_bill.is_empty() {
        return Err(Failure::usage(
            "only Kling's own door has a bill; add --provider kling if you have an account there (a reseller's bill is on its \
             own pages)",
        ));
    }
    let sandbox = if is_sandbox { Some(super::run::start_sandbox(place, None).await?) } else { None };
    let prices: Vec<Option<f64>> = with_bill.iter().map(|account| account.price).collect();
    let with_keys = clients::with_keys(with_bill, settings.sandbox)?;
    let clients = Clients::of(&settings, with_keys, sandbox.as_ref())?;
    let (now, stop) = (Timestamp::now(), CancellationToken::new());
    let signal = tokio::spawn(cancel_on_signal(stop.clone()));
    let mut teller = Teller::new(console);
    let mut compared = Vec::new();
    for (account, price) in clients.that_have_a_bill().zip(prices) {
        let result = reconcile(&*queue, &account, (args.since, now), &stop, &mut |at| teller.tell(at)).await;
        if let (Err(ReconcileError::Interrupted), true) = (&result, stop.is_cancelled()) {
            let code = signal.await.unwrap_or(ExitCode::Interrupted);
            return Err(Failure { code, message: ReconcileError::Interrupted.to_string() });
        }
        let result = result.map_err(|error| failure(error, account.name))?;
        compared.push(Compared { name: account.name.map(|name| name.as_str().to_owned()), price, result });
    }
    if let Some(sandbox) = sandbox {
        sandbox.stop().await;
    }
    if let Some(path) = &args.csv {
        write_csv(path, &compared, place)?;
    }
    if args.json {
        println(
            &serde_json::to_string(&compared.iter().map(Compared::json).collect::<Vec<_>>())
                .map_err(Failure::machine)?,
        )?;
    } else {
        for account in &compared {
            println(&account.text(place, args.csv.as_deref(), stop.is_cancelled()))?;
        }
        for account in without {
            let name = account.name.map_or_else(|| "the account".to_owned(), |name| name.as_str().to_owned());
            println(&format!("{name}: at a reseller, which has no bill that can be read; not compared"))?;
        }
    }
    if stop.is_cancelled() {
        return Ok(signal.await.unwrap_or(ExitCode::Interrupted));
    }
    let agrees = compared.iter().all(|account| account.result.differences.is_empty());
    Ok(if agrees { ExitCode::Ok } else { ExitCode::SomeFailed })
}

/// Tells from time to time how many of the tasks have been looked up that are not known here.
struct Teller<'a> {
    console: &'a Console,
    told: Instant,
}

impl<'a> Teller<'a> {
    fn new(console: &'a Console) -> Self {
        Self { console, told: Instant::now() }
    }

    fn tell(&mut self, Progress { done, of }: Progress) {
        if self.told.elapsed() < TOLD_EVERY || done == of {
            return;
        }
        self.told = Instant::now();
        let of = counted(of as u64, "charged task");
        self.console.info(&format!("looked up {} of {of} that the queue does not know", thousands(done as u64)));
    }
}

fn failure(error: ReconcileError, account: Option<&AccountName>) -> Failure {
    let name = account.map(|name| format!("account `{}`: ", name.as_str())).unwrap_or_default();
    match error {
        ReconcileError::Queue(error) => error.into(),
        error => {
            let has_none = matches!(&error, ReconcileError::Bill(trouble) if trouble.facts.http_status == Some(404));
            let hint = if has_none { "; this address has no bill: Kling's own has one (--base-url)" } else { "" };
            Failure { code: ExitCode::Stopped, message: format!("{name}{error}{hint}") }
        }
    }
}

/// One account's comparison.
struct Compared {
    name: Option<String>,
    price: Option<f64>,
    result: Reconciliation,
}

impl Compared {
    fn text(&self, place: &Place, csv: Option<&Path>, is_interrupted: bool) -> String {
        let result = &self.result;
        let mut text = String::new();
        if let Some(name) = &self.name {
            let _ = writeln!(text, "account {name}");
        }
        let Some(since) = result.since else {
            return text + "nothing was asked for there yet; there is nothing to compare";
        };
        let mut row = |what: &str, tasks: u64, cost: String| {
            let _ = writeln!(text, "{what:<34}{:>10}  {cost}", thousands(tasks));
        };
        row(&format!("tasks of this queue since {}", since.strftime("%Y-%m-%d")), result.asked_for, String::new());
        row("on the bill", result.total().tasks, self.money(&result.total()));
        row("  known here", result.known.tasks, self.money(&result.known));
        row("  not known here", result.unknown.tasks, self.money(&result.unknown));
        if result.known.tasks > 0 && result.told != Sums::default() {
            row("  as the tasks themselves told", result.known.tasks, amounts(&result.told));
        }
        for (count, what) in [
            (result.failed_free, "failed, and not charged"),
            (result.open, "still open, and not charged yet"),
            (result.in_doubt, "submissions in doubt"),
            (result.other_products, "lines for other products"),
            (result.unreadable, "lines without a task or an amount"),
            (result.repeated, "lines that came twice, counted once"),
        ] {
            if count > 0 {
                row(what, count, String::new());
            }
        }
        self.tell_differences(&mut text, place, csv);
        self.tell_not_looked_up(&mut text, is_interrupted);
        text.trim_end().to_owned()
    }

    fn tell_differences(&self, text: &mut String, place: &Place, csv: Option<&Path>) {
        let result = &self.result;
        if result.differences.is_empty() {
            text.push_str("\nqueue and bill agree");
            return;
        }
        let _ = writeln!(text, "\n{}:", counted(result.differences.len() as u64, "difference"));
        for difference in result.differences.iter().take(MOST_TOLD) {
            let _ = writeln!(text, "  {}", sentence(difference, place));
        }
        let further = result.differences.len().saturating_sub(MOST_TOLD);
        match (further, csv) {
            (0, _) => {}
            (further, Some(path)) => {
                let _ = writeln!(text, "  and {}, in {}", counted(further as u64, "more"), path.display());
            }
            (further, None) => {
                let _ = writeln!(text, "  and {further} more; --csv FILE writes them all");
            }
        }
    }

    fn tell_not_looked_up(&self, text: &mut String, is_interrupted: bool) {
        let (not, unknown) = (self.result.not_looked_up, self.result.unknown.tasks);
        if not > 0 {
            let why = if is_interrupted { "this was interrupted" } else { "the provider does not answer now" };
            let _ = writeln!(
                text,
                "  ({} of {} were not looked up, because {why}: a job of this queue may have asked for them)",
                thousands(not),
                counted(unknown, "unknown task")
            );
        }
    }

    /// Amounts, with what units cost where a price is given.
    fn money(&self, group: &Group) -> String {
        let text = amounts(&group.sums);
        let price = self.price.and_then(|price| price.to_string().parse::<Decimal>().ok());
        match price.filter(|_| !group.sums.units.is_zero()) {
            Some(price) => format!("{text} (units at {price} each: {})", (group.sums.units * price).normalize()),
            None => text,
        }
    }

    fn json(&self) -> Value {
        let result = &self.result;
        let group = |group: &Group| json!({ "tasks": group.tasks, "charged": sums_json(&group.sums) });
        let difference = |it: &Difference| {
            json!({
                "kind": kind(&it.kind), "task_id": it.task_id.0, "job": job(&it.kind), "charged": sums_json(&it.charged),
                "charged_at": it.charged_at.map(utc),
            })
        };
        json!({
            "account": self.name,
            "since": result.since.map(utc),
            "tasks": result.asked_for,
            "in_doubt": result.in_doubt,
            "charged": group(&result.total()),
            "known": group(&result.known),
            "unknown": group(&result.unknown),
            "told": sums_json(&result.told),
            "failed_not_charged": result.failed_free,
            "open": result.open,
            "other_products": result.other_products,
            "unreadable": result.unreadable,
            "repeated": result.repeated,
            "not_looked_up": result.not_looked_up,
            "differences": result.differences.iter().map(difference).collect::<Vec<_>>(),
        })
    }
}

/// Amounts as text, so that no reader rounds them.
fn sums_json(sums: &Sums) -> Value {
    let money = sums.money.iter().map(|(currency, amount)| (currency.clone(), json!(amount.normalize().to_string())));
    json!({ "units": sums.units.normalize().to_string(), "money": money.collect::<serde_json::Map<_, _>>() })
}

fn amounts(sums: &Sums) -> String {
    let mut parts = Vec::new();
    if !sums.units.is_zero() || sums.money.is_empty() {
        let units = sums.units.normalize();
        parts.push(if units == Decimal::ONE { "1 unit".to_owned() } else { format!("{units} units") });
    }
    parts.extend(sums.money.iter().map(|(currency, amount)| {
        let currency = if currency.is_empty() { "of the balance" } else { currency };
        format!("{} {currency}", amount.normalize())
    }));
    parts.join(", ")
}

fn kind(kind: &DifferenceKind) -> &'static str {
    match kind {
        DifferenceKind::Unknown => "unknown",
        DifferenceKind::Adoptable(_) => "adoptable",
        DifferenceKind::Second(_) => "second",
        DifferenceKind::Failure(_) => "charged_failure",
        DifferenceKind::Twice(_) => "charged_twice",
        DifferenceKind::OtherAmount(..) => "other_amount",
        DifferenceKind::NotCharged(..) => "not_charged",
    }
}

fn job(kind: &DifferenceKind) -> Option<&str> {
    match kind {
        DifferenceKind::Unknown => None,
        DifferenceKind::Adoptable(job)
        | DifferenceKind::Second(job)
        | DifferenceKind::Failure(job)
        | DifferenceKind::Twice(job)
        | DifferenceKind::OtherAmount(job, _)
        | DifferenceKind::NotCharged(job, _) => Some(job.as_str()),
    }
}

/// What is wrong with one task, and what to do where something can be done.
fn sentence(difference: &Difference, place: &Place) -> String {
    let (task, charged) = (&difference.task_id.0, amounts(&difference.charged));
    match &difference.kind {
        DifferenceKind::Unknown => {
            let at =
                difference.charged_at.map(|at| format!(" at {}", at.strftime("%Y-%m-%d %H:%M"))).unwrap_or_default();
            format!("task {task}: {charged}{at}, and no job of this queue asked for it")
        }
        DifferenceKind::Adoptable(job) => {
            let job = job.as_str();
            format!(
                "task {task}: {charged}; job `{job}` is in doubt about it: {}",
                place.command_about("adopt", job, task)
            )
        }
        DifferenceKind::Second(job) => {
            format!("task {task}: {charged}; job `{}` asked for it, and has another task", job.as_str())
        }
        DifferenceKind::Failure(job) => {
            format!("task {task}: {charged}, and it made no image (job `{}`)", job.as_str())
        }
        DifferenceKind::Twice(job) => {
            format!("task {task}: more than one deduction, {charged} in all (job `{}`)", job.as_str())
        }
        DifferenceKind::OtherAmount(job, told) => {
            format!("task {task}: {charged}, and its own answer told {} (job `{}`)", amounts(told), job.as_str())
        }
        DifferenceKind::NotCharged(job, ended) => {
            let ended = ended.map(|at| format!(", made at {}", at.strftime("%Y-%m-%d %H:%M"))).unwrap_or_default();
            format!("task {task}: not on the bill (job `{}`{ended}); what ended lately may come", job.as_str())
        }
    }
}

fn write_csv(path: &Path, compared: &[Compared], place: &Place) -> Result<(), Failure> {
    let failed = |error: csv::Error| Failure::machine(format!("{}: {error}", path.display()));
    let mut to = csv::Writer::from_path(path).map_err(failed)?;
    to.write_record(["account", "kind", "task_id", "job", "units", "money", "currency", "charged_at", "what"])
        .map_err(failed)?;
    for account in compared {
        for difference in &account.result.differences {
            let (currencies, money): (Vec<&str>, Vec<String>) = difference
                .charged
                .money
                .iter()
                .map(|(currency, amount)| (currency.as_str(), amount.normalize().to_string()))
                .unzip();
            let cells = [
                account.name.clone().unwrap_or_default(),
                kind(&difference.kind).to_owned(),
                difference.task_id.0.clone(),
                job(&difference.kind).unwrap_or_default().to_owned(),
                difference.charged.units.normalize().to_string(),
                money.join(" "),
                currencies.join(" "),
                difference.charged_at.map(utc).unwrap_or_default(),
                sentence(difference, place),
            ];
            to.write_record(cells.iter().map(|cell| defused(cell).into_owned())).map_err(failed)?;
        }
    }
    to.flush().map_err(|error| Failure::machine(format!("{}: {error}", path.display())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_its_beginning_in_utc_and_a_moment_is_itself() {
        assert_eq!(moment("2026-11-01").map(|at| at.to_string()), Ok("2026-11-01T00:00:00Z".to_owned()));
        assert_eq!(moment("2026-11-01T18:00:00+08:00").map(|at| at.to_string()), Ok("2026-11-01T10:00:00Z".to_owned()));
        assert!(moment("yesterday").is_err());
    }
}
