//! Reading beside the writer: counts, lists, stories and the report.

use std::path::Path;

use rusqlite::{Connection, OptionalExtension};

use crate::job::{AccountName, Forms, JobId, JobSeq, JobSpec, ModelName, StateName, TaskId, id_key};
use crate::queue::{
    AccountStanding, AccountTally, ActiveJob, AttemptRecord, Counts, JobRecord, Pause, ProviderKind, Published,
    PublishedImage, RunRecord, TakenTask,
};

use super::claim::{next_up, of_forms};
use super::rows::{ATTEMPT_COLUMNS, FullJob, JOB_COLUMNS, JOB_TABLES, read_attempt, read_flags, timestamp};
use super::{QueueError, Result, last_tasks, open};
use crate::queue::columns::{COLUMN_NAMES, read_names};

/// The counts that triggers keep.
pub(super) const COUNTS: &str = "SELECT name, value FROM tallies";

pub(super) const LAST_RUN: &str =
    "SELECT started_at, seen_at, ended_at, slots, slot_ms_busy, slot_ms_all, succeeded, paused_until, paused_why, run
       FROM runs ORDER BY run DESC LIMIT 1";

/// The accounts of run `?1`.
pub(super) const ACCOUNTS_OF_RUN: &str =
    "SELECT account, slots, in_flight, submitted, trouble, has_ended, images, failed, units, paid
       FROM run_accounts WHERE run = ?1 ORDER BY place";

/// Whether the two indexes that claims look into have a row of these forms; and whether what they took last is being submitted.
/// All of one moment, so that a job on its way from the one to the other is not overlooked.
pub(super) fn claimable_and_claimed(of_forms: &str) -> String {
    format!(
        "SELECT
           EXISTS (SELECT 1 FROM jobs WHERE state = 'pending' AND retry_at IS NULL AND waits_for IS NULL{of_forms})
        OR EXISTS (SELECT 1 FROM jobs WHERE state = 'pending' AND retry_at IS NOT NULL{of_forms}),
           EXISTS (SELECT 1 FROM jobs WHERE state = 'submitting')"
    )
}

/// A page of the finished jobs with their images: after job `?1`, at most `?2` jobs.
pub(super) const PUBLISHED_PAGE: &str = "SELECT j.seq, j.id, j.attempt, i.path
       FROM (SELECT seq, id, attempt FROM jobs WHERE state = 'succeeded' AND seq > ?1 ORDER BY seq LIMIT ?2) j
       LEFT JOIN images i ON i.job = j.seq
      ORDER BY j.seq, i.image";

/// The query for the first `?1` jobs of a state in which somebody works on them. The state is in the text so that
/// SQLite sees that the partial index fits.
pub(super) fn active_jobs(state: StateName) -> String {
    format!("SELECT {JOB_COLUMNS} FROM {JOB_TABLES} WHERE j.state = '{}' ORDER BY j.seq LIMIT ?1", state.word())
}

/// A connection that only reads. It sees the queue as it was after some verb, never half of one.
#[derive(Debug)]
pub(super) struct QueueReader {
    pub(super) db: Connection,
}

/// Jobs that name the model `?1`.
pub(super) const NAMED: &str = "j.model = ?1";

/// The query for the first job that waits, by its model; with `has_file`, of those with a local picture.
pub(super) fn first_for_query(has_file: bool, by_model: &str) -> String {
    // As `job/spec.rs` tells a URL from a path.
    let is_file = |picture: &str| format!("({picture} NOT LIKE 'http://%' AND {picture} NOT LIKE 'https://%')");
    let wanted = if has_file { format!("({} OR {})", is_file("h.source"), is_file("c.source")) } else { "TRUE".into() };
    format!(
        "SELECT j.id FROM jobs j JOIN inputs h ON h.input = j.human JOIN inputs c ON c.input = j.cloth
          WHERE j.state = 'pending' AND {by_model} AND {wanted} LIMIT 1"
    )
}

impl QueueReader {
    /// Opens the queue at `path`.
    ///
    /// # Errors
    /// [`QueueError::Missing`] where there is none; else as [`super::SqliteQueue::open`].
    pub(super) fn open(path: &Path) -> Result<Self> {
        Ok(Self { db: open::open_for_reading(path)? })
    }

    /// How many jobs are in each state, in a time that does not depend on how many there are.
    pub(super) fn counts(&self) -> Result<Counts> {
        let mut counts = Counts::default();
        let mut statement = self.db.prepare_cached(COUNTS)?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let (name, value): (String, f64) = (row.get(0)?, row.get(1)?);
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count of rows")]
            let whole = value as u64;
            match (StateName::from_word(&name), name.as_str()) {
                (Some(state), _) => counts.set(state, whole),
                (None, "rejected") => counts.rejected = whole,
                (None, "units") => counts.units = value,
                (None, "paid") => counts.paid = value,
                (None, "untold") => counts.untold = whole,
                (None, "flagged") => counts.flagged = whole,
                (None, "approved") => counts.approved = whole,
                (None, "rejected_images") => counts.rejected_images = whole,
                (None, _) => return Err(QueueError::Damaged(format!("`{name}` is counted and unknown"))),
            }
        }
        Ok(counts)
    }

    /// How many jobs wait for a duplicate that is under way: they are not submitted by themselves.
    pub(super) fn held_back(&self) -> Result<u64> {
        Ok(self.db.query_row("SELECT count(*) FROM jobs WHERE waits_for IS NOT NULL", [], |row| row.get(0))?)
    }

    /// The kind of provider the queue belongs to, once a run has begun.
    pub(super) fn provider(&self) -> Result<Option<ProviderKind>> {
        let word: Option<String> = self.meta("provider")?;
        word.map(|word| {
            ProviderKind::from_word(&word).ok_or_else(|| QueueError::Damaged(format!("`{word}` is no provider")))
        })
        .transpose()
    }

    /// The names of the manifest columns that jobs have.
    pub(super) fn column_names(&self) -> Result<Vec<String>> {
        read_names(self.meta(COLUMN_NAMES)?.as_deref())
    }

    /// The model of the last run's `--model`.
    pub(super) fn default_model(&self) -> Result<Option<ModelName>> {
        Ok(self.meta("default_model")?.map(ModelName::trusted))
    }

    /// The address at which the last run worked, where it is not the provider's usual one.
    pub(super) fn address(&self) -> Result<Option<String>> {
        Ok(self.meta("base_url")?.filter(|url| !url.is_empty()))
    }

    /// Where results go, once a run has kept it.
    pub(super) fn output(&self) -> Result<Option<String>> {
        self.meta("output")
    }

    fn meta(&self, key: &str) -> Result<Option<String>> {
        Ok(self.db.query_row("SELECT value FROM meta WHERE key = ?1", [key], |row| row.get(0)).optional()?)
    }

    /// Whether external task ids have come back from a provider; `None` before its first answer.
    pub(super) fn external_ids(&self, base_url: &str) -> Result<Option<bool>> {
        let known = self
            .db
            .query_row("SELECT external_ids FROM doors WHERE base_url = ?1", [base_url], |row| row.get(0))
            .optional()?;
        Ok(known.flatten())
    }

    /// How many tasks a provider was last found to take at once; `None` where no run has found it out.
    pub(super) fn slots_found(&self, base_url: &str) -> Result<Option<u32>> {
        let known = self
            .db
            .query_row("SELECT slots FROM doors WHERE base_url = ?1", [base_url], |row| row.get(0))
            .optional()?;
        Ok(known.flatten())
    }

    /// The last run, going on or ended.
    pub(super) fn last_run(&self) -> Result<Option<RunRecord>> {
        let mut statement = self.db.prepare_cached(LAST_RUN)?;
        let mut rows = statement.query([])?;
        let Some(row) = rows.next()? else { return Ok(None) };
        let pause = match (row.get::<_, Option<i64>>(7)?, row.get::<_, Option<String>>(8)?) {
            (Some(until), Some(why)) => Some(Pause { until: timestamp(until)?, why }),
            _ => None,
        };
        Ok(Some(RunRecord {
            hosts: 1,
            started_at: timestamp(row.get(0)?)?,
            seen_at: timestamp(row.get(1)?)?,
            ended_at: row.get::<_, Option<i64>>(2)?.map(timestamp).transpose()?,
            slots: row.get(3)?,
            slot_ms_busy: row.get(4)?,
            slot_ms_all: row.get(5)?,
            succeeded: row.get(6)?,
            pause,
            accounts: self.accounts_of(row.get(9)?)?,
        }))
    }

    /// How the accounts of a run go on, in their order.
    fn accounts_of(&self, run: i64) -> Result<Vec<AccountStanding>> {
        let mut statement = self.db.prepare_cached(ACCOUNTS_OF_RUN)?;
        let mut rows = statement.query([run])?;
        let mut accounts = Vec::new();
        while let Some(row) = rows.next()? {
            accounts.push(AccountStanding {
                name: AccountName::trusted(row.get(0)?),
                slots: row.get(1)?,
                in_flight: row.get(2)?,
                done: AccountTally {
                    submitted: row.get(3)?,
                    images: row.get(6)?,
                    failed: row.get(7)?,
                    units: row.get::<_, Option<f64>>(8)?.unwrap_or_default(),
                    paid: row.get::<_, Option<f64>>(9)?.unwrap_or_default(),
                    has_told_cost: row.get::<_, Option<f64>>(8)?.is_some(),
                },
                trouble: row.get(4)?,
                has_ended: row.get(5)?,
            });
        }
        Ok(accounts)
    }

    /// The rate of submissions, a second, that an account was last found to bear.
    pub(super) fn pace_found(&self, endpoint: &str) -> Result<Option<f64>> {
        let known = self
            .db
            .query_row("SELECT creates_per_second FROM doors WHERE base_url = ?1", [endpoint], |row| row.get(0))
            .optional()?;
        Ok(known.flatten())
    }

    /// The jobs in one of `states` that somebody has to work on: state by state as named, each in manifest order, at
    /// most `most` in all. A state in which nobody has to work (`pending`, `succeeded`, …) has none.
    pub(super) fn active(&self, states: &[StateName], most: usize) -> Result<Vec<ActiveJob>> {
        let needs_work = |state: &&StateName| {
            use StateName::{Downloading, InDoubt, Running, Submitting};
            matches!(state, Submitting | InDoubt | Running | Downloading)
        };
        let mut jobs = Vec::new();
        for state in states.iter().filter(needs_work) {
            let mut statement = self.db.prepare_cached(&active_jobs(*state))?;
            let left = most.saturating_sub(jobs.len());
            let mut rows = statement.query([i64::try_from(left).unwrap_or(i64::MAX)])?;
            while let Some(row) = rows.next()? {
                jobs.push(FullJob::read(row)?.active()?);
            }
        }
        Ok(jobs)
    }

    /// What the job asks for that a claim would get now, if any is ready.
    pub(super) fn next_up(
        &self,
        forms: Forms,
        me: Option<crate::queue::Epoch>,
        now: jiff::Timestamp,
    ) -> Result<Option<JobSpec>> {
        next_up(&self.db, forms, me, now)
    }

    /// A task that the attempt's account took from the run that made it, or else from the last run before it that had one
    /// there.
    ///
    /// # Errors
    /// Those of the queue.
    pub(super) fn task_of_the_same_account(&self, seq: JobSeq, attempt: u32) -> Result<Option<TakenTask>> {
        last_tasks::task_of_the_same_account(&self.db, seq, attempt)
    }

    /// Whether a job waits that can be claimed, now or when its retry time has come: not one that waits for its duplicate.
    pub(super) fn has_claimable(&self, forms: Forms) -> Result<bool> {
        Ok(self.claimable_and_claimed(forms)?.0)
    }

    /// Whether a job can be claimed, now or later, or was claimed and is not known to be submitted.
    pub(super) fn has_to_submit(&self, forms: Forms) -> Result<bool> {
        let (claimable, claimed) = self.claimable_and_claimed(forms)?;
        Ok(claimable || claimed)
    }

    /// The first job that waits and names a model that no account in these forms takes.
    pub(super) fn next_beyond(&self, forms: Forms) -> Result<Option<JobId>> {
        if forms == Forms::ALL {
            return Ok(None);
        }
        let others = of_forms(Forms { kolors: !forms.kolors, solutions: !forms.solutions });
        let query =
            format!("SELECT id FROM jobs WHERE state = 'pending' AND model IS NOT NULL{others} ORDER BY seq LIMIT 1");
        Ok(self.db.query_row(&query, [], |row| row.get(0)).optional()?.map(JobId::trusted))
    }

    fn claimable_and_claimed(&self, forms: Forms) -> Result<(bool, bool)> {
        let mut statement = self.db.prepare_cached(&claimable_and_claimed(of_forms(forms)))?;
        Ok(statement.query_row([], |row| Ok((row.get(0)?, row.get(1)?)))?)
    }

    /// Whether a manifest was loaded whose pictures are to be made to fit.
    pub(super) fn fits_images(&self) -> Result<bool> {
        Ok(self.meta("fit_images")?.is_some())
    }

    /// The first job that waits to be submitted to a model; with `has_file`, the first that has a local picture.
    pub(super) fn first_for(
        &self,
        model: &ModelName,
        default_model: &ModelName,
        has_file: bool,
    ) -> Result<Option<JobId>> {
        let named = self.first_where(has_file, NAMED, model)?;
        if named.is_some() || model != default_model {
            return Ok(named);
        }
        self.first_where(has_file, "j.model IS NULL AND ?1 IS NOT NULL", model)
    }

    fn first_where(&self, has_file: bool, by_model: &str, model: &ModelName) -> Result<Option<JobId>> {
        let mut statement = self.db.prepare_cached(&first_for_query(has_file, by_model))?;
        Ok(statement.query_row([model.as_str()], |row| row.get(0)).optional()?.map(JobId::trusted))
    }

    /// Whether a manifest was loaded whose identical pairs are to be made once.
    pub(super) fn dedupes(&self) -> Result<bool> {
        Ok(self.meta("dedupe")?.is_some())
    }

    /// The next finished jobs after `after`, in manifest order, at most `most`.
    pub(super) fn published(&self, after: JobSeq, most: usize) -> Result<Vec<Published>> {
        let mut statement = self.db.prepare_cached(PUBLISHED_PAGE)?;
        let mut rows = statement.query((after.0, most))?;
        let mut jobs: Vec<Published> = Vec::new();
        while let Some(row) = rows.next()? {
            let seq = JobSeq(row.get(0)?);
            if jobs.last().is_none_or(|job| job.seq != seq) {
                let id = JobId::trusted(row.get(1)?);
                jobs.push(Published { seq, id, attempt: row.get(2)?, paths: Vec::new() });
            }
            if let (Some(job), Some(path)) = (jobs.last_mut(), row.get(3)?) {
                job.paths.push(path);
            }
        }
        Ok(jobs)
    }

    /// A job's images, the result first.
    pub(super) fn images(&self, seq: JobSeq) -> Result<Vec<PublishedImage>> {
        let mut statement = self.db.prepare_cached(
            "SELECT image, path, width, height, bytes, sha256, flags, fingerprint
               FROM images WHERE job = ?1 ORDER BY image",
        )?;
        let mut rows = statement.query([seq.0])?;
        let mut images = Vec::new();
        while let Some(row) = rows.next()? {
            images.push(PublishedImage {
                image: row.get(0)?,
                path: row.get(1)?,
                width: row.get(2)?,
                height: row.get(3)?,
                bytes: row.get(4)?,
                sha256: row.get(5)?,
                flags: read_flags(row.get(6)?)?,
                fingerprint: row.get(7)?,
            });
        }
        Ok(images)
    }

    /// A finished job's images, if they are those of a task.
    pub(super) fn images_of(&self, seq: JobSeq, task_id: &TaskId) -> Result<Vec<PublishedImage>> {
        let is_its_task: bool = self
            .db
            .prepare_cached(
                "SELECT EXISTS (SELECT 1 FROM jobs j JOIN attempts a ON a.job = j.seq AND a.attempt = j.attempt
                                 WHERE j.seq = ?1 AND j.state = 'succeeded' AND a.task_id = ?2)",
            )?
            .query_row((seq.0, &task_id.0), |row| row.get(0))?;
        if is_its_task { self.images(seq) } else { Ok(Vec::new()) }
    }

    /// One job by its id.
    ///
    /// # Errors
    /// [`QueueError::NoSuchJob`], and those of the queue.
    pub(super) fn job(&self, id: &str) -> Result<JobRecord> {
        let query = format!("SELECT {JOB_COLUMNS} FROM {JOB_TABLES} WHERE j.id_key = ?1");
        let mut statement = self.db.prepare_cached(&query)?;
        let mut rows = statement.query([id_key(id)])?;
        let record = rows.next()?.map(FullJob::read).transpose()?.map(|job| job.record);
        record.filter(|job| job.spec.id.as_str() == id).ok_or_else(|| QueueError::NoSuchJob(id.to_owned()))
    }

    /// Every attempt made for a job, the first one first. One that only waits for room is among them.
    pub(super) fn attempts(&self, seq: JobSeq) -> Result<Vec<AttemptRecord>> {
        let query = format!("SELECT {ATTEMPT_COLUMNS} FROM attempts WHERE job = ?1 ORDER BY attempt");
        let mut statement = self.db.prepare_cached(&query)?;
        let mut rows = statement.query([seq.0])?;
        let mut attempts = Vec::new();
        while let Some(row) = rows.next()? {
            attempts.push(read_attempt(row)?);
        }
        Ok(attempts)
    }

    /// Whether a job other than `owner` is named by this id, in the sense of [`crate::job::JobId::key`].
    pub(super) fn is_taken_by_other(&self, id: &str, owner: JobSeq) -> Result<bool> {
        Ok(self
            .db
            .prepare_cached(
                "SELECT EXISTS (SELECT 1 FROM jobs WHERE id_key = ?1 AND seq <> ?2)
                     OR EXISTS (SELECT 1 FROM images WHERE path_key = ?1 AND job <> ?2)",
            )?
            .query_row((id_key(id), owner.0), |row| row.get(0))?)
    }
}
