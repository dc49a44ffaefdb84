//! Marks: that a picture was made by a machine, said in its file's XMP metadata; and what the provider wrote, kept.
//!
//! - IPTC's `DigitalSourceType`. A value that already says that a machine took part stays. Another one (a camera's, inherited
//!   from the person's photo) is not true of a generated picture, and is replaced.
//! - China's label ([`label`]). A label that is there stays.
//!
//! A file whose pixels are left alone is only added to. A C2PA manifest covers the whole file by its signature, so that any
//! change invalidates it: it is kept where the pixels are, left behind where they are converted, and both is told.

mod container;
mod jpeg;
mod label;
mod png;
mod webp;
mod xmp;

use std::fmt;

use image::metadata::Orientation;

use crate::picture::{Converted, PictureFormat};

use self::container::{ContainerError, Metadata, Put};
pub(super) use self::label::Label;
use self::label::{LABEL, Labelled};
use self::xmp::{Name, Packet, PacketError};

const SOURCE_TYPE: Name = Name {
    namespace: "http://iptc.org/std/Iptc4xmpExt/2008-02-29/",
    prefix: "Iptc4xmpExt",
    local: "DigitalSourceType",
};

const VOCABULARY: &str = "http://cv.iptc.org/newscodes/digitalsourcetype/";

/// The words of the vocabulary that say that a machine took part.
const GENERATED: [&str; 5] = [
    "trainedAlgorithmicMedia",
    "compositeWithTrainedAlgorithmicMedia",
    "algorithmicMedia",
    "compositeSynthetic",
    "algorithmicallyEnhanced",
];

/// What one picture is marked with.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Marks {
    /// A word of IPTC's vocabulary.
    pub(super) source_type: Option<&'static str>,
    pub(super) label: Option<Label>,
}

/// Why a picture cannot be marked. The wording completes "the picture …".
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum MarkError {
    #[error("is {0}, which takes no mark; have it converted by a [picture] table in the recipe")]
    Format(&'static str),
    #[error(transparent)]
    Container(#[from] ContainerError),
    #[error("cannot be marked: its XMP metadata {0}")]
    Packet(#[from] PacketError),
    #[error("cannot be marked: its XMP metadata is not UTF-8")]
    Encoding,
    #[error(
        "has no AIGC label of its own, and the recipe's [marks.aigc] gives none: label, content-producer and produce-id are needed"
    )]
    NoLabel,
}

/// What is worth telling about a marked picture.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Remark {
    /// The C2PA manifest is still there, and its signature does not match the file any more.
    SignatureInvalid,
    /// The C2PA manifest was left behind.
    SignatureLost,
    /// Another value of `DigitalSourceType` was there, and stays.
    TypeKept(String),
    /// A value of `DigitalSourceType` was there that is not true of a generated picture.
    TypeReplaced(String),
    /// Another AIGC label was there, and stays.
    LabelKept,
    /// An AIGC label was there that is no JSON object; it stays.
    LabelUnreadable,
    /// The other format has no place for these.
    TextsLost(usize),
    /// The Exif block is too long for the other format.
    ExifLost,
}

impl fmt::Display for Remark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SignatureInvalid => {
                f.write_str("its signed C2PA manifest is kept, but does not match the marked file")
            }
            Self::SignatureLost => f.write_str("its signed C2PA manifest is lost by the conversion"),
            Self::TypeKept(value) => write!(f, "its own DigitalSourceType `{value}` is kept"),
            Self::TypeReplaced(value) => write!(f, "its DigitalSourceType `{value}` was replaced"),
            Self::LabelKept => f.write_str("its own AIGC label is kept"),
            Self::LabelUnreadable => f.write_str("its own AIGC label is no JSON object; it is kept"),
            Self::TextsLost(1) => f.write_str("a text chunk is lost by the conversion"),
            Self::TextsLost(count) => write!(f, "{count} text chunks are lost by the conversion"),
            Self::ExifLost => f.write_str("its Exif data is lost by the conversion: it is too long"),
        }
    }
}

/// A file, and what is worth telling about it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Marked {
    pub(super) bytes: Vec<u8>,
    pub(super) remarks: Vec<Remark>,
}

/// The file with its marks; its pixels, and everything else in it, byte for byte.
pub(super) fn in_place(file: Vec<u8>, format: PictureFormat, marks: &Marks) -> Result<Marked, MarkError> {
    if *marks == Marks::default() {
        return Ok(Marked { bytes: file, remarks: Vec::new() });
    }
    let metadata = read(&file, format)?.ok_or(MarkError::Format(format.a_picture()))?;
    let (packet, properties, mut remarks) = packet(&metadata, marks)?;
    if properties.is_empty() {
        return Ok(Marked { bytes: file, remarks });
    }
    if metadata.is_signed {
        remarks.push(Remark::SignatureInvalid);
    }
    let bytes = with(&file, format, &Put { xmp: Some(&packet), first: &properties, ..Put::default() })?;
    Ok(Marked { bytes, remarks })
}

/// A converted picture with its marks, and with what the file that it was made of says.
pub(super) fn carried(
    original: &[u8],
    original_format: PictureFormat,
    converted: &Converted,
    format: PictureFormat,
    marks: &Marks,
) -> Result<Marked, MarkError> {
    let metadata = read(original, original_format)?.unwrap_or_default();
    let (packet, properties, mut remarks) = packet(&moved(metadata.clone())?, marks)?;
    if metadata.is_signed {
        remarks.push(Remark::SignatureLost);
    }
    if metadata.texts > 0 {
        remarks.push(Remark::TextsLost(metadata.texts));
    }
    let exif = metadata.exif.map(upright);
    if format == PictureFormat::Jpeg && exif.as_ref().is_some_and(|exif| !jpeg::takes_exif(exif)) {
        remarks.push(Remark::ExifLost);
    }
    let put = Put {
        xmp: Some(packet.as_str()).filter(|packet| !packet.is_empty()),
        first: &properties,
        exif: exif.as_deref(),
        profile: converted.profile.as_deref().filter(|_| format == PictureFormat::WebP),
    };
    if put.xmp.is_none() && put.exif.is_none() && put.profile.is_none() {
        return Ok(Marked { bytes: converted.bytes.clone(), remarks });
    }
    Ok(Marked { bytes: with(&converted.bytes, format, &put)?, remarks })
}

/// The metadata with the label of a text chunk in its packet: the text chunk stays behind.
fn moved(metadata: Metadata) -> Result<Metadata, MarkError> {
    let Some(label) = metadata.label.clone() else { return Ok(metadata) };
    let existing = metadata.xmp.as_deref().map(std::str::from_utf8).transpose().map_err(|_| MarkError::Encoding)?;
    let existing = existing.filter(|packet| !packet.trim().is_empty());
    let packet = match existing.map(|packet| Packet::read(packet, &[LABEL])).transpose()? {
        Some(packet) if packet.value(LABEL).is_some() => return Ok(metadata),
        Some(packet) => packet.with(&[(LABEL, label)]),
        None => xmp::fresh(&[(LABEL, label)]),
    };
    Ok(Metadata { xmp: Some(packet.into_bytes()), ..metadata })
}

/// The packet of the marked file, and those of its properties that are new.
type Merged = (String, Vec<(Name, String)>, Vec<Remark>);

fn packet(metadata: &Metadata, marks: &Marks) -> Result<Merged, MarkError> {
    let existing = metadata.xmp.as_deref().map(std::str::from_utf8).transpose().map_err(|_| MarkError::Encoding)?;
    // Some writers end it with zeros.
    let existing = existing.map(|packet| packet.trim_end_matches('\0')).filter(|packet| !packet.trim().is_empty());
    let read = existing.map(|packet| Packet::read(packet, &[SOURCE_TYPE, LABEL])).transpose()?;
    let value = |name| read.as_ref().and_then(|packet| packet.value(name)).map(|value| value.text.as_str());
    let (mut properties, mut remarks) = (Vec::new(), Vec::new());
    if let Some(wanted) = marks.source_type {
        add_source_type(wanted, value(SOURCE_TYPE), &mut properties, &mut remarks);
    }
    let label = value(LABEL).or(metadata.label.as_deref());
    match marks.label.as_ref().map(|given| (given, given.over(label))) {
        Some((_, Labelled::Lacking)) => return Err(MarkError::NoLabel),
        Some((_, Labelled::Written(label))) => properties.push((LABEL, label)),
        Some((_, Labelled::Unreadable)) => remarks.push(Remark::LabelUnreadable),
        Some((given, Labelled::Kept)) if !label.is_some_and(|label| given.agrees_with(label)) => {
            remarks.push(Remark::LabelKept);
        }
        _ => {}
    }
    let packet = match &read {
        Some(packet) => packet.with(&properties),
        None if properties.is_empty() => String::new(),
        None => xmp::fresh(&properties),
    };
    Ok((packet, properties, remarks))
}

fn add_source_type(
    wanted: &'static str,
    existing: Option<&str>,
    properties: &mut Vec<(Name, String)>,
    remarks: &mut Vec<Remark>,
) {
    let word = existing.map(|existing| existing.rsplit('/').next().unwrap_or(existing));
    match (existing, word) {
        (Some(_), Some(word)) if word == wanted => {}
        (Some(existing), Some(word)) if GENERATED.contains(&word) => {
            remarks.push(Remark::TypeKept(existing.to_owned()));
        }
        (existing, _) => {
            remarks.extend(existing.map(|existing| Remark::TypeReplaced(existing.to_owned())));
            properties.push((SOURCE_TYPE, format!("{VOCABULARY}{wanted}")));
        }
    }
}

/// An Exif block of a picture that was turned upright.
fn upright(mut exif: Vec<u8>) -> Vec<u8> {
    let _ = Orientation::remove_from_exif_chunk(&mut exif);
    exif
}

/// `None` for a format whose metadata is not read here.
fn read(file: &[u8], format: PictureFormat) -> Result<Option<Metadata>, ContainerError> {
    match format {
        PictureFormat::Jpeg => jpeg::read(file).map(Some),
        PictureFormat::Png => png::read(file).map(Some),
        PictureFormat::WebP => webp::read(file).map(Some),
        PictureFormat::Bmp | PictureFormat::Tiff | PictureFormat::Gif | PictureFormat::Avif => Ok(None),
    }
}

fn with(file: &[u8], format: PictureFormat, put: &Put<'_>) -> Result<Vec<u8>, MarkError> {
    match format {
        PictureFormat::Jpeg => Ok(jpeg::with(file, put)?),
        PictureFormat::Png => Ok(png::with(file, put)?),
        PictureFormat::WebP => Ok(webp::with(file, put)?),
        _ => Err(MarkError::Format(format.a_picture())),
    }
}

#[cfg(test)]
mod tests;
