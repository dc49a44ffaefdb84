//! The commands: one file each. The only place that prints.

mod args;
mod await_queue;
mod callbacks;
mod changed;
mod check;
mod clients;
mod completions;
mod config;
mod console;
mod edit;
mod examples;
mod failure;
mod full_screen;
mod hosts;
mod id_list;
mod json_log;
mod list;
mod load;
mod man;
mod on_end;
mod output;
mod pair;
mod parse;
mod pipe;
mod place;
mod publish;
mod queue_copy;
mod reconcile;
mod repeats;
mod report;
mod review;
mod run;
mod sandbox;
mod serve;
mod show;
mod sources;
mod status;
mod uploads;
mod watch;

#[cfg(test)]
mod read_tests;

use std::io::Write;

use crate::exit_code::ExitCode;
use crate::queue::{self, QueueReads};
use crate::settings::{Options, SettingsFile};

pub use args::Arguments;
use args::{At, Command, Common};
pub use console::Console;
pub use failure::Failure;
use place::Place;

/// Does what the command line says.
///
/// # Errors
/// What went wrong, for the user, with the exit code; and how to say it.
pub fn dispatch(arguments: Arguments) -> Result<ExitCode, (Console, Failure)> {
    let file = match SettingsFile::read(arguments.common.config.as_deref()) {
        Ok(file) => file,
        Err(error) => return Err((arguments.common.console(&Options::default()), error.into())),
    };
    let console = arguments.common.console(&file.options);
    console.start_logging();
    command(arguments.command, &arguments.common, file, &console).map_err(|failure| (console, failure))
}

fn command(command: Command, common: &Common, file: SettingsFile, console: &Console) -> Result<ExitCode, Failure> {
    match command {
        Command::Run { manifests, options, accounts, place } => {
            let place = place.or(&file.options)?;
            wait(run::run(&manifests, &options.or(file.options), &accounts, &place, console))
        }
        Command::Load { manifests, options, place } => {
            let place = place.or(&file.options)?;
            wait(load::command(&manifests, &options.or(file.options), &place, console))
        }
        Command::Check { manifests, options, place } => {
            let (asks_account, place) = (options.account, place.or(&file.options)?);
            wait(check::command(&manifests, &options.or(file.options), &place, asks_account, console))
        }
        Command::Pair(args) => pair::command(args, console),
        Command::Status(At { args, place }) if args.watch => wait(watch::command(&args, &place.or(&file.options)?)),
        Command::Status(At { args, place }) => {
            read(&place.or(&file.options)?, async |queue, place, out| status::status(&args, queue, place, out).await)
        }
        Command::List(At { args, place }) => {
            read(&place.or(&file.options)?, async |queue, _, out| list::list(&args, queue, out).await)
        }
        Command::Hosts(At { args: hosts::HostsArgs { verb: Some(_), name: Some(name), .. }, place }) => {
            wait(hosts::forget(&name, &place.or(&file.options)?))
        }
        Command::Hosts(At { args, place }) => {
            read(&place.or(&file.options)?, async |queue, place, out| hosts::hosts(&args, queue, place, out).await)
        }
        Command::Show(At { args, place }) => {
            read(&place.or(&file.options)?, async |queue, place, out| show::show(&args, queue, place, out).await)
        }
        Command::Report(At { args, place }) => {
            read(&place.or(&file.options)?, async |queue, place, out| report::report(&args, queue, place, out).await)
        }
        Command::Review(At { args, place }) => wait(review::command(&args, &file.options, &place.or(&file.options)?)),
        Command::Retry(At { args, place }) => wait(edit::retry(&args, &file.options, &place.or(&file.options)?)),
        Command::Reconcile(At { args, place }) => {
            wait(reconcile::command(&args, &file.options, &place.or(&file.options)?, console))
        }
        Command::Adopt(At { args, place }) => wait(edit::adopt(&args, &place.or(&file.options)?)),
        Command::Cancel(At { args, place }) => wait(edit::cancel(&args, &place.or(&file.options)?)),
        Command::Publish(At { args, place }) => wait(publish::command(&args, &place.or(&file.options)?, console)),
        Command::Uploads(At { args, place }) => wait(uploads::command(&args, &file.options, &place.or(&file.options)?)),
        Command::Queue(args) => wait(queue_copy::command(&args, &file.options)),
        Command::Serve(At { args, place }) => wait(serve::command(&args, &file.options, &place.or(&file.options)?)),
        Command::Sandbox(options) => wait(sandbox::command(&options, console)),
        Command::Config(asked) => config::command(*asked, common, file),
        Command::Man(options) => man::command(&options),
        Command::Completions { shell } => completions::command(shell),
    }
}

/// Runs a command that has to wait for things.
fn wait(command: impl Future<Output = Result<ExitCode, Failure>>) -> Result<ExitCode, Failure> {
    // One thread for all that waits: requests are few and what takes a while (disk, pictures, Base64) has threads of its
    // own, so that a second one would only pass work to and fro.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::machine(format!("the program could not start: {error}")))?;
    runtime.block_on(Box::pin(command))
}

/// Runs a command that only reads the queue and prints.
fn read(
    place: &Place,
    command: impl AsyncFnOnce(&dyn QueueReads, &Place, &mut dyn Write) -> anyhow::Result<()>,
) -> Result<ExitCode, Failure> {
    wait(async {
        let queue = queue::at(&place.queue).open_to_read().await?;
        let place = &place.settled_to_read(&*queue).await;
        command(&*queue, place, &mut std::io::stdout().lock()).await?;
        Ok(ExitCode::Ok)
    })
}
