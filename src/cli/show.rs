//! `tryon show ID`: the story of one job.

use std::fmt::Write as _;
use std::io::Write;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::job::{AccountName, Flag, ImageRef, JobId, JobState, Keep, ModelName, StateName, Verdict, clean_text};
use crate::queue::{AttemptRecord, JobRecord, ProviderKind, QueueReads};
use crate::view::wording::{clock, local, units};

use super::pipe::fine_if_reader_left;
use super::place::Place;
use crate::view::{AttemptJson, JobJson, StoryJson};

/// So many jobs with the same picture are named.
const MOST_DUPLICATES: usize = 3;

/// What `show` is asked for.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct ShowArgs {
    /// The job's id, as `tryon list` prints it
    #[arg(value_name = "ID", allow_hyphen_values = true)]
    pub id: String,
    /// One JSON object, for scripts
    #[arg(long)]
    pub json: bool,
}

/// Prints one job and every attempt made for it.
///
/// # Errors
/// There is no such job, the queue cannot be read, or `out` not written.
pub(super) async fn show(
    args: &ShowArgs,
    queue: &dyn QueueReads,
    place: &Place,
    out: &mut dyn Write,
) -> anyhow::Result<()> {
    show_at(args, queue, place, out, Timestamp::now(), &TimeZone::system()).await
}

pub(super) async fn show_at(
    args: &ShowArgs,
    queue: &dyn QueueReads,
    place: &Place,
    out: &mut dyn Write,
    now: Timestamp,
    zone: &TimeZone,
) -> anyhow::Result<()> {
    let job = queue.job(&args.id).await?;
    let attempts = queue.attempts(job.seq).await?;
    let text = if args.json {
        let story = StoryJson { job: JobJson::of(&job), history: attempts.iter().map(AttemptJson::of).collect() };
        serde_json::to_string(&story)? + "\n"
    } else {
        let teller = Teller { now, zone };
        let twins = if job.flags.has(Flag::Twin) { queue.twins_of(job.seq).await? } else { Vec::new() };
        let mut text = teller.job(&job, &model(&job, &attempts, queue).await?, &twins);
        attempts.iter().for_each(|attempt| teller.attempt(attempt, &mut text));
        Teller::next_steps(&job, place, &mut text);
        text
    };
    fine_if_reader_left(out.write_all(text.as_bytes()).and_then(|()| out.flush()).map_err(Into::into))
}

/// The model that the job asks for, or would ask for now.
async fn model(job: &JobRecord, attempts: &[AttemptRecord], queue: &dyn QueueReads) -> anyhow::Result<String> {
    let of_attempt = attempts.last().map(|attempt| attempt.model.clone());
    let model = match of_attempt.or_else(|| job.spec.model.clone()) {
        Some(model) => model.to_string(),
        None => {
            format!("{} (the run's)", queue.default_model().await?.as_ref().map_or(ModelName::DEFAULT, |m| m.as_str()))
        }
    };
    let is_sandbox = queue.provider().await? == Some(ProviderKind::Sandbox);
    Ok(if is_sandbox { format!("{model} (sandbox)") } else { model })
}

/// Tells the story in local time.
struct Teller<'a> {
    now: Timestamp,
    zone: &'a TimeZone,
}

impl Teller<'_> {
    fn job(&self, job: &JobRecord, model: &str, twins: &[JobId]) -> String {
        let spec = &job.spec;
        let mut text = format!("{}: {}\n\n", spec.id, spoken(job.state.name().word()));
        let garment = |garment: Option<&str>| garment.map(|garment| format!(", {garment}")).unwrap_or_default();
        row(&mut text, "human", &image(&spec.human));
        row(&mut text, "cloth", &(image(&spec.cloth) + &garment(spec.cloth_type.map(crate::job::Garment::word))));
        if let Some(second) = &spec.second {
            row(&mut text, "second cloth", &(image(&second.image) + &garment(Some(second.garment.word()))));
        }
        row(&mut text, "model", model);
        let Keep { face, pose, background } = spec.keep;
        let changes = [(face, "face"), (pose, "pose"), (background, "background")];
        let changes: Vec<&str> = changes.into_iter().filter(|(stays, _)| !stays).map(|(_, what)| what).collect();
        if !changes.is_empty() {
            row(&mut text, "may change", &changes.join(", "));
        }
        if spec.priority != 0 {
            row(&mut text, "priority", &spec.priority.to_string());
        }
        maybe_row(&mut text, "output", job.output.as_deref());
        for flag in job.flags.iter() {
            let others = twins.iter().take(MOST_DUPLICATES).map(JobId::as_str).collect::<Vec<_>>().join(", ");
            let which = if flag == Flag::Twin && !twins.is_empty() { format!(": {others}") } else { String::new() };
            row(&mut text, "flagged", &format!("{}: {}{which}", flag.word(), flag.meaning()));
        }
        if let Some(review) = &job.review {
            let by = review.reviewer.as_deref().map(|reviewer| format!(" by {reviewer}")).unwrap_or_default();
            row(&mut text, "review", &format!("{}{by}, {}", review.verdict.word(), local(review.at, self.zone)));
            maybe_row(&mut text, "reason", review.reason.as_deref());
        }
        for (name, value) in spec.extra.iter() {
            row(&mut text, "column", &format!("{}: {}", clean_text(name), clean_text(value)));
        }
        match &job.state {
            JobState::Pending { retry_at } => {
                maybe_row(&mut text, "because", job.message.as_deref());
                let again = retry_at.map(|at| clock(at, self.now, self.zone));
                maybe_row(&mut text, "not before", again.as_deref());
            }
            JobState::InDoubt { .. } => maybe_row(&mut text, "because", job.message.as_deref()),
            JobState::Failed { failure, .. } => row(&mut text, "because", &failure.to_string()),
            _ => {}
        }
        maybe_row(&mut text, "finished", job.finished_at.map(|at| local(at, self.zone)).as_deref());
        text
    }

    fn attempt(&self, attempt: &AttemptRecord, text: &mut String) {
        let asked = match attempt.asked {
            0 | 1 => String::new(),
            times => format!(", asked {times} times"),
        };
        // Writing to a string does not fail.
        let _ = writeln!(text, "\nattempt {}: {}{asked}", attempt.attempt, spoken(&attempt.outcome));
        let mut at = |time: Option<Timestamp>, what: &str| {
            if let Some(time) = time {
                let _ = writeln!(text, "  {}  {what}", local(time, self.zone));
            }
        };
        at(Some(attempt.claimed_at), if attempt.shares.is_some() { "begun" } else { "submitted" });
        at(attempt.accepted_at, "taken by the provider");
        at(attempt.task_ended_at, "generation ended");
        at(attempt.ended_at, "attempt over");
        let note = &attempt.note;
        maybe_row(text, "task id", attempt.task_id.as_ref().map(|task| task.0.as_str()));
        maybe_row(text, "account", attempt.account.as_ref().map(AccountName::as_str));
        match &attempt.shares {
            Some(twin) => row(text, "shared with", &format!("{twin}, the same pair: generated and paid for once")),
            None => row(text, "external id", &attempt.external_id.0),
        }
        maybe_row(text, "request id", note.request_id.as_deref());
        maybe_row(text, "HTTP status", note.http_status.map(|status| status.to_string()).as_deref());
        maybe_row(text, "code", note.code.as_deref());
        maybe_row(text, "message", note.message.as_deref());
        maybe_row(text, "units", note.units.map(units).as_deref());
        maybe_row(text, "paid", note.paid.map(|paid| format!("{} from the balance", units(paid))).as_deref());
        maybe_row(text, "answer", note.answer.as_deref());
        for sent_as in attempt.sent_as.iter().flat_map(|sent_as| sent_as.split("; ")) {
            row(text, "sent as", sent_as);
        }
    }

    /// The commands that the owner of such a job may want next.
    fn next_steps(job: &JobRecord, place: &Place, text: &mut String) {
        let id = job.spec.id.as_str();
        // What each is good for, the command, and what comes behind the id.
        let steps: &[(&str, &str, &str)] = match job.state.name() {
            StateName::Succeeded if !job.flags.is_empty() || is_rejected(job) => {
                &[("to pay for again", "retry --again", "")]
            }
            StateName::Failed | StateName::Cancelled => &[("to try again", "retry", "")],
            StateName::InDoubt => &[("if it is there", "adopt", "TASK_ID"), ("to send again", "retry", "")],
            StateName::Pending => &[("to take it out", "cancel", "")],
            _ => return,
        };
        text.push('\n');
        for (what, verb, after) in steps {
            let _ = writeln!(text, "  {what:<16} {}", place.command_about(verb, id, after));
        }
        if matches!(job.state, JobState::InDoubt { .. }) {
            text.push_str("\n  If the provider did make the task, sending again is charged twice.\n");
        }
    }
}

fn is_rejected(job: &JobRecord) -> bool {
    job.review.as_ref().is_some_and(|review| review.verdict == Verdict::Rejected)
}

fn row(text: &mut String, label: &str, value: &str) {
    let _ = writeln!(text, "  {label:<12} {value}");
}

fn maybe_row(text: &mut String, label: &str, value: Option<&str>) {
    if let Some(value) = value {
        row(text, label, value);
    }
}

/// A stored word as it is said: `in doubt`.
fn spoken(word: &str) -> String {
    word.replace('_', " ")
}

/// A picture as the manifest names it, and where that is.
fn image(image: &ImageRef) -> String {
    let place = image.source.to_string();
    if place == image.written { place } else { format!("{} ({place})", image.written) }
}
