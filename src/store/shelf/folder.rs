//! A shelf in a local folder. A file is written beside the others under a name of its own, flushed, and renamed.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::fs::{File, TryLockError};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use tempfile::TempPath;

use super::{OutputError, ShelfFile};
use crate::store::folder::sync_folder;
use crate::store::names::is_about_the_name;

const LOCK: &str = ".tryon-publish.lock";
const UNFINISHED: (&str, &str) = (".tryon-publish-", ".part");

/// See the module's page.
#[derive(Debug)]
pub(super) struct ShelfFolder {
    root: PathBuf,
    /// Held as long as this is there; `None` where the folder is only looked at.
    _lock: Option<File>,
}

/// A file on disk under another name.
#[derive(Debug)]
pub(super) struct ShelfStaged {
    path: TempPath,
    place: PathBuf,
    replaces: bool,
}

impl ShelfFolder {
    /// Makes the folder where there is none, takes its lock, and removes what a killed process has left half-written.
    pub(super) fn open(root: &Path) -> Result<Self, OutputError> {
        let machine = |source| OutputError::Machine { path: root.to_owned(), source };
        std::fs::create_dir_all(root).map_err(machine)?;
        let root = root.canonicalize().map_err(machine)?;
        let path = root.join(LOCK);
        let failed = |source| OutputError::Machine { path: path.clone(), source };
        let lock = File::options().create(true).truncate(false).write(true).open(&path).map_err(failed)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let why = "another `tryon publish` is at work there; wait for its end".to_owned();
                return Err(OutputError::InTheWay { path, why });
            }
            Err(TryLockError::Error(source)) => return Err(failed(source)),
        }
        for entry in std::fs::read_dir(&root).map_err(failed)?.flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            if name.starts_with(UNFINISHED.0) && name.ends_with(UNFINISHED.1) {
                // What cannot be removed only takes room.
                let _ = std::fs::remove_file(entry.path());
            }
        }
        Ok(Self { root, _lock: Some(lock) })
    }

    /// The folder, to be looked at alone.
    pub(super) fn look(root: &Path) -> Result<Self, OutputError> {
        let machine = |source| OutputError::Machine { path: root.to_owned(), source };
        Ok(Self { root: root.canonicalize().map_err(machine)?, _lock: None })
    }

    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    fn failed(&self, path: &Path, source: io::Error) -> OutputError {
        if is_about_the_name(&source) || source.kind() == io::ErrorKind::AlreadyExists {
            OutputError::InTheWay { path: path.to_owned(), why: source.to_string() }
        } else {
            OutputError::Machine { path: path.to_owned(), source }
        }
    }

    pub(super) fn read(&self, name: &str) -> Result<Option<Vec<u8>>, OutputError> {
        let path = self.root.join(name);
        match std::fs::read(&path) {
            Ok(content) => Ok(Some(content)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(self.failed(&path, error)),
        }
    }

    pub(super) fn lengths(&self, names: HashSet<String>) -> Result<HashMap<String, u64>, OutputError> {
        let mut lengths = HashMap::new();
        for name in names {
            let path = self.root.join(&name);
            match std::fs::symlink_metadata(&path) {
                Ok(found) => drop(lengths.insert(name, found.len())),
                Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {}
                Err(error) => return Err(self.failed(&path, error)),
            }
        }
        Ok(lengths)
    }

    /// The checksum of a file; `None` where there is none.
    pub(super) fn sha256(&self, name: &str) -> Result<Option<String>, OutputError> {
        let path = self.root.join(name);
        let read = || -> io::Result<String> {
            let (mut file, mut hash, mut piece) = (File::open(&path)?, Sha256::new(), vec![0; 256 << 10]);
            loop {
                match file.read(&mut piece)? {
                    0 => return Ok(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()),
                    read => hash.update(&piece[..read]),
                }
            }
        };
        match read() {
            Ok(sha256) => Ok(Some(sha256)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            // A folder, say: no file of ours.
            Err(error) if is_about_the_name(&error) => Ok(Some(String::new())),
            Err(error) => Err(self.failed(&path, error)),
        }
    }

    /// Writes a file beside the others, and flushes it.
    pub(super) fn stage(&self, file: ShelfFile) -> Result<ShelfStaged, OutputError> {
        let place = self.place_for(&file.name)?;
        Ok(ShelfStaged { path: self.written(&file.bytes)?, place, replaces: file.replaces })
    }

    /// The path for a name, whose folders are made. None of them leads out of the shelf.
    fn place_for(&self, name: &str) -> Result<PathBuf, OutputError> {
        let mut folder = self.root.clone();
        let (folders, last) = name.rsplit_once('/').unwrap_or(("", name));
        for part in folders.split('/').filter(|part| !part.is_empty()) {
            folder.push(part);
            match std::fs::create_dir(&folder) {
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(self.failed(&folder, error)),
                _ => {}
            }
        }
        let real = folder.canonicalize().map_err(|error| self.failed(&folder, error))?;
        if !real.starts_with(&self.root) {
            return Err(OutputError::LeavesTree(folder));
        }
        if !real.is_dir() {
            let why = "the name needs a folder there, and it is none".to_owned();
            return Err(OutputError::InTheWay { path: folder, why });
        }
        Ok(real.join(last))
    }

    fn written(&self, content: &[u8]) -> Result<TempPath, OutputError> {
        let write = || {
            let mut builder = tempfile::Builder::new();
            builder.prefix(UNFINISHED.0).suffix(UNFINISHED.1);
            // Whoever serves the files has to be able to read them, as far as the system's mask allows.
            #[cfg(unix)]
            builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
            let mut file = builder.tempfile_in(&self.root)?;
            file.write_all(content)?;
            file.as_file().sync_all()?;
            Ok(file.into_temp_path())
        };
        write().map_err(|error| self.failed(&self.root, error))
    }

    /// Adds to a file of the program's own. When this returns, it is on disk.
    pub(super) fn append(&self, name: &str, text: &str) -> Result<(), OutputError> {
        let path = self.root.join(name);
        let append = || {
            let mut file = File::options().create(true).append(true).open(&path)?;
            file.write_all(text.as_bytes())?;
            file.sync_data()
        };
        append().map_err(|error| self.failed(&path, error))
    }

    /// Gives files their names; then the folders are flushed too.
    pub(super) fn settle(&self, staged: Vec<ShelfStaged>) -> Vec<Result<(), OutputError>> {
        let mut folders = BTreeSet::new();
        let mut settled: Vec<Result<(), OutputError>> = Vec::with_capacity(staged.len());
        for ShelfStaged { path, place, replaces } in staged {
            // What came there since it was looked at is somebody else's.
            let renamed = if replaces { path.persist(&place) } else { path.persist_noclobber(&place) };
            folders.extend(place.parent().map(Path::to_owned));
            settled.push(renamed.map_err(|error| self.failed(&place, error.error)));
        }
        for folder in folders {
            if let Err(error) = sync_folder(&folder) {
                settled.push(Err(self.failed(&folder, error)));
            }
        }
        settled
    }

    /// Replaces a file, in one step.
    pub(super) fn replace(&self, name: &str, content: &[u8]) -> Result<(), OutputError> {
        let place = self.place_for(name)?;
        let staged = ShelfStaged { path: self.written(content)?, place, replaces: true };
        self.settle(vec![staged]).into_iter().collect()
    }

    /// Removes a file, and the folders that it leaves empty.
    pub(super) fn remove(&self, name: &str) -> Result<(), OutputError> {
        let path = self.root.join(name);
        let folder = path.parent().and_then(|folder| folder.canonicalize().ok());
        if !folder.is_some_and(|folder| folder.starts_with(&self.root)) {
            return Ok(());
        }
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(self.failed(&path, error)),
            _ => {}
        }
        let folders = path.ancestors().skip(1).take_while(|folder| *folder != self.root);
        // The first that is not empty stays, with those above it.
        for folder in folders {
            if std::fs::remove_dir(folder).is_err() {
                break;
            }
        }
        Ok(())
    }
}
