//! The verbs that move jobs. Each is one savepoint of a flushed transaction; see [`super::writer`].

use std::time::Duration;

use jiff::Timestamp;
use rusqlite::{Connection, ToSql, params};

use crate::job::state::{IllegalTransition, JobState, Transition};
use crate::job::{AccountName, Content, ExternalTaskId, JobSeq, ModelName, StateName, clean_text};
use crate::queue::{
    AccountStanding, Beat, Claim, ClaimOnce, Claimant, Doubt, LookedAt, Note, ProviderKind, PublishedImage,
    Resubmission, RunId,
};

use super::claim::{claim, submit_again};
use super::contents::{note_contents, set_seen};
use super::duplicates;
use super::looks;
use super::meta::{get_meta, set_meta};
use super::reviews::judge_as_before;
use super::rows::millis;
use super::transition::{By, apply, one_row, present_state};
use super::{QueueError, Result, SqliteQueue, last_tasks};
use crate::queue::columns::path_key;

impl SqliteQueue {
    /// Binds the queue to the kind of provider of its first run.
    ///
    /// # Errors
    /// [`QueueError::OtherProvider`] when it is bound to another kind.
    pub(super) async fn bind(&self, kind: ProviderKind) -> Result<()> {
        self.writer
            .write(move |db| {
                check_provider(db, kind)?;
                set_meta(db, "provider", kind.word())
            })
            .await
    }

    /// Remembers at which address the last run worked, for the commands that others are told; `None` is the usual one.
    pub(super) async fn remember_address(&self, base_url: Option<String>) -> Result<()> {
        self.writer.write(move |db| set_meta(db, "base_url", base_url.as_deref().unwrap_or_default())).await
    }

    /// Whether a run against this kind of provider is allowed; changes nothing.
    ///
    /// # Errors
    /// As [`Self::bind`].
    pub(super) async fn check_provider(&self, kind: ProviderKind) -> Result<()> {
        self.writer.write(move |db| check_provider(db, kind)).await
    }

    /// Notes what has been seen of a provider: whether external task ids come back from it.
    pub(super) async fn learn_external_ids(&self, base_url: String, supported: bool) -> Result<()> {
        self.learn("external_ids", base_url, supported).await
    }

    /// Notes how many tasks a provider was found to take at once, for the next run to begin with. Zero forgets it.
    pub(super) async fn learn_slots(&self, base_url: String, slots: u32) -> Result<()> {
        self.learn("slots", base_url, (slots > 0).then_some(slots)).await
    }

    /// Notes how many submissions a second a provider was found to bear, for the next run to begin with.
    pub(super) async fn learn_pace(&self, base_url: String, per_second: f64) -> Result<()> {
        self.learn("creates_per_second", base_url, per_second).await
    }

    /// Notes something about an endpoint in its column.
    async fn learn(&self, column: &'static str, base_url: String, value: impl ToSql + Send + 'static) -> Result<()> {
        self.writer
            .write(move |db| {
                db.prepare_cached(&format!(
                    "INSERT INTO doors (base_url, {column}) VALUES (?1, ?2)
                     ON CONFLICT (base_url) DO UPDATE SET {column} = excluded.{column}"
                ))?
                .execute(params![base_url, value])?;
                Ok(())
            })
            .await
    }

    /// Begins a run: its record, and the model for rows that name none.
    ///
    /// `budget` is the number of tasks it may submit; `None` is without limit.
    pub(super) async fn begin_run(
        &self,
        slots: u32,
        budget: Option<u64>,
        model: ModelName,
        now: Timestamp,
    ) -> Result<RunId> {
        self.writer
            .write(move |db| {
                set_meta(db, "default_model", model.as_str())?;
                // Duplicate links are recomputed; ignored without `--dedupe`.
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

    /// Writes down which account has been found to have an attempt's task.
    pub(super) async fn assign_account(
        &self,
        seq: JobSeq,
        attempt: u32,
        account: Option<AccountName>,
        endpoint: Option<String>,
    ) -> Result<()> {
        self.writer
            .write(move |db| {
                let known_by = last_tasks::task_of_the_same_account(db, seq, attempt)?;
                let changed = db
                    .prepare_cached(
                        "UPDATE attempts SET account = ?3, endpoint = ?4
                          WHERE job = ?1 AND attempt = ?2
                            AND EXISTS (SELECT 1 FROM jobs WHERE seq = ?1 AND attempt = ?2)",
                    )?
                    .execute(params![seq.0, attempt, account.as_ref().map(AccountName::as_str), endpoint])?;
                one_row(changed, || QueueError::Stale { seq: seq.0, attempt })?;
                known_by.map_or(Ok(()), |task| last_tasks::keep_for_doubt(db, seq, attempt, &task))
            })
            .await
    }

    /// A run's heartbeat.
    pub(super) async fn beat(&self, run: RunId, beat: Beat, now: Timestamp) -> Result<()> {
        let ms = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        let (busy_ms, all_ms) = (ms(beat.slots.time.0), ms(beat.slots.time.1));
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
                        beat.succeeded,
                        beat.pause.as_ref().map(|pause| millis(pause.until)),
                        beat.pause.as_ref().map(|pause| clean_text(&pause.why)),
                        beat.ended,
                        busy_ms,
                        all_ms,
                        beat.slots.limit
                    ])?;
                one_row(changed, || QueueError::Damaged(format!("run {} is gone", run.0)))?;
                let mut accounts = beat.accounts.iter().enumerate();
                accounts.try_for_each(|(place, account)| write_standing(db, run, place, account))
            })
            .await
    }

    /// Takes the next job and writes down the intent to submit it, under `external_id`: ready ones only, higher
    /// priority first, then manifest order. When this returns a job, the intent is on disk.
    pub(super) async fn claim(
        &self,
        run: RunId,
        external_id: ExternalTaskId,
        by: Claimant,
        now: Timestamp,
    ) -> Result<Claim> {
        let me = self.epoch();
        self.writer.write(move |db| claim(db, run, me, external_id, &by, now)).await
    }

    /// As [`Self::claim`], for a run that has identical pairs made once: a job whose pair another job has had made
    /// takes a copy of that image, one whose pair is being made waits for it, and one whose pair's task has failed for
    /// good fails like it. Some of these at a time; then the claim has settled them and taken no job.
    pub(super) async fn claim_once(
        &self,
        run: RunId,
        external_id: ExternalTaskId,
        by: Claimant,
        looked: Option<LookedAt>,
        now: Timestamp,
    ) -> Result<ClaimOnce> {
        let me = self.epoch();
        self.writer
            .write(move |db| match duplicates::settle_next(db, (run, me), &by, looked.as_ref(), now)? {
                Some((failed, to_look_at)) => Ok(ClaimOnce::Settled { failed, to_look_at }),
                None => claim(db, run, me, external_id, &by, now).map(ClaimOnce::Claim),
            })
            .await
    }

    /// Moves a job that its worker holds in attempt `attempt`.
    ///
    /// # Errors
    /// [`QueueError::Illegal`] when the state machine says no, [`QueueError::Stale`] when the job is in another attempt.
    pub(super) async fn record(
        &self,
        seq: JobSeq,
        attempt: u32,
        transition: Transition,
        note: Note,
        now: Timestamp,
    ) -> Result<JobState> {
        let by = By::Worker { attempt, epoch: self.epoch() };
        self.writer.write(move |db| apply(db, seq, by, &transition, &note, now)).await
    }

    /// Writes down what is made of an attempt's pictures, before they are sent.
    pub(super) async fn note_sent_as(&self, seq: JobSeq, attempt: u32, sent_as: String) -> Result<()> {
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
    /// Where it may not, the job stays in doubt.
    ///
    /// # Errors
    /// As [`Self::record`].
    pub(super) async fn submit_again(&self, run: RunId, doubt: Doubt, now: Timestamp) -> Result<Resubmission> {
        let me = self.epoch();
        self.writer.write_if(move |db| submit_again(db, run, me, doubt, now)).await
    }

    /// Records that a job's images are on disk under their final names.
    ///
    /// # Errors
    /// As [`Self::record`]; also when a path belongs to another job, or when there is no image 0: a task without an
    /// image has failed.
    pub(super) async fn publish(
        &self,
        seq: JobSeq,
        attempt: u32,
        images: Vec<PublishedImage>,
        now: Timestamp,
    ) -> Result<JobState> {
        let by = By::Worker { attempt, epoch: self.epoch() };
        self.writer
            .write(move |db| {
                let state = apply(db, seq, by, &Transition::Publish, &Note::default(), now)?;
                if !images.iter().any(|image| image.image == 0) {
                    let id = present_state(db, seq)?.id;
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
                for result in images.iter().filter(|image| image.image == 0) {
                    judge_as_before(db, seq, &result.sha256)?;
                }
                Ok(state)
            })
            .await
    }
}

impl SqliteQueue {
    /// Pictures were read and are what they were: their files show these times now.
    pub(super) async fn note_seen(&self, seen: Vec<(i64, Option<i64>)>) -> Result<()> {
        self.writer
            .write(move |db| seen.iter().try_for_each(|(number, modified)| set_seen(db, *number, *modified)))
            .await
    }

    /// Pictures were read: this is what they are.
    pub(super) async fn note_contents(&self, read: Vec<(i64, Content)>) -> Result<()> {
        self.writer.write(move |db| note_contents(db, &read)).await
    }
}

/// How one of a run's accounts goes on.
fn write_standing(db: &Connection, run: RunId, place: usize, account: &AccountStanding) -> Result<()> {
    let done = account.done;
    let told = |cost: f64| (done.has_told_cost && cost.is_finite()).then_some(cost);
    db.prepare_cached(
        "INSERT INTO run_accounts (run, place, account, slots, in_flight, submitted, trouble, has_ended,
                                   images, failed, units, paid)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)
         ON CONFLICT (run, place) DO UPDATE SET
                slots = excluded.slots, in_flight = excluded.in_flight, submitted = excluded.submitted,
                trouble = excluded.trouble, has_ended = excluded.has_ended, images = excluded.images,
                failed = excluded.failed, units = excluded.units, paid = excluded.paid",
    )?
    .execute(params![
        run.0,
        place,
        account.name.as_str(),
        account.slots,
        account.in_flight,
        done.submitted,
        account.trouble.as_deref().map(clean_text),
        account.has_ended,
        done.images,
        done.failed,
        told(done.units),
        told(done.paid)
    ])?;
    Ok(())
}

fn check_provider(db: &Connection, kind: ProviderKind) -> Result<()> {
    match get_meta(db, "provider")? {
        Some(bound) if !kind.may_follow(&bound) => {
            Err(QueueError::OtherProvider { bound, wanted: kind.word().to_owned() })
        }
        _ => Ok(()),
    }
}
