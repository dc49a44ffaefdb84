//! Loading manifests: read everything, ask what has to be asked, then write.
//!
//! What is noticed on the way is told to the caller as it is met ([`LoadEvent`]), so that a million bad rows need no memory.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::job::JobId;
use crate::manifest::{ColumnNames, ManifestError, ManifestReader, PictureChecks, Reading, Row};
use crate::picture::Peculiarity;
use crate::queue::{Enqueued, Loader, QueueError, RejectedRow, SqliteQueue, TooLate};
use crate::settings::{Settings, TextEncoding};
use crate::store::{FolderChecks, NameChecks, OutputError, OutputTree};

/// What is noticed while manifests are read and kept.
#[derive(Debug)]
pub enum LoadEvent<'a> {
    /// Which columns of a manifest count; only told under [`Purpose::Check`].
    Columns { manifest: &'a str, columns: &'a ColumnNames },
    /// What is wrong with a row, in a line that names its file, line and column.
    Problem(String),
    /// So many pictures are made to fit when they are sent.
    ToBeFitted(u64),
    /// Pictures that a model may take wrong, by kind; there is at least one.
    SentAsTheyAre(&'a BTreeMap<Peculiarity, u64>),
}

/// Why nothing was loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// Rows that cannot be taken, and are not to be skipped.
    #[error(
        "{} not right, so nothing was loaded and nothing was spent; \
         mend them, or load the others with --skip-invalid",
        rows_are(*.0)
    )]
    Rejected(u64),
    /// A manifest that cannot be read.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// The output folder cannot be used.
    #[error(transparent)]
    Output(#[from] OutputError),
    /// The queue.
    #[error(transparent)]
    Queue(#[from] QueueError),
    /// The thread that read the manifests did not come to its end.
    #[error(transparent)]
    Thread(#[from] tokio::task::JoinError),
}

fn rows_are(rejected: u64) -> String {
    if rejected == 1 { "1 row is".to_owned() } else { format!("{rejected} rows are") }
}

/// What manifests are read for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// To be loaded.
    Load,
    /// Only to be looked at: the columns that count are told too.
    Check,
}

/// Reads manifests for a queue, or for the one that there will be.
///
/// # Errors
/// As [`read`], and those of the queue.
pub async fn read_for(
    queue: Option<&SqliteQueue>,
    out: &Path,
    manifests: &[PathBuf],
    settings: &Settings,
    tell: impl FnMut(LoadEvent<'_>) + Send + 'static,
) -> Result<Loader, LoadError> {
    let loader = match queue {
        Some(queue) => queue.begin_load().await?,
        None => Loader::for_new_queue()?,
    };
    read(loader, manifests, settings, out, Purpose::Load, tell).await
}

/// The output folder and the queue; both are made where there are none.
///
/// # Errors
/// The folder cannot be used; and those of the queue.
pub fn make_ready(out: &Path, path: &Path, queue: Option<SqliteQueue>) -> Result<(OutputTree, SqliteQueue), LoadError> {
    let tree = OutputTree::create(out)?;
    let queue = match queue {
        Some(queue) => queue,
        None => SqliteQueue::open(path)?,
    };
    Ok((tree, queue))
}

/// Reads manifests into a load. All problems are told. Nothing is written to the queue, and nothing
/// that reads or writes it waits meanwhile.
///
/// # Errors
/// A manifest that cannot be read, or rows that cannot be taken and are not to be skipped; and those of the queue.
pub async fn read(
    mut loader: Loader,
    manifests: &[PathBuf],
    settings: &Settings,
    out: &Path,
    purpose: Purpose,
    mut tell: impl FnMut(LoadEvent<'_>) + Send + 'static,
) -> Result<Loader, LoadError> {
    let manifests = manifests.to_vec();
    let (skip_invalid, fit_images) = (settings.skip_invalid, settings.fit_images);
    let shares_network = settings.provider_shares_network();
    let how = reading(settings);
    let mut places = ResultPlaces::below(out);
    let reading = tokio::task::spawn_blocking(move || -> Result<_, QueueError> {
        let mut pictures = PictureChecks::new().fitting(fit_images).sharing_network(shares_network);
        let filled = fill(&mut loader, &manifests, &how, &mut pictures, &mut places, purpose, &mut tell)?;
        if filled.is_ok() && (skip_invalid || loader.tally().rejected == 0) {
            if pictures.to_fit() > 0 {
                loader.fit_images();
                tell(LoadEvent::ToBeFitted(pictures.to_fit()));
            }
            if pictures.peculiar().values().any(|count| *count > 0) {
                tell(LoadEvent::SentAsTheyAre(pictures.peculiar()));
            }
        }
        Ok(filled.map(|_| loader))
    });
    let loader = reading.await???;
    let rejected = loader.tally().rejected;
    if rejected > 0 && !skip_invalid { Err(LoadError::Rejected(rejected)) } else { Ok(loader) }
}

/// Writes what was read to the queue.
///
/// # Errors
/// Those of the queue; and rows that a run has submitted with other inputs since they were read.
pub async fn keep(
    queue: &SqliteQueue,
    loader: Loader,
    settings: &Settings,
    mut tell: impl FnMut(LoadEvent<'_>),
) -> Result<Enqueued, LoadError> {
    let mut tally = loader.tally();
    let kept = queue.keep(loader, !settings.skip_invalid).await?;
    for TooLate { manifest, row, was_new } in &kept.too_late {
        tell(LoadEvent::Problem(line_of(manifest, row)));
        tally.rejected += 1;
        *(if *was_new { &mut tally.added } else { &mut tally.updated }) -= 1;
    }
    if kept.is_kept { Ok(tally) } else { Err(LoadError::Rejected(tally.rejected)) }
}

/// How manifests are read by these settings.
fn reading(settings: &Settings) -> Reading {
    let encoding = settings.encoding.map(TextEncoding::encoding);
    Reading { default_model: settings.model.clone(), encoding }
}

fn fill(
    loader: &mut Loader,
    manifests: &[PathBuf],
    reading: &Reading,
    pictures: &mut PictureChecks,
    places: &mut ResultPlaces,
    purpose: Purpose,
    tell: &mut impl FnMut(LoadEvent<'_>),
) -> Result<Result<Enqueued, ManifestError>, QueueError> {
    for path in manifests {
        let reader = match ManifestReader::open(path, reading, pictures) {
            Ok(reader) => reader,
            Err(error) => return Ok(Err(error)),
        };
        let name = reader.name().to_owned();
        let identity = identity_of(path, &name);
        loader.begin_manifest_known_as(&name, &identity, |other| is_same_file(other, &identity))?;
        if purpose == Purpose::Check {
            tell(LoadEvent::Columns { manifest: &name, columns: &reader.columns() });
        }
        for row in reader {
            let row = match row {
                Ok(row) => row,
                Err(error) => return Ok(Err(error)),
            };
            take(loader, &name, row, places, tell)?;
        }
    }
    Ok(Ok(loader.tally()))
}

/// Puts one row into the load, or says what is wrong with it.
fn take(
    loader: &mut Loader,
    manifest: &str,
    row: Row,
    places: &mut ResultPlaces,
    tell: &mut impl FnMut(LoadEvent<'_>),
) -> Result<(), QueueError> {
    match row {
        Row::Good(row) => {
            if let Some(reason) = places.refuse(&row.spec.id) {
                let rejected = RejectedRow {
                    line: row.line,
                    id: row.spec.id.to_string(),
                    human: row.spec.human.written,
                    cloth: row.spec.cloth.written,
                    column: "id".to_owned(),
                    reason,
                };
                tell(LoadEvent::Problem(line_of(manifest, &rejected)));
                return loader.reject(&rejected);
            }
            for (manifest, rejected) in loader.add(&row.spec, row.line)? {
                tell(LoadEvent::Problem(line_of(&manifest, &rejected)));
            }
            Ok(())
        }
        Row::Rejected(row) => {
            for problem in &row.problems {
                tell(LoadEvent::Problem(problem.to_string()));
            }
            let mut problems = row.problems.iter();
            let Some(first) = problems.next() else { return Ok(()) };
            let others = problems.map(|problem| format!("; {}: {}", problem.column, problem.reason));
            loader.reject(&RejectedRow {
                line: row.line,
                id: row.id,
                human: row.human,
                cloth: row.cloth,
                column: first.column.clone(),
                reason: first.reason.clone() + &others.collect::<String>(),
            })
        }
    }
}

/// Where results will be put: which ids cannot be written there is found before anything is paid for.
struct ResultPlaces {
    /// `None` where there is no output folder yet, or none that can be written to: that is an error once something is to
    /// be written.
    folders: Option<FolderChecks>,
    names: NameChecks,
}

impl ResultPlaces {
    fn below(out: &Path) -> Self {
        let tree = Some(out).filter(|out| out.is_dir()).and_then(|out| OutputTree::create(out).ok());
        Self { folders: tree.map(FolderChecks::new), names: NameChecks::new(out) }
    }

    /// Why the results of an id cannot be written, completing "id: …".
    fn refuse(&mut self, id: &JobId) -> Option<String> {
        let in_folders = self.folders.as_mut().and_then(|folders| folders.check(id).err());
        in_folders.map(|error| error.to_string()).or_else(|| self.names.check(id).err())
    }
}

/// What a manifest is known by in the queue, however it is spelt: a file by its path. Whatever else it is has only its
/// name.
fn identity_of(path: &Path, name: &str) -> String {
    let is_file = path != Path::new("-") && path.is_file();
    let real = is_file.then(|| path.canonicalize().ok()).flatten();
    real.map_or_else(|| name.to_owned(), |path| path.to_string_lossy().into_owned())
}

/// Whether a manifest that an earlier version knew by its spelling is this one.
fn is_same_file(spelt: &str, identity: &str) -> bool {
    Path::new(spelt).canonicalize().is_ok_and(|path| path.to_string_lossy() == identity)
}

fn line_of(manifest: &str, row: &RejectedRow) -> String {
    format!("{manifest}:{}: {}: {}", row.line, row.column, row.reason)
}
