//! Whether an account has a task of ours, told by both names of the task.
//!
//! The provider's name alone is no proof: gateways count their tasks, and two of them have the same numbers. Our name is one:
//! no other task has it. Where an answer leaves it out, the task is asked for by it, which is free as well.

use crate::job::ExternalTaskId;
use crate::provider::TaskReport;
use crate::queue::TakenTask;

use super::Account;
use super::capabilities::{Asked, Named};

/// What an account's answers say about a task of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Has {
    /// It has that very task.
    Yes,
    /// It has a task of that number, and nothing says whose.
    SameNumber,
    /// It has no such task, or another one of that number.
    No,
    /// It answers as some providers do for a task that they do not know, and others for other reasons.
    Evaded,
    /// It cannot be told now; ask later.
    NotTold,
    /// No questions are asked any more.
    Stopped,
}

impl Account {
    /// Whether this account has `task`. Costs one question, or two where the first answer leaves our name out.
    pub(crate) async fn has(&self, task: &TakenTask) -> Has {
        let found = match self.ask(&Named::Theirs(task.task_id.clone())).await {
            Asked::Task(found) => found,
            Asked::Unknown => return Has::No,
            Asked::Evaded(_) => return Has::Evaded,
            Asked::Nothing(_) => return Has::NotTold,
            Asked::Stopped(_) => return Has::Stopped,
        };
        let Some(ours) = &task.external_id else { return Has::SameNumber };
        if let Some(carried) = &found.external_id {
            return if carried == ours { Has::Yes } else { Has::No };
        }
        let knows_our_names = self.capabilities.external_ids();
        if knows_our_names == Some(false) {
            return Has::SameNumber;
        }
        match self.ask(&Named::Ours(ours.clone())).await {
            Asked::Task(found) if is_it(&found, task) => Has::Yes,
            Asked::Unknown if knows_our_names == Some(true) => Has::No,
            Asked::Task(_) | Asked::Unknown | Asked::Evaded(_) => Has::SameNumber,
            Asked::Nothing(_) => Has::NotTold,
            Asked::Stopped(_) => Has::Stopped,
        }
    }
}

impl Account {
    /// Whether this account has a task that carries our name. That it finds none proves nothing: not every provider knows our
    /// names, and a task is not found at once.
    pub(crate) async fn has_named(&self, ours: &ExternalTaskId) -> Has {
        if self.capabilities.external_ids() == Some(false) {
            return Has::No;
        }
        match self.ask(&Named::Ours(ours.clone())).await {
            Asked::Task(found) if found.external_id.as_ref() == Some(ours) => Has::Yes,
            Asked::Task(_) | Asked::Unknown | Asked::Evaded(_) => Has::No,
            Asked::Nothing(_) => Has::NotTold,
            Asked::Stopped(_) => Has::Stopped,
        }
    }
}

/// Whether what was found under our name is the task of the provider's name.
fn is_it(found: &TaskReport, task: &TakenTask) -> bool {
    found.task_id == task.task_id
        && found.external_id.as_ref().is_none_or(|carried| task.external_id.as_ref() == Some(carried))
}
