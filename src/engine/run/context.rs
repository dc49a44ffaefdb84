//! What all workers of a run share, and the few things they do through it.

use std::collections::HashMap;
use std::ops::Deref;
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use tokio::sync::{Semaphore, mpsc};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::job::{Failure, Forms, JobSeq, JobState, StateName, Transition};
use crate::provider::ResultHost;
use crate::queue::{ActiveJob, Counts, Doubt, Note, Queue, Resubmission, RunId};
use crate::store::OutputTree;

use crate::engine::account::Account;
use crate::engine::clock::Clock;
use crate::engine::error::RunError;
use crate::engine::event::Fact;
use crate::engine::inputs::people::People;
use crate::engine::inputs::request_pictures::RequestPictures;
use crate::engine::run::membership::Membership;
use crate::engine::settings::RunSettings;

/// What all jobs of a run share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) settings: RunSettings,
    pub(crate) clock: Arc<dyn Clock>,
    /// The run's record in the queue.
    pub(crate) run: RunId,
    pub(crate) queue: Arc<dyn Queue>,
    /// This run among the hosts of the queue.
    pub(crate) hosts: Arc<Membership>,
    /// The accounts that take the jobs, the cheapest first.
    pub(crate) accounts: Vec<Arc<Account>>,
    pub(crate) results: Arc<dyn ResultHost>,
    pub(crate) pictures: Arc<RequestPictures>,
    pub(crate) people: Arc<People>,
    pub(crate) tree: OutputTree,
    pub(crate) downloads: Semaphore,
    pub(crate) shutdown: CancellationToken,
    pub(crate) facts: mpsc::UnboundedSender<Fact>,
    pub(crate) counts: Mutex<Counts>,
    /// Jobs that nothing more is to be done for in this run, though they have not ended.
    pub(crate) parked: Mutex<HashMap<JobSeq, StateName>>,
    /// When the run began.
    pub(crate) started: Instant,
    /// Images finished in this run.
    pub(crate) succeeded: Arc<AtomicU64>,
    /// Whether the budget kept a doubtful job from being submitted again.
    pub(crate) is_budget_short: AtomicBool,
}

/// What a worker works with: what the run shares, and the account that its job belongs to.
#[derive(Debug, Clone)]
pub(crate) struct Context {
    pub(crate) shared: Arc<Shared>,
    pub(crate) account: Arc<Account>,
}

impl Deref for Context {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.shared
    }
}

impl Context {
    pub(crate) fn of(shared: &Arc<Shared>, account: &Arc<Account>) -> Self {
        Self { shared: Arc::clone(shared), account: Arc::clone(account) }
    }

    /// The accounts that are cheaper than this one.
    pub(crate) fn cheaper_accounts(&self) -> impl Iterator<Item = &Arc<Account>> {
        self.accounts.iter().take_while(|account| account.price < self.account.price)
    }

    /// Records the end of a job that failed at this account, and says so.
    pub(crate) async fn fail(
        &self,
        job: &ActiveJob,
        transition: Transition,
        note: Note,
        failure: Failure,
    ) -> Result<JobState, RunError> {
        let state = self.record(job, transition, note).await?;
        self.account.tally.failed();
        self.tell(Fact::Failed { id: job.spec.id.clone(), failure });
        Ok(state)
    }

    pub(crate) fn has_cheaper_accounts(&self) -> bool {
        self.cheaper_accounts().next().is_some()
    }

    /// Remembers, in the queue too, whether the account's provider knows external ids.
    pub(crate) async fn learn_external_ids(&self, known: bool) -> Result<(), RunError> {
        if self.account.capabilities.learn(known) {
            self.queue.learn_external_ids(self.account.name.clone(), known).await?;
        }
        Ok(())
    }
}

impl Shared {
    /// What time it is.
    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// The forms of the API that its accounts are open in together.
    pub(crate) fn taken(&self) -> Forms {
        let none = Forms { kolors: false, solutions: false };
        self.accounts.iter().fold(none, |forms, account| forms.and(account.taken()))
    }

    /// The accounts, each in all its forms.
    pub(crate) fn forms(&self) -> impl Iterator<Item = &Arc<Account>> {
        self.accounts.iter().flat_map(Account::forms)
    }

    /// Records a transition of a job that a worker holds.
    pub(crate) async fn record(
        &self,
        job: &ActiveJob,
        transition: Transition,
        note: Note,
    ) -> Result<JobState, RunError> {
        let note = Note { submission: Some(job.external_id.clone()), ..note };
        Ok(self.queue.record(job.seq, job.attempt, transition, note, self.now()).await?)
    }

    /// Records the intent to submit a doubtful job again, where the budget and the slots allow it.
    pub(crate) async fn record_again(&self, job: &ActiveJob, slots: Option<u32>) -> Result<Resubmission, RunError> {
        let doubt = Doubt { slots, ..Doubt::about(job) };
        Ok(self.queue.submit_again(self.run, doubt, self.now()).await?)
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

    pub(crate) fn counts(&self) -> Counts {
        *self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many jobs are still to be submitted, as of at most half a second ago, those being submitted included.
    pub(crate) fn left_to_submit(&self) -> u64 {
        let counts = self.counts();
        counts.of(StateName::Pending) + counts.of(StateName::Submitting)
    }
}
