//! What is to be published: which images, under which names, with which marks and cells. Whatever cannot be is found here,
//! before the first write.

use std::collections::HashMap;
use std::path::Path;

use sha2::{Digest, Sha256};

use crate::job::{ExtraColumns, Flags, JobId, StateName, Verdict, id_key, stem};
use crate::picture::Form;
use crate::queue::{JobRecord, Judged, QueueError, QueueReads, Selection, each_job};
use crate::store::{OWN_PREFIX, ShelfNames};

use super::marks::Marks;
use super::problems::Problems;
use super::recipe::Recipe;
use super::template::{Facts, Lack};

/// The longest file name that common file systems take, in bytes.
const MOST_NAME_BYTES: usize = 255;

/// An image that may be published.
#[derive(Debug)]
pub(super) struct Candidate {
    id: JobId,
    /// The original's path below the output tree.
    output: String,
    sha256: String,
    human: String,
    cloth: String,
    columns: Vec<(String, String)>,
}

/// An image that is to be published.
#[derive(Debug, Clone)]
pub(super) struct Item {
    pub(super) id: JobId,
    pub(super) output: String,
    pub(super) sha256: String,
    /// The file, relative to the target.
    pub(super) name: String,
    pub(super) product: String,
    pub(super) marks: Marks,
    /// What is made of the image, and how it is marked, as a checksum.
    pub(super) treatment: String,
    /// Those of the channel's table.
    pub(super) cells: Vec<String>,
}

/// The images that may be published, in manifest order: the approved ones; with `all` also those that nobody has judged and
/// that are not flagged.
pub(super) async fn candidates(queue: &dyn QueueReads, all: bool) -> Result<Vec<Candidate>, QueueError> {
    let states = [StateName::Succeeded];
    let judged = if all { None } else { Some(Judged::Approved) };
    let mut candidates = Vec::new();
    let selection = Selection { states: &states, judged, ..Selection::default() };
    each_job(queue, selection, |job| -> Result<(), QueueError> {
        if is_wanted(&job, all) {
            candidates.extend(candidate(job));
        }
        Ok(())
    })
    .await?;
    Ok(candidates)
}

fn is_wanted(job: &JobRecord, all: bool) -> bool {
    match &job.review {
        Some(review) => review.verdict == Verdict::Approved,
        None => all && job.flags == Flags::NONE,
    }
}

/// A job that has succeeded has a result, and its checksum.
fn candidate(job: JobRecord) -> Option<Candidate> {
    let name = |written: &str| stem(written).unwrap_or_default();
    Some(Candidate {
        output: job.output?,
        sha256: job.sha256?,
        human: name(&job.spec.human.written),
        cloth: name(&job.spec.cloth.written),
        columns: owned(&job.spec.extra),
        id: job.spec.id,
    })
}

fn owned(columns: &ExtraColumns) -> Vec<(String, String)> {
    columns.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

/// Decides names, marks and cells.
pub(super) fn planned(
    candidates: Vec<Candidate>,
    recipe: &Recipe,
    names: &mut ShelfNames,
) -> Result<Vec<Item>, Problems> {
    let mut problems = Problems::default();
    let mut numbers: HashMap<String, usize> = HashMap::new();
    let mut items = Vec::with_capacity(candidates.len());
    for candidate in candidates {
        let id = candidate.id.clone();
        match item(candidate, recipe, &mut numbers, names) {
            Ok(item) => items.push(item),
            Err(why) => problems.add(id.as_str(), why),
        }
    }
    check_collisions(&items, recipe, &mut problems);
    if problems.is_empty() { Ok(items) } else { Err(problems) }
}

fn item(
    candidate: Candidate,
    recipe: &Recipe,
    numbers: &mut HashMap<String, usize>,
    names: &mut ShelfNames,
) -> Result<Item, String> {
    let Candidate { id, output, sha256, human, cloth, columns } = candidate;
    let mut facts =
        Facts { id: id.as_str(), number: 0, human: &human, cloth: &cloth, file: "", url: "", columns: &columns };
    let lacking = |key: &str, lack: Lack| format!("{key}: {}", told(&lack, &columns));
    let product = recipe.product.name(&facts).or_else(|lack| match lack {
        // What groups images may have any character.
        Lack::Slash { .. } => recipe.product.cell(&facts),
        lack => Err(lack),
    });
    let product = product.map_err(|lack| lacking("product", lack))?;
    let number = numbers.entry(product.clone()).or_default();
    *number += 1;
    facts.number = *number;
    let bare = recipe.name.name(&facts).map_err(|lack| lacking("name", lack))?;
    let extension = match &recipe.picture {
        Some(conversion) => extension(conversion.form),
        None => Path::new(&output).extension().and_then(|extension| extension.to_str()).unwrap_or("png"),
    };
    check_name(&bare, extension, names).map_err(|why| format!("name: {why}"))?;
    let name = format!("{}.{extension}", bare.replace('\\', "/"));
    let url = recipe.table.as_ref().and_then(|table| table.base_url.as_ref()).map(|base| address(base, &name));
    (facts.file, facts.url) = (&name, url.as_deref().unwrap_or_default());
    let marks = recipe.marks.of(&facts).map_err(|lack| lacking("marks.aigc", lack))?;
    let columns_of_table = recipe.table.iter().flat_map(|table| &table.columns);
    let cells = columns_of_table.map(|column| {
        column.value.cell(&facts).map_err(|lack| lacking(&format!("csv.columns: {:?}", column.name), lack))
    });
    let cells = cells.collect::<Result<Vec<String>, String>>()?;
    let treatment = treatment(recipe, &marks);
    Ok(Item { output, sha256, name, product, treatment, marks, cells, id })
}

fn extension(form: Form) -> &'static str {
    form.format().extension()
}

/// The address of a published file.
fn address(base: &str, name: &str) -> String {
    let parts = name.split('/').map(|part| percent_encoding::utf8_percent_encode(part, IN_A_PATH).to_string());
    base.to_owned() + &parts.collect::<Vec<_>>().join("/")
}

/// What needs no escape in a path: RFC 3986's unreserved characters.
const IN_A_PATH: &percent_encoding::AsciiSet =
    &percent_encoding::NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Two treatments that give the same file have the same checksum.
fn treatment(recipe: &Recipe, marks: &Marks) -> String {
    let text = format!("1 {:?} {marks:?}", recipe.picture);
    Sha256::digest(text.as_bytes()).iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

fn check_name(bare: &str, extension: &str, names: &mut ShelfNames) -> Result<(), String> {
    let name = JobId::parse(bare).map_err(|error| error.to_string())?;
    let last = bare.rsplit(['/', '\\']).next().unwrap_or(bare);
    if last.len() + 1 + extension.len() > MOST_NAME_BYTES {
        return Err(format!("`{bare}` is over {MOST_NAME_BYTES} bytes long with its extension"));
    }
    if bare.starts_with(OWN_PREFIX) {
        return Err(format!("`{bare}` begins with `{OWN_PREFIX}`, as the program's own files do"));
    }
    names.check(&name)
}

/// Two names that a file system could take for one, and files where others need a folder.
fn check_collisions(items: &[Item], recipe: &Recipe, problems: &mut Problems) {
    let mut owners: HashMap<String, &str> = HashMap::with_capacity(items.len());
    if let Some(table) = &recipe.table {
        owners.insert(id_key(&table.file), "the table (csv.file)");
    }
    for item in items {
        if let Some(other) = owners.insert(id_key(&item.name), item.id.as_str()) {
            let why = "a place in `name` that tells them apart is missing, like {n}";
            problems.add(item.id.as_str(), format!("name: `{}` is also the name of {other}; {why}", item.name));
        }
    }
    for item in items {
        let key = id_key(&item.name);
        let folders = key.match_indices('/').map(|(end, _)| &key[..end]);
        if let Some(other) = folders.filter_map(|folder| owners.get(folder)).next() {
            let why = format!("name: `{}` needs a folder where the file of {other} is", item.name);
            problems.add(item.id.as_str(), why);
        }
    }
}

/// What is missing, and what there is.
fn told(lack: &Lack, columns: &[(String, String)]) -> String {
    match lack {
        Lack::NoColumn(name) => {
            let there: Vec<String> = columns.iter().map(|(name, _)| format!("`{name}`")).collect();
            let nearest = columns
                .iter()
                .max_by(|(one, _), (other, _)| strsim::jaro(one, name).total_cmp(&strsim::jaro(other, name)));
            match nearest.filter(|(near, _)| strsim::jaro(near, name) > 0.7) {
                Some((near, _)) => format!("its manifest has no column `{name}`; did you mean `{near}`?"),
                None if there.is_empty() => {
                    format!(
                        "its manifest has no column `{name}`, nor any other that is kept; add it and load the manifest again"
                    )
                }
                None => format!("its manifest has no column `{name}`; there are {}", there.join(", ")),
            }
        }
        Lack::Empty(name) => format!("`{name}` is empty in its row"),
        Lack::Slash { place, value } => {
            format!(
                "`{place}` is {value:?}, whose slash would make a folder; write {{{place}:slug}}, or change the value"
            )
        }
    }
}
