//! What each picture is called in an id: its stem where nothing speaks against it, so that the default id does.
//!
//! Two names of one side never share a key, and no name holds a separator; so `human/cloth` never meets another.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use crate::job::{JobId, id_key};

use super::Side;
use super::folder::Picture;

/// The longest made-up name in bytes, leaving room for a number and an extension in what file systems take.
const LONGEST_SLUG_BYTES: usize = 200;

/// A name for each picture, and whether all of them are the stems that default ids are made of.
pub(super) fn names(pictures: &[Picture], side: Side) -> (Vec<String>, bool) {
    let mut bearers: HashMap<String, u32> = HashMap::with_capacity(pictures.len());
    for picture in pictures.iter() {
        *bearers.entry(id_key(stem(picture))).or_default() += 1;
    }
    let keeps_stem = |picture: &Picture| bearers[&id_key(stem(picture))] == 1 && is_fit(stem(picture), side);
    let mut taken: HashSet<String> =
        pictures.iter().filter(|picture| keeps_stem(picture)).map(|picture| id_key(stem(picture))).collect();
    let all_keep = taken.len() == pictures.len();
    let name = |picture: &Picture| {
        if keeps_stem(picture) {
            return stem(picture).to_owned();
        }
        let name = made_up(picture).find(|name| is_fit(name, side) && !taken.contains(&id_key(name)));
        // The list of candidates has no end, so there is one.
        let name = name.unwrap_or_default();
        taken.insert(id_key(&name));
        name
    };
    (pictures.iter().map(name).collect(), all_keep)
}

fn stem(picture: &Picture) -> &str {
    let name = Path::new(&picture.below).file_stem().and_then(|stem| stem.to_str());
    name.unwrap_or(&picture.below)
}

/// Whether a name can stand on this side of an id, whatever is on the other.
fn is_fit(name: &str, side: Side) -> bool {
    let id = match side {
        Side::Humans => format!("{name}/x"),
        Side::Cloths => format!("x/{name}"),
    };
    name.trim() == name && !name.contains(['/', '\\']) && JobId::parse(&id).is_ok()
}

/// Names for a picture whose stem does not do, the best first: its path below the folder, that with its extension, and
/// then numbered without end.
fn made_up(picture: &Picture) -> impl Iterator<Item = String> {
    let without_extension = Path::new(&picture.below).with_extension("");
    let (short, long) = (slug(&without_extension.to_string_lossy()), slug(&picture.below));
    let numbered = short.clone();
    [short, long].into_iter().chain((2_u64..).map(move |number| format!("{numbered}-{number}")))
}

/// A path as one name without anything that a file system or an id could stumble over.
fn slug(path: &str) -> String {
    let plain = |c: char| if matches!(c, '/' | '\\' | '.' | ':') || c.is_control() { '-' } else { c };
    let mut slug: String = path.chars().map(plain).collect();
    while slug.len() > LONGEST_SLUG_BYTES {
        slug.pop();
    }
    slug.trim().to_owned()
}
