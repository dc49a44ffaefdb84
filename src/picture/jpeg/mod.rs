//! JPEG read to its last block (ITU-T T.81), every block of every scan accounted for.
//!
//! The decoders of the ecosystem fill what is missing or damaged with grey and call it a picture. Here each scan
//! must hold all blocks that the frame header promises: whether a picture is whole is decided by this module.
//! It also makes the pixels of the rarer kinds that the fast decoder gets wrong or refuses: components in scans of
//! their own, four inks, 12 bits, odd sampling.
//!
//! As lenient as libjpeg, and so as every viewer, about what costs no pixels: junk and fill bytes between segments,
//! a short or damaged application segment, bytes after a scan's last block, whatever follows the end marker. As
//! strict as T.81 about pixels: a scan that ends early, an invalid code, a missing or misnumbered restart marker is
//! damage, where libjpeg warns and guesses.

mod arithmetic;
mod bits;
mod header;
mod idct;
mod planes;
mod progressive;
mod scan;
mod segments;

pub(super) use header::{Colour, Header, Process, read_header, without_metadata};
pub(super) use scan::{Keep, Scanned, read};

/// Why a JPEG cannot be read to its last block.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum JpegError {
    /// The data stops before the end marker.
    #[error("it is cut off")]
    NoEnd,
    /// The text completes "it is damaged: …".
    #[error("it is damaged: {0}")]
    Damaged(&'static str),
    /// Well-formed as far as it was read, and of a kind that is not decoded here; the text completes "it is …".
    #[error("it is {0}, which is not decoded here")]
    Unsupported(&'static str),
}

#[cfg(test)]
mod tests;
