//! The commands: one file each. The only place that prints.

mod args;
mod check;
mod completions;
mod console;
mod edit;
mod failure;
mod id_list;
mod job_json;
mod list;
mod load;
mod pipe;
mod place;
mod report;
mod run;
mod sandbox;
mod show;
mod status;

#[cfg(test)]
mod read_tests;

use std::io::Write;

use crate::exit_code::ExitCode;
use crate::queue::QueueReader;
use crate::settings::Options;

pub use args::Arguments;
use args::{At, Command};
pub use console::Console;
pub use failure::Failure;
use place::Place;

/// Does what the command line says.
///
/// # Errors
/// What went wrong, for the user, with the exit code; and how to say it.
pub fn dispatch(arguments: Arguments) -> Result<ExitCode, (Console, Failure)> {
    let file = match Options::from_file(arguments.common.config.as_deref()) {
        Ok(file) => file,
        Err(error) => return Err((arguments.common.console(&Options::default()), error.into())),
    };
    let console = arguments.common.console(&file);
    console.start_logging();
    command(arguments.command, file, &console).map_err(|failure| (console, failure))
}

fn command(command: Command, file: Options, console: &Console) -> Result<ExitCode, Failure> {
    match command {
        Command::Run { manifests, options, place } => {
            let place = place.or(&file);
            wait(run::run(&manifests, &options.or(file), &place, console))
        }
        Command::Load { manifests, options, place } => {
            let place = place.or(&file);
            wait(load::command(&manifests, &options.or(file), &place, console))
        }
        Command::Check { manifests, options } => wait(check::command(&manifests, &options.or(file), console)),
        Command::Status(At { args, place }) => {
            read(&place.or(&file), |reader, place, out| status::status(&args, reader, place, out))
        }
        Command::List(At { args, place }) => read(&place.or(&file), |reader, _, out| list::list(&args, reader, out)),
        Command::Show(At { args, place }) => {
            read(&place.or(&file), |reader, place, out| show::show(&args, reader, place, out))
        }
        Command::Report(At { args, place }) => {
            read(&place.or(&file), |reader, place, out| report::report(&args, reader, place, out))
        }
        Command::Retry(At { args, place }) => wait(edit::retry(&args, &place.or(&file))),
        Command::Adopt(At { args, place }) => wait(edit::adopt(&args, &place.or(&file))),
        Command::Cancel(At { args, place }) => wait(edit::cancel(&args, &place.or(&file))),
        Command::Sandbox(options) => wait(sandbox::command(&options, console)),
        Command::Completions { shell } => completions::command(shell),
    }
}

/// Runs a command that has to wait for things.
fn wait(command: impl Future<Output = Result<ExitCode, Failure>>) -> Result<ExitCode, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::machine(format!("the program could not start: {error}")))?;
    runtime.block_on(Box::pin(command))
}

/// Runs a command that only reads the queue and prints.
fn read(
    place: &Place,
    command: impl FnOnce(&QueueReader, &Place, &mut dyn Write) -> anyhow::Result<()>,
) -> Result<ExitCode, Failure> {
    let reader = QueueReader::open(&place.queue)?;
    command(&reader, place, &mut std::io::stdout().lock())?;
    Ok(ExitCode::Ok)
}
