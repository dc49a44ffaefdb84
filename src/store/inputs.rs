//! The pictures that jobs name: where they lie, what they were when they were looked at, and how they are opened.

use std::fmt;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::job::ImageSource;
use crate::picture::{Bytes, PictureError, Source};

/// A picture in a local file.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct InputFile(PathBuf);

/// The time at which a file was last modified, by which a replaced file is told from the earlier one. Not proof against a
/// time that was set back on purpose.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Version(Option<SystemTime>);

impl InputFile {
    /// The file at `path`, whether there is one or not.
    #[must_use]
    pub fn new(path: &Path) -> Self {
        Self(path.to_owned())
    }

    /// The file that a job names; `None` for a picture that the provider fetches.
    #[must_use]
    pub fn named_by(source: &ImageSource) -> Option<Self> {
        match source {
            ImageSource::File(path) => Some(Self(path.clone())),
            ImageSource::Url(_) => None,
        }
    }

    /// What it is now. Asked without opening it.
    #[must_use]
    pub fn version(&self) -> Version {
        Version(std::fs::metadata(&self.0).and_then(|metadata| metadata.modified()).ok())
    }

    /// Opens it to be sent.
    ///
    /// # Errors
    /// Those of the system.
    pub fn open_file(&self) -> io::Result<File> {
        File::open(&self.0)
    }

    /// Whether it is the file at `path`.
    #[must_use]
    pub fn is_at(&self, path: &Path) -> bool {
        self.0 == path
    }
}

impl fmt::Display for InputFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.display().fmt(f)
    }
}

impl Source for InputFile {
    fn open(&self) -> Result<(Box<dyn Bytes>, u64), PictureError> {
        let unreadable = |source: io::Error| match source.kind() {
            io::ErrorKind::NotFound => PictureError::NotFound(self.place()),
            _ => PictureError::Unreadable { path: self.place(), source },
        };
        // Asked before opening: opening a FIFO would wait for a writer that may never come.
        let metadata = std::fs::metadata(&self.0).map_err(unreadable)?;
        if metadata.is_dir() {
            return Err(PictureError::Folder(self.place()));
        }
        if !metadata.is_file() {
            return Err(PictureError::NotRegular(self.place()));
        }
        let file = File::open(&self.0).map_err(unreadable)?;
        Ok((Box::new(file), metadata.len()))
    }

    fn place(&self) -> String {
        self.0.display().to_string()
    }
}

/// The tests of pictures have files.
#[cfg(test)]
impl Source for Path {
    fn open(&self) -> Result<(Box<dyn Bytes>, u64), PictureError> {
        InputFile::new(self).open()
    }

    fn place(&self) -> String {
        self.display().to_string()
    }
}

#[cfg(test)]
impl Source for PathBuf {
    fn open(&self) -> Result<(Box<dyn Bytes>, u64), PictureError> {
        self.as_path().open()
    }

    fn place(&self) -> String {
        self.as_path().place()
    }
}
