//! `tryon status --watch`: in place on a terminal, a line a change elsewhere.

use std::io::Write;
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::exit_code::ExitCode;
use crate::queue;

use super::full_screen::{FullScreen, TerminalSignals};
use super::load::println;
use super::pipe::fine_if_reader_left;
use super::status::{Status, StatusArgs, json, line, text};
use super::{Failure, Place};

/// How often the queue is looked at.
const INTERVAL: Duration = Duration::from_secs(1);

/// Said below what is shown: nobody should have to wonder what Ctrl-C does to a run that costs money.
const HOW_TO_END: &str = "\nCtrl-C ends the watching; the run goes on.\n";

/// `tryon status --watch`. It ends with the run; being interrupted is how it ends well, too.
pub(super) async fn command(args: &StatusArgs, place: &Place) -> Result<ExitCode, Failure> {
    let queue = queue::at(&place.queue).open_to_read().await?;
    let look = async || Status::read(&*queue, place).await;
    if !args.json && FullScreen::is_possible() { in_place(look, place).await } else { by_line(look, args.json).await }
}

/// Shows all of it until the run ends, and leaves the last of it on the terminal.
async fn in_place(look: impl AsyncFn() -> anyhow::Result<Status>, place: &Place) -> Result<ExitCode, Failure> {
    let zone = TimeZone::system();
    let mut status = look().await?;
    let mut code = ExitCode::Ok;
    if status.is_at_work() {
        let mut interrupted = Box::pin(super::run::interruption());
        let mut signals = TerminalSignals::listen();
        let mut screen = FullScreen::enter().map_err(Failure::machine)?;
        while status.is_at_work() {
            let shown = text(&status, place, super::console::columns(), Timestamp::now(), &zone) + HOW_TO_END;
            screen.show(&shown).map_err(Failure::machine)?;
            tokio::select! {
                by = &mut interrupted => {
                    code = by;
                    break;
                }
                signal = signals.next() => screen.answer(signal).map_err(Failure::machine)?,
                () = tokio::time::sleep(INTERVAL) => {}
            }
            status = look().await?;
        }
    }
    println(text(&status, place, super::console::columns(), Timestamp::now(), &zone).trim_end())?;
    Ok(ended_by(code))
}

/// Prints a line whenever there is news.
async fn by_line(look: impl AsyncFn() -> anyhow::Result<Status>, is_json: bool) -> Result<ExitCode, Failure> {
    let zone = TimeZone::system();
    let mut interrupted = Box::pin(super::run::interruption());
    let mut shown: Option<Status> = None;
    loop {
        let status = look().await?;
        if shown.as_ref().is_none_or(|shown| status.is_news_after(shown)) {
            let news = if is_json { json(&status)? } else { line(&status, Timestamp::now(), &zone) + "\n" };
            if !print(&news)? {
                return Ok(ExitCode::Ok);
            }
        }
        if !status.is_at_work() {
            return Ok(ExitCode::Ok);
        }
        shown = Some(status);
        tokio::select! {
            code = &mut interrupted => return Ok(ended_by(code)),
            () = tokio::time::sleep(INTERVAL) => {}
        }
    }
}

/// Ctrl-C is how one ends watching; it is no failure.
fn ended_by(code: ExitCode) -> ExitCode {
    if code == ExitCode::Interrupted { ExitCode::Ok } else { code }
}

/// Prints what is new; `false` when the reader has left.
fn print(news: &str) -> anyhow::Result<bool> {
    let mut out = std::io::stdout().lock();
    let printed = out.write_all(news.as_bytes()).and_then(|()| out.flush()).map_err(anyhow::Error::from);
    let is_read = printed.is_ok();
    fine_if_reader_left(printed).map(|()| is_read)
}
