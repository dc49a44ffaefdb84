//! The queue's contract, kept by PostgreSQL: a verb is a transaction, a read is a statement, or some in one snapshot.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use crate::job::state::{JobState, Transition};
use crate::job::{AccountName, Content, ExternalTaskId, JobSeq, ModelName, StateName, TaskId};
use crate::queue::{
    ActiveJob, Beat, Claim, ClaimOnce, Claimant, Doubt, Epoch, HostStart, Judgement, Load, LookedAt, NoRoom, Note,
    ProviderKind, PublishedImage, Queue, QueueError, RefusedAlike, Renewed, Resubmission, RunHold, RunId,
};

use super::connect::{End, Server, in_transaction, patiently, reading};
use super::error::Result;
use super::load::PostgresLoad;
use super::transition::By;
use super::{
    by_hand, claim, contents, duplicates, epochs, facts, hosts, looks, publish, refusals, reviews, tally, transition,
    unseen,
};

/// An open queue.
#[derive(Debug, Clone)]
pub(super) struct PostgresQueue {
    pub(super) server: Server,
    /// The epoch that works through this handle; 0 before one has begun.
    epoch: Arc<AtomicI64>,
}

impl PostgresQueue {
    pub(super) fn on(server: Server) -> Self {
        Self { server, epoch: Arc::default() }
    }

    /// The epoch that works through this handle.
    pub(super) fn epoch(&self) -> Option<Epoch> {
        Some(self.epoch.load(Ordering::Acquire)).filter(|epoch| *epoch > 0).map(Epoch)
    }

    /// The same for what only an epoch does.
    fn joined(&self) -> Result<Epoch> {
        self.epoch().ok_or(QueueError::LeaseLost)
    }
}

/// Runs a verb that is kept whenever it succeeds.
macro_rules! verb {
    ($queue:expr, |$db:ident| $body:expr) => {
        patiently!($queue.server, in_transaction!($queue.server, |$db| Ok(End::Commit($body.await?))))
    };
}

#[async_trait]
impl Queue for PostgresQueue {
    /// Any number of processes run a queue together, so nobody is kept out.
    async fn hold(&self) -> Result<RunHold> {
        Ok(RunHold::by(()))
    }

    fn wait_for_return(&self, until: CancellationToken) {
        self.server.wait_for_return(until);
    }

    async fn bind(&self, kind: ProviderKind) -> Result<()> {
        verb!(self, |db| facts::bind(db, kind))
    }

    async fn check_provider(&self, kind: ProviderKind) -> Result<()> {
        reading!(self, |db| facts::check_provider(db, kind))
    }

    async fn remember_address(&self, base_url: Option<String>) -> Result<()> {
        verb!(self, |db| facts::set_meta(db, "base_url", base_url.as_deref().unwrap_or_default()))
    }

    async fn keep_callback_path(&self, fresh: String) -> Result<String> {
        verb!(self, |db| facts::keep_text(db, "callback_path", &fresh))
    }

    async fn keep_identity(&self, fresh: String) -> Result<String> {
        verb!(self, |db| facts::keep_text(db, "identity", &fresh))
    }

    async fn keep_output(&self, fresh: String) -> Result<String> {
        verb!(self, |db| facts::keep_text(db, "output", &fresh))
    }

    async fn mark_moved(&self, to: Option<String>) -> Result<()> {
        verb!(self, |db| facts::mark_moved(db, to.as_deref()))
    }

    async fn learn_external_ids(&self, base_url: String, supported: bool) -> Result<()> {
        verb!(self, |db| facts::learn(db, "external_ids", &base_url, supported))
    }

    async fn learn_slots(&self, base_url: String, slots: u32) -> Result<()> {
        verb!(self, |db| facts::learn(db, "slots", &base_url, (slots > 0).then(|| i64::from(slots))))
    }

    async fn learn_pace(&self, base_url: String, per_second: f64) -> Result<()> {
        verb!(self, |db| facts::learn(db, "creates_per_second", &base_url, per_second))
    }

    async fn begin_run(&self, slots: u32, budget: Option<u64>, model: ModelName, now: Timestamp) -> Result<RunId> {
        let me = self.epoch();
        verb!(self, |db| facts::begin_run(db, me, slots, budget, &model, now))
    }

    async fn beat(&self, run: RunId, beat: Beat, now: Timestamp) -> Result<()> {
        let me = self.epoch();
        verb!(self, |db| facts::beat(db, run, me, &beat, now))?;
        verb!(self, |db| tally::add_up(db))
    }

    fn is_shared(&self) -> bool {
        true
    }

    async fn join(&self, start: HostStart) -> Result<Epoch> {
        let number = reading!(self, |db| hosts::next_epoch(db))?;
        let epoch = verb!(self, |db| hosts::join(db, &start, number))?;
        self.epoch.store(epoch.0, Ordering::Release);
        Ok(epoch)
    }

    async fn renew(&self) -> Result<Renewed> {
        let me = self.joined()?;
        verb!(self, |db| hosts::renew(db, me))
    }

    async fn leave(&self) -> Result<()> {
        let me = self.joined()?;
        verb!(self, |db| hosts::leave(db, me))
    }

    async fn forget_host(&self, name: String) -> Result<u64> {
        verb!(self, |db| hosts::forget(db, &name))
    }

    async fn take_up(&self, states: &[StateName], most: usize, now: Timestamp) -> Result<Vec<ActiveJob>> {
        let me = self.joined()?;
        verb!(self, |db| hosts::take_up(db, me, states, most, now))
    }

    async fn confirm(&self, seq: JobSeq, attempt: u32) -> Result<()> {
        let me = self.joined()?;
        reading!(self, |db| hosts::confirm(db, me, seq, attempt))
    }

    async fn cannot_see(&self, seq: JobSeq, attempt: u32, why: String, now: Timestamp) -> Result<JobState> {
        let me = self.joined()?;
        verb!(self, |db| unseen::cannot_see(db, me, (seq, attempt), &why, now))
    }

    async fn look_again(&self) -> Result<u64> {
        let me = self.joined()?;
        verb!(self, |db| unseen::look_again(db, me))
    }

    async fn refused_alike(&self, seq: JobSeq, attempt: u32, code: String) -> Result<RefusedAlike> {
        let me = self.joined()?;
        verb!(self, |db| refusals::refused_alike(db, me, (seq, attempt), &code))
    }

    async fn lacks_room(&self, by: Claimant) -> Result<Option<NoRoom>> {
        let (me, Some(room)) = (self.joined()?, by.room) else { return Ok(None) };
        verb!(self, |db| epochs::asks_for_room(db, me, &by, room))
    }

    async fn turn(&self, kind: String, per_second: f64) -> Result<Duration> {
        verb!(self, |db| hosts::turn(db, &kind, per_second))
    }

    async fn claim(&self, run: RunId, external_id: ExternalTaskId, by: Claimant, now: Timestamp) -> Result<Claim> {
        let (address, me) = (self.server.address(), self.epoch());
        let mut was_cut_off = false;
        patiently!(self.server, {
            let is_again = std::mem::replace(&mut was_cut_off, true);
            in_transaction!(self.server, |db| match claim::taken_before(db, me, &external_id, is_again).await? {
                Some(taken) => Ok(End::RollBack(taken)),
                None => claim::claim(db, address, (run, me), &external_id, &by, now).await,
            })
        })
    }

    async fn claim_once(
        &self,
        run: RunId,
        external_id: ExternalTaskId,
        by: Claimant,
        looked: Option<LookedAt>,
        now: Timestamp,
    ) -> Result<ClaimOnce> {
        let (address, me) = (self.server.address(), self.epoch());
        let mut was_cut_off = false;
        patiently!(self.server, {
            let is_again = std::mem::replace(&mut was_cut_off, true);
            in_transaction!(self.server, |db| match claim::taken_before(db, me, &external_id, is_again).await? {
                Some(taken) => Ok(End::RollBack(ClaimOnce::Claim(taken))),
                None => {
                    duplicates::claim_once(db, address, (run, me), &external_id, (&by, looked.as_ref()), now).await
                }
            })
        })
    }

    async fn assign_account(
        &self,
        seq: JobSeq,
        attempt: u32,
        account: Option<AccountName>,
        endpoint: Option<String>,
    ) -> Result<()> {
        verb!(self, |db| facts::assign_account(db, seq, attempt, account.as_ref(), endpoint.as_deref()))
    }

    async fn record(
        &self,
        seq: JobSeq,
        attempt: u32,
        transition: Transition,
        note: Note,
        now: Timestamp,
    ) -> Result<JobState> {
        let by = By::Worker { attempt, epoch: self.epoch() };
        verb!(self, |db| transition::apply(db, seq, by, &transition, &note, now))
    }

    async fn note_sent_as(&self, seq: JobSeq, attempt: u32, sent_as: String) -> Result<()> {
        verb!(self, |db| facts::note_sent_as(db, seq, attempt, &sent_as))
    }

    async fn submit_again(&self, run: RunId, doubt: Doubt, now: Timestamp) -> Result<Resubmission> {
        let me = self.epoch();
        patiently!(
            self.server,
            in_transaction!(self.server, |db| claim::submit_again(db, (run, me), doubt.clone(), now).await)
        )
    }

    async fn publish(
        &self,
        seq: JobSeq,
        attempt: u32,
        images: Vec<PublishedImage>,
        now: Timestamp,
    ) -> Result<JobState> {
        let by = By::Worker { attempt, epoch: self.epoch() };
        verb!(self, |db| publish::publish(db, seq, by, &images, now))
    }

    async fn retry(&self, id: String, now: Timestamp) -> Result<JobState> {
        verb!(self, |db| by_hand::by_hand(db, &id, now, by_hand::by_hand_retry))
    }

    async fn retry_all(&self, state: StateName, now: Timestamp) -> Result<u64> {
        verb!(self, |db| by_hand::all_by_hand(db, state, now, by_hand::by_hand_retry))
    }

    async fn make_anew(&self, id: String, now: Timestamp) -> Result<JobState> {
        verb!(self, |db| by_hand::by_hand(db, &id, now, |_| Transition::MakeAnew))
    }

    async fn make_flagged_anew(&self, now: Timestamp) -> Result<u64> {
        verb!(self, |db| looks::make_flagged_anew(db, now))
    }

    async fn make_rejected_anew(&self, now: Timestamp) -> Result<u64> {
        verb!(self, |db| reviews::make_rejected_anew(db, now))
    }

    async fn make_these_anew(&self, jobs: Vec<JobSeq>, now: Timestamp) -> Result<u64> {
        verb!(self, |db| reviews::make_these_anew(db, &jobs, now))
    }

    async fn judge_all(&self, judgements: Vec<Judgement>, now: Timestamp) -> Result<Vec<(usize, QueueError)>> {
        patiently!(self.server, in_transaction!(self.server, |db| reviews::judge_all(db, &judgements, now).await))
    }

    async fn cancel(&self, id: String, now: Timestamp) -> Result<JobState> {
        verb!(self, |db| by_hand::by_hand(db, &id, now, |_| Transition::Cancel))
    }

    async fn cancel_pending(&self, now: Timestamp) -> Result<u64> {
        verb!(self, |db| by_hand::all_by_hand(db, StateName::Pending, now, |_| Transition::Cancel))
    }

    async fn adopt(&self, id: String, task_id: TaskId, now: Timestamp) -> Result<JobState> {
        verb!(self, |db| by_hand::adopt(db, &id, &task_id, now))
    }

    async fn note_seen(&self, seen: Vec<(i64, Option<i64>)>) -> Result<()> {
        verb!(self, |db| contents::note_seen(db, &seen))
    }

    async fn note_contents(&self, read: Vec<(i64, Content)>) -> Result<()> {
        verb!(self, |db| contents::note_contents(db, &read))
    }

    async fn begin_load(&self) -> Result<Box<dyn Load>> {
        Ok(Box::new(PostgresLoad::into_queue(&self.server).await?))
    }

    /// A load is one transaction, so none is ever cut off.
    async fn complete_load(&self) -> Result<()> {
        Ok(())
    }
}
