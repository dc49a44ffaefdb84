//! Who is measured, and how each is started: `tryon` as a user would type it, and the script that people use today.

use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::provider::{Door, SECOND_KEY};
use crate::workshop::Workshop;

/// The program, as cargo has built it beside this one.
pub(crate) const TRYON: &str = env!("CARGO_BIN_EXE_tryon");

/// The script.
const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/makespan/baseline.py");

/// Where a virtual environment is looked for that has what the script needs, below the project.
const VENV: &str = "target/makespan-venv";

/// Who works.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Contender {
    /// `tryon run` of this binary.
    Tryon { binary: PathBuf, door: Door, manner: Manner },
    /// The script, with this Python.
    Script { python: PathBuf },
}

/// How much `tryon` is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Manner {
    /// The cap and the rates.
    Told,
    /// The rates; it has to find the cap.
    FindsCap,
    /// Nothing: it has to find the cap and the pace.
    NoFlags,
    /// The same, with two accounts that have half of the cap each.
    TwoAccounts,
    /// The cap and the rates, as three processes on one queue in PostgreSQL.
    ThreeHosts,
}

/// How many processes [`Manner::ThreeHosts`] are.
const HOSTS: usize = 3;

/// What a contender is told.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Told {
    pub(crate) slots: usize,
    pub(crate) creates_per_second: f64,
    pub(crate) asks_per_second: f64,
    pub(crate) poll_interval: Duration,
    pub(crate) budget: Option<usize>,
}

impl Contender {
    /// What its row is called.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Tryon { manner: Manner::TwoAccounts, .. } => "two accounts",
            Self::Tryon { manner: Manner::ThreeHosts, door: Door::List, .. } => "three hosts, list",
            Self::Tryon { manner: Manner::ThreeHosts, .. } => "three hosts",
            Self::Tryon { manner: Manner::NoFlags, door: Door::List, .. } => "no flags, list",
            Self::Tryon { manner: Manner::NoFlags, .. } => "no flags",
            Self::Tryon { manner: Manner::FindsCap, .. } => "auto",
            Self::Tryon { door: Door::Single, .. } => "single",
            Self::Tryon { door: Door::List, .. } => "list",
            Self::Tryon { door: Door::Callbacks, .. } => "callbacks",
            Self::Script { .. } => "script",
        }
    }

    /// How the provider answers it.
    pub(crate) fn door(&self) -> Door {
        match self {
            Self::Tryon { door, .. } => *door,
            Self::Script { .. } => Door::Single,
        }
    }

    /// In how many accounts its slots are.
    pub(crate) fn accounts(&self) -> usize {
        if matches!(self, Self::Tryon { manner: Manner::TwoAccounts, .. }) { 2 } else { 1 }
    }

    /// Whether it is several processes, whose queue is in a database.
    pub(crate) fn has_hosts(&self) -> bool {
        matches!(self, Self::Tryon { manner: Manner::ThreeHosts, .. })
    }

    /// The commands that work at the same time: one, or one for each host on the queue at `queue`, which is loaded.
    pub(crate) fn commands(
        &self,
        shop: &Workshop,
        base_url: &str,
        told: &Told,
        queue: Option<&str>,
    ) -> Result<Vec<Command>, String> {
        let Some(queue) = queue else { return Ok(vec![self.command(shop, base_url, told)?]) };
        (0..HOSTS)
            .map(|host| {
                let mut command = self.command(shop, base_url, told)?;
                command.env("TRYON_QUEUE", queue).env("TRYON_STATE_DIR", shop.path().join(format!("host-{host}")));
                command.args(["--host", &format!("host-{host}"), "--inputs"]).arg(shop.path());
                Ok(command)
            })
            .collect()
    }

    /// The command that works through the workshop's manifest, or, with a budget, on what is in its queue.
    pub(crate) fn command(&self, shop: &Workshop, base_url: &str, told: &Told) -> Result<Command, String> {
        match self {
            Self::Tryon { binary, door, manner } => {
                let mut command = tryon(binary, shop);
                command.arg("run");
                if told.budget.is_none() && *manner != Manner::ThreeHosts {
                    command.arg(shop.manifest());
                }
                if *manner == Manner::TwoAccounts {
                    two_accounts(shop, base_url).map_err(|error| error.to_string())?;
                    command.env("SECOND_KEY", SECOND_KEY);
                    return Ok(command);
                }
                command.args(["--base-url", base_url]);
                if *manner == Manner::NoFlags {
                    return Ok(command);
                }
                let slots = if *manner == Manner::FindsCap { "auto".to_owned() } else { told.slots.to_string() };
                command.args(["--concurrency", &slots, "--download-concurrency", "32"]);
                command.arg("--rate").arg(told.creates_per_second.to_string());
                command.arg("--poll-rate").arg(told.asks_per_second.to_string());
                command.arg("--poll-interval").arg(format!("{}us", told.poll_interval.as_micros()));
                if let Some(budget) = told.budget {
                    command.arg("--budget").arg(budget.to_string());
                }
                if *door == Door::Callbacks {
                    let port = free_port()?;
                    command.arg("--callback-listen").arg(format!("127.0.0.1:{port}"));
                    command.arg("--callback-url").arg(format!("http://127.0.0.1:{port}"));
                }
                Ok(command)
            }
            Self::Script { python } => {
                let mut command = Command::new(python);
                command.arg(SCRIPT).arg(shop.manifest()).arg(shop.out()).args(["--base-url", base_url]);
                command.arg("--concurrency").arg(told.slots.to_string());
                command.arg("--poll").arg(told.poll_interval.as_secs_f64().to_string());
                command.env("API_KEY", "sk-of-the-benchmark").current_dir(shop.path());
                Ok(command)
            }
        }
    }
}

/// Writes the settings of a shop with two accounts at one provider.
fn two_accounts(shop: &Workshop, base_url: &str) -> std::io::Result<()> {
    let table = |name: &str, key: &str| {
        format!("[[account]]\nname = \"{name}\"\nbase-url = \"{base_url}\"\nkey-env = \"{key}\"\n")
    };
    let tables = table("first", "TRYON_API_KEY") + &table("second", "SECOND_KEY");
    std::fs::write(shop.path().join("tryon.toml"), tables)
}

/// `tryon` in a workshop, with nothing of the caller's environment that could change what it does.
fn tryon(binary: &Path, shop: &Workshop) -> Command {
    let mut command = Command::new(binary);
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if ["TRYON_", "KLING_", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"]
            .iter()
            .any(|start| text.starts_with(start))
        {
            command.env_remove(name);
        }
    }
    command.env("TRYON_API_KEY", "sk-of-the-benchmark").env("TRYON_OUT", shop.out()).current_dir(shop.path());
    command
}

/// The command that only loads the manifest.
pub(crate) fn load(binary: &Path, shop: &Workshop) -> Command {
    let mut command = tryon(binary, shop);
    command.arg("load").arg(shop.manifest());
    command
}

/// The same, into a queue in a database.
pub(crate) fn load_into(binary: &Path, shop: &Workshop, queue: &str) -> Command {
    let mut command = load(binary, shop);
    command.env("TRYON_QUEUE", queue);
    command
}

/// The command that prints the counts.
pub(crate) fn status(binary: &Path, shop: &Workshop) -> Command {
    let mut command = tryon(binary, shop);
    command.arg("status").arg("--json");
    command
}

/// A port that was free a moment ago.
fn free_port() -> Result<u16, String> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(|error| error.to_string())?;
    Ok(listener.local_addr().map_err(|error| error.to_string())?.port())
}

/// What this build of the program can do, by its own help.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Abilities {
    pub(crate) has_auto: bool,
    pub(crate) has_callbacks: bool,
}

impl Abilities {
    pub(crate) fn of(binary: &Path) -> Self {
        let help = Command::new(binary).args(["run", "--help"]).output();
        let help = help.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
        Self { has_auto: help.contains("auto"), has_callbacks: help.contains("--callback-listen") }
    }
}

/// A Python that can run the script, with its version and that of aiohttp; or what to do to get one.
pub(crate) fn find_python(named: Option<&Path>) -> Result<(PathBuf, String), String> {
    let venv = Path::new(env!("CARGO_MANIFEST_DIR")).join(VENV).join("bin/python");
    let candidates = match named {
        Some(path) => vec![path.to_owned()],
        None => vec![venv, PathBuf::from("python3")],
    };
    let ask = "import sys, aiohttp; assert sys.version_info >= (3, 11); \
               print('Python', sys.version.split()[0] + ', aiohttp', aiohttp.__version__)";
    for python in candidates {
        if let Ok(output) = Command::new(&python).args(["-c", ask]).output()
            && output.status.success()
        {
            return Ok((python, String::from_utf8_lossy(&output.stdout).trim().to_owned()));
        }
    }
    Err(format!(
        "the script needs Python 3.11 or later with aiohttp, so it is left out. To have it measured too:\n  \
         python3 -m venv {VENV} && {VENV}/bin/pip install aiohttp"
    ))
}
