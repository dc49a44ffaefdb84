//! `tryon man`: the help as manual pages.

use std::io::Write;
use std::path::{Path, PathBuf};

use clap::builder::Resettable;
use clap::{Args, Command};
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};

use crate::exit_code::ExitCode;

use super::pipe::fine_if_reader_left;
use super::{Failure, parse};

/// Where the pages go.
#[derive(Debug, Args)]
pub(super) struct ManOptions {
    /// Write a page for each command into this folder, instead of one about `tryon` to standard output
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

/// `tryon man`.
pub(super) fn command(options: &ManOptions) -> Result<ExitCode, Failure> {
    let mut program = parse::command();
    program.build();
    match &options.out {
        None => {
            let page = page(&program);
            fine_if_reader_left(std::io::stdout().lock().write_all(&page).map_err(Into::into))?;
        }
        Some(folder) => {
            write_all(&program, folder)
                .map_err(|error| Failure::usage(format!("--out: cannot write to {}: {error}", folder.display())))?;
        }
    }
    Ok(ExitCode::Ok)
}

fn write_all(program: &Command, folder: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(folder)?;
    let commands = program.get_subcommands().filter(|command| !command.is_hide_set());
    for command in std::iter::once(program).chain(commands) {
        let name = command.get_display_name().unwrap_or_else(|| command.get_name());
        std::fs::write(folder.join(format!("{name}.1")), page(command))?;
    }
    Ok(())
}

/// One page.
fn page(command: &Command) -> Vec<u8> {
    let examples = command.get_after_help().map(ToString::to_string);
    let version = concat!("tryon ", env!("CARGO_PKG_VERSION"));
    let man = Man::new(command.clone().after_help(Resettable::Reset)).source(version).manual("tryon");
    let mut page = Vec::new();
    // Writing to memory does not fail.
    let _ = man.render(&mut page);
    let sections = [Some(exit_status()), examples.as_deref().map(examples_section)];
    for section in sections.into_iter().flatten() {
        let _ = section.to_writer(&mut page);
    }
    page
}

/// What scripts rely on.
fn exit_status() -> Roff {
    let codes = [
        ("0", "every job succeeded, or was cancelled; a command other than run did what it was asked"),
        ("1", "the run finished, and some jobs failed, are in doubt, or have tasks that outlasted --task-timeout"),
        ("2", "usage, configuration or manifest error: nothing was spent"),
        ("3", "stopped by the account, the credentials or the budget: run again to go on"),
        ("4", "another run holds this queue"),
        ("5", "the machine failed it (disk full, queue unreadable): what is done is safe"),
        ("130, 143", "interrupted: run again to go on"),
    ];
    let mut roff = Roff::new();
    roff.control("SH", ["EXIT STATUS"]);
    for (code, meaning) in codes {
        roff.control("TP", []).text([bold(code)]).text([roman(meaning)]);
    }
    roff
}

/// The examples keep their lines, which the library would run together; the sentences around them are filled.
fn examples_section(examples: &str) -> Roff {
    let mut roff = Roff::new();
    roff.control("SH", ["EXAMPLES"]);
    for line in examples.trim_start_matches("Examples:\n").lines() {
        if line.is_empty() {
            roff.control("PP", []);
        } else if line.starts_with("  ") {
            roff.control("nf", []).text([roman(line)]);
            roff.control("fi", []);
        } else {
            roff.text([roman(line)]);
        }
    }
    roff
}
