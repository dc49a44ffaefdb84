//! The chunks of a PNG before its pixels.

use std::io::{BufRead, Read, Seek};

use image::metadata::Orientation;

use super::exif;
use super::file_header::{FileHeader, HeaderError, Peculiarity};

/// Far more chunks than there are before any picture's pixels.
const MAX_CHUNKS: usize = 4096;

/// An Exif block is not read further than this for the one number in it, in bytes.
const MAX_EXIF: usize = 64 << 10;

/// Reads what is before the pixels. A file that ends there has a size all the same; decoding it will tell.
pub(super) fn read(mut reader: impl BufRead + Seek) -> Result<FileHeader, HeaderError> {
    reader.seek_relative(8).map_err(|_| HeaderError::Damaged)?;
    let (length, kind) = next(&mut reader).ok_or(HeaderError::Damaged)?;
    if &kind == b"CgBI" {
        return Err(HeaderError::ApplePng);
    }
    let mut data = [0; 13];
    reader.read_exact(&mut data).map_err(|_| HeaderError::Damaged)?;
    if &kind != b"IHDR" || length != 13 {
        return Err(HeaderError::Damaged);
    }
    let [w3, w2, w1, w0, h3, h2, h1, h0, _, colour, ..] = data;
    let (width, height) = (u32::from_be_bytes([w3, w2, w1, w0]), u32::from_be_bytes([h3, h2, h1, h0]));
    let _ = reader.seek_relative(4);
    let mut header = FileHeader::plain(width, height);
    header.peculiarity = if matches!(colour, 4 | 6) { Some(Peculiarity::Transparent) } else { remark(&mut reader) };
    Ok(header)
}

fn next(reader: &mut impl Read) -> Option<(usize, [u8; 4])> {
    let (mut length, mut kind) = ([0; 4], [0; 4]);
    reader.read_exact(&mut length).ok()?;
    reader.read_exact(&mut kind).ok()?;
    Some((u32::from_be_bytes(length) as usize, kind))
}

/// Looks for a transparent colour, and for a note that the picture is to be turned.
fn remark(reader: &mut (impl BufRead + Seek)) -> Option<Peculiarity> {
    for _ in 0..MAX_CHUNKS {
        let (length, kind) = next(reader)?;
        match &kind {
            b"tRNS" => return Some(Peculiarity::Transparent),
            b"IDAT" | b"IEND" => return None,
            b"eXIf" if length <= MAX_EXIF => {
                let mut block = vec![0; length];
                reader.read_exact(&mut block).ok()?;
                if exif::orientation(Some(&block)) != Orientation::NoTransforms {
                    return Some(Peculiarity::Turned);
                }
                reader.seek_relative(4).ok()?;
            }
            _ => reader.seek_relative(length as i64 + 4).ok()?,
        }
    }
    None
}
