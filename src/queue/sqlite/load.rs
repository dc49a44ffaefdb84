//! What rows of manifests become: they are compared with the queue and with each other, and staged.
//!
//! What a single row can do wrong is the manifest reader's business. Here is what rows can do wrong together:
//! the same id with other inputs, ids that a file system would confuse, an id whose work was already submitted.
//!
//! Nothing is written to the queue here, and nothing locked but other loads; [`super::keep_load`] does that, once the
//! last row is read.

use std::collections::HashMap;
use std::path::Path;

use crate::job::{Content, JobSpec, StateName, default_id};
use crate::queue::{Enqueued, LoadRow, ManifestNames, NotTaken, RejectedRow};

use super::compared::{Compared, Known, Standing};
use super::inputs::{Inputs, StagedInputs};
use super::lock::LoadLock;
use super::staging::{Fate, StagedRejection, StagedRow, Staging};
use super::{Result, open};

/// An open load. All of it is kept, or nothing.
pub(in crate::queue) struct Loader {
    pub(in crate::queue) staging: Staging,
    pub(super) queue: Compared,
    pub(super) has_jobs: bool,
    /// Whether any task has left further images, whose names new ids must not take.
    has_further_images: bool,
    /// Keeps other loads of this queue waiting; a load that is only looked at has none.
    pub(super) lock: Option<LoadLock>,
    /// The next row's place in the load.
    next: i64,
    manifests: Vec<Manifest>,
    /// The names under which the queue has rejected rows of these manifests.
    pub(in crate::queue) to_forget: Vec<String>,
    tally: Enqueued,
    pub(in crate::queue) column_names: ColumnNames,
    /// What pictures are that the rows name which are added next, by their stored source.
    pub(super) contents: HashMap<String, Content>,
    /// The jobs that have the ids of these rows, by the ids' keys.
    pub(super) looked_up: HashMap<String, Option<Standing>>,
}

/// The names of the manifest columns that rows of a load have. All rows of a manifest have the same.
#[derive(Default)]
pub(in crate::queue) struct ColumnNames(Vec<String>);

impl ColumnNames {
    /// Notes the columns of a row.
    fn add(&mut self, spec: &JobSpec) {
        for (name, _) in spec.extra.iter() {
            if !self.0.iter().any(|known| known == name) {
                self.0.push(name.to_owned());
            }
        }
    }

    pub(in crate::queue) fn all(&self) -> &[String] {
        &self.0
    }
}

/// A manifest of a load.
struct Manifest {
    /// As its user spells it.
    name: String,
    /// The same however it is spelt.
    identity: String,
}

impl std::fmt::Debug for Loader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Loader").field("tally", &self.tally).finish_non_exhaustive()
    }
}

impl Loader {
    /// A load for a queue that does not exist yet.
    pub(super) fn for_new_queue() -> Result<Self> {
        Self::new(Staging::in_temporary_folder()?, Compared::Nothing, None)
    }

    /// A load that is only looked at: what would it change in the queue at `path`? Nothing is created or changed there,
    /// and a queue of an earlier version is left as it is.
    pub(super) fn looking_at(path: &Path) -> Result<Self> {
        let queue = open::open_as_it_is(path)?.map_or(Compared::Nothing, Compared::Queue);
        Self::new(Staging::in_temporary_folder()?, queue, None)
    }

    /// A load beside the queue at `path`, which no other load changes meanwhile.
    pub(super) fn beside(path: &Path, lock: LoadLock) -> Result<Self> {
        Self::new(Staging::at(&staging_path(path))?, Compared::Queue(open::open_for_reading(path)?), Some(lock))
    }

    /// A load whose rows are compared with what a queue elsewhere says about them; see [`Self::know`].
    pub(in crate::queue) fn for_queue_elsewhere(known: Known) -> Result<Self> {
        Self::new(Staging::in_temporary_folder()?, Compared::Known(known), None)
    }

    /// What the queue elsewhere says about the rows that are added next.
    pub(in crate::queue) fn know(&mut self, known: Known) {
        self.queue = Compared::Known(known);
    }

    fn new(staging: Staging, queue: Compared, lock: Option<LoadLock>) -> Result<Self> {
        let (has_jobs, has_further_images) = (queue.has_jobs()?, queue.has_further_images()?);
        Ok(Self {
            staging,
            queue,
            has_jobs,
            has_further_images,
            lock,
            next: 1,
            manifests: Vec::new(),
            to_forget: Vec::new(),
            tally: Enqueued::default(),
            column_names: ColumnNames::default(),
            contents: HashMap::new(),
            looked_up: HashMap::new(),
        })
    }

    /// The manifests of which the queue has rejected rows, by name: those after `after`, at most `most`.
    pub(super) fn rejected_manifests(&self, after: &str, most: usize) -> Result<Vec<String>> {
        let Some(queue) = self.queue.sqlite() else { return Ok(Vec::new()) };
        let mut statement = queue.prepare_cached(NEXT_REJECTED_MANIFEST)?;
        let mut names: Vec<String> = Vec::new();
        while names.len() < most {
            let last = names.last().map_or(after, String::as_str);
            let next: Option<String> = statement.query_row([last], |row| row.get(0))?;
            let Some(next) = next else { break };
            names.push(next);
        }
        Ok(names)
    }

    /// The rows that follow are from this manifest.
    pub(in crate::queue) fn begin_manifest(&mut self, manifest: ManifestNames) -> Result<()> {
        self.staging.add_manifest(self.manifests.len(), &manifest.name, &manifest.identity)?;
        self.to_forget.extend(manifest.former);
        self.to_forget.extend([manifest.identity.clone(), manifest.name.clone()]);
        self.manifests.push(Manifest { name: manifest.name, identity: manifest.identity });
        Ok(())
    }

    /// Adds rows; see [`crate::queue::Load::add`].
    pub(in crate::queue) fn add_all(&mut self, rows: &[LoadRow]) -> Result<Vec<NotTaken>> {
        let mut not_taken = Vec::new();
        for (shown_by, row) in rows.iter().enumerate() {
            match row {
                LoadRow::Rejected(row) => self.reject(row)?,
                LoadRow::Job { spec, line } => {
                    let rejected = self.add(spec, *line)?;
                    not_taken.extend(rejected.into_iter().map(|(manifest, row)| NotTaken { shown_by, manifest, row }));
                }
            }
        }
        self.looked_up.clear();
        Ok(not_taken)
    }

    /// Adds one row. Returns the rows that cannot be taken because of it: itself, and an earlier row of this load
    /// that it contradicts.
    fn add(&mut self, spec: &JobSpec, line: u64) -> Result<Vec<(String, RejectedRow)>> {
        let id_key = spec.id.key();
        if self.has_further_images
            && let Some(owner) = self.queue.owner_of_further_image(&id_key)?
        {
            return self.reject_row(spec, line, name_of_further_image(spec.id.as_str(), &owner)).map(|row| vec![row]);
        }
        let StagedInputs { staged, known } = self.staging.pictures_of(&self.queue, spec)?;
        let standing = self.standing_of(&id_key)?;
        let fate = self.fate(spec, known.as_ref(), standing.as_ref())?;
        let (extra, is_taken) = (spec.extra.stored(), fate.is_taken());
        self.column_names.add(spec);
        let row = StagedRow {
            n: self.next,
            id: spec.id.as_str().to_owned(),
            id_key,
            inputs: staged,
            priority: spec.priority,
            fate,
            job: standing.as_ref().map(|standing| standing.seq),
            manifest: self.present_manifest(),
            line,
            relabels: is_taken && standing.as_ref().is_some_and(|standing| standing.extra != extra),
            extra,
        };
        if !self.staging.add(&row)? {
            return self.add_again(spec, &row, standing.as_ref());
        }
        match standing.filter(|_| fate == Fate::Rejected) {
            Some(standing) => self
                .reject_row(spec, line, against_queue(spec.id.as_str(), &standing.id, standing.state))
                .map(|row| vec![row]),
            None => {
                *self.counted_as(&row) += 1;
                self.next += 1;
                Ok(Vec::new())
            }
        }
    }

    /// The job of the queue that has a row's id.
    fn standing_of(&mut self, id_key: &str) -> Result<Option<Standing>> {
        match self.looked_up.remove(id_key) {
            Some(standing) => Ok(standing),
            None if self.has_jobs => self.queue.standing(id_key),
            None => Ok(None),
        }
    }

    /// What the first row with its id is, beside the job of the queue that has the same id.
    fn fate(&self, spec: &JobSpec, known: Option<&Inputs>, standing: Option<&Standing>) -> Result<Fate> {
        let Some(standing) = standing else { return Ok(Fate::Added) };
        let same_id = standing.id == spec.id.as_str();
        if same_id && known == Some(&standing.inputs) {
            return Ok(match standing.state {
                StateName::Pending if standing.priority != spec.priority => Fate::Moved,
                StateName::Pending => Fate::Waiting,
                _ => Fate::Unchanged,
            });
        }
        if !same_id {
            return Ok(Fate::Rejected);
        }
        if !self.queue.may_exist_at_provider(standing.seq)? {
            return Ok(Fate::Changed);
        }
        Ok(if self.is_same_content(spec, standing)? { Fate::Relocated } else { Fate::Rejected })
    }

    /// A later row with an id: does it say the same again, or something else?
    fn add_again(
        &mut self,
        spec: &JobSpec,
        row: &StagedRow,
        standing: Option<&Standing>,
    ) -> Result<Vec<(String, RejectedRow)>> {
        let first = self.staging.row_of(&row.id_key)?;
        match (first.fate, standing) {
            (Fate::Contradicted, _) => {
                let reason = format!("`{}` is used by rows that contradict each other", row.id);
                self.reject_row(spec, row.line, reason).map(|row| vec![row])
            }
            (Fate::Rejected, Some(standing)) if row.fate == Fate::Rejected => self
                .reject_row(spec, row.line, against_queue(&row.id, &standing.id, standing.state))
                .map(|row| vec![row]),
            (fate, _) if fate.is_taken() && first.id == row.id && first.inputs == row.inputs => {
                self.tally.repeated += 1;
                Ok(Vec::new())
            }
            _ => self.contradict(spec, row, &first),
        }
    }

    /// Two rows of one load contradict each other, and nobody knows which is meant: neither is taken.
    fn contradict(&mut self, spec: &JobSpec, row: &StagedRow, first: &StagedRow) -> Result<Vec<(String, RejectedRow)>> {
        let other = self.line_of(first);
        let reason = if first.fate == Fate::Rejected {
            format!("`{}` is contradicted by {other}", row.id)
        } else if first.id == row.id {
            let origin = origin(spec.has_default_id());
            format!("`{}` stands in {other} with other inputs{origin}", row.id)
        } else {
            same_file(&row.id, &first.id, &other)
        };
        let mut rows = Vec::new();
        if first.fate != Fate::Rejected {
            rows.push(self.reject_first(first, row)?);
        }
        self.staging.contradict(first.n)?;
        rows.push(self.reject_row(spec, row.line, reason)?);
        Ok(rows)
    }

    /// A row of this load as its reader would look for it: `line 7`, of the present manifest or of an earlier one.
    fn line_of(&self, row: &StagedRow) -> String {
        if row.manifest == self.present_manifest() {
            format!("line {}", row.line)
        } else {
            format!("line {} of {}", row.line, self.manifest(row.manifest).0)
        }
    }

    /// Records a row that is not taken, so that the report can show it.
    fn reject(&mut self, row: &RejectedRow) -> Result<()> {
        let n = self.next;
        self.next += 1;
        self.stage_rejection(n, self.present_manifest(), row)
    }

    fn stage_rejection(&mut self, n: i64, manifest: u32, row: &RejectedRow) -> Result<()> {
        let (name, identity) = self.manifest(manifest);
        self.staging.reject(&StagedRejection {
            n,
            manifest: identity.to_owned(),
            line: row.line,
            id: row.id.clone(),
            human: row.human.clone(),
            cloth: row.cloth.clone(),
            reason: format!("{name}:{}: {}: {}", row.line, row.column, row.reason),
        })?;
        self.tally.rejected += 1;
        Ok(())
    }

    /// What has become of the rows so far.
    pub(in crate::queue) fn tally(&self) -> Enqueued {
        self.tally
    }

    fn reject_row(&mut self, spec: &JobSpec, line: u64, reason: String) -> Result<(String, RejectedRow)> {
        let row = RejectedRow {
            line,
            id: spec.id.to_string(),
            human: spec.human.written.clone(),
            cloth: spec.cloth.written.clone(),
            column: "id".to_owned(),
            reason,
        };
        self.reject(&row)?;
        Ok((self.manifest(self.present_manifest()).0.to_owned(), row))
    }

    /// Takes back what the first row with an id was counted as, and rejects it at its place.
    fn reject_first(&mut self, first: &StagedRow, by: &StagedRow) -> Result<(String, RejectedRow)> {
        let by_line = if first.manifest == by.manifest {
            format!("line {}", by.line)
        } else {
            format!("line {} of {}", by.line, self.manifest(by.manifest).0)
        };
        let human = self.staging.picture(first.inputs.human)?.1;
        let cloth = self.staging.picture(first.inputs.cloth)?.1;
        let origin = origin(default_id(&human, &cloth).as_deref() == Some(&first.id));
        let row = RejectedRow {
            line: first.line,
            id: first.id.clone(),
            human,
            cloth,
            column: "id".to_owned(),
            reason: format!("`{}` is contradicted by {by_line}{origin}", first.id),
        };
        self.stage_rejection(first.n, first.manifest, &row)?;
        *self.counted_as(first) -= 1;
        Ok((self.manifest(first.manifest).0.to_owned(), row))
    }

    fn counted_as(&mut self, row: &StagedRow) -> &mut u64 {
        match row.fate {
            Fate::Added => &mut self.tally.added,
            Fate::Unchanged | Fate::Waiting if row.relabels => &mut self.tally.updated,
            Fate::Unchanged | Fate::Waiting => &mut self.tally.unchanged,
            Fate::Changed | Fate::Moved | Fate::Relocated => &mut self.tally.updated,
            Fate::Rejected | Fate::Contradicted => &mut self.tally.rejected,
        }
    }

    fn present_manifest(&self) -> u32 {
        u32::try_from(self.manifests.len().saturating_sub(1)).unwrap_or(u32::MAX)
    }

    /// The name and the identity of a manifest of this load; those of standard input before the first.
    fn manifest(&self, number: u32) -> (&str, &str) {
        self.manifests.get(number as usize).map_or(("-", "-"), |manifest| (&manifest.name, &manifest.identity))
    }
}

/// The next manifest after `?1` that has rejected rows; a look into the primary key.
pub(super) const NEXT_REJECTED_MANIFEST: &str = "SELECT min(manifest) FROM rejected_rows WHERE manifest > ?1";

/// Where the rows of a load lie that is being kept.
pub(super) fn staging_path(queue: &Path) -> std::path::PathBuf {
    super::lock::beside(queue, "-load")
}

pub(in crate::queue) fn name_of_further_image(id: &str, owner: &str) -> String {
    format!("`{id}` is the name of a further image of job `{owner}`; give the row another id")
}

/// Why a row cannot be the job that is in the queue.
pub(in crate::queue) fn against_queue(id: &str, theirs: &str, state: StateName) -> String {
    if theirs == id {
        format!(
            "`{id}` stands in the queue with other inputs, and was already submitted with those; give the row a new id \
             (state: {})",
            state.word()
        )
    } else {
        same_file(id, theirs, "the queue")
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

fn same_file(id: &str, other: &str, place: &str) -> String {
    format!("`{id}` and `{other}` in {place} would write the same file where case does not count; give one another id")
}
