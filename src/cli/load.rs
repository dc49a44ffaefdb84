//! `tryon load`, and what loading says.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::PathBuf;

use crate::exit_code::ExitCode;
use crate::manifest::ColumnNames;
use crate::ops::equal_pictures;
use crate::ops::estimate::Lines;
use crate::ops::load::{self, LoadError, LoadEvent, Purpose};
use crate::picture::Peculiarity;
use crate::queue::{self, Enqueued, Opening};
use crate::settings::{Options, Settings};
use crate::store::OutputTree;
use crate::view::wording::{filled, thousands};

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
    let place = &settled(place).await?;
    let begun = load::begin(&*queue::at(&place.queue)).await?;
    let mut rows = load::read(begun, manifests, &settings, &place.out, Purpose::Load, told_on(console)).await?;
    agree_to_repeats(&mut rows, &settings, options, console).await?;
    if place.bucket().is_none() {
        OutputTree::create(&place.out).map_err(LoadError::from)?;
    }
    let (dedupes, inputs) = (rows.keeping.dedupe, settings.inputs.clone().or_else(|| rows.inputs.clone()));
    let tally = load::keep(rows, told_on(console)).await?;
    if dedupes {
        // A run may be at work on this queue, and would make them before the next one looks.
        let queue = queue::at(&place.queue).open(Opening::Existing).await?;
        equal_pictures::note_in(&*queue, inputs.as_deref()).await?;
    }
    println(&sentence(&tally))?;
    Ok(ExitCode::Ok)
}

/// The place with the output that its queue remembers, where it is in a database.
pub(super) async fn settled(place: &Place) -> Result<Place, Failure> {
    let site = queue::at(&place.queue);
    match place.queue.as_file().is_none() && site.exists().await {
        true => place.settled(Some(&*site.open_to_read().await?)).await,
        false => place.settled(None).await,
    }
}

/// Says on the console what is noticed while manifests are read and kept.
pub(super) fn told_on(console: &Console) -> impl FnMut(LoadEvent<'_>) + use<> {
    let console = console.clone();
    move |event| match event {
        LoadEvent::Columns { manifest, columns } => console.info(&columns_of(manifest, columns)),
        LoadEvent::Problem(line) => console.problem(&line),
        LoadEvent::ToBeFitted(pictures) => console.info(&to_be_fitted(pictures)),
        LoadEvent::SentAsTheyAre(peculiar) => console.info(&sent_as_they_are(peculiar)),
    }
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

/// What a model may take wrong, and how many pictures there are of each kind.
fn sent_as_they_are(peculiar: &BTreeMap<Peculiarity, u64>) -> String {
    let kinds: Vec<String> = peculiar
        .iter()
        .map(|(peculiarity, count)| {
            let what = match peculiarity {
                Peculiarity::Transparent => "with transparency",
                Peculiarity::Turned => "turned by a note in the file",
                Peculiarity::Inks => "in print colours (CMYK)",
                Peculiarity::RareProcess => "in a rare kind of JPEG",
                Peculiarity::Unconvertible => "in a kind of JPEG that is not decoded here",
            };
            format!("{} {what}", thousands(*count))
        })
        .collect();
    let (total, listed) = (peculiar.values().sum::<u64>(), kinds.join(", "));
    let (pictures, they, them) = if total == 1 { ("picture", "it is", "it") } else { ("pictures", "they are", "them") };
    let cure = match peculiar.get(&Peculiarity::Unconvertible).copied().unwrap_or(0) {
        0 => format!("--fit-images converts {them}"),
        lost if lost == total => format!("export {them} as usual JPEG"),
        _ => "--fit-images converts them, but for the last kind: export those as usual JPEG".to_owned(),
    };
    format!("{} {pictures} that a model may take wrong ({listed}) would be sent as {they}; {cure}", thousands(total))
}

/// Which columns of a manifest count, and which do not.
fn columns_of(manifest: &str, columns: &ColumnNames) -> String {
    let mut line = format!("{manifest}: columns read: {}", listed(&columns.read));
    for (what, names) in
        [("kept with the job", &columns.kept), ("left alone, as their names come twice", &columns.left_alone)]
    {
        if !names.is_empty() {
            line.push_str(&format!("; {what}: {}", listed(names)));
        }
    }
    line
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

/// The lines of an estimate as they are printed, like those of a run's summary, filled to the width of a terminal.
pub(super) fn printed(lines: &Lines, columns: Option<usize>) -> String {
    let line = |(label, text): &(&str, String)| filled(&format!("  {label:<9} {text}"), columns, 12);
    lines.iter().map(line).collect::<Vec<_>>().join("\n")
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_model_may_take_wrong_is_told_with_a_cure_that_works() {
        let told = |peculiar: &[(Peculiarity, u64)]| sent_as_they_are(&peculiar.iter().copied().collect());
        assert_eq!(
            told(&[(Peculiarity::RareProcess, 1)]),
            "1 picture that a model may take wrong (1 in a rare kind of JPEG) would be sent as it is; --fit-images converts it"
        );
        assert_eq!(
            told(&[(Peculiarity::Unconvertible, 2)]),
            "2 pictures that a model may take wrong (2 in a kind of JPEG that is not decoded here) would be sent as they \
             are; export them as usual JPEG"
        );
        assert_eq!(
            told(&[(Peculiarity::Unconvertible, 1), (Peculiarity::Turned, 1_000)]),
            "1,001 pictures that a model may take wrong (1,000 turned by a note in the file, 1 in a kind of JPEG that is \
             not decoded here) would be sent as they are; --fit-images converts them, but for the last kind: export those \
             as usual JPEG"
        );
    }
}
