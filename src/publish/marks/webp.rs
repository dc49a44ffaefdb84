//! XMP, Exif and a profile in a WebP: RIFF chunks, announced by `VP8X` (RFC 9649, 2.7). C2PA: `C2PA`.

use std::ops::Range;

use super::container::{ContainerError, Edits, Metadata, Put};

const PROFILE_FLAG: u8 = 0x20;
const ALPHA_FLAG: u8 = 0x10;
const EXIF_FLAG: u8 = 0x08;
const XMP_FLAG: u8 = 0x04;

struct Chunk<'a> {
    kind: &'a [u8],
    /// The whole of it, padding included.
    at: Range<usize>,
    data: &'a [u8],
}

/// The chunks, and where the last one ends.
fn chunks(file: &[u8]) -> Result<(Vec<Chunk<'_>>, usize), ContainerError> {
    let damaged = ContainerError::Damaged;
    if !file.starts_with(b"RIFF") || file.get(8..12) != Some(b"WEBP") {
        return Err(damaged("it does not begin like a WebP"));
    }
    let whole = length_at(file, 4).map_or(0, |length| length.saturating_add(8));
    if whole > file.len() {
        return Err(damaged("it is cut off"));
    }
    let (mut chunks, mut at) = (Vec::new(), 12);
    while at + 8 <= whole {
        let length = length_at(file, at + 4).unwrap_or(usize::MAX);
        let data =
            (at + 8).checked_add(length).and_then(|end| file.get(at + 8..end)).ok_or(damaged("it is cut off"))?;
        // The last one's padding may be missing.
        let end = (at + 8 + length + length % 2).min(whole);
        chunks.push(Chunk { kind: &file[at..at + 4], at: at..end, data });
        at = end;
    }
    Ok((chunks, at))
}

fn length_at(file: &[u8], at: usize) -> Option<usize> {
    let bytes: &[u8; 4] = file.get(at..)?.first_chunk()?;
    Some(u32::from_le_bytes(*bytes) as usize)
}

/// What the file says.
pub(super) fn read(file: &[u8]) -> Result<Metadata, ContainerError> {
    let mut metadata = Metadata::default();
    for chunk in chunks(file)?.0 {
        match chunk.kind {
            b"XMP " if metadata.xmp.is_none() => metadata.xmp = Some(chunk.data.to_vec()),
            b"EXIF" if metadata.exif.is_none() => {
                let block = chunk.data.strip_prefix(b"Exif\0\0").unwrap_or(chunk.data);
                metadata.exif = Some(block.to_vec());
            }
            b"C2PA" => metadata.is_signed = true,
            _ => {}
        }
    }
    Ok(metadata)
}

/// The file with what is put into it. The order is the format's: profile, pixels, Exif, XMP.
pub(super) fn with(file: &[u8], put: &Put<'_>) -> Result<Vec<u8>, ContainerError> {
    let (chunks, end) = chunks(file)?;
    let first = chunks.first().ok_or(ContainerError::Damaged("it has no pixels"))?;
    let mut edits = Edits::default();
    let mut flags = 0;
    let mut place = |kind: &[u8; 4], flag: u8, data: Option<&[u8]>, at: usize| {
        let Some(data) = data else { return };
        flags |= flag;
        for existing in chunks.iter().filter(|chunk| chunk.kind == kind) {
            edits.replace(existing.at.clone(), Vec::new());
        }
        edits.insert(at, chunk(kind, data));
    };
    let pixels = if first.kind == b"VP8X" { first.at.end } else { first.at.start };
    place(b"ICCP", PROFILE_FLAG, put.profile, pixels);
    let place_of_xmp = chunks.iter().find(|chunk| chunk.kind == b"XMP ").map_or(end, |chunk| chunk.at.start);
    place(b"EXIF", EXIF_FLAG, put.exif, place_of_xmp);
    place(b"XMP ", XMP_FLAG, put.xmp.map(str::as_bytes), end);
    let mut edited = if first.kind == b"VP8X" {
        let mut edited = edits.applied_to(file);
        edited[first.at.start + 8] |= flags;
        edited
    } else {
        let header = extended_header(first, flags)?;
        let edited = edits.applied_to(file);
        [&edited[..first.at.start], &header, &edited[first.at.start..]].concat()
    };
    // What lies behind the last chunk is no part of the container.
    let length = edited.len() - (file.len() - end) - 8;
    edited[4..8].copy_from_slice(&(length as u32).to_le_bytes());
    Ok(edited)
}

fn chunk(kind: &[u8; 4], data: &[u8]) -> Vec<u8> {
    let padding = &[0][..data.len() % 2];
    [kind, &(data.len() as u32).to_le_bytes()[..], data, padding].concat()
}

/// `VP8X` for a file that has only its pixels.
fn extended_header(pixels: &Chunk<'_>, flags: u8) -> Result<Vec<u8>, ContainerError> {
    let unreadable = ContainerError::Damaged("its size cannot be read");
    let (width, height, has_alpha) = match (pixels.kind, pixels.data) {
        // A key frame's header: three bytes, a start code, and two times 14 bits.
        (b"VP8 ", [_, _, _, 0x9d, 0x01, 0x2a, w0, w1, h0, h1, ..]) => {
            let side = |low: &u8, high: &u8| u32::from(u16::from_le_bytes([*low, *high]) & 0x3fff);
            (side(w0, w1), side(h0, h1), false)
        }
        // A signature, two times 14 bits that count from one, and a bit for alpha.
        (b"VP8L", [0x2f, a, b, c, d, ..]) => {
            let bits = u32::from_le_bytes([*a, *b, *c, *d]);
            ((bits & 0x3fff) + 1, ((bits >> 14) & 0x3fff) + 1, bits >> 28 & 1 == 1)
        }
        _ => return Err(unreadable),
    };
    let (Some(width), Some(height)) = (width.checked_sub(1), height.checked_sub(1)) else { return Err(unreadable) };
    let flags = flags | if has_alpha { ALPHA_FLAG } else { 0 };
    let data = [&[flags, 0, 0, 0][..], &width.to_le_bytes()[..3], &height.to_le_bytes()[..3]].concat();
    Ok(chunk(b"VP8X", &data))
}
