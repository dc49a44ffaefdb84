//! Names of objects in buckets: `s3://bucket/key`, `gs://bucket/key`, `az://container/key`.

use std::fmt;
use std::path::Path;

/// Who keeps a bucket, by the scheme of its URLs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BucketScheme {
    /// Amazon S3, and everything that speaks its interface.
    S3,
    /// Google Cloud Storage.
    Gs,
    /// Azure Blob Storage; the account is in the environment.
    Az,
}

impl BucketScheme {
    const ALL: [Self; 3] = [Self::S3, Self::Gs, Self::Az];

    /// The word before `://`.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::S3 => "s3",
            Self::Gs => "gs",
            Self::Az => "az",
        }
    }
}

/// An object, or a prefix of objects, in a bucket. The key is the object's name as it is: nothing in it is escaped.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ObjectUrl {
    scheme: BucketScheme,
    /// What follows `://`: the bucket, and after a slash the key, if there is one.
    rest: Box<str>,
}

/// Why a text with the scheme of a bucket names no object. The wording completes "…: ".
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidObjectUrl {
    #[error("`{0}` names no bucket; write it like s3://bucket/folder/picture.jpg")]
    NoBucket(String),
    #[error("`{0}` is no name of a bucket: it has a character that buckets' names do not have")]
    BadBucket(String),
    #[error("`{0}` has an empty, `.` or `..` part, or a control character, in the name of its object")]
    BadKey(String),
}

impl ObjectUrl {
    /// Reads a text as the URL of an object or a prefix. `None` where it has no scheme of a bucket: then it is something
    /// else. Slashes at the end are dropped.
    ///
    /// # Errors
    /// It has the scheme, and names no bucket, or an object that cannot be.
    pub fn parse(text: &str) -> Option<Result<Self, InvalidObjectUrl>> {
        let (scheme, rest) = text.split_once("://")?;
        let scheme = BucketScheme::ALL.into_iter().find(|known| scheme.eq_ignore_ascii_case(known.word()))?;
        let (bucket, key) = rest.split_once('/').unwrap_or((rest, ""));
        Some(Self::of(scheme, bucket, key.trim_end_matches('/'), text))
    }

    fn of(scheme: BucketScheme, bucket: &str, key: &str, text: &str) -> Result<Self, InvalidObjectUrl> {
        if bucket.is_empty() {
            return Err(InvalidObjectUrl::NoBucket(super::clean_text(text)));
        }
        if !bucket.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_')) {
            return Err(InvalidObjectUrl::BadBucket(super::clean_text(bucket)));
        }
        let is_part = |part: &str| !matches!(part, "" | "." | "..") && !part.chars().any(char::is_control);
        if !key.is_empty() && !key.split('/').all(is_part) {
            return Err(InvalidObjectUrl::BadKey(super::clean_text(text)));
        }
        Ok(Self::made(scheme, bucket, key))
    }

    fn made(scheme: BucketScheme, bucket: &str, key: &str) -> Self {
        let rest = if key.is_empty() { bucket.into() } else { format!("{bucket}/{key}").into() };
        Self { scheme, rest }
    }

    /// The bucket or prefix that a path names as an option takes it; `None` for a local path.
    ///
    /// # Errors
    /// As [`Self::parse`].
    pub fn of_path(path: &Path) -> Option<Result<Self, InvalidObjectUrl>> {
        Self::parse(path.to_str()?)
    }

    /// Who keeps the bucket.
    #[must_use]
    pub fn scheme(&self) -> BucketScheme {
        self.scheme
    }

    /// The bucket's name.
    #[must_use]
    pub fn bucket(&self) -> &str {
        self.rest.split_once('/').map_or(&*self.rest, |(bucket, _)| bucket)
    }

    /// The object's name, or the prefix; empty for the whole bucket.
    #[must_use]
    pub fn key(&self) -> &str {
        self.rest.split_once('/').map_or("", |(_, key)| key)
    }

    /// The bucket as a whole.
    #[must_use]
    pub fn bucket_alone(&self) -> Self {
        Self::made(self.scheme, self.bucket(), "")
    }

    /// What has this name below the prefix.
    #[must_use]
    pub fn join(&self, name: &str) -> Self {
        Self { scheme: self.scheme, rest: format!("{}/{name}", self.rest).into() }
    }
}

impl fmt::Display for ObjectUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme.word(), self.rest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> ObjectUrl {
        ObjectUrl::parse(text).expect("a bucket").expect("valid")
    }

    #[test]
    fn an_object_is_named_by_its_key_as_it_is() {
        let url = parsed("S3://shop/spring 2027/ana#1%20.jpg");
        assert_eq!((url.scheme(), url.bucket()), (BucketScheme::S3, "shop"));
        assert_eq!(url.key(), "spring 2027/ana#1%20.jpg");
        assert_eq!(url.to_string(), "s3://shop/spring 2027/ana#1%20.jpg");
        assert_eq!(parsed(&url.to_string()), url, "it is read as it was written");
    }

    #[test]
    fn a_prefix_may_end_in_a_slash_or_be_the_whole_bucket() {
        assert_eq!(parsed("gs://shop/results/"), parsed("gs://shop/results"));
        assert_eq!(parsed("az://shop").join("a/b.png").to_string(), "az://shop/a/b.png");
        assert_eq!(parsed("az://shop/x/").join("b.png").to_string(), "az://shop/x/b.png");
    }

    #[test]
    fn what_has_no_scheme_of_a_bucket_is_something_else() {
        for text in ["results", "/s3/x", "https://shop/a.jpg", "s3:/shop/a", "s3"] {
            assert_eq!(ObjectUrl::parse(text), None, "{text}");
        }
    }

    #[test]
    fn what_names_no_object_is_refused() {
        for text in ["s3://", "s3:///key", "s3://a b/c", "s3://b/x//y", "s3://b/../y", "s3://b/x\ny"] {
            assert!(ObjectUrl::parse(text).expect("a scheme").is_err(), "{text}");
        }
    }
}
