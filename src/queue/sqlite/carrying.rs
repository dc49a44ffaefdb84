//! A load on its way into the queue: what it changes there, step by step.

use std::path::Path;

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};

use crate::job::state::Transition;
use crate::job::{JobSeq, StateName};
use crate::queue::columns::{COLUMN_NAMES, read_names, with_names};
use crate::queue::{Keeping, Note, RejectedRow, TooLate};

use super::compared::{may_exist_at_provider, owner_of_further_image, standing};
use super::contents::note_moved;
use super::load::{Loader, against_queue, name_of_further_image, staging_path};
use super::meta::{get_meta, set_meta};
use super::new_jobs::{self, Part};
use super::numbered::Pictures;
use super::staging::{Fate, StagedRejection, StagedRow, Staging};
use super::transition::{By, apply, one_row};
use super::writer::Keep;
use super::{QueueError, Result};

/// Rows in a batch while a run is going on, and else. A load of no more rows than the first is written at once.
pub(super) const BATCH_BESIDE_A_RUN: i64 = 500;
pub(super) const BATCH: i64 = 50_000;

/// So is the first load of a queue that no run works on, up to this many rows. It holds the writer for some seconds.
const MOST_AT_FIRST: i64 = 2_000_000;

/// The key in `meta` of a load that was decided and is not written to its end; its value says how far it is.
pub(super) const IN_PROGRESS: &str = "load";

/// A load on its way into the queue.
pub(super) struct Carrying {
    pub(super) staging: Staging,
    pictures: Pictures,
    /// The next row to write, and the end of all.
    pub(super) next: i64,
    pub(super) end: i64,
    /// The job behind which a rejected row is in the report.
    behind: i64,
    pub(super) too_late: Vec<TooLate>,
    /// Whether it is written in the transaction that decides it.
    at_once: bool,
    /// Whether the queue has no jobs yet.
    is_first: bool,
    pub(super) is_kept: bool,
    to_forget: Vec<String>,
    column_names: Vec<String>,
    keeping: Keeping,
}

impl Carrying {
    pub(super) fn of(loader: Loader, keeping: Keeping, is_beside_a_run: bool, queue: &Path) -> Result<Self> {
        let Loader { staging, to_forget, column_names, has_jobs, .. } = loader;
        let column_names = column_names.all().to_vec();
        staging.close()?;
        let end = staging.end()?;
        let most_at_once = if has_jobs || is_beside_a_run { BATCH_BESIDE_A_RUN } else { MOST_AT_FIRST };
        let at_once = end <= most_at_once;
        let staging = if at_once { staging } else { staging.make_durable(&staging_path(queue))? };
        staging.share()?;
        let (pictures, too_late) = (Pictures::default(), Vec::new());
        Ok(Self {
            staging,
            pictures,
            next: 1,
            end,
            behind: 0,
            too_late,
            at_once,
            is_first: !has_jobs,
            is_kept: false,
            to_forget,
            column_names,
            keeping,
        })
    }

    pub(super) fn left_at(path: &Path, progress: &str) -> Result<Option<Self>> {
        let numbers =
            progress.split_once(' ').and_then(|(next, behind)| Some((next.parse().ok()?, behind.parse().ok()?)));
        let (next, behind) =
            numbers.ok_or_else(|| QueueError::Damaged(format!("`{progress}` is no progress of a load")))?;
        let Some(staging) = Staging::left_at(path)? else { return Ok(None) };
        let (end, pictures, too_late) = (staging.end()?, Pictures::default(), Vec::new());
        staging.share()?;
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
            at_once: false,
            is_first: false,
            is_kept: true,
            to_forget,
            column_names,
            keeping,
        }))
    }

    /// The transaction in which the load becomes the queue's, or does not.
    pub(super) fn decide(mut self, db: &Connection, now: Timestamp) -> Result<(Self, Keep)> {
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
        if self.at_once {
            self.write_all(db)?;
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

    /// The job behind which rows are reported that were rejected before the first that was taken.
    fn first_place(&self, db: &Connection) -> Result<i64> {
        match self.staging.first_taken()?.and_then(|row| row.job) {
            Some(job) => Ok(job - 1),
            // New jobs are put behind all others, and only a load makes any.
            None => last_job(db),
        }
    }

    fn write_all(&mut self, db: &Connection) -> Result<()> {
        let is_worth_it = self.is_first && self.end > BATCH_BESIDE_A_RUN;
        let mut write = || {
            while self.next < self.end {
                self.write_batch(db, BATCH)?;
            }
            Ok(())
        };
        if is_worth_it { new_jobs::without_index_by_pair(db, write) } else { write() }
    }

    /// Adds the new jobs of the next rows, and lists the rows among them that are not taken.
    pub(super) fn write_batch(&mut self, db: &Connection, rows: i64) -> Result<()> {
        let to = self.end.min(self.next.saturating_add(rows));
        let batch = Part { from: self.next, to };
        let mut not_taken: Vec<_> =
            self.staging.rejections(batch.from, to)?.into_iter().map(NotAdded::Rejected).collect();
        // In the transaction that finds the queue empty, nobody has given a name away.
        if !(self.is_first && self.at_once) {
            not_taken.extend(new_jobs::too_late(db, batch)?.into_iter().map(NotAdded::TooLate));
            not_taken.sort_by_key(NotAdded::place);
        }
        new_jobs::number_pictures(db, batch)?;
        let mut added = 0;
        for row in not_taken {
            added += self.add(db, Part { from: self.next, to: row.place() })?;
            match row {
                NotAdded::Rejected(row) => write_rejected(db, &row, self.behind)?,
                NotAdded::TooLate(row) => {
                    let reason = match owner_of_further_image(db, &row.id_key)? {
                        Some(owner) => name_of_further_image(&row.id, &owner),
                        None => format!("`{}` was put into the queue by another process meanwhile", row.id),
                    };
                    self.is_too_late(db, &row, self.behind, reason)?;
                    self.next = row.n + 1;
                }
            }
        }
        added += self.add(db, Part { from: self.next, to })?;
        // One by one would write the same row of the tallies as often as there are jobs.
        let changed =
            db.prepare_cached("UPDATE tallies SET value = value + ?1 WHERE name = 'pending'")?.execute([added])?;
        one_row(changed, || QueueError::Damaged("the count of pending jobs is gone".to_owned()))
    }

    /// Adds the new jobs of a part, none of which is too late. Returns how many.
    fn add(&mut self, db: &Connection, part: Part) -> Result<usize> {
        if part.from >= part.to {
            return Ok(0);
        }
        let added = new_jobs::add(db, part)?;
        self.behind = new_jobs::last_taken(db, part)?.unwrap_or(self.behind);
        self.next = part.to;
        Ok(added)
    }

    pub(super) fn note_progress(&self, db: &Connection) -> Result<()> {
        if self.next >= self.end {
            return forget_progress(db);
        }
        set_meta(db, IN_PROGRESS, &format!("{} {}", self.next, self.behind))
    }
}

/// A row that does not become a job, or change one.
enum NotAdded {
    Rejected(StagedRejection),
    TooLate(StagedRow),
}

impl NotAdded {
    /// Its place in the load.
    fn place(&self) -> i64 {
        match self {
            Self::Rejected(row) => row.n,
            Self::TooLate(row) => row.n,
        }
    }
}

/// Gives a job the columns of its row.
fn relabel(db: &Connection, job: i64, row: &StagedRow) -> Result<()> {
    db.prepare_cached("UPDATE jobs SET extra = ?2 WHERE seq = ?1")?.execute(params![job, row.extra])?;
    Ok(())
}

pub(super) fn forget_progress(db: &Connection) -> Result<()> {
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
