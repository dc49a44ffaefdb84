//! What is read from the containers, and what is put into them. Each format's module finds the places; what is written is the
//! file with pieces exchanged, so that every other byte stays.

use std::ops::Range;

/// What a file says besides its pixels.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Metadata {
    /// The XMP packet, as it lies in the file.
    pub(super) xmp: Option<Vec<u8>>,
    /// The Exif block, without what a JPEG puts in front of it.
    pub(super) exif: Option<Vec<u8>>,
    /// The text of an `AIGC` text chunk.
    pub(super) label: Option<String>,
    /// Whether there is a C2PA manifest, whose signature covers the file.
    pub(super) is_signed: bool,
    /// How many text chunks there are that no other container has a place for.
    pub(super) texts: usize,
}

/// What is put into a file, in the place of what it has of the kind.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Put<'a> {
    pub(super) xmp: Option<&'a str>,
    /// Those of the packet's properties that readers of a part of it have to see.
    pub(super) first: &'a [(super::xmp::Name, String)],
    pub(super) exif: Option<&'a [u8]>,
    /// An ICC profile, for a format whose encoder does not embed it.
    pub(super) profile: Option<&'a [u8]>,
}

/// Why a file cannot be read or added to. Completes "the picture …".
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(in crate::publish) enum ContainerError {
    #[error("is damaged: {0}")]
    Damaged(&'static str),
    #[error("has no room for the mark: its XMP metadata would have {0} bytes, and a JPEG takes {most}", most = super::jpeg::MOST_PACKET)]
    NoRoom(usize),
}

/// Pieces of a file, and what they become.
#[derive(Debug, Default)]
pub(super) struct Edits(Vec<(Range<usize>, Vec<u8>)>);

impl Edits {
    /// In the order in which they are asked for, where several are at one place.
    pub(super) fn replace(&mut self, at: Range<usize>, by: Vec<u8>) {
        self.0.push((at, by));
    }

    pub(super) fn insert(&mut self, at: usize, piece: Vec<u8>) {
        self.replace(at..at, piece);
    }

    pub(super) fn applied_to(mut self, file: &[u8]) -> Vec<u8> {
        self.0.sort_by_key(|(at, _)| (at.start, at.end));
        let added: usize = self.0.iter().map(|(_, by)| by.len()).sum();
        let (mut edited, mut done) = (Vec::with_capacity(file.len() + added), 0);
        for (at, by) in self.0 {
            edited.extend_from_slice(&file[done..at.start]);
            edited.extend_from_slice(&by);
            done = at.end;
        }
        edited.extend_from_slice(&file[done..]);
        edited
    }
}

/// Whether a text is anywhere in a piece.
pub(super) fn contains(piece: &[u8], text: &[u8]) -> bool {
    piece.windows(text.len()).any(|window| window == text)
}
