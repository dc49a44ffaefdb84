//! Whether a job of the queue asked for a charged task that is not known here: the task carries our name for the request then.
//!
//! The provider's lists tell the names of hundreds of tasks with one request. What they do not show is asked for one by one.

use std::collections::{BTreeMap, HashMap, HashSet};

use tokio_util::sync::CancellationToken;

use super::asker::{Asked, Asker};
use super::books::Lines;
use super::result::DifferenceKind;
use super::{BilledAccount, Progress};
use crate::job::{ExternalTaskId, StateName, TaskId};
use crate::provider::{Ids, LARGEST_PAGE, ListAnswer, Provider, QueryAnswer, TaskReport, Told};
use crate::queue::{OwnTask, QueueError, QueueReads};

/// Questions that are on their way together.
pub(super) const AT_ONCE: usize = 8;

/// What is known of a charged task that is not among those of the account.
pub(super) enum LookedUp {
    /// The queue has it, under another account's name (the account was renamed since) or since a moment ago.
    Known(Box<OwnTask>),
    Differs(DifferenceKind),
    /// The provider could not be asked.
    NotAsked,
}

/// See the module's page.
pub(super) struct LookUps<'a> {
    queue: &'a dyn QueueReads,
    account: &'a BilledAccount<'a>,
    stop: &'a CancellationToken,
    asker: Asker,
    /// Our names for tasks, as the lists have them.
    names: HashMap<TaskId, ExternalTaskId>,
}

impl<'a> LookUps<'a> {
    pub(super) fn new(queue: &'a dyn QueueReads, account: &'a BilledAccount<'a>, stop: &'a CancellationToken) -> Self {
        Self { queue, account, stop, asker: Asker::new(account.poll_rate), names: HashMap::new() }
    }

    /// Reads the lists as far as that takes fewer requests than asking for each of these tasks. Of all charges that were read there
    /// are this many: further back than twice as far the lists are not read, since failed tasks are in them too.
    pub(super) async fn read_lists(
        &mut self,
        unknown: &BTreeMap<String, Lines>,
        charges: u64,
        told: &mut dyn FnMut(Progress),
    ) {
        let pages = usize::try_from(charges).unwrap_or(usize::MAX).div_ceil(LARGEST_PAGE).saturating_mul(2) + 2;
        if unknown.len() <= pages {
            return;
        }
        let mut missing: HashSet<&str> = unknown.keys().map(String::as_str).collect();
        for form in self.account.forms() {
            let mut from: Option<String> = None;
            for _ in 0..pages {
                if missing.is_empty() {
                    return;
                }
                let Asked::Told((tasks, next)) = self.page(form, from.as_deref()).await else { break };
                for task in tasks {
                    if missing.remove(task.task_id.0.as_str()) {
                        self.names.extend(task.external_id.map(|name| (task.task_id, name)));
                    }
                }
                told(Progress { done: self.names.len(), of: unknown.len() });
                match next {
                    Some(next) if Some(&next) != from.as_ref() => from = Some(next),
                    _ => break,
                }
            }
        }
    }

    async fn page(&self, form: &dyn Provider, from: Option<&str>) -> Asked<(Vec<TaskReport>, Option<String>)> {
        let ask = async || match form.list(from, LARGEST_PAGE).await {
            ListAnswer::Page { tasks, next } => Ok((tasks, next)),
            ListAnswer::Trouble(trouble) => Err(trouble),
        };
        self.stop.run_until_cancelled(self.asker.ask(ask)).await.unwrap_or(Asked::GivenUp)
    }

    /// What one task is to the queue.
    pub(super) async fn look_up(&self, task_id: &TaskId) -> Result<LookedUp, QueueError> {
        if let Some(name) = self.names.get(task_id) {
            return Ok(self.named(name, task_id).await?.unwrap_or(LookedUp::Differs(DifferenceKind::Unknown)));
        }
        let mut is_asked = true;
        for form in self.account.forms() {
            let name = match self.stop.run_until_cancelled(self.name_of(form, task_id)).await {
                Some(Asked::Told(name)) => name,
                Some(Asked::Refused) => None,
                Some(Asked::GivenUp) | None => {
                    is_asked = false;
                    None
                }
            };
            let Some(name) = name else { continue };
            if let Some(found) = self.named(&name, task_id).await? {
                return Ok(found);
            }
        }
        Ok(if is_asked { LookedUp::Differs(DifferenceKind::Unknown) } else { LookedUp::NotAsked })
    }

    /// Our name for a task, as the provider has it.
    async fn name_of(&self, form: &dyn Provider, task_id: &TaskId) -> Asked<Option<ExternalTaskId>> {
        let ask = async || match form.query(Ids::Tasks(std::slice::from_ref(task_id))).await {
            QueryAnswer::Told(told) => Ok(told),
            QueryAnswer::Trouble(trouble) => Err(trouble),
        };
        match self.asker.ask(ask).await {
            Asked::Told(told) => Asked::Told(told.into_iter().next().and_then(|told| match told {
                Told::Task(report) => report.external_id,
                Told::Unknown | Told::Nothing => None,
            })),
            Asked::Refused => Asked::Refused,
            Asked::GivenUp => Asked::GivenUp,
        }
    }

    /// What a task is to the job that made the request of this name; `None` where there is none.
    async fn named(&self, name: &ExternalTaskId, task_id: &TaskId) -> Result<Option<LookedUp>, QueueError> {
        let Some(task) = self.queue.own_task_named(name).await? else { return Ok(None) };
        Ok(Some(match &task.task_id {
            Some(known) if known == task_id => LookedUp::Known(Box::new(task)),
            None if task.state == StateName::InDoubt => LookedUp::Differs(DifferenceKind::Adoptable(task.id)),
            _ => LookedUp::Differs(DifferenceKind::Second(task.id)),
        }))
    }
}
