//! What a picture was when it was read: the same wherever it lies and whatever it is called.

/// What a picture was when it was read.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Content {
    /// Of its bytes, in lower-case hexadecimal.
    pub sha256: String,
    /// How many those were.
    pub bytes: u64,
    /// When its file was last modified, in Unix nanoseconds; `None` for an object in a bucket.
    pub modified: Option<i64>,
    /// What a bucket called the object's version.
    pub etag: Option<String>,
}

/// What the pictures of one request were, as far as they were read here: a URL is read by the provider.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SentContents {
    /// The person.
    pub human: Option<Content>,
    /// The garment.
    pub cloth: Option<Content>,
    /// The second garment.
    pub second: Option<Content>,
}

impl SentContents {
    /// Whether nothing is known of any.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.human.is_none() && self.cloth.is_none() && self.second.is_none()
    }
}
