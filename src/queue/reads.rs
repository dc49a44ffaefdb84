//! The reads of the queue's contract; what they promise is said in [`super::contract`].

use std::fmt::Debug;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;

use crate::job::{
    AccountName, ExternalTaskId, Flag, Forms, ImageSource, JobId, JobSeq, JobSpec, ModelName, StateName, TaskId,
};

use super::contents::{KnownContent, MadeFrom};
use super::error::QueueResult;
use super::hosts::HostRecord;
use super::judgement::GivenVerdict;
use super::own_tasks::OwnTask;
use super::record::{
    ActiveJob, AttemptRecord, Counts, JobRecord, ProviderKind, Published, PublishedImage, ReportPlace, ReportRow,
    TakenTask, Workload,
};
use super::runs::RunRecord;
use super::selection::{JobsPage, Selection};

/// What can be asked of a queue. Nothing here changes it.
#[async_trait]
pub trait QueueReads: Debug + Send + Sync {
    // Reads: the queue as a whole.

    /// How many jobs are in each state, in a time that does not depend on how many there are.
    async fn counts(&self) -> QueueResult<Counts>;

    /// How many jobs have each flag, in the flags' order; flags that none has are left out.
    async fn flag_counts(&self) -> QueueResult<Vec<(Flag, u64)>>;

    /// The names of the manifest columns that jobs of this queue have, those of earlier loads first.
    async fn column_names(&self) -> QueueResult<Vec<String>>;

    /// The kind of provider the queue belongs to, once a run has begun.
    async fn provider(&self) -> QueueResult<Option<ProviderKind>>;

    /// The default model of the last run.
    async fn default_model(&self) -> QueueResult<Option<ModelName>>;

    /// The address at which the last run worked, where it is not the provider's usual one.
    async fn address(&self) -> QueueResult<Option<String>>;

    /// Where the queue goes on, if it was copied to another place.
    async fn moved_to(&self) -> QueueResult<Option<String>>;

    /// Where results go, once a run has kept it.
    async fn output(&self) -> QueueResult<Option<String>>;

    /// Whether external task ids have come back from an endpoint; `None` before its first answer.
    async fn external_ids(&self, base_url: &str) -> QueueResult<Option<bool>>;

    /// How many tasks an endpoint was last found to take at once; `None` where no run has found it out.
    async fn slots_found(&self, base_url: &str) -> QueueResult<Option<u32>>;

    /// How many tasks an account is known to have at work now, over all hosts.
    async fn tasks_at(&self, account: Option<AccountName>, endpoint: Option<String>) -> QueueResult<u32>;

    /// How many submissions a second an endpoint was last found to bear; `None` where no run has found it out.
    async fn pace_found(&self, base_url: &str) -> QueueResult<Option<f64>>;

    /// A text that is another one whenever something of the queue may have changed since, whoever changed it. Costs next to
    /// nothing, so that it can be asked again and again in place of what is shown; it is compared only with what the same
    /// handle has told.
    async fn revision(&self) -> QueueResult<String>;

    /// Whether a run holds the queue now, in this process or another one.
    async fn is_at_work(&self) -> QueueResult<bool>;

    /// The last run, going on or ended.
    async fn last_run(&self) -> QueueResult<Option<RunRecord>>;

    /// Whether a manifest was loaded whose pictures are to be made to fit.
    async fn fits_images(&self) -> QueueResult<bool>;

    /// The first job that waits to be submitted to a model, `default_model` being the model of rows that name none; with
    /// `has_file`, the first that has a local picture.
    async fn first_for(&self, model: ModelName, default_model: ModelName, has_file: bool)
    -> QueueResult<Option<JobId>>;

    /// Whether a manifest was loaded whose duplicates are to be made once.
    async fn dedupes(&self) -> QueueResult<bool>;

    /// How much is still to be submitted. `default_model` is the model of rows that name none, and `most_repeats` how
    /// many repeated pairs are named. Looks at every job that waits.
    async fn workload(&self, default_model: &ModelName, most_repeats: usize) -> QueueResult<Workload>;

    /// How long the provider took for a task, in the mean of the last ones; `None` before the first.
    async fn usual_task_time(&self) -> QueueResult<Option<Duration>>;

    /// The epochs that are not dead, and those dead ones that still have jobs in doubt, the latest first.
    async fn hosts(&self) -> QueueResult<Vec<HostRecord>>;

    // Reads: what a run needs.

    /// The jobs in one of `states` that somebody has to work on: state by state as named, each in manifest order, at most
    /// `most` in all. A state in which nobody has to work (`pending`, `succeeded`, …) has none.
    async fn active(&self, states: &[StateName], most: usize) -> QueueResult<Vec<ActiveJob>>;

    /// What the job asks for that a claim for an account in these forms would get now, if any is ready.
    async fn next_up(&self, forms: Forms, now: Timestamp) -> QueueResult<Option<JobSpec>>;

    /// Whether a job waits that can be claimed for an account in these forms, now or when its retry time has come: not one
    /// that waits for its duplicate.
    async fn has_claimable(&self, forms: Forms) -> QueueResult<bool>;

    /// Whether a job can be claimed for an account in these forms, now or later, or was claimed and is not known to be
    /// submitted.
    async fn has_to_submit(&self, forms: Forms) -> QueueResult<bool>;

    /// The first job that waits, in manifest order, and names a model that no account in these forms takes.
    async fn next_beyond(&self, forms: Forms) -> QueueResult<Option<JobId>>;

    /// The next finished jobs after `after`, in manifest order, at most `most`.
    async fn published(&self, after: JobSeq, most: usize) -> QueueResult<Vec<Published>>;

    /// Whether some jobs name local pictures relative to a folder that each host has.
    async fn has_relative_pictures(&self) -> QueueResult<bool> {
        Ok(false)
    }

    /// How many jobs wait for a duplicate that is under way: they are not submitted by themselves.
    async fn held_back(&self) -> QueueResult<u64>;

    /// A task that this attempt's account took from the run that made it, or else from the last run before it that had one
    /// there. Who does not have it, by both of its names, is not the account that the attempt was sent to.
    async fn task_of_the_same_account(&self, seq: JobSeq, attempt: u32) -> QueueResult<Option<TakenTask>>;

    // Reads: one job.

    /// One job by its id.
    ///
    /// # Errors
    /// [`super::QueueError::NoSuchJob`].
    async fn job(&self, id: &str) -> QueueResult<JobRecord>;

    /// Every attempt made for a job, the first one first. One that only waits for room is among them.
    async fn attempts(&self, seq: JobSeq) -> QueueResult<Vec<AttemptRecord>>;

    /// What was said about a job's images, the first first; also about those that were replaced.
    async fn verdicts(&self, seq: JobSeq) -> QueueResult<Vec<GivenVerdict>>;

    /// A job's images, the result first; also those of a job that is being made again.
    async fn images(&self, seq: JobSeq) -> QueueResult<Vec<PublishedImage>>;

    /// A finished job's images, if they are those of a task.
    async fn images_of(&self, seq: JobSeq, task_id: &TaskId) -> QueueResult<Vec<PublishedImage>>;

    /// Jobs of other pairs whose results are the same picture as this job's; a few, where there are many.
    async fn twins_of(&self, seq: JobSeq) -> QueueResult<Vec<JobId>>;

    /// What pictures were when they were last read, those of the pictures after number `after`, in the order of these numbers, at
    /// most `most` pictures. A picture that was changed in between has several. An empty page is the end.
    async fn known_contents(&self, after: i64, most: usize) -> QueueResult<Vec<KnownContent>>;

    /// Pictures after number `after` of which it is not known what they are, in the order of their numbers, at most `most`. An
    /// empty page is the end.
    async fn unread_pictures(&self, after: i64, most: usize) -> QueueResult<Vec<(i64, ImageSource)>>;

    /// What the results of jobs after `after` were made of, as far as it is known, in manifest order, at most `most` jobs. An
    /// empty page is the end.
    async fn made_from(&self, after: JobSeq, most: usize) -> QueueResult<Vec<MadeFrom>>;

    /// Whether a job other than `owner` is named by this id, in the sense of [`JobId::key`].
    async fn is_taken_by_other(&self, id: &str, owner: JobSeq) -> QueueResult<bool>;

    // Reads: all jobs, by pages. Each page is of one moment; the queue may change between two.

    /// The selected jobs after `after`, in manifest order, at most `most`, and where to go on ([`JobsPage::next`]).
    async fn jobs_page(&self, selection: Selection<'_>, after: JobSeq, most: usize) -> QueueResult<JobsPage>;

    /// The rows of the report after `after`, in manifest order, at most `most`, with the place from which to go on. An
    /// empty page is the end.
    async fn report_page(&self, after: ReportPlace, most: usize) -> QueueResult<(Vec<ReportRow>, ReportPlace)>;

    /// The attempts that asked for tasks of their own after an attempt, in manifest order, at most `most`. An empty page is the end.
    async fn own_tasks(&self, after: (JobSeq, u32), most: usize) -> QueueResult<Vec<OwnTask>>;

    /// The attempt that was sent under a name of ours.
    async fn own_task_named(&self, name: &ExternalTaskId) -> QueueResult<Option<OwnTask>>;
}
