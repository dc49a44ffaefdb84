//! Printing into a pipe whose reader has had enough (`tryon list | head`) is no error.

use std::io;

use crate::report::ReportError;

/// Turns the error that the reader of our output has left into success; there is nobody to tell.
///
/// # Errors
/// Every other error, as it is.
pub(super) fn fine_if_reader_left(result: anyhow::Result<()>) -> anyhow::Result<()> {
    match result {
        Err(error) if is_broken_pipe(&error) => Ok(()),
        other => other,
    }
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        let in_report = cause.downcast_ref::<ReportError>().and_then(ReportError::io);
        let io = cause.downcast_ref::<io::Error>().or(in_report);
        io.is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
    })
}
