//! The pictures that jobs name: where they lie, what they were when they were looked at, and how they are opened.

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use sha2::{Digest, Sha256};

use crate::job::{Content, ImageSource, ObjectUrl};
use crate::picture::{Bytes, PictureError, Source};

use super::Objects;

/// How much of a file is read at once.
const PIECE_BYTES: usize = 64 << 10;

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

/// By what a local file shows that it has not been written since it was read, without being read again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    bytes: u64,
    modified: Option<i64>,
}

impl Stamp {
    /// How long the file is.
    #[must_use]
    pub fn bytes(self) -> u64 {
        self.bytes
    }

    /// When the file was last modified, in Unix nanoseconds.
    #[must_use]
    pub fn modified(self) -> Option<i64> {
        self.modified
    }

    /// Whether a file of this length and time surely is what it was when it had that content. What has neither is no proof.
    #[must_use]
    pub fn is_of(self, content: &Content) -> bool {
        self.modified.is_some() && (self.bytes, self.modified) == (content.bytes, content.modified)
    }
}

/// A time as it is kept: Unix nanoseconds, which reach to the year 2262.
fn nanoseconds(time: Option<SystemTime>) -> Option<i64> {
    i64::try_from(time?.duration_since(SystemTime::UNIX_EPOCH).ok()?.as_nanos()).ok()
}

/// Lower-case hexadecimal.
fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a string does not fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
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
            ImageSource::Object(url) => Some(Self::object(url.clone(), objects.clone())),
            _ => Self::local(source, folder),
        }
    }

    /// The local file that a picture is, in `folder` where its name is relative; `None` where it is none, and for a relative one
    /// where there is no folder.
    #[must_use]
    pub fn local(source: &ImageSource, folder: Option<&Path>) -> Option<Self> {
        match source {
            ImageSource::File(path) if path.is_absolute() => Some(Self::new(path)),
            ImageSource::File(path) => folder.map(|folder| Self::new(&folder.join(path))),
            ImageSource::Url(_) | ImageSource::Object(_) => None,
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

    /// Reads all of it, and says what it is.
    ///
    /// # Errors
    /// Those of the system, or of the bucket.
    pub fn content(&self) -> io::Result<Content> {
        let mut file = self.open_file()?;
        // Of the open file: another one may take its place at the path meanwhile.
        let modified = nanoseconds(file.metadata()?.modified().ok());
        let (mut digest, mut bytes, mut piece) = (Sha256::new(), 0, vec![0; PIECE_BYTES]);
        loop {
            let read = match file.read(&mut piece) {
                Ok(0) => break,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                read => read?,
            };
            digest.update(&piece[..read]);
            bytes += read as u64;
        }
        let sha256 = hex(&digest.finalize());
        Ok(match &self.0 {
            Lies::File(_) => Content { sha256, bytes, modified, etag: None },
            Lies::Object(url, objects) => Content { sha256, bytes, modified: None, etag: objects.tag(url) },
        })
    }

    /// What a local file is now, by its sha256; `None` for an object, and for a file that cannot be read. One of the length and
    /// time that it had when it was one of `known` is not read.
    #[must_use]
    pub fn sha256_now(&self, known: &[&Content]) -> Option<String> {
        let stamp = self.stamp().ok()??;
        match known.iter().find(|known| stamp.is_of(known)) {
            Some(unchanged) => Some(unchanged.sha256.clone()),
            None => self.content().ok().map(|content| content.sha256),
        }
    }

    /// How long a local file is, and when it was last modified; `None` for an object.
    ///
    /// # Errors
    /// Those of the system: mostly that it is not there.
    pub fn stamp(&self) -> io::Result<Option<Stamp>> {
        let Lies::File(path) = &self.0 else { return Ok(None) };
        let metadata = std::fs::metadata(path)?;
        Ok(Some(Stamp { bytes: metadata.len(), modified: nanoseconds(metadata.modified().ok()) }))
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
