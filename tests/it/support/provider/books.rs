//! What the provider knows of the program: every request with its time, and every task that it charged for.

use std::collections::HashMap;
use std::fmt::Write;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::script::Fate;

/// A task. It is charged for unless it fails.
#[derive(Debug, Clone)]
pub(crate) struct Task {
    pub(crate) id: String,
    pub(crate) external_id: Option<String>,
    /// Where the create asked to be told of its end.
    pub(crate) callback_url: Option<String>,
    /// Which job it is for, as its picture's URL tells.
    pub(crate) job: String,
    /// The garment's picture, as it was sent.
    pub(crate) cloth: Arc<[u8]>,
    pub(crate) ends_at: Instant,
    pub(crate) fate: Fate,
    pub(crate) queries: u32,
    pub(crate) links: u32,
}

impl Task {
    pub(crate) fn is_charged(&self) -> bool {
        !matches!(self.fate, Fate::Fail(_))
    }

    /// Whether it holds a slot.
    pub(crate) fn is_working(&self, at: Instant) -> bool {
        at < self.ends_at
    }
}

/// What a request was about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Job and external id, once the body is read.
    Create {
        job: Option<String>,
        external_id: Option<String>,
    },
    /// The id that was asked for.
    Query(String),
    /// A page of the list, from 1, and how many entries it may have.
    List {
        page: usize,
        size: usize,
    },
    /// The job whose picture it is.
    Download(String),
    Other(String),
}

/// A request as it came in.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) at: Instant,
    pub(crate) kind: Kind,
    /// When it was answered, or its connection ended.
    pub(crate) until: Option<Instant>,
    /// The status that went back, where one did.
    pub(crate) status: Option<u16>,
}

/// Everything that happened.
#[derive(Debug, Clone, Default)]
pub(crate) struct Books {
    pub(crate) tasks: Vec<Task>,
    pub(crate) requests: Vec<Seen>,
    /// The most tasks that ever worked at the same time.
    pub(crate) most_in_flight: usize,
    /// Answers that are held back now.
    pub(crate) held: usize,
}

impl Books {
    pub(crate) fn in_flight(&self, at: Instant) -> usize {
        self.tasks.iter().filter(|task| task.is_working(at)).count()
    }

    pub(crate) fn creates(&self) -> Vec<&Seen> {
        self.requests.iter().filter(|seen| matches!(seen.kind, Kind::Create { .. })).collect()
    }

    pub(crate) fn queries(&self) -> Vec<&Seen> {
        self.requests.iter().filter(|seen| matches!(seen.kind, Kind::Query(_))).collect()
    }

    pub(crate) fn lists(&self) -> Vec<&Seen> {
        self.requests.iter().filter(|seen| matches!(seen.kind, Kind::List { .. })).collect()
    }

    /// Everything that asks how tasks are.
    pub(crate) fn status_requests(&self) -> Vec<&Seen> {
        self.requests.iter().filter(|seen| matches!(seen.kind, Kind::Query(_) | Kind::List { .. })).collect()
    }

    pub(crate) fn downloads(&self) -> Vec<&Seen> {
        self.requests.iter().filter(|seen| matches!(seen.kind, Kind::Download(_))).collect()
    }

    /// How many tasks each job is charged for.
    pub(crate) fn charges(&self) -> HashMap<&str, usize> {
        let mut charges = HashMap::new();
        for task in self.tasks.iter().filter(|task| task.is_charged()) {
            *charges.entry(task.job.as_str()).or_default() += 1;
        }
        charges
    }

    /// The task of a job that has one.
    pub(crate) fn task_of(&self, job: &str) -> &Task {
        self.tasks.iter().find(|task| task.job == job).unwrap_or_else(|| panic!("no task for {job}"))
    }

    /// The most requests of `times` that fall into any window of a second.
    pub(crate) fn most_in_a_second(requests: &[&Seen]) -> usize {
        let counts = requests.iter().enumerate().map(|(first, from)| {
            let window = requests[first..].iter().take_while(|seen| seen.at < from.at + Duration::from_secs(1));
            window.count()
        });
        counts.max().unwrap_or(0)
    }

    /// The last requests, to be read when a test fails.
    pub(crate) fn story(&self) -> String {
        let mut story = format!("{} tasks, {} requests; the last ones:\n", self.tasks.len(), self.requests.len());
        let start = self.requests.first().map(|seen| seen.at);
        for seen in self.requests.iter().rev().take(40).rev() {
            let at = start.map_or(0, |start| seen.at.duration_since(start).as_millis());
            let _ = writeln!(story, "{at:>7} ms  {:?} -> {:?}", seen.kind, seen.status);
        }
        story
    }
}
