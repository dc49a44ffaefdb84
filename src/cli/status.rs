//! `tryon status`: how far it is, how fast it goes, what it waits for.

use std::io::Write;
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Serialize;

use crate::job::{StateName, clean_text};
use crate::queue::{Counts, Pause, ProviderKind, QueueReads, RunRecord};
use crate::view::pace::{left, time_left};
use crate::view::wording::{self, clock, counted, local, percent, rate, rough_span, span, thousands};

use super::pipe::fine_if_reader_left;
use super::place::Place;
use crate::view::{AccountJson, account_lines, utc};

/// What `status` is asked for.
#[derive(Debug, Clone, Default, clap::Args)]
pub(super) struct StatusArgs {
    /// One JSON object, for scripts
    #[arg(long)]
    pub json: bool,
    /// Keep showing it until the run ends, or until Ctrl-C, which the run does not notice
    ///
    /// On a terminal it is shown in place. Elsewhere a line is printed whenever something has changed; with --json, an
    /// object a line.
    #[arg(long)]
    pub watch: bool,
}

/// Prints where the queue stands.
///
/// # Errors
/// The queue cannot be read, or `out` not written.
pub(super) async fn status(
    args: &StatusArgs,
    queue: &dyn QueueReads,
    place: &Place,
    out: &mut dyn Write,
) -> anyhow::Result<()> {
    let status = Status::read(queue, place).await?;
    print(args, &status, place, out, super::console::columns(), Timestamp::now(), &TimeZone::system())
}

/// Where a queue stands.
pub(super) struct Status {
    counts: Counts,
    provider: Option<ProviderKind>,
    run: Option<RunRecord>,
    /// Whether a run is at work now.
    is_at_work: bool,
    /// The command that goes on.
    run_again: String,
}

impl Status {
    pub(super) async fn read(queue: &dyn QueueReads, place: &Place) -> anyhow::Result<Self> {
        Ok(Self {
            // Asked for first: what a run has done by its end is then counted.
            is_at_work: queue.is_at_work().await?,
            counts: queue.counts().await?,
            provider: queue.provider().await?,
            run: queue.last_run().await?,
            run_again: place.run_again(queue).await?,
        })
    }

    /// The same queue, as it looks while a run is at work, or is not.
    #[cfg(test)]
    pub(super) fn seen_while(self, is_at_work: bool) -> Self {
        Self { is_at_work, ..self }
    }

    /// Whether a run is at work now.
    pub(super) fn is_at_work(&self) -> bool {
        self.is_at_work
    }

    /// Whether somebody who has seen `before` is told something new. The time left and the rate change all the time.
    pub(super) fn is_news_after(&self, before: &Self) -> bool {
        let waits_for = |status: &Self| status.pause().map(|pause| pause.why.clone());
        (self.counts, self.is_at_work, waits_for(self)) != (before.counts, before.is_at_work, waits_for(before))
    }

    fn is_sandbox(&self) -> bool {
        self.provider == Some(ProviderKind::Sandbox)
    }

    /// Images a minute, over the whole of the last run.
    fn per_minute(&self) -> Option<f64> {
        let run = self.run.as_ref().filter(|run| run.succeeded > 0)?;
        let minutes = worked(run).as_secs_f64() / 60.0;
        #[expect(clippy::cast_precision_loss, reason = "images of one run")]
        let images = run.succeeded as f64;
        (minutes > 0.0).then(|| images / minutes)
    }

    /// What a run that is at work waits for. A run that was killed in a pause waits for nothing.
    fn pause(&self) -> Option<&Pause> {
        self.run.as_ref().filter(|_| self.is_at_work)?.pause.as_ref()
    }

    fn time_left(&self) -> Option<Duration> {
        let is_moving = self.is_at_work && self.pause().is_none();
        time_left(left(&self.counts), self.per_minute().filter(|_| is_moving)?)
    }
}

/// How long a run has worked, as far as it has said.
fn worked(run: &RunRecord) -> Duration {
    let until = run.ended_at.unwrap_or(run.seen_at);
    Duration::try_from(until.duration_since(run.started_at)).unwrap_or_default()
}

pub(super) fn print(
    args: &StatusArgs,
    status: &Status,
    place: &Place,
    out: &mut dyn Write,
    columns: Option<usize>,
    now: Timestamp,
    zone: &TimeZone,
) -> anyhow::Result<()> {
    let text = if args.json { json(status)? } else { text(status, place, columns, now, zone) };
    fine_if_reader_left(out.write_all(text.as_bytes()).and_then(|()| out.flush()).map_err(Into::into))
}

/// Scripts rely on the keys (`docs/promises.md`).
#[derive(Serialize)]
struct StatusJson<'a> {
    total: u64,
    pending: u64,
    submitting: u64,
    in_doubt: u64,
    running: u64,
    downloading: u64,
    succeeded: u64,
    failed: u64,
    cancelled: u64,
    /// `null` where the provider does not say.
    units: Option<f64>,
    sandbox: bool,
    /// Paid from a balance, in the account's currency.
    paid: f64,
    /// Of the jobs that have succeeded, those whose result should be looked at.
    flagged: u64,
    /// Of the jobs that have succeeded, those whose result a person has approved, has rejected, and has not judged.
    approved: u64,
    rejected_images: u64,
    unjudged: u64,
    /// Manifest rows that were passed over; they are part of `failed` and `total`.
    rejected: u64,
    /// Whether a run is at work now.
    at_work: bool,
    rate_per_minute: Option<f64>,
    /// Share of slot time in use in the last run, from 0 to 1.
    slots_busy: Option<f64>,
    eta_seconds: Option<u64>,
    paused_until: Option<String>,
    paused_because: Option<&'a str>,
    slots: Option<u32>,
    /// The accounts of the last run, where they have names.
    accounts: Vec<AccountJson<'a>>,
    started_at: Option<String>,
    seen_at: Option<String>,
    ended_at: Option<String>,
}

pub(super) fn json(status: &Status) -> anyhow::Result<String> {
    let counts = &status.counts;
    let run = status.run.as_ref();
    let json = StatusJson {
        total: counts.total(),
        pending: counts.of(StateName::Pending),
        submitting: counts.of(StateName::Submitting),
        in_doubt: counts.of(StateName::InDoubt),
        running: counts.of(StateName::Running),
        downloading: counts.of(StateName::Downloading),
        succeeded: counts.of(StateName::Succeeded),
        failed: counts.of(StateName::Failed),
        cancelled: counts.of(StateName::Cancelled),
        units: counts.units_told(),
        paid: counts.paid,
        sandbox: status.is_sandbox(),
        flagged: counts.flagged,
        approved: counts.approved,
        rejected_images: counts.rejected_images,
        unjudged: counts.unjudged(),
        rejected: counts.rejected,
        at_work: status.is_at_work,
        rate_per_minute: status.per_minute().map(|rate| (rate * 100.0).round() / 100.0),
        slots_busy: run.and_then(RunRecord::slots_busy).map(|share| (share * 10_000.0).round() / 10_000.0),
        eta_seconds: status.time_left().map(|left| left.as_secs()),
        paused_until: status.pause().map(|pause| utc(pause.until)),
        paused_because: status.pause().map(|pause| pause.why.as_str()),
        slots: run.map(|run| run.slots),
        accounts: run.iter().flat_map(|run| &run.accounts).map(AccountJson::of).collect(),
        started_at: run.map(|run| utc(run.started_at)),
        seen_at: run.map(|run| utc(run.seen_at)),
        ended_at: run.and_then(|run| run.ended_at).map(utc),
    };
    Ok(serde_json::to_string(&json)? + "\n")
}

/// Where the queue stands, its sentences filled to so many columns.
pub(super) fn text(status: &Status, place: &Place, columns: Option<usize>, now: Timestamp, zone: &TimeZone) -> String {
    let counts = &status.counts;
    let mut lines = vec![format!("{} in {}", counted(counts.total(), "job"), place.queue), String::new()];
    let spent = wording::cost(counts.units, counts.paid, counts.untold);
    let (number, untold) = spent.split_once("; ").map_or((&*spent, ""), |(number, _)| (number, &spent[number.len()..]));
    let number_width = if number.contains(' ') { 0 } else { number.len() };
    let width = thousands(counts.total()).len().max(number_width);
    for state in StateName::ALL {
        let count = counts.of(state);
        if count > 0 {
            let note = remark(state, counts);
            lines.push(format!("  {:<12} {:>width$}{note}", state.word().replace('_', " "), thousands(count)));
        }
    }
    lines.push(format!("  {:<12} {number:>width$}{untold}", "units"));
    lines.push(String::new());
    lines.extend(course(status, now, zone).iter().map(|line| wording::filled(line, columns, 0)));
    let accounts = status.run.as_ref().map(|run| &run.accounts[..]).unwrap_or_default();
    lines.extend(account_lines(accounts, status.is_at_work));
    lines.extend(next_steps(status, place));
    if status.is_sandbox() {
        lines
            .extend([String::new(), "SANDBOX: these pictures are composites of the stand-in, not try-ons.".to_owned()]);
    }
    lines.join("\n") + "\n"
}

/// Where the queue stands in one line, for a log.
pub(super) fn line(status: &Status, now: Timestamp, zone: &TimeZone) -> String {
    let counts = &status.counts;
    let mut pieces = vec![format!("{} of {}", thousands(counts.ended()), thousands(counts.total()))];
    let states = [(StateName::Failed, "failed"), (StateName::InDoubt, "in doubt")];
    let told = states.into_iter().filter(|(state, _)| counts.of(*state) > 0);
    pieces.extend(told.map(|(state, word)| format!("{} {word}", thousands(counts.of(state)))));
    pieces.extend((counts.flagged > 0).then(|| format!("{} flagged", thousands(counts.flagged))));
    pieces.push(format!("{} running", thousands(counts.in_flight())));
    pieces.extend(status.per_minute().map(rate));
    match status.pause() {
        Some(pause) => {
            pieces.push(format!("paused until {}, because {}", clock(pause.until, now, zone), clean_text(&pause.why)));
        }
        None => pieces.extend(status.time_left().map(|left| format!("{} left", rough_span(left)))),
    }
    if !status.is_at_work {
        pieces.push("no run is at work".to_owned());
    }
    format!("{} {}", now.to_zoned(zone.clone()).strftime("%H:%M:%S"), pieces.join(", "))
}

fn remark(state: StateName, counts: &Counts) -> String {
    match state {
        StateName::Failed if counts.rejected > 0 => {
            format!("   {} of them rows of the manifest that could not be used", thousands(counts.rejected))
        }
        StateName::InDoubt => "   sent, but the answer was lost".to_owned(),
        StateName::Succeeded => of_results(counts),
        _ => String::new(),
    }
}

/// What was noticed about results, and what people have said of them.
fn of_results(counts: &Counts) -> String {
    let mut notes = Vec::new();
    if counts.flagged > 0 {
        notes.push(format!("{} of them flagged: to be looked at", thousands(counts.flagged)));
    }
    notes.extend(wording::judged(counts));
    if notes.is_empty() { String::new() } else { format!("   {}", notes.join("; ")) }
}

/// What the run does, or what the last one did.
fn course(status: &Status, now: Timestamp, zone: &TimeZone) -> Vec<String> {
    let Some(run) = &status.run else {
        return vec!["No run has worked on this queue yet.".to_owned()];
    };
    let speed = status.per_minute().map(|per_minute| format!(", {}", rate(per_minute))).unwrap_or_default();
    let busy = run.slots_busy().map(|share| format!(", slots {} busy", percent(share))).unwrap_or_default();
    let made = counted(run.succeeded, "image");
    if !status.is_at_work {
        let end = match run.ended_at {
            Some(at) => format!("the last one ended at {}", local(at, zone)),
            None => format!("the last one broke off at about {}", local(run.seen_at, zone)),
        };
        return vec![format!("No run is at work; {end} after {}: {made}{speed}{busy}.", span(worked(run)))];
    }
    let since = clock(run.started_at, now, zone);
    let left = status.time_left().map(|left| format!(", {} left", rough_span(left))).unwrap_or_default();
    let slots = counted(u64::from(run.slots), "slot");
    let who = match run.hosts {
        0 | 1 => "A run is".to_owned(),
        hosts => format!("{hosts} hosts are"),
    };
    let mut lines = vec![format!("{who} at work since {since} with {slots}: {made}{speed}{busy}{left}.")];
    if let Some(pause) = status.pause() {
        lines.push(format!("Paused until {}, because {}.", clock(pause.until, now, zone), clean_text(&pause.why)));
    }
    lines
}

/// The commands that somebody who reads this may want next.
fn next_steps(status: &Status, place: &Place) -> Vec<String> {
    let counts = &status.counts;
    let steps = [
        (!status.is_at_work && left(counts) > 0, "to go on", status.run_again.clone()),
        (counts.of(StateName::Failed) > counts.rejected, "what failed", place.command("list --state failed")),
        (counts.flagged > 0, "what is flagged", place.command("list --flagged")),
        (counts.rejected_images > 0, "what was rejected", place.command("list --rejected")),
        (counts.of(StateName::InDoubt) > 0, "what is in doubt", place.command("list --state in_doubt")),
    ];
    let mut lines: Vec<String> = steps
        .into_iter()
        .filter(|(applies, ..)| *applies)
        .map(|(_, what, command)| format!("  {what:<17} {command}"))
        .collect();
    if !lines.is_empty() {
        lines.insert(0, String::new());
    }
    lines
}
