//! The queue's contract, kept by SQLite: verbs go to the writer thread, reads to a connection on a thread that may wait.

use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;

use crate::job::{
    AccountName, Content, ExternalTaskId, Flag, Forms, ImageSource, JobId, JobSeq, JobSpec, JobState, ModelName,
    StateName, TaskId, Transition,
};
use crate::queue::{
    ActiveJob, AttemptRecord, Beat, Claim, ClaimOnce, Claimant, Counts, Doubt, Epoch, GivenVerdict, HostRecord,
    HostStart, JobRecord, JobsPage, Judgement, KnownContent, Load, LookedAt, MadeFrom, NoRoom, Note, OwnTask,
    ProviderKind, Published, PublishedImage, Queue, QueueError, QueueReads, RefusedAlike, Renewed, ReportPlace,
    ReportRow, Resubmission, RunHold, RunId, RunRecord, Selection, TakenTask, Workload,
};

use super::handle::{SqliteQueue, blocking};
use super::kept_texts::MOVED_TO;
use super::lock::RunLock;
use super::meta::get_meta;
use super::selected::{SQLITE, Selected};
use super::staged::StagedLoad;
use super::{QueueReader, Result, contents, epochs, hosts, own_tasks, pages, refusals, unseen};

#[async_trait]
impl Queue for SqliteQueue {
    async fn hold(&self) -> Result<RunHold> {
        let path = self.path().to_owned();
        blocking(move || RunLock::take(&path).map(RunHold::by)).await
    }

    async fn bind(&self, kind: ProviderKind) -> Result<()> {
        SqliteQueue::bind(self, kind).await
    }

    async fn check_provider(&self, kind: ProviderKind) -> Result<()> {
        SqliteQueue::check_provider(self, kind).await
    }

    async fn remember_address(&self, base_url: Option<String>) -> Result<()> {
        SqliteQueue::remember_address(self, base_url).await
    }

    async fn keep_callback_path(&self, fresh: String) -> Result<String> {
        SqliteQueue::keep_callback_path(self, fresh).await
    }

    async fn keep_identity(&self, fresh: String) -> Result<String> {
        SqliteQueue::keep_identity(self, fresh).await
    }

    async fn keep_output(&self, fresh: String) -> Result<String> {
        SqliteQueue::keep_output(self, fresh).await
    }

    async fn mark_moved(&self, to: Option<String>) -> Result<()> {
        SqliteQueue::mark_moved(self, to).await
    }

    async fn learn_external_ids(&self, base_url: String, supported: bool) -> Result<()> {
        SqliteQueue::learn_external_ids(self, base_url, supported).await
    }

    async fn learn_slots(&self, base_url: String, slots: u32) -> Result<()> {
        SqliteQueue::learn_slots(self, base_url, slots).await
    }

    async fn learn_pace(&self, base_url: String, per_second: f64) -> Result<()> {
        SqliteQueue::learn_pace(self, base_url, per_second).await
    }

    fn is_shared(&self) -> bool {
        self.is_shared
    }

    async fn join(&self, start: HostStart) -> Result<Epoch> {
        let is_shared = self.is_shared;
        let epoch = self.writer.write(move |db| hosts::join(db, &start, is_shared)).await?;
        self.begins(epoch);
        Ok(epoch)
    }

    async fn renew(&self) -> Result<Renewed> {
        let me = self.joined()?;
        self.writer.write(move |db| hosts::renew(db, me)).await
    }

    async fn leave(&self) -> Result<()> {
        let me = self.joined()?;
        self.writer.write(move |db| hosts::leave(db, me)).await
    }

    async fn forget_host(&self, name: String) -> Result<u64> {
        self.writer.write(move |db| hosts::forget(db, &name)).await
    }

    async fn take_up(&self, states: &[StateName], most: usize, now: Timestamp) -> Result<Vec<ActiveJob>> {
        let (me, states) = (self.joined()?, states.to_vec());
        self.writer.write(move |db| hosts::take_up(db, me, &states, most, now)).await
    }

    async fn confirm(&self, seq: JobSeq, attempt: u32) -> Result<()> {
        let me = self.joined()?;
        self.writer.write(move |db| hosts::confirm(db, me, seq, attempt)).await
    }

    async fn cannot_see(&self, seq: JobSeq, attempt: u32, why: String, now: Timestamp) -> Result<JobState> {
        let me = self.joined()?;
        self.writer.write(move |db| unseen::cannot_see(db, me, (seq, attempt), &why, now)).await
    }

    async fn look_again(&self) -> Result<u64> {
        let me = self.joined()?;
        self.writer.write(move |db| unseen::look_again(db, me)).await
    }

    async fn refused_alike(&self, seq: JobSeq, attempt: u32, code: String) -> Result<RefusedAlike> {
        let me = self.joined()?;
        self.writer.write(move |db| refusals::refused_alike(db, me, (seq, attempt), &code)).await
    }

    async fn lacks_room(&self, by: Claimant) -> Result<Option<NoRoom>> {
        let (me, Some(room)) = (self.joined()?, by.room) else { return Ok(None) };
        self.writer.write(move |db| epochs::lacks_room(db, me, &by, room)).await
    }

    async fn turn(&self, kind: String, per_second: f64) -> Result<Duration> {
        self.writer.write(move |db| hosts::turn(db, &kind, per_second)).await
    }

    async fn assign_account(
        &self,
        seq: JobSeq,
        attempt: u32,
        account: Option<AccountName>,
        endpoint: Option<String>,
    ) -> Result<()> {
        SqliteQueue::assign_account(self, seq, attempt, account, endpoint).await
    }

    async fn begin_run(&self, slots: u32, budget: Option<u64>, model: ModelName, now: Timestamp) -> Result<RunId> {
        SqliteQueue::begin_run(self, slots, budget, model, now).await
    }

    async fn beat(&self, run: RunId, beat: Beat, now: Timestamp) -> Result<()> {
        SqliteQueue::beat(self, run, beat, now).await
    }

    async fn claim(&self, run: RunId, external_id: ExternalTaskId, by: Claimant, now: Timestamp) -> Result<Claim> {
        SqliteQueue::claim(self, run, external_id, by, now).await
    }

    async fn claim_once(
        &self,
        run: RunId,
        external_id: ExternalTaskId,
        by: Claimant,
        looked: Option<LookedAt>,
        now: Timestamp,
    ) -> Result<ClaimOnce> {
        SqliteQueue::claim_once(self, run, external_id, by, looked, now).await
    }

    async fn record(
        &self,
        seq: JobSeq,
        attempt: u32,
        transition: Transition,
        note: Note,
        now: Timestamp,
    ) -> Result<JobState> {
        SqliteQueue::record(self, seq, attempt, transition, note, now).await
    }

    async fn note_sent_as(&self, seq: JobSeq, attempt: u32, sent_as: String) -> Result<()> {
        SqliteQueue::note_sent_as(self, seq, attempt, sent_as).await
    }

    async fn submit_again(&self, run: RunId, doubt: Doubt, now: Timestamp) -> Result<Resubmission> {
        SqliteQueue::submit_again(self, run, doubt, now).await
    }

    async fn publish(
        &self,
        seq: JobSeq,
        attempt: u32,
        images: Vec<PublishedImage>,
        now: Timestamp,
    ) -> Result<JobState> {
        SqliteQueue::publish(self, seq, attempt, images, now).await
    }

    async fn retry(&self, id: String, now: Timestamp) -> Result<JobState> {
        SqliteQueue::retry(self, id, now).await
    }

    async fn retry_all(&self, state: StateName, now: Timestamp) -> Result<u64> {
        SqliteQueue::retry_all(self, state, now).await
    }

    async fn make_anew(&self, id: String, now: Timestamp) -> Result<JobState> {
        SqliteQueue::make_anew(self, id, now).await
    }

    async fn make_flagged_anew(&self, now: Timestamp) -> Result<u64> {
        SqliteQueue::make_flagged_anew(self, now).await
    }

    async fn make_rejected_anew(&self, now: Timestamp) -> Result<u64> {
        SqliteQueue::make_rejected_anew(self, now).await
    }

    async fn make_these_anew(&self, jobs: Vec<JobSeq>, now: Timestamp) -> Result<u64> {
        SqliteQueue::make_these_anew(self, jobs, now).await
    }

    async fn judge_all(&self, judgements: Vec<Judgement>, now: Timestamp) -> Result<Vec<(usize, QueueError)>> {
        SqliteQueue::judge_all(self, judgements, now).await
    }

    async fn cancel(&self, id: String, now: Timestamp) -> Result<JobState> {
        SqliteQueue::cancel(self, id, now).await
    }

    async fn cancel_pending(&self, now: Timestamp) -> Result<u64> {
        SqliteQueue::cancel_pending(self, now).await
    }

    async fn adopt(&self, id: String, task_id: TaskId, now: Timestamp) -> Result<JobState> {
        SqliteQueue::adopt(self, id, task_id, now).await
    }

    async fn note_seen(&self, seen: Vec<(i64, Option<i64>)>) -> Result<()> {
        SqliteQueue::note_seen(self, seen).await
    }

    async fn note_contents(&self, read: Vec<(i64, Content)>) -> Result<()> {
        SqliteQueue::note_contents(self, read).await
    }

    async fn begin_load(&self) -> Result<Box<dyn Load>> {
        Ok(Box::new(StagedLoad::begin(self).await?))
    }

    async fn complete_load(&self) -> Result<()> {
        SqliteQueue::complete_load(self).await
    }
}

#[async_trait]
impl QueueReads for SqliteQueue {
    async fn revision(&self) -> Result<String> {
        SqliteQueue::revision(self).await
    }

    async fn counts(&self) -> Result<Counts> {
        self.read(QueueReader::counts).await
    }

    async fn flag_counts(&self) -> Result<Vec<(Flag, u64)>> {
        self.read(QueueReader::flag_counts).await
    }

    async fn column_names(&self) -> Result<Vec<String>> {
        self.read(QueueReader::column_names).await
    }

    async fn provider(&self) -> Result<Option<ProviderKind>> {
        self.read(QueueReader::provider).await
    }

    async fn default_model(&self) -> Result<Option<ModelName>> {
        self.read(QueueReader::default_model).await
    }

    async fn address(&self) -> Result<Option<String>> {
        self.read(QueueReader::address).await
    }

    async fn output(&self) -> Result<Option<String>> {
        self.read(QueueReader::output).await
    }

    async fn moved_to(&self) -> Result<Option<String>> {
        self.writer.write(|db| get_meta(db, MOVED_TO)).await
    }

    async fn external_ids(&self, base_url: &str) -> Result<Option<bool>> {
        let base_url = base_url.to_owned();
        self.read(move |reader| reader.external_ids(&base_url)).await
    }

    async fn slots_found(&self, base_url: &str) -> Result<Option<u32>> {
        let base_url = base_url.to_owned();
        self.read(move |reader| reader.slots_found(&base_url)).await
    }

    async fn pace_found(&self, base_url: &str) -> Result<Option<f64>> {
        let base_url = base_url.to_owned();
        self.read(move |reader| reader.pace_found(&base_url)).await
    }

    async fn is_at_work(&self) -> Result<bool> {
        let path = self.path().to_owned();
        blocking(move || Ok(RunLock::is_held(&path))).await
    }

    async fn last_run(&self) -> Result<Option<RunRecord>> {
        self.read(QueueReader::last_run).await
    }

    async fn fits_images(&self) -> Result<bool> {
        self.read(QueueReader::fits_images).await
    }

    async fn first_for(&self, model: ModelName, default_model: ModelName, has_file: bool) -> Result<Option<JobId>> {
        self.read(move |queue| queue.first_for(&model, &default_model, has_file)).await
    }

    async fn dedupes(&self) -> Result<bool> {
        self.read(QueueReader::dedupes).await
    }

    async fn workload(&self, default_model: &ModelName, most_repeats: usize) -> Result<Workload> {
        let default_model = default_model.clone();
        self.read(move |reader| reader.workload(&default_model, most_repeats)).await
    }

    async fn usual_task_time(&self) -> Result<Option<Duration>> {
        self.read(QueueReader::usual_task_time).await
    }

    async fn tasks_at(&self, account: Option<AccountName>, endpoint: Option<String>) -> Result<u32> {
        self.read(move |reader| hosts::tasks_at(&reader.db, account.as_ref(), endpoint.as_deref())).await
    }

    async fn hosts(&self) -> Result<Vec<HostRecord>> {
        self.read(|reader| hosts::hosts(&reader.db)).await
    }

    async fn active(&self, states: &[StateName], most: usize) -> Result<Vec<ActiveJob>> {
        let states = states.to_vec();
        self.read(move |reader| reader.active(&states, most)).await
    }

    async fn next_up(&self, forms: Forms, now: Timestamp) -> Result<Option<JobSpec>> {
        let me = self.epoch();
        self.read(move |reader| reader.next_up(forms, me, now)).await
    }

    async fn has_claimable(&self, forms: Forms) -> Result<bool> {
        self.read(move |reader| reader.has_claimable(forms)).await
    }

    async fn has_to_submit(&self, forms: Forms) -> Result<bool> {
        self.read(move |reader| reader.has_to_submit(forms)).await
    }

    async fn next_beyond(&self, forms: Forms) -> Result<Option<JobId>> {
        self.read(move |reader| reader.next_beyond(forms)).await
    }

    async fn held_back(&self) -> Result<u64> {
        self.read(QueueReader::held_back).await
    }

    async fn task_of_the_same_account(&self, seq: JobSeq, attempt: u32) -> Result<Option<TakenTask>> {
        self.read(move |reader| reader.task_of_the_same_account(seq, attempt)).await
    }

    async fn published(&self, after: JobSeq, most: usize) -> Result<Vec<Published>> {
        self.read(move |reader| reader.published(after, most)).await
    }

    async fn job(&self, id: &str) -> Result<JobRecord> {
        let id = id.to_owned();
        self.read(move |reader| reader.job(&id)).await
    }

    async fn attempts(&self, seq: JobSeq) -> Result<Vec<AttemptRecord>> {
        self.read(move |reader| reader.attempts(seq)).await
    }

    async fn verdicts(&self, seq: JobSeq) -> Result<Vec<GivenVerdict>> {
        self.read(move |reader| reader.verdicts(seq)).await
    }

    async fn known_contents(&self, after: i64, most: usize) -> Result<Vec<KnownContent>> {
        self.read(move |reader| contents::known_contents(&reader.db, after, most)).await
    }

    async fn unread_pictures(&self, after: i64, most: usize) -> Result<Vec<(i64, ImageSource)>> {
        self.read(move |reader| contents::unread_pictures(&reader.db, after, most)).await
    }

    async fn made_from(&self, after: JobSeq, most: usize) -> Result<Vec<MadeFrom>> {
        self.read(move |reader| contents::made_from(&reader.db, after, most)).await
    }

    async fn own_tasks(&self, after: (JobSeq, u32), most: usize) -> Result<Vec<OwnTask>> {
        self.read(move |reader| own_tasks::own_tasks(&reader.db, after, most)).await
    }

    async fn own_task_named(&self, name: &ExternalTaskId) -> Result<Option<OwnTask>> {
        let name = name.clone();
        self.read(move |reader| own_tasks::own_task_named(&reader.db, &name)).await
    }

    async fn images(&self, seq: JobSeq) -> Result<Vec<PublishedImage>> {
        self.read(move |reader| reader.images(seq)).await
    }

    async fn images_of(&self, seq: JobSeq, task_id: &TaskId) -> Result<Vec<PublishedImage>> {
        let task_id = task_id.clone();
        self.read(move |reader| reader.images_of(seq, &task_id)).await
    }

    async fn twins_of(&self, seq: JobSeq) -> Result<Vec<JobId>> {
        self.read(move |reader| reader.twins_of(seq)).await
    }

    async fn is_taken_by_other(&self, id: &str, owner: JobSeq) -> Result<bool> {
        let id = id.to_owned();
        self.read(move |reader| reader.is_taken_by_other(&id, owner)).await
    }

    async fn jobs_page(&self, selection: Selection<'_>, after: JobSeq, most: usize) -> Result<JobsPage> {
        let selected = Selected::of(&selection, SQLITE);
        self.read(move |reader| pages::jobs_after(&reader.db, &selected, after.0, most)).await
    }

    async fn report_page(&self, after: ReportPlace, most: usize) -> Result<(Vec<ReportRow>, ReportPlace)> {
        self.read(move |reader| pages::report_after(&reader.db, after, most)).await
    }
}
