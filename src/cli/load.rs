//! `tryon load`, and the loading that `run` begins with.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::PathBuf;

use crate::exit_code::ExitCode;
use crate::manifest::{ColumnNames, ManifestError, ManifestReader, PictureChecks, Reading, Row};
use crate::output::{FolderChecks, OutputTree};
use crate::picture::Peculiarity;
use crate::queue::{Enqueued, Loader, Queue, QueueError, RejectedRow};
use crate::settings::{Options, Settings, TextEncoding};
use crate::wording::thousands;

use super::{Console, Failure, Place};

/// `tryon load MANIFEST…`.
pub(super) async fn command(
    manifests: &[PathBuf],
    options: &Options,
    place: &Place,
    console: &Console,
) -> Result<ExitCode, Failure> {
    let settings = Settings::resolve(options)?;
    let tree = OutputTree::create(&place.out)?;
    let queue = Queue::open(&place.queue)?;
    let tally = load(&queue, manifests, &settings, Some(tree), console.clone()).await?;
    println(&sentence(&tally))?;
    Ok(ExitCode::Ok)
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

/// Loads manifests in one transaction. All problems are told, on standard error; if there are any, and they are not
/// to be skipped, nothing is loaded.
///
/// # Errors
/// A manifest that cannot be read, or rows that cannot be taken: exit code 2.
pub(super) async fn load(
    queue: &Queue,
    manifests: &[PathBuf],
    settings: &Settings,
    tree: Option<OutputTree>,
    console: Console,
) -> Result<Enqueued, Failure> {
    let manifests = manifests.to_vec();
    let (skip_invalid, fit_images) = (settings.skip_invalid, settings.fit_images);
    let shares_network = settings.provider_shares_network();
    let reading = reading(settings);
    let filled = queue
        .load(move |loader| {
            let mut pictures = PictureChecks::new().fitting(fit_images).sharing_network(shares_network);
            let filled = fill(loader, &manifests, &reading, &mut pictures, tree.as_ref(), &console)?;
            let keep = filled.as_ref().is_ok_and(|tally| skip_invalid || tally.rejected == 0);
            if keep && pictures.to_fit() > 0 {
                loader.fit_images()?;
                console.info(&to_be_fitted(pictures.to_fit()));
            }
            if keep && let Some(text) = sent_as_they_are(pictures.peculiar()) {
                console.info(&text);
            }
            Ok((filled, keep))
        })
        .await?;
    let tally = filled.map_err(Failure::usage)?;
    if tally.rejected > 0 && !skip_invalid {
        let rows = if tally.rejected == 1 { "1 row is".to_owned() } else { format!("{} rows are", tally.rejected) };
        return Err(Failure::usage(format!(
            "{rows} not right, so nothing was loaded and nothing was spent; \
             mend them, or load the others with --skip-invalid"
        )));
    }
    Ok(tally)
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
    loader: &mut Loader<'_>,
    manifests: &[PathBuf],
    reading: &Reading,
    pictures: &mut PictureChecks,
    tree: Option<&OutputTree>,
    console: &Console,
) -> Result<Result<Enqueued, ManifestError>, QueueError> {
    let mut folders = tree.map(|tree| FolderChecks::new(tree.clone()));
    for path in manifests {
        let reader = match ManifestReader::open(path, reading, pictures) {
            Ok(reader) => reader,
            Err(error) => return Ok(Err(error)),
        };
        let name = reader.name().to_owned();
        loader.begin_manifest(&name)?;
        // Only a check has no output folder.
        if tree.is_none() {
            console.info(&columns_of(&name, &reader.columns()));
        }
        for row in reader {
            let row = match row {
                Ok(row) => row,
                Err(error) => return Ok(Err(error)),
            };
            match row {
                Row::Good(row) => {
                    if let Some(Err(error)) = folders.as_mut().map(|folders| folders.check(&row.spec.id)) {
                        let rejected = RejectedRow {
                            line: row.line,
                            id: row.spec.id.to_string(),
                            human: row.spec.human.written,
                            cloth: row.spec.cloth.written,
                            column: "id".to_owned(),
                            reason: error.to_string(),
                        };
                        console.problem(&line_of(&name, &rejected));
                        loader.reject(&rejected)?;
                        continue;
                    }
                    for (manifest, rejected) in loader.add(&row.spec, row.line)? {
                        console.problem(&line_of(&manifest, &rejected));
                    }
                }
                Row::Rejected(row) => {
                    for problem in &row.problems {
                        console.problem(&problem.to_string());
                    }
                    let mut problems = row.problems.iter();
                    let Some(first) = problems.next() else { continue };
                    let others = problems.map(|problem| format!("; {}: {}", problem.column, problem.reason));
                    loader.reject(&RejectedRow {
                        line: row.line,
                        id: row.id,
                        human: row.human,
                        cloth: row.cloth,
                        column: first.column.clone(),
                        reason: first.reason.clone() + &others.collect::<String>(),
                    })?;
                }
            }
        }
    }
    Ok(Ok(loader.tally()))
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
