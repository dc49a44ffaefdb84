//! What an account's provider can do is learnt by asking, never by absence.
//!
//! Whether it knows external task ids: a create's answer that leaves ours out says nothing, since Kling's own does. So
//! a task that was just accepted is asked for by the id that we gave it. The question is free.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::mpsc;

use crate::job::{ExternalTaskId, TaskId};
use crate::provider::meaning::Trust;
use crate::provider::{AnswerFacts, Ids, Meaning, QueryAnswer, StopReason, TaskReport, Told, Trouble};

use super::Account;
use super::gate::{Lane, Pass, Stopped};

/// This many questions about one task are asked; another task may tell more.
const MOST_QUESTIONS: u32 = 4;

/// A task that was accepted under an external id of ours.
#[derive(Debug)]
pub(crate) struct Accepted {
    pub(crate) task_id: TaskId,
    pub(crate) external_id: ExternalTaskId,
}

/// What is known of what the provider can do.
#[derive(Debug)]
pub(crate) struct Capabilities {
    external_ids: Mutex<Option<bool>>,
    /// The task that was accepted last in this run.
    last_accepted: Mutex<Option<TaskId>>,
    /// Tasks by which it can be learnt whether external ids are known.
    to_learn_from: mpsc::Sender<Accepted>,
    learning_from: tokio::sync::Mutex<mpsc::Receiver<Accepted>>,
    /// Whether it is being asked whether external ids are known.
    is_learning: AtomicBool,
}

impl Capabilities {
    pub(crate) fn new(external_ids: Option<bool>) -> Self {
        let (to_learn_from, learning_from) = mpsc::channel(1);
        Self {
            external_ids: Mutex::new(external_ids),
            last_accepted: Mutex::default(),
            to_learn_from,
            learning_from: learning_from.into(),
            is_learning: AtomicBool::new(false),
        }
    }

    /// Whether the provider knows external task ids; `None` before that was shown.
    pub(crate) fn external_ids(&self) -> Option<bool> {
        *self.external_ids.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether it may soon be known if the provider knows external ids.
    pub(crate) fn is_learning(&self) -> bool {
        // Once it is known, a task that was noted meanwhile is not asked about any more.
        let is_known = self.external_ids().is_some();
        !is_known && (self.is_learning.load(Ordering::Acquire) || self.to_learn_from.capacity() == 0)
    }

    /// Takes in whether external ids are known, and returns whether that is news. What was shown once stays shown.
    pub(crate) fn learn(&self, external_ids: bool) -> bool {
        let mut known = self.external_ids.lock().unwrap_or_else(PoisonError::into_inner);
        if *known == Some(true) || *known == Some(external_ids) {
            return false;
        }
        *known = Some(external_ids);
        true
    }

    /// Notes a task that was accepted, for the questions that need one.
    pub(crate) fn note_accepted(&self, accepted: Accepted) {
        *self.last_accepted.lock().unwrap_or_else(PoisonError::into_inner) = Some(accepted.task_id.clone());
        if self.external_ids().is_none() {
            // Full: another task is being asked about.
            let _ = self.to_learn_from.try_send(accepted);
        }
    }

    fn last_accepted(&self) -> Option<TaskId> {
        self.last_accepted.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// A task, by the name under which it is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Named {
    /// The provider's.
    Theirs(TaskId),
    /// Ours.
    Ours(ExternalTaskId),
}

/// What is said of an answer that is about other tasks.
const OF_OTHERS: &str = "the answer is about other tasks than the one that was asked for";

/// What a free question about one task brought.
pub(crate) enum Asked {
    Task(Box<TaskReport>),
    /// The API says that there is no such task.
    Unknown,
    /// An answer that some providers give for a task that they do not know, and that others give for other reasons.
    Evaded(Trouble),
    /// Nothing; ask later.
    Nothing(Trouble),
    /// No questions are asked any more.
    Stopped(Stopped),
}

impl Account {
    /// Waits until an accepted task has shown whether external ids are known, asking every `interval`. `None` when that
    /// is known otherwise.
    pub(crate) async fn learn_external_ids(&self, interval: Duration) -> Option<bool> {
        let mut accepted = self.capabilities.learning_from.lock().await;
        while self.capabilities.external_ids().is_none() {
            let task = accepted.recv().await?;
            self.capabilities.is_learning.store(true, Ordering::Release);
            let shown = self.asked_for(&task, interval).await;
            let news = shown.filter(|known| self.capabilities.learn(*known));
            self.capabilities.is_learning.store(false, Ordering::Release);
            if news.is_some() {
                return news;
            }
        }
        None
    }

    /// Whether a task can be found by its external id; `None` when that could not be told.
    async fn asked_for(&self, task: &Accepted, interval: Duration) -> Option<bool> {
        let mut unknown = 0;
        for _ in 0..MOST_QUESTIONS {
            // Another answer may have carried the id meanwhile.
            if self.capabilities.external_ids().is_some() {
                return None;
            }
            match self.ask(&Named::Ours(task.external_id.clone())).await {
                Asked::Task(found) => {
                    let is_ours =
                        found.task_id == task.task_id || found.external_id.as_ref() == Some(&task.external_id);
                    return is_ours.then_some(true);
                }
                Asked::Unknown | Asked::Evaded(_) => unknown += 1,
                Asked::Nothing(_) => {}
                Asked::Stopped(_) => return None,
            }
            tokio::time::sleep(interval).await;
        }
        // It was not found. That counts where the same task is found by the provider's own id: it is old enough, then.
        let is_there = matches!(self.ask(&Named::Theirs(task.task_id.clone())).await, Asked::Task(_));
        let is_unknown =
            matches!(self.ask(&Named::Ours(task.external_id.clone())).await, Asked::Unknown | Asked::Evaded(_));
        (unknown >= 2 && is_there && is_unknown).then_some(false)
    }

    /// Asks about one task, by the provider's id or by ours.
    pub(crate) async fn ask(&self, task: &Named) -> Asked {
        let pass = match self.gate.pass_in_turn(Lane::Query, &self.queries).await {
            Ok(pass) => pass,
            Err(stopped) => return Asked::Stopped(stopped),
        };
        let ids = match task {
            Named::Theirs(task_id) => Ids::Tasks(std::slice::from_ref(task_id)),
            Named::Ours(external_id) => Ids::External(external_id),
        };
        match self.provider.query(ids).await {
            QueryAnswer::Told(told) => {
                pass.worked();
                match told.into_iter().next() {
                    Some(Told::Task(task)) => Asked::Task(task),
                    Some(Told::Unknown) => Asked::Unknown,
                    Some(Told::Nothing) | None => {
                        let facts = AnswerFacts { message: Some(OF_OTHERS.to_owned()), ..AnswerFacts::default() };
                        Asked::Nothing(Trouble::of(Meaning::BackOff(Trust::Outage), facts))
                    }
                }
            }
            QueryAnswer::Trouble(trouble) => {
                pass.heed(&trouble);
                if is_evasive(&trouble) { Asked::Evaded(trouble) } else { Asked::Nothing(trouble) }
            }
        }
    }

    /// A permit for one create, in its turn. In an outage a free question has to be answered before a create is risked:
    /// a probe whose answer is lost leaves a submission in doubt.
    ///
    /// # Errors
    /// Nothing is submitted any more.
    pub(crate) async fn pass_for_create(&self) -> Result<Pass, Stopped> {
        loop {
            let pass = self.gate.pass_in_turn(Lane::Create, &self.creates).await?;
            if !pass.is_probe() {
                return Ok(pass);
            }
            match self.answers_questions(pass.needs_a_found_task()).await? {
                Ok(()) => return Ok(pass),
                Err(why) => pass.postpone(&why),
            }
        }
    }

    /// Asks a free question: about a task that the provider has accepted, or else about one that nobody has.
    async fn answers_questions(&self, needs_a_found_task: bool) -> Result<Result<(), String>, Stopped> {
        let known = self.capabilities.last_accepted();
        let task = known.clone().map_or_else(|| Named::Ours(ExternalTaskId::unique()), Named::Theirs);
        match self.ask(&task).await {
            Asked::Task(_) | Asked::Unknown => Ok(Ok(())),
            // Where no task is known to ask for, that answer may be all that this provider has for any id.
            Asked::Evaded(_) if known.is_none() || !needs_a_found_task => Ok(Ok(())),
            Asked::Evaded(trouble) | Asked::Nothing(trouble) => Ok(Err(trouble.sentence())),
            Asked::Stopped(stopped) => Err(stopped),
        }
    }
}

/// "Bad parameter", or a gateway's 404: what some providers say to an id that they do not know, and others for other
/// reasons. No proof of anything by itself.
fn is_evasive(trouble: &Trouble) -> bool {
    matches!(trouble.meaning, Meaning::JobRefused | Meaning::Suspect(StopReason::WrongUrl))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_being_learnt_once_it_is_known_whatever_was_noted_meanwhile() {
        let capabilities = Capabilities::new(None);
        let accepted = Accepted { task_id: TaskId("1".to_owned()), external_id: ExternalTaskId("ours".to_owned()) };
        capabilities.note_accepted(accepted);
        assert!(capabilities.is_learning());
        assert!(capabilities.learn(false));
        assert!(!capabilities.is_learning(), "a run that waits for what is learnt would never end");
    }
}
