//! What was noticed about results: their flags, and which of them are the same picture.

use std::sync::LazyLock;

use jiff::Timestamp;
use rusqlite::{Connection, params};

use crate::job::{Flag, Flags, JobId, JobSeq, Transition};
use crate::queue::{Note, PublishedImage};

use super::rows::read_flags;
use super::same_request::Asking;
use super::selected::SQLITE;
use super::transition::{By, apply, one_row};
use super::writer::Keep;
use super::{QueueError, QueueReader, Result, SqliteQueue};

/// At most this many jobs with one picture are looked at. Where it came more often, any of them decide the flag.
const MOST_DUPLICATES: usize = 16;

/// Jobs of other pairs than job `?1` with an image of fingerprint `?2`, at most `?3`.
pub(super) static TWINS_BY_PICTURE: LazyLock<String> = LazyLock::new(|| {
    let pictures =
        |human, cloth, cloth_2| Asking { human, cloth, cloth_2, cloth_type: "", cloth_type_2: "", model: "", keep: "" };
    let other = pictures("j.human", "j.cloth", "j.cloth_2");
    let same = other.has_pictures_of(&pictures("own.human", "own.cloth", "own.cloth_2"), SQLITE);
    format!(
        "SELECT DISTINCT i.job
           FROM images i
           JOIN jobs j ON j.seq = i.job
           JOIN jobs own ON own.seq = ?1
          WHERE i.fingerprint = ?2 AND i.job <> ?1 AND NOT ({same})
          LIMIT ?3"
    )
});

/// How often each combination of flags occurs.
pub(super) const COUNTED: &str =
    "SELECT flags, count(*) FROM jobs INDEXED BY jobs_flagged WHERE flags <> 0 GROUP BY flags";

/// The first of the jobs that are flagged.
pub(super) const FLAGGED_PAGE: &str = "SELECT seq FROM jobs WHERE flags <> 0 ORDER BY seq LIMIT 1000";

/// The fingerprints of a job's images.
pub(super) fn fingerprints(db: &Connection, seq: JobSeq) -> Result<Vec<i64>> {
    let query = "SELECT fingerprint FROM images WHERE job = ?1 AND fingerprint IS NOT NULL";
    let mut statement = db.prepare_cached(query)?;
    let found = statement.query_map([seq.0], |row| row.get(0))?;
    Ok(found.collect::<rusqlite::Result<_>>()?)
}

/// Flags a job by the images that were just published for it, which replace those of fingerprints `replaced`. Others that
/// are the same picture are flagged too; those that shared only a replaced one are not flagged any more.
pub(super) fn flag_published(db: &Connection, seq: JobSeq, images: &[PublishedImage], replaced: &[i64]) -> Result<()> {
    let mut flags = images.iter().fold(Flags::NONE, |all, image| all.or(image.flags));
    for fingerprint in images.iter().filter_map(|image| image.fingerprint) {
        for twin in twins_by_picture(db, seq, fingerprint)? {
            flags = flags.with(Flag::Twin);
            set_twin(db, twin, true)?;
        }
    }
    for fingerprint in replaced {
        for former in twins_by_picture(db, seq, *fingerprint)? {
            set_twin(db, former, !twins(db, former)?.is_empty())?;
        }
    }
    let changed = db
        .prepare_cached("UPDATE jobs SET flags = ?2 WHERE seq = ?1 AND state = 'succeeded'")?
        .execute(params![seq.0, flags.bits()])?;
    one_row(changed, || QueueError::Stale { seq: seq.0, attempt: 0 })
}

/// Jobs of other pairs with the same picture as one of a job's images.
fn twins(db: &Connection, seq: JobSeq) -> Result<Vec<JobSeq>> {
    let mut twins = Vec::new();
    for fingerprint in fingerprints(db, seq)? {
        twins.extend(twins_by_picture(db, seq, fingerprint)?);
    }
    Ok(twins)
}

fn twins_by_picture(db: &Connection, seq: JobSeq, fingerprint: i64) -> Result<Vec<JobSeq>> {
    let mut statement = db.prepare_cached(&TWINS_BY_PICTURE)?;
    let twins = statement.query_map(params![seq.0, fingerprint, MOST_DUPLICATES], |row| row.get(0).map(JobSeq))?;
    Ok(twins.collect::<rusqlite::Result<_>>()?)
}

/// Flags a job whose result is the same picture as another pair's, or takes that back. One that is being made again has no flags: its image is about to go.
fn set_twin(db: &Connection, seq: JobSeq, is_twin: bool) -> Result<()> {
    let bit = Flags::NONE.with(Flag::Twin).bits();
    db.prepare_cached(
        "UPDATE jobs SET flags = CASE WHEN ?3 THEN flags | ?2 ELSE flags & ~?2 END
          WHERE seq = ?1 AND state = 'succeeded'",
    )?
    .execute(params![seq.0, bit, is_twin])?;
    Ok(())
}

impl SqliteQueue {
    /// Puts every flagged job back by hand, to be submitted and paid for once more. Returns how many.
    pub(super) async fn make_flagged_anew(&self, now: Timestamp) -> Result<u64> {
        self.writer.write_alone(move |db| make_all_anew(db, FLAGGED_PAGE, now)).await
    }
}

/// Puts back all jobs of which a query selects a page. Page by page, so that memory stays flat; those that were moved are selected no
/// more, so each page is the first one.
pub(super) fn make_all_anew(db: &Connection, page: &str, now: Timestamp) -> Result<(u64, Keep)> {
    let mut moved = 0;
    loop {
        let mut statement = db.prepare_cached(page)?;
        let seqs: Vec<i64> = statement.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
        if seqs.is_empty() {
            return Ok((moved, Keep::Yes));
        }
        for seq in &seqs {
            apply(db, JobSeq(*seq), By::Person, &Transition::MakeAnew, &Note::default(), now)?;
        }
        moved += seqs.len() as u64;
    }
}

impl QueueReader {
    /// How many jobs have each flag, in the flags' order; flags that none has are left out. Takes as long as there are
    /// flagged jobs.
    pub(super) fn flag_counts(&self) -> Result<Vec<(Flag, u64)>> {
        let mut statement = self.db.prepare_cached(COUNTED)?;
        let mut rows = statement.query([])?;
        let mut counts = Flag::ALL.map(|flag| (flag, 0));
        while let Some(row) = rows.next()? {
            let (flags, jobs) = (read_flags(row.get(0)?)?, row.get::<_, u64>(1)?);
            counts.iter_mut().filter(|(flag, _)| flags.has(*flag)).for_each(|(_, count)| *count += jobs);
        }
        Ok(counts.into_iter().filter(|(_, count)| *count > 0).collect())
    }

    /// Jobs of other pairs whose results are the same picture as this job's; a few, where there are many.
    pub(super) fn twins_of(&self, seq: JobSeq) -> Result<Vec<JobId>> {
        let mut statement = self.db.prepare_cached("SELECT id FROM jobs WHERE seq = ?1")?;
        let mut ids = Vec::new();
        for twin in twins(&self.db, seq)? {
            ids.push(JobId::trusted(statement.query_row([twin.0], |row| row.get(0))?));
        }
        Ok(ids)
    }
}
