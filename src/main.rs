//! The `tryon` command: parse, dispatch, exit.

use std::process::ExitCode;

use clap::Parser;
use tryon::cli::{self, Arguments};

fn main() -> ExitCode {
    match cli::dispatch(Arguments::parse()) {
        Ok(code) => code.into(),
        Err((console, failure)) => {
            console.error(&failure.message);
            failure.code.into()
        }
    }
}
