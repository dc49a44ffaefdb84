//! Manifests as spreadsheet programs write them, byte for byte.

use crate::job::Garment;

use super::*;

/// Every row's line and id; all must be good.
fn ids(folder: &Path, text: impl AsRef<[u8]>) -> Vec<(u64, String)> {
    let rows = read(folder, text).expect("manifest");
    let good = |row: Row| match row {
        Row::Good(row) => (row.line, row.spec.id.to_string()),
        Row::Rejected(row) => panic!("rejected: {:?}", row.problems),
    };
    rows.into_iter().map(good).collect()
}

fn id(line: u64, id: &str) -> (u64, String) {
    (line, id.to_owned())
}

/// "CSV UTF-8" of an Excel whose system separates lists by semicolons: a byte order mark, CRLF, quotes only where a
/// cell needs them, the used range as a rectangle, and empty rows where somebody once typed something.
const EXCEL_UTF_8: &[u8] = b"\xef\xbb\xbfid;human_image;cloth_image;cloth_type;note;;\r\n\
    spring/1;ana.png;shirt.jpg;upper;\"gr\xc3\xbcn; \"\"neu\"\"\nbis Mai\";;\r\n\
    ;;;;;;\r\n\
    spring/2;ana.png;trousers.png;lower;;;\r\n\
    ;;;;;;\r\n\
    ;;;;;;\r\n";

#[test]
fn excels_csv_utf_8_with_semicolons_is_read() {
    let folder = folder();
    let rows = read(folder.path(), EXCEL_UTF_8).expect("manifest");
    let [Row::Good(first), Row::Good(second)] = rows.as_slice() else { panic!("{rows:?}") };
    assert_eq!((first.line, first.spec.id.as_str(), first.spec.cloth_type), (2, "spring/1", Some(Garment::Upper)));
    assert_eq!((second.line, second.spec.id.as_str()), (5, "spring/2"), "the quoted cell is two lines high");
}

#[test]
fn columns_without_a_name_at_the_end_may_be_left_out_of_rows() {
    // Excel writes rows in blocks, and leaves out the columns at the end that a whole block does not use.
    let folder = folder();
    let text = "human;cloth;id;;;\r\nana.png;shirt.jpg;a;;;\r\nana.png;shirt.jpg;b\r\nana.png;shirt.jpg;c;x;y;z\r\n";
    assert_eq!(ids(folder.path(), text), [id(2, "a"), id(3, "b"), id(4, "c")]);
    let text = "human;cloth;id;;\r\nana.png;shirt.jpg\r\nana.png;shirt.jpg;b;;;\r\n";
    assert_eq!(
        problems(folder.path(), text),
        [
            "jobs.csv:2: row: has 2 cells, the header has 3; add the missing semicolons",
            "jobs.csv:3: row: has 6 cells, the header has 5; a cell that contains a semicolon must stand in quotes",
        ]
    );
}

#[test]
fn a_line_that_names_the_separator_is_taken_at_its_word() {
    let folder = folder();
    for text in [
        "\u{feff}sep=;\r\nhuman;cloth;id\r\nana.png;shirt.jpg;a\r\n",
        "\"sep=;\"\r\nhuman;cloth;id\r\nana.png;shirt.jpg;a\r\n",
        "sep=;;;\nhuman;cloth;id\nana.png;shirt.jpg;a\n",
        "SEP=,\nhuman,cloth,id\nana.png,shirt.jpg,a\n",
        "sep=\t\nhuman\tcloth\tid\nana.png\tshirt.jpg\ta\n",
        "sep=|\nhuman|cloth|id\nana.png|shirt.jpg|a\n",
    ] {
        assert_eq!(ids(folder.path(), text), [id(3, "a")], "{text:?}");
    }
    // It is taken at its word also where that is wrong.
    let error = read(folder.path(), "sep=;\nhuman,cloth\nana.png,shirt.jpg\n").expect_err("refused").to_string();
    assert!(error.starts_with("jobs.csv:2: the header has no column human_image"), "{error}");
}

#[test]
fn tabs_and_bars_are_separators_where_they_make_the_header() {
    let folder = folder();
    for separator in ["\t", "|", ";", ","] {
        let text = "\r\nid,\"human\",cloth\r\na,ana.png,\"shirt.jpg\"\r\n".replace(',', separator);
        assert_eq!(ids(folder.path(), text), [id(3, "a")]);
    }
}

#[test]
fn a_comma_in_a_name_is_no_separator_where_semicolons_are() {
    let folder = folder();
    picture(&folder.path().join("shirt, blue.png"), 300, 300, image::ImageFormat::Png);
    let text = "human;cloth\nana.png;shirt, blue.png\n";
    assert_eq!(ids(folder.path(), text), [id(2, "ana/shirt, blue")]);
}

#[test]
fn a_header_with_one_column_wrong_is_judged_by_its_own_separator() {
    let folder = folder();
    let error = read(folder.path(), "human;product;note, long\n").expect_err("refused").to_string();
    assert_eq!(
        error,
        "jobs.csv:1: the header has no column cloth_image; it has `human`, `product`, `note, long`; add it"
    );
}

/// "Unicode text" of Excel, and "CSV" of one whose system is not in UTF-8.
#[test]
fn excels_other_encodings_are_refused_with_what_to_choose_instead() {
    let folder = folder();
    let utf_16: Vec<u8> =
        "\u{feff}human\tcloth\r\nana.png\tshirt.jpg\r\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let error = read(folder.path(), utf_16).expect_err("refused").to_string();
    assert!(error.contains("UTF-16") && error.contains("in Excel: Save As, file type \"CSV UTF-8\""), "{error}");
    let windows_1252 = b"id;human;cloth\r\nGr\xfcn;ana.png;shirt.jpg\r\n";
    let error = read(folder.path(), windows_1252).expect_err("refused").to_string();
    assert_eq!(
        error,
        "jobs.csv:2: is not in UTF-8 but most likely in windows-1252 (Western European), in which this line has `Grün`; \
         save it as CSV UTF-8 (in Excel: Save As, file type \"CSV UTF-8\"), or read it with --encoding windows-1252"
    );
}

#[test]
fn a_header_longer_than_what_is_looked_at_first_is_still_read() {
    let folder = folder();
    let text = format!("human;cloth;id;{}\nana.png;shirt.jpg;a;\n", "x".repeat(100_000));
    assert_eq!(ids(folder.path(), text), [id(2, "a")]);
}
