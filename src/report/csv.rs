//! The report as CSV, safe to open in a spreadsheet.

use std::borrow::Cow;
use std::io::{self, Write};

use super::columns::{Columns, HEADER};

/// A CSV report that is being written.
pub(super) struct CsvSheet<W: Write> {
    to: csv::Writer<W>,
}

impl<W: Write> CsvSheet<W> {
    pub(super) fn begin(to: W) -> io::Result<Self> {
        let mut to = csv::Writer::from_writer(to);
        to.write_record(HEADER)?;
        Ok(Self { to })
    }

    pub(super) fn add(&mut self, row: &Columns<'_>) -> io::Result<()> {
        let cells: [Cow<'_, str>; HEADER.len()] = [
            defused(row.id),
            row.state.into(),
            defused(row.human_image),
            defused(row.cloth_image),
            defused(&row.model),
            maybe(row.output.as_deref()),
            maybe(row.error_code),
            maybe(row.error),
            number(Some(row.attempts)),
            maybe(row.task_id),
            maybe(row.external_task_id),
            maybe(row.request_id),
            number(row.units),
            number(row.width),
            number(row.height),
            number(row.bytes),
            maybe(row.sha256),
            maybe(row.submitted_at.as_deref()),
            maybe(row.finished_at.as_deref()),
            row.seconds.map_or_else(|| "".into(), |seconds| format!("{seconds:.3}").into()),
            row.flags.join(";").into(),
        ];
        self.to.write_record(cells.iter().map(|cell| cell.as_bytes()))?;
        Ok(())
    }

    pub(super) fn end(mut self) -> io::Result<()> {
        self.to.flush()
    }
}

fn maybe(text: Option<&str>) -> Cow<'_, str> {
    text.map_or_else(|| "".into(), defused)
}

fn number(value: Option<impl ToString>) -> Cow<'static, str> {
    value.map_or_else(|| "".into(), |value| value.to_string().into())
}

/// A cell that a spreadsheet would run as a formula, made a text by an apostrophe in front.
fn defused(text: &str) -> Cow<'_, str> {
    if text.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{text}").into() } else { text.into() }
}
