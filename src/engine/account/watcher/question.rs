//! One question to the provider, and what an answer tells about a task.

use std::sync::Arc;

use tokio::time::Instant;

use crate::engine::account::gate::{Gate, Lane, Pass, Stopped};
use crate::engine::account::pace::Pace;
use crate::job::TaskId;
use crate::provider::{Provider, QueryAnswer, TaskFault, TaskReport, TaskStatus, task_fault};

use super::Answer;

/// What a question needs on its way.
#[derive(Debug, Clone)]
pub(crate) struct Asker {
    pub(crate) provider: Arc<dyn Provider>,
    pub(crate) gate: Arc<Gate>,
    pub(crate) pace: Arc<Pace>,
}

impl Asker {
    /// Waits for leave to make one request, within the rate.
    pub(crate) async fn pass(&self) -> Result<Pass, Stopped> {
        self.gate.pass_in_turn(Lane::Query, &self.pace).await
    }
}

/// What is known about a task afterwards.
#[derive(Debug)]
pub(crate) enum Learnt {
    Working,
    Ended(Box<TaskReport>),
    /// It has ended, and what became of it was left out.
    EndedSomehow,
    /// The provider says that there is no such task.
    Unknown,
    Nothing,
    /// No questions are asked any more.
    Stopped,
}

/// Asks for one task.
pub(crate) async fn ask(asker: Asker, task_id: TaskId) -> Answer {
    let Ok(pass) = asker.pass().await else {
        return Answer::One { task_id, at: Instant::now(), learnt: Learnt::Stopped };
    };
    let at = Instant::now();
    let learnt = match asker.provider.query(&task_id.0).await {
        QueryAnswer::Task(report) => {
            pass.worked();
            learnt(report)
        }
        QueryAnswer::Unknown(_) => {
            pass.worked();
            Learnt::Unknown
        }
        QueryAnswer::Trouble(trouble) => {
            pass.heed(&trouble);
            Learnt::Nothing
        }
    };
    Answer::One { task_id, at, learnt }
}

/// What a task's own answer tells.
fn learnt(report: Box<TaskReport>) -> Learnt {
    match report.status {
        TaskStatus::Working => Learnt::Working,
        TaskStatus::Failed if report.message.as_deref().map(task_fault) == Some(TaskFault::TooYoung) => Learnt::Unknown,
        TaskStatus::Succeeded | TaskStatus::Failed => Learnt::Ended(report),
    }
}

/// What an entry of the list tells. A list may leave out what the task's own answer says: its images, its reason.
pub(crate) fn listed(report: TaskReport) -> Learnt {
    let is_whole = match report.status {
        TaskStatus::Working => true,
        TaskStatus::Succeeded => !report.images.is_empty(),
        TaskStatus::Failed => report.message.is_some(),
    };
    match learnt(Box::new(report)) {
        Learnt::Ended(_) if !is_whole => Learnt::EndedSomehow,
        learnt => learnt,
    }
}
