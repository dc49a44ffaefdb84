//! `tryon pair`: a manifest of people and garments from two folders, on standard output.

use std::io::BufWriter;
use std::num::NonZeroU64;
use std::path::{Path, PathBuf};

use clap::Args;

use crate::exit_code::ExitCode;
use crate::job::ModelName;
use crate::manifest::{Choice, LeftOut, Pairing, PairingOrder, PictureFolder, Side};
use crate::view::wording::{counted, thousands};

use super::pipe::fine_if_reader_left;
use super::{Console, Failure};

/// How many of the files that cannot be used are named, each in a line.
const MOST_NAMED: usize = 20;

#[derive(Debug, Args)]
pub(super) struct PairArgs {
    /// Folder with pictures of people, searched with all folders below it
    #[arg(long, value_name = "DIR")]
    humans: PathBuf,

    /// Folder with pictures of garments, searched likewise
    #[arg(long, value_name = "DIR")]
    cloths: PathBuf,

    /// Write `cloth_type`, from the nearest folder called upper, lower or dress
    #[arg(long)]
    type_from_folder: bool,

    /// Write this model into every row
    #[arg(long, value_name = "NAME", value_parser = ModelName::parse)]
    model: Option<ModelName>,

    /// Only people whose path below DIR matches, e.g. 'ana*' or 'spring/**' (can be repeated)
    #[arg(long, value_name = "GLOB", help_heading = "Which pairs")]
    only_humans: Vec<String>,

    /// Only garments whose path below DIR matches
    #[arg(long, value_name = "GLOB", help_heading = "Which pairs")]
    only_cloths: Vec<String>,

    /// Only N pairs from anywhere; a larger N holds the pairs of a smaller one
    #[arg(long, value_name = "N", help_heading = "Which pairs", group = "choice")]
    sample: Option<NonZeroU64>,

    /// Each garment on N of the people only
    #[arg(long, value_name = "N", help_heading = "Which pairs", group = "choice")]
    per_cloth: Option<NonZeroU64>,

    /// Another seed makes another choice
    #[arg(long, value_name = "N", default_value_t = 0, requires = "choice", help_heading = "Which pairs")]
    seed: u64,
}

/// `tryon pair --humans DIR --cloths DIR`.
pub(super) fn command(args: PairArgs, console: &Console) -> Result<ExitCode, Failure> {
    let pairing = Pairing::prepare(order(args)).map_err(Failure::usage)?;
    name_left_out(&pairing.left_out, console);
    let untyped = pairing.garments_of_no_type();
    if untyped > 0 {
        let are = if untyped == 1 { "is" } else { "are" };
        let whose = if untyped == 1 { "its" } else { "their" };
        console.info(&format!(
            "{} {are} in no folder called upper, lower or dress; {whose} cloth_type is left empty",
            counted(untyped, "garment")
        ));
    }
    let to_fit = pairing.pictures_to_fit();
    if to_fit > 0 {
        console.info(&format!(
            "{} must be converted or shrunk; load the manifest with --fit-images, which does that when they are sent",
            counted(to_fit, "picture")
        ));
    }
    let renamed = pairing.pictures_named_otherwise_before();
    if renamed > 0 {
        let are = if renamed == 1 { "is" } else { "are" };
        console.info(&format!(
            "{} {are} called by the path below its folder, not by the file name alone, so that ids stay the same whatever \
             is added; earlier versions gave these other ids, under which their pairs would be new and paid for again",
            counted(renamed, "picture")
        ));
    }
    let people =
        if pairing.people() == 1 { "1 person".to_owned() } else { format!("{} people", thousands(pairing.people())) };
    console.info(&format!(
        "{people}, {}: {}",
        counted(pairing.garments(), "garment"),
        counted(pairing.pairs(), "pair")
    ));
    let written = pairing.write(BufWriter::new(std::io::stdout().lock()));
    let written = written.map_err(|error| match error.into_kind() {
        csv::ErrorKind::Io(error) => anyhow::Error::from(error),
        other => anyhow::anyhow!("{other:?}"),
    });
    fine_if_reader_left(written)
        .map_err(|error| Failure::machine(format!("could not write to standard output: {error}")))?;
    Ok(ExitCode::Ok)
}

fn order(args: PairArgs) -> PairingOrder {
    let choice = match (args.sample, args.per_cloth) {
        (Some(most), _) => Choice::Sample(most.get()),
        (_, Some(most)) => Choice::PerCloth(most.get()),
        (None, None) => Choice::All,
    };
    PairingOrder {
        humans: PictureFolder { side: Side::Humans, path: tidied(&args.humans), only: args.only_humans },
        cloths: PictureFolder { side: Side::Cloths, path: tidied(&args.cloths), only: args.only_cloths },
        type_from_folder: args.type_from_folder,
        choice,
        seed: args.seed,
        model: args.model,
    }
}

/// A path without what says nothing: `people//spring/` and `./people/spring` are `people/spring`.
fn tidied(path: &Path) -> PathBuf {
    let tidied: PathBuf = path.components().filter(|part| *part != std::path::Component::CurDir).collect();
    if tidied.as_os_str().is_empty() && !path.as_os_str().is_empty() { PathBuf::from(".") } else { tidied }
}

/// Names the files that look like pictures and are not in the manifest, on standard error.
fn name_left_out(left_out: &[LeftOut], console: &Console) {
    for file in left_out.iter().take(MOST_NAMED) {
        console.problem(&format!("{}: {}; left out", file.path, file.reason));
    }
    let more = left_out.len().saturating_sub(MOST_NAMED);
    if more > 0 {
        console.problem(&format!("and {} left out", counted(more as u64, "more file")));
    }
}
