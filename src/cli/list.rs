//! `tryon list`: the jobs, one a line.

use std::borrow::Cow;
use std::io::{BufWriter, Write};

use clap::ValueEnum;
use clap::builder::PossibleValue;
use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::job::{JobState, StateName};
use crate::queue::{JobRecord, Judged, QueueReads, Selection, each_job};
use crate::view::wording::{clock, counted};

use super::pipe::fine_if_reader_left;
use crate::view::JobJson;

/// So many jobs are looked at before the columns are laid out; the rest streams.
const MOST_LOOKED_AT: usize = 500;

/// An id wider than this does not push the other columns of all lines to the right.
const WIDEST_ID_COLUMN: usize = 48;

/// What `list` is asked for.
#[derive(Debug, Clone, Default, clap::Args)]
pub(super) struct ListArgs {
    /// Only jobs in these states; separate several by commas, or repeat the option
    #[arg(long, value_name = "STATE", value_enum, value_delimiter = ',')]
    pub state: Vec<StateName>,
    /// Only jobs whose result is flagged: blank, the person unchanged, …
    #[arg(long)]
    pub flagged: bool,
    /// Only jobs whose result was approved
    #[arg(long, group = "judged")]
    pub approved: bool,
    /// Only jobs whose result was rejected
    #[arg(long, group = "judged")]
    pub rejected: bool,
    /// Only jobs whose result nobody has judged yet
    #[arg(long, group = "judged")]
    pub unjudged: bool,
    /// Only jobs with this value in this column of the manifest, to the letter; several have to hold together
    #[arg(long = "column", value_name = "NAME=VALUE", value_parser = column_and_value)]
    pub columns: Vec<(String, String)>,
    /// One JSON object a line, for scripts
    #[arg(long)]
    pub json: bool,
}

/// `NAME=VALUE`: a column's name may not have a `=` in it here, its value may.
fn column_and_value(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("write NAME=VALUE, as in sku=A-17")?;
    Ok((name.trim().to_owned(), value.trim().to_owned()))
}

impl ListArgs {
    fn selection(&self) -> Selection<'_> {
        let said =
            [(self.approved, Judged::Approved), (self.rejected, Judged::Rejected), (self.unjudged, Judged::Unjudged)];
        Selection {
            flagged: self.flagged.then_some(true),
            judged: said.into_iter().find(|(is_asked, _)| *is_asked).map(|(_, judged)| judged),
            columns: &self.columns,
            ..Selection::in_states(&self.state)
        }
    }
}

impl ValueEnum for StateName {
    fn value_variants<'a>() -> &'a [Self] {
        &Self::ALL
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        let help = match self {
            Self::Pending => "waiting for its turn, or for its retry time",
            Self::Submitting => "the request may be on its way",
            Self::InDoubt => "submitted, but the answer was lost",
            Self::Running => "the provider works on it",
            Self::Downloading => "generated; the result is being fetched",
            Self::Succeeded => "the image is there",
            Self::Failed => "for good; the reason is recorded",
            Self::Cancelled => "taken out by hand",
        };
        let value = PossibleValue::new(self.word()).help(help);
        Some(if *self == Self::InDoubt { value.alias("in-doubt") } else { value })
    }
}

/// Prints the jobs in manifest order, streaming.
///
/// # Errors
/// The queue cannot be read, or `out` not written.
pub(super) async fn list(args: &ListArgs, queue: &dyn QueueReads, out: &mut dyn Write) -> anyhow::Result<()> {
    list_at(args, queue, out, Timestamp::now(), &TimeZone::system()).await
}

pub(super) async fn list_at(
    args: &ListArgs,
    queue: &dyn QueueReads,
    out: &mut dyn Write,
    now: Timestamp,
    zone: &TimeZone,
) -> anyhow::Result<()> {
    let out = BufWriter::new(out);
    let printed = match args.json {
        true => print_json(args, queue, out).await,
        false => print_lines(args, queue, out, now, zone).await,
    };
    fine_if_reader_left(printed)
}

async fn print_json(args: &ListArgs, queue: &dyn QueueReads, mut out: impl Write) -> anyhow::Result<()> {
    each_job(queue, args.selection(), |job| -> anyhow::Result<()> {
        serde_json::to_writer(&mut out, &JobJson::of(&job)).map_err(std::io::Error::from)?;
        Ok(out.write_all(b"\n")?)
    })
    .await?;
    Ok(out.flush()?)
}

async fn print_lines(
    args: &ListArgs,
    queue: &dyn QueueReads,
    out: impl Write,
    now: Timestamp,
    zone: &TimeZone,
) -> anyhow::Result<()> {
    let mut table = Table { out, waiting: Vec::new(), id_width: None };
    each_job(queue, args.selection(), |job| -> anyhow::Result<()> {
        table.add(Line {
            id: job.spec.id.to_string(),
            state: job.state.name(),
            attempts: counted(u64::from(job.attempt), "attempt"),
            reason: reason(&job, now, zone).into_owned(),
        })
    })
    .await?;
    table.end()
}

/// Why a job is where it is, or what has come of it.
fn reason<'a>(job: &'a JobRecord, now: Timestamp, zone: &TimeZone) -> Cow<'a, str> {
    let said = job.message.as_deref().unwrap_or_default();
    match &job.state {
        JobState::Pending { retry_at: Some(at) } => {
            let separator = if said.is_empty() { "" } else { "; " };
            format!("{said}{separator}again at {}", clock(*at, now, zone)).into()
        }
        JobState::Pending { retry_at: None } | JobState::InDoubt { .. } => said.into(),
        JobState::Running { task_id } | JobState::Downloading { task_id } => format!("task {task_id}").into(),
        JobState::Succeeded { .. } => result(job),
        JobState::Failed { failure, .. } => failure.to_string().into(),
        JobState::Submitting { .. } | JobState::Cancelled => "".into(),
    }
}

/// Where a result is, what was noticed about it, and what was said of it.
fn result(job: &JobRecord) -> Cow<'_, str> {
    let output = job.output.as_deref().unwrap_or_default();
    let mut notes: Vec<String> = Vec::new();
    notes.extend((!job.flags.is_empty()).then(|| job.flags.to_string()));
    notes.extend(job.review.as_ref().map(|review| {
        let why = review.reason.as_deref().map(|reason| format!(": {reason}")).unwrap_or_default();
        format!("{}{why}", review.verdict.word())
    }));
    if notes.is_empty() { output.into() } else { format!("{output} ({})", notes.join("; ")).into() }
}

struct Line {
    id: String,
    state: StateName,
    attempts: String,
    reason: String,
}

/// Aligned columns, as wide as the first jobs need them.
struct Table<W: Write> {
    out: W,
    waiting: Vec<Line>,
    id_width: Option<usize>,
}

impl<W: Write> Table<W> {
    fn add(&mut self, line: Line) -> anyhow::Result<()> {
        if let Some(width) = self.id_width {
            return self.print(&line, width);
        }
        self.waiting.push(line);
        if self.waiting.len() >= MOST_LOOKED_AT { self.print_waiting() } else { Ok(()) }
    }

    fn end(mut self) -> anyhow::Result<()> {
        self.print_waiting()?;
        Ok(self.out.flush()?)
    }

    fn print_waiting(&mut self) -> anyhow::Result<()> {
        let waiting = std::mem::take(&mut self.waiting);
        let widest = waiting.iter().map(|line| console::measure_text_width(&line.id)).max().unwrap_or(0);
        let width = widest.min(WIDEST_ID_COLUMN);
        self.id_width = Some(width);
        waiting.iter().try_for_each(|line| self.print(line, width))
    }

    fn print(&mut self, line: &Line, id_width: usize) -> anyhow::Result<()> {
        let id = console::pad_str(&line.id, id_width, console::Alignment::Left, None);
        let text = format!("{id}  {:<11}  {:<10}  {}", line.state.word(), line.attempts, line.reason);
        Ok(writeln!(self.out, "{}", text.trim_end())?)
    }
}
