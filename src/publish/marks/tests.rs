//! Marked files: what is in them besides the mark is what was in them, and the mark is where readers look for it.

use std::io::Cursor;
use std::process::Command;

use image::{DynamicImage, ImageFormat, Rgb, RgbImage};
use proptest::prelude::*;

use super::*;

const TRAINED: &str = "trainedAlgorithmicMedia";
const RDF: &str = "http://www.w3.org/1999/02/22-rdf-syntax-ns#";

fn marks() -> Marks {
    Marks { source_type: Some(TRAINED), label: None }
}

fn labelled() -> Marks {
    let label = ["1", "Shop <&> 店", "id-7", "", "", "", ""].map(str::to_owned);
    Marks { label: Some(Label(label)), ..marks() }
}

fn picture() -> DynamicImage {
    RgbImage::from_fn(40, 30, |x, y| Rgb([(x * 6) as u8, (y * 8) as u8, 90])).into()
}

fn plain(format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    picture().write_to(&mut bytes, format).expect("encoded");
    bytes.into_inner()
}

fn lossy_webp() -> Vec<u8> {
    ::webp::Encoder::from_rgb(picture().to_rgb8().as_raw(), 40, 30).encode(80.0).to_vec()
}

fn segment(marker: u8, payload: &[u8]) -> Vec<u8> {
    [&[0xff, marker][..], &((payload.len() + 2) as u16).to_be_bytes(), payload].concat()
}

/// A JPEG with these segments behind its start.
fn jpeg_with(segments: &[Vec<u8>]) -> Vec<u8> {
    let jpeg = plain(ImageFormat::Jpeg);
    [&jpeg[..2], &segments.concat(), &jpeg[2..]].concat()
}

fn png_chunk(kind: &[u8; 4], data: &[u8]) -> Vec<u8> {
    let sum = crc32fast::hash(&[&kind[..], data].concat());
    [&(data.len() as u32).to_be_bytes()[..], kind, data, &sum.to_be_bytes()].concat()
}

/// A PNG with these chunks behind its header.
fn png_with(chunks: &[Vec<u8>]) -> Vec<u8> {
    let png = plain(ImageFormat::Png);
    [&png[..33], &chunks.concat(), &png[33..]].concat()
}

fn packet_of(inner: &str) -> String {
    format!("<x:xmpmeta xmlns:x='adobe:ns:meta/'><rdf:RDF xmlns:rdf='{RDF}'>{inner}</rdf:RDF></x:xmpmeta>")
}

fn xmp_segment(packet: &str) -> Vec<u8> {
    segment(0xe1, &[b"http://ns.adobe.com/xap/1.0/\0", packet.as_bytes()].concat())
}

fn all() -> Vec<(PictureFormat, Vec<u8>)> {
    vec![
        (PictureFormat::Jpeg, plain(ImageFormat::Jpeg)),
        (PictureFormat::Png, plain(ImageFormat::Png)),
        (PictureFormat::WebP, plain(ImageFormat::WebP)),
        (PictureFormat::WebP, lossy_webp()),
    ]
}

fn marked(file: &[u8], format: PictureFormat, marks: &Marks) -> Marked {
    in_place(file.to_vec(), format, marks).expect("marked")
}

/// The value of a property in a file, read by this module.
fn value(file: &[u8], format: PictureFormat, name: Name) -> Option<String> {
    let packet = read(file, format).expect("whole").expect("read").xmp?;
    let packet = String::from_utf8(packet).expect("UTF-8");
    Packet::read(&packet, &[name]).expect("a packet").value(name).map(|value| value.text.clone())
}

/// What `ExifTool` says of a file; `None` where there is none on this machine.
#[expect(clippy::print_stderr, reason = "what was left out is told")]
fn exiftool(file: &[u8], extension: &str, arguments: &[&str]) -> Option<String> {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join(format!("marked.{extension}"));
    std::fs::write(&path, file).expect("written");
    let Ok(said) = Command::new("exiftool").args(arguments).arg(&path).output() else {
        eprintln!("not checked by ExifTool: there is none");
        return None;
    };
    Some(String::from_utf8_lossy(&said.stdout).into_owned() + &String::from_utf8_lossy(&said.stderr))
}

#[test]
fn exiftool_finds_both_marks_in_every_format_and_no_fault() {
    for (format, file) in all() {
        let marked = marked(&file, format, &labelled()).bytes;
        let read = ["-validate", "-warning", "-a", "-s3", "-XMP-iptcExt:DigitalSourceType", "-XMP-TC260:AIGC"];
        let Some(said) = exiftool(&marked, format.extension(), &read) else { return };
        let lines: Vec<&str> = said.lines().collect();
        let label = r#"{"Label":"1","ContentProducer":"Shop <&> 店","ProduceID":"id-7","ReservedCode1":"","ContentPropagator":"","PropagateID":"","ReservedCode2":""}"#;
        assert_eq!(lines, ["OK", &format!("{VOCABULARY}{TRAINED}"), label], "{format:?}: {said}");
    }
}

#[test]
fn the_pixels_and_every_other_byte_stay() {
    for (format, file) in all() {
        let Marked { bytes, remarks } = marked(&file, format, &marks());
        assert!(remarks.is_empty());
        let (before, after) = (image::load_from_memory(&file), image::load_from_memory(&bytes));
        assert!(before.expect("decodes") == after.expect("decodes"), "{format:?}");
        // Only the header of a WebP changes: its length, and the announcement of what follows.
        let pieces: Vec<&[u8]> = match format {
            PictureFormat::WebP => vec![&file[12..]],
            PictureFormat::Png => vec![&file[..33], &file[33..]],
            _ => vec![&file[..20], &file[20..]],
        };
        assert!(pieces.iter().all(|piece| container::contains(&bytes, piece)), "{format:?}");
        assert_eq!(marked(&bytes, format, &marks()).bytes, bytes, "a marked file is marked already");
    }
}

#[test]
fn without_marks_a_file_of_any_format_stays_as_it_is() {
    let gif = b"GIF89a...".to_vec();
    assert_eq!(in_place(gif.clone(), PictureFormat::Gif, &Marks::default()).expect("taken").bytes, gif);
    let error = in_place(gif, PictureFormat::Gif, &marks()).expect_err("no place for a mark");
    assert!(error.to_string().contains("is a GIF picture, which takes no mark"), "{error}");
}

#[test]
fn a_packet_that_is_there_is_added_to_and_stays_the_only_one() {
    let own = packet_of("<rdf:Description rdf:about='' xmlns:d='urn:d' d:Tool='Kling'/>");
    let compressed = {
        let mut packed = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
        std::io::Write::write_all(&mut packed, own.as_bytes()).expect("packed");
        packed.finish().expect("packed")
    };
    let itxt = |flags: &[u8], text: &[u8]| png_chunk(b"iTXt", &[b"XML:com.adobe.xmp\0", flags, text].concat());
    for (format, file) in [
        (PictureFormat::Jpeg, jpeg_with(&[xmp_segment(&own)])),
        (PictureFormat::Png, png_with(&[itxt(&[0, 0, 0, 0], own.as_bytes())])),
        (PictureFormat::Png, png_with(&[itxt(&[1, 0, 0, 0], &compressed)])),
        (PictureFormat::WebP, webp::with(&lossy_webp(), &Put { xmp: Some(&own), ..Put::default() }).expect("put")),
    ] {
        let marked = marked(&file, format, &marks()).bytes;
        let tool = Name { namespace: "urn:d", prefix: "d", local: "Tool" };
        assert_eq!(value(&marked, format, tool).as_deref(), Some("Kling"), "{format:?}");
        assert_eq!(value(&marked, format, SOURCE_TYPE), Some(format!("{VOCABULARY}{TRAINED}")), "{format:?}");
        assert!(image::load_from_memory(&marked).expect("decodes") == image::load_from_memory(&file).expect("decodes"));
        let ends = marked.windows(10).filter(|window| window == b"</rdf:RDF>").count();
        assert_eq!(ends, 1, "{format:?}");
    }
}

#[test]
fn a_source_type_that_tells_of_a_machine_stays_and_a_cameras_does_not() {
    for (word, is_kept) in [("compositeWithTrainedAlgorithmicMedia", true), (TRAINED, true), ("digitalCapture", false)]
    {
        let namespace = SOURCE_TYPE.namespace;
        let own = format!("<rdf:Description xmlns:I='{namespace}' I:DigitalSourceType='{VOCABULARY}{word}'/>");
        let file = jpeg_with(&[xmp_segment(&packet_of(&own))]);
        let Marked { bytes, remarks } = marked(&file, PictureFormat::Jpeg, &marks());
        let now = if is_kept { word } else { TRAINED };
        assert_eq!(value(&bytes, PictureFormat::Jpeg, SOURCE_TYPE), Some(format!("{VOCABULARY}{now}")));
        let told = match (is_kept, word == TRAINED) {
            (true, true) => vec![],
            (true, false) => vec![Remark::TypeKept(format!("{VOCABULARY}{word}"))],
            (false, _) => vec![Remark::TypeReplaced(format!("{VOCABULARY}{word}"))],
        };
        assert_eq!(remarks, told);
        assert_eq!(bytes == file, is_kept);
    }
}

#[test]
fn a_signed_manifest_is_kept_and_said_to_match_no_more() {
    let jumbf = segment(0xeb, b"JP\0\x01\0\0\0\x01\0\0\0\x40jumb\0\0\0\x20jumdc2pa\0\x11\0\x10");
    for (format, file, manifest) in [
        (PictureFormat::Jpeg, jpeg_with(&[jumbf]), &b"jumdc2pa"[..]),
        (PictureFormat::Png, png_with(&[png_chunk(b"caBX", b"jumb c2pa")]), b"caBXjumb c2pa"),
    ] {
        let Marked { bytes, remarks } = marked(&file, format, &marks());
        assert_eq!(remarks, [Remark::SignatureInvalid], "{format:?}");
        assert!(container::contains(&bytes, manifest));
        let converted = Converted { bytes: plain(ImageFormat::Png), width: 40, height: 30, profile: None };
        let carried = carried(&file, format, &converted, PictureFormat::Png, &marks()).expect("carried");
        assert_eq!(carried.remarks, [Remark::SignatureLost]);
        assert!(!container::contains(&carried.bytes, b"c2pa"));
    }
}

/// Orientation 6, in both orders of bytes.
const EXIF: &[u8] = b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0";

#[test]
fn what_the_provider_wrote_goes_along_into_every_format_upright() {
    let own = packet_of("<rdf:Description rdf:about='' xmlns:d='urn:d' d:Tool='Kling'/>");
    let file = jpeg_with(&[segment(0xe1, &[b"Exif\0\0", EXIF].concat()), xmp_segment(&own)]);
    for (format, bytes) in all() {
        let converted = Converted { bytes, width: 40, height: 30, profile: Some(vec![7; 301]) };
        let carried = carried(&file, PictureFormat::Jpeg, &converted, format, &marks()).expect("carried");
        let metadata = read(&carried.bytes, format).expect("whole").expect("read");
        let exif = metadata.exif.expect("an Exif block");
        assert_eq!((exif.len(), Orientation::from_exif_chunk(&exif)), (EXIF.len(), Some(Orientation::NoTransforms)));
        let tool = Name { namespace: "urn:d", prefix: "d", local: "Tool" };
        assert_eq!(value(&carried.bytes, format, tool).as_deref(), Some("Kling"));
        assert!(image::load_from_memory(&carried.bytes).expect("decodes").into_rgb8().dimensions() == (40, 30));
        assert_eq!(container::contains(&carried.bytes, &[7; 301]), format == PictureFormat::WebP);
        if let Some(said) = exiftool(&carried.bytes, format.extension(), &["-s3", "-n", "-Orientation", "-Tool"]) {
            assert_eq!(said.lines().collect::<Vec<_>>(), ["1", "Kling"], "{format:?}");
        }
    }
}

#[test]
fn a_label_in_a_text_chunk_stays_there_and_goes_along_into_another_format() {
    let label = r#"{"Label":"1","ContentProducer":"Kling","ProduceID":"p"}"#;
    let text = png_chunk(b"tEXt", &[b"AIGC\0", label.as_bytes()].concat());
    let file = png_with(&[text.clone(), png_chunk(b"tEXt", b"Software\0x")]);
    let Marked { bytes, remarks } = marked(&file, PictureFormat::Png, &labelled());
    assert!(container::contains(&bytes, &text));
    assert_eq!(remarks, [Remark::LabelKept]);
    let converted = Converted { bytes: plain(ImageFormat::Jpeg), width: 40, height: 30, profile: None };
    for marks in [labelled(), marks(), Marks::default()] {
        let carried = carried(&file, PictureFormat::Png, &converted, PictureFormat::Jpeg, &marks).expect("carried");
        assert_eq!(value(&carried.bytes, PictureFormat::Jpeg, LABEL).as_deref(), Some(label));
        assert!(carried.remarks.contains(&Remark::TextsLost(1)), "{:?}", carried.remarks);
    }
}

#[test]
fn a_packet_that_is_too_long_for_a_segment_is_cut_into_an_extension_with_the_mark_in_front() {
    let own = packet_of(&format!("<rdf:Description xmlns:d='urn:d' d:Tool='{}'/>", "x".repeat(150_000)));
    let file = webp::with(&lossy_webp(), &Put { xmp: Some(&own), ..Put::default() }).expect("put");
    let converted = Converted { bytes: plain(ImageFormat::Jpeg), width: 40, height: 30, profile: None };
    let carried =
        carried(&file, PictureFormat::WebP, &converted, PictureFormat::Jpeg, &marks()).expect("carried").bytes;
    assert_eq!(value(&carried, PictureFormat::Jpeg, SOURCE_TYPE), Some(format!("{VOCABULARY}{TRAINED}")));
    assert!(image::load_from_memory(&carried).is_ok());
    if let Some(said) = exiftool(&carried, "jpg", &["-s3", "-warning", "-Tool", "-XMP-iptcExt:DigitalSourceType"]) {
        let source_type = format!("{VOCABULARY}{TRAINED}");
        let lines: Vec<&str> = said.lines().collect();
        assert!(lines[0].starts_with("(Binary data 150000 bytes"), "{said}");
        assert_eq!(lines[1..], [source_type]);
    }
    let full = |padding: usize| {
        let tool = "x".repeat(jpeg::MOST_PACKET - own_length() - padding);
        packet_of(&format!("<rdf:Description xmlns:d='urn:d' d:Tool='{tool}'/>")) + &" ".repeat(padding)
    };
    let padded = jpeg_with(&[xmp_segment(&full(1_000))]);
    assert!(in_place(padded, PictureFormat::Jpeg, &marks()).is_ok(), "padding gives way");
    let extension = segment(0xe1, b"http://ns.adobe.com/xmp/extension/\0...");
    let crammed = jpeg_with(&[xmp_segment(&full(0)), extension]);
    let error = in_place(crammed, PictureFormat::Jpeg, &marks()).expect_err("no room");
    assert!(error.to_string().contains("has no room for the mark"), "{error}");
}

/// The length of the packet of the test above without its tool.
fn own_length() -> usize {
    packet_of("<rdf:Description xmlns:d='urn:d' d:Tool=''/>").len()
}

#[test]
fn a_packet_that_cannot_be_read_is_not_replaced() {
    for (packet, why) in [(&b"<a><b></a>"[..], "is not well-formed XML"), (b"\xff\xfe<\0", "is not UTF-8")] {
        let file = jpeg_with(&[segment(0xe1, &[b"http://ns.adobe.com/xap/1.0/\0", packet].concat())]);
        let error = in_place(file, PictureFormat::Jpeg, &marks()).expect_err("unreadable").to_string();
        assert!(error.contains(why), "{error}");
    }
}

#[test]
fn junk_and_fill_bytes_in_a_jpeg_stay_where_they_are() {
    let comment = segment(0xfe, b"hello");
    let file = jpeg_with(&[vec![0xff, 0xff], comment[1..].to_vec(), b"junk".to_vec()]);
    let file = [file, b"behind the end".to_vec()].concat();
    let marked = marked(&file, PictureFormat::Jpeg, &marks()).bytes;
    let added = marked.len() - file.len();
    let at = marked.iter().zip(&file).position(|(new, old)| new != old).expect("a difference");
    assert!(
        (0..=at).rev().any(|at| [&marked[..at], &marked[at + added..]].concat() == file),
        "only a piece was put in"
    );
}

proptest! {
    #[test]
    fn damaged_files_are_answers_and_no_accident(
        which in 0usize..4,
        cut in 0usize..400,
        damage in proptest::collection::vec((0usize..400, any::<u8>()), 0..6),
    ) {
        let (format, mut file) = all().swap_remove(which);
        for (at, byte) in damage {
            let at = at % file.len();
            file[at] = byte;
        }
        file.truncate(file.len().saturating_sub(cut % 300));
        if let Ok(marked) = in_place(file.clone(), format, &labelled()) {
            prop_assert!(marked.bytes.len() > file.len());
            prop_assert!(read(&marked.bytes, format).is_ok());
        }
    }
}
