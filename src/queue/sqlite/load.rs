//! Filling the queue from manifests, in one transaction and in flat memory.
//!
//! What a single row can do wrong is the manifest reader's business. Here is what rows can do wrong together:
//! the same id with other inputs, ids that a file system would confuse, an id whose work was already submitted.

use std::collections::{HashMap, HashSet};

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};

use crate::job::state::Transition;
use crate::job::{ImageRef, JobSeq, JobSpec, StateName};
use crate::queue::Note;

use super::verbs::apply;
use super::{QueueError, Result};

/// How many pictures' numbers are kept at hand. Beyond it the queue is asked, so that memory stays flat.
const MOST_INPUTS_AT_HAND: usize = 1 << 16;

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
    /// Completes "<manifest>:<line>: <column>: …".
    pub reason: String,
}

/// Which row of this load a job was last seen in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Place {
    manifest: u32,
    line: u32,
}

/// An open load. All of it is kept, or nothing.
pub struct Loader<'db> {
    db: &'db Connection,
    now: Timestamp,
    manifests: Vec<String>,
    tally: Enqueued,
    inputs: HashMap<String, i64>,
    /// By sequence number: where this load has met the job.
    seen: Vec<Option<Place>>,
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

/// What a job asks for, as the queue stores it.
#[derive(PartialEq)]
struct Inputs {
    human: i64,
    cloth: i64,
    cloth_type: Option<String>,
    cloth_2: Option<i64>,
    cloth_type_2: Option<String>,
    model: Option<String>,
}

impl<'db> Loader<'db> {
    pub(super) fn new(db: &'db Connection) -> Result<Self> {
        let has_further_images =
            db.query_row("SELECT EXISTS (SELECT 1 FROM images WHERE image > 0)", [], |row| row.get(0))?;
        Ok(Self {
            db,
            now: Timestamp::now(),
            manifests: Vec::new(),
            tally: Enqueued::default(),
            inputs: HashMap::new(),
            seen: Vec::new(),
            contradicted: HashSet::new(),
            has_further_images,
        })
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

    /// Adds one row. Returns the rows that cannot be taken because of it: itself, and an earlier row of this load
    /// that it contradicts.
    ///
    /// # Errors
    /// Those of the queue; the load cannot go on after one.
    pub fn add(&mut self, spec: &JobSpec, line: u64) -> Result<Vec<(String, RejectedRow)>> {
        let key = spec.id.key();
        let inputs = self.inputs_of(spec)?;
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
        let added = self
            .db
            .prepare_cached(
                "INSERT INTO jobs (id, id_key, human, cloth, cloth_type, cloth_2, cloth_type_2, model, priority, state,
                                   attempt)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, 'pending', 0) ON CONFLICT (id_key) DO NOTHING",
            )?
            .execute(params![
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
            self.tally.added += 1;
            self.saw(self.db.last_insert_rowid(), line);
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
        let seen = self.seen_at(standing.seq);
        let same_id = standing.id == spec.id.as_str();
        if same_id && standing.inputs == *inputs {
            if seen.is_some() {
                self.tally.repeated += 1;
            } else {
                self.saw(standing.seq, line);
                let moves = standing.priority != spec.priority && standing.state == StateName::Pending;
                if moves {
                    self.write_inputs(standing.seq, inputs, spec.priority)?;
                    self.tally.updated += 1;
                } else {
                    self.tally.unchanged += 1;
                }
            }
            return Ok(Vec::new());
        }
        let other = match seen {
            Some(place) if place.manifest as usize + 1 == self.manifests.len() => format!("line {}", place.line),
            Some(place) => format!("line {} of {}", place.line, self.manifests[place.manifest as usize]),
            None => "the queue".to_owned(),
        };
        let reason = if same_id {
            format!("`{}` stands in {other} with other inputs", spec.id)
        } else {
            format!(
                "`{}` and `{}` in {other} would write the same file where case does not count; give one another id",
                spec.id, standing.id
            )
        };
        if let Some(place) = seen {
            // Two rows of one load contradict each other, and nobody knows which is meant: neither is taken.
            let mut rows = vec![self.reject_standing(standing, place, line)?];
            rows.push(self.reject_row(spec, line, "id", reason)?);
            self.contradicted.insert(key);
            return Ok(rows);
        }
        if !same_id {
            return self.reject_row(spec, line, "id", reason).map(|row| vec![row]);
        }
        if self.may_exist_at_provider(standing.seq)? {
            let reason = format!(
                "{reason}, and was already submitted with those; give the row a new id (state: {})",
                standing.state.word()
            );
            return self.reject_row(spec, line, "id", reason).map(|row| vec![row]);
        }
        self.write_inputs(standing.seq, inputs, spec.priority)?;
        if standing.state == StateName::Failed {
            apply(self.db, JobSeq(standing.seq), None, &Transition::Retry, &Note::default(), self.now)?;
        }
        self.saw(standing.seq, line);
        self.tally.updated += 1;
        Ok(Vec::new())
    }

    /// Records a row that is not taken, so that the report can show it.
    ///
    /// # Errors
    /// Those of the queue.
    pub fn reject(&mut self, row: &RejectedRow) -> Result<()> {
        let manifest = self.manifests.last().map_or("-", String::as_str).to_owned();
        self.write_rejected(&manifest, row)?;
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
        Ok((self.manifests.last().cloned().unwrap_or_default(), row))
    }

    /// Takes back an earlier row of this load. A job that was submitted before this load stays what it is.
    fn reject_standing(&mut self, standing: &Standing, place: Place, by_line: u64) -> Result<(String, RejectedRow)> {
        let written = |input: i64| -> Result<String> {
            Ok(self.db.query_row("SELECT written FROM inputs WHERE input = ?1", [input], |row| row.get(0))?)
        };
        let manifest = self.manifests[place.manifest as usize].clone();
        let row = RejectedRow {
            line: u64::from(place.line),
            id: standing.id.clone(),
            human: written(standing.inputs.human)?,
            cloth: written(standing.inputs.cloth)?,
            column: "id".to_owned(),
            reason: format!("`{}` is contradicted by line {by_line}", standing.id),
        };
        if !self.may_exist_at_provider(standing.seq)? {
            self.db.prepare_cached("DELETE FROM jobs WHERE seq = ?1")?.execute([standing.seq])?;
        }
        self.write_rejected(&manifest, &row)?;
        self.tally.rejected += 1;
        self.tally.added = self.tally.added.saturating_sub(1);
        Ok((manifest, row))
    }

    fn write_rejected(&self, manifest: &str, row: &RejectedRow) -> Result<()> {
        self.db
            .prepare_cached(
                "INSERT INTO rejected_rows (manifest, line, after_seq, id, human, cloth, reason)
                 VALUES (?1, ?2, (SELECT coalesce(max(seq), 0) FROM jobs), ?3, ?4, ?5, ?6)
                 ON CONFLICT (manifest, line) DO UPDATE SET reason = excluded.reason",
            )?
            .execute(params![
                manifest,
                row.line,
                row.id,
                row.human,
                row.cloth,
                format!("{manifest}:{}: {}: {}", row.line, row.column, row.reason)
            ])?;
        Ok(())
    }

    fn inputs_of(&mut self, spec: &JobSpec) -> Result<Inputs> {
        Ok(Inputs {
            human: self.input(&spec.human)?,
            cloth: self.input(&spec.cloth)?,
            cloth_type: spec.cloth_type.map(|garment| garment.word().to_owned()),
            cloth_2: spec.second.as_ref().map(|second| self.input(&second.image)).transpose()?,
            cloth_type_2: spec.second.as_ref().map(|second| second.garment.word().to_owned()),
            model: spec.model.as_ref().map(|model| model.as_str().to_owned()),
        })
    }

    /// The number of a picture; new ones get one.
    fn input(&mut self, image: &ImageRef) -> Result<i64> {
        let source = image.source.stored();
        if let Some(input) = self.inputs.get(&source) {
            return Ok(*input);
        }
        let known: Option<i64> = self
            .db
            .prepare_cached("SELECT input FROM inputs WHERE source = ?1")?
            .query_row([&source], |row| row.get(0))
            .optional()?;
        let input = match known {
            Some(input) => input,
            None => {
                self.db
                    .prepare_cached("INSERT INTO inputs (source, written) VALUES (?1, ?2)")?
                    .execute([&source, &image.written])?;
                self.db.last_insert_rowid()
            }
        };
        if self.inputs.len() >= MOST_INPUTS_AT_HAND {
            self.inputs.clear();
        }
        self.inputs.insert(source, input);
        Ok(input)
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
                        priority = ?8
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

    fn saw(&mut self, seq: i64, line: u64) {
        let index = usize::try_from(seq).unwrap_or_default();
        if self.seen.len() <= index {
            self.seen.resize((index + 1).next_power_of_two(), None);
        }
        let manifest = u32::try_from(self.manifests.len().saturating_sub(1)).unwrap_or(u32::MAX);
        self.seen[index] = Some(Place { manifest, line: u32::try_from(line).unwrap_or(u32::MAX) });
    }

    fn seen_at(&self, seq: i64) -> Option<Place> {
        usize::try_from(seq).ok().and_then(|index| self.seen.get(index).copied().flatten())
    }
}
