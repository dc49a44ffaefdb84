//! An AVIF, whose pixels are not decoded here (AV1's decoders are no plain Rust): whether all of its bytes are there.
//!
//! The boxes of the file have to add up, and the bytes of every item have to lie within it; a download that was cut off
//! fails that. What is damaged within the pixels is not seen.

use super::ResultError;

/// More items than a picture with its alpha, its thumbnails and its metadata has.
const MAX_ITEMS: u64 = 4096;

/// Checks that the file is whole.
pub(super) fn check(avif: &[u8]) -> Result<(), ResultError> {
    let broken = |what: &str| ResultError::Undecodable(format!("it is damaged: {what}"));
    let mut has_pixels = false;
    let mut locations = None;
    let mut rest = avif;
    while !rest.is_empty() {
        let (kind, content, behind) = next_box(rest).ok_or(ResultError::NoEnd)?;
        match &kind {
            b"meta" => locations = item_locations(content),
            b"mdat" => has_pixels = true,
            _ => {}
        }
        rest = behind;
    }
    let is_within = |(from, length): &(u64, u64)| from.checked_add(*length).is_some_and(|end| end <= avif.len() as u64);
    match locations {
        Some(places) if has_pixels && !places.is_empty() && places.iter().all(is_within) => Ok(()),
        Some(_) => Err(broken("its pixels are missing")),
        None => Err(broken("its table of contents cannot be read")),
    }
}

/// Kind, content, and what comes behind.
fn next_box(bytes: &[u8]) -> Option<([u8; 4], &[u8], &[u8])> {
    let length = u64::from(u32::from_be_bytes(*bytes.first_chunk()?));
    let kind = *bytes.get(4..)?.first_chunk()?;
    let (header, length) = match length {
        // To the end of the file.
        0 => (8, bytes.len() as u64),
        1 => (16, u64::from_be_bytes(*bytes.get(8..)?.first_chunk()?)),
        length => (8, length),
    };
    let (whole, behind) = bytes.split_at_checked(usize::try_from(length).ok()?)?;
    Some((kind, whole.get(header..)?, behind))
}

/// Where the bytes of the items are, of those that are in the file itself (ISO 14496-12, 8.11.3).
fn item_locations(meta: &[u8]) -> Option<Vec<(u64, u64)>> {
    let mut rest = meta.get(4..)?;
    while let Some((kind, content, behind)) = next_box(rest) {
        if &kind == b"iloc" {
            return locations(content);
        }
        rest = behind;
    }
    None
}

fn locations(iloc: &[u8]) -> Option<Vec<(u64, u64)>> {
    let mut fields = Fields(iloc);
    let version = fields.number(1)?;
    fields.number(3)?;
    let (sizes, more) = (fields.number(1)?, fields.number(1)?);
    let (offset_size, length_size, base_size) = (sizes >> 4, sizes & 15, more >> 4);
    let index_size = if version == 0 { 0 } else { more & 15 };
    let id_size = if version < 2 { 2 } else { 4 };
    let count = fields.number(id_size)?;
    let mut places = Vec::new();
    for _ in 0..count.min(MAX_ITEMS) {
        fields.number(id_size)?;
        let method = if version == 0 { 0 } else { fields.number(2)? & 15 };
        fields.number(2)?;
        let base = fields.number(base_size)?;
        for _ in 0..fields.number(2)?.min(MAX_ITEMS) {
            fields.number(index_size)?;
            let (offset, length) = (fields.number(offset_size)?, fields.number(length_size)?);
            if method == 0 {
                places.push((base.checked_add(offset)?, length));
            }
        }
    }
    Some(places)
}

/// Numbers of different lengths, one after the other.
struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    fn number(&mut self, bytes: u64) -> Option<u64> {
        let (number, rest) = self.0.split_at_checked(usize::try_from(bytes).ok().filter(|bytes| *bytes <= 8)?)?;
        self.0 = rest;
        Some(number.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte)))
    }
}
