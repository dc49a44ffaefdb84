//! Results in a local folder.
//!
//! A picture is written beside its place under a name of its own, checked, flushed to disk and renamed; then the
//! folder is flushed too. Nothing is ever written outside the folder, whatever symlinks are in it.
//!
//! Where several hosts write into it, the name of an unfinished file says which queue's epoch writes it, so that what a dead
//! one has left can be told from what is being written ([`super::unfinished`]).

use std::collections::HashSet;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::job::{JobId, JobSeq};

use super::unfinished::Mark;
use super::{OutputError, Staged, names};

/// The folder below which results go.
#[derive(Debug, Clone)]
pub struct Folder {
    root: PathBuf,
    /// What the names of unfinished files end with, where several hosts write into the folder: two may fetch one job's picture
    /// at once, when one of them was stopped for longer than its lease.
    pub(super) mark: Option<Arc<Mark>>,
}

/// How many folders [`FolderChecks`] remembers.
const MOST_FOLDERS: usize = 1 << 14;

/// [`Folder::check`] for many ids in a row: the system is asked once for each folder, not for each id.
#[derive(Debug)]
pub struct FolderChecks {
    tree: Folder,
    /// The folders, as ids write them, that were found to lie inside, or not to be there yet.
    inside: HashSet<Box<str>>,
}

impl Folder {
    /// Makes the folder where there is none, and checks that it can be written to.
    ///
    /// # Errors
    /// With the folder's path and the system's reason.
    pub fn create(root: &Path) -> Result<Self, OutputError> {
        let machine = |source| OutputError::Machine { path: root.to_owned(), source };
        std::fs::create_dir_all(root).map_err(machine)?;
        let root = root.canonicalize().map_err(machine)?;
        tempfile::tempfile_in(&root).map_err(machine)?;
        Ok(Self { root, mark: None })
    }

    /// The folder as an epoch of a queue writes into it, beside others.
    #[must_use]
    pub(super) fn of_epoch(self, queue: &str, epoch: i64) -> Self {
        Self { root: self.root, mark: Some(Arc::new(Mark::of(queue, epoch))) }
    }

    /// The tree's root, absolute.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Whether the folders of an id that exist already lie inside the tree.
    ///
    /// # Errors
    /// [`OutputError::LeavesTree`] with the folder that does not.
    pub fn check(&self, id: &JobId) -> Result<(), OutputError> {
        let mut folder = self.root.clone();
        for part in folders_of(id) {
            folder.push(part);
            match folder.canonicalize() {
                Ok(real) if real.starts_with(&self.root) => {}
                Ok(_) => return Err(OutputError::LeavesTree(folder)),
                Err(_) => return Ok(()),
            }
        }
        Ok(())
    }

    /// Begins the file of one image of a job. Where no other host writes into the folder, the name depends only on the job, so
    /// that a file left behind by a kill is overwritten by the next try.
    ///
    /// # Errors
    /// See [`OutputError`].
    pub fn stage(&self, id: &JobId, seq: JobSeq, image: u32) -> Result<Staged, OutputError> {
        let mut folder = self.root.clone();
        for part in folders_of(id) {
            folder.push(part);
            match std::fs::create_dir(&folder) {
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(self.trouble(&folder, error)),
                _ if !folder.is_dir() => {
                    let why = "the id needs a folder there, and it is none".to_owned();
                    return Err(OutputError::InTheWay { path: folder, why });
                }
                _ => {}
            }
        }
        let real = folder.canonicalize().map_err(|error| self.trouble(&folder, error))?;
        if !real.starts_with(&self.root) {
            return Err(OutputError::LeavesTree(folder));
        }
        Staged::begin(&real, seq, image, &self.next_mark()).map_err(|(path, error)| self.trouble(&path, error))
    }

    /// What the next unfinished file's name ends with.
    fn next_mark(&self) -> String {
        self.mark.as_ref().map_or_else(String::new, |mark| mark.next())
    }

    /// Gives a staged file its final name, `name` being the id with an extension. When this returns, the file is
    /// whole and on disk under that name. Returns its path relative to the tree, with `/`.
    ///
    /// # Errors
    /// See [`OutputError`].
    pub fn publish(&self, mut staged: Staged, name: &str) -> Result<String, OutputError> {
        let last = name.rsplit(['/', '\\']).next().unwrap_or(name);
        let place = staged.folder().join(last);
        let unflushed = |path: &Path, source| OutputError::Machine { path: path.to_owned(), source };
        staged.file.sync_all().map_err(|error| unflushed(&staged.path, error))?;
        if place.is_dir() {
            return Err(OutputError::InTheWay { path: place, why: "it is a folder".to_owned() });
        }
        std::fs::rename(&staged.path, &place).map_err(|error| self.trouble(&place, error))?;
        staged.is_published = true;
        sync_folder(staged.folder()).map_err(|error| unflushed(staged.folder(), error))?;
        Ok(name.replace('\\', "/"))
    }

    /// Removes what a killed run has left half-written in the folder itself, which nobody else writes into.
    pub(super) fn clear_staged(&self) {
        let Ok(entries) = std::fs::read_dir(&self.root) else { return };
        let is_staged = |name: &str| name.starts_with(".tryon-") && name.ends_with(".part") || name.starts_with(".tmp");
        for entry in entries.flatten().filter(|entry| is_staged(&entry.file_name().to_string_lossy())) {
            // What cannot be removed is overwritten by the next try.
            let _ = std::fs::remove_file(entry.path());
        }
    }

    /// Whether a result is certainly not there. One that cannot be looked at is not one that is gone.
    #[must_use]
    pub fn is_gone(&self, name: &str) -> bool {
        matches!(self.root.join(name).try_exists(), Ok(false))
    }

    /// Where a result is, for a message.
    #[must_use]
    pub fn place_of(&self, name: &str) -> String {
        self.root.join(name).display().to_string()
    }

    /// Removes an image whose place another one has taken under another name. What cannot be removed stays: it is in
    /// nobody's way.
    pub fn remove(&self, path: &str) {
        let place = self.root.join(path);
        let is_inside = place.parent().and_then(|folder| folder.canonicalize().ok());
        if is_inside.is_some_and(|folder| folder.starts_with(&self.root)) {
            let _ = std::fs::remove_file(place);
        }
    }

    /// Whether an error is about this one name, or about the machine.
    fn trouble(&self, path: &Path, source: io::Error) -> OutputError {
        let path = path.to_owned();
        if names::is_about_the_name(&source) {
            OutputError::InTheWay { path, why: source.to_string() }
        } else {
            OutputError::Machine { path, source }
        }
    }
}

impl FolderChecks {
    /// With nothing remembered.
    #[must_use]
    pub fn new(tree: Folder) -> Self {
        Self { tree, inside: HashSet::new() }
    }

    /// As [`Folder::check`].
    ///
    /// # Errors
    /// As [`Folder::check`].
    pub fn check(&mut self, id: &JobId) -> Result<(), OutputError> {
        let folders = folders_in(id);
        if folders.is_empty() || self.inside.contains(folders) {
            return Ok(());
        }
        self.tree.check(id)?;
        if self.inside.len() >= MOST_FOLDERS {
            self.inside.clear();
        }
        self.inside.insert(folders.into());
        Ok(())
    }
}

/// The folders that an id's result is in, below the root.
fn folders_of(id: &JobId) -> impl Iterator<Item = &str> {
    folders_in(id).split(['/', '\\']).filter(|part| !part.is_empty())
}

/// The part of an id's text that names folders.
fn folders_in(id: &JobId) -> &str {
    id.as_str().rsplit_once(['/', '\\']).map_or("", |(folders, _)| folders)
}

/// Makes a rename last: the folder's own entry has to reach the disk as well.
pub(super) fn sync_folder(folder: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn tree() -> (tempfile::TempDir, Folder) {
        let folder = tempfile::tempdir().expect("a folder");
        let tree = Folder::create(&folder.path().join("out")).expect("a tree");
        (folder, tree)
    }

    fn id(text: &str) -> JobId {
        JobId::parse(text).expect(text)
    }

    fn names_in(folder: &Path) -> Vec<String> {
        let entries = std::fs::read_dir(folder).expect("a folder");
        let mut names: Vec<String> =
            entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    #[test]
    fn two_hosts_that_fetch_the_same_picture_publish_each_its_own_whole_one() {
        let (_folder, tree) = tree();
        let (a, b) = (tree.clone().of_epoch("queue", 1), tree.clone().of_epoch("queue", 2));
        let mut of_a = a.stage(&id("x"), JobSeq(7), 0).expect("staged");
        let mut of_b = b.stage(&id("x"), JobSeq(7), 0).expect("staged");
        of_a.write_all(b"whole").expect("written");
        of_b.write_all(b"who").expect("written");
        a.publish(of_a, "x.png").expect("published");
        assert_eq!(std::fs::read(tree.root().join("x.png")).expect("a file"), b"whole");
        of_b.write_all(b"le").expect("written");
        b.publish(of_b, "x.png").expect("published");
        assert_eq!(std::fs::read(tree.root().join("x.png")).expect("a file"), b"whole");
        assert_eq!(names_in(tree.root()), ["x.png"]);
    }

    #[test]
    fn a_file_is_absent_until_it_is_published_and_whole_then() {
        let (_folder, tree) = tree();
        let mut staged = tree.stage(&id("a/b/c"), JobSeq(7), 0).expect("staged");
        staged.write_all(b"picture").expect("written");
        assert!(!tree.root().join("a/b/c.png").exists());
        let path = tree.publish(staged, "a/b/c.png").expect("published");
        assert_eq!(path, "a/b/c.png");
        assert_eq!(std::fs::read(tree.root().join(path)).expect("there"), b"picture");
        assert_eq!(names_in(&tree.root().join("a/b")), ["c.png"]);
    }

    #[test]
    fn a_try_that_was_given_up_leaves_nothing() {
        let (_folder, tree) = tree();
        drop(tree.stage(&id("a"), JobSeq(1), 0).expect("staged"));
        assert!(names_in(tree.root()).is_empty());
        std::mem::forget(tree.stage(&id("a"), JobSeq(1), 0).expect("staged"));
        drop(tree.stage(&id("a"), JobSeq(1), 0).expect("the next try takes the name over"));
        assert!(names_in(tree.root()).is_empty());
    }

    #[cfg(unix)]
    #[test]
    fn a_symlink_that_leads_out_is_not_followed() {
        let (folder, tree) = tree();
        let outside = folder.path().join("outside");
        std::fs::create_dir(&outside).expect("made");
        std::os::unix::fs::symlink(&outside, tree.root().join("link")).expect("linked");
        assert!(matches!(tree.check(&id("link/x")), Err(OutputError::LeavesTree(_))));
        let mut many = FolderChecks::new(tree.clone());
        for _ in 0..2 {
            assert!(many.check(&id("plain/x")).is_ok() && many.check(&id("x")).is_ok());
            assert!(matches!(many.check(&id("link/x")), Err(OutputError::LeavesTree(_))), "however often it is asked");
        }
        assert!(matches!(tree.stage(&id("link/x"), JobSeq(1), 0), Err(OutputError::LeavesTree(_))));
        assert!(names_in(&outside).is_empty());
        std::os::unix::fs::symlink("/dev/null", tree.root().join(".tryon-1-0.part")).expect("linked");
        let mut staged = tree.stage(&id("y"), JobSeq(1), 0).expect("the trap is removed");
        staged.write_all(b"x").expect("written");
        tree.publish(staged, "y.png").expect("published");
        assert_eq!(std::fs::read(tree.root().join("y.png")).expect("there"), b"x");
    }

    #[test]
    fn a_file_where_a_folder_should_be_is_named() {
        let (_folder, tree) = tree();
        std::fs::write(tree.root().join("a"), b"").expect("written");
        let error = tree.stage(&id("a/b"), JobSeq(1), 0).expect_err("in the way");
        assert!(matches!(error, OutputError::InTheWay { .. }), "{error}");
        std::fs::create_dir(tree.root().join("c.png")).expect("made");
        let staged = tree.stage(&id("c"), JobSeq(1), 0).expect("staged");
        assert!(matches!(tree.publish(staged, "c.png"), Err(OutputError::InTheWay { .. })));
    }
}
