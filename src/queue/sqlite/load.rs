//! Filling the queue from manifests, in one transaction and in flat memory.
//!
//! What a single row can do wrong is the manifest reader's business. Here is what rows can do wrong together:
//! the same id with other inputs, ids that a file system would confuse, an id whose work was already submitted.

use std::collections::HashSet;

use jiff::Timestamp;
use rusqlite::{CachedStatement, Connection, OptionalExtension, params};

use crate::job::state::Transition;
use crate::job::{JobSeq, JobSpec, StateName, default_id};
use crate::queue::Note;

use super::inputs::{Inputs, Pictures};
use super::places::{Met, Places, Row};
use super::verbs::{apply, one_row, set_meta};
use super::{QueueError, Result};

/// What became of the rows of a load.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Enqueued {
    /// New jobs.
    pub added: u64,
    /// Jobs that were in the queue with the same inputs.
    pub unchanged: u64,
    /// Jobs that got other inputs or another priority before anything was submitted for them.
    pub updated: u64,
    /// Rows that say again what an earlier row of this load said.
    pub repeated: u64,
    /// Rows that were not taken.
    pub rejected: u64,
}

/// A manifest row that is not taken, as the report shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RejectedRow {
    /// The physical line on which the row begins.
    pub line: u64,
    pub id: String,
    pub human: String,
    pub cloth: String,
    /// The column at fault.
    pub column: String,
    /// Completes `<manifest>:<line>: <column>: …`.
    pub reason: String,
}

/// An open load. All of it is kept, or nothing.
pub struct Loader<'db> {
    db: &'db Connection,
    /// The statement that every row goes through, kept at hand.
    insert: CachedStatement<'db>,
    /// Jobs put in, also those that were taken out again.
    inserted: i64,
    now: Timestamp,
    manifests: Vec<String>,
    tally: Enqueued,
    pictures: Pictures,
    places: Places,
    /// Keys of ids that rows of this load contradict each other about.
    contradicted: HashSet<String>,
    /// Whether any task has left further images, whose names new ids must not take.
    has_further_images: bool,
}

/// A job that stands under an id already.
struct Standing {
    seq: i64,
    id: String,
    inputs: Inputs,
    priority: i64,
    state: StateName,
}

impl<'db> Loader<'db> {
    pub(super) fn new(db: &'db Connection) -> Result<Self> {
        let has_further_images =
            db.query_row("SELECT EXISTS (SELECT 1 FROM images WHERE image > 0)", [], |row| row.get(0))?;
        let insert = db.prepare_cached(
            "INSERT INTO jobs (id, id_key, human, cloth, cloth_type, cloth_2, cloth_type_2, model, priority, state,
                               attempt)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, 'pending', 0) ON CONFLICT (id_key) DO NOTHING",
        )?;
        Ok(Self {
            db,
            insert,
            inserted: 0,
            now: Timestamp::now(),
            manifests: Vec::new(),
            tally: Enqueued::default(),
            pictures: Pictures::default(),
            places: Places::default(),
            contradicted: HashSet::new(),
            has_further_images,
        })
    }

    /// Counts what was put in. To be called once, when nothing more comes; without it the load must not be kept.
    pub(super) fn finish(self) -> Result<()> {
        // One by one would write the same row of the tallies as often as there are jobs.
        let changed =
            self.db.execute("UPDATE tallies SET value = value + ?1 WHERE name = 'pending'", [self.inserted])?;
        one_row(changed, || QueueError::Damaged("the count of pending jobs is gone".to_owned()))
    }

    /// The rows that follow are from the manifest `name`. What was rejected of it in an earlier load is forgotten.
    ///
    /// # Errors
    /// Those of the queue.
    pub fn begin_manifest(&mut self, name: &str) -> Result<()> {
        self.db.execute("DELETE FROM rejected_rows WHERE manifest = ?1", [name])?;
        self.manifests.push(name.to_owned());
        Ok(())
    }

    /// The pictures of this load are to be made to fit: runs do so from now on, as it was asked for here.
    ///
    /// # Errors
    /// Those of the queue.
    pub fn fit_images(&mut self) -> Result<()> {
        set_meta(self.db, "fit_images", "yes")
    }

    /// Adds one row. Returns the rows that cannot be taken because of it: itself, and an earlier row of this load
    /// that it contradicts.
    ///
    /// # Errors
    /// Those of the queue; the load cannot go on after one.
    pub fn add(&mut self, spec: &JobSpec, line: u64) -> Result<Vec<(String, RejectedRow)>> {
        let key = spec.id.key();
        let inputs = self.pictures.inputs_of(self.db, spec)?;
        if self.contradicted.contains(&key) {
            let reason = format!("`{}` is used by rows that contradict each other", spec.id);
            return self.reject_row(spec, line, "id", reason).map(|row| vec![row]);
        }
        if self.has_further_images
            && let Some(owner) = self.owner_of_further_image(&key)?
        {
            let reason =
                format!("`{}` is the name of a further image of job `{owner}`; give the row another id", spec.id);
            return self.reject_row(spec, line, "id", reason).map(|row| vec![row]);
        }
        let added = self.insert.execute(params![
            spec.id.as_str(),
            key,
            inputs.human,
            inputs.cloth,
            inputs.cloth_type,
            inputs.cloth_2,
            inputs.cloth_type_2,
            inputs.model,
            spec.priority
        ])?;
        if added == 1 {
            self.inserted += 1;
            self.take(self.db.last_insert_rowid(), line, Row::Added)?;
            return Ok(Vec::new());
        }
        let standing = self.standing(&key)?;
        self.add_to_standing(spec, line, key, &inputs, &standing)
    }

    /// The row's id is taken: is it the same job, a new version of it, or a contradiction?
    fn add_to_standing(
        &mut self,
        spec: &JobSpec,
        line: u64,
        key: String,
        inputs: &Inputs,
        standing: &Standing,
    ) -> Result<Vec<(String, RejectedRow)>> {
        let same_id = standing.id == spec.id.as_str();
        let same_job = same_id && standing.inputs == *inputs;
        // A row that can be the job: it says what stands, or what may still be changed.
        let can_be = same_job || (same_id && !self.may_exist_at_provider(standing.seq)?);
        match self.places.met(standing.seq) {
            None if can_be => self.renew(spec, line, inputs, standing, same_job).map(|()| Vec::new()),
            None => {
                // A later row that can be the job would contradict this one.
                self.places.note(standing.seq, self.present_manifest(), line, Row::Rejected);
                self.reject_row(spec, line, "id", against_queue(spec, standing)).map(|row| vec![row])
            }
            Some(met) if met.as_what == Row::Rejected && !can_be => {
                self.reject_row(spec, line, "id", against_queue(spec, standing)).map(|row| vec![row])
            }
            Some(met) if met.as_what != Row::Rejected && same_job => {
                self.tally.repeated += 1;
                Ok(Vec::new())
            }
            Some(met) => self.contradict(spec, line, key, standing, met),
        }
    }

    /// The first row of this load about a job that stood in the queue before.
    fn renew(&mut self, spec: &JobSpec, line: u64, inputs: &Inputs, standing: &Standing, same_job: bool) -> Result<()> {
        let moves = standing.priority != spec.priority && standing.state == StateName::Pending;
        if same_job && !moves {
            return self.take(standing.seq, line, Row::Unchanged);
        }
        self.write_inputs(standing.seq, inputs, spec.priority)?;
        if !same_job && standing.state == StateName::Failed {
            apply(self.db, JobSeq(standing.seq), None, &Transition::Retry, &Note::default(), self.now)?;
        }
        self.take(standing.seq, line, Row::Updated)
    }

    /// Two rows of one load contradict each other, and nobody knows which is meant: neither is taken.
    fn contradict(
        &mut self,
        spec: &JobSpec,
        line: u64,
        key: String,
        standing: &Standing,
        met: Met,
    ) -> Result<Vec<(String, RejectedRow)>> {
        let other = self.line_of(met);
        let reason = if met.as_what == Row::Rejected {
            format!("`{}` is contradicted by {other}", spec.id)
        } else if standing.id == spec.id.as_str() {
            let origin = origin(spec.has_default_id());
            format!("`{}` stands in {other} with other inputs{origin}", spec.id)
        } else {
            same_file(spec, standing, &other)
        };
        let mut rows = Vec::new();
        if met.as_what != Row::Rejected {
            rows.push(self.reject_met(standing, met, line)?);
        }
        self.remove_unless_submitted(standing.seq)?;
        self.contradicted.insert(key);
        rows.push(self.reject_row(spec, line, "id", reason)?);
        Ok(rows)
    }

    /// A row of this load as its reader would look for it: `line 7`, of the present manifest or of an earlier one.
    fn line_of(&self, met: Met) -> String {
        if met.manifest == self.present_manifest() {
            format!("line {}", met.line)
        } else {
            format!("line {} of {}", met.line, self.manifest_name(met.manifest))
        }
    }

    /// Records a row that is not taken, so that the report can show it.
    ///
    /// # Errors
    /// Those of the queue.
    pub fn reject(&mut self, row: &RejectedRow) -> Result<()> {
        let manifest = self.manifest_name(self.present_manifest());
        let behind = match self.places.last() {
            Some(seq) => seq,
            None => self.db.query_row("SELECT coalesce(max(seq), 0) FROM jobs", [], |row| row.get(0))?,
        };
        self.write_rejected(&manifest, row, behind)?;
        self.tally.rejected += 1;
        Ok(())
    }

    /// What has become of the rows so far.
    #[must_use]
    pub fn tally(&self) -> Enqueued {
        self.tally
    }

    fn reject_row(&mut self, spec: &JobSpec, line: u64, column: &str, reason: String) -> Result<(String, RejectedRow)> {
        let row = RejectedRow {
            line,
            id: spec.id.to_string(),
            human: spec.human.written.clone(),
            cloth: spec.cloth.written.clone(),
            column: column.to_owned(),
            reason,
        };
        self.reject(&row)?;
        Ok((self.manifest_name(self.present_manifest()), row))
    }

    /// Takes back what an earlier row of this load was counted as, and rejects it; it stands in the report where its
    /// job stood.
    fn reject_met(&mut self, standing: &Standing, met: Met, by_line: u64) -> Result<(String, RejectedRow)> {
        let written = |input: i64| -> Result<String> {
            Ok(self.db.query_row("SELECT written FROM inputs WHERE input = ?1", [input], |row| row.get(0))?)
        };
        let manifest = self.manifest_name(met.manifest);
        let by = if met.manifest == self.present_manifest() {
            format!("line {by_line}")
        } else {
            format!("line {by_line} of {}", self.manifest_name(self.present_manifest()))
        };
        let (human, cloth) = (written(standing.inputs.human)?, written(standing.inputs.cloth)?);
        let origin = origin(default_id(&human, &cloth).as_deref() == Some(&standing.id));
        let row = RejectedRow {
            line: u64::from(met.line),
            id: standing.id.clone(),
            human,
            cloth,
            column: "id".to_owned(),
            reason: format!("`{}` is contradicted by {by}{origin}", standing.id),
        };
        let behind = self.places.behind(standing.seq).unwrap_or(standing.seq - 1);
        self.write_rejected(&manifest, &row, behind)?;
        self.tally.rejected += 1;
        match met.as_what {
            Row::Added => self.tally.added -= 1,
            Row::Unchanged => self.tally.unchanged -= 1,
            Row::Updated => self.tally.updated -= 1,
            Row::Rejected => {}
        }
        Ok((manifest, row))
    }

    /// Takes a contradicted job out of the queue. One that was submitted stays what it is.
    fn remove_unless_submitted(&mut self, seq: i64) -> Result<()> {
        if self.may_exist_at_provider(seq)? {
            return Ok(());
        }
        self.db.prepare_cached("DELETE FROM jobs WHERE seq = ?1")?.execute([seq])?;
        // The number may be given again to the next job, so no row may go on standing behind it.
        let behind = self.places.forget(seq);
        self.db
            .prepare_cached("UPDATE rejected_rows SET after_seq = ?2 WHERE after_seq = ?1")?
            .execute(params![seq, behind.unwrap_or(seq - 1)])?;
        Ok(())
    }

    fn write_rejected(&self, manifest: &str, row: &RejectedRow, behind: i64) -> Result<()> {
        self.db
            .prepare_cached(
                "INSERT INTO rejected_rows (manifest, line, after_seq, id, human, cloth, reason)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
                 ON CONFLICT (manifest, line) DO UPDATE SET reason = excluded.reason",
            )?
            .execute(params![
                manifest,
                row.line,
                behind,
                row.id,
                row.human,
                row.cloth,
                format!("{manifest}:{}: {}: {}", row.line, row.column, row.reason)
            ])?;
        Ok(())
    }

    fn standing(&self, key: &str) -> Result<Standing> {
        let mut statement = self.db.prepare_cached(
            "SELECT seq, id, human, cloth, cloth_type, cloth_2, cloth_type_2, model, priority, state
               FROM jobs WHERE id_key = ?1",
        )?;
        let mut rows = statement.query([key])?;
        let row = rows.next()?.ok_or_else(|| QueueError::Damaged(format!("`{key}` is taken by no job")))?;
        let state: String = row.get(9)?;
        Ok(Standing {
            seq: row.get(0)?,
            id: row.get(1)?,
            inputs: Inputs {
                human: row.get(2)?,
                cloth: row.get(3)?,
                cloth_type: row.get(4)?,
                cloth_2: row.get(5)?,
                cloth_type_2: row.get(6)?,
                model: row.get(7)?,
            },
            priority: row.get(8)?,
            state: StateName::from_word(&state).ok_or_else(|| QueueError::Damaged(format!("`{state}` is no state")))?,
        })
    }

    fn write_inputs(&self, seq: i64, inputs: &Inputs, priority: i64) -> Result<()> {
        self.db
            .prepare_cached(
                "UPDATE jobs SET human = ?2, cloth = ?3, cloth_type = ?4, cloth_2 = ?5, cloth_type_2 = ?6, model = ?7,
                        priority = ?8, waits_for = NULL
                  WHERE seq = ?1",
            )?
            .execute(params![
                seq,
                inputs.human,
                inputs.cloth,
                inputs.cloth_type,
                inputs.cloth_2,
                inputs.cloth_type_2,
                inputs.model,
                priority
            ])?;
        Ok(())
    }

    /// Whether some attempt of the job was accepted, or may have been.
    fn may_exist_at_provider(&self, seq: i64) -> Result<bool> {
        Ok(self
            .db
            .prepare_cached(
                "SELECT EXISTS (SELECT 1 FROM attempts
                                 WHERE job = ?1 AND outcome NOT IN ('released', 'turned_away', 'refused'))",
            )?
            .query_row([seq], |row| row.get(0))?)
    }

    fn owner_of_further_image(&self, key: &str) -> Result<Option<String>> {
        Ok(self
            .db
            .prepare_cached(
                "SELECT j.id FROM images i JOIN jobs j ON j.seq = i.job WHERE i.path_key = ?1 AND i.image > 0",
            )?
            .query_row([key], |row| row.get(0))
            .optional()?)
    }

    /// Counts the first row of this load about a job.
    fn take(&mut self, seq: i64, line: u64, as_what: Row) -> Result<()> {
        match as_what {
            Row::Added => self.tally.added += 1,
            Row::Unchanged => self.tally.unchanged += 1,
            Row::Updated => self.tally.updated += 1,
            Row::Rejected => {}
        }
        if self.places.last().is_none() && self.tally.rejected > 0 {
            // Rows rejected before this one were put behind the whole queue; their place is before this job.
            for manifest in &self.manifests {
                self.db
                    .prepare_cached("UPDATE rejected_rows SET after_seq = ?2 WHERE manifest = ?1")?
                    .execute(params![manifest, seq - 1])?;
            }
        }
        self.places.note(seq, self.present_manifest(), line, as_what);
        Ok(())
    }

    fn present_manifest(&self) -> u32 {
        u32::try_from(self.manifests.len().saturating_sub(1)).unwrap_or(u32::MAX)
    }

    /// The name of a manifest of this load; that of standard input before the first.
    fn manifest_name(&self, manifest: u32) -> String {
        self.manifests.get(manifest as usize).map_or("-", String::as_str).to_owned()
    }
}

/// Why a row cannot be the job that stands in the queue.
fn against_queue(spec: &JobSpec, standing: &Standing) -> String {
    if standing.id == spec.id.as_str() {
        format!(
            "`{}` stands in the queue with other inputs, and was already submitted with those; give the row a new id \
             (state: {})",
            spec.id,
            standing.state.word()
        )
    } else {
        same_file(spec, standing, "the queue")
    }
}

/// Where an id is from that two rows share, if nobody wrote it.
fn origin(is_default: bool) -> &'static str {
    if is_default {
        "; it was made of the pictures' names, so give each row an id of its own (column `id`)"
    } else {
        ""
    }
}

fn same_file(spec: &JobSpec, standing: &Standing, place: &str) -> String {
    format!(
        "`{}` and `{}` in {place} would write the same file where case does not count; give one another id",
        spec.id, standing.id
    )
}
