//! The input pictures, each kept once as a file named by its hash.
//!
//! A catalogue repeats its pictures a lot (a few models in thousands of garments), and a task must be able to
//! show its result after a restart, so they are on disk before the task is.

use std::io;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

/// What a create names as a picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Picture {
    /// The file's bytes.
    Bytes(Vec<u8>),
    /// An address. It is never fetched: a stand-in has no business on the network.
    Url(String),
}

impl Picture {
    /// The hash that stands for this picture in a draw.
    pub(super) fn hash(&self) -> [u8; 32] {
        match self {
            Self::Bytes(bytes) => Sha256::digest(bytes).into(),
            Self::Url(url) => Sha256::digest(url).into(),
        }
    }
}

/// The folder of all pictures.
#[derive(Debug, Clone)]
pub(super) struct Pictures {
    folder: PathBuf,
}

impl Pictures {
    pub(super) fn open(folder: &Path) -> io::Result<Self> {
        std::fs::create_dir_all(folder)?;
        Ok(Self { folder: folder.to_owned() })
    }

    /// Keeps a picture whose hash is `hash`, and returns the text under which [`Self::read`] finds it again.
    pub(super) fn keep(&self, picture: &Picture, hash: &[u8; 32]) -> io::Result<String> {
        let bytes = match picture {
            Picture::Url(url) => return Ok(url.clone()),
            Picture::Bytes(bytes) => bytes,
        };
        let name = hex(hash);
        let path = self.path(&name);
        if !path.exists() {
            let folder = path.parent().unwrap_or(&self.folder);
            std::fs::create_dir_all(folder)?;
            // Written beside its place and renamed, so that a kill leaves no half picture under the whole one's name.
            let mut beside = tempfile::NamedTempFile::new_in(folder)?;
            io::Write::write_all(&mut beside, bytes)?;
            beside.persist(&path).map_err(|error| error.error)?;
        }
        Ok(name)
    }

    /// The picture that [`Self::keep`] named so.
    pub(super) fn read(&self, name: &str) -> io::Result<Picture> {
        if name.contains(':') {
            return Ok(Picture::Url(name.to_owned()));
        }
        std::fs::read(self.path(name)).map(Picture::Bytes)
    }

    fn path(&self, name: &str) -> PathBuf {
        // Folders of 1/256 each: a folder of ten thousand files is slow to look into by hand.
        self.folder.join(name.get(..2).unwrap_or("__")).join(name)
    }
}

/// Lower-case hexadecimal.
pub(super) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        write!(text, "{byte:02x}").expect("writing to a String never fails");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_picture_is_kept_once() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let pictures = Pictures::open(folder.path()).expect("opens");
        let picture = Picture::Bytes(vec![1, 2, 3]);
        let first = pictures.keep(&picture, &picture.hash()).expect("kept");
        let second = pictures.keep(&picture, &picture.hash()).expect("kept");
        assert_eq!(first, second);
        assert_eq!(pictures.read(&first).expect("read"), picture);
        let inner = folder.path().join(&first[..2]);
        assert_eq!(std::fs::read_dir(inner).expect("listed").count(), 1);
    }

    #[test]
    fn an_address_is_kept_as_it_is() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let pictures = Pictures::open(folder.path()).expect("opens");
        let picture = Picture::Url("https://example.com/a.png".to_owned());
        let name = pictures.keep(&picture, &picture.hash()).expect("kept");
        assert_eq!(pictures.read(&name).expect("read"), picture);
    }
}
