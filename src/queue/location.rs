//! Where a queue is: a file, or a database.

use std::ffi::OsStr;
use std::fmt;
use std::path::{Path, PathBuf};

use super::address::{BadAddress, PostgresAddress};

/// Where a queue is, or will be. It is shown without a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Location {
    /// A file of this machine's.
    File(PathBuf),
    /// A database of PostgreSQL's.
    Postgres(PostgresAddress),
}

impl Location {
    /// The location that an argument names: a URL that begins with `postgres://`, or else a file.
    ///
    /// # Errors
    /// It is such a URL, and cannot be used.
    pub fn parse(text: &OsStr) -> Result<Self, BadAddress> {
        match text.to_str() {
            Some(text) => PostgresAddress::parse(text)
                .map_or_else(|| Ok(Self::File(text.into())), |address| address.map(Self::Postgres)),
            None if text.as_encoded_bytes().starts_with(b"postgres")
                && text.as_encoded_bytes().windows(3).any(|part| part == b"://") =>
            {
                Err(BadAddress::NotText)
            }
            None => Ok(Self::File(text.into())),
        }
    }

    /// The queue's file; `None` where it is in a database.
    #[must_use]
    pub fn as_file(&self) -> Option<&Path> {
        match self {
            Self::File(path) => Some(path),
            Self::Postgres(_) => None,
        }
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => path.display().fmt(f),
            Self::Postgres(address) => address.fmt(f),
        }
    }
}

impl From<&Path> for Location {
    fn from(path: &Path) -> Self {
        Self::File(path.to_owned())
    }
}

impl From<&PathBuf> for Location {
    fn from(path: &PathBuf) -> Self {
        Self::File(path.clone())
    }
}

impl From<PathBuf> for Location {
    fn from(path: PathBuf) -> Self {
        Self::File(path)
    }
}

impl From<&Location> for Location {
    fn from(location: &Location) -> Self {
        location.clone()
    }
}

impl From<PostgresAddress> for Location {
    fn from(address: PostgresAddress) -> Self {
        Self::Postgres(address)
    }
}
