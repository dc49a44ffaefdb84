//! XMP and Exif in a PNG: an `iTXt` chunk of the keyword `XML:com.adobe.xmp`, and `eXIf`, in front of the pixels. C2PA: `caBX`.

use std::io::Read;
use std::ops::Range;

use super::container::{ContainerError, Edits, Metadata, Put};
use super::xmp;

const SIGNATURE: &[u8] = b"\x89PNG\r\n\x1a\n";
const XMP: &[u8] = b"XML:com.adobe.xmp";
/// The keyword under which services in China label what they make.
const LABEL: &[u8] = b"AIGC";

struct Chunk<'a> {
    kind: &'a [u8],
    /// The whole of it, length and checksum included.
    at: Range<usize>,
    data: &'a [u8],
}

/// The chunks up to the end chunk.
fn chunks(file: &[u8]) -> Result<Vec<Chunk<'_>>, ContainerError> {
    let damaged = ContainerError::Damaged;
    if !file.starts_with(SIGNATURE) {
        return Err(damaged("it does not begin like a PNG"));
    }
    let (mut chunks, mut at) = (Vec::new(), SIGNATURE.len());
    loop {
        let head: &[u8; 8] = file.get(at..).and_then(<[u8]>::first_chunk).ok_or(damaged("it has no end chunk"))?;
        let length = u32::from_be_bytes([head[0], head[1], head[2], head[3]]) as usize;
        let kind = &file[at + 4..at + 8];
        let end = at.saturating_add(length).saturating_add(12);
        let data = file.get(at + 8..end.saturating_sub(4)).filter(|_| end <= file.len());
        chunks.push(Chunk { kind, at: at..end, data: data.ok_or(damaged("it is cut off"))? });
        if kind == b"IEND" {
            return Ok(chunks);
        }
        at = end;
    }
}

/// What the file says.
pub(super) fn read(file: &[u8]) -> Result<Metadata, ContainerError> {
    let mut metadata = Metadata::default();
    for chunk in chunks(file)? {
        match chunk.kind {
            b"caBX" => metadata.is_signed = true,
            b"eXIf" if metadata.exif.is_none() => metadata.exif = Some(chunk.data.to_vec()),
            b"iTXt" | b"tEXt" | b"zTXt" => match keyword(chunk.data) {
                XMP if chunk.kind == b"iTXt" && metadata.xmp.is_none() => metadata.xmp = text(&chunk),
                LABEL if metadata.label.is_none() => {
                    metadata.label = text(&chunk).and_then(|text| String::from_utf8(text).ok());
                }
                _ => metadata.texts += 1,
            },
            _ => {}
        }
    }
    Ok(metadata)
}

fn keyword(data: &[u8]) -> &[u8] {
    data.split(|byte| *byte == 0).next().unwrap_or_default()
}

/// The text of a text chunk of any kind, unpacked; `None` where it cannot be read.
fn text(chunk: &Chunk<'_>) -> Option<Vec<u8>> {
    let rest = chunk.data.get(keyword(chunk.data).len() + 1..)?;
    match chunk.kind {
        b"tEXt" => Some(rest.to_vec()),
        b"zTXt" => unpacked(rest.get(1..)?),
        _ => {
            let is_packed = *rest.first()? == 1;
            // Behind two flags: a language, and the keyword in it.
            let mut parts = rest.get(2..)?.splitn(3, |byte| *byte == 0);
            let text = parts.nth(2)?;
            if is_packed { unpacked(text) } else { Some(text.to_vec()) }
        }
    }
}

fn unpacked(packed: &[u8]) -> Option<Vec<u8>> {
    let mut text = Vec::new();
    let most = xmp::MOST_BYTES as u64;
    let unpacking = flate2::read::ZlibDecoder::new(packed).take(most + 1).read_to_end(&mut text);
    (unpacking.is_ok() && text.len() as u64 <= most).then_some(text)
}

/// The file with what is put into it.
pub(super) fn with(file: &[u8], put: &Put<'_>) -> Result<Vec<u8>, ContainerError> {
    let chunks = chunks(file)?;
    let pixels =
        chunks.iter().find(|chunk| chunk.kind == b"IDAT").ok_or(ContainerError::Damaged("it has no pixels"))?;
    let front = pixels.at.start;
    let mut edits = Edits::default();
    let mut place = |is_existing: &dyn Fn(&Chunk<'_>) -> bool, kind: &[u8; 4], data: &[u8]| {
        for existing in chunks.iter().filter(|chunk| is_existing(chunk)) {
            edits.replace(existing.at.clone(), Vec::new());
        }
        edits.insert(front, chunk(kind, data));
    };
    if let Some(exif) = put.exif {
        place(&|chunk| chunk.kind == b"eXIf", b"eXIf", exif);
    }
    if let Some(packet) = put.xmp {
        // Neither packed, nor in a language, nor with a translated keyword.
        let data = [XMP, &[0; 5], packet.as_bytes()].concat();
        place(&|chunk| chunk.kind == b"iTXt" && keyword(chunk.data) == XMP, b"iTXt", &data);
    }
    Ok(edits.applied_to(file))
}

fn chunk(kind: &[u8; 4], data: &[u8]) -> Vec<u8> {
    let mut sum = crc32fast::Hasher::new();
    sum.update(kind);
    sum.update(data);
    [&(data.len() as u32).to_be_bytes()[..], kind, data, &sum.finalize().to_be_bytes()].concat()
}
