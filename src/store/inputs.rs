//! The pictures that jobs name: where they lie, what they were when they were looked at, and how they are opened.

use std::fmt;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::job::{ImageSource, ObjectUrl};
use crate::picture::{Bytes, PictureError, Source};

use super::Objects;

/// A picture in a local file, or in a bucket.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct InputFile(Lies);

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Lies {
    File(PathBuf),
    Object(ObjectUrl, Objects),
}

/// By what a replaced picture is told from the earlier one: the time at which a file was last modified (not proof against
/// a time that was set back on purpose), or what a bucket calls the object's version.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Version(Is);

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Is {
    OfTime(Option<SystemTime>),
    Tagged(Option<String>),
}

impl InputFile {
    /// The file at `path`, whether there is one or not.
    #[must_use]
    pub fn new(path: &Path) -> Self {
        Self(Lies::File(path.to_owned()))
    }

    /// An object, whether there is one or not.
    #[must_use]
    pub fn object(url: ObjectUrl, objects: Objects) -> Self {
        Self(Lies::Object(url, objects))
    }

    /// The picture that a job names, in `folder` where its name is relative; `None` for one that the provider fetches, and
    /// for a relative one where there is no folder.
    #[must_use]
    pub fn named_by(source: &ImageSource, folder: Option<&Path>, objects: &Objects) -> Option<Self> {
        match source {
            ImageSource::File(path) if path.is_absolute() => Some(Self::new(path)),
            ImageSource::File(path) => folder.map(|folder| Self::new(&folder.join(path))),
            ImageSource::Object(url) => Some(Self::object(url.clone(), objects.clone())),
            ImageSource::Url(_) => None,
        }
    }

    /// What it is now, or what an object was when it was copied. A file is not opened for it.
    #[must_use]
    pub fn version(&self) -> Version {
        Version(match &self.0 {
            Lies::File(path) => Is::OfTime(std::fs::metadata(path).and_then(|metadata| metadata.modified()).ok()),
            Lies::Object(url, objects) => Is::Tagged(objects.tag(url)),
        })
    }

    /// Opens it to be sent.
    ///
    /// # Errors
    /// Those of the system, or of the bucket.
    pub fn open_file(&self) -> io::Result<File> {
        match &self.0 {
            Lies::File(path) => File::open(path),
            Lies::Object(url, objects) => objects.open_file(url),
        }
    }

    /// Whether it is the file at `path`.
    #[must_use]
    pub fn is_at(&self, path: &Path) -> bool {
        matches!(&self.0, Lies::File(own) if own == path)
    }
}

impl fmt::Display for InputFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Lies::File(path) => path.display().fmt(f),
            Lies::Object(url, _) => url.fmt(f),
        }
    }
}

impl Source for InputFile {
    fn open(&self) -> Result<(Box<dyn Bytes>, u64), PictureError> {
        let unreadable = |source: io::Error| match source.kind() {
            io::ErrorKind::NotFound => PictureError::NotFound(self.place()),
            _ => PictureError::Unreadable { path: self.place(), source },
        };
        let path = match &self.0 {
            Lies::File(path) => path,
            Lies::Object(url, objects) => return objects.open(url).map_err(unreadable),
        };
        // Asked before opening: opening a FIFO would wait for a writer that may never come.
        let metadata = std::fs::metadata(path).map_err(unreadable)?;
        if metadata.is_dir() {
            return Err(PictureError::Folder(self.place()));
        }
        if !metadata.is_file() {
            return Err(PictureError::NotRegular(self.place()));
        }
        let file = File::open(path).map_err(unreadable)?;
        Ok((Box::new(file), metadata.len()))
    }

    fn place(&self) -> String {
        self.to_string()
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
