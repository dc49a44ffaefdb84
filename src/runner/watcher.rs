//! Answers one question for all workers: has task X ended?
//!
//! One task of the runtime keeps every watched task with the moment at which it is asked about next, and makes
//! the requests, within `--poll-rate` and never for the same task more often than `--poll-interval`.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::job::TaskId;
use crate::provider::{Meaning, Provider, QueryAnswer, StopReason, TaskReport, TaskStatus, Trouble};

use super::gate::{Gate, Lane, Pass};
use super::pace::Pace;
use super::retry::reads_as_not_found;

/// At most this many questions are open at once.
const MOST_OPEN: usize = 64;

/// How the watcher asks.
#[derive(Debug, Clone, Copy)]
pub(super) struct Watching {
    /// The shortest time between two questions about one task.
    pub(super) interval: Duration,
    /// "No such task" is believed when it was said this often …
    pub(super) unknown_times: u32,
    /// … over at least this time.
    pub(super) unknown_for: Duration,
}

/// What became of a task.
#[derive(Debug)]
pub(super) enum Ended {
    /// It succeeded or failed; the report says which.
    Task(Box<TaskReport>),
    /// The provider does not know it any more.
    Unknown,
    /// No questions are asked any more.
    Stopped,
}

/// The workers' end.
#[derive(Debug, Clone)]
pub(super) struct Watcher {
    asks: mpsc::UnboundedSender<Watch>,
}

#[derive(Debug)]
struct Watch {
    task_id: TaskId,
    ended: oneshot::Sender<Ended>,
}

/// A task that somebody waits for.
#[derive(Debug)]
struct Watched {
    ended: oneshot::Sender<Ended>,
    unknown_times: u32,
    unknown_since: Option<Instant>,
}

impl Watcher {
    /// Starts the watcher. It ends when the last handle is dropped.
    pub(super) fn start(provider: Arc<Provider>, gate: Arc<Gate>, pace: Arc<Pace>, watching: Watching) -> Self {
        let (asks, inbox) = mpsc::unbounded_channel();
        tokio::spawn(watch(provider, gate, pace, watching, inbox));
        Self { asks }
    }

    /// Waits until a task has ended. Dropping the future ends the watch.
    pub(super) async fn ended(&self, task_id: TaskId) -> Option<Ended> {
        let (ended, answer) = oneshot::channel();
        self.asks.send(Watch { task_id, ended }).ok()?;
        answer.await.ok()
    }
}

/// What came of one question.
struct Asked {
    task_id: TaskId,
    at: Instant,
    learnt: Learnt,
}

enum Learnt {
    Working,
    Ended(Box<TaskReport>),
    Unknown,
    Nothing,
    Stopped,
}

async fn watch(
    provider: Arc<Provider>,
    gate: Arc<Gate>,
    pace: Arc<Pace>,
    watching: Watching,
    mut inbox: mpsc::UnboundedReceiver<Watch>,
) {
    let mut watched: HashMap<TaskId, Watched> = HashMap::new();
    let mut agenda: BinaryHeap<Reverse<(Instant, TaskId)>> = BinaryHeap::new();
    let mut open: JoinSet<Asked> = JoinSet::new();
    loop {
        let next = agenda.peek().map(|Reverse((at, _))| *at);
        tokio::select! {
            watch = inbox.recv() => {
                let Some(Watch { task_id, ended }) = watch else { return };
                agenda.push(Reverse((Instant::now() + watching.interval, task_id.clone())));
                watched.insert(task_id, Watched { ended, unknown_times: 0, unknown_since: None });
            }
            Some(asked) = open.join_next() => {
                // A question that panicked is a bug that its own message tells; its task is lost to this watch.
                let Ok(asked) = asked else { continue };
                if let Some(again) = note(&mut watched, asked, watching) {
                    agenda.push(Reverse(again));
                }
            }
            () = tokio::time::sleep_until(next.unwrap_or_else(Instant::now)), if next.is_some() && open.len() < MOST_OPEN => {
                let Some(Reverse((_, task_id))) = agenda.pop() else { continue };
                if watched.get(&task_id).is_none_or(|task| task.ended.is_closed()) {
                    watched.remove(&task_id);
                    continue;
                }
                open.spawn(ask(Arc::clone(&provider), Arc::clone(&gate), Arc::clone(&pace), task_id));
            }
        }
    }
}

/// Takes in what a question brought. Returns when the task is asked about again.
fn note(watched: &mut HashMap<TaskId, Watched>, asked: Asked, watching: Watching) -> Option<(Instant, TaskId)> {
    let Asked { task_id, at, learnt } = asked;
    let task = watched.get_mut(&task_id)?;
    let ended = match learnt {
        Learnt::Working => {
            task.unknown_times = 0;
            task.unknown_since = None;
            None
        }
        Learnt::Nothing => None,
        Learnt::Ended(report) => Some(Ended::Task(report)),
        Learnt::Stopped => Some(Ended::Stopped),
        Learnt::Unknown => {
            task.unknown_times += 1;
            let since = *task.unknown_since.get_or_insert(at);
            let is_believed =
                task.unknown_times >= watching.unknown_times && at.duration_since(since) >= watching.unknown_for;
            is_believed.then_some(Ended::Unknown)
        }
    };
    match ended {
        None => Some((at + watching.interval, task_id)),
        Some(ended) => {
            if let Some(task) = watched.remove(&task_id) {
                // A worker that does not wait any more has been interrupted; the next run asks again.
                let _ = task.ended.send(ended);
            }
            None
        }
    }
}

async fn ask(provider: Arc<Provider>, gate: Arc<Gate>, pace: Arc<Pace>, task_id: TaskId) -> Asked {
    let Ok(pass) = gate.pass_in_turn(Lane::Query, &pace).await else {
        return Asked { task_id, at: Instant::now(), learnt: Learnt::Stopped };
    };
    let at = Instant::now();
    let learnt = match provider.query(&task_id.0).await {
        QueryAnswer::Task(report) => {
            pass.worked();
            match report.status {
                TaskStatus::Working => Learnt::Working,
                TaskStatus::Failed if report.message.as_deref().is_some_and(reads_as_not_found) => Learnt::Unknown,
                TaskStatus::Succeeded | TaskStatus::Failed => Learnt::Ended(report),
            }
        }
        QueryAnswer::Unknown(_) => {
            pass.worked();
            Learnt::Unknown
        }
        QueryAnswer::Trouble(trouble) => {
            heed(pass, &trouble);
            Learnt::Nothing
        }
    };
    Asked { task_id, at, learnt }
}

/// Tells the gate of a question that brought nothing.
pub(super) fn heed(pass: Pass, trouble: &Trouble) {
    let said = trouble.sentence();
    match trouble.meaning {
        Meaning::SlowDown | Meaning::OverCap => pass.throttled(trouble.retry_after, &said),
        // A gateway's 404 may be about this one task, about the upstream that the gateway lost for a moment, or about
        // the URL: the creates tell, which name no task. Until they do, nobody who counts was reached.
        Meaning::StopRun(StopReason::WrongUrl) if trouble.facts.http_status == Some(404) => {
            pass.failed(&said, false);
        }
        Meaning::StopRun(reason) => pass.stop(reason, &said),
        Meaning::RenewToken => pass.stop(StopReason::Credentials, &said),
        // A question that is refused for its own sake brings nothing, and is asked again.
        Meaning::JobRefused => pass.worked(),
        Meaning::Ok | Meaning::BackOff(_) | Meaning::InDoubt => {
            pass.failed(&said, trouble.was_reached);
        }
    }
}
