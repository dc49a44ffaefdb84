//! Pictures as files: is an input fit to be sent, what is made of those that do not fit and of two
//! garments, is a downloaded result whole.
//!
//! Answers for the rules about format, bytes and pixels. Which row names a picture is the business of
//! [`crate::manifest`]; where a result goes, of the output folder; how many pictures are worked on at a time, of
//! [`crate::runner`].

mod colours;
mod content;
mod decode;
mod encode;
mod fit;
mod jpeg_end;
mod look;
mod margins;
mod outfit;
mod pixels;
mod png_rows;
mod probe;
mod thumbnail;
mod verify;

pub use content::ForeignFormat;
pub use encode::Encoded;
pub use fit::{SHRUNK_SIDE_PX, fit};
pub use look::Look;
pub use outfit::{OutfitProblem, outfit};
pub use probe::{
    InputFormat, LONGEST_USUAL_SIDE_PX, MAX_DECODED_FILE_BYTES, MAX_DECODED_PIXELS, MAX_INPUT_BYTES, MIN_INPUT_SIDE_PX,
    PictureProblem, Probe, probe,
};
pub use verify::{BrokenPicture, MAX_RESULT_BYTES, MAX_RESULT_PIXELS, VerifiedPicture, verify_result};

/// The formats that the provider takes and gives (`api.md`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PictureFormat {
    /// Portable Network Graphics.
    Png,
    /// JPEG, baseline or progressive.
    Jpeg,
}

impl PictureFormat {
    /// The extension of a file with this content, without the dot.
    #[must_use]
    pub fn extension(self) -> &'static str {
        match self {
            Self::Png => "png",
            Self::Jpeg => "jpg",
        }
    }

    /// The media type, for a `Content-Type`.
    #[must_use]
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Png => "image/png",
            Self::Jpeg => "image/jpeg",
        }
    }
}
