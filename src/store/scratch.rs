//! Files that a run makes for itself: a folder of its own, which goes with the run. What a killed run has left there is
//! removed by the next one.

use std::io::{self, Write};
use std::path::PathBuf;

use tempfile::{NamedTempFile, TempPath};

use super::{InputFile, OutputError};

/// How the names of its files begin.
const PREFIX: &str = ".tryon-";

/// See the module's page.
#[derive(Debug, Clone)]
pub struct Scratch {
    folder: PathBuf,
}

/// A file that was made. It is removed when this is dropped.
#[derive(Debug)]
pub struct ScratchFile(TempPath);

impl Scratch {
    /// In `folder`, which is made when something is kept.
    #[must_use]
    pub fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// Keeps a picture.
    ///
    /// # Errors
    /// [`OutputError::Machine`].
    pub fn keep(&self, jpeg: &[u8]) -> Result<ScratchFile, OutputError> {
        let write = || {
            std::fs::create_dir_all(&self.folder)?;
            let mut file = tempfile::Builder::new().prefix(PREFIX).suffix(".jpg").tempfile_in(&self.folder)?;
            file.write_all(jpeg)?;
            Ok(ScratchFile(file.into_temp_path()))
        };
        write().map_err(|source| OutputError::Machine { path: self.folder.clone(), source })
    }

    /// Begins a file, which is removed when it is dropped.
    ///
    /// # Errors
    /// Those of the system.
    pub fn begin(&self) -> io::Result<NamedTempFile> {
        std::fs::create_dir_all(&self.folder)?;
        tempfile::Builder::new().prefix(PREFIX).tempfile_in(&self.folder)
    }

    /// Removes what was kept, and the folder; nothing that somebody else has put there.
    pub fn clear(&self) {
        let Ok(entries) = std::fs::read_dir(&self.folder) else { return };
        for entry in entries.flatten().filter(|entry| entry.file_name().to_string_lossy().starts_with(PREFIX)) {
            // What cannot be removed only takes room, and is tried again by the next run.
            let _ = std::fs::remove_file(entry.path());
        }
        if let Err(error) = std::fs::remove_dir(&self.folder) {
            tracing::warn!(folder = %self.folder.display(), %error, "the folder of made pictures stays");
        }
    }
}

impl ScratchFile {
    /// The file, to be sent.
    #[must_use]
    pub fn as_input(&self) -> InputFile {
        InputFile::new(&self.0)
    }
}
