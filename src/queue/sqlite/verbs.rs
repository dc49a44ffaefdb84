//! The verbs that move jobs. Each is one savepoint of a flushed transaction; see [`super::writer`].

use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};

use crate::job::state::{IllegalTransition, JobState, Transition, attempt_after, next};
use crate::job::{ExternalTaskId, JobSeq, ModelName, StateName, TaskId, clean_text, id_key};
use crate::queue::{Claim, ClaimOnce, Note, Pause, ProviderKind, PublishedImage, RunId, SlotUse};

use super::attempt_story::{outcome, write_attempt};
use super::claim::{claim, give_back, submit_again};
use super::looks;
use super::rows::{StoredState, millis};
use super::twins;
use super::writer::{Between, Writer};
use super::{QueueError, QueueReader, Result, open};

/// A queue that can be changed. Any number of processes may have it open; only one of them runs it ([`super::RunLock`]).
#[derive(Debug)]
pub struct Queue {
    path: PathBuf,
    pub(super) writer: Writer,
}

impl Queue {
    /// Opens the queue at `path`, and makes it when there is none.
    ///
    /// # Errors
    /// The file is foreign, newer, damaged or not accessible; the error names it and says what to do.
    pub fn open(path: &Path) -> Result<Self> {
        let writer = Writer::start(open::open_for_writing(path)?)?;
        Ok(Self { path: path.to_owned(), writer })
    }

    /// Opens the queue at `path` for a simulation: its verbs run at once on the thread of whoever asks, `between` is waited
    /// for before and after each, and nothing is flushed, because no machine fails here.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn open_inline(path: &Path, between: Between) -> Result<Self> {
        let db = open::open_for_writing(path)?;
        db.pragma_update(None, "synchronous", 0)?;
        Ok(Self { path: path.to_owned(), writer: Writer::inline(db, between) })
    }

    /// Opens the queue at `path`, which must exist.
    ///
    /// # Errors
    /// As [`Self::open`], and [`QueueError::Missing`].
    pub fn open_existing(path: &Path) -> Result<Self> {
        open::open_for_reading(path)?;
        Self::open(path)
    }

    /// Where the queue is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A reader with a connection of its own.
    ///
    /// # Errors
    /// The file cannot be opened again.
    pub fn reader(&self) -> Result<QueueReader> {
        QueueReader::open(&self.path)
    }

    /// Binds the queue to the kind of provider of its first run.
    ///
    /// # Errors
    /// [`QueueError::OtherProvider`] when it is bound to another kind.
    pub async fn bind(&self, kind: ProviderKind) -> Result<()> {
        self.writer
            .write(move |db| {
                check_provider(db, kind)?;
                set_meta(db, "provider", kind.word())
            })
            .await
    }

    /// Remembers at which address the last run worked, for the commands that others are told; `None` is the usual one.
    ///
    /// # Errors
    /// Those of the queue.
    pub async fn remember_address(&self, base_url: Option<String>) -> Result<()> {
        self.writer.write(move |db| set_meta(db, "base_url", base_url.as_deref().unwrap_or_default())).await
    }

    /// Whether a run against this kind of provider is allowed; changes nothing.
    ///
    /// # Errors
    /// As [`Self::bind`].
    pub async fn check_provider(&self, kind: ProviderKind) -> Result<()> {
        self.writer.write(move |db| check_provider(db, kind)).await
    }

    /// Notes what has been seen of a door: whether external task ids come back from it.
    ///
    /// # Errors
    /// Those of the queue.
    pub async fn learn_external_ids(&self, base_url: String, supported: bool) -> Result<()> {
        self.writer
            .write(move |db| {
                db.prepare_cached(
                    "INSERT INTO doors (base_url, external_ids) VALUES (?1, ?2)
                     ON CONFLICT (base_url) DO UPDATE SET external_ids = excluded.external_ids",
                )?
                .execute(params![base_url, supported])?;
                Ok(())
            })
            .await
    }

    /// Notes how many tasks a door was found to take at once, for the next run to begin with. Zero forgets it.
    ///
    /// # Errors
    /// Those of the queue.
    pub async fn learn_slots(&self, base_url: String, slots: u32) -> Result<()> {
        self.writer
            .write(move |db| {
                db.prepare_cached(
                    "INSERT INTO doors (base_url, slots) VALUES (?1, nullif(?2, 0))
                     ON CONFLICT (base_url) DO UPDATE SET slots = excluded.slots",
                )?
                .execute(params![base_url, slots])?;
                Ok(())
            })
            .await
    }

    /// Begins a run: its record, and the model for rows that name none.
    ///
    /// `budget` is the number of tasks it may submit; `None` is without limit.
    ///
    /// # Errors
    /// Those of the queue.
    pub async fn begin_run(&self, slots: u32, budget: Option<u64>, model: ModelName, now: Timestamp) -> Result<RunId> {
        self.writer
            .write(move |db| {
                set_meta(db, "default_model", model.as_str())?;
                // Whom a job waits for is found anew, or is of no account where this run does not dedupe.
                db.execute("UPDATE jobs SET waits_for = NULL WHERE waits_for IS NOT NULL", [])?;
                db.execute(
                    "INSERT INTO runs (started_at, seen_at, budget, slots) VALUES (?1, ?1, ?2, ?3)",
                    // A budget beyond what SQLite can count to is none.
                    params![millis(now), budget.filter(|budget| i64::try_from(*budget).is_ok()), slots],
                )?;
                Ok(RunId(db.last_insert_rowid()))
            })
            .await
    }

    /// A run's sign of life: images finished, slot time in use and slot time there was, and what it waits for.
    ///
    /// # Errors
    /// Those of the queue.
    pub async fn beat(
        &self,
        run: RunId,
        succeeded: u64,
        slots: SlotUse,
        pause: Option<Pause>,
        ended: bool,
        now: Timestamp,
    ) -> Result<()> {
        let ms = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        let (busy_ms, all_ms) = (ms(slots.time.0), ms(slots.time.1));
        self.writer
            .write(move |db| {
                let changed = db
                    .prepare_cached(
                        "UPDATE runs SET seen_at = ?2, succeeded = ?3, paused_until = ?4, paused_why = ?5,
                                ended_at = CASE WHEN ?6 THEN ?2 END, slot_ms_busy = ?7, slot_ms_all = ?8, slots = ?9
                          WHERE run = ?1",
                    )?
                    .execute(params![
                        run.0,
                        millis(now),
                        succeeded,
                        pause.as_ref().map(|pause| millis(pause.until)),
                        pause.as_ref().map(|pause| clean_text(&pause.why)),
                        ended,
                        busy_ms,
                        all_ms,
                        slots.limit
                    ])?;
                one_row(changed, || QueueError::Damaged(format!("run {} is gone", run.0)))
            })
            .await
    }

    /// Takes the next job and writes down the intent to submit it, under `external_id`: ready ones only, higher
    /// priority first, then manifest order. When this returns a job, the intent is on disk.
    ///
    /// # Errors
    /// Those of the queue.
    pub async fn claim(
        &self,
        run: RunId,
        external_id: ExternalTaskId,
        default_model: ModelName,
        now: Timestamp,
    ) -> Result<Claim> {
        self.writer.write(move |db| claim(db, run, external_id, &default_model, now)).await
    }

    /// As [`Self::claim`], for a run that has identical pairs made once: a job whose pair another job has had made
    /// takes a copy of that image, one whose pair is being made waits for it, and one whose pair's task has failed for
    /// good fails like it. Some of these at a time; then the claim has settled them and taken no job.
    ///
    /// # Errors
    /// Those of the queue.
    pub async fn claim_once(
        &self,
        run: RunId,
        external_id: ExternalTaskId,
        default_model: ModelName,
        now: Timestamp,
    ) -> Result<ClaimOnce> {
        self.writer
            .write(move |db| match twins::settle_next(db, run, &default_model, now)? {
                Some(failed) => Ok(ClaimOnce::Settled { failed }),
                None => claim(db, run, external_id, &default_model, now).map(ClaimOnce::Claim),
            })
            .await
    }

    /// Moves a job that its worker holds in attempt `attempt`.
    ///
    /// # Errors
    /// [`QueueError::Illegal`] when the state machine says no, [`QueueError::Stale`] when the job is in another attempt.
    pub async fn record(
        &self,
        seq: JobSeq,
        attempt: u32,
        transition: Transition,
        note: Note,
        now: Timestamp,
    ) -> Result<JobState> {
        self.writer.write(move |db| apply(db, seq, Some(attempt), &transition, &note, now)).await
    }

    /// Writes down what is made of an attempt's pictures, before they are sent.
    ///
    /// # Errors
    /// Those of the queue.
    pub async fn note_sent_as(&self, seq: JobSeq, attempt: u32, sent_as: String) -> Result<()> {
        self.writer
            .write(move |db| {
                let changed = db
                    .prepare_cached("UPDATE attempts SET sent_as = ?3 WHERE job = ?1 AND attempt = ?2")?
                    .execute(params![seq.0, attempt, clean_text(&sent_as)])?;
                one_row(changed, || QueueError::Damaged(format!("attempt {attempt} of job {} is gone", seq.0)))
            })
            .await
    }

    /// Writes down the intent to submit a doubtful job again under the same external id, against this run's budget.
    /// `None` when the budget is spent; the job then stays in doubt.
    ///
    /// # Errors
    /// As [`Self::record`].
    pub async fn submit_again(
        &self,
        run: RunId,
        seq: JobSeq,
        attempt: u32,
        now: Timestamp,
    ) -> Result<Option<JobState>> {
        self.writer.write_if(move |db| submit_again(db, run, seq, attempt, now)).await
    }

    /// Records that a job's images are on disk under their final names.
    ///
    /// # Errors
    /// As [`Self::record`]; also when a path belongs to another job, or when there is no image 0: a task without an
    /// image has failed.
    pub async fn publish(
        &self,
        seq: JobSeq,
        attempt: u32,
        images: Vec<PublishedImage>,
        now: Timestamp,
    ) -> Result<JobState> {
        self.writer
            .write(move |db| {
                let state = apply(db, seq, Some(attempt), &Transition::Publish, &Note::default(), now)?;
                if !images.iter().any(|image| image.image == 0) {
                    let (id, ..) = present_state(db, seq)?;
                    let source = IllegalTransition { from: StateName::Downloading, verb: "published without an image" };
                    return Err(QueueError::Illegal { id, source });
                }
                let replaced = looks::fingerprints(db, seq)?;
                db.prepare_cached("DELETE FROM images WHERE job = ?1")?.execute([seq.0])?;
                for image in &images {
                    db.prepare_cached(
                        "INSERT INTO images (job, image, path, path_key, width, height, bytes, sha256, flags,
                                             fingerprint)
                         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
                    )?
                    .execute(params![
                        seq.0,
                        image.image,
                        image.path,
                        path_key(&image.path),
                        image.width,
                        image.height,
                        image.bytes,
                        image.sha256,
                        image.flags.bits(),
                        image.fingerprint
                    ])?;
                }
                looks::flag_published(db, seq, &images, &replaced)?;
                Ok(state)
            })
            .await
    }
}

/// Moves one job: reads where it is, asks the state machine, writes where it is then. Everything that changes a
/// job's state passes here.
pub(super) fn apply(
    db: &Connection,
    seq: JobSeq,
    expected_attempt: Option<u32>,
    transition: &Transition,
    note: &Note,
    now: Timestamp,
) -> Result<JobState> {
    let (id, before, attempt) = present_state(db, seq)?;
    if expected_attempt.is_some_and(|expected| expected != attempt) {
        return Err(QueueError::Stale { seq: seq.0, attempt: expected_attempt.unwrap_or_default() });
    }
    let after = next(&before, transition).map_err(|source| QueueError::Illegal { id, source })?;
    let stored = StoredState::of(&after);
    let has_ended = matches!(after, JobState::Succeeded { .. } | JobState::Failed { .. } | JobState::Cancelled);
    let changed = db
        .prepare_cached(
            "UPDATE jobs SET state = ?4, attempt = ?5, retry_at = ?6, failure_kind = ?7, error_code = ?8, error = ?9,
                    finished_at = ?10, waits_for = NULL, flags = 0,
                    forgiven = CASE WHEN ?11 THEN attempt ELSE forgiven END,
                    put_back_at = CASE WHEN ?11 THEN ?12 ELSE put_back_at END
              WHERE seq = ?1 AND state = ?2 AND attempt = ?3",
        )?
        .execute(params![
            seq.0,
            before.name().word(),
            attempt,
            stored.state,
            attempt_after(attempt, transition),
            stored.retry_at,
            stored.failure_kind,
            stored.error_code,
            stored.error,
            has_ended.then(|| millis(now)),
            matches!(transition, Transition::Retry | Transition::MakeAnew),
            millis(now),
        ])?;
    one_row(changed, || QueueError::Stale { seq: seq.0, attempt })?;
    if let Some(outcome) = outcome(transition, &before) {
        write_attempt(db, seq, attempt, transition, outcome, note, now)?;
    }
    if matches!(transition, Transition::Release { .. } | Transition::TurnAway { .. } | Transition::Refuse { .. }) {
        // Nothing was created, so the budget gets its unit back.
        give_back(db, seq, attempt)?;
    }
    if twins::is_under_way(&before) && !twins::is_under_way(&after) {
        twins::let_go(db, seq)?;
    }
    Ok(after)
}

fn present_state(db: &Connection, seq: JobSeq) -> Result<(String, JobState, u32)> {
    let mut statement = db.prepare_cached(
        "SELECT j.state, j.retry_at, j.failure_kind, j.error_code, j.error, a.external_task_id, a.task_id, j.id, j.attempt
           FROM jobs j LEFT JOIN attempts a ON a.job = j.seq AND a.attempt = j.attempt
          WHERE j.seq = ?1",
    )?;
    let mut rows = statement.query([seq.0])?;
    let row = rows.next()?.ok_or_else(|| QueueError::NoSuchJob(seq.0.to_string()))?;
    let stored = StoredState {
        state: row.get(0)?,
        retry_at: row.get(1)?,
        failure_kind: row.get(2)?,
        error_code: row.get(3)?,
        error: row.get(4)?,
    };
    let external_id = row.get::<_, Option<String>>(5)?.map(ExternalTaskId);
    let task_id = row.get::<_, Option<String>>(6)?.map(TaskId);
    Ok((row.get(7)?, stored.read(external_id, task_id)?, row.get(8)?))
}

/// What two image paths share when a file system could take them for one file, or a viewer for one picture.
fn path_key(path: &str) -> String {
    let stem = path.rsplit_once('.').map_or(path, |(stem, _)| stem);
    id_key(stem)
}

/// Each statement that moves something moves exactly one row, or something is wrong.
pub(super) fn one_row(changed: usize, otherwise: impl FnOnce() -> QueueError) -> Result<()> {
    if changed == 1 { Ok(()) } else { Err(otherwise()) }
}

fn check_provider(db: &Connection, kind: ProviderKind) -> Result<()> {
    match get_meta(db, "provider")? {
        Some(bound) if bound != kind.word() => Err(QueueError::OtherProvider { bound, wanted: kind.word().to_owned() }),
        _ => Ok(()),
    }
}

pub(super) fn get_meta(db: &Connection, key: &str) -> Result<Option<String>> {
    Ok(db.query_row("SELECT value FROM meta WHERE key = ?1", [key], |row| row.get(0)).optional()?)
}

pub(super) fn set_meta(db: &Connection, key: &str, value: &str) -> Result<()> {
    db.execute(
        "INSERT INTO meta (key, value) VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
        [key, value],
    )?;
    Ok(())
}
