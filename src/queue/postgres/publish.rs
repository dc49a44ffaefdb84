//! Recording that a job's images are stored under their final names.

use jiff::Timestamp;

use crate::job::state::{IllegalTransition, JobState, Transition};
use crate::job::{JobSeq, StateName};
use crate::queue::columns::path_key;
use crate::queue::{Note, PublishedImage, QueueError};

use super::Db;
use super::db::args;
use super::error::Result;
use super::looks;
use super::reviews::judge_as_before;
use super::tally::Changes;
use super::transition::{By, apply, present_state};

pub(super) async fn publish(
    db: Db<'_>,
    seq: JobSeq,
    by: By,
    images: &[PublishedImage],
    now: Timestamp,
) -> Result<JobState> {
    let state = apply(db, seq, by, &Transition::Publish, &Note::default(), now).await?;
    if !images.iter().any(|image| image.image == 0) {
        let id = present_state(db, seq).await?.id;
        let source = IllegalTransition { from: StateName::Downloading, verb: "published without an image" };
        return Err(QueueError::Illegal { id, source });
    }
    let replaced = looks::fingerprints(db, seq).await?;
    let published = images.iter().filter_map(|image| image.fingerprint);
    looks::lock_pictures(db, published.chain(replaced.iter().copied())).await?;
    db.run("DELETE FROM tryon.images WHERE job = $1", args![seq.0]).await?;
    for image in images {
        write_image(db, seq, image).await?;
    }
    let mut changes = Changes::default();
    changes.count("flagged", looks::flag_published(db, seq, images, &replaced).await?);
    for result in images.iter().filter(|image| image.image == 0) {
        judge_as_before(db, seq, &result.sha256, &mut changes).await?;
    }
    changes.write(db).await?;
    Ok(state)
}

async fn write_image(db: Db<'_>, seq: JobSeq, image: &PublishedImage) -> Result<()> {
    let bytes = i64::try_from(image.bytes).unwrap_or(i64::MAX);
    db.run(
        "INSERT INTO tryon.images (job, image, path, path_key, width, height, bytes, sha256, flags, fingerprint)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        args![
            seq.0,
            i64::from(image.image),
            image.path,
            path_key(&image.path),
            i64::from(image.width),
            i64::from(image.height),
            bytes,
            image.sha256,
            i64::from(image.flags.bits()),
            image.fingerprint,
        ],
    )
    .await?;
    Ok(())
}
