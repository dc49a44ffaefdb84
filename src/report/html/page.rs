//! The page around the list of jobs: what its templates are filled with.

use std::path::Path;
use std::sync::LazyLock;

use askama::Template;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::tz::TimeZone;
use sha2::{Digest, Sha256};

use crate::job::{Flag, StateName};
use crate::queue::{ProviderKind, RunRecord};
use crate::report::place::resolved;
use crate::view::wording::{cost, counted, local, percent, quoted, rate, span, thousands};
use crate::view::{
    Advice, Commands, SANDBOX_NOTICE, about_failed, about_flagged, about_in_doubt, about_left, about_rejected,
    about_rejected_images, web,
};

use super::PageSettings;
use super::plot::Plot;
use super::totals::Totals;

static STYLE: LazyLock<String> = LazyLock::new(|| as_read(web::STYLE));

/// The page's script, in one piece: its parts share a scope.
static SCRIPT: LazyLock<String> = LazyLock::new(|| as_read(&web::script(SCRIPT_PARTS)));

const SCRIPT_PARTS: &str = concat!(
    include_str!("../../../templates/report/jobs.js"),
    include_str!("../../../templates/report/marks.js"),
    include_str!("../../../templates/report/main.js"),
);

/// A text as the browser reads it, whose line ends are one character: its hash is compared with the page's policy.
fn as_read(text: &str) -> String {
    text.replace("\r\n", "\n")
}

/// This many reasons of failures are listed.
const MOST_REASONS: usize = 12;

/// The name of the file that a reviewer saves the rejected results to.
const REJECTED_FILE: &str = "rejected.csv";

/// The beginning of the page, before the list.
#[derive(Template)]
#[template(path = "report/head.html")]
pub(super) struct Head {
    title: String,
    /// Names this report in the browser's storage.
    report: String,
    /// Whose clock the page shows, as browsers name it.
    zone: String,
    policy: String,
    style: &'static str,
}

impl Head {
    pub(super) fn of(output_dir: &Path, page: &PageSettings<'_>) -> Self {
        let output_dir = resolved(output_dir);
        let name = output_dir.file_name().map(|name| name.to_string_lossy().into_owned());
        let digest = Sha256::digest(output_dir.to_string_lossy().as_bytes());
        Self {
            title: name.unwrap_or_else(|| "results".to_owned()),
            report: digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect(),
            zone: browser_zone(page),
            policy: policy(),
            style: &STYLE,
        }
    }

    pub(super) fn title(&self) -> &str {
        &self.title
    }
}

/// A zone by its name, or by its offset where it has none.
fn browser_zone(page: &PageSettings<'_>) -> String {
    let by_offset = || page.now.to_zoned(page.zone.clone()).strftime("%:z").to_string();
    page.zone.iana_name().map_or_else(by_offset, str::to_owned)
}

/// The Content-Security-Policy: pictures from beside the page or from disk, the page's own style and script, and
/// nothing else; above all nothing from any network.
fn policy() -> String {
    let hash = |text: &str| STANDARD.encode(Sha256::digest(text.as_bytes()));
    format!(
        "default-src 'none'; img-src 'self' file: data:; style-src 'sha256-{}'; script-src 'sha256-{}'; \
         base-uri 'none'; form-action 'none'",
        hash(&STYLE),
        hash(&SCRIPT)
    )
}

/// The rest of the page, after the list.
#[derive(Template)]
#[template(path = "report/body.html")]
pub(super) struct Body {
    title: String,
    as_of: String,
    provider: String,
    sandbox_notice: Option<&'static str>,
    figures: Vec<Figure>,
    states: Vec<State>,
    plot: Option<Plot>,
    failed: Option<Failed>,
    flagged: Option<Flagged>,
    further_advice: Vec<Advice>,
    typed_in: Option<String>,
    bound: Option<String>,
    rejected_file: &'static str,
    retry_rejected: String,
    review_rejected: String,
    script: &'static str,
}

/// A number of the overview.
struct Figure {
    label: &'static str,
    value: String,
    note: String,
}

/// A state that jobs are in.
struct State {
    word: &'static str,
    spoken: String,
    count: String,
    /// Where its part of the bar begins and how wide it is, in per cent.
    from: String,
    width: String,
}

/// The failures, by reason.
struct Failed {
    advice: Advice,
    reasons: Vec<Reason>,
    others: Option<String>,
}

/// The flagged results, by flag.
struct Flagged {
    advice: Advice,
    count: String,
    flags: Vec<FlagCount>,
}

struct FlagCount {
    word: &'static str,
    meaning: &'static str,
    count: String,
}

struct Reason {
    number: usize,
    count: String,
    example: String,
    command: String,
}

impl Body {
    pub(super) fn of(
        title: &str,
        totals: &Totals,
        listed: u64,
        provider: Option<ProviderKind>,
        run: Option<&RunRecord>,
        page: &PageSettings<'_>,
    ) -> Self {
        let counts = &totals.counts;
        let is_sandbox = provider == Some(ProviderKind::Sandbox);
        Self {
            title: title.to_owned(),
            as_of: local(page.now, &page.zone),
            provider: place_of_work(provider, run),
            sandbox_notice: is_sandbox.then_some(SANDBOX_NOTICE),
            figures: figures(totals, run, &page.zone),
            states: states(totals),
            plot: Plot::draw(&totals.tempo, &page.zone),
            failed: about_failed(counts, page.commands).map(|advice| failed(totals, advice, page.commands)),
            flagged: about_flagged(counts, &totals.flags(), page.commands).map(|advice| flagged(totals, advice)),
            further_advice: [
                about_rejected(counts),
                about_rejected_images(counts, page.commands),
                about_in_doubt(counts, page.commands),
                about_left(counts, page.commands),
            ]
            .into_iter()
            .flatten()
            .collect(),
            typed_in: page.typed_in.map(|folder| folder.display().to_string()),
            bound: (listed < counts.total()).then(|| bound(listed, counts.total())),
            rejected_file: REJECTED_FILE,
            retry_rejected: page.commands.then_run(&format!("retry --again --from {REJECTED_FILE}")),
            review_rejected: page.commands.tryon(&format!("review --from {REJECTED_FILE}")),
            script: &SCRIPT,
        }
    }
}

/// The overview: what there is, what it cost, how long it took.
fn figures(totals: &Totals, run: Option<&RunRecord>, zone: &TimeZone) -> Vec<Figure> {
    let counts = &totals.counts;
    let figure = |label, value: String, note: String| Figure { label, value, note };
    let done = thousands(counts.of(StateName::Succeeded));
    let mut figures = vec![figure("images", done, format!("of {}", thousands(counts.total())))];
    for (label, state) in [("failed", StateName::Failed), ("in doubt", StateName::InDoubt)] {
        if counts.of(state) > 0 {
            figures.push(figure(label, thousands(counts.of(state)), String::new()));
        }
    }
    if counts.flagged > 0 {
        figures.push(figure("flagged", thousands(counts.flagged), "to be looked at".to_owned()));
    }
    if counts.approved + counts.rejected_images > 0 {
        let others =
            format!("{} rejected, {} unjudged", thousands(counts.rejected_images), thousands(counts.unjudged()));
        figures.push(figure("approved", thousands(counts.approved), others));
    }
    if counts.left() > 0 {
        figures.push(figure("to do", thousands(counts.left()), String::new()));
    }
    figures.push(figure("units", cost(counts.units, counts.paid, counts.untold), String::new()));
    if let Some(mean) = totals.mean_image_time() {
        figures.push(figure("an image took", format!("{:.1} s", mean.as_secs_f64()), "on average".to_owned()));
    }
    figures.extend(run.map(|run| of_run(run, zone)).into_iter().flatten());
    figures
}

/// Where the last run worked: its accounts, or the provider of the one that has no name.
fn place_of_work(provider: Option<ProviderKind>, run: Option<&RunRecord>) -> String {
    let names: Vec<&str> = run.iter().flat_map(|run| &run.accounts).map(|account| account.name.as_str()).collect();
    match names[..] {
        [] => provider.map_or("no run yet", ProviderKind::word).to_owned(),
        [name] => format!("account {name}"),
        _ => format!("accounts {}", names.join(", ")),
    }
}

/// The last run: how long, how fast, and how much of the provider's slots it used.
fn of_run(run: &RunRecord, zone: &TimeZone) -> Vec<Figure> {
    let until = run.ended_at.unwrap_or(run.seen_at);
    let took = std::time::Duration::try_from(until.duration_since(run.started_at)).unwrap_or_default();
    let began = format!("began {}", run.started_at.to_zoned(zone.clone()).strftime("%a %-d %b %H:%M"));
    let mut figures = vec![Figure { label: "the last run took", value: span(took), note: began }];
    if run.succeeded > 0 && !took.is_zero() {
        #[expect(clippy::cast_precision_loss, reason = "images of one run")]
        let per_minute = run.succeeded as f64 / took.as_secs_f64() * 60.0;
        let images = counted(run.succeeded, "image");
        let value = rate(per_minute).replace(" images/min", "");
        figures.push(Figure { label: "images a minute", value, note: format!("{images} in that run") });
    }
    if let Some(share) = run.slots_busy() {
        let note = counted(u64::from(run.slots), "slot");
        figures.push(Figure { label: "slots", value: format!("{} busy", percent(share)), note });
    }
    figures
}

/// The states in the order in which one asks for them.
const STATES: [StateName; 8] = [
    StateName::Succeeded,
    StateName::Failed,
    StateName::InDoubt,
    StateName::Downloading,
    StateName::Running,
    StateName::Submitting,
    StateName::Pending,
    StateName::Cancelled,
];

/// The states that jobs are in, with their parts of a bar.
fn states(totals: &Totals) -> Vec<State> {
    let total = totals.counts.total();
    let mut before = 0;
    let mut states = Vec::new();
    for state in STATES {
        let count = totals.counts.of(state);
        if count > 0 {
            states.push(State {
                word: state.word(),
                spoken: state.word().replace('_', " "),
                count: thousands(count),
                from: per_cent(before, total),
                width: per_cent(count, total),
            });
        }
        before += count;
    }
    states
}

#[expect(clippy::cast_precision_loss, reason = "a part of a bar on a page")]
fn per_cent(part: u64, whole: u64) -> String {
    format!("{:.3}%", part as f64 / whole as f64 * 100.0)
}

fn failed(totals: &Totals, advice: Advice, commands: Commands<'_>) -> Failed {
    let (top, others) = totals.reasons.top(MOST_REASONS);
    let reasons = top.into_iter().map(|(number, reason)| Reason {
        number,
        count: thousands(reason.count),
        example: reason.said().into_owned(),
        command: commands.then_run(&format!("retry --failed --reason={}", quoted(&reason.key))),
    });
    Failed { reasons: reasons.collect(), others: (others > 0).then(|| thousands(others)), advice }
}

fn flagged(totals: &Totals, advice: Advice) -> Flagged {
    let of_each =
        |(flag, count): (Flag, u64)| FlagCount { word: flag.word(), meaning: flag.meaning(), count: thousands(count) };
    let flags = totals.flags().into_iter().map(of_each).collect();
    // The list beneath says how many of each.
    let results = counted(totals.counts.flagged, "result");
    let advice = Advice {
        head: format!("{results} flagged. Look at them first: what is made again is paid for again."),
        ..advice
    };
    Flagged { advice, count: thousands(totals.counts.flagged), flags }
}

/// What is said where not all jobs are listed.
fn bound(listed: u64, total: u64) -> String {
    format!(
        "This page lists {} of {} jobs: those that failed, are in doubt or flagged first, and of the others as many as a browser \
         can hold, in manifest order. Totals, plot and reasons are of all jobs; report.csv has all of them.",
        thousands(listed),
        thousands(total)
    )
}
