//! What answers tell, whatever their shape: the nouns that [`super::shape`] reads out of bodies.

use std::time::{Duration, SystemTime};

use crate::job::{ExternalTaskId, TaskId};

use super::meaning::Meaning;

/// What every answer carries, good or bad.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AnswerFacts {
    /// The HTTP status.
    pub http_status: Option<u16>,
    /// The body's `code`, where it has one that is a number; also one that a gateway repeats within its message.
    pub code: Option<i64>,
    /// The body's `code`, where it is a word, as gateways have them (`task_not_exist`); in lower case.
    pub word: Option<String>,
    /// What the provider, or a gateway, says about it; without control characters.
    pub message: Option<String>,
    /// The id to give to the provider's support.
    pub request_id: Option<String>,
    /// Whether the body is a web page: never an answer of this API.
    pub is_web_page: bool,
    /// The beginning of a body that carries no code of the API; without control characters and without our key.
    pub excerpt: Option<String>,
}

impl AnswerFacts {
    /// Whether the API itself speaks, directly or through a gateway that repeats its words: only it has number codes.
    #[must_use]
    pub fn is_of_the_api(&self) -> bool {
        self.code.is_some_and(super::shape::is_of_the_api)
    }
}

/// A task as the provider describes it.
#[derive(Debug, Clone, PartialEq)]
pub struct TaskReport {
    /// The provider's name for it.
    pub task_id: TaskId,
    /// Our name for it, where the provider knows such names.
    pub external_id: Option<ExternalTaskId>,
    /// How far it is.
    pub status: TaskStatus,
    /// Why it failed.
    pub message: Option<String>,
    /// What it cost, in units of a resource pack; `None` where the answer does not tell.
    pub units: Option<f64>,
    /// What was paid from a balance instead, in the account's currency.
    pub paid: Option<f64>,
    /// Its images, in the order of their index.
    pub images: Vec<ResultImage>,
    /// From its creation to its last change, by the provider's clock: how long an ended task has held its slot.
    pub took: Option<Duration>,
}

/// How far a task is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TaskStatus {
    /// It waits or works; a status that is not known is taken for this, and asked about again.
    Working,
    /// Its images are there.
    Succeeded,
    /// It failed.
    Failed,
}

/// One image of a task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResultImage {
    /// Which one, from 0.
    pub index: u32,
    /// Where it can be fetched for 30 days.
    pub url: String,
}

/// Every fate a create can have.
#[derive(Debug)]
pub enum CreateFate {
    /// The task exists. `echoed`: the answer carries our external id. Where it does not, that says nothing: Kling's own
    /// create leaves it out.
    Accepted { task_id: TaskId, echoed: bool, facts: AnswerFacts },
    /// An answer that says that nothing was created.
    Refused(Trouble),
    /// Nothing left this machine: no connection stood.
    NotSent(Trouble),
    /// A picture could not be read; the request was broken off, so nothing was created.
    BadInput(String),
    /// The task may exist: no answer, one cut off or unreadable, or one that does not tell.
    InDoubt(Trouble),
}

/// What a query learnt.
#[derive(Debug)]
pub enum QueryAnswer {
    /// What was said of each task that was asked for, in the order in which they were asked for.
    Told(Vec<Told>),
    /// Nothing was learnt.
    Trouble(Trouble),
}

/// What an answer to a query says of one task.
#[derive(Debug)]
pub enum Told {
    /// How far it is.
    Task(Box<TaskReport>),
    /// The provider knows no such task. To be asked again before it is believed.
    Unknown,
    /// Nothing: the answer is about others.
    Nothing,
}

/// What a page of the list told.
#[derive(Debug)]
pub enum ListAnswer {
    /// The tasks on it, and where the next page begins; `None` on the last one.
    Page { tasks: Vec<TaskReport>, next: Option<String> },
    /// Nothing was learnt.
    Trouble(Trouble),
}

/// An answer that is none, or no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    /// What it means.
    pub meaning: Meaning,
    /// What was said, or what happened on the way, for a person.
    pub facts: AnswerFacts,
    /// How long the provider asks to wait.
    pub retry_after: Option<Duration>,
    /// The provider's clock, where its answer carried one.
    pub(super) provider_time: Option<SystemTime>,
    /// Whether any HTTP answer came: the provider, or a gateway in front of it, was reached.
    pub was_reached: bool,
}

impl Trouble {
    /// An answer of this meaning.
    #[must_use]
    pub fn of(meaning: Meaning, facts: AnswerFacts) -> Self {
        Self { meaning, facts, retry_after: None, provider_time: None, was_reached: true }
    }

    /// What happened, in one line.
    #[must_use]
    pub fn sentence(&self) -> String {
        let said = self.facts.message.as_deref().unwrap_or("no further word");
        match (self.facts.http_status, self.facts.code) {
            (Some(status), Some(code)) => format!("{said} (HTTP {status}, code {code})"),
            (Some(status), None) => format!("{said} (HTTP {status})"),
            (None, _) => said.to_owned(),
        }
    }
}
