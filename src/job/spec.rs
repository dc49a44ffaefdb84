//! What a manifest asks for: one row, checked and resolved.

use std::fmt;
use std::path::{Path, PathBuf};

use super::{ExtraColumns, JobId, Keep, ObjectUrl, default_id};

/// What one job asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobSpec {
    /// The job's name and output path.
    pub id: JobId,
    /// The picture of the person.
    pub human: ImageRef,
    /// The picture of the garment.
    pub cloth: ImageRef,
    /// What kind of garment, where the row says so.
    pub cloth_type: Option<Garment>,
    /// A second garment, worn with the first (model v1-5).
    pub second: Option<SecondGarment>,
    /// The model, where the row names one; otherwise the run's default.
    pub model: Option<ModelName>,
    /// What is to stay as it is in the person's picture (try-on 3.0).
    pub keep: Keep,
    /// Higher goes first; 0 where the row says nothing.
    pub priority: i64,
    /// The manifest columns that are not read. They are no part of what is asked for: a change in them changes no image.
    pub extra: ExtraColumns,
}

impl JobSpec {
    /// Whether the id is the one that the pictures' names make, which other rows' pictures may make as well.
    #[must_use]
    pub fn has_default_id(&self) -> bool {
        default_id(&self.human.written, &self.cloth.written).is_some_and(|made| made == self.id.as_str())
    }
}

/// A picture that a row names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageRef {
    /// The cell's text, for reports.
    pub written: String,
    /// Where the picture is, independent of spelling and of the working directory.
    pub source: ImageSource,
}

/// Where a picture is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum ImageSource {
    /// A local file: by an absolute path with symlinks resolved, or, in a queue that several hosts work, by one that is relative
    /// to the folder that each of them has.
    File(PathBuf),
    /// An http(s) URL, as written.
    Url(String),
    /// An object in a bucket.
    Object(ObjectUrl),
}

impl ImageSource {
    /// The form that the queue stores: a URL as it is, a file by its path.
    ///
    /// A path that is not UTF-8 cannot stand in a manifest, so none arrives here.
    #[must_use]
    pub fn stored(&self) -> String {
        match self {
            Self::File(path) => path.to_string_lossy().into_owned(),
            Self::Url(url) => url.clone(),
            Self::Object(url) => url.to_string(),
        }
    }

    /// The source that [`Self::stored`] wrote.
    #[must_use]
    pub fn from_stored(text: &str) -> Self {
        if is_http_url(text) {
            return Self::Url(text.to_owned());
        }
        match ObjectUrl::parse(text) {
            Some(Ok(url)) => Self::Object(url),
            _ => Self::File(Path::new(text).to_owned()),
        }
    }
}

/// Whether a cell is meant as a web address: it begins with `http://` or `https://`, in any case.
#[must_use]
pub fn is_http_url(text: &str) -> bool {
    let begins_with = |scheme: &str| text.get(..scheme.len()).is_some_and(|head| head.eq_ignore_ascii_case(scheme));
    begins_with("http://") || begins_with("https://")
}

impl fmt::Display for ImageSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Url(url) => f.write_str(url),
            Self::Object(url) => url.fmt(f),
        }
    }
}

/// What a garment covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Garment {
    /// A shirt, a jacket.
    Upper,
    /// Trousers, a skirt.
    Lower,
    /// A dress, an overall.
    Dress,
}

impl Garment {
    /// The manifest's word for it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Upper => "upper",
            Self::Lower => "lower",
            Self::Dress => "dress",
        }
    }

    /// The garment that a manifest's word names.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Upper, Self::Lower, Self::Dress].into_iter().find(|garment| garment.word() == word)
    }

    /// Whether the provider dresses someone in both at once: only an upper with a lower (`docs/provider.md`, "Create a task").
    #[must_use]
    pub fn goes_with(self, other: Self) -> bool {
        matches!((self, other), (Self::Upper, Self::Lower) | (Self::Lower, Self::Upper))
    }
}

/// A second garment of one row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecondGarment {
    /// Its picture, a local file.
    pub image: ImageRef,
    /// What it covers.
    pub garment: Garment,
}

/// The name of a try-on model.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ModelName(String);

/// A text that names no try-on model. The wording completes "model: …".
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is no try-on model; its name must begin with `{prefix}`, or be `{three}`",
    prefix = ModelName::PREFIX, three = ModelName::THREE
)]
pub struct UnknownModel(String);

impl ModelName {
    /// What the names of the try-on models of the older form begin with.
    pub const PREFIX: &'static str = "kolors-virtual-try-on";
    /// The default of `--model` (`docs/promises.md`).
    pub const DEFAULT: &'static str = "kolors-virtual-try-on-v1";
    /// Try-on 3.0, which is asked for in the "solutions" form (`docs/provider.md`, "Try-on 3.0").
    pub const THREE: &'static str = "virtual-try-on-3";

    /// Checks the name as far as it can be known here: new versions of the older form appear, so only its family is fixed.
    ///
    /// # Errors
    /// The name neither begins with [`Self::PREFIX`] nor is [`Self::THREE`], or has characters that no model name has.
    pub fn parse(text: &str) -> Result<Self, UnknownModel> {
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        if text == Self::THREE || (text.starts_with(Self::PREFIX) && text.chars().all(plain)) {
            Ok(Self(text.to_owned()))
        } else {
            Err(UnknownModel(super::clean_text(text)))
        }
    }

    /// Wraps a name that was checked when it was stored.
    pub(crate) fn trusted(text: String) -> Self {
        Self(text)
    }

    /// The name as the provider wants it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it is asked for in the "solutions" form, which takes URLs only, and pictures within other limits.
    #[must_use]
    pub fn is_of_solutions(&self) -> bool {
        self.0 == Self::THREE
    }

    /// Whether this model takes one garment only: v1 does, and 3.0, which takes one product picture and leaves open what it
    /// makes of two garments on it. v1-5 and its successors take an outfit (`docs/provider.md`).
    #[must_use]
    pub fn takes_one_garment_only(&self) -> bool {
        self.0 == Self::DEFAULT || self.is_of_solutions()
    }
}

impl Default for ModelName {
    fn default() -> Self {
        Self(Self::DEFAULT.to_owned())
    }
}

impl fmt::Display for ModelName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
