//! Rows that a quote has swallowed. A quote that is opened in one row and closed by the opening one of a later row makes
//! one record of both, and of all between, without any error.

use super::header::Header;
use super::lost_path::PICTURE_EXTENSIONS;
use super::records::Record;
use super::separator::Separator;

/// Where the pictures of a row are, by the header.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shape<'a> {
    pub(super) cells: &'a std::ops::RangeInclusive<usize>,
    pub(super) human: usize,
    pub(super) cloth: usize,
    pub(super) separator: Separator,
}

/// How many rows of the file are inside the quotes of a record, if at least one is besides its own.
pub(super) fn swallowed_rows(record: Record<'_>, shape: Shape<'_>) -> Option<usize> {
    if record.lines < 2 {
        return None;
    }
    let lines = lines(record, shape.separator);
    let rows = lines.iter().filter(|cells| is_row(cells, shape)).count();
    (rows > 1).then(|| rows - 1)
}

/// The same of a header, which is no row itself.
pub(super) fn swallowed_by_header(record: Record<'_>, header: &Header, shape: Shape<'_>) -> Option<usize> {
    if record.lines < 2 {
        return None;
    }
    let lines = lines(record, shape.separator);
    // Names behind the open quote are part of the swallowed text, so the first line says how long a row is.
    let cells = lines.first().map_or(0, Vec::len);
    let cells = cells.min(*header.cells.start())..=cells.max(*header.cells.end());
    let rows = lines.iter().skip(1).filter(|line| is_row(line, Shape { cells: &cells, ..shape })).count();
    (rows > 0).then_some(rows)
}

/// The physical lines of a record, each in the cells that it would have by itself.
fn lines(record: Record<'_>, separator: Separator) -> Vec<Vec<&[u8]>> {
    let mut lines = vec![Vec::new()];
    for cell in (0..record.len()).filter_map(|index| record.cell(index)) {
        let is_torn = cell.contains(&b'\n');
        for (nth, part) in cell.split(|byte| *byte == b'\n').enumerate() {
            if nth > 0 {
                lines.push(Vec::new());
            }
            let line = lines.last_mut().into_iter();
            // A cell on one line may hold separators of its own, by right of its quotes.
            match is_torn {
                true => line.for_each(|line| line.extend(part.split(|byte| *byte == separator.byte()))),
                false => line.for_each(|line| line.push(part)),
            }
        }
    }
    lines
}

fn is_row(cells: &[&[u8]], shape: Shape<'_>) -> bool {
    let names_picture = |index: usize| cells.get(index).is_some_and(|cell| names_picture(cell));
    shape.cells.contains(&cells.len()) && names_picture(shape.human) && names_picture(shape.cloth)
}

/// Whether a text looks like the path or the address of a picture.
fn names_picture(text: &[u8]) -> bool {
    let text = String::from_utf8_lossy(text.trim_ascii()).to_ascii_lowercase();
    let extension = text.rsplit_once('.').map(|(_, extension)| extension);
    text.starts_with("http://")
        || text.starts_with("https://")
        || extension.is_some_and(|extension| PICTURE_EXTENSIONS.contains(&extension))
}
