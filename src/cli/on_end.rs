//! `--on-end COMMAND`: a word to somebody when a run ends.

use std::ffi::OsString;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::process::Command;

use crate::exit_code::ExitCode;
use crate::job::StateName;
use crate::queue::Counts;

/// The command may take so long; then it is ended.
const LONGEST: Duration = Duration::from_secs(600);

/// How a run ended, for the command.
pub(super) struct Ended<'a> {
    pub(super) exit_code: ExitCode,
    /// Why it ended before everything was done; empty where it did not.
    pub(super) reason: &'a str,
    /// The whole queue; `None` where it cannot be read any more.
    pub(super) counts: Option<&'a Counts>,
    /// Images made in this run.
    pub(super) succeeded_now: u64,
    pub(super) took: Duration,
    pub(super) report: &'a Path,
    pub(super) page: &'a Path,
    /// The summary, as it is printed.
    pub(super) summary: &'a str,
}

impl Ended<'_> {
    /// What the command finds in its environment.
    fn environment(&self) -> Vec<(&'static str, OsString)> {
        let mut all: Vec<(&'static str, OsString)> = vec![
            ("TRYON_EXIT_CODE", self.exit_code.number().to_string().into()),
            ("TRYON_REASON", self.reason.into()),
            ("TRYON_SUCCEEDED_NOW", self.succeeded_now.to_string().into()),
            ("TRYON_SECONDS", self.took.as_secs().to_string().into()),
            ("TRYON_REPORT", self.report.into()),
            ("TRYON_PAGE", self.page.into()),
        ];
        let Some(counts) = self.counts else { return all };
        let of = |state| OsString::from(counts.of(state).to_string());
        all.extend([
            ("TRYON_TOTAL", counts.total().to_string().into()),
            ("TRYON_SUCCEEDED", of(StateName::Succeeded)),
            ("TRYON_FAILED", of(StateName::Failed)),
            ("TRYON_IN_DOUBT", of(StateName::InDoubt)),
            ("TRYON_CANCELLED", of(StateName::Cancelled)),
            ("TRYON_LEFT", counts.left().to_string().into()),
            ("TRYON_FLAGGED", counts.flagged.to_string().into()),
            ("TRYON_UNITS", counts.units_told().map_or_else(String::new, |units| units.to_string()).into()),
        ]);
        all
    }
}

/// Runs the command, with the outcome in its environment and the summary on its standard input. Returns what went wrong: that
/// is told, and changes nothing.
pub(super) async fn run(command: &str, ended: &Ended<'_>) -> Option<String> {
    match tokio::time::timeout(LONGEST, carry_out(command, ended)).await {
        Ok(Ok(())) => None,
        Ok(Err(why)) => Some(format!("--on-end: `{command}` {why}")),
        Err(_) => Some(format!("--on-end: `{command}` did not end within {} minutes", LONGEST.as_secs() / 60)),
    }
}

async fn carry_out(command: &str, ended: &Ended<'_>) -> Result<(), String> {
    let mut child = shell(command)
        .envs(ended.environment())
        .stdin(Stdio::piped())
        // What it prints is no part of this program's output.
        .stdout(Stdio::from(std::io::stderr()))
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| format!("could not be started: {error}"))?;
    if let Some(mut input) = child.stdin.take() {
        // Who does not read its standard input has no need of it.
        let _ = input.write_all(ended.summary.as_bytes()).await;
    }
    let status = child.wait().await.map_err(|error| format!("was lost sight of: {error}"))?;
    if status.success() { Ok(()) } else { Err(format!("ended with {status}")) }
}

/// The command as the system's shell takes it.
fn shell(command: &str) -> Command {
    let (shell, flag) = if cfg!(windows) { ("cmd", "/C") } else { ("sh", "-c") };
    let mut shell = Command::new(shell);
    shell.arg(flag).arg(command);
    shell
}
