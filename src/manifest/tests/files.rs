//! Manifests as files: lines, encodings, headers, and what is wrong with a file as a whole.

use super::*;

/// The message of a manifest that is refused as a whole.
fn refused(text: impl AsRef<[u8]>) -> String {
    let folder = folder();
    read(folder.path(), text).expect_err("refused").to_string()
}

/// What helps against every file that is no CSV in UTF-8.
const CURE: &str = "save it as CSV UTF-8 (in Excel: Save As, file type \"CSV UTF-8\")";

/// The lines of all rows.
fn lines(text: impl AsRef<[u8]>) -> Vec<u64> {
    let folder = folder();
    let rows = read(folder.path(), text).expect("manifest");
    let line = |row: Row| match row {
        Row::Good(row) => row.line,
        Row::Rejected(row) => row.line,
    };
    rows.into_iter().map(line).collect()
}

#[test]
fn the_reported_line_is_the_physical_line_on_which_the_row_begins() {
    assert_eq!(lines("human,cloth\nana.png,shirt.jpg\nana.png,\n"), [2, 3]);
    assert_eq!(lines("human,cloth\r\nana.png,shirt.jpg\r\nana.png,"), [2, 3]);
    assert_eq!(lines("\n\r\nhuman,cloth\n\n\nana.png,shirt.jpg\n  \nana.png,\n\n"), [6, 8]);
    assert_eq!(lines("human,cloth,\"no\nte\"\r\nana.png,shirt.jpg,\"a\r\n\r\nb\"\r\nana.png,,\r\n"), [3, 6]);
}

#[test]
fn a_byte_order_mark_and_crlf_change_nothing() {
    let folder = folder();
    let plain = read(folder.path(), "human,cloth,id\nana.png,shirt.jpg,j\n").expect("plain");
    let text = "\u{feff}human,cloth,id\r\nana.png,shirt.jpg,j\r\n";
    assert_eq!(read(folder.path(), text).expect("with mark"), plain);
    let quoted = "\u{feff}\"human\",\"cloth\",\"id\"\r\n\"ana.png\",\"shirt.jpg\",\"j\"\r\n";
    assert_eq!(read(folder.path(), quoted).expect("quoted"), plain);
    assert_eq!(read(folder.path(), "human,cloth,id\nana.png,shirt.jpg,j").expect("without end"), plain);
}

#[test]
fn an_empty_manifest_is_refused() {
    let empty = "jobs.csv: is empty; its first line must name the columns, at least human_image and cloth_image";
    assert_eq!(refused(""), empty);
    assert_eq!(refused("\u{feff}"), empty);
    assert_eq!(refused("\n \r\n\n"), empty);
    assert_eq!(refused("human,cloth\n\n"), "jobs.csv: has a header and no rows; add a row for each job");
}

#[test]
fn a_column_that_is_misspelt_is_refused_before_a_garment_is_left_out_without_a_word() {
    assert_eq!(
        refused("id,human_image,cloth_image,cloth_typ,cloth_image2,Cloth-Type-2,prority\na,b,c,d,e,f,1\n"),
        "jobs.csv:1: the header has columns that are not read; rename `cloth_typ` to `cloth_type`, `cloth_image2` to \
         `cloth_image_2`, `Cloth-Type-2` to `cloth_type_2`, `prority` to `priority`, or to something less like it"
    );
    assert_eq!(
        refused("human_img,cloth\na,b\n"),
        "jobs.csv:1: the header has columns that are not read; rename `human_img` to `human_image`, or to something \
         less like it"
    );
    // What is as near to a column that is there, or near to none, is a column of somebody else's.
    let extra = "human_image,cloth_image,cloth_type,cloth_images,cloth_image_3,human,name,mode,type,priority class,sku";
    let extra = extra.replace(",human,", ",person,");
    assert_eq!(lines(format!("{extra}\nana.png,shirt.jpg,upper,,,,,,,,\n")), [2]);
}

#[test]
fn a_missing_required_column_is_named_with_those_that_were_found() {
    assert_eq!(
        refused("\nhuman,product,id\na,b,c\n"),
        "jobs.csv:2: the header has no column cloth_image; it has `human`, `product`, `id`; add it"
    );
    assert_eq!(
        refused("ana.png,shirt.jpg\n"),
        "jobs.csv:1: the header has no column human_image and no column cloth_image; it has `ana.png`, `shirt.jpg`; add them"
    );
}

#[test]
fn a_column_named_twice_is_refused_also_by_its_other_name() {
    assert_eq!(
        refused("human_image,cloth,Human\n"),
        "jobs.csv:1: the header names the column human_image twice (`human_image`, `Human`); keep one"
    );
}

#[test]
fn other_encodings_and_files_that_are_no_text_are_refused_with_the_cure() {
    let utf_16 = |mark: &[u8]| [mark, b"h\0u\0m\0a\0n\0"].concat();
    for (text, label) in [
        (utf_16(b"\xff\xfe"), "utf-16le"),
        (utf_16(b"\xfe\xff"), "utf-16be"),
        (utf_16(b""), "utf-16le"),
        (b"\0h\0u".to_vec(), "utf-16be"),
    ] {
        assert_eq!(refused(text), format!("jobs.csv: is UTF-16 text; {CURE}, or read it with --encoding {label}"));
    }
    for (text, what) in [
        (&b"PK\x03\x04\x14\0xl/workbook.xml"[..], "an Excel workbook (.xlsx)"),
        (b"PK\x03\x04\x14\0\0\0[Content_Types].xml", "an Excel workbook (.xlsx)"),
        (b"PK\x03\x04mimetypeapplication/vnd.oasis.opendocument.spreadsheet", "an OpenDocument spreadsheet (.ods)"),
        (b"PK\x03\x04\0\0pictures/ana.png", "a ZIP archive"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1", "an Excel workbook (.xls)"),
        (b"%PDF-1.7\n", "a PDF"),
        (b"\xef\xbb\xbf\n<!DOCTYPE html>\n<html>", "an HTML page"),
        (b"<table><tr><td>human</td></tr></table>", "an HTML page"),
        (b"<?xml version=\"1.0\"?><Workbook xmlns=\"urn:schemas-microsoft-com:office:spreadsheet\">", "an Excel XML"),
        (b"[{\"human_image\": \"ana.png\"}]", "JSON"),
        (b"{\n  \"jobs\": []}", "JSON"),
        (b"\x89PNG\r\n", "a picture"),
        (b"SQLite format 3\0", "an SQLite database"),
        (b"SQLite\0", "binary data"),
    ] {
        let error = refused(text);
        assert!(error.starts_with(&format!("jobs.csv: is {what}")) && error.contains("not a CSV text; "), "{error}");
    }
    assert_eq!(
        refused("human,cloth\rana.png,shirt.jpg\r"),
        "jobs.csv: its lines end with CR alone; save it with LF or CRLF line ends"
    );
}

#[test]
fn a_quote_that_swallows_the_file_is_refused_after_the_rows_before_it() {
    let folder = folder();
    let mut pictures = PictureChecks::new();
    let endless = ["human,cloth\nana.png,shirt.jpg\nana.png,\"", &"x\n".repeat(1 << 20)].concat();
    for (text, message) in [
        ("human,cloth\nana.png,shirt.jpg\nana.png,\"x\n", "and never closed; close it"),
        (endless.as_str(), "is over 1 MiB long"),
    ] {
        let bytes = text.as_bytes();
        let mut rows =
            ManifestReader::from_reader("jobs.csv", folder.path(), bytes, &Reading::default(), &mut pictures)
                .expect("header");
        assert!(matches!(rows.next(), Some(Ok(Row::Good(_)))));
        let error = rows.next().expect("an error").expect_err("an error").to_string();
        assert!(error.starts_with("jobs.csv:3: ") && error.contains(message), "{error}");
        assert!(rows.next().is_none());
    }
}

#[test]
fn a_manifest_that_is_no_file_is_refused() {
    let folder = folder();
    let mut pictures = PictureChecks::new();
    let mut open = |path: &Path| {
        ManifestReader::open(path, &Reading::default(), &mut pictures).err().expect("refused").to_string()
    };
    let absent = folder.path().join("absent.csv");
    let shown = absent.display();
    assert_eq!(open(&absent), format!("{shown}: no such manifest (looked for {shown}); check the path"));
    let shown = folder.path().display();
    assert_eq!(open(folder.path()), format!("{shown}: is a folder; name the CSV file in it"));
}

#[cfg(unix)]
#[test]
fn a_fifo_in_a_row_is_refused_without_waiting_for_it() {
    let folder = folder();
    let fifo = folder.path().join("fifo");
    assert!(std::process::Command::new("mkfifo").arg(&fifo).status().expect("mkfifo").success());
    let found = problems(folder.path(), "human,cloth\nana.png,fifo\nana.png,/dev/zero\n");
    assert!(found[0].starts_with("jobs.csv:2: cloth_image: is not a regular file"), "{}", found[0]);
    assert!(found[1].starts_with("jobs.csv:3: cloth_image: is not a regular file"), "{}", found[1]);
}

#[test]
fn paths_in_a_manifest_are_relative_to_its_folder() {
    let folder = folder();
    std::fs::create_dir(folder.path().join("lists")).expect("create_dir");
    let manifest = folder.path().join("lists/jobs.csv");
    std::fs::write(&manifest, "human,cloth\n../ana.png,../shirt.jpg\n").expect("write");
    let mut pictures = PictureChecks::new();
    let rows = ManifestReader::open(&manifest, &Reading::default(), &mut pictures).expect("open");
    let rows: Result<Vec<Row>, ManifestError> = rows.collect();
    assert!(matches!(rows.expect("rows").as_slice(), [Row::Good(_)]));
}

#[test]
fn a_picture_that_many_rows_name_is_opened_once() {
    let folder = folder();
    let text = ["human,cloth\n".to_owned(), "ana.png,shirt.jpg\n".repeat(1000)].concat();
    let mut pictures = PictureChecks::new();
    let rows =
        ManifestReader::from_reader("jobs.csv", folder.path(), text.as_bytes(), &Reading::default(), &mut pictures)
            .expect("header");
    assert_eq!(rows.filter(|row| matches!(row, Ok(Row::Good(_)))).count(), 1000);
    assert_eq!(pictures.probed(), 2);
}
