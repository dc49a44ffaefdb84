//! Pictures, over bytes and never over paths: is an input fit to be sent, what is made of those that do not fit and of two
//! garments, is a downloaded result whole.
//!
//! Answers for the rules about format, bytes and pixels. Which row names a picture is the business of
//! [`crate::manifest`]; where a result goes, of the output folder; how many pictures are worked on at a time, of
//! [`crate::engine`].

#[cfg(test)]
mod case_tests;
mod colours;
mod content;
mod convert;
mod decode;
mod encode;
mod exif;
mod file_header;
mod fit;
mod guard;
mod jpeg;
mod limits;
mod look;
mod margins;
mod memory;
mod outfit;
mod paper;
mod pixels;
mod png_chunks;
mod png_header;
mod png_rows;
mod probe;
mod small;
mod source;
mod thumbnail;
mod tiff_tags;
mod verify;
mod whole;

pub use convert::{Conversion, Converted, Fit, Form, MAX_CONVERTED_PIXELS, MAX_CONVERTED_SIDE_PX, convert};
pub use encode::Encoded;
pub use file_header::Peculiarity;
pub use fit::{SHRUNK_SIDE_PX, fit};
pub use limits::InputLimits;
pub use look::Look;
pub use outfit::{OutfitError, outfit};
pub use probe::{
    LONGEST_USUAL_SIDE_PX, MAX_DECODED_FILE_BYTES, MAX_DECODED_PIXELS, MAX_INPUT_BYTES, MIN_INPUT_SIDE_PX,
    PictureError, Probe, probe, probe_any_size,
};
pub use small::{FORMAT_BYTES, format_of, small_jpeg};
pub use source::{Bytes, Source};
pub use verify::{MAX_RESULT_BYTES, MAX_RESULT_PIXELS, ResultError, VerifiedPicture, verify_result};
pub use whole::check_whole;

/// The formats of pictures that are known here. Of an animation, or of several pages, the first picture counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PictureFormat {
    /// Portable Network Graphics.
    Png,
    /// JPEG, in any of its processes.
    Jpeg,
    /// Lossy or lossless.
    WebP,
    /// A bitmap of Windows.
    Bmp,
    /// Tagged Image File Format.
    Tiff,
    /// Graphics Interchange Format.
    Gif,
    /// AV1 in a HEIF container. Known as a result; not decoded here.
    Avif,
}

impl PictureFormat {
    /// Whether it is one that the provider takes and promises to give (`docs/provider.md`).
    #[must_use]
    pub fn is_usual(self) -> bool {
        matches!(self, Self::Png | Self::Jpeg)
    }

    /// Its name, as people write it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Png => "PNG",
            Self::Jpeg => "JPEG",
            Self::WebP => "WebP",
            Self::Bmp => "BMP",
            Self::Tiff => "TIFF",
            Self::Gif => "GIF",
            Self::Avif => "AVIF",
        }
    }

    /// What such a file is; the text completes "is …".
    #[must_use]
    pub fn a_picture(self) -> &'static str {
        match self {
            Self::Png => "a PNG picture",
            Self::Jpeg => "a JPEG picture",
            Self::WebP => "a WebP picture",
            Self::Bmp => "a BMP picture",
            Self::Tiff => "a TIFF picture",
            Self::Gif => "a GIF picture",
            Self::Avif => "an AVIF picture",
        }
    }

    /// The extension of a file with this content, without the dot.
    #[must_use]
    pub fn extension(self) -> &'static str {
        match self {
            Self::Png => "png",
            Self::Jpeg => "jpg",
            Self::WebP => "webp",
            Self::Bmp => "bmp",
            Self::Tiff => "tiff",
            Self::Gif => "gif",
            Self::Avif => "avif",
        }
    }

    /// The media type, for a `Content-Type`.
    #[must_use]
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Png => "image/png",
            Self::Jpeg => "image/jpeg",
            Self::WebP => "image/webp",
            Self::Bmp => "image/bmp",
            Self::Tiff => "image/tiff",
            Self::Gif => "image/gif",
            Self::Avif => "image/avif",
        }
    }
}
