//! Lists of jobs, as a spreadsheet or the page leaves them: read as manifests are, by the column `id`.

use std::io::{self, Read};
use std::path::Path;

use encoding_rs::Encoding;

use super::ManifestError;
use super::foreign_text::{Texts, Verdict, in_another_encoding};
use super::header::{Column, Header};
use super::reader::{ManifestFile, opened, unreadable};
use super::records::{Record, Records};
use super::start::{self, Start};

/// A longer list is no list of jobs.
const MOST_BYTES: u64 = 1 << 30;

/// One row of a list of jobs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedJob {
    /// The physical line on which the row begins; the first line of the file is 1.
    pub line: u64,
    /// The cell of the column `id`, trimmed; never empty.
    pub id: String,
    /// The cell that names the person's picture, where the list has one.
    pub human: Option<String>,
    /// The cell that names the garment's picture, where the list has one.
    pub cloth: Option<String>,
    /// What is said of its result, where the list has a column `review`: as it is written.
    pub review: Option<String>,
    /// Why, where the list has a column `review_reason`.
    pub reason: Option<String>,
    /// The image that the row is about, where the list has a column `sha256`.
    pub sha256: Option<String>,
}

/// The rows of a list of jobs that have an id; `-` is standard input.
///
/// # Errors
/// The file cannot be read, or is no table with a column `id`.
pub fn read_id_list(argument: &Path, encoding: Option<&'static Encoding>) -> Result<Vec<ListedJob>, ManifestError> {
    let (name, file): (String, ManifestFile) = if argument == Path::new("-") {
        ("<stdin>".to_owned(), Box::new(io::stdin()))
    } else {
        let (name, _, file) = opened(argument)?;
        (name, file)
    };
    list_of(&name, file, encoding)
}

fn list_of(name: &str, file: impl Read, encoding: Option<&'static Encoding>) -> Result<Vec<ListedJob>, ManifestError> {
    let mut bytes_left = Bounded { inner: file, left: MOST_BYTES };
    let Start { text, layout, is_encoding_certain } = start::text_of(name, &mut bytes_left, encoding, &[Column::Id])?;
    let mut records = Records::new(text, layout.separator);
    if layout.has_separator_line {
        records.next().map_err(|broken| unreadable(name, broken))?;
    }
    let Columns { id, others } = match records.next().map_err(|broken| unreadable(name, broken))? {
        Some(header) => columns(name, header)?,
        None => return Err(ManifestError::NoIdColumn { manifest: name.to_owned() }),
    };
    let (mut texts, mut jobs) = (Texts::new(is_encoding_certain), Vec::new());
    while let Some(record) = records.next().map_err(|broken| unreadable(name, broken))? {
        if !record.is_ascii() {
            texts.note(record, |index| index == id);
        }
        let line = record.line;
        let cell = record.cell(id).unwrap_or_default();
        let Ok(text) = std::str::from_utf8(cell) else {
            let cell = cell.to_owned();
            return Err(match texts.judge_broken(name, line, &cell, records.at_hand()) {
                Verdict::Foreign(error) => error,
                Verdict::Damaged => ManifestError::MuchDamaged { manifest: name.to_owned(), line },
            });
        };
        if !text.trim().is_empty() {
            let other = |column: Option<usize>| Some(String::from_utf8_lossy(record.cell(column?)?).trim().to_owned());
            let filled = |column| other(column).filter(|text| !text.is_empty());
            let [human, cloth, review, reason, sha256] = others.map(filled);
            jobs.push(ListedJob { line, id: text.trim().to_owned(), human, cloth, review, reason, sha256 });
        }
    }
    texts.judge_whole(name).map_or(Ok(jobs), Err)
}

/// Where the columns of a list are.
struct Columns {
    id: usize,
    /// Those of the two pictures, of a verdict, its reason, and the image that it is about.
    others: [Option<usize>; 5],
}

fn columns(name: &str, header: Record<'_>) -> Result<Columns, ManifestError> {
    let position = |column| Header::position_in(header, column);
    match position(Column::Id) {
        Some(id) => {
            let said = ["review", "review_reason", "sha256"].map(|name| Header::position_of(header, name));
            let [review, reason, sha256] = said;
            Ok(Columns { id, others: [position(Column::Human), position(Column::Cloth), review, reason, sha256] })
        }
        None if !header.is_utf_8() => {
            let cells: Vec<&[u8]> = (0..header.len()).filter_map(|index| header.cell(index)).collect();
            let shown = cells.iter().find(|cell| std::str::from_utf8(cell).is_err()).copied().unwrap_or_default();
            Err(in_another_encoding(name, header.line, shown, &cells))
        }
        None => Err(ManifestError::NoIdColumn { manifest: name.to_owned() }),
    }
}

/// A reader that fails, and does not end, where more comes than is read.
struct Bounded<R> {
    inner: R,
    left: u64,
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.left = self.left.checked_sub(read as u64).ok_or_else(|| {
            io::Error::new(io::ErrorKind::FileTooLarge, "it is over 1 GiB long, too long for a list of jobs")
        })?;
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(text: impl AsRef<[u8]>) -> Vec<String> {
        list_of("list.csv", text.as_ref(), None).expect("a list").into_iter().map(|job| job.id).collect()
    }

    fn refused(text: impl AsRef<[u8]>) -> String {
        list_of("list.csv", text.as_ref(), None).expect_err("refused").to_string()
    }

    #[test]
    fn the_column_id_is_found_whatever_separates_and_stands_beside_it() {
        assert_eq!(ids("id,output\r\na/1,a/1.png\r\n\"b, 2\",x\r\n"), ["a/1", "b, 2"]);
        assert_eq!(ids("\u{feff}state;ID\nfailed;a/1\n;\n"), ["a/1"]);
        assert_eq!(ids("state\tid\nfailed\ta 1\n"), ["a 1"]);
        assert_eq!(ids("sep=|\nstate|\"id\"|note\nfailed|a 1|\"two\nlines\"\n"), ["a 1"]);
        assert_eq!(ids("id\n"), Vec::<String>::new());
    }

    #[test]
    fn a_list_is_read_in_other_encodings_where_they_are_named_and_refused_where_not() {
        let gbk = encoding_rs::GBK.encode("id;状态\n女装/图1;失败\n裤子/2;失败\n").0.into_owned();
        let error = refused(&gbk);
        assert!(error.contains("GBK") && error.contains("--encoding gb18030"), "{error}");
        let read = list_of("list.csv", gbk.as_slice(), Some(encoding_rs::GB18030)).expect("a list");
        assert_eq!(read.iter().map(|job| job.id.as_str()).collect::<Vec<_>>(), ["女装/图1", "裤子/2"]);
        let utf_16: Vec<u8> = "\u{feff}id\tx\r\na\t1\r\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert!(refused(&utf_16).contains("UTF-16"));
        let read = list_of("list.csv", utf_16.as_slice(), Some(encoding_rs::UTF_16LE)).expect("a list");
        assert_eq!(read[0].id, "a");
    }

    #[test]
    fn a_list_without_that_column_is_refused() {
        assert!(refused("a/1\na/2\n").contains("column `id`"));
        assert!(refused("").contains("is empty"));
        assert!(refused("PK\x03\x04 xl/workbook.xml").contains("Excel"));
    }

    #[test]
    fn a_list_that_is_too_long_is_refused_and_not_cut_off() {
        let mut bounded = Bounded { inner: &b"id\na\nb\n"[..], left: 5 };
        let error = io::read_to_string(&mut bounded).expect_err("refused");
        assert!(error.to_string().contains("1 GiB"), "{error}");
    }

    fn nothing_said() -> ListedJob {
        ListedJob { line: 0, id: String::new(), human: None, cloth: None, review: None, reason: None, sha256: None }
    }

    #[test]
    fn a_verdict_its_reason_and_its_image_are_read_where_the_list_has_them() {
        let text = "ID;Review;review_reason;SHA256\r\na;rejected;\"the hand, again\";ab\r\nb;;;\r\n";
        let read = list_of("l.csv", text.as_bytes(), None).expect("a list");
        let said = |text: &str| Some(text.to_owned());
        let (review, reason, sha256) = (said("rejected"), said("the hand, again"), said("ab"));
        assert_eq!(read[0], ListedJob { line: 2, id: "a".to_owned(), review, reason, sha256, ..nothing_said() });
        assert_eq!(read[1], ListedJob { line: 3, id: "b".to_owned(), ..nothing_said() });
    }

    #[test]
    fn the_pictures_of_a_row_are_read_where_the_list_has_them() {
        let read = list_of("l.csv", &b"id,state,human_image,cloth\n00123,failed,ana.png,\n"[..], None).expect("a list");
        let job = ListedJob { line: 2, id: "00123".to_owned(), human: Some("ana.png".to_owned()), ..nothing_said() };
        assert_eq!(read, [job]);
    }
}
