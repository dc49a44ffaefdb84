//! One question to the provider, and what an answer tells about tasks.

use std::sync::Arc;

use tokio::time::Instant;

use crate::engine::account::gate::{Gate, Lane, Pass, Stopped};
use crate::engine::account::pace::Pace;
use crate::job::TaskId;
use crate::provider::{Ids, Meaning, Provider, QueryAnswer, TaskFault, TaskReport, TaskStatus, Told, task_fault};

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
    /// Nothing, for the sake of another task in the same question.
    AskAlone,
    /// No questions are asked any more.
    Stopped,
}

/// Asks for tasks, with one request.
pub(crate) async fn ask(asker: Asker, tasks: Vec<TaskId>) -> Answer {
    let for_all = |tasks: Vec<TaskId>, learnt: fn() -> Learnt| tasks.into_iter().map(|id| (id, learnt())).collect();
    let Ok(pass) = asker.pass().await else {
        return Answer::Question { at: Instant::now(), learnt: for_all(tasks, || Learnt::Stopped) };
    };
    let at = Instant::now();
    let learnt = match asker.provider.query(Ids::Tasks(&tasks)).await {
        QueryAnswer::Told(told) => {
            pass.worked();
            let told = told.into_iter().map(Some).chain(std::iter::repeat_with(|| None));
            tasks.into_iter().zip(told).map(|(id, told)| (id, told.map_or(Learnt::Nothing, told_of_one))).collect()
        }
        QueryAnswer::Trouble(trouble) if trouble.meaning == Meaning::UnknownTask => {
            pass.worked();
            for_all(tasks, || Learnt::AskAlone)
        }
        QueryAnswer::Trouble(trouble) => {
            pass.heed(&trouble);
            for_all(tasks, || Learnt::Nothing)
        }
    };
    Answer::Question { at, learnt }
}

fn told_of_one(told: Told) -> Learnt {
    match told {
        Told::Task(report) => learnt(report),
        Told::Unknown => Learnt::Unknown,
        Told::Nothing => Learnt::Nothing,
    }
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
