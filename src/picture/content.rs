//! What a file is, told from its first bytes. An extension or a `Content-Type` is not asked.

use super::PictureFormat;

/// How many of the first bytes [`Content::of`] wants to see; fewer are all right.
pub(super) const HEAD_BYTES: usize = 512;

/// What the first bytes of a file say that it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Content {
    /// A format that the provider takes.
    Picture(PictureFormat),
    /// A picture in another format, which can be made one that it takes.
    Foreign(ForeignFormat),
    /// Something else; the text completes "is …".
    Other(&'static str),
}

impl Content {
    /// Tells a file's content from its first bytes.
    pub(super) fn of(head: &[u8]) -> Self {
        if head.starts_with(b"\x89PNG\r\n\x1a\n") {
            return Self::Picture(PictureFormat::Png);
        }
        if head.starts_with(b"\xff\xd8\xff") {
            return Self::Picture(PictureFormat::Jpeg);
        }
        foreign_format(head).map_or_else(|| Self::Other(other_content(head)), Self::Foreign)
    }
}

/// Formats of pictures that the provider does not take, and that are decoded here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ForeignFormat {
    /// Lossy or lossless; of an animation its first frame.
    WebP,
    /// A bitmap of Windows.
    Bmp,
    /// Of several pages the first.
    Tiff,
    /// Of an animation its first frame.
    Gif,
}

impl ForeignFormat {
    /// Its name, as people write it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::WebP => "WebP",
            Self::Bmp => "BMP",
            Self::Tiff => "TIFF",
            Self::Gif => "GIF",
        }
    }

    /// What such a file is; the text completes "is …".
    #[must_use]
    pub fn a_picture(self) -> &'static str {
        match self {
            Self::WebP => "a WebP picture",
            Self::Bmp => "a BMP picture",
            Self::Tiff => "a TIFF picture",
            Self::Gif => "a GIF picture",
        }
    }
}

fn foreign_format(head: &[u8]) -> Option<ForeignFormat> {
    if head.starts_with(b"RIFF") && head.get(8..12) == Some(b"WEBP") {
        return Some(ForeignFormat::WebP);
    }
    // Two letters alone would take a text about cars for a picture; four bytes of it are reserved, and zero.
    if head.starts_with(b"BM") && head.get(6..10) == Some(&[0; 4]) {
        return Some(ForeignFormat::Bmp);
    }
    // The last two are TIFF with addresses of 64 bits.
    let tiff: [&[u8]; 4] = [b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"];
    if tiff.iter().any(|magic| head.starts_with(magic)) {
        return Some(ForeignFormat::Tiff);
    }
    (head.starts_with(b"GIF87a") || head.starts_with(b"GIF89a")).then_some(ForeignFormat::Gif)
}

/// A name for the frequent mistakes, so that a person sees at once what went wrong.
fn other_content(head: &[u8]) -> &'static str {
    if head.is_empty() {
        return "empty";
    }
    if let Some(brand) = head.get(4..12).and_then(|part| part.strip_prefix(b"ftyp")) {
        return match brand {
            b"avif" | b"avis" => "an AVIF picture",
            b"heic" | b"heix" | b"heim" | b"heis" | b"mif1" | b"msf1" => "a HEIC picture",
            _ => "a video",
        };
    }
    let magics: [(&[u8], &str); 4] = [
        (b"8BPS", "a Photoshop file"),
        (b"%PDF", "a PDF file"),
        (b"PK\x03\x04", "a ZIP archive"),
        (b"\x1f\x8b", "a gzip file"),
    ];
    if let Some((_, name)) = magics.iter().find(|(magic, _)| head.starts_with(magic)) {
        return name;
    }
    text_content(head)
}

/// Servers answer with a page where a picture should be; this tells which kind of text it is.
fn text_content(head: &[u8]) -> &'static str {
    let head = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head);
    let lower = head.trim_ascii_start().to_ascii_lowercase();
    let has = |needle: &[u8]| lower.windows(needle.len()).any(|part| part == needle);
    if lower.starts_with(b"<!doctype html") || has(b"<html") || has(b"<head") || has(b"<body") {
        "an HTML page"
    } else if has(b"<svg") {
        "an SVG drawing"
    } else if lower.starts_with(b"<?xml") || lower.starts_with(b"<") {
        "an XML text"
    } else if lower.starts_with(b"{") || lower.starts_with(b"[") {
        "a JSON text"
    } else if is_text(&lower) {
        "a text"
    } else {
        "of an unknown format"
    }
}

/// Whether the bytes are UTF-8 (of which the last character may be cut off) without control characters.
fn is_text(bytes: &[u8]) -> bool {
    let is_utf8 = std::str::from_utf8(bytes).map_or_else(|error| error.error_len().is_none(), |_| true);
    is_utf8 && bytes.iter().all(|byte| !byte.is_ascii_control() || byte.is_ascii_whitespace())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_are_told_by_their_first_bytes() {
        assert_eq!(Content::of(b"\x89PNG\r\n\x1a\n...."), Content::Picture(PictureFormat::Png));
        assert_eq!(Content::of(b"\xff\xd8\xff\xe0"), Content::Picture(PictureFormat::Jpeg));
    }

    #[test]
    fn pictures_of_other_formats_are_told_by_their_first_bytes() {
        let cases: [(&[u8], ForeignFormat); 7] = [
            (b"RIFF\0\0\0\0WEBPVP8 ", ForeignFormat::WebP),
            (b"BM\xff\xff\xff\xff\0\0\0\0", ForeignFormat::Bmp),
            (b"II*\0", ForeignFormat::Tiff),
            (b"MM\0*", ForeignFormat::Tiff),
            (b"II+\0", ForeignFormat::Tiff),
            (b"GIF87a", ForeignFormat::Gif),
            (b"GIF89a", ForeignFormat::Gif),
        ];
        for (head, format) in cases {
            assert_eq!(Content::of(head), Content::Foreign(format), "{head:?}");
        }
    }

    #[test]
    fn what_is_no_picture_is_called_by_its_name() {
        let cases: [(&[u8], &str); 12] = [
            (b"", "empty"),
            (b"\x89PNG", "of an unknown format"),
            (b"BMW is a make of cars", "a text"),
            (b"\0\0\0\x1cftypavif", "an AVIF picture"),
            (b"\0\0\0\x1cftypheic", "a HEIC picture"),
            (b"\0\0\0\x1cftypisom", "a video"),
            (b"\n <!DOCTYPE html><html>", "an HTML page"),
            (b"<?xml version='1.0'?><Error/>", "an XML text"),
            (b"<?xml version='1.0'?><svg/>", "an SVG drawing"),
            (b"{\"code\":1}", "a JSON text"),
            (b"not found", "a text"),
            (b"\x00\x01\x02", "of an unknown format"),
        ];
        for (head, name) in cases {
            assert_eq!(Content::of(head), Content::Other(name), "{head:?}");
        }
    }
}
