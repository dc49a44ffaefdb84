//! What can be asked of a queue in PostgreSQL: a read is a statement, or some in one snapshot.

use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;

use crate::job::{
    AccountName, ExternalTaskId, Flag, Forms, ImageSource, JobId, JobSeq, JobSpec, ModelName, StateName, TaskId,
};
use crate::queue::columns::{COLUMN_NAMES, read_names};
use crate::queue::{
    ActiveJob, AttemptRecord, Counts, GivenVerdict, HostRecord, JobRecord, JobsPage, KnownContent, MadeFrom, OwnTask,
    ProviderKind, Published, PublishedImage, QueueError, QueueReads, ReportPlace, ReportRow, RunRecord, Selection,
    TakenTask, Workload,
};

use super::back_end::PostgresQueue;
use super::connect::{reading, reading_at_once};
use super::db::args;
use super::error::Result;
use super::{claim, contents, facts, hosts, last_tasks, looks, own_tasks, pages, read, reviews, tally, workload};

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

    async fn column_names(&self) -> Result<Vec<String>> {
        read_names(reading!(self, |db| facts::get_meta(db, COLUMN_NAMES))?.as_deref())
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

    async fn moved_to(&self) -> Result<Option<String>> {
        reading!(self, |db| facts::get_meta(db, facts::MOVED_TO))
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

    async fn own_tasks(&self, after: (JobSeq, u32), most: usize) -> Result<Vec<OwnTask>> {
        reading!(self, |db| own_tasks::own_tasks(db, after, most))
    }

    async fn own_task_named(&self, name: &ExternalTaskId) -> Result<Option<OwnTask>> {
        reading!(self, |db| own_tasks::own_task_named(db, name))
    }

    async fn verdicts(&self, seq: JobSeq) -> Result<Vec<GivenVerdict>> {
        reading!(self, |db| reviews::verdicts(db, seq))
    }

    async fn known_contents(&self, after: i64, most: usize) -> Result<Vec<KnownContent>> {
        reading!(self, |db| contents::known_contents(db, after, most))
    }

    async fn unread_pictures(&self, after: i64, most: usize) -> Result<Vec<(i64, ImageSource)>> {
        reading!(self, |db| contents::unread_pictures(db, after, most))
    }

    async fn made_from(&self, after: JobSeq, most: usize) -> Result<Vec<MadeFrom>> {
        reading!(self, |db| contents::made_from(db, after, most))
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

    async fn jobs_page(&self, selection: Selection<'_>, after: JobSeq, most: usize) -> Result<JobsPage> {
        reading_at_once!(self, |db| pages::jobs_after(db, &selection, after, most))
    }

    async fn report_page(&self, after: ReportPlace, most: usize) -> Result<(Vec<ReportRow>, ReportPlace)> {
        reading_at_once!(self, |db| pages::report_after(db, after.clone(), most))
    }
}
