//! `tryon serve`: the live page.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};

use crate::exit_code::ExitCode;
use crate::page::{self, PageOptions, Shown};
use crate::queue::{self, Opening, QueueReads};
use crate::serve::{Patience, Server};
use crate::settings::{self, Options};
use crate::store::Scratch;
use crate::view::Commands;

use super::load::println;
use super::{Failure, Place};

/// A window's stream is renewed after this, by the window itself.
const LONGEST_CONNECTION: Duration = Duration::from_secs(1_800);

/// What `serve` is asked for.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct ServeArgs {
    /// Where to listen. An address that others can reach takes a token as well
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8080")]
    pub listen: SocketAddr,
    /// Show the queue, and store no verdicts
    #[arg(long)]
    pub read_only: bool,
    /// File with the token that a browser has to show once; without it, `TRYON_SERVE_TOKEN` or `TRYON_SERVE_TOKEN_FILE`
    #[arg(long, value_name = "FILE")]
    pub token_file: Option<PathBuf>,
    /// A name under which the page is reached, besides addresses and localhost: of this machine, or of a proxy
    #[arg(long = "host", value_name = "NAME")]
    pub hosts: Vec<String>,
    /// The folder that pictures of a queue in PostgreSQL are relative to, as in `run`
    #[arg(long, value_name = "DIR", env = "TRYON_INPUTS")]
    pub inputs: Option<PathBuf>,
}

/// Serves the page until it is interrupted.
pub(super) async fn command(args: &ServeArgs, file: &Options, place: &Place) -> Result<ExitCode, Failure> {
    let token = token(args)?;
    let (shown, queue) = open(args, place).await?;
    let place = place.settled_to_read(&*queue).await;
    let scratch = Scratch::new(place.beside_queue("serve-pictures"));
    let options = PageOptions {
        out: &place.out,
        inputs: args.inputs.clone().or_else(|| file.inputs.clone()),
        scratch: scratch.clone(),
        hosts: args.hosts.clone(),
        token: token.clone(),
        retry_rejected: retry_rejected(&place, &*queue).await?,
    };
    let patience = Patience { in_all: LONGEST_CONNECTION, keeps_alive: true, ..Patience::default() };
    let server = Server::start(args.listen, page::router(shown, options), patience).await.map_err(|error| {
        Failure::usage(format!(
            "--listen {}: {error}; name another port of this machine, like 127.0.0.1:8081",
            args.listen
        ))
    })?;
    let login = if token.is_some() { "?token=… (once in each browser)" } else { "" };
    println(&format!("http://{}/{login}", server.address()))?;
    println(if args.read_only {
        "  read-only; Ctrl-C ends it"
    } else {
        "  verdicts are stored at once; Ctrl-C ends it"
    })?;
    super::run::interruption().await;
    server.stop().await;
    scratch.clear();
    Ok(ExitCode::Ok)
}

/// The token, where one is needed or given.
fn token(args: &ServeArgs) -> Result<Option<SecretString>, Failure> {
    let token = settings::serve_token(args.token_file.as_deref())?;
    match &token {
        Some(token) if token.expose_secret().chars().count() < page::SHORTEST_TOKEN => Err(Failure::usage(format!(
            "the token is too short to keep others out: take at least {} characters, such as `openssl rand -hex 16` prints",
            page::SHORTEST_TOKEN
        ))),
        None if !args.listen.ip().is_loopback() => Err(Failure::usage(format!(
            "--listen {} can be reached by others, who could look and judge: put a token into a file that only you can read, \
             and name it with --token-file",
            args.listen
        ))),
        _ => Ok(token),
    }
}

/// The queue, to be judged or only to be read.
async fn open(args: &ServeArgs, place: &Place) -> Result<(Shown, Arc<dyn QueueReads>), Failure> {
    if args.read_only {
        let queue = queue::at(&place.queue).open_to_read().await?;
        return Ok((Shown::ReadOnly(Arc::clone(&queue)), queue));
    }
    let queue = queue::at(&place.queue).open(Opening::Existing).await?;
    Ok((Shown::ToJudge(Arc::clone(&queue)), queue))
}

async fn retry_rejected(place: &Place, queue: &dyn QueueReads) -> Result<String, Failure> {
    let (place_flags, run_again) = (place.flags(), place.run_again(queue).await?);
    Ok(Commands { place_flags: &place_flags, run_again: &run_again }.then_run("retry --again --rejected"))
}
