//! `tryon review`: what a person says of images, from a shell.

use clap::Args;

use crate::exit_code::ExitCode;
use crate::job::{StateName, Verdict};
use crate::manifest::ListedJob;
use crate::ops::review;
use crate::queue::{self, Judgement, Opening, QueueError, QueueReads};
use crate::settings::Options;
use crate::view::wording::{counted, judged};

use super::id_list::{ByIds, Listed, present_image, read_list, whole_sha256};
use super::load::println;
use super::{Failure, Place};

/// How many problems are told one by one.
const MOST_TOLD: usize = 10;

/// Which images, and what is said of them.
#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("which").required(true), group = clap::ArgGroup::new("verdict"))]
pub(super) struct ReviewArgs {
    #[command(flatten)]
    jobs: ByIds,

    /// The images may be published. With --from, and without --approve, --reject and --undo, the list's column `review` says
    /// of each image which, and `review_reason` why
    #[arg(long, group = "verdict")]
    approve: bool,

    /// The images may not be published
    #[arg(long, group = "verdict")]
    reject: bool,

    /// Take back what was said of the images
    #[arg(long, group = "verdict")]
    undo: bool,

    /// Why; kept with the verdict, and in the report
    #[arg(long, value_name = "TEXT", requires = "reject")]
    reason: Option<String>,

    /// Who says so; kept with the verdict
    #[arg(long, value_name = "NAME", env = "TRYON_REVIEWER")]
    reviewer: Option<String>,
}

impl ReviewArgs {
    /// What is said of every image alike. The outer `None` leaves it to the list.
    #[expect(clippy::option_option, reason = "taking back and not saying are two things here")]
    fn verdict(&self) -> Option<Option<Verdict>> {
        match (self.approve, self.reject, self.undo) {
            (true, ..) => Some(Some(Verdict::Approved)),
            (_, true, _) => Some(Some(Verdict::Rejected)),
            (.., true) => Some(None),
            _ => None,
        }
    }

    fn judgement(&self, id: String, verdict: Option<Verdict>) -> Judgement {
        let (reason, reviewer) = (self.reason.clone(), self.reviewer.clone());
        Judgement { id, verdict, reason, reviewer, ..Judgement::default() }
    }

    /// What is said of the jobs that were typed.
    fn of_named(&self) -> Result<Vec<Judgement>, Failure> {
        let verdict = self.verdict().ok_or_else(|| Failure::usage("say --approve, --reject or --undo"))?;
        Ok(self.jobs.ids.iter().map(|id| self.judgement(id.clone(), verdict)).collect())
    }

    /// What is said of the jobs of a list: by the options, or else by its own columns.
    async fn of_listed(&self, listed: Vec<Listed>, queue: &dyn QueueReads) -> Result<Vec<Judgement>, Failure> {
        let mut wrong = Vec::new();
        let mut judgements = Vec::new();
        for Listed { id, row } in listed {
            let verdict = match self.verdict() {
                Some(verdict) => verdict,
                None => match said_in(&row) {
                    Ok(Some(verdict)) => Some(verdict),
                    // Of that image nothing was said.
                    Ok(None) => continue,
                    Err(why) => {
                        wrong.push(format!("line {}: {why}", row.line));
                        continue;
                    }
                },
            };
            let reason = if verdict.is_some() { self.reason.clone().or(row.reason) } else { None };
            let sha256 = match row.sha256 {
                Some(said) => Some(whole_sha256(&said, present_image(&id, queue).await?.as_ref())),
                None => None,
            };
            judgements.push(Judgement { reason, sha256, ..self.judgement(id, verdict) });
        }
        match wrong.is_empty() {
            true => Ok(judgements),
            false => Err(refused(wrong)),
        }
    }
}

/// The verdict that a row's column `review` has.
fn said_in(row: &ListedJob) -> Result<Option<Verdict>, String> {
    let Some(word) = &row.review else { return Ok(None) };
    let verdict = Verdict::from_word(&word.to_ascii_lowercase());
    verdict
        .map(Some)
        .ok_or_else(|| format!("review: \"{}\" is neither approved nor rejected", crate::job::clean_text(word)))
}

/// `tryon review`.
pub(super) async fn command(what: &ReviewArgs, file: &Options, place: &Place) -> Result<ExitCode, Failure> {
    let queue = queue::open(&place.queue, Opening::Existing).await?;
    let judgements = match &what.jobs.from {
        Some(list) => {
            let listed = read_list(list, what.jobs.encoding(file), &*queue, "nothing was stored").await?;
            if what.verdict().is_none() && listed.iter().all(|listed| listed.row.review.is_none()) {
                return Err(Failure::usage(format!(
                    "{} says nothing in a column `review`; add --approve or --reject to say it of all of its jobs",
                    list.display()
                )));
            }
            what.of_listed(listed, &*queue).await?
        }
        None => what.of_named()?,
    };
    let stored = review::judge(&*queue, judgements).await?;
    if !stored.problems.is_empty() {
        return Err(refused(stored.problems.iter().map(QueueError::to_string).collect()));
    }
    let said = [(stored.approved, "approved"), (stored.rejected, "rejected"), (stored.taken_back, "taken back")];
    let said: Vec<String> =
        said.into_iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}")).collect();
    println(&if said.is_empty() { "nothing to say".to_owned() } else { said.join(", ") })?;
    let counts = queue.counts().await?;
    let results = counted(counts.of(StateName::Succeeded), "result");
    let all = judged(&counts).unwrap_or_else(|| "none judged".to_owned());
    println(&format!("  of {results}: {all}"))?;
    if counts.rejected_images > 0 {
        println(&format!(
            "  what the rejected ones would cost: {}",
            place.command("retry --again --rejected --dry-run")
        ))?;
    }
    Ok(ExitCode::Ok)
}

/// All problems at once, up to a bound, and that nothing has happened.
fn refused(mut problems: Vec<String>) -> Failure {
    let further = problems.len().saturating_sub(MOST_TOLD);
    problems.truncate(MOST_TOLD);
    if further > 0 {
        problems.push(format!("and {further} more like these"));
    }
    problems.push("nothing was stored".to_owned());
    Failure::usage(problems.join("\n"))
}
