//! The queue's contract: every verb and every read, in the program's own types.
//!
//! What a back end promises, whatever it stores in:
//!
//! - **Durable.** When a verb's future is done, what it did is on disk. When it returns an error, nothing of it is.
//! - **Atomic.** Reads see the queue as it was after some verb, never half of one.
//! - **At most once.** Where a job may go from a state is [`crate::job::state`]'s to say; a back end has one writer of
//!   states, which asks it. A verb of a worker names the attempt that it holds, and changes nothing in another one.
//! - **Not cancel-safe by dropping.** A verb whose future is dropped may happen all the same.
//! - **Never blocking.** A future of this trait never waits for a disk or a lock on the thread that polls it.
//!
//! `now` is a parameter wherever a time is stored or compared. No path, no connection and no query language appears
//! here: they are a back end's own.

use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use crate::job::{AccountName, Content, ExternalTaskId, JobSeq, JobState, ModelName, StateName, TaskId, Transition};

use super::doubt::{Doubt, Resubmission};
use super::error::{QueueError, QueueResult};
use super::hold::RunHold;
use super::hosts::{Epoch, HostStart, NoRoom, RefusedAlike, Renewed};
use super::judgement::Judgement;
use super::loading::Load;
use super::reads::QueueReads;
use super::record::{ActiveJob, Beat, Claim, ClaimOnce, Claimant, LookedAt, Note, ProviderKind, PublishedImage, RunId};

/// A queue of jobs. Any number of processes may have it open; only one of them runs it.
#[async_trait]
pub trait Queue: QueueReads {
    // A run begins and ends.

    /// Takes the queue for a run, until what is returned is dropped or the process has ended, however it ended.
    ///
    /// # Errors
    /// [`QueueError::Held`] when another run has it.
    async fn hold(&self) -> QueueResult<RunHold>;

    /// Binds the queue to the kind of provider of its first run.
    ///
    /// # Errors
    /// [`QueueError::OtherProvider`] when it is bound to another kind.
    async fn bind(&self, kind: ProviderKind) -> QueueResult<()>;

    /// Whether a run against this kind of provider is allowed; changes nothing.
    ///
    /// # Errors
    /// As [`Self::bind`].
    async fn check_provider(&self, kind: ProviderKind) -> QueueResult<()>;

    /// Remembers at which address the last run worked, for the commands that others are told; `None` is the usual one.
    async fn remember_address(&self, base_url: Option<String>) -> QueueResult<()>;

    /// The path to which the provider's callbacks come: the one that is kept, or else `fresh`, which is kept from now on.
    /// It is the same from run to run, because a task calls back to where its own run was to be found.
    async fn keep_callback_path(&self, fresh: String) -> QueueResult<String>;

    /// A text that no other queue has, by which what is put into a bucket is known as this queue's: the one that is kept, or
    /// else `fresh`, which is kept from now on.
    async fn keep_identity(&self, fresh: String) -> QueueResult<String>;

    /// Where results go, for runs that are not told: the place that is kept, or else `fresh`, which is kept from now on.
    async fn keep_output(&self, fresh: String) -> QueueResult<String>;

    /// Remembers that the queue was copied to another place, where it goes on; `None` takes it back. Runs and loads look at it.
    async fn mark_moved(&self, to: Option<String>) -> QueueResult<()>;

    /// Notes whether external task ids come back from an endpoint.
    async fn learn_external_ids(&self, base_url: String, supported: bool) -> QueueResult<()>;

    /// Notes how many tasks an endpoint was found to take at once, for the next run to begin with. Zero forgets it.
    async fn learn_slots(&self, base_url: String, slots: u32) -> QueueResult<()>;

    /// Notes how many submissions a second an endpoint was found to bear, for the next run to begin with. Over 0.
    async fn learn_pace(&self, base_url: String, per_second: f64) -> QueueResult<()>;

    /// Begins a run: its record, and the model for rows that name none. `budget` is the number of tasks that it may
    /// submit; `None` is without limit.
    async fn begin_run(&self, slots: u32, budget: Option<u64>, model: ModelName, now: Timestamp) -> QueueResult<RunId>;

    /// A run's heartbeat.
    async fn beat(&self, run: RunId, beat: Beat, now: Timestamp) -> QueueResult<()>;

    // Hosts. Times are by the queue's own clock, which is the same for all of them.

    /// Whether several hosts may work this queue at once.
    fn is_shared(&self) -> bool;

    /// From now on, verbs and reads that cannot reach the queue wait for its return, until `until` is cancelled. Nothing is to be
    /// waited for where the queue is a file.
    fn wait_for_return(&self, until: CancellationToken) {
        let _ = until;
    }

    /// Begins an epoch: from now on, what workers do through this handle is that epoch's. What proves that an earlier epoch is
    /// dead is made use of: the same lock on the same boot of the same machine, or another boot of it. Where one run at a time
    /// works a queue, every earlier epoch is.
    ///
    /// # Errors
    /// [`QueueError::HostAtWork`] when a host of that name lives.
    async fn join(&self, start: HostStart) -> QueueResult<Epoch>;

    /// The epoch's heartbeat.
    ///
    /// # Errors
    /// [`QueueError::LeaseLost`] when it has lapsed, or was forgotten: what it had may be others' by now.
    async fn renew(&self) -> QueueResult<Renewed>;

    /// The epoch's end: nothing leaves any more in its name.
    async fn leave(&self) -> QueueResult<()>;

    /// A person says that no process of a host's lapsed and overdue epochs will send anything any more. Returns how many epochs
    /// that were.
    ///
    /// # Errors
    /// [`QueueError::NoSuchHost`]; [`QueueError::HostAtWork`] when it has no such epoch, and lives.
    async fn forget_host(&self, name: String) -> QueueResult<u64>;

    /// The jobs in one of `states` that this epoch has to work on, or may: state by state as named, each in manifest order, at
    /// most `most` in all. Epochs whose lease is over lapse, if this host has been in touch with the queue for as long. Running jobs and downloads of a lapsed or dead epoch, and those
    /// that a person has put back, are this epoch's from now on; submissions of such an epoch are in doubt, and remain that
    /// epoch's; doubtful jobs are told with whose they are ([`ActiveJob::holder`]). What a living host has is not among them;
    /// what is being submitted is told of this epoch's own jobs.
    ///
    /// # Errors
    /// [`QueueError::LeaseLost`], as [`Self::renew`].
    async fn take_up(&self, states: &[StateName], most: usize, now: Timestamp) -> QueueResult<Vec<ActiveJob>>;

    /// Looks whether a claim still holds, before its request leaves.
    ///
    /// # Errors
    /// [`QueueError::Stale`] when the job is not being submitted by this epoch in this attempt any more;
    /// [`QueueError::LeaseLost`].
    async fn confirm(&self, seq: JobSeq, attempt: u32) -> QueueResult<()>;

    /// This epoch's host does not have the local pictures of a job that it was about to submit; `why` names the file. The job
    /// waits again, the attempt does not count, and no claim of this epoch takes it any more; another host may. Where no living
    /// host is left that has not looked, it fails, and the message names those that have.
    ///
    /// # Errors
    /// As [`Self::record`], and [`QueueError::LeaseLost`].
    async fn cannot_see(&self, seq: JobSeq, attempt: u32, why: String, now: Timestamp) -> QueueResult<JobState>;

    /// Jobs that this epoch could not see are claimed once more where no other living host is left that might see them: so
    /// they fail, and do not wait for ever. Returns how many those are.
    async fn look_again(&self) -> QueueResult<u64>;

    /// A turn among all requests of one kind, over all hosts, so that no more than `per_second` leave. Returns for how long it
    /// has to be waited for.
    async fn turn(&self, kind: String, per_second: f64) -> QueueResult<Duration>;

    /// What of what all hosts share there is too little of for one more claim by this epoch, if anything. Notes that it wants
    /// some. Another host may be quicker, so the claim has the last word.
    ///
    /// # Errors
    /// [`QueueError::LeaseLost`].
    async fn lacks_room(&self, by: Claimant) -> QueueResult<Option<NoRoom>>;

    /// A job of this epoch's was refused for good in its present attempt, with `code`: one more in the row of jobs that its
    /// account has refused alike since it last accepted one. Another code begins the row again, and so does a job that is
    /// accepted.
    async fn refused_alike(&self, seq: JobSeq, attempt: u32, code: String) -> QueueResult<RefusedAlike>;

    // A run works.

    /// Takes the next job and writes down the intent to submit it, under `external_id` and to which account: ready ones
    /// only, higher priority first, then manifest order, and none that this epoch could not see. When this returns a job, the intent is on disk. Where several hosts
    /// share what the account bears, a host takes no more than its share while another one wants some of it.
    ///
    /// # Errors
    /// [`QueueError::LeaseLost`], as [`Self::renew`].
    async fn claim(&self, run: RunId, external_id: ExternalTaskId, by: Claimant, now: Timestamp) -> QueueResult<Claim>;

    /// As [`Self::claim`], for a run that has duplicates made once. A job whose request another job has had made takes a
    /// copy of that image, one whose request is under way waits for it, and one whose request has failed for good fails
    /// like it. A bounded number of these at a time; then the claim has settled them and taken no job.
    ///
    /// What was made of other pictures is no duplicate: where the contents that were sent are known, they have to be those
    /// in `looked`. A job that nobody has looked at, and that has a duplicate whose pictures may have been replaced since, is
    /// not settled but handed back to be looked at.
    async fn claim_once(
        &self,
        run: RunId,
        external_id: ExternalTaskId,
        by: Claimant,
        looked: Option<LookedAt>,
        now: Timestamp,
    ) -> QueueResult<ClaimOnce>;

    /// Writes down which account has been found to have an attempt's task: the account that it was sent to has another
    /// name in this run. What a job in doubt was found by is a task of that name from then on, so that a key that is changed
    /// later still has something to be told by.
    ///
    /// # Errors
    /// [`QueueError::Stale`] when the job is in another attempt.
    async fn assign_account(
        &self,
        seq: JobSeq,
        attempt: u32,
        account: Option<AccountName>,
        endpoint: Option<String>,
    ) -> QueueResult<()>;

    /// Moves a job that its worker holds in attempt `attempt`.
    ///
    /// # Errors
    /// [`QueueError::Illegal`] when the state machine says no, [`QueueError::Stale`] when the job is in another attempt, or
    /// another epoch's. A doubtful job of a lapsed epoch may be accepted (its task was found), one of a dead epoch anything;
    /// it is this epoch's then.
    async fn record(
        &self,
        seq: JobSeq,
        attempt: u32,
        transition: Transition,
        note: Note,
        now: Timestamp,
    ) -> QueueResult<JobState>;

    /// Writes down what is made of an attempt's pictures, before they are sent.
    async fn note_sent_as(&self, seq: JobSeq, attempt: u32, sent_as: String) -> QueueResult<()>;

    /// Writes down the intent to submit a doubtful job again under the same external id, against this run's budget and within
    /// the account's slots. What was asked before another host has sent it again proves nothing of that host's request, so
    /// the job has to be whose it was then ([`Doubt::of`]).
    ///
    /// # Errors
    /// As [`Self::record`]: a lapsed epoch's job is not submitted again by another one. [`QueueError::Stale`] also where the
    /// job is neither this epoch's nor still [`Doubt::of`]'s. [`QueueError::LeaseLost`].
    async fn submit_again(&self, run: RunId, doubt: Doubt, now: Timestamp) -> QueueResult<Resubmission>;

    /// Records that a job's images are stored under their final names.
    ///
    /// # Errors
    /// As [`Self::record`]; also when a path belongs to another job, or when there is no image 0: a task without an image
    /// has failed.
    async fn publish(
        &self,
        seq: JobSeq,
        attempt: u32,
        images: Vec<PublishedImage>,
        now: Timestamp,
    ) -> QueueResult<JobState>;

    // A person decides.

    /// Puts one job back, whatever is allowed from where it is. Returns its new state.
    ///
    /// # Errors
    /// [`QueueError::NoSuchJob`], or [`QueueError::Illegal`] for a job that is at work or done.
    async fn retry(&self, id: String, now: Timestamp) -> QueueResult<JobState>;

    /// Puts every job of a state back (`failed`, `in_doubt`), or none. Returns how many.
    async fn retry_all(&self, state: StateName, now: Timestamp) -> QueueResult<u64>;

    /// Puts one finished job back, to be submitted and paid for once more. Its image stays until another one takes its
    /// place.
    ///
    /// # Errors
    /// [`QueueError::NoSuchJob`], or [`QueueError::Illegal`] for a job that has no image, here or at the provider.
    async fn make_anew(&self, id: String, now: Timestamp) -> QueueResult<JobState>;

    /// Puts every flagged job back, to be submitted and paid for once more, or none. Returns how many.
    async fn make_flagged_anew(&self, now: Timestamp) -> QueueResult<u64>;

    /// Puts every job back whose result was rejected, to be submitted and paid for once more, or none. Returns how many.
    async fn make_rejected_anew(&self, now: Timestamp) -> QueueResult<u64>;

    /// Puts finished jobs back, to be submitted and paid for once more, all or none. Those that are not finished any more
    /// are passed over. Returns how many were put back.
    async fn make_these_anew(&self, jobs: Vec<JobSeq>, now: Timestamp) -> QueueResult<u64>;

    /// Writes down what a person says of a job's image. It is about that image alone: one that is made later is unjudged,
    /// and one that is the same to the byte has the verdict again.
    ///
    /// # Errors
    /// [`QueueError::NoSuchJob`]; [`QueueError::NothingToJudge`] for a job without a result; [`QueueError::ImageReplaced`]
    /// when its result is another one than the one that was looked at; [`QueueError::JudgedMeanwhile`] when there is a verdict
    /// that its reviewer has not seen.
    async fn judge(&self, judgement: Judgement, now: Timestamp) -> QueueResult<()> {
        self.judge_all(vec![judgement], now).await?.into_iter().next().map_or(Ok(()), |(_, problem)| Err(problem))
    }

    /// The same for several, all or none: returns what is wrong with which of them, and has stored nothing if anything is.
    async fn judge_all(&self, judgements: Vec<Judgement>, now: Timestamp) -> QueueResult<Vec<(usize, QueueError)>>;

    /// Takes one job out.
    ///
    /// # Errors
    /// [`QueueError::NoSuchJob`], or [`QueueError::Illegal`] for a job that was submitted.
    async fn cancel(&self, id: String, now: Timestamp) -> QueueResult<JobState>;

    /// Takes every pending job out, or none. Returns how many.
    async fn cancel_pending(&self, now: Timestamp) -> QueueResult<u64>;

    /// Says which of the provider's tasks a job in doubt became.
    ///
    /// # Errors
    /// [`QueueError::NoSuchJob`]; [`QueueError::NotInDoubt`]; [`QueueError::TaskTaken`] when the task is another job's.
    async fn adopt(&self, id: String, task_id: TaskId, now: Timestamp) -> QueueResult<JobState>;

    /// Pictures were read and found to be what they were: their files show these times now, each with the number of what
    /// is known of it.
    async fn note_seen(&self, seen: Vec<(i64, Option<i64>)>) -> QueueResult<()>;

    /// Pictures were read, each with its number: this is what they are. Those of the same bytes are one picture for `--dedupe`.
    async fn note_contents(&self, read: Vec<(i64, Content)>) -> QueueResult<()>;

    // Rows become jobs.

    /// Begins a load. Another load of this queue is waited for; nothing else is held up until the load is kept.
    ///
    /// # Errors
    /// [`QueueError::LoadGoingOn`] when the other load does not end.
    async fn begin_load(&self) -> QueueResult<Box<dyn Load>>;

    /// Writes what is left of a load that was decided and then cut off. Does nothing while a load is going on.
    async fn complete_load(&self) -> QueueResult<()>;
}
