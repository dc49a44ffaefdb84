//! Lists of jobs in CSV: what the page saves of the rejected results, or what a spreadsheet left of a report.

use std::collections::HashSet;
use std::io::Read;
use std::path::Path;

use crate::queue::{QueueError, QueueReader};

use super::Failure;

/// A longer list is no list of jobs.
const MOST_BYTES: u64 = 1 << 30;

/// The ids in the `id` column of a CSV file, each once, in its order; `-` reads standard input.
pub(super) fn read_ids(file: &Path, reader: &QueueReader) -> Result<Vec<String>, Failure> {
    let name = file.display();
    let unreadable = |error: std::io::Error| Failure::usage(format!("{name}: {error}"));
    let mut bytes = Vec::new();
    let read = if file == Path::new("-") {
        std::io::stdin().lock().take(MOST_BYTES).read_to_end(&mut bytes)
    } else {
        std::fs::File::open(file).and_then(|file| file.take(MOST_BYTES).read_to_end(&mut bytes))
    };
    read.map_err(unreadable)?;
    let text = String::from_utf8(bytes)
        .map_err(|_| Failure::usage(format!("{name}: is not UTF-8; save it as \"CSV UTF-8\"")))?;
    let cells = id_cells(&text).map_err(|why| Failure::usage(format!("{name}: {why}")))?;
    let mut seen = HashSet::new();
    let mut ids = Vec::new();
    for cell in cells {
        let id = as_loaded(cell, reader)?;
        if seen.insert(id.clone()) {
            ids.push(id);
        }
    }
    Ok(ids)
}

/// The cells of the column `id`. Spreadsheets separate by commas, semicolons or tabs, as the country has it.
fn id_cells(text: &str) -> Result<Vec<String>, String> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    for separator in [b',', b';', b'\t'] {
        let mut table = csv::ReaderBuilder::new().delimiter(separator).flexible(true).from_reader(text.as_bytes());
        let header = table.headers().map_err(|error| error.to_string())?;
        let Some(column) = header.iter().position(|name| name.trim().eq_ignore_ascii_case("id")) else { continue };
        let mut cells = Vec::new();
        for row in table.records() {
            let row = row.map_err(|error| error.to_string())?;
            cells.extend(row.get(column).filter(|cell| !cell.is_empty()).map(str::to_owned));
        }
        return Ok(cells);
    }
    Err("has no column `id`; its first line must name the columns".to_owned())
}

/// The id that a cell means. Reports defuse what a spreadsheet would take for a formula by an apostrophe in front.
fn as_loaded(cell: String, reader: &QueueReader) -> Result<String, QueueError> {
    let Some(bare) = cell.strip_prefix('\'').filter(|bare| bare.starts_with(['=', '+', '-', '@'])) else {
        return Ok(cell);
    };
    match reader.job(&cell) {
        Err(QueueError::NoSuchJob(_)) => Ok(bare.to_owned()),
        found => found.map(|_| cell.clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cells(text: &str) -> Vec<String> {
        id_cells(text).expect("a list")
    }

    #[test]
    fn the_column_id_is_found_whatever_separates_and_stands_beside_it() {
        assert_eq!(cells("id,output\r\na/1,a/1.png\r\n\"b, 2\",x\r\n"), ["a/1", "b, 2"]);
        assert_eq!(cells("\u{feff}state;ID\nfailed;a/1\n;\n"), ["a/1"]);
        assert_eq!(cells("state\tid\nfailed\ta 1\n"), ["a 1"]);
        assert_eq!(cells("id\n"), Vec::<String>::new());
    }

    #[test]
    fn a_list_without_that_column_is_refused() {
        assert!(id_cells("a/1\na/2\n").expect_err("no header").contains("column `id`"));
        assert!(id_cells("").is_err());
    }

    #[test]
    fn an_apostrophe_of_the_report_is_taken_off_and_one_of_the_id_is_not() {
        use crate::report::stocked;
        let stocked = stocked::queue_with(async |queue| {
            stocked::load(queue, vec![stocked::spec("=bob", 0), stocked::spec("'-x", 0), stocked::spec("'q", 0)]).await;
        });
        let loaded = |cell: &str| as_loaded(cell.to_owned(), &stocked.reader).expect("readable");
        assert_eq!([loaded("'=bob"), loaded("=bob"), loaded("'-x"), loaded("'q")], ["=bob", "=bob", "'-x", "'q"]);
    }
}
