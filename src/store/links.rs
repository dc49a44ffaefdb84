//! Links to pictures: what a provider is sent that takes URLs only, where the picture itself is here.
//!
//! Answers for the contract alone. What is behind it puts the file where the provider can fetch it: a bucket, or the
//! stand-in's own shelf.

use std::fmt::Debug;
use std::time::Duration;

use futures_util::future::BoxFuture;

use super::{InputFile, Version};

/// A local picture as it was when it was looked at: what is linked to.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Linkable {
    /// Where it is.
    pub file: InputFile,
    /// Which version of it; another one is another picture, whatever the file is called.
    pub version: Version,
    /// Its length.
    pub bytes: u64,
    /// What it is, for a `Content-Type`.
    pub media_type: &'static str,
}

/// A URL by which the provider can fetch a picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// http(s). It may carry a signature, so it is shown to nobody and kept nowhere.
    pub url: String,
    /// Whether the picture had to be put there just now, so that time has gone by.
    pub took_time: bool,
}

/// Why there is no link. The wording completes "cannot be uploaded: …".
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LinkError {
    /// The file itself is at fault: its job fails.
    #[error("{0}")]
    Picture(String),
    /// It may work later: the job waits, and nothing is held against it.
    #[error("{0}")]
    Passing(String),
    /// It will work for no picture until a person has done something: nothing more is submitted.
    #[error("{0}")]
    Refused(String),
}

/// Makes links to local pictures.
///
/// A picture is put there once, however many jobs share it and however often it is asked for. What passes quickly (a 503, a
/// connection that breaks off) is tried again inside, for half a minute at most.
pub trait PictureLinks: Debug + Send + Sync {
    /// A link that lives for at least `life` from now; asked for again with every request that carries the picture, so that
    /// a signature is fresh.
    fn link<'a>(&'a self, picture: &'a Linkable, life: Duration) -> BoxFuture<'a, Result<Link, LinkError>>;

    /// Whether pictures are sent as links to every model, or only to those that take nothing else.
    fn is_for_every_model(&self) -> bool {
        true
    }
}
