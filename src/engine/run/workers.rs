//! The workers of a run: one for each job that is under way, and jobs taken up that have none yet.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use tokio::task::JoinSet;

use crate::engine::account::Account;
use crate::engine::error::RunError;
use crate::engine::run::context::{Context, Shared};
use crate::engine::run::owner;
use crate::engine::run::search::{is_beyond_reach, may_hold_slot, search_and_see_through};
use crate::engine::run::step::Held;
use crate::engine::run::worker::see_through;
use crate::job::{ExternalTaskId, JobSeq, JobState, StateName, Transition};
use crate::queue::{ActiveJob, Holder, Note, QueueError};

/// How many jobs of an earlier run are taken up at once.
pub(super) const MOST_TAKEN_UP: usize = 1_000;

/// See the module's page.
pub(super) struct Workers {
    shared: Arc<Shared>,
    all: JoinSet<(JobSeq, Result<(), RunError>)>,
    /// Jobs that a worker of this run holds, by their worker.
    working: HashMap<JobSeq, tokio::task::Id>,
    /// Jobs that are being submitted without a worker, as of the last look.
    orphans: HashSet<(JobSeq, ExternalTaskId)>,
}

impl Workers {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self { shared, all: JoinSet::new(), working: HashMap::new(), orphans: HashSet::new() }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// Waits for the next worker to end; returns what its job's way has brought, and `None` where there is no worker. Cancel-safe.
    pub(super) async fn next_end(&mut self) -> Option<Result<(), RunError>> {
        Some(match self.all.join_next_with_id().await? {
            Ok((worker, (seq, result))) => {
                // A job that was given back may have been claimed again, and have another worker by now.
                if self.working.get(&seq) == Some(&worker) {
                    self.working.remove(&seq);
                }
                result
            }
            Err(error) if error.is_cancelled() => Ok(()),
            Err(error) => Err(RunError::Bug(error.to_string())),
        })
    }

    /// Ends all of them where they are.
    pub(super) async fn abort(&mut self) {
        self.all.abort_all();
        while self.all.join_next().await.is_some() {}
    }

    /// Sees a job through at its account.
    pub(super) fn spawn(&mut self, account: &Arc<Account>, job: ActiveJob, held: Held) {
        let ctx = Context::of(&self.shared, account);
        let seq = job.seq;
        let worker = self.all.spawn(async move { (seq, see_through(&ctx, job, held).await) });
        self.working.insert(seq, worker.id());
    }

    /// Finds out which account a job belongs to, and sees it through there.
    fn spawn_search(&mut self, job: ActiveJob) {
        let (seq, shared) = (job.seq, Arc::clone(&self.shared));
        let worker = self.all.spawn(async move { (seq, search_and_see_through(shared, job).await) });
        self.working.insert(seq, worker.id());
    }

    /// Starts workers for the jobs that an earlier run left under way. Called once, before the first claim.
    pub(super) async fn take_up_left_behind(&mut self) -> Result<(), RunError> {
        // Doubt first and all of it, because no later look takes it up where no account has shown that it knows our ids; there
        // are no more such jobs than slots.
        let in_doubt = self.shared.queue.take_up(&[StateName::InDoubt], usize::MAX >> 1, self.shared.now()).await?;
        self.take_up_jobs(in_doubt);
        self.take_up().await
    }

    /// Starts workers for jobs that are under way and that no worker of this run holds: more of an earlier run's, and
    /// those that another process has put back in the meantime.
    pub(super) async fn take_up(&mut self) -> Result<(), RunError> {
        let mut states = vec![StateName::Running, StateName::Downloading];
        if self.shared.forms().any(|form| form.capabilities.external_ids() == Some(true)) {
            states.push(StateName::InDoubt);
        }
        self.take_up_in(&states).await
    }

    /// The same, for jobs in these states.
    pub(super) async fn take_up_in(&mut self, states: &[StateName]) -> Result<(), RunError> {
        let mut jobs = self.shared.queue.take_up(states, MOST_TAKEN_UP, self.shared.now()).await?;
        // Asking about doubt again tells nothing new where an account has not shown that it knows our ids.
        jobs.retain(|job| !matches!(job.state, JobState::InDoubt { .. }) || self.can_tell(job));
        self.take_up_jobs(jobs);
        Ok(())
    }

    /// Whether the account of a job in doubt is known to find tasks by our ids; also where it has to be looked for.
    fn can_tell(&self, job: &ActiveJob) -> bool {
        let account = owner::named(&self.shared.accounts, job);
        account.is_none_or(|account| account.capabilities.external_ids() == Some(true))
    }

    fn take_up_jobs(&mut self, jobs: Vec<ActiveJob>) {
        for job in jobs {
            let is_in_hand = self.working.contains_key(&job.seq) || self.shared.is_parked(&job);
            if is_in_hand || self.shared.hosts.is_too_early_for(&job) {
                continue;
            }
            let Some(account) = owner::named(&self.shared.accounts, &job) else {
                // What a lapsed host had sent is its own to be looked for, or somebody's once it is dead.
                if job.holder != Holder::Lapsed {
                    self.spawn_search(job);
                }
                continue;
            };
            if is_beyond_reach(&account, &job) {
                continue;
            }
            let mut slot = may_hold_slot(&job).then(|| account.slots.occupy());
            if let (JobState::Running { .. }, Some(slot)) = (&job.state, &mut slot) {
                slot.mark_held();
            }
            self.spawn(&account, job, Held { slot, ..Held::default() });
        }
    }

    /// A verb that was cut off from the queue may have happened: then a job is being submitted that no worker knows of. It is in
    /// doubt, when two looks have found it so.
    pub(super) async fn give_up_orphans(&mut self) -> Result<(), RunError> {
        if !self.shared.queue.is_shared() {
            return Ok(());
        }
        let mut ours = self.shared.queue.take_up(&[StateName::Submitting], MOST_TAKEN_UP, self.shared.now()).await?;
        ours.retain(|job| job.holder == Holder::Ours && !self.working.contains_key(&job.seq));
        let found: HashSet<_> = ours.iter().map(|job| (job.seq, job.external_id.clone())).collect();
        let before = std::mem::replace(&mut self.orphans, found);
        for job in ours.into_iter().filter(|job| before.contains(&(job.seq, job.external_id.clone()))) {
            let note = Note::of("the queue could not be reached when it was claimed");
            match self.shared.record(&job, Transition::LoseAnswer, note).await {
                Ok(state) => self.take_up_jobs(vec![ActiveJob { state, ..job }]),
                // It has found its worker after all.
                Err(RunError::Queue(QueueError::Stale { .. } | QueueError::Illegal { .. })) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}
