//! What was noticed about results: their flags, and which of them are the same picture.

use std::sync::LazyLock;

use jiff::Timestamp;

use crate::job::{Flag, Flags, JobId, JobSeq, Transition};
use crate::queue::columns::read_flags;
use crate::queue::sqlite::Asking;
use crate::queue::{PublishedImage, QueueError};

use super::Db;
use super::db::args;
use super::error::Result;
use super::pages::POSTGRES;
use super::rows::whole;
use super::transition::one_row;
use super::transition_all::apply_to_all;

/// At most this many jobs with one picture are looked at. Where it came more often, any of them decide the flag.
const MOST_DUPLICATES: i64 = 16;

/// This many flagged jobs are put back at a time.
const PAGE: i64 = 1_000;

/// Jobs of other pairs than job `$1` with an image of fingerprint `$2`, at most `$3`.
static TWINS_BY_PICTURE: LazyLock<String> = LazyLock::new(|| {
    let pictures =
        |human, cloth, cloth_2| Asking { human, cloth, cloth_2, cloth_type: "", cloth_type_2: "", model: "", keep: "" };
    let other = pictures("j.human", "j.cloth", "j.cloth_2");
    let same = other.has_pictures_of(&pictures("own.human", "own.cloth", "own.cloth_2"), POSTGRES);
    format!(
        "SELECT DISTINCT i.job, j.id
           FROM tryon.images i
           JOIN tryon.jobs j ON j.seq = i.job
           JOIN tryon.jobs own ON own.seq = $1
          WHERE i.fingerprint = $2 AND i.job <> $1 AND NOT ({same})
          LIMIT $3"
    )
});

/// The fingerprints of a job's images.
pub(super) async fn fingerprints(db: Db<'_>, seq: JobSeq) -> Result<Vec<i64>> {
    let query = "SELECT fingerprint FROM tryon.images WHERE job = $1 AND fingerprint IS NOT NULL";
    let rows = db.rows(query, args![seq.0]).await?;
    rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
}

/// Keeps others from publishing the same pictures until this transaction ends: neither would see the other.
pub(super) async fn lock_pictures(db: Db<'_>, fingerprints: impl IntoIterator<Item = i64>) -> Result<()> {
    let mut fingerprints: Vec<i64> = fingerprints.into_iter().collect();
    // In one order, so that no two transactions wait for each other.
    fingerprints.sort_unstable();
    fingerprints.dedup();
    for fingerprint in fingerprints {
        db.lock(&format!("tryon: picture {fingerprint}")).await?;
    }
    Ok(())
}

/// Flags a job by the images that were just published for it, which replace those of fingerprints `replaced`. Others that
/// are the same picture are flagged too; those that shared only a replaced one are not flagged any more. Returns by how
/// many there are more flagged jobs now.
pub(super) async fn flag_published(
    db: Db<'_>,
    seq: JobSeq,
    images: &[PublishedImage],
    replaced: &[i64],
) -> Result<i64> {
    let mut flags = images.iter().fold(Flags::NONE, |all, image| all.or(image.flags));
    let mut more = 0;
    for fingerprint in images.iter().filter_map(|image| image.fingerprint) {
        for (twin, _) in twins_by_picture(db, seq, fingerprint).await? {
            flags = flags.with(Flag::Twin);
            more += set_twin(db, twin, true).await?;
        }
    }
    for fingerprint in replaced {
        for (former, _) in twins_by_picture(db, seq, *fingerprint).await? {
            let is_twin = !twins(db, former).await?.is_empty();
            more += set_twin(db, former, is_twin).await?;
        }
    }
    let statement = "UPDATE tryon.jobs SET flags = $2 WHERE seq = $1 AND state = 'succeeded'";
    let changed = db.run(statement, args![seq.0, i64::from(flags.bits())]).await?;
    one_row(changed, || QueueError::Stale { seq: seq.0, attempt: 0 })?;
    Ok(more + i64::from(!flags.is_empty()))
}

/// Jobs of other pairs with the same picture as one of a job's images.
async fn twins(db: Db<'_>, seq: JobSeq) -> Result<Vec<(JobSeq, JobId)>> {
    let mut twins = Vec::new();
    for fingerprint in fingerprints(db, seq).await? {
        twins.extend(twins_by_picture(db, seq, fingerprint).await?);
    }
    Ok(twins)
}

/// The ids of the jobs of other pairs whose results are the same picture.
pub(super) async fn twins_of(db: Db<'_>, seq: JobSeq) -> Result<Vec<JobId>> {
    Ok(twins(db, seq).await?.into_iter().map(|(_, id)| id).collect())
}

async fn twins_by_picture(db: Db<'_>, seq: JobSeq, fingerprint: i64) -> Result<Vec<(JobSeq, JobId)>> {
    let rows = db.rows(&TWINS_BY_PICTURE, args![seq.0, fingerprint, MOST_DUPLICATES]).await?;
    rows.iter().map(|row| Ok((JobSeq(row.try_get(0)?), JobId::trusted(row.try_get(1)?)))).collect()
}

/// Flags a job whose result is the same picture as another pair's, or takes that back. One that is being made again has no flags: its image is about to go. Returns by
/// how many there are more flagged jobs now.
async fn set_twin(db: Db<'_>, seq: JobSeq, is_twin: bool) -> Result<i64> {
    let bit = i64::from(Flags::NONE.with(Flag::Twin).bits());
    let locked = "SELECT flags FROM tryon.jobs WHERE seq = $1 AND state = 'succeeded' FOR NO KEY UPDATE";
    let Some(row) = db.row(locked, args![seq.0]).await? else { return Ok(0) };
    let before: i64 = row.try_get(0)?;
    let after = if is_twin { before | bit } else { before & !bit };
    db.run("UPDATE tryon.jobs SET flags = $2 WHERE seq = $1", args![seq.0, after]).await?;
    Ok(i64::from(after != 0) - i64::from(before != 0))
}

/// Puts every flagged job back, to be submitted and paid for once more. Those that were moved are flagged no more, so each
/// page is the first one.
pub(super) async fn make_flagged_anew(db: Db<'_>, now: Timestamp) -> Result<u64> {
    let mut moved = 0;
    loop {
        let query = "SELECT seq FROM tryon.jobs WHERE flags <> 0 ORDER BY seq LIMIT $1 FOR NO KEY UPDATE";
        let rows = db.rows(query, args![PAGE]).await?;
        if rows.is_empty() {
            return Ok(moved);
        }
        let seqs: Vec<i64> = rows.iter().map(|row| row.try_get(0)).collect::<std::result::Result<_, _>>()?;
        apply_to_all(db, &seqs, &Transition::MakeAnew, now).await?;
        moved += seqs.len() as u64;
    }
}

/// How many jobs have each flag, in the flags' order; flags that none has are left out.
pub(super) async fn flag_counts(db: Db<'_>) -> Result<Vec<(Flag, u64)>> {
    let rows = db.rows("SELECT flags, count(*) FROM tryon.jobs WHERE flags <> 0 GROUP BY flags", args![]).await?;
    let mut counts = Flag::ALL.map(|flag| (flag, 0));
    for row in rows {
        let (flags, jobs) = (read_flags(whole(&row, 0)?)?, whole::<u64>(&row, 1)?);
        counts.iter_mut().filter(|(flag, _)| flags.has(*flag)).for_each(|(_, count)| *count += jobs);
    }
    Ok(counts.into_iter().filter(|(_, count)| *count > 0).collect())
}
