//! `tryon load`, and the loading that `run` begins with: read everything, ask what has to be asked, then write.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};

use crate::exit_code::ExitCode;
use crate::job::JobId;
use crate::manifest::{ColumnNames, ManifestError, ManifestReader, PictureChecks, Reading, Row};
use crate::picture::Peculiarity;
use crate::queue::{Enqueued, Loader, QueueError, RejectedRow, SqliteQueue, TooLate};
use crate::settings::{Options, Settings, TextEncoding};
use crate::store::{FolderChecks, NameChecks, OutputTree};
use crate::wording::thousands;

use super::repeats::agree_to_repeats;
use super::{Console, Failure, Place};

/// `tryon load MANIFEST…`.
pub(super) async fn command(
    manifests: &[PathBuf],
    options: &Options,
    place: &Place,
    console: &Console,
) -> Result<ExitCode, Failure> {
    let settings = Settings::resolve(options)?;
    let queue = if place.queue.exists() { Some(SqliteQueue::open(&place.queue)?) } else { None };
    let mut loader = read_for(queue.as_ref(), place, manifests, &settings, console).await?;
    agree_to_repeats(&mut loader, &settings, options, console)?;
    let (_tree, queue) = make_ready(place, queue)?;
    let tally = keep(&queue, loader, &settings, console).await?;
    println(&sentence(&tally))?;
    Ok(ExitCode::Ok)
}

/// Reads manifests for the queue of a place, or for the one that it will have.
///
/// # Errors
/// As [`read`], and those of the queue.
pub(super) async fn read_for(
    queue: Option<&SqliteQueue>,
    place: &Place,
    manifests: &[PathBuf],
    settings: &Settings,
    console: &Console,
) -> Result<Loader, Failure> {
    let loader = match queue {
        Some(queue) => queue.begin_load().await?,
        None => Loader::for_new_queue()?,
    };
    read(loader, manifests, settings, &place.out, Purpose::Load, console).await
}

/// The output folder and the queue of a place; both are made where there are none.
pub(super) fn make_ready(place: &Place, queue: Option<SqliteQueue>) -> Result<(OutputTree, SqliteQueue), Failure> {
    let tree = OutputTree::create(&place.out)?;
    let queue = match queue {
        Some(queue) => queue,
        None => SqliteQueue::open(&place.queue)?,
    };
    Ok((tree, queue))
}

/// The one line that says what a load did.
pub(super) fn sentence(tally: &Enqueued) -> String {
    let Enqueued { added, unchanged, updated, repeated, rejected } = tally;
    format!("added {added}, unchanged {unchanged}, updated {updated}, repeated {repeated}, rejected {rejected}")
}

/// What is said of pictures that `--fit-images` has to work on.
fn to_be_fitted(pictures: u64) -> String {
    let is_one = pictures == 1;
    let (what, verb) = if is_one { ("picture", "is") } else { ("pictures", "are") };
    format!("{} {what} {verb} made to fit when sent (--fit-images); the files stay as they are", thousands(pictures))
}

/// What a model may take wrong, and how many pictures there are of each kind; `None` where there are none.
fn sent_as_they_are(peculiar: &BTreeMap<Peculiarity, u64>) -> Option<String> {
    let kinds: Vec<String> = peculiar
        .iter()
        .map(|(peculiarity, count)| {
            let what = match peculiarity {
                Peculiarity::Transparent => "with transparency",
                Peculiarity::Turned => "turned by a note in the file",
                Peculiarity::Inks => "in print colours (CMYK)",
                Peculiarity::RareProcess => "in a rare kind of JPEG",
            };
            format!("{} {what}", thousands(*count))
        })
        .collect();
    let (total, listed) = (peculiar.values().sum(), kinds.join(", "));
    let (pictures, they, them) = if total == 1 { ("picture", "it is", "it") } else { ("pictures", "they are", "them") };
    (total > 0).then(|| {
        format!(
            "{} {pictures} that a model may take wrong ({listed}) would be sent as {they}; --fit-images converts {them}",
            thousands(total)
        )
    })
}

/// What manifests are read for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// To be loaded.
    Load,
    /// Only to be looked at: the columns that count are told too.
    Check,
}

/// Reads manifests into a load. All problems are told, on standard error. Nothing is written to the queue, and nothing
/// that reads or writes it waits meanwhile.
///
/// # Errors
/// A manifest that cannot be read, or rows that cannot be taken and are not to be skipped: exit code 2.
pub(super) async fn read(
    mut loader: Loader,
    manifests: &[PathBuf],
    settings: &Settings,
    out: &Path,
    purpose: Purpose,
    console: &Console,
) -> Result<Loader, Failure> {
    let manifests = manifests.to_vec();
    let (skip_invalid, fit_images) = (settings.skip_invalid, settings.fit_images);
    let shares_network = settings.provider_shares_network();
    let how = reading(settings);
    let (mut places, console) = (ResultPlaces::below(out), console.clone());
    let reading = tokio::task::spawn_blocking(move || -> Result<_, QueueError> {
        let mut pictures = PictureChecks::new().fitting(fit_images).sharing_network(shares_network);
        let filled = fill(&mut loader, &manifests, &how, &mut pictures, &mut places, purpose, &console)?;
        if filled.is_ok() && (skip_invalid || loader.tally().rejected == 0) {
            if pictures.to_fit() > 0 {
                loader.fit_images();
                console.info(&to_be_fitted(pictures.to_fit()));
            }
            if let Some(text) = sent_as_they_are(pictures.peculiar()) {
                console.info(&text);
            }
        }
        Ok(filled.map(|_| loader))
    });
    let loader = reading.await.map_err(Failure::machine)??.map_err(Failure::usage)?;
    let rejected = loader.tally().rejected;
    if rejected > 0 && !skip_invalid { Err(nothing_was_loaded(rejected)) } else { Ok(loader) }
}

fn nothing_was_loaded(rejected: u64) -> Failure {
    let rows = if rejected == 1 { "1 row is".to_owned() } else { format!("{rejected} rows are") };
    Failure::usage(format!(
        "{rows} not right, so nothing was loaded and nothing was spent; \
         mend them, or load the others with --skip-invalid"
    ))
}

/// Writes what was read to the queue.
///
/// # Errors
/// Those of the queue; and rows that a run has submitted with other inputs since they were read.
pub(super) async fn keep(
    queue: &SqliteQueue,
    loader: Loader,
    settings: &Settings,
    console: &Console,
) -> Result<Enqueued, Failure> {
    let mut tally = loader.tally();
    let kept = queue.keep(loader, !settings.skip_invalid).await?;
    for TooLate { manifest, row, was_new } in &kept.too_late {
        console.problem(&line_of(manifest, row));
        tally.rejected += 1;
        *(if *was_new { &mut tally.added } else { &mut tally.updated }) -= 1;
    }
    if kept.is_kept { Ok(tally) } else { Err(nothing_was_loaded(tally.rejected)) }
}

/// Which columns of a manifest count, and which do not.
fn columns_of(manifest: &str, columns: &ColumnNames) -> String {
    let left_alone = match listed(&columns.left_alone) {
        none if none.is_empty() => "no column is left alone".to_owned(),
        some => format!("left alone: {some}"),
    };
    format!("{manifest}: columns read: {}; {left_alone}", listed(&columns.read))
}

/// Names in a row, with a bound to what a message takes.
fn listed(names: &[String]) -> String {
    const MOST_NAMED: usize = 20;
    let mut text = names.iter().take(MOST_NAMED).map(String::as_str).collect::<Vec<_>>().join(", ");
    if names.len() > MOST_NAMED {
        text.push_str(&format!(" and {} more", names.len() - MOST_NAMED));
    }
    text
}

/// How manifests are read by these settings.
pub(super) fn reading(settings: &Settings) -> Reading {
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
    console: &Console,
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
            console.info(&columns_of(&name, &reader.columns()));
        }
        for row in reader {
            let row = match row {
                Ok(row) => row,
                Err(error) => return Ok(Err(error)),
            };
            take(loader, &name, row, places, console)?;
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
    console: &Console,
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
                console.problem(&line_of(manifest, &rejected));
                return loader.reject(&rejected);
            }
            for (manifest, rejected) in loader.add(&row.spec, row.line)? {
                console.problem(&line_of(&manifest, &rejected));
            }
            Ok(())
        }
        Row::Rejected(row) => {
            for problem in &row.problems {
                console.problem(&problem.to_string());
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

/// Prints a line on standard output; a closed pipe is no error.
pub(super) fn println(line: &str) -> Result<(), Failure> {
    match writeln!(std::io::stdout().lock(), "{line}") {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Failure::machine(format!("could not write to standard output: {error}")))
        }
        _ => Ok(()),
    }
}
