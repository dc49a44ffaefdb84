//! Writing a staged load to the queue: decided in one short transaction, and then written in batches.
//!
//! What a load changes about jobs that are there is done in the transaction that decides, and so is a small load as a
//! whole. The new rows of a larger one follow in batches, each of which holds the writer for milliseconds. From the
//! decision on the load is the queue's, whatever happens to this process: its rows lie beside the queue, on disk, and the
//! next load or run writes those that are missing.

use std::path::Path;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};

use crate::job::state::Transition;
use crate::job::{JobSeq, StateName};
use crate::queue::columns::{COLUMN_NAMES, read_names, with_names};
use crate::queue::{Keeping, Kept, Note, RejectedRow, TooLate};

use super::compared::{may_exist_at_provider, owner_of_further_image, standing};
use super::contents::note_moved;
use super::handle::blocking;
use super::load::{Loader, against_queue, name_of_further_image, staging_path};
use super::lock::{LoadLock, RunLock};
use super::meta::{get_meta, set_meta};
use super::numbered::Pictures;
use super::staging::{Fate, StagedRejection, StagedRow, Staging};
use super::transition::{By, apply, one_row};
use super::writer::Keep;
use super::{QueueError, QueueReader, Result, SqliteQueue};

/// Rows in a batch while a run is going on, and else. A load of no more rows than the first is written at once.
const BATCH_BESIDE_A_RUN: i64 = 500;
const BATCH: i64 = 20_000;

/// A run's writer waits for the lock by trying again and again. After each batch it is left free for as long as the batch
/// took, within these bounds.
const SHORTEST_PAUSE: Duration = Duration::from_millis(2);
const LONGEST_PAUSE: Duration = Duration::from_millis(50);

/// The key in `meta` of a load that was decided and is not written to its end; its value says how far it is.
const IN_PROGRESS: &str = "load";

impl SqliteQueue {
    /// Begins a load, once no other is going on.
    pub(super) async fn begin(&self) -> Result<Loader> {
        let path = self.path().to_owned();
        let lock = blocking(move || LoadLock::wait_for(&path)).await?;
        self.complete(&lock).await?;
        let path = self.path().to_owned();
        blocking(move || Loader::beside(&path, lock)).await
    }

    /// Writes a load to the queue, whole.
    pub(super) async fn keep(&self, mut loader: Loader, keeping: Keeping, now: Timestamp) -> Result<Kept> {
        let lock = match loader.lock.take() {
            Some(lock) => lock,
            None => self.lock_for_new_jobs().await?,
        };
        let path = self.path().to_owned();
        let (carrying, is_beside_a_run) = blocking(move || {
            let is_beside_a_run = !keeping.before_a_run && RunLock::is_held(&path);
            Ok((Carrying::of(loader, keeping, &path)?, is_beside_a_run))
        })
        .await?;
        let decided = self.writer.write_alone(move |db| carrying.decide(db, now)).await?;
        let is_kept = decided.is_kept;
        let carried = if is_kept { self.carry(decided, is_beside_a_run).await? } else { decided };
        blocking(move || {
            let mut carried = carried;
            let too_late = std::mem::take(&mut carried.too_late);
            drop((carried, lock));
            Ok(Kept { too_late, is_kept })
        })
        .await
    }

    /// The lock for a load that began when there was no queue.
    async fn lock_for_new_jobs(&self) -> Result<LoadLock> {
        let path = self.path().to_owned();
        let lock = blocking(move || LoadLock::wait_for(&path)).await?;
        self.complete(&lock).await?;
        let counts = self.read(QueueReader::counts).await?;
        if counts.total() > 0 { Err(QueueError::MadeMeanwhile(self.path().into())) } else { Ok(lock) }
    }

    /// Writes what is left of a load that was decided and then cut off. Does nothing while a load is going on.
    pub(super) async fn complete_load(&self) -> Result<()> {
        let path = self.path().to_owned();
        match blocking(move || LoadLock::try_take(&path)).await {
            Ok(lock) => self.complete(&lock).await,
            Err(QueueError::LoadGoingOn { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }

    async fn complete(&self, _lock: &LoadLock) -> Result<()> {
        let path = staging_path(self.path());
        let progress = self.writer.write(|db| get_meta(db, IN_PROGRESS)).await?;
        let Some(progress) = progress else {
            // A load that was never decided may have left its file.
            return blocking(move || {
                let _ = std::fs::remove_file(&path);
                Ok(())
            })
            .await;
        };
        let from = path.clone();
        match blocking(move || Carrying::left_at(&from, &progress)).await? {
            Some(carrying) => {
                tracing::info!("completing a load that was cut off");
                let carried = self.carry(carrying, false).await?;
                blocking(move || {
                    drop(carried);
                    Ok(())
                })
                .await
            }
            None => {
                tracing::warn!(
                    "a load was cut off, and its rows in {} are gone; load the manifest again",
                    path.display()
                );
                self.writer.write(forget_progress).await
            }
        }
    }

    /// Writes all batches that are left.
    async fn carry(&self, mut carrying: Carrying, is_beside_a_run: bool) -> Result<Carrying> {
        let rows = if is_beside_a_run { BATCH_BESIDE_A_RUN } else { BATCH };
        while carrying.next < carrying.end {
            let began = Instant::now();
            let mut taken = carrying;
            carrying = self
                .writer
                .write_alone(move |db| {
                    taken.write_batch(db, rows)?;
                    taken.note_progress(db)?;
                    Ok((taken, Keep::Yes))
                })
                .await?;
            tracing::trace!(
                held_ms = began.elapsed().as_millis(),
                next = carrying.next,
                "a batch of a load is written"
            );
            if is_beside_a_run {
                tokio::time::sleep(began.elapsed().clamp(SHORTEST_PAUSE, LONGEST_PAUSE)).await;
            }
        }
        carrying.staging.is_done_with();
        Ok(carrying)
    }
}

/// A load on its way into the queue.
struct Carrying {
    staging: Staging,
    pictures: Pictures,
    /// The next row to write, and the end of all.
    next: i64,
    end: i64,
    /// The job behind which a rejected row is in the report.
    behind: i64,
    too_late: Vec<TooLate>,
    is_kept: bool,
    to_forget: Vec<String>,
    column_names: Vec<String>,
    keeping: Keeping,
}

impl Carrying {
    fn of(loader: Loader, keeping: Keeping, queue: &Path) -> Result<Self> {
        let Loader { staging, to_forget, column_names, .. } = loader;
        let column_names = column_names.all().to_vec();
        staging.close()?;
        let end = staging.end()?;
        let is_small = end <= BATCH_BESIDE_A_RUN;
        let staging = if is_small { staging } else { staging.make_durable(&staging_path(queue))? };
        let (pictures, too_late) = (Pictures::default(), Vec::new());
        Ok(Self {
            staging,
            pictures,
            next: 1,
            end,
            behind: 0,
            too_late,
            is_kept: false,
            to_forget,
            column_names,
            keeping,
        })
    }

    fn left_at(path: &Path, progress: &str) -> Result<Option<Self>> {
        let numbers =
            progress.split_once(' ').and_then(|(next, behind)| Some((next.parse().ok()?, behind.parse().ok()?)));
        let (next, behind) =
            numbers.ok_or_else(|| QueueError::Damaged(format!("`{progress}` is no progress of a load")))?;
        let Some(staging) = Staging::left_at(path)? else { return Ok(None) };
        let (end, pictures, too_late) = (staging.end()?, Pictures::default(), Vec::new());
        // They were written when the load was decided.
        let (to_forget, column_names) = (Vec::new(), Vec::new());
        let keeping = Keeping::default();
        Ok(Some(Self {
            staging,
            pictures,
            next,
            end,
            behind,
            too_late,
            is_kept: true,
            to_forget,
            column_names,
            keeping,
        }))
    }

    /// The transaction in which the load becomes the queue's, or does not.
    fn decide(mut self, db: &Connection, now: Timestamp) -> Result<(Self, Keep)> {
        for manifest in &self.to_forget {
            db.prepare_cached("DELETE FROM rejected_rows WHERE manifest = ?1")?.execute([manifest])?;
        }
        let mut after = 0;
        loop {
            let rows = self.staging.rows_that_change_jobs(after)?;
            let Some(last) = rows.last() else { break };
            after = last.n;
            for row in &rows {
                self.change(db, row, now)?;
            }
        }
        if self.keeping.all_or_nothing && !self.too_late.is_empty() {
            return Ok((self, Keep::No));
        }
        for (is_wanted, key) in [(self.keeping.fit_images, "fit_images"), (self.keeping.dedupe, "dedupe")] {
            if is_wanted {
                set_meta(db, key, "yes")?;
            }
        }
        let names = read_names(get_meta(db, COLUMN_NAMES)?.as_deref())?;
        if let Some(names) = with_names(names, &self.column_names) {
            set_meta(db, COLUMN_NAMES, &names)?;
        }
        self.behind = self.first_place(db)?;
        if self.end <= BATCH_BESIDE_A_RUN {
            self.write_batch(db, BATCH_BESIDE_A_RUN)?;
        } else {
            self.note_progress(db)?;
        }
        self.is_kept = true;
        Ok((self, Keep::Yes))
    }

    /// Changes a job of the queue as its row says, or takes it out; unless it was submitted since the row was read.
    fn change(&mut self, db: &Connection, row: &StagedRow, now: Timestamp) -> Result<()> {
        let Some(job) = row.job else { return Ok(()) };
        if row.relabels && row.fate != Fate::Changed {
            relabel(db, job, row)?;
        }
        match row.fate {
            Fate::Contradicted => remove_unless_submitted(db, job),
            Fate::Moved => {
                // One that no longer waits has no use for a priority.
                db.prepare_cached("UPDATE jobs SET priority = ?2 WHERE seq = ?1 AND state = 'pending'")?
                    .execute([job, row.priority])?;
                Ok(())
            }
            Fate::Changed => match standing(db, &row.id_key)? {
                Some(standing) if !may_exist_at_provider(db, job)? => {
                    self.write_inputs(db, job, row)?;
                    relabel(db, job, row)?;
                    if standing.state == StateName::Failed {
                        apply(db, JobSeq(job), By::Person, &Transition::Retry, &Note::default(), now)?;
                    }
                    Ok(())
                }
                Some(standing) => self.is_too_late(db, row, job, against_queue(&row.id, &standing.id, standing.state)),
                None => {
                    let reason = format!("job `{}` was taken out of the queue meanwhile; load the row again", row.id);
                    self.is_too_late(db, row, job, reason)
                }
            },
            Fate::Relocated => {
                self.write_inputs(db, job, row)?;
                note_moved(db, job)
            }
            Fate::Added | Fate::Unchanged | Fate::Waiting | Fate::Rejected => Ok(()),
        }
    }

    fn write_inputs(&mut self, db: &Connection, job: i64, row: &StagedRow) -> Result<()> {
        let inputs = self.pictures.inputs_of(db, &self.staging, &row.inputs)?;
        let changed = db
            .prepare_cached(
                "UPDATE jobs SET human = ?2, cloth = ?3, cloth_type = ?4, cloth_2 = ?5, cloth_type_2 = ?6, model = ?7,
                        priority = ?8, keep = ?9, waits_for = NULL
                  WHERE seq = ?1",
            )?
            .execute(params![
                job,
                inputs.human,
                inputs.cloth,
                inputs.cloth_type,
                inputs.cloth_2,
                inputs.cloth_type_2,
                inputs.model,
                row.priority,
                inputs.keep.bits()
            ])?;
        one_row(changed, || QueueError::Damaged(format!("job `{}` is gone", row.id)))
    }

    /// Rejects a row that was right when it was read.
    fn is_too_late(&mut self, db: &Connection, row: &StagedRow, behind: i64, reason: String) -> Result<()> {
        let (name, manifest) = self.staging.manifest(row.manifest)?;
        let rejected = RejectedRow {
            line: row.line,
            id: row.id.clone(),
            human: self.staging.picture(row.inputs.human)?.1,
            cloth: self.staging.picture(row.inputs.cloth)?.1,
            column: "id".to_owned(),
            reason,
        };
        let rejection = StagedRejection {
            n: row.n,
            manifest,
            line: row.line,
            id: rejected.id.clone(),
            human: rejected.human.clone(),
            cloth: rejected.cloth.clone(),
            reason: format!("{name}:{}: {}: {}", row.line, rejected.column, rejected.reason),
        };
        let was_new = row.fate == Fate::Added;
        self.too_late.push(TooLate { manifest: name, row: rejected, was_new });
        write_rejected(db, &rejection, behind)
    }

    /// Behind which job the rows stand that were rejected before the first that was taken.
    fn first_place(&self, db: &Connection) -> Result<i64> {
        match self.staging.first_taken()?.and_then(|row| row.job) {
            Some(job) => Ok(job - 1),
            // New jobs are put behind all others, and only a load makes any.
            None => last_job(db),
        }
    }

    fn write_batch(&mut self, db: &Connection, rows: i64) -> Result<()> {
        let to = self.end.min(self.next.saturating_add(rows));
        let mut rejections = self.staging.rejections(self.next, to)?.into_iter().peekable();
        let has_further_images: bool =
            db.query_row("SELECT EXISTS (SELECT 1 FROM images WHERE image > 0)", [], |row| row.get(0))?;
        let mut added = 0;
        for row in self.staging.rows(self.next, to)? {
            while let Some(rejection) = rejections.next_if(|rejection| rejection.n <= row.n) {
                write_rejected(db, &rejection, self.behind)?;
            }
            match (row.fate, row.job) {
                (Fate::Added, _) => added += i64::from(self.add(db, &row, has_further_images)?),
                (fate, Some(job)) if fate.is_taken() => self.behind = job,
                _ => {}
            }
        }
        for rejection in rejections {
            write_rejected(db, &rejection, self.behind)?;
        }
        // One by one would write the same row of the tallies as often as there are jobs.
        let changed =
            db.prepare_cached("UPDATE tallies SET value = value + ?1 WHERE name = 'pending'")?.execute([added])?;
        one_row(changed, || QueueError::Damaged("the count of pending jobs is gone".to_owned()))?;
        self.next = to;
        Ok(())
    }

    /// Adds a new job; `false` where a run has meanwhile given its name to a further image.
    fn add(&mut self, db: &Connection, row: &StagedRow, has_further_images: bool) -> Result<bool> {
        let owner = if has_further_images { owner_of_further_image(db, &row.id_key)? } else { None };
        let reason = match owner {
            Some(owner) => name_of_further_image(&row.id, &owner),
            None if self.insert(db, row)? => {
                self.behind = db.last_insert_rowid();
                return Ok(true);
            }
            None => format!("`{}` was put into the queue by another process meanwhile", row.id),
        };
        let behind = self.behind;
        self.is_too_late(db, row, behind, reason).map(|()| false)
    }

    fn insert(&mut self, db: &Connection, row: &StagedRow) -> Result<bool> {
        let inputs = self.pictures.inputs_of(db, &self.staging, &row.inputs)?;
        let added = db
            .prepare_cached(
                "INSERT INTO jobs (id, id_key, human, cloth, cloth_type, cloth_2, cloth_type_2, model, priority, state,
                                   attempt, keep, extra)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, 'pending', 0, ?10, ?11) ON CONFLICT (id_key) DO NOTHING",
            )?
            .execute(params![
                row.id,
                row.id_key,
                inputs.human,
                inputs.cloth,
                inputs.cloth_type,
                inputs.cloth_2,
                inputs.cloth_type_2,
                inputs.model,
                row.priority,
                inputs.keep.bits(),
                row.extra
            ])?;
        Ok(added == 1)
    }

    fn note_progress(&self, db: &Connection) -> Result<()> {
        if self.next >= self.end {
            return forget_progress(db);
        }
        set_meta(db, IN_PROGRESS, &format!("{} {}", self.next, self.behind))
    }
}

/// Gives a job the columns of its row.
fn relabel(db: &Connection, job: i64, row: &StagedRow) -> Result<()> {
    db.prepare_cached("UPDATE jobs SET extra = ?2 WHERE seq = ?1")?.execute(params![job, row.extra])?;
    Ok(())
}

fn forget_progress(db: &Connection) -> Result<()> {
    db.execute("DELETE FROM meta WHERE key = ?1", [IN_PROGRESS])?;
    Ok(())
}

fn last_job(db: &Connection) -> Result<i64> {
    Ok(db.query_row("SELECT coalesce(max(seq), 0) FROM jobs", [], |row| row.get(0))?)
}

/// Takes a contradicted job out of the queue. One that was submitted stays what it is.
fn remove_unless_submitted(db: &Connection, seq: i64) -> Result<()> {
    if may_exist_at_provider(db, seq)? {
        return Ok(());
    }
    db.prepare_cached("DELETE FROM jobs WHERE seq = ?1")?.execute([seq])?;
    // The number may be given again to the next job, so no row may go on standing behind it.
    let before: Option<i64> = db
        .prepare_cached("SELECT max(seq) FROM jobs WHERE seq < ?1")?
        .query_row([seq], |row| row.get(0))
        .optional()?
        .flatten();
    db.prepare_cached("UPDATE rejected_rows SET after_seq = ?2 WHERE after_seq = ?1")?
        .execute(params![seq, before.unwrap_or(0)])?;
    Ok(())
}

fn write_rejected(db: &Connection, row: &StagedRejection, behind: i64) -> Result<()> {
    db.prepare_cached(
        "INSERT INTO rejected_rows (manifest, line, after_seq, id, human, cloth, reason)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
         ON CONFLICT (manifest, line) DO UPDATE SET reason = excluded.reason",
    )?
    .execute(params![row.manifest, row.line, behind, row.id, row.human, row.cloth, row.reason])?;
    Ok(())
}
