//! `tryon completions SHELL`.

use std::io::Write;

use clap::CommandFactory;

use crate::exit_code::ExitCode;

use super::{Arguments, Failure};

pub(super) fn command(shell: clap_complete::Shell) -> Result<ExitCode, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), "tryon", &mut script);
    match std::io::stdout().lock().write_all(&script) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Failure::machine(format!("could not write to standard output: {error}")))
        }
        _ => Ok(ExitCode::Ok),
    }
}
