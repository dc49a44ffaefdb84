//! `tryon publish`: from the output tree to a channel.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde::Serialize;
use tokio_util::sync::CancellationToken;

use crate::exit_code::ExitCode;
use crate::publish::{
    Named, Originals, Outcome, Progress, PublishError, Recipe, RecipeError, Route, TableOutcome, Wishes,
};
use crate::queue::{self, Counts, Opening, ProviderKind};
use crate::store::{Objects, Scratch, Shelf};
use crate::view::wording::{counted, quoted, thousands};

use super::load::println;
use super::run::cancel_on_signal;
use super::{Console, Failure, Place};

/// How often it is told how far it has come.
const TOLD_EVERY: Duration = Duration::from_secs(10);

/// This many of each kind are named in the summary.
const MOST_NAMED: usize = 5;

/// What `publish` is asked for.
#[derive(Debug, clap::Args)]
pub(super) struct PublishArgs {
    /// Where the files go: a folder, or a bucket like `s3://bucket/prefix`
    #[arg(long, value_name = "DIR_OR_BUCKET")]
    pub to: PathBuf,
    /// How files are called, made and marked, and what the channel's table has in it: a TOML file (docs/publishing.md). Without
    /// it each image is published under its id, as it is but for the mark
    #[arg(long, value_name = "FILE")]
    pub recipe: Option<PathBuf>,
    /// Publish what nobody has judged too, unless it is flagged; without this only approved images are published
    #[arg(long)]
    pub all: bool,
    /// Leave the pixels alone, whatever the recipe's table `picture` says
    #[arg(long)]
    pub marks_only: bool,
    /// Remove published files that are wanted no more: rejected since, renamed by the recipe, or no longer in the queue
    #[arg(long)]
    pub prune: bool,
    /// Only tell what would be done
    #[arg(long)]
    pub dry_run: bool,
    /// The summary as a JSON object, for scripts
    #[arg(long)]
    pub json: bool,
}

/// Publishes, and tells what has come of it.
pub(super) async fn command(args: &PublishArgs, place: &Place, console: &Console) -> Result<ExitCode, Failure> {
    let recipe = match &args.recipe {
        Some(path) => Recipe::read(path)?,
        None => Recipe::plain()?,
    };
    let recipe = if args.marks_only { recipe.marks_only() } else { recipe };
    let queue = queue::at(&place.queue).open(Opening::Existing).await?;
    let place = place.settled(Some(&*queue)).await?;
    check_target(&args.to, &place)?;
    let owner = queue.keep_identity(crate::ambient::unique_id().to_string()).await?;
    let shelf = match args.dry_run {
        true => Shelf::look(&args.to, &owner).await?,
        false => Shelf::open(&args.to, &owner).await?,
    };
    // Copies of originals in a bucket; gone at the end.
    let copies = tempfile::tempdir().map_err(|error| Failure::machine(format!("no folder for copies: {error}")))?;
    let originals = match place.bucket() {
        Some(url) => Originals::Bucket(url, Objects::copied_to(Scratch::new(copies.path().join("originals")))),
        None => Originals::Folder(place.out.clone()),
    };
    let route = Route { originals, shelf, owner: &owner };
    let wishes = Wishes { all: args.all, prune: args.prune, dry_run: args.dry_run };
    let stop = CancellationToken::new();
    let signal = tokio::spawn(cancel_on_signal(stop.clone()));
    queue.wait_for_return(stop.clone());
    let mut teller = Teller::new(console);
    let outcome = crate::publish::publish(&*queue, &route, &recipe, wishes, &stop, &mut |at| teller.tell(at)).await?;
    let counts = queue.counts().await?;
    if args.json {
        println(&serde_json::to_string(&Summary::of(&outcome, args)).map_err(Failure::machine)?)?;
    } else {
        for line in lines(&outcome, &counts, args, &place) {
            println(&line)?;
        }
        if queue.provider().await? == Some(ProviderKind::Sandbox) && outcome.images > 0 {
            println("These are the sandbox's pictures: nothing was generated.")?;
        }
    }
    match (outcome.interrupted, outcome.failed.count) {
        (true, _) => Ok(signal.await.unwrap_or(ExitCode::Interrupted)),
        (false, 0) => Ok(ExitCode::Ok),
        (false, _) => Ok(ExitCode::SomeFailed),
    }
}

/// The originals are not published over.
fn check_target(to: &Path, place: &Place) -> Result<(), Failure> {
    let is_same = match (to.canonicalize(), place.out.canonicalize()) {
        (Ok(to), Ok(out)) => to == out,
        _ => to == place.out,
    };
    if is_same {
        return Err(Failure::usage("--to is the output folder itself, where the originals are; name another place"));
    }
    Ok(())
}

/// Tells how far it has come, from time to time.
struct Teller<'a> {
    console: &'a Console,
    began: Instant,
    told: Instant,
}

impl<'a> Teller<'a> {
    fn new(console: &'a Console) -> Self {
        let now = Instant::now();
        Self { console, began: now, told: now }
    }

    fn tell(&mut self, Progress { done, of }: Progress) {
        if self.told.elapsed() < TOLD_EVERY || done == of {
            return;
        }
        self.told = Instant::now();
        let rate = done as f64 / self.began.elapsed().as_secs_f64();
        self.console.info(&format!("{} of {} ({rate:.1} a second)", thousands(done), counted(of, "image")));
    }
}

/// The summary, for people.
fn lines(outcome: &Outcome, counts: &Counts, args: &PublishArgs, place: &Place) -> Vec<String> {
    let to = args.to.display();
    if outcome.images == 0 {
        return nothing(outcome, counts, args, place);
    }
    let would = if args.dry_run { "would be " } else { "" };
    let mut lines = vec![format!(
        "{to}: {} {would}written, {} up to date{}",
        counted(outcome.written, "image"),
        thousands(outcome.up_to_date),
        if outcome.interrupted { "; interrupted: the same command goes on" } else { "" }
    )];
    match outcome.table {
        TableOutcome::None => {}
        TableOutcome::Written => {
            lines.push(format!("The table {}written.", if args.dry_run { "would be " } else { "was " }));
        }
        TableOutcome::UpToDate => lines.push("The table is up to date.".to_owned()),
        TableOutcome::Waits => lines.push("The table is written when all images are there.".to_owned()),
    }
    for (remark, jobs) in &outcome.remarks {
        name(&mut lines, &format!("{}: {remark}", counted(jobs.count, "image")), jobs, ", ");
    }
    if outcome.changed.count > 0 {
        let what = format!("{} changed by somebody since, and left alone", files(outcome.changed.count, "was", "were"));
        name(&mut lines, &what, &outcome.changed, ", ");
    }
    tell_stale(&mut lines, outcome);
    if outcome.failed.count > 0 {
        let what = format!("{} could not be published", counted(outcome.failed.count, "image"));
        name(&mut lines, &what, &outcome.failed, "\n  ");
    }
    lines.extend(left_out(outcome, counts, args, place));
    lines
}

fn files(count: u64, is: &str, are: &str) -> String {
    format!("{} {}", counted(count, "file"), if count == 1 { is } else { are })
}

fn tell_stale(lines: &mut Vec<String>, outcome: &Outcome) {
    if outcome.removed > 0 {
        lines.push(format!("{} wanted no more, and removed.", files(outcome.removed, "was", "were")));
    }
    if outcome.stale.count > 0 {
        let what = format!(
            "{} wanted no more; --prune removes what nobody has changed",
            files(outcome.stale.count, "is", "are")
        );
        name(lines, &what, &outcome.stale, ", ");
    }
}

/// A line, with the first of those that it is about.
fn name(lines: &mut Vec<String>, what: &str, named: &Named, between: &str) {
    let shown: Vec<&str> = named.first.iter().take(MOST_NAMED).map(String::as_str).collect();
    let further = named.count - shown.len() as u64;
    let further = if further == 0 { String::new() } else { format!("{between}and {} more", thousands(further)) };
    let before = if between.starts_with('\n') { between } else { " " };
    lines.push(format!("{what}:{before}{}{further}", shown.join(between)));
}

/// Results that are not published, and what to do about it.
fn left_out(outcome: &Outcome, counts: &Counts, args: &PublishArgs, place: &Place) -> Option<String> {
    let results = counts.of(crate::job::StateName::Succeeded);
    let waiting = results.saturating_sub(outcome.images + counts.rejected_images);
    let rejected = match counts.rejected_images {
        0 => String::new(),
        rejected => format!("; {} rejected", thousands(rejected)),
    };
    let see = if args.all { "flagged and not approved" } else { "not judged yet" };
    (waiting > 0).then(|| {
        format!("Left out: {} {see}{rejected}. `tryon review{}` judges.", counted(waiting, "result"), place.flags())
    })
}

/// The flags that name the place, behind a command.
fn spaced(place: &Place) -> String {
    let flags = place.flags();
    if flags.is_empty() { flags } else { format!(" {flags}") }
}

fn nothing(outcome: &Outcome, counts: &Counts, args: &PublishArgs, place: &Place) -> Vec<String> {
    let flags = spaced(place);
    let mut lines = vec![match (counts.of(crate::job::StateName::Succeeded), args.all) {
        (0, _) => format!("Nothing is published: no job of {} has succeeded yet.", quoted(&place.queue.to_string())),
        (_, true) => "Nothing is published: every result is flagged or rejected.".to_owned(),
        (results, false) => format!(
            "Nothing is published: none of the {} is approved. Judge them with `tryon serve{flags}` or `tryon review{flags} \
             --approve ID…`, or publish unjudged ones too with --all.",
            counted(results, "result")
        ),
    }];
    tell_stale(&mut lines, outcome);
    lines
}

/// The summary, for scripts.
#[derive(Serialize)]
struct Summary<'a> {
    to: String,
    dry_run: bool,
    images: u64,
    written: u64,
    up_to_date: u64,
    failed: u64,
    failures: &'a [String],
    changed: u64,
    stale: u64,
    stale_files: &'a [String],
    removed: u64,
    table: Option<&'static str>,
    remarks: Vec<RemarkJson<'a>>,
    interrupted: bool,
}

#[derive(Serialize)]
struct RemarkJson<'a> {
    remark: String,
    images: u64,
    first: &'a [String],
}

impl<'a> Summary<'a> {
    fn of(outcome: &'a Outcome, args: &PublishArgs) -> Self {
        let remarks = outcome.remarks.iter().map(|(remark, jobs)| RemarkJson {
            remark: remark.to_string(),
            images: jobs.count,
            first: &jobs.first,
        });
        Self {
            to: args.to.display().to_string(),
            dry_run: args.dry_run,
            images: outcome.images,
            written: outcome.written,
            up_to_date: outcome.up_to_date,
            failed: outcome.failed.count,
            failures: &outcome.failed.first,
            changed: outcome.changed.count,
            stale: outcome.stale.count,
            stale_files: &outcome.stale.first,
            removed: outcome.removed,
            table: match outcome.table {
                TableOutcome::None => None,
                TableOutcome::Written => Some("written"),
                TableOutcome::UpToDate => Some("up_to_date"),
                TableOutcome::Waits => Some("waits"),
            },
            remarks: remarks.collect(),
            interrupted: outcome.interrupted,
        }
    }
}

impl From<RecipeError> for Failure {
    fn from(error: RecipeError) -> Self {
        Self::usage(error)
    }
}

impl From<PublishError> for Failure {
    fn from(error: PublishError) -> Self {
        match error {
            PublishError::Problems(problems) => {
                Self::usage(format!("{problems}{}: nothing was written", counted(problems.count(), "problem")))
            }
            PublishError::OtherQueue { .. } => Self::usage(error),
            PublishError::Record { .. } => Self::machine(error),
            PublishError::Output(error) => error.into(),
            PublishError::Queue(error) => error.into(),
        }
    }
}
