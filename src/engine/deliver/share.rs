//! A job that shares its duplicate's task (`--dedupe`) copies the duplicate's image, as long as that is in the output folder as
//! it was published. Otherwise the image is fetched as any other.

use std::io::{Read, Write};

use sha2::{Digest, Sha256};

use crate::ambient;
use crate::job::TaskId;
use crate::queue::{ActiveJob, PublishedImage, Queue};
use crate::store::{Landed, LocalCopy, OutputError, OutputTree, Staged};

use crate::engine::deliver::landing::{hexadecimal, name_of};
use crate::engine::error::RunError;

/// Copies the images of the job whose task this one shares. `None` where there is nothing to copy from.
pub(crate) async fn copy(
    queue: &dyn Queue,
    tree: &OutputTree,
    job: &ActiveJob,
    task_id: &TaskId,
) -> Result<Option<Vec<PublishedImage>>, RunError> {
    let Some(duplicate) = job.shares else { return Ok(None) };
    let images = queue.images_of(duplicate, task_id).await?;
    let mut copies = Vec::new();
    for image in images {
        let Ok(staged) = tree.stage(&job.spec.id, job.seq, image.image) else { return Ok(None) };
        let name = name_of(queue, job, image.image).await?;
        let Some(original) = tree.local_copy(&image.path).await else { return Ok(None) };
        let tree = tree.clone();
        let copied = ambient::blocking(move || copy_one(&tree, image, &original, staged, &name));
        let Some((copy, landed)) = copied.await.map_err(|error| RunError::Bug(error.to_string()))?? else {
            return Ok(None);
        };
        if landed.arrive().await.is_err() {
            return Ok(None);
        }
        copies.push(copy);
    }
    Ok((!copies.is_empty()).then_some(copies))
}

/// Copies one image under another name; `None` where it is not what was published any more.
fn copy_one(
    tree: &OutputTree,
    image: PublishedImage,
    original: &LocalCopy,
    mut staged: Staged,
    name: &str,
) -> Result<Option<(PublishedImage, Landed)>, RunError> {
    let Ok(mut original) = original.open() else { return Ok(None) };
    let mut hash = Sha256::new();
    let mut piece = vec![0; 64 * 1024];
    loop {
        match original.read(&mut piece) {
            Ok(0) => break,
            Ok(read) => {
                hash.update(&piece[..read]);
                staged.write_all(&piece[..read]).map_err(|source| staged.failed(source))?;
            }
            Err(_) => return Ok(None),
        }
    }
    if hexadecimal(hash) != image.sha256 {
        return Ok(None);
    }
    let extension = image.path.rsplit_once('.').map_or("", |(_, extension)| extension);
    let landed = match tree.settle(staged, &format!("{name}.{extension}"), image.bytes, &image.sha256) {
        Ok(landed) => landed,
        Err(error @ OutputError::Machine { .. }) => return Err(error.into()),
        Err(_) => return Ok(None),
    };
    let path = landed.path().to_owned();
    Ok(Some((PublishedImage { path, ..image }, landed)))
}
