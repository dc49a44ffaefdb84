//! The pictures below a folder, in the order of their paths.
//!
//! What a file is, its content says; its name only decides whether a file that cannot be used is worth a word.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use glob::{MatchOptions, Pattern};
use sha2::{Digest, Sha256};

use crate::job::{Garment, Meant, clean_text};
use crate::manifest::lost_path::PICTURE_EXTENSIONS;
use crate::picture::{InputLimits, probe};
use crate::store::InputFile;

use super::walk::{Found, find_files};
use super::{PairingError, Side};

/// Which pictures of which folder.
#[derive(Debug, Clone)]
pub struct PictureFolder {
    /// Which of the two it is.
    pub side: Side,
    /// The folder, as the user named it. What is written is relative to what this is relative to.
    pub path: PathBuf,
    /// Patterns, of which a picture's path below the folder must match one; none is all pictures.
    pub only: Vec<String>,
}

/// A file that looks like a picture and cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftOut {
    /// Its path, fit for a terminal.
    pub path: String,
    /// Completes the path to a sentence.
    pub reason: String,
}

/// A picture that can be paired.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Picture {
    /// What is in the manifest.
    pub(super) cell: String,
    /// Its path below the folder, parts separated by `/`.
    pub(super) below: String,
    /// What it covers, by the folders it is in.
    pub(super) garment: Option<Garment>,
    /// Whether only `--fit-images` takes it.
    pub(super) needs_fitting: bool,
}

/// A number for each picture that stays the same on every machine, as long as the picture stays where it is.
pub(super) fn keys(pictures: &[Picture]) -> Vec<u64> {
    let key = |picture: &Picture| {
        let digest = Sha256::digest(picture.below.as_bytes());
        digest.iter().take(8).fold(0, |key, byte| key << 8 | u64::from(*byte))
    };
    pictures.iter().map(key).collect()
}

impl PictureFolder {
    /// The folder by its one true path.
    pub(super) fn resolved(&self) -> Result<PathBuf, PairingError> {
        let resolved = fs::canonicalize(&self.path).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => {
                let looked_for = std::path::absolute(&self.path).unwrap_or_else(|_| self.path.clone());
                PairingError::NotFound { side: self.side, path: shown(&looked_for) }
            }
            _ => self.unreadable(&self.path, &error),
        })?;
        if resolved.is_dir() {
            Ok(resolved)
        } else {
            Err(PairingError::NoFolder { side: self.side, path: shown(&self.path) })
        }
    }

    pub(super) fn unreadable(&self, path: &Path, error: &dyn std::fmt::Display) -> PairingError {
        PairingError::Unreadable { side: self.side, path: shown(path), why: error.to_string() }
    }

    /// The patterns, understood.
    fn patterns(&self) -> Result<Vec<Pattern>, PairingError> {
        let parse = |text: &String| {
            let wrong = |error: &glob::PatternError| PairingError::Pattern {
                side: self.side,
                pattern: clean_text(text),
                why: error.msg.to_owned(),
            };
            Pattern::new(text.trim_start_matches("./").trim_end_matches('/')).map_err(|error| wrong(&error))
        };
        self.only.iter().map(parse).collect()
    }
}

/// Whether a pattern matches the path, or a folder it is in. As in `.gitignore`, a pattern without a slash is about one
/// name, wherever it is.
fn is_match(pattern: &Pattern, below: &Path) -> bool {
    let options = MatchOptions { require_literal_separator: true, ..MatchOptions::new() };
    if pattern.as_str().contains('/') {
        below.ancestors().any(|path| pattern.matches_path_with(path, options))
    } else {
        below.iter().any(|name| pattern.matches_path_with(Path::new(name), options))
    }
}

/// Finds the pictures of a folder and of those below it, in the order of their paths. Hidden files and folders are passed
/// over, and so are `other` (the folder of the other side) and folders that hold a queue: what is in them are results.
pub(super) fn look_through(
    folder: &PictureFolder,
    other: &Path,
    left_out: &mut Vec<LeftOut>,
) -> Result<Vec<Picture>, PairingError> {
    let only = folder.patterns()?;
    let (mut pictures, mut without_match) = (Vec::new(), 0_u64);
    let Found { files, left_out: mut lost } = find_files(folder, other)?;
    for file in files {
        let below = file.strip_prefix(&folder.path).unwrap_or(&file);
        if !only.is_empty() && !only.iter().any(|pattern| is_match(pattern, below)) {
            without_match += 1;
            continue;
        }
        match picture(&file, &folder.path, below) {
            Ok(picture) => pictures.push(picture),
            Err(reason) if has_name_of_picture(&file) => lost.push((file, reason)),
            Err(_) => {}
        }
    }
    lost.sort();
    let lost: Vec<LeftOut> = lost.into_iter().map(|(path, reason)| LeftOut { path: shown(&path), reason }).collect();
    if pictures.is_empty() {
        let why = why_empty(folder, without_match, &lost);
        return Err(PairingError::NoPictures { side: folder.side, path: shown(&folder.path), why });
    }
    left_out.extend(lost);
    Ok(pictures)
}

/// A file as a picture that a manifest can name, or the reason against it.
fn picture(file: &Path, root: &Path, below: &Path) -> Result<Picture, String> {
    let not_utf8 = "has a name that is not UTF-8, which a manifest cannot hold";
    let (Some(path), Some(below)) = (file.to_str(), below.to_str()) else {
        return Err(not_utf8.to_owned());
    };
    let cell = cell_of(path)?;
    let probe = probe(&InputFile::new(file)).map_err(|problem| clean_text(&problem.to_string()))?;
    let below = below.split(std::path::MAIN_SEPARATOR).collect::<Vec<_>>().join("/");
    Ok(Picture {
        cell,
        garment: garment_of(&below, root),
        below,
        needs_fitting: probe.check_fit(&InputLimits::KOLORS).is_err(),
    })
}

/// The text by which a manifest means this path: cells are trimmed, and some look like an address.
pub(super) fn cell_of(path: &str) -> Result<String, String> {
    let path = path.strip_prefix("./").unwrap_or(path);
    if path.trim_end() != path {
        return Err("has a name that ends in white space, which a manifest cannot hold".to_owned());
    }
    let is_plain = path.trim_start() == path && Meant::by(path) == Meant::File;
    Ok(if is_plain { path.to_owned() } else { format!("./{path}") })
}

/// What a garment is, by the nearest folder that says so; the folder that was named counts as well.
fn garment_of(below: &str, root: &Path) -> Option<Garment> {
    let word = |name: &str| Garment::from_word(&name.to_ascii_lowercase());
    let mut folders = below.rsplit('/').skip(1);
    folders.find_map(word).or_else(|| fs::canonicalize(root).ok()?.file_name()?.to_str().and_then(word))
}

/// Whether somebody who put the file there surely took it for a picture.
pub(super) fn has_name_of_picture(path: &Path) -> bool {
    let extension = path.extension().and_then(OsStr::to_str).unwrap_or_default().to_ascii_lowercase();
    PICTURE_EXTENSIONS.contains(&extension.as_str())
}

/// Completes "no usable picture in …" with what is there instead.
fn why_empty(folder: &PictureFolder, without_match: u64, left_out: &[LeftOut]) -> String {
    match left_out {
        [] if without_match > 0 => {
            let patterns = folder.only.iter().map(|pattern| clean_text(pattern)).collect::<Vec<_>>().join(" ");
            format!(
                "; --only-{} {patterns} matches no file there \
                 (a pattern is about one name, or with a / in it about the path below the folder)",
                folder.side
            )
        }
        [] => String::new(),
        [first] => format!("; {} {}", first.path, first.reason),
        [first, others @ ..] => format!("; {} {}, and {} more like it", first.path, first.reason, others.len()),
    }
}

pub(super) fn shown(path: &Path) -> String {
    clean_text(&path.display().to_string())
}
