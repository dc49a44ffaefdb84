//! What each picture is called in an id: its path below the folder, without its extension.
//!
//! A name is a function of that path alone, never of what else is in the folders: a pair keeps its id, and with it its
//! image, whatever is added later. Two pictures that would be called the same are therefore refused, not renamed.

use std::collections::HashMap;
use std::path::Path;

use sha2::{Digest, Sha256};

use crate::job::{JobId, id_key};

use super::folder::Picture;
use super::{PairingError, Side};

/// The longest made-up name in bytes, leaving room for a checksum and an extension in what file systems take.
const LONGEST_SLUG_BYTES: usize = 200;

/// How many pictures a message names that would be called the same.
const MOST_NAMED: usize = 5;

/// A name for each picture, and whether all of them are the stems that default ids are made of.
///
/// # Errors
/// Two pictures would be called the same.
pub(super) fn names(pictures: &[Picture], side: Side) -> Result<(Vec<String>, bool), PairingError> {
    let names: Vec<String> = pictures.iter().map(|picture| name_of(&picture.below, side)).collect();
    let mut bearers: HashMap<String, usize> = HashMap::with_capacity(pictures.len());
    let mut clashes = Vec::new();
    for (index, name) in names.iter().enumerate() {
        if let Some(first) = bearers.insert(id_key(name), index) {
            clashes.push((first, index));
        }
    }
    if clashes.is_empty() {
        let all_default = pictures.iter().zip(&names).all(|(picture, name)| name == stem(&picture.below));
        return Ok((names, all_default));
    }
    let shown = |(first, second): &(usize, usize)| {
        format!(
            "{} and {}",
            crate::job::clean_text(&pictures[*first].cell),
            crate::job::clean_text(&pictures[*second].cell)
        )
    };
    let mut clashing: Vec<String> = clashes.iter().take(MOST_NAMED).map(shown).collect();
    if clashes.len() > MOST_NAMED {
        clashing.push(format!("and {} more", clashes.len() - MOST_NAMED));
    }
    Err(PairingError::SameName { side, clashing: clashing.join("; ") })
}

/// Human and garment in one id: the names of one folder may go on where those of the other end, so that two pairs would
/// meet. Which do is found by the names alone, without going through the pairs.
///
/// # Errors
/// Two pairs would have the same id.
pub(super) fn check_joints(humans: &[String], cloths: &[String]) -> Result<(), PairingError> {
    let key = |name: &String| id_key(name);
    let (humans, cloths): (Vec<String>, Vec<String>) =
        (humans.iter().map(key).collect(), cloths.iter().map(key).collect());
    let all_humans: std::collections::HashSet<&str> = humans.iter().map(String::as_str).collect();
    let all_cloths: std::collections::HashSet<&str> = cloths.iter().map(String::as_str).collect();
    // `a/b` with `c`, and `a` with `b/c`.
    let ends: std::collections::HashSet<&str> = humans
        .iter()
        .flat_map(|human| human.match_indices('/').map(move |(at, _)| (&human[..at], &human[at + 1..])))
        .filter(|(begin, _)| all_humans.contains(begin))
        .map(|(_, end)| end)
        .collect();
    let begins = |cloth: &str| {
        let parts = cloth.match_indices('/').map(|(at, _)| (cloth[..at].to_owned(), cloth[at + 1..].to_owned()));
        parts.collect::<Vec<_>>()
    };
    for cloth in &cloths {
        for (begin, rest) in begins(cloth) {
            if ends.contains(begin.as_str()) && all_cloths.contains(rest.as_str()) {
                return Err(PairingError::SamePair { folder: begin, cloth: cloth.clone() });
            }
        }
    }
    Ok(())
}

/// What the picture at a path below the folder is called.
pub(super) fn name_of(below: &str, side: Side) -> String {
    let without_extension = match below.rsplit_once('/') {
        Some((folders, _)) => format!("{folders}/{}", stem(below)),
        None => stem(below).to_owned(),
    };
    if is_fit(&without_extension, side) { without_extension } else { made_up(below) }
}

fn stem(below: &str) -> &str {
    Path::new(below).file_stem().and_then(|stem| stem.to_str()).unwrap_or(below)
}

/// Whether a name can be on this side of an id, whatever is on the other.
fn is_fit(name: &str, side: Side) -> bool {
    let id = match side {
        Side::Humans => format!("{name}/x"),
        Side::Cloths => format!("x/{name}"),
    };
    let is_trimmed = name.split('/').all(|part| part.trim() == part);
    is_trimmed && !name.contains('\\') && JobId::parse(&id).is_ok()
}

/// A name for a path that is no part of an id: what of it can be kept, and its checksum.
fn made_up(below: &str) -> String {
    let digest = Sha256::digest(below.as_bytes());
    let checksum: String = digest.iter().take(4).map(|byte| format!("{byte:02x}")).collect();
    let without_extension = Path::new(below).with_extension("");
    format!("{}-{checksum}", slug(&without_extension.to_string_lossy()))
}

/// A path as one name without anything that a file system or an id could stumble over.
fn slug(path: &str) -> String {
    let is_plain =
        |c: char| !(matches!(c, '/' | '\\' | '.' | ':' | '\u{fffd}') || c.is_control() || crate::job::is_invisible(c));
    let mut slug: String = path.chars().map(|c| if is_plain(c) { c } else { '-' }).collect();
    while slug.len() > LONGEST_SLUG_BYTES {
        slug.pop();
    }
    slug.trim().to_owned()
}

/// How many pictures version 0.1 called otherwise: by their stem alone, wherever they were.
pub(super) fn named_otherwise_before(pictures: &[Picture], names: &[String]) -> u64 {
    pictures.iter().zip(names).filter(|(picture, name)| stem(&picture.below) != name.as_str()).count() as u64
}
