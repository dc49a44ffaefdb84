//! The `tryon` command: parse, dispatch, exit.

use std::process::ExitCode;

use tryon::cli::{self, Arguments};

fn main() -> ExitCode {
    match cli::dispatch(Arguments::of_this_process()) {
        Ok(code) => code.into(),
        Err((console, failure)) => {
            console.error(&failure.message);
            failure.code.into()
        }
    }
}
