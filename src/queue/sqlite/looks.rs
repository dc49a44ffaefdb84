//! What was noticed about results: their flags, and which of them are the same picture.

use jiff::Timestamp;
use rusqlite::{Connection, params, params_from_iter};

use crate::job::{Flag, Flags, JobId, JobSeq, Likeness, Transition};
use crate::queue::{Note, PublishedImage};

use super::verbs::{apply, one_row};
use super::writer::Keep;
use super::{Queue, QueueError, QueueReader, Result};

/// At most so many pictures are compared with one. More lie so close together only where one picture came a great many
/// times, and then any of them will do.
const MOST_COMPARED: usize = 256;

/// Pictures that may be the same as one of job `?1`: at one of the places `?2` to `?9`, and of another pair.
pub(super) const COMPARED: &str = "SELECT l.job, l.cells
       FROM looks l
       JOIN jobs j ON j.seq = l.job
       JOIN jobs own ON own.seq = ?1
      WHERE l.place IN (?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) AND l.job <> ?1
        AND NOT (j.human = own.human AND j.cloth = own.cloth AND j.cloth_2 IS own.cloth_2)
      LIMIT ?10";

/// How often each combination of flags occurs.
pub(super) const COUNTED: &str =
    "SELECT flags, count(*) FROM jobs INDEXED BY jobs_flagged WHERE flags <> 0 GROUP BY flags";

/// A page of the jobs that are flagged.
pub(super) const FLAGGED_PAGE: &str = "SELECT seq FROM jobs WHERE flags <> 0 AND seq > ?1 ORDER BY seq LIMIT 1000";

/// The flags that a column holds.
pub(super) fn read_flags(bits: Option<u8>) -> Result<Flags> {
    let bits = bits.unwrap_or_default();
    Flags::from_bits(bits).ok_or_else(|| QueueError::Damaged(format!("{bits} are no flags")))
}

/// Flags a job by the images that were just published for it, in place of those that it had. Others that are the same
/// picture are flagged too; those that were the same as what it had, and as nothing else, are not flagged any more.
pub(super) fn flag_published(db: &Connection, seq: JobSeq, images: &[PublishedImage]) -> Result<()> {
    let replaced = looks_of(db, seq)?;
    if !replaced.is_empty() {
        db.prepare_cached("DELETE FROM looks WHERE job = ?1")?.execute([seq.0])?;
    }
    let mut flags = images.iter().fold(Flags::NONE, |all, image| all.or(image.flags));
    for image in images {
        let Some(likeness) = &image.likeness else { continue };
        let twins = same_pictures(db, seq, &likeness.places(), likeness.cells())?;
        flags = flags.with_if(!twins.is_empty(), Flag::Twin);
        for twin in twins {
            set_twin(db, twin, true)?;
        }
        db.prepare_cached("INSERT INTO looks (job, image, place, cells) VALUES (?1, ?2, ?3, ?4)")?.execute(params![
            seq.0,
            image.image,
            likeness.place(),
            likeness.cells()
        ])?;
    }
    for look in replaced {
        for twin in same_pictures(db, seq, &look.places(), look.cells())? {
            set_twin(db, twin, has_twin(db, twin)?)?;
        }
    }
    let changed = db
        .prepare_cached("UPDATE jobs SET flags = ?2 WHERE seq = ?1 AND state = 'succeeded'")?
        .execute(params![seq.0, flags.bits()])?;
    one_row(changed, || QueueError::Stale { seq: seq.0, attempt: 0 })
}

/// What a job's images look like.
fn looks_of(db: &Connection, seq: JobSeq) -> Result<Vec<Likeness>> {
    let mut statement = db.prepare_cached("SELECT cells FROM looks WHERE job = ?1 ORDER BY image")?;
    let mut rows = statement.query([seq.0])?;
    let mut looks = Vec::new();
    while let Some(row) = rows.next()? {
        let likeness = Likeness::from_cells(row.get(0)?);
        looks.push(likeness.ok_or_else(|| QueueError::Damaged(format!("job {} has a look that is none", seq.0)))?);
    }
    Ok(looks)
}

/// The jobs of other pairs with the same picture.
fn same_pictures(db: &Connection, seq: JobSeq, places: &[i64; 8], cells: &[u8]) -> Result<Vec<JobSeq>> {
    let numbers = std::iter::once(seq.0).chain(*places).chain([MOST_COMPARED as i64]);
    let mut statement = db.prepare_cached(COMPARED)?;
    let mut rows = statement.query(params_from_iter(numbers))?;
    let mut twins = Vec::new();
    while let Some(row) = rows.next()? {
        let other = row.get_ref(1)?.as_blob().map_err(rusqlite::Error::from)?;
        if Likeness::are_same(cells, other) {
            twins.push(JobSeq(row.get(0)?));
        }
    }
    Ok(twins)
}

fn has_twin(db: &Connection, seq: JobSeq) -> Result<bool> {
    for look in looks_of(db, seq)? {
        if !same_pictures(db, seq, &look.places(), look.cells())?.is_empty() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Flags a job as a twin, or takes that back. One that is being made again has no flags: its image is about to go.
fn set_twin(db: &Connection, seq: JobSeq, is_twin: bool) -> Result<()> {
    let bit = Flags::NONE.with(Flag::Twin).bits();
    db.prepare_cached(
        "UPDATE jobs SET flags = CASE WHEN ?3 THEN flags | ?2 ELSE flags & ~?2 END WHERE seq = ?1 AND state = 'succeeded'",
    )?
    .execute(params![seq.0, bit, is_twin])?;
    Ok(())
}

impl Queue {
    /// Puts every flagged job back by hand, to be submitted and paid for once more. Returns how many.
    ///
    /// # Errors
    /// Those of the queue; then none was changed.
    pub async fn make_flagged_anew(&self, now: Timestamp) -> Result<u64> {
        self.writer.write_alone(move |db| make_flagged_anew(db, now)).await
    }
}

/// Page by page, so that memory stays flat.
fn make_flagged_anew(db: &Connection, now: Timestamp) -> Result<(u64, Keep)> {
    let mut moved = 0;
    loop {
        // Those that were moved are flagged no more, so each page is the first one.
        let mut statement = db.prepare_cached(FLAGGED_PAGE)?;
        let seqs: Vec<i64> = statement.query_map([0], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
        if seqs.is_empty() {
            return Ok((moved, Keep::Yes));
        }
        for seq in &seqs {
            apply(db, JobSeq(*seq), None, &Transition::MakeAnew, &Note::default(), now)?;
        }
        moved += seqs.len() as u64;
    }
}

impl QueueReader {
    /// How many jobs have each flag, in the flags' order; flags that none has are left out. Takes as long as there are
    /// flagged jobs.
    ///
    /// # Errors
    /// Those of the queue.
    pub fn flag_counts(&self) -> Result<Vec<(Flag, u64)>> {
        let mut statement = self.db.prepare_cached(COUNTED)?;
        let mut rows = statement.query([])?;
        let mut counts = Flag::ALL.map(|flag| (flag, 0));
        while let Some(row) = rows.next()? {
            let (flags, jobs) = (read_flags(row.get(0)?)?, row.get::<_, u64>(1)?);
            counts.iter_mut().filter(|(flag, _)| flags.has(*flag)).for_each(|(_, count)| *count += jobs);
        }
        Ok(counts.into_iter().filter(|(_, count)| *count > 0).collect())
    }

    /// The jobs of other pairs whose results are the same picture as this job's, a few of them.
    ///
    /// # Errors
    /// Those of the queue.
    pub fn twins_of(&self, seq: JobSeq, most: usize) -> Result<Vec<JobId>> {
        let mut ids = Vec::new();
        for look in looks_of(&self.db, seq)? {
            for twin in same_pictures(&self.db, seq, &look.places(), look.cells())? {
                let id = self
                    .db
                    .prepare_cached("SELECT id FROM jobs WHERE seq = ?1")?
                    .query_row([twin.0], |row| row.get(0))?;
                let id = JobId::trusted(id);
                if ids.len() < most && !ids.contains(&id) {
                    ids.push(id);
                }
            }
        }
        Ok(ids)
    }
}
