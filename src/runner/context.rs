//! What all workers of a run share, and the few things they do through it.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use tokio::sync::{Semaphore, mpsc};
use tokio_util::sync::CancellationToken;

use crate::job::{Failure, JobSeq, JobState, StateName, TaskId, Transition};
use crate::output::{OutputError, OutputTree};
use crate::provider::{Provider, ResultHost};
use crate::queue::{ActiveJob, Counts, Note, Queue, QueueError, RunId};

use super::RunSettings;
use super::blame::Blame;
use super::capabilities::Accepted;
use super::event::Fact;
use super::gate::Gate;
use super::pace::Pace;
use super::people::People;
use super::refusals::Refusals;
use super::request_pictures::RequestPictures;
use super::slots::Slots;
use super::watcher::Watcher;

/// What ends a run at once: the machine, not the provider and not a job.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The queue failed.
    #[error(transparent)]
    Queue(#[from] QueueError),
    /// The output folder failed.
    #[error(transparent)]
    Output(#[from] OutputError),
    /// A client could not be set up.
    #[error("could not set up the connection: {0}")]
    Setup(String),
    /// A part of the program broke; its own message says more.
    #[error("a worker broke down: {0}")]
    Bug(String),
}

/// See the module's page.
#[derive(Debug)]
pub(super) struct Context {
    pub(super) settings: RunSettings,
    pub(super) run: RunId,
    pub(super) queue: Arc<Queue>,
    pub(super) provider: Arc<Provider>,
    /// Under which name the door's capabilities are remembered.
    pub(super) door: String,
    pub(super) results: ResultHost,
    pub(super) pictures: RequestPictures,
    pub(super) people: Arc<People>,
    pub(super) tree: OutputTree,
    pub(super) gate: Arc<Gate>,
    pub(super) slots: Arc<Slots>,
    pub(super) creates: Pace,
    pub(super) queries: Arc<Pace>,
    pub(super) watcher: Watcher,
    pub(super) downloads: Semaphore,
    pub(super) blame: Blame,
    pub(super) refusals: Arc<Refusals>,
    /// Tasks by which it can be learnt whether the door knows external ids.
    pub(super) to_learn_from: mpsc::Sender<Accepted>,
    /// The task that the provider accepted last in this run.
    pub(super) last_accepted: Mutex<Option<TaskId>>,
    /// Tasks that failed for want of room since the last one was made.
    pub(super) no_room: AtomicU32,
    /// Whether it is being asked whether the door knows external ids.
    pub(super) is_learning: AtomicBool,
    pub(super) shutdown: CancellationToken,
    pub(super) facts: mpsc::UnboundedSender<Fact>,
    pub(super) counts: Mutex<Counts>,
    pub(super) external_ids: Mutex<Option<bool>>,
    /// Jobs that nothing more is to be done for in this run, though they have not ended.
    pub(super) parked: Mutex<HashMap<JobSeq, StateName>>,
    /// Whether the budget kept a doubtful job from being submitted again.
    pub(super) is_budget_short: AtomicBool,
}

impl Context {
    /// Records a transition of a job that a worker holds.
    pub(super) async fn record(
        &self,
        job: &ActiveJob,
        transition: Transition,
        note: Note,
    ) -> Result<JobState, RunError> {
        Ok(self.queue.record(job.seq, job.attempt, transition, note, Timestamp::now()).await?)
    }

    /// Records the intent to submit a doubtful job again; `None` when the budget does not allow it.
    pub(super) async fn record_again(&self, job: &ActiveJob) -> Result<Option<JobState>, RunError> {
        Ok(self.queue.submit_again(self.run, job.seq, job.attempt, Timestamp::now()).await?)
    }

    /// Records that a job has failed for good, and tells it.
    pub(super) async fn fail(
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
    pub(super) fn tell(&self, fact: Fact) {
        let _ = self.facts.send(fact);
    }

    /// Nothing more is done for this job in this run, unless a person moves it to another state.
    pub(super) fn park(&self, job: &ActiveJob) {
        self.parked.lock().unwrap_or_else(PoisonError::into_inner).insert(job.seq, job.state.name());
    }

    pub(super) fn is_parked(&self, job: &ActiveJob) -> bool {
        let parked = self.parked.lock().unwrap_or_else(PoisonError::into_inner);
        parked.get(&job.seq).is_some_and(|state| *state == job.state.name())
    }

    pub(super) fn last_accepted(&self) -> Option<TaskId> {
        self.last_accepted.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Notes a task that the provider has accepted, for the questions that need one.
    pub(super) fn note_accepted(&self, accepted: Accepted) {
        *self.last_accepted.lock().unwrap_or_else(PoisonError::into_inner) = Some(accepted.task_id.clone());
        if self.external_ids().is_none() {
            // Full: another task is being asked about. Closed: nobody needs to know any more.
            let _ = self.to_learn_from.try_send(accepted);
        }
    }

    /// Whether it may soon be known if the door knows external ids.
    pub(super) fn is_learning(&self) -> bool {
        self.is_learning.load(Ordering::Acquire) || self.to_learn_from.capacity() == 0
    }

    pub(super) fn external_ids(&self) -> Option<bool> {
        *self.external_ids.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Remembers, in the queue too, whether the door knows external ids. What was shown once stays shown.
    pub(super) async fn learn_external_ids(&self, supported: bool) -> Result<(), RunError> {
        {
            let mut known = self.external_ids.lock().unwrap_or_else(PoisonError::into_inner);
            if *known == Some(true) || *known == Some(supported) {
                return Ok(());
            }
            *known = Some(supported);
        }
        Ok(self.queue.learn_external_ids(self.door.clone(), supported).await?)
    }

    pub(super) fn counts(&self) -> Counts {
        *self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many jobs are still to be submitted, as of at most half a second ago, those being submitted included.
    pub(super) fn left_to_submit(&self) -> u64 {
        let counts = self.counts();
        counts.of(StateName::Pending) + counts.of(StateName::Submitting)
    }
}
