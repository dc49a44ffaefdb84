//! The hosts: real processes of the program, each with a name and a state folder of its own, as on machines of their own.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use crate::support::provider::Provider;
use crate::support::workshop::{Ended, Going, Workshop};

/// How long a host may be silent.
pub(crate) const LEASE: Duration = Duration::from_secs(3);

/// How old "no such task" has to be. A large create of a host that was killed lies in the network's buffers, and the provider takes
/// 0.9 s to read it; on a busy machine it was 2.2 s.
const DOUBT_AGE: &str = "4s";

/// How all hosts work.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub(crate) queue: String,
    pub(crate) concurrency: usize,
    pub(crate) rate: usize,
    pub(crate) max_in_doubt: usize,
    /// The host whose clock is wrong, and by how many seconds.
    pub(crate) wrong_clock: Option<(usize, i64)>,
    /// The host whose every run has a budget.
    pub(crate) budget: Option<(usize, usize)>,
    /// The host that is made from nothing at every start, like a container: it has no lock, and a machine of its own each time.
    pub(crate) container: Option<usize>,
}

/// Where a host is in its life.
pub(crate) enum Life {
    Running(Going),
    /// Stopped (SIGSTOP) until a moment, and what follows.
    Stopped {
        going: Going,
        until: Instant,
        then: Then,
    },
    /// It was told to end (SIGTERM).
    Ending {
        going: Going,
        since: Instant,
    },
    /// Not running; started again at a moment.
    Gone {
        until: Instant,
    },
    /// Killed, and never started again in this round.
    Lost,
}

/// What follows a stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Then {
    Wake,
    Kill,
}

/// One host.
pub(crate) struct Host {
    pub(crate) number: usize,
    pub(crate) name: &'static str,
    pub(crate) life: Life,
    /// When its present or last process was started.
    pub(crate) started: Instant,
    starts: usize,
}

pub(crate) const NAMES: [&str; 3] = ["a", "b", "c"];

impl Host {
    pub(crate) fn new(number: usize) -> Self {
        let now = Instant::now();
        Self { number, name: NAMES[number], life: Life::Gone { until: now }, started: now, starts: 0 }
    }

    pub(crate) fn is_running(&self) -> bool {
        matches!(self.life, Life::Running(_))
    }

    /// Starts its process.
    pub(crate) fn start(&mut self, shop: &Workshop, provider: &Provider, plan: &Plan) {
        self.starts += 1;
        self.started = Instant::now();
        self.life = Life::Running(shop.begin(self.command(shop, provider, plan)));
    }

    /// Starts another process under its name, on its machine.
    pub(crate) fn second_start(&self, shop: &Workshop, provider: &Provider, plan: &Plan) -> Going {
        shop.begin(self.command(shop, provider, plan))
    }

    fn command(&self, shop: &Workshop, provider: &Provider, plan: &Plan) -> Command {
        let mut command =
            shop.command(provider, &["run", "-q", "--queue", &plan.queue, "--inputs", ".", "--host", self.name]);
        let is_container = plan.container == Some(self.number);
        let life = if is_container { format!("-{}", self.starts) } else { String::new() };
        command
            .env("TRYON_LEASE", format!("{}s", LEASE.as_secs()))
            .env("TRYON_DOUBT_AGE", DOUBT_AGE)
            .env("TRYON_CONCURRENCY", plan.concurrency.to_string())
            .env("TRYON_RATE", plan.rate.to_string())
            .env("TRYON_MAX_IN_DOUBT", plan.max_in_doubt.to_string())
            .env("TRYON_STATE_DIR", shop.file(&format!("state-{}{life}", self.name)))
            .env("XDG_STATE_HOME", shop.file(&format!("user-{}", self.name)))
            .env("TRYON_MACHINE", format!("machine-{}{life}", self.name));
        if let Some((_, tasks)) = plan.budget.filter(|(host, _)| *host == self.number) {
            command.env("TRYON_BUDGET", tasks.to_string());
        }
        if let (Some(library), Some((_, seconds))) =
            (faketime(), plan.wrong_clock.filter(|(host, _)| *host == self.number))
        {
            // The clocks that nobody sets stay as they are.
            command
                .env("LD_PRELOAD", library)
                .env("FAKETIME", format!("{seconds:+}"))
                .env("FAKETIME_DONT_FAKE_MONOTONIC", "1")
                .env("FAKETIME_DISABLE_SHM", "1")
                .env("NO_FAKE_STAT", "1");
        }
        command
    }
}

/// The library that sets the clock of one process; `None` where it is not installed.
pub(crate) fn faketime() -> Option<PathBuf> {
    let folders = ["/usr/lib/x86_64-linux-gnu/faketime", "/usr/lib/aarch64-linux-gnu/faketime", "/usr/lib64/faketime"];
    folders.iter().map(|folder| Path::new(folder).join("libfaketimeMT.so.1")).find(|path| path.is_file())
}

/// Waits for the end of a process, but not for ever. `None` when it does not end; it is killed then.
pub(crate) fn end_within(mut going: Going, patience: Duration) -> Result<Ended, String> {
    let deadline = Instant::now() + patience;
    while going.is_alive() {
        if Instant::now() >= deadline {
            let said = going.said();
            going.kill();
            return Err(said);
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    Ok(going.end())
}
