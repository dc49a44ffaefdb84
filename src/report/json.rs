//! The report as a JSON array, one object a line.

use std::io::{self, Write};

use super::columns::Columns;

/// A JSON report that is being written.
pub(super) struct JsonSheet<W: Write> {
    to: W,
    has_rows: bool,
}

impl<W: Write> JsonSheet<W> {
    pub(super) fn begin(mut to: W) -> io::Result<Self> {
        to.write_all(b"[")?;
        Ok(Self { to, has_rows: false })
    }

    pub(super) fn add(&mut self, row: &Columns<'_>) -> io::Result<()> {
        self.to.write_all(if self.has_rows { b",\n" } else { b"\n" })?;
        self.has_rows = true;
        // An io error inside becomes itself again, so that a pipe whose reader has left is still known as one.
        serde_json::to_writer(&mut self.to, row).map_err(io::Error::from)
    }

    pub(super) fn end(mut self) -> io::Result<()> {
        self.to.write_all(if self.has_rows { b"\n]\n" } else { b"]\n" })?;
        self.to.flush()
    }
}
