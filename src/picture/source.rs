//! Where a picture comes from, as far as this room knows it: bytes that can be read from any place.

use std::io::{Read, Seek};

use super::PictureError;

/// An opened picture.
pub trait Bytes: Read + Seek + Send {}

impl<T: Read + Seek + Send> Bytes for T {}

/// A place where a picture lies. It can be opened again and again.
pub trait Source {
    /// Opens it at its beginning, with its length in bytes. Never waits for a writer that may not come.
    ///
    /// # Errors
    /// Nothing is there, or what is there cannot be a picture or be read.
    fn open(&self) -> Result<(Box<dyn Bytes>, u64), PictureError>;

    /// The place, for a message.
    fn place(&self) -> String;
}
