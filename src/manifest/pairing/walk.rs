//! The files below a folder, each once: links are followed, and no file is found by two ways.

use std::collections::{HashSet, VecDeque};
use std::fs;
use std::path::{Path, PathBuf};

use walkdir::{DirEntry, WalkDir};

use super::PairingError;
use super::folder::{PictureFolder, has_name_of_picture, shown};

/// What is below a folder.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// In the order of their paths.
    pub(super) files: Vec<PathBuf>,
    /// What is not followed, with what completes the path to a sentence.
    pub(super) left_out: Vec<(PathBuf, String)>,
}

/// The way through a folder and what its links lead to.
struct Walk<'a> {
    folder: &'a PictureFolder,
    other: &'a Path,
    found: Found,
    /// Folders and linked files that were seen, by their one true path.
    seen: HashSet<PathBuf>,
    /// Links that wait to be followed: what has a path without links is found by that.
    links: VecDeque<PathBuf>,
    /// Links to files, which wait for those to folders, in which the files may be.
    links_to_files: Vec<PathBuf>,
}

/// Finds the files of a folder and of those below it. Hidden files and folders are passed over, and so are `other` and
/// folders that hold a queue.
pub(super) fn find_files(folder: &PictureFolder, other: &Path) -> Result<Found, PairingError> {
    let mut walk = Walk {
        folder,
        other,
        found: Found::default(),
        seen: HashSet::new(),
        links: VecDeque::new(),
        links_to_files: Vec::new(),
    };
    walk.enter(&folder.path)?;
    while let Some(link) = walk.links.pop_front() {
        walk.follow(link)?;
    }
    walk.follow_to_files();
    let mut found = walk.found;
    found.files.sort();
    Ok(found)
}

impl Walk<'_> {
    /// Takes up the files of a folder and of those below it, and notes the links for later.
    fn enter(&mut self, path: &Path) -> Result<(), PairingError> {
        let true_path = fs::canonicalize(path).map_err(|error| self.folder.unreadable(path, &error))?;
        self.seen.insert(true_path);
        let mut entries = WalkDir::new(path).min_depth(1).sort_by_file_name().into_iter();
        while let Some(entry) = entries.next() {
            let entry = entry.map_err(|error| {
                let path = error.path().unwrap_or(path).to_owned();
                let why = error.io_error().map_or_else(|| error.to_string(), ToString::to_string);
                self.folder.unreadable(&path, &why)
            })?;
            if is_hidden(&entry) {
                if entry.file_type().is_dir() {
                    entries.skip_current_dir();
                }
            } else if entry.path_is_symlink() {
                self.links.push_back(entry.into_path());
            } else if entry.file_type().is_dir() {
                let true_path = fs::canonicalize(entry.path());
                let true_path = true_path.map_err(|error| self.folder.unreadable(entry.path(), &error))?;
                if holds_queue(entry.path()) || true_path == self.other || !self.seen.insert(true_path) {
                    entries.skip_current_dir();
                }
            } else {
                self.found.files.push(entry.into_path());
            }
        }
        Ok(())
    }

    /// Takes up what a link leads to, unless that is known by another way.
    fn follow(&mut self, link: PathBuf) -> Result<(), PairingError> {
        let Ok(target) = fs::canonicalize(&link) else {
            self.found.left_out.push((link, "is a link that leads nowhere".to_owned()));
            return Ok(());
        };
        if target == self.other || (target.is_dir() && holds_queue(&target)) {
            return Ok(());
        }
        let own_folder = link.parent().and_then(|parent| fs::canonicalize(parent).ok());
        if target.is_dir() && own_folder.is_some_and(|own| own.starts_with(&target)) {
            let reason = format!("is a link that leads back to {}", shown(&target));
            self.found.left_out.push((link, reason));
            return Ok(());
        }
        if !target.is_dir() {
            self.links_to_files.push(link);
        } else if self.seen.contains(&target) {
            self.leave_out(link, &target);
        } else {
            self.enter(&link)?;
        }
        Ok(())
    }

    /// Takes up the files that links lead to, and that were not found without.
    fn follow_to_files(&mut self) {
        for link in std::mem::take(&mut self.links_to_files) {
            let Ok(target) = fs::canonicalize(&link) else { continue };
            if self.has_seen_folder_of(&target) || !self.seen.insert(target.clone()) {
                if has_name_of_picture(&link) {
                    self.leave_out(link, &target);
                }
            } else {
                self.found.files.push(link);
            }
        }
    }

    fn leave_out(&mut self, link: PathBuf, target: &Path) {
        let reason = format!("is a link to {}, which is found without it", shown(target));
        self.found.left_out.push((link, reason));
    }

    /// Whether a file was found by going through its folder.
    fn has_seen_folder_of(&self, file: &Path) -> bool {
        !has_hidden_name(file) && file.parent().is_some_and(|parent| self.seen.contains(parent))
    }
}

fn is_hidden(entry: &DirEntry) -> bool {
    has_hidden_name(entry.path())
}

fn has_hidden_name(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."))
}

fn holds_queue(path: &Path) -> bool {
    path.join("queue.db").exists()
}
