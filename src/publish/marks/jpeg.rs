//! XMP and Exif in a JPEG: APP1 segments in front of the picture (XMP specification, part 3, 1.1.3). C2PA: APP11.

use std::fmt::Write as _;
use std::ops::Range;

use md5::{Digest, Md5};

use super::container::{ContainerError, Edits, Metadata, Put, contains};
use super::xmp;

const EXIF: &[u8] = b"Exif\0\0";
const XMP: &[u8] = b"http://ns.adobe.com/xap/1.0/\0";
const EXTENSION: &[u8] = b"http://ns.adobe.com/xmp/extension/\0";

/// A segment's length counts its own two bytes.
const MOST_PAYLOAD: usize = 65_533;

/// The longest packet that fits into the one segment.
pub(super) const MOST_PACKET: usize = MOST_PAYLOAD - XMP.len();

/// Extended XMP is cut into pieces of this length.
const EXTENSION_PIECE: usize = 65_400;

/// Where the packet says which extension is its own.
const HAS_EXTENSION: xmp::Name =
    xmp::Name { namespace: "http://ns.adobe.com/xmp/note/", prefix: "xmpNote", local: "HasExtendedXMP" };

const APP0: u8 = 0xe0;
const APP1: u8 = 0xe1;
const APP11: u8 = 0xeb;
const START_OF_SCAN: u8 = 0xda;
const END_OF_IMAGE: u8 = 0xd9;

/// Pictures have a few dozen segments, so one with thousands is made to keep us busy.
const MOST_SEGMENTS: usize = 4096;

struct Segment<'a> {
    marker: u8,
    /// The whole of it, its marker included.
    at: Range<usize>,
    payload: &'a [u8],
}

/// The segments in front of the first scan. As lenient as viewers about fill bytes and junk between two.
fn segments(file: &[u8]) -> Result<Vec<Segment<'_>>, ContainerError> {
    let damaged = ContainerError::Damaged;
    if !file.starts_with(&[0xff, 0xd8]) {
        return Err(damaged("it does not begin like a JPEG"));
    }
    let (mut segments, mut at) = (Vec::new(), 2);
    while segments.len() < MOST_SEGMENTS {
        let rest = file.get(at..).unwrap_or_default();
        let marker = rest.windows(2).position(|pair| pair[0] == 0xff && !matches!(pair[1], 0x00 | 0xff));
        let start = at + marker.ok_or(damaged("its header is not followed by pixels"))?;
        let marker = file[start + 1];
        // Restart markers and the like have no payload.
        if matches!(marker, 0x01 | 0xd0..=0xd8) {
            at = start + 2;
            continue;
        }
        if matches!(marker, START_OF_SCAN | END_OF_IMAGE) {
            return Ok(segments);
        }
        let length = file.get(start + 2..start + 4).map(|two| usize::from(u16::from_be_bytes([two[0], two[1]])));
        let end = start + 2 + length.filter(|length| *length >= 2).ok_or(damaged("a segment is too short"))?;
        let payload = file.get(start + 4..end).ok_or(damaged("it is cut off"))?;
        segments.push(Segment { marker, at: start..end, payload });
        at = end;
    }
    Err(damaged("it has too many segments"))
}

/// What the file says.
pub(super) fn read(file: &[u8]) -> Result<Metadata, ContainerError> {
    let mut metadata = Metadata::default();
    for Segment { marker, payload, .. } in segments(file)? {
        match marker {
            APP1 if metadata.xmp.is_none() => metadata.xmp = payload.strip_prefix(XMP).map(<[u8]>::to_vec),
            APP11 if payload.starts_with(b"JP") && contains(payload, b"c2pa") => metadata.is_signed = true,
            _ => {}
        }
        if marker == APP1 && metadata.exif.is_none() {
            metadata.exif = payload.strip_prefix(EXIF).map(<[u8]>::to_vec);
        }
    }
    Ok(metadata)
}

/// The file with what is put into it.
pub(super) fn with(file: &[u8], put: &Put<'_>) -> Result<Vec<u8>, ContainerError> {
    let segments = segments(file)?;
    let is_of = |segment: &Segment<'_>, head| segment.marker == APP1 && segment.payload.starts_with(head);
    // Behind what readers expect at the very beginning.
    let front = segments.iter().take_while(|segment| segment.marker == APP0 || is_of(segment, EXIF));
    let front = front.last().map_or(2, |segment| segment.at.end);
    let mut edits = Edits::default();
    let mut place = |head, pieces: Vec<u8>| {
        let existing = segments.iter().find(|segment| is_of(segment, head));
        edits.replace(existing.map_or(front..front, |segment| segment.at.clone()), pieces);
    };
    if let Some(exif) = put.exif.filter(|exif| exif.len() <= MOST_PAYLOAD - EXIF.len()) {
        place(EXIF, segment(EXIF, exif));
    }
    if let Some(packet) = put.xmp {
        let has_extension = segments.iter().any(|segment| is_of(segment, EXTENSION));
        place(XMP, packet_segments(packet, put.first, has_extension)?);
    }
    Ok(edits.applied_to(file))
}

/// Whether an Exif block fits into a segment.
pub(super) fn takes_exif(exif: &[u8]) -> bool {
    exif.len() <= MOST_PAYLOAD - EXIF.len()
}

fn segment(head: &[u8], payload: &[u8]) -> Vec<u8> {
    let length = (2 + head.len() + payload.len()) as u16;
    [&[0xff, APP1][..], &length.to_be_bytes(), head, payload].concat()
}

/// The packet in one segment, or, where it is longer, a short packet with what has to come first, and all of it in an
/// extension. A file that has an
/// extension already keeps it: its packet says so, and has to fit.
fn packet_segments(
    packet: &str,
    first: &[(xmp::Name, String)],
    has_extension: bool,
) -> Result<Vec<u8>, ContainerError> {
    if packet.len() <= MOST_PACKET {
        return Ok(segment(XMP, packet.as_bytes()));
    }
    let packet = xmp::without_padding(packet);
    if packet.len() <= MOST_PACKET {
        return Ok(segment(XMP, packet.as_bytes()));
    }
    if has_extension {
        return Err(ContainerError::NoRoom(packet.len()));
    }
    let extension = xmp::without_wrapper(&packet);
    let id = Md5::digest(extension.as_bytes()).iter().fold(String::new(), |mut id, byte| {
        let _ = write!(id, "{byte:02X}");
        id
    });
    let short = [first, &[(HAS_EXTENSION, id.clone())]].concat();
    let mut segments = segment(XMP, xmp::fresh(&short).as_bytes());
    let length = (extension.len() as u32).to_be_bytes();
    for (number, piece) in extension.as_bytes().chunks(EXTENSION_PIECE).enumerate() {
        let offset = ((number * EXTENSION_PIECE) as u32).to_be_bytes();
        let head = [EXTENSION, id.as_bytes(), &length, &offset].concat();
        segments.extend(segment(&head, piece));
    }
    Ok(segments)
}
