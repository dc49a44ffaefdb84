//! A queue with its history copied to another place: from a file to a database, and back.
//!
//! Nobody works on either meanwhile, and the copy is there whole or not at all. What was in doubt is in doubt there, and what
//! proves something about it comes along.

use std::path::{Path, PathBuf};

use tokio::sync::mpsc;

use super::back_ends::open;
use super::location::Location;
use super::moving::{Copied, CopyError, PAGES_AHEAD, Paths};
use super::site::Opening;
use super::{postgres, sqlite};

/// Copies the queue at `from` to `to`, which may have no jobs. From then on runs and loads are refused at `from`. In a database, local pictures are named relative to `inputs`.
/// `output` is where the results are, for a database that has to remember it.
///
/// # Errors
/// See [`CopyError`]; then nothing has changed.
pub async fn copy(
    from: &Location,
    to: &Location,
    inputs: Option<&Path>,
    output: Option<&str>,
) -> Result<Copied, CopyError> {
    if is_same(from, to) {
        return Err(CopyError::Same(to.clone()));
    }
    let paths = paths(from, to, inputs)?;
    let (sender, pages) = mpsc::channel(PAGES_AHEAD);
    let (read, written) = match (from, to) {
        (Location::File(from), Location::Postgres(to)) => {
            let from = held(from).await?;
            tokio::join!(from.read_out(sender), postgres::fill(to, pages, &paths, output))
        }
        (Location::Postgres(from), Location::File(to)) => {
            let to = sqlite::HeldFile::at(to).await?;
            tokio::join!(postgres::read_out(from, sender), to.fill(pages, paths))
        }
        (Location::File(from), Location::File(to)) => {
            let (from, to) = (held(from).await?, sqlite::HeldFile::at(to).await?);
            tokio::join!(from.read_out(sender), to.fill(pages, paths))
        }
        (Location::Postgres(from), Location::Postgres(to)) => {
            tokio::join!(postgres::read_out(from, sender), postgres::fill(to, pages, &paths, output))
        }
    };
    match (read, written) {
        (Ok(()), Ok(copied)) => {
            open(to.clone(), Opening::Existing).await?.mark_moved(None).await?;
            open(from.clone(), Opening::Existing).await?.mark_moved(Some(to.to_string())).await?;
            Ok(copied)
        }
        (Ok(()), Err(error)) => Err(error),
        // The end of the one is that of the other, which says why.
        (Err(CopyError::Queue(super::QueueError::Closed)), Err(error)) => Err(error),
        (Err(error), _) => Err(error),
    }
}

/// Holds a file that must be there: what is not is not made.
async fn held(path: &Path) -> Result<sqlite::HeldFile, CopyError> {
    if !path.exists() {
        return Err(super::QueueError::Missing(path.into()).into());
    }
    Ok(sqlite::HeldFile::at(path).await?)
}

fn is_same(from: &Location, to: &Location) -> bool {
    match (from, to) {
        (Location::File(from), Location::File(to)) => {
            let real = |path: &PathBuf| path.canonicalize().unwrap_or_else(|_| path.clone());
            real(from) == real(to)
        }
        (Location::Postgres(from), Location::Postgres(to)) => from.file_name() == to.file_name(),
        _ => false,
    }
}

/// What becomes of the paths of local pictures.
fn paths(from: &Location, to: &Location, inputs: Option<&Path>) -> Result<Paths, CopyError> {
    let real =
        |folder: &Path| folder.canonicalize().map_err(|why| CopyError::Folder { folder: folder.to_owned(), why });
    let inputs = inputs.map(real).transpose()?;
    Ok(match (from.as_file(), to.as_file()) {
        (Some(_), None) => Paths::Relative(inputs),
        (None, Some(_)) => Paths::Absolute(inputs),
        _ => Paths::AsTheyAre,
    })
}
