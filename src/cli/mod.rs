//! The commands: one file each. The only place that prints.

mod args;
mod check;
mod completions;
mod console;
mod edit;
mod load;
mod place;
mod run;
mod sandbox;

use std::path::Path;

use crate::exit_code::ExitCode;
use crate::queue::QueueReader;
use crate::settings::Options;

pub use args::Arguments;
use args::{Command, Common};
pub use console::Console;
pub use place::Place;

/// An error with the exit code it ends the program with.
#[derive(Debug)]
pub struct Failure {
    /// How the program ends.
    pub code: ExitCode,
    /// What to tell the user; empty when everything was said already.
    pub message: String,
}

impl Failure {
    fn new(code: ExitCode, message: impl std::fmt::Display) -> Self {
        Self { code, message: message.to_string() }
    }

    fn usage(message: impl std::fmt::Display) -> Self {
        Self::new(ExitCode::Usage, message)
    }
}

impl From<crate::queue::QueueError> for Failure {
    fn from(error: crate::queue::QueueError) -> Self {
        Self::new(ExitCode::of_queue(&error), error)
    }
}

impl From<crate::settings::SettingsError> for Failure {
    fn from(error: crate::settings::SettingsError) -> Self {
        Self::usage(error)
    }
}

/// Does what the command line says.
///
/// # Errors
/// What went wrong, for the user, with the exit code.
pub fn dispatch(arguments: Arguments) -> Result<ExitCode, (Console, Failure)> {
    let file = Options::from_file(arguments.common.config.as_deref());
    let file = match file {
        Ok(file) => file,
        Err(error) => return Err((arguments.common.console(&Options::default()), error.into())),
    };
    let console = arguments.common.console(&file);
    let place = arguments.common.place(&file);
    command(arguments, file, &place, &console).map_err(|failure| (console, failure))
}

fn command(arguments: Arguments, file: Options, place: &Place, console: &Console) -> Result<ExitCode, Failure> {
    let runtime = || {
        tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()
            .map_err(|error| Failure::new(ExitCode::Machine, format!("the program could not start: {error}")))
    };
    match arguments.command {
        Command::Run { manifests, options } => {
            runtime()?.block_on(run::run(&manifests, options.or(file), place, console))
        }
        Command::Load { manifests, options } => {
            runtime()?.block_on(load::command(&manifests, &options.or(file), place, console))
        }
        Command::Check { manifests, options } => {
            runtime()?.block_on(check::command(&manifests, &options.or(file), console))
        }
        Command::Retry(what) => runtime()?.block_on(edit::retry(&what, place)),
        Command::Cancel(what) => runtime()?.block_on(edit::cancel(&what, place)),
        Command::Sandbox(options) => runtime()?.block_on(sandbox::command(&options, console)),
        Command::Completions { shell } => completions::command(shell),
    }
}

/// Opens the queue for reading.
fn open_reader(place: &Place) -> Result<QueueReader, Failure> {
    Ok(QueueReader::open(&place.queue)?)
}

/// A path as a message shows it.
fn shown(path: &Path) -> String {
    path.display().to_string()
}

impl Common {
    fn place(&self, file: &Options) -> Place {
        let out = self.out.clone().or_else(|| file.out.clone()).unwrap_or_else(|| Place::DEFAULT_OUT.into());
        let queue = self.queue.clone().or_else(|| file.queue.clone()).unwrap_or_else(|| out.join("queue.db"));
        Place { out, queue }
    }

    fn console(&self, file: &Options) -> Console {
        Console {
            format: self.log_format.or(file.log_format).unwrap_or_default(),
            verbosity: self.verbose.max(u8::from(file.verbose == Some(true))),
            quiet: self.quiet || file.quiet == Some(true),
        }
    }
}
