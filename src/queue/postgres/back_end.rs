//! The queue's contract, kept by PostgreSQL: a verb is a transaction, a read is a statement, or some in one snapshot.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use crate::job::state::{JobState, Transition};
use crate::job::{AccountName, ExternalTaskId, Flag, Forms, JobId, JobSeq, JobSpec, ModelName, StateName, TaskId};
use crate::queue::{
    ActiveJob, AttemptRecord, Beat, Claim, ClaimOnce, Claimant, Counts, Doubt, Epoch, HostRecord, HostStart, JobRecord,
    Load, Note, ProviderKind, Published, PublishedImage, Queue, QueueError, QueueReads, Renewed, ReportPlace,
    ReportRow, Resubmission, RunHold, RunId, RunRecord, Selection, TakenTask, Workload,
};

use super::connect::{End, Server, begin_reading, in_transaction, patiently};
use super::db::args;
use super::error::Result;
use super::load::PostgresLoad;
use super::transition::By;
use super::{
    Db, by_hand, claim, duplicates, facts, hosts, last_tasks, looks, pages, publish, read, tally, transition, unseen,
    workload,
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
    fn epoch(&self) -> Option<Epoch> {
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

/// Runs a read of one statement.
macro_rules! reading {
    ($queue:expr, |$db:ident| $body:expr) => {
        patiently!($queue.server, {
            let client = $queue.server.client().await?;
            let $db = Db::by_itself(&client);
            $body.await
        })
    };
}

/// Runs a read of several statements, all of one moment.
macro_rules! reading_at_once {
    ($queue:expr, |$db:ident| $body:expr) => {
        patiently!($queue.server, {
            let mut client = $queue.server.client().await?;
            let transaction = begin_reading(&mut client).await?;
            let read = {
                let $db = Db::within(&transaction);
                $body.await
            };
            transaction.rollback().await?;
            read
        })
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
        let epoch = verb!(self, |db| hosts::join(db, &start))?;
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

    async fn turn(&self, kind: String, per_second: f64) -> Result<Duration> {
        verb!(self, |db| hosts::turn(db, &kind, per_second))
    }

    async fn claim(&self, run: RunId, external_id: ExternalTaskId, by: Claimant, now: Timestamp) -> Result<Claim> {
        let (address, me) = (self.server.address(), self.epoch());
        patiently!(
            self.server,
            in_transaction!(self.server, |db| claim::claim(db, address, (run, me), &external_id, &by, now).await)
        )
    }

    async fn claim_once(
        &self,
        run: RunId,
        external_id: ExternalTaskId,
        by: Claimant,
        now: Timestamp,
    ) -> Result<ClaimOnce> {
        let (address, me) = (self.server.address(), self.epoch());
        patiently!(
            self.server,
            in_transaction!(self.server, |db| {
                duplicates::claim_once(db, address, (run, me), &external_id, &by, now).await
            })
        )
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
        patiently!(self.server, in_transaction!(self.server, |db| claim::submit_again(db, (run, me), doubt, now).await))
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

    async fn cancel(&self, id: String, now: Timestamp) -> Result<JobState> {
        verb!(self, |db| by_hand::by_hand(db, &id, now, |_| Transition::Cancel))
    }

    async fn cancel_pending(&self, now: Timestamp) -> Result<u64> {
        verb!(self, |db| by_hand::all_by_hand(db, StateName::Pending, now, |_| Transition::Cancel))
    }

    async fn adopt(&self, id: String, task_id: TaskId, now: Timestamp) -> Result<JobState> {
        verb!(self, |db| by_hand::adopt(db, &id, &task_id, now))
    }

    async fn begin_load(&self) -> Result<Box<dyn Load>> {
        Ok(Box::new(PostgresLoad::into_queue(&self.server).await?))
    }

    /// A load is one transaction, so none is ever cut off.
    async fn complete_load(&self) -> Result<()> {
        Ok(())
    }
}

impl PostgresQueue {
    /// What is known of an endpoint.
    async fn known<T: for<'a> tokio_postgres::types::FromSql<'a>>(
        &self,
        column: &'static str,
        base_url: &str,
    ) -> Result<Option<T>> {
        let query = format!("SELECT {column} FROM tryon.doors WHERE base_url = $1");
        let row = reading!(self, |db| db.row(&query, args![base_url]))?;
        Ok(row.map(|row| row.try_get::<_, Option<T>>(0)).transpose()?.flatten())
    }
}

#[async_trait]
impl QueueReads for PostgresQueue {
    async fn revision(&self) -> Result<String> {
        reading!(self, |db| facts::revision(db))
    }

    async fn counts(&self) -> Result<Counts> {
        reading!(self, |db| tally::counts(db))
    }

    async fn flag_counts(&self) -> Result<Vec<(Flag, u64)>> {
        reading!(self, |db| looks::flag_counts(db))
    }

    async fn provider(&self) -> Result<Option<ProviderKind>> {
        let word = reading!(self, |db| facts::get_meta(db, "provider"))?;
        let damaged = |word: String| QueueError::Damaged(format!("`{word}` is no provider"));
        word.map(|word| ProviderKind::from_word(&word).ok_or_else(|| damaged(word))).transpose()
    }

    async fn default_model(&self) -> Result<Option<ModelName>> {
        Ok(reading!(self, |db| facts::get_meta(db, "default_model"))?.map(ModelName::trusted))
    }

    async fn address(&self) -> Result<Option<String>> {
        Ok(reading!(self, |db| facts::get_meta(db, "base_url"))?.filter(|url| !url.is_empty()))
    }

    async fn output(&self) -> Result<Option<String>> {
        reading!(self, |db| facts::get_meta(db, "output"))
    }

    async fn external_ids(&self, base_url: &str) -> Result<Option<bool>> {
        self.known("external_ids", base_url).await
    }

    async fn slots_found(&self, base_url: &str) -> Result<Option<u32>> {
        Ok(self.known::<i64>("slots", base_url).await?.and_then(|slots| u32::try_from(slots).ok()))
    }

    async fn tasks_at(&self, account: Option<AccountName>, endpoint: Option<String>) -> Result<u32> {
        reading!(self, |db| hosts::tasks_at(db, account.as_ref(), endpoint.as_deref()))
    }

    async fn hosts(&self) -> Result<Vec<HostRecord>> {
        reading!(self, |db| hosts::hosts(db))
    }

    async fn pace_found(&self, base_url: &str) -> Result<Option<f64>> {
        self.known("creates_per_second", base_url).await
    }

    async fn is_at_work(&self) -> Result<bool> {
        reading!(self, |db| hosts::is_at_work(db))
    }

    async fn last_run(&self) -> Result<Option<RunRecord>> {
        reading_at_once!(self, |db| facts::last_run(db))
    }

    async fn fits_images(&self) -> Result<bool> {
        Ok(reading!(self, |db| facts::get_meta(db, "fit_images"))?.is_some())
    }

    async fn first_for(&self, model: ModelName, default_model: ModelName, has_file: bool) -> Result<Option<JobId>> {
        reading_at_once!(self, |db| read::first_for(db, &model, &default_model, has_file))
    }

    async fn dedupes(&self) -> Result<bool> {
        Ok(reading!(self, |db| facts::get_meta(db, "dedupe"))?.is_some())
    }

    async fn workload(&self, default_model: &ModelName, most_repeats: usize) -> Result<Workload> {
        reading_at_once!(self, |db| workload::workload(db, default_model, most_repeats))
    }

    async fn usual_task_time(&self) -> Result<Option<Duration>> {
        reading!(self, |db| workload::usual_task_time(db))
    }

    async fn active(&self, states: &[StateName], most: usize) -> Result<Vec<ActiveJob>> {
        reading_at_once!(self, |db| read::active(db, states, most))
    }

    async fn next_up(&self, forms: Forms, now: Timestamp) -> Result<Option<JobSpec>> {
        let me = self.epoch();
        reading_at_once!(self, |db| claim::next_up(db, forms, me, now))
    }

    async fn has_claimable(&self, forms: Forms) -> Result<bool> {
        Ok(reading!(self, |db| read::claimable_and_claimed(db, forms))?.0)
    }

    async fn has_to_submit(&self, forms: Forms) -> Result<bool> {
        let (claimable, claimed) = reading!(self, |db| read::claimable_and_claimed(db, forms))?;
        Ok(claimable || claimed)
    }

    async fn next_beyond(&self, forms: Forms) -> Result<Option<JobId>> {
        reading!(self, |db| read::next_beyond(db, forms))
    }

    async fn has_relative_pictures(&self) -> Result<bool> {
        reading!(self, |db| read::has_relative_pictures(db))
    }

    async fn held_back(&self) -> Result<u64> {
        reading!(self, |db| read::held_back(db))
    }

    async fn task_of_the_same_account(&self, seq: JobSeq, attempt: u32) -> Result<Option<TakenTask>> {
        reading!(self, |db| last_tasks::task_of_the_same_account(db, seq, attempt))
    }

    async fn published(&self, after: JobSeq, most: usize) -> Result<Vec<Published>> {
        reading!(self, |db| read::published(db, after, most))
    }

    async fn job(&self, id: &str) -> Result<JobRecord> {
        reading!(self, |db| read::job(db, id))
    }

    async fn attempts(&self, seq: JobSeq) -> Result<Vec<AttemptRecord>> {
        reading!(self, |db| read::attempts(db, seq))
    }

    async fn images(&self, seq: JobSeq) -> Result<Vec<PublishedImage>> {
        reading!(self, |db| read::images(db, seq))
    }

    async fn images_of(&self, seq: JobSeq, task_id: &TaskId) -> Result<Vec<PublishedImage>> {
        reading!(self, |db| read::images_of(db, seq, task_id))
    }

    async fn twins_of(&self, seq: JobSeq) -> Result<Vec<JobId>> {
        reading_at_once!(self, |db| looks::twins_of(db, seq))
    }

    async fn is_taken_by_other(&self, id: &str, owner: JobSeq) -> Result<bool> {
        reading!(self, |db| read::is_taken_by_other(db, id, owner))
    }

    async fn jobs_page(&self, selection: Selection<'_>, after: JobSeq, most: usize) -> Result<Vec<JobRecord>> {
        reading!(self, |db| pages::jobs_after(db, &selection, after, most))
    }

    async fn report_page(&self, after: ReportPlace, most: usize) -> Result<(Vec<ReportRow>, ReportPlace)> {
        reading_at_once!(self, |db| pages::report_after(db, after.clone(), most))
    }
}
