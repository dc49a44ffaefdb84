//! The end of a run in a few lines: what there is, what it cost, and what to do about the rest.

use std::collections::HashMap;
use std::fmt::Write;
use std::path::Path;
use std::time::Duration;

use crate::job::{Failure, FailureKind, JobState, StateName};
use crate::queue::{Counts, QueueError, QueueReader};

use super::wording::{counted, percent, span, thousands, units};

/// So many reasons are shown.
const MOST_SHOWN: usize = 5;

/// So many different reasons are told apart, which bounds memory whatever providers may say.
const MOST_KEPT: usize = 1_000;

/// Failures by reason.
#[derive(Debug, Default)]
pub struct FailureReasons {
    by_reason: HashMap<String, Reason>,
    /// Failures whose reason no longer found a place.
    further: u64,
}

#[derive(Debug)]
struct Reason {
    count: u64,
    /// What the first of them said.
    example: String,
}

impl FailureReasons {
    /// The reasons of all failed jobs in the queue.
    ///
    /// # Errors
    /// Those of the queue.
    pub fn read(reader: &QueueReader) -> Result<Self, QueueError> {
        let mut reasons = Self::default();
        reader.jobs(&[StateName::Failed], |job| -> Result<(), QueueError> {
            if let JobState::Failed { failure, .. } = &job.state {
                reasons.add(failure);
            }
            Ok(())
        })?;
        Ok(reasons)
    }

    /// Counts one.
    pub fn add(&mut self, failure: &Failure) {
        // What we say ourselves names the file or the address, so that no two of these are the same.
        let key = match failure.kind {
            FailureKind::InvalidInput | FailureKind::Download => failure.code.clone(),
            FailureKind::Refused | FailureKind::Task | FailureKind::NoImage => failure.to_string(),
        };
        if let Some(reason) = self.by_reason.get_mut(&key) {
            reason.count += 1;
        } else if self.by_reason.len() < MOST_KEPT {
            self.by_reason.insert(key, Reason { count: 1, example: failure.to_string() });
        } else {
            self.further += 1;
        }
    }

    /// The most frequent reasons, with what one of them said and how many there are; and how many others there are.
    #[must_use]
    pub fn top(&self) -> (Vec<(&str, u64)>, u64) {
        let mut all: Vec<_> = self.by_reason.values().map(|reason| (reason.example.as_str(), reason.count)).collect();
        all.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(b.0)));
        let others = all.iter().skip(MOST_SHOWN).map(|(_, count)| count).sum::<u64>() + self.further;
        all.truncate(MOST_SHOWN);
        (all, others)
    }
}

/// What the summary is made of.
#[derive(Debug, Clone, Copy)]
pub struct RunSummary<'a> {
    /// The whole queue at the end.
    pub counts: &'a Counts,
    /// Images made in this run.
    pub succeeded_now: u64,
    /// How long the run took.
    pub took: Duration,
    /// Share of slot time in use, from 0 to 1, if there was slot time.
    pub slots_busy: Option<f64>,
    /// Whether the stand-in made the pictures.
    pub is_sandbox: bool,
    /// Why the run stopped before everything was done, if it did.
    pub stopped: Option<&'a str>,
    /// Why jobs failed.
    pub reasons: &'a FailureReasons,
    /// Where the report is, if it could be written.
    pub report: Option<&'a Path>,
    /// The flags that name this queue, to repeat in hints: `-o results`, or nothing.
    pub place_flags: &'a str,
    /// The command that goes on: `tryon run -o results`.
    pub run_again: &'a str,
}

/// The end of a run in a few lines, the last one ended too.
#[must_use]
pub fn summary(run: &RunSummary<'_>) -> String {
    let mut text = String::new();
    say_result(run, &mut text);
    say_failed(run, &mut text);
    say_in_doubt(run, &mut text);
    say_left(run, &mut text);
    if run.is_sandbox {
        line(&mut text, "");
        line(&mut text, "SANDBOX: these pictures are composites of the stand-in, not try-ons.");
    }
    text
}

fn line(text: &mut String, line: &str) {
    text.push_str(line);
    text.push('\n');
}

/// A command with the flags of this queue.
fn command(run: &RunSummary<'_>, verb: &str) -> String {
    format!("tryon {verb} {}", run.place_flags).trim_end().to_owned()
}

fn say_result(run: &RunSummary<'_>, text: &mut String) {
    let counts = run.counts;
    let (done, total) = (counts.of(StateName::Succeeded), counts.total());
    let head = match run.stopped {
        Some(why) => format!("Stopped after {}: {why}", span(run.took)),
        None => format!("Finished in {}", span(run.took)),
    };
    line(text, &head);
    line(text, "");
    let mut row = |label: &str, value: &str| {
        // Writing to a string does not fail.
        let _ = writeln!(text, "  {label:<9} {value}");
    };
    row(
        "images",
        &format!("{} of {}, {} in this run", thousands(done), thousands(total), thousands(run.succeeded_now)),
    );
    for state in [StateName::Failed, StateName::InDoubt, StateName::Cancelled] {
        if counts.of(state) > 0 {
            row(&state.word().replace('_', " "), &thousands(counts.of(state)));
        }
    }
    if left(counts) > 0 {
        row("to do", &thousands(left(counts)));
    }
    row("units", &units(counts.units));
    if let Some(share) = run.slots_busy {
        row("slots", &format!("{} busy", percent(share)));
    }
    if let Some(report) = run.report {
        row("report", &report.display().to_string());
    }
}

fn say_failed(run: &RunSummary<'_>, text: &mut String) {
    let rejected = run.counts.rejected;
    let failed = run.counts.of(StateName::Failed) - rejected;
    if failed > 0 {
        let (top, others) = run.reasons.top();
        line(text, "");
        line(text, &format!("{} failed:", counted(failed, "job")));
        let others = (others > 0).then_some(("for other reasons", others));
        for (reason, count) in top.into_iter().chain(others) {
            let _ = writeln!(text, "  {:>6}  {reason}", thousands(count));
        }
        say_how(text, "to see them", &command(run, "list --state failed"));
        say_how(text, "to try again", &format!("{} && {}", command(run, "retry --failed"), run.run_again));
    }
    if rejected > 0 {
        line(text, "");
        let rows = counted(rejected, "manifest row");
        line(text, &format!("{rows} could not be used; the report says why. Correct them and run the manifest again."));
    }
}

fn say_in_doubt(run: &RunSummary<'_>, text: &mut String) {
    let in_doubt = run.counts.of(StateName::InDoubt);
    if in_doubt == 0 {
        return;
    }
    line(text, "");
    let jobs = counted(in_doubt, "job");
    line(text, &format!("{jobs} in doubt: sent, but the answer was lost. Sending again may be charged twice."));
    say_how(text, "to see them", &command(run, "list --state in_doubt"));
    say_how(text, "if it is there", &command(run, "adopt ID TASK_ID"));
    say_how(text, "to send again", &format!("{} && {}", command(run, "retry --in-doubt"), run.run_again));
}

fn say_left(run: &RunSummary<'_>, text: &mut String) {
    let left = left(run.counts);
    if left > 0 {
        line(text, "");
        line(text, &format!("{} still to do.", counted(left, "job")));
        say_how(text, "to go on", run.run_again);
    }
}

fn say_how(text: &mut String, what: &str, command: &str) {
    let _ = writeln!(text, "  {what:<14} {command}");
}

fn left(counts: &Counts) -> u64 {
    super::pace::left(counts)
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::*;

    fn counts(states: &[(StateName, u64)]) -> Counts {
        let mut counts = Counts::default();
        counts.units = 9_997.0;
        for (state, count) in states {
            counts.set(*state, *count);
        }
        counts
    }

    fn run<'a>(counts: &'a Counts, reasons: &'a FailureReasons) -> RunSummary<'a> {
        RunSummary {
            counts,
            succeeded_now: 5_895,
            took: Duration::from_secs(17_640),
            slots_busy: Some(0.974),
            is_sandbox: false,
            stopped: None,
            reasons,
            report: Some(Path::new("results/report.csv")),
            place_flags: "-o results",
            run_again: "tryon run -o results",
        }
    }

    #[test]
    fn a_run_without_trouble_needs_few_words() {
        let counts = counts(&[(StateName::Succeeded, 10_000)]);
        assert_snapshot!(summary(&run(&counts, &FailureReasons::default())), @"
            Finished in 4 h 54 min

              images    10,000 of 10,000, 5,895 in this run
              units     9,997
              slots     97 % busy
              report    results/report.csv
            ");
    }

    #[test]
    fn failures_are_grouped_and_every_rest_has_its_command() {
        let mut counts = counts(&[
            (StateName::Succeeded, 9_000),
            (StateName::Failed, 16),
            (StateName::InDoubt, 2),
            (StateName::Cancelled, 5),
            (StateName::Running, 1),
            (StateName::Pending, 977),
        ]);
        counts.rejected = 3;
        let mut reasons = FailureReasons::default();
        for number in 0..4 {
            let gone = Failure::of(FailureKind::InvalidInput, &format!("/shop/{number}.jpg: no such file"));
            reasons.add(&gone);
        }
        for (count, kind, code, message) in [
            (5, FailureKind::Task, None, "there is no human in the video"),
            (3, FailureKind::Refused, Some(1301), "content safety"),
            (1, FailureKind::Refused, Some(1200), "bad parameters"),
            (1, FailureKind::Task, None, "content risk control"),
            (1, FailureKind::NoImage, None, "the task succeeded without an image"),
            (1, FailureKind::Download, None, "https://cdn.example/7.png: gone"),
        ] {
            for _ in 0..count {
                reasons.add(&Failure::with_code(kind, code, message));
            }
        }
        let run = RunSummary { stopped: Some("the account is empty"), ..run(&counts, &reasons) };
        assert_snapshot!(summary(&run), @"
            Stopped after 4 h 54 min: the account is empty

              images    9,000 of 10,004, 5,895 in this run
              failed    19
              in doubt  2
              cancelled 5
              to do     978
              units     9,997
              slots     97 % busy
              report    results/report.csv

            16 jobs failed:
                   5  task_failed: there is no human in the video
                   4  invalid_input: /shop/0.jpg: no such file
                   3  1301: content safety
                   1  1200: bad parameters
                   1  download: https://cdn.example/7.png: gone
                   2  for other reasons
              to see them    tryon list --state failed -o results
              to try again   tryon retry --failed -o results && tryon run -o results

            3 manifest rows could not be used; the report says why. Correct them and run the manifest again.

            2 jobs in doubt: sent, but the answer was lost. Sending again may be charged twice.
              to see them    tryon list --state in_doubt -o results
              if it is there tryon adopt ID TASK_ID -o results
              to send again  tryon retry --in-doubt -o results && tryon run -o results

            978 jobs still to do.
              to go on       tryon run -o results
            ");
    }

    #[test]
    fn a_sandbox_run_says_so_last() {
        let counts = counts(&[(StateName::Succeeded, 6)]);
        let reasons = FailureReasons::default();
        let run = RunSummary { is_sandbox: true, ..run(&counts, &reasons) };
        assert!(summary(&run).ends_with("\nSANDBOX: these pictures are composites of the stand-in, not try-ons.\n"));
    }

    #[test]
    fn reasons_without_end_do_not_take_memory_without_end() {
        let mut reasons = FailureReasons::default();
        for number in 0..2_000 {
            reasons.add(&Failure::of(FailureKind::Task, &format!("reason {number}")));
        }
        assert_eq!(reasons.by_reason.len(), MOST_KEPT);
        assert_eq!(reasons.top().1, 1_995);
    }
}
