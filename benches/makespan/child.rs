//! A contender's process: what CPU it took and how much memory it held at most, its own and nobody else's.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};

use wait4::Wait4;

/// How often memory is looked at. The last look may miss what is taken in the last moments.
const LOOK: Duration = Duration::from_millis(10);

/// What a process took.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Taken {
    pub(crate) status: ExitStatus,
    pub(crate) started: Instant,
    pub(crate) wall: Duration,
    /// User and system time, of all threads.
    pub(crate) cpu: Duration,
    /// The high-water mark of its resident memory; `None` where the system does not tell.
    pub(crate) peak_bytes: Option<u64>,
}

/// Runs a command to its end, with everything that it says in `log`.
///
/// # Errors
/// It cannot be started, or does not end in `longest` and was killed.
pub(crate) fn run(command: &mut Command, log: &Path, longest: Duration) -> Result<Taken, String> {
    let file = File::create(log).map_err(|error| format!("could not write {}: {error}", log.display()))?;
    let errors = file.try_clone().map_err(|error| error.to_string())?;
    let program = command.get_program().to_string_lossy().into_owned();
    let started = Instant::now();
    let mut child = command
        .stdin(Stdio::null())
        .stdout(file)
        .stderr(errors)
        .spawn()
        .map_err(|error| format!("could not start {program}: {error}"))?;
    let pid = child.id();
    let (ended, end) = mpsc::channel();
    std::thread::spawn(move || ended.send(child.wait4()));
    let mut peak_bytes = None;
    let mut was_killed = false;
    loop {
        peak_bytes = peak_of(pid).max(peak_bytes);
        match end.recv_timeout(LOOK) {
            Ok(Ok(_)) if was_killed => {
                return Err(format!("{program} did not end within {longest:.0?}, so it was killed; {}", said(log)));
            }
            Ok(Ok(used)) => {
                let cpu = used.rusage.utime + used.rusage.stime;
                return Ok(Taken { status: used.status, started, wall: started.elapsed(), cpu, peak_bytes });
            }
            Ok(Err(error)) => return Err(format!("could not wait for {program}: {error}")),
            Err(RecvTimeoutError::Timeout) if started.elapsed() > longest && !was_killed => {
                was_killed = kill(pid);
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return Err(format!("nobody waits for {program} any more")),
        }
    }
}

/// Runs commands at the same time, each with a log of its own; what they took together. The status is of one that did not end
/// well, if one did not.
///
/// # Errors
/// As [`run`].
pub(crate) fn run_together(
    commands: Vec<Command>,
    log_of: impl Fn(usize) -> PathBuf + Sync,
    longest: Duration,
) -> Result<Taken, String> {
    let taken = std::thread::scope(|scope| {
        let log_of = &log_of;
        let start =
            |(number, mut command): (usize, Command)| scope.spawn(move || run(&mut command, &log_of(number), longest));
        let running: Vec<_> = commands.into_iter().enumerate().map(start).collect();
        let ended = running.into_iter().map(|run| run.join().unwrap_or_else(|_| Err("it panicked".to_owned())));
        ended.collect::<Result<Vec<Taken>, String>>()
    })?;
    let sum = |all: Taken, one: Taken| Taken {
        status: if all.status.success() { one.status } else { all.status },
        started: all.started.min(one.started),
        wall: all.wall.max(one.wall),
        cpu: all.cpu + one.cpu,
        peak_bytes: all.peak_bytes.zip(one.peak_bytes).map(|(all, one)| all + one),
    };
    taken.into_iter().reduce(sum).ok_or_else(|| "nothing was started".to_owned())
}

/// Ends a process that has not been waited for yet. Returns whether there is hope that it ends.
fn kill(pid: u32) -> bool {
    Command::new("kill").args(["-KILL", &pid.to_string()]).status().is_ok_and(|status| status.success())
}

/// The last lines of a log, to end a message with.
pub(crate) fn said(log: &Path) -> String {
    let text = std::fs::read(log).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    format!("it said:\n{}", lines[lines.len().saturating_sub(20)..].join("\n"))
}

/// The high-water mark of a process that lives, from `/proc`. (The one that `wait4` tells of would begin with the
/// memory of the process that started it.)
fn peak_of(pid: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}
