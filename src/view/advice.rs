//! What is left after a run, in sentences with the commands for it. Said at the end of a run and on the page, in the
//! same words.

use super::wording::{counted, thousands};
use crate::job::{Flag, StateName};
use crate::queue::Counts;

/// Said wherever pictures of the stand-in are shown.
pub const SANDBOX_NOTICE: &str = "SANDBOX: these pictures are composites of the stand-in, not try-ons.";

/// How to name this queue again in a command.
#[derive(Debug, Clone, Copy)]
pub struct Commands<'a> {
    /// The flags that name this queue: `-o results`, or nothing.
    pub place_flags: &'a str,
    /// The command that goes on: `tryon run -o results`.
    pub run_again: &'a str,
}

impl Commands<'_> {
    /// A command about this queue.
    #[must_use]
    pub fn tryon(&self, verb: &str) -> String {
        format!("tryon {verb} {}", self.place_flags).trim_end().to_owned()
    }

    /// A command about this queue, and then on with the run.
    #[must_use]
    pub fn then_run(&self, verb: &str) -> String {
        format!("{} && {}", self.tryon(verb), self.run_again)
    }
}

/// Jobs that are not done, and what can be done about them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Advice {
    /// `16 jobs failed`, or a sentence.
    pub head: String,
    /// What a command is good for, and the command.
    pub how: Vec<(&'static str, String)>,
}

/// About failed jobs; their reasons are [`super::FailureReasons`]'s to tell. The rows that were never loaded are apart.
#[must_use]
pub fn about_failed(counts: &Counts, commands: Commands<'_>) -> Option<Advice> {
    let failed = counts.of(StateName::Failed) - counts.rejected;
    (failed > 0).then(|| Advice {
        head: format!("{} failed", counted(failed, "job")),
        how: vec![
            ("to see them", commands.tryon("list --state failed")),
            ("to try again", commands.then_run("retry --failed")),
        ],
    })
}

/// About results that should be looked at: how many jobs have which flag. A job may have several.
#[must_use]
pub fn about_flagged(counts: &Counts, flags: &[(Flag, u64)], commands: Commands<'_>) -> Option<Advice> {
    let of_each: Vec<_> = flags.iter().map(|(flag, count)| format!("{} {}", thousands(*count), flag.word())).collect();
    (counts.flagged > 0).then(|| Advice {
        head: format!(
            "{} flagged: {}. Look at them first: what is made again is paid for again.",
            counted(counts.flagged, "result"),
            of_each.join(", ")
        ),
        how: vec![
            ("to see them", commands.tryon("list --flagged")),
            ("to make again", commands.then_run("retry --again --flagged")),
        ],
    })
}

/// About results that a person has rejected.
#[must_use]
pub fn about_rejected_images(counts: &Counts, commands: Commands<'_>) -> Option<Advice> {
    let rejected = counts.rejected_images;
    (rejected > 0).then(|| Advice {
        head: format!("{} rejected. What is made again is paid for again.", counted(rejected, "result")),
        how: vec![
            ("to see them", commands.tryon("list --rejected")),
            ("to make again", commands.then_run("retry --again --rejected")),
        ],
    })
}

/// About manifest rows that `--skip-invalid` passed over.
#[must_use]
pub fn about_rejected(counts: &Counts) -> Option<Advice> {
    let rows = counted(counts.rejected, "manifest row");
    (counts.rejected > 0).then(|| Advice {
        head: format!("{rows} could not be used; the report says why. Correct them and run the manifest again."),
        how: Vec::new(),
    })
}

/// About jobs in doubt.
#[must_use]
pub fn about_in_doubt(counts: &Counts, commands: Commands<'_>) -> Option<Advice> {
    let in_doubt = counts.of(StateName::InDoubt);
    let jobs = counted(in_doubt, "job");
    (in_doubt > 0).then(|| Advice {
        head: format!("{jobs} in doubt: sent, but the answer was lost. Sending again may be charged twice."),
        how: vec![
            ("to see them", commands.tryon("list --state in_doubt")),
            ("if it is there", commands.tryon("adopt ID TASK_ID")),
            ("to send again", commands.then_run("retry --in-doubt")),
        ],
    })
}

/// About jobs that a run has not come to, or not ended.
#[must_use]
pub fn about_left(counts: &Counts, commands: Commands<'_>) -> Option<Advice> {
    let left = counts.left();
    (left > 0).then(|| Advice {
        head: format!("{} still to do.", counted(left, "job")),
        how: vec![("to go on", commands.run_again.to_owned())],
    })
}
