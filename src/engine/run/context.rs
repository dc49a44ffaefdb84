//! What all workers of a run share, and the few things they do through it.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use tokio::sync::{Semaphore, mpsc};
use tokio_util::sync::CancellationToken;

use crate::job::{Failure, JobSeq, JobState, StateName, TaskId, Transition};
use crate::provider::{Provider, ResultHost};
use crate::queue::{ActiveJob, Counts, Note, Queue, RunId};
use crate::store::OutputTree;

use crate::engine::account::blame::Blame;
use crate::engine::account::gate::Gate;
use crate::engine::account::pace::Pace;
use crate::engine::account::refusals::Refusals;
use crate::engine::account::slots::Slots;
use crate::engine::account::watcher::Watcher;
use crate::engine::clock::Clock;
use crate::engine::error::RunError;
use crate::engine::event::Fact;
use crate::engine::inputs::people::People;
use crate::engine::inputs::request_pictures::RequestPictures;
use crate::engine::run::capabilities::Accepted;
use crate::engine::settings::RunSettings;

/// See the module's page.
#[derive(Debug)]
pub(crate) struct Context {
    pub(crate) settings: RunSettings,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) run: RunId,
    pub(crate) queue: Arc<dyn Queue>,
    pub(crate) provider: Arc<dyn Provider>,
    /// Under which name the door's capabilities are remembered.
    pub(crate) door: String,
    pub(crate) results: Arc<dyn ResultHost>,
    pub(crate) pictures: RequestPictures,
    pub(crate) people: Arc<People>,
    pub(crate) tree: OutputTree,
    pub(crate) gate: Arc<Gate>,
    pub(crate) slots: Arc<Slots>,
    pub(crate) creates: Pace,
    pub(crate) queries: Arc<Pace>,
    pub(crate) watcher: Watcher,
    pub(crate) downloads: Semaphore,
    pub(crate) blame: Blame,
    pub(crate) refusals: Arc<Refusals>,
    /// Tasks by which it can be learnt whether the door knows external ids.
    pub(crate) to_learn_from: mpsc::Sender<Accepted>,
    /// The task that the provider accepted last in this run.
    pub(crate) last_accepted: Mutex<Option<TaskId>>,
    /// Tasks that failed for want of room since the last one was made.
    pub(crate) no_room: AtomicU32,
    /// Whether it is being asked whether the door knows external ids.
    pub(crate) is_learning: AtomicBool,
    pub(crate) shutdown: CancellationToken,
    pub(crate) facts: mpsc::UnboundedSender<Fact>,
    pub(crate) counts: Mutex<Counts>,
    pub(crate) external_ids: Mutex<Option<bool>>,
    /// Jobs that nothing more is to be done for in this run, though they have not ended.
    pub(crate) parked: Mutex<HashMap<JobSeq, StateName>>,
    /// Whether the budget kept a doubtful job from being submitted again.
    pub(crate) is_budget_short: AtomicBool,
}

impl Context {
    /// What time it is.
    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Records a transition of a job that a worker holds.
    pub(crate) async fn record(
        &self,
        job: &ActiveJob,
        transition: Transition,
        note: Note,
    ) -> Result<JobState, RunError> {
        Ok(self.queue.record(job.seq, job.attempt, transition, note, self.now()).await?)
    }

    /// Records the intent to submit a doubtful job again; `None` when the budget does not allow it.
    pub(crate) async fn record_again(&self, job: &ActiveJob) -> Result<Option<JobState>, RunError> {
        Ok(self.queue.submit_again(self.run, job.seq, job.attempt, self.now()).await?)
    }

    /// Records that a job has failed for good, and tells it.
    pub(crate) async fn fail(
        &self,
        job: &ActiveJob,
        transition: Transition,
        note: Note,
        failure: Failure,
    ) -> Result<JobState, RunError> {
        let state = self.record(job, transition, note).await?;
        self.tell(Fact::Failed { id: job.spec.id.clone(), failure });
        Ok(state)
    }

    /// Hands a fact to the coordinator. When it is gone, nobody listens any more.
    pub(crate) fn tell(&self, fact: Fact) {
        let _ = self.facts.send(fact);
    }

    /// Nothing more is done for this job in this run, unless a person moves it to another state.
    pub(crate) fn park(&self, job: &ActiveJob) {
        self.parked.lock().unwrap_or_else(PoisonError::into_inner).insert(job.seq, job.state.name());
    }

    pub(crate) fn is_parked(&self, job: &ActiveJob) -> bool {
        let parked = self.parked.lock().unwrap_or_else(PoisonError::into_inner);
        parked.get(&job.seq).is_some_and(|state| *state == job.state.name())
    }

    pub(crate) fn last_accepted(&self) -> Option<TaskId> {
        self.last_accepted.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Notes a task that the provider has accepted, for the questions that need one.
    pub(crate) fn note_accepted(&self, accepted: Accepted) {
        *self.last_accepted.lock().unwrap_or_else(PoisonError::into_inner) = Some(accepted.task_id.clone());
        if self.external_ids().is_none() {
            // Full: another task is being asked about. Closed: nobody needs to know any more.
            let _ = self.to_learn_from.try_send(accepted);
        }
    }

    /// Whether it may soon be known if the door knows external ids.
    pub(crate) fn is_learning(&self) -> bool {
        self.is_learning.load(Ordering::Acquire) || self.to_learn_from.capacity() == 0
    }

    pub(crate) fn external_ids(&self) -> Option<bool> {
        *self.external_ids.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Remembers, in the queue too, whether the door knows external ids. What was shown once stays shown.
    pub(crate) async fn learn_external_ids(&self, supported: bool) -> Result<(), RunError> {
        {
            let mut known = self.external_ids.lock().unwrap_or_else(PoisonError::into_inner);
            if *known == Some(true) || *known == Some(supported) {
                return Ok(());
            }
            *known = Some(supported);
        }
        Ok(self.queue.learn_external_ids(self.door.clone(), supported).await?)
    }

    pub(crate) fn counts(&self) -> Counts {
        *self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many jobs are still to be submitted, as of at most half a second ago, those being submitted included.
    pub(crate) fn left_to_submit(&self) -> u64 {
        let counts = self.counts();
        counts.of(StateName::Pending) + counts.of(StateName::Submitting)
    }
}
