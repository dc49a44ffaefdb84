//! What a file is, told from its first bytes. An extension or a `Content-Type` is not asked.

use super::PictureFormat;

/// How many of the first bytes [`Content::of`] wants to see; fewer are all right.
pub(super) const HEAD_BYTES: usize = 512;

/// What the first bytes of a file say that it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Content {
    /// A picture in a format that is known here.
    Picture(PictureFormat),
    /// A picture in a format that is not decoded here; the text completes "is …".
    OtherPicture(&'static str),
    /// Something else; the text completes "is …".
    Other(&'static str),
}

impl Content {
    /// Tells a file's content from its first bytes.
    pub(super) fn of(head: &[u8]) -> Self {
        if let Some(format) = known_format(head) {
            return Self::Picture(format);
        }
        other_picture(head).map_or_else(|| Self::Other(other_content(head)), Self::OtherPicture)
    }
}

fn known_format(head: &[u8]) -> Option<PictureFormat> {
    if head.starts_with(b"\x89PNG\r\n\x1a\n") {
        return Some(PictureFormat::Png);
    }
    if head.starts_with(b"\xff\xd8\xff") {
        return Some(PictureFormat::Jpeg);
    }
    if head.starts_with(b"RIFF") && head.get(8..12) == Some(b"WEBP") {
        return Some(PictureFormat::WebP);
    }
    // Two letters alone would take a text about cars for a picture; the length of the header that follows does not.
    if head.starts_with(b"BM") && matches!(head.get(14..18), Some([12 | 16 | 40 | 52 | 56 | 64 | 108 | 124, 0, 0, 0])) {
        return Some(PictureFormat::Bmp);
    }
    // The last two are TIFF with addresses of 64 bits.
    let tiff: [&[u8]; 4] = [b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"];
    if tiff.iter().any(|magic| head.starts_with(magic)) {
        return Some(PictureFormat::Tiff);
    }
    if head.starts_with(b"GIF87a") || head.starts_with(b"GIF89a") {
        return Some(PictureFormat::Gif);
    }
    (media_brand(head)? == Brand::Avif).then_some(PictureFormat::Avif)
}

/// What an ISO base media file (the container of HEIC, AVIF and videos) holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Brand {
    Avif,
    Heic,
    Video,
}

/// The major brand decides; `mif1` and `msf1` ("some picture") leave it to the compatible brands that follow.
fn media_brand(head: &[u8]) -> Option<Brand> {
    let brands = head.get(8..)?;
    if head.get(4..8)? != b"ftyp" {
        return None;
    }
    let length = u32::from_be_bytes(*head.first_chunk()?) as usize;
    let brands = &brands[..length.saturating_sub(8).min(brands.len())];
    let holds = |wanted: &[&[u8]]| brands.chunks_exact(4).any(|brand| wanted.contains(&brand));
    let is_avif = |brand: &[u8]| matches!(brand, b"avif" | b"avis");
    let is_heic = |brand: &[u8]| matches!(brand, b"heic" | b"heix" | b"heim" | b"heis" | b"hevc" | b"hevx");
    let major = brands.get(..4)?;
    Some(match major {
        brand if is_avif(brand) => Brand::Avif,
        brand if is_heic(brand) => Brand::Heic,
        b"mif1" | b"msf1" if holds(&[b"avif", b"avis"]) => Brand::Avif,
        b"mif1" | b"msf1" => Brand::Heic,
        _ => Brand::Video,
    })
}

/// Pictures that shops do hand in, and that are not decoded here.
fn other_picture(head: &[u8]) -> Option<&'static str> {
    if media_brand(head) == Some(Brand::Heic) {
        return Some("a HEIC picture");
    }
    let magics: [(&[u8], &str); 9] = [
        (b"8BPS", "a Photoshop file"),
        (b"\xff\x0a", "a JPEG XL picture"),
        (b"\0\0\0\x0cJXL \r\n\x87\n", "a JPEG XL picture"),
        (b"\0\0\0\x0cjP  \r\n\x87\n", "a JPEG 2000 picture"),
        (b"\xff\x4f\xff\x51", "a JPEG 2000 picture"),
        (b"II\xbc\x01", "a JPEG XR picture"),
        (b"%!PS", "a PostScript file"),
        (b"gimp xcf", "a GIMP file"),
        (b"\0\0\x01\0", "an icon file"),
    ];
    let name = magics.iter().find(|(magic, _)| head.starts_with(magic)).map(|(_, name)| *name);
    name.or_else(|| is_svg(head).then_some("an SVG drawing"))
}

fn is_svg(head: &[u8]) -> bool {
    let lower = start_of_text(head);
    lower.starts_with(b"<") && !is_page(&lower) && has(&lower, b"<svg")
}

/// A name for the frequent mistakes, so that a person sees at once what went wrong.
fn other_content(head: &[u8]) -> &'static str {
    if head.is_empty() {
        return "empty";
    }
    if media_brand(head).is_some() {
        return "a video";
    }
    let magics: [(&[u8], &str); 3] =
        [(b"%PDF", "a PDF file"), (b"PK\x03\x04", "a ZIP archive"), (b"\x1f\x8b", "a gzip file")];
    if let Some((_, name)) = magics.iter().find(|(magic, _)| head.starts_with(magic)) {
        return name;
    }
    text_content(head)
}

fn start_of_text(head: &[u8]) -> Vec<u8> {
    head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head).trim_ascii_start().to_ascii_lowercase()
}

fn has(text: &[u8], needle: &[u8]) -> bool {
    text.windows(needle.len()).any(|part| part == needle)
}

fn is_page(lower: &[u8]) -> bool {
    let tags: [&[u8]; 3] = [b"<html", b"<head", b"<body"];
    lower.starts_with(b"<!doctype html") || tags.iter().any(|tag| has(lower, tag))
}

/// Servers answer with a page where a picture should be; this tells which kind of text it is.
fn text_content(head: &[u8]) -> &'static str {
    let lower = start_of_text(head);
    if is_page(&lower) {
        "an HTML page"
    } else if lower.starts_with(b"<") {
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
        let bmp = |header: u8| [b"BM\xff\xff\xff\xff\0\0\0\0\x36\0\0\0".as_slice(), &[header, 0, 0, 0]].concat();
        let cases: [(&[u8], PictureFormat); 10] = [
            (b"RIFF\0\0\0\0WEBPVP8 ", PictureFormat::WebP),
            (&bmp(40), PictureFormat::Bmp),
            (&bmp(12), PictureFormat::Bmp),
            (b"II*\0", PictureFormat::Tiff),
            (b"MM\0*", PictureFormat::Tiff),
            (b"II+\0", PictureFormat::Tiff),
            (b"GIF87a", PictureFormat::Gif),
            (b"GIF89a", PictureFormat::Gif),
            (b"\0\0\0\x1cftypavif", PictureFormat::Avif),
            (b"\0\0\0\x1cftypmif1\0\0\0\0mif1avifmiaf", PictureFormat::Avif),
        ];
        for (head, format) in cases {
            assert_eq!(Content::of(head), Content::Picture(format), "{head:?}");
        }
    }

    #[test]
    fn pictures_that_are_not_decoded_are_called_by_their_names() {
        let cases: [(&[u8], &str); 8] = [
            (b"\0\0\0\x1cftypheic", "a HEIC picture"),
            (b"\0\0\0\x18ftypmif1\0\0\0\0mif1heic", "a HEIC picture"),
            (b"8BPS\0\x01", "a Photoshop file"),
            (b"\xff\x0a\xfa", "a JPEG XL picture"),
            (b"\0\0\0\x0cJXL \r\n\x87\n", "a JPEG XL picture"),
            (b"\0\0\0\x0cjP  \r\n\x87\n", "a JPEG 2000 picture"),
            (b"<?xml version='1.0'?><svg/>", "an SVG drawing"),
            (b"\xef\xbb\xbf<svg xmlns='http://www.w3.org/2000/svg'>", "an SVG drawing"),
        ];
        for (head, name) in cases {
            assert_eq!(Content::of(head), Content::OtherPicture(name), "{head:?}");
        }
    }

    #[test]
    fn what_is_no_picture_is_called_by_its_name() {
        let cases: [(&[u8], &str); 10] = [
            (b"", "empty"),
            (b"\x89PNG", "of an unknown format"),
            (b"BMW is a make of cars", "a text"),
            (b"\0\0\0\x1cftypisom", "a video"),
            (b"\n <!DOCTYPE html><html>", "an HTML page"),
            (b"<html><body><svg/>", "an HTML page"),
            (b"<?xml version='1.0'?><Error/>", "an XML text"),
            (b"{\"code\":1}", "a JSON text"),
            (b"not found", "a text"),
            (b"\x00\x01\x02", "of an unknown format"),
        ];
        for (head, name) in cases {
            assert_eq!(Content::of(head), Content::Other(name), "{head:?}");
        }
    }
}
