//! `tryon status --watch`: in place on a terminal, a line a change elsewhere.

use std::io::Write;
use std::time::Duration;

use console::Term;
use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::exit_code::ExitCode;
use crate::queue::{QueueReader, RunLock};

use super::pipe::fine_if_reader_left;
use super::status::{Status, StatusArgs, json, line, text};
use super::{Failure, Place};

/// How often the queue is looked at.
const INTERVAL: Duration = Duration::from_secs(1);

/// Said below what is shown: nobody should have to wonder what Ctrl-C does to a run that costs money.
const HOW_TO_END: &str = "\nCtrl-C ends the watching; the run goes on.\n";

/// `tryon status --watch`. It ends with the run; being interrupted is how it ends well, too.
pub(super) async fn command(args: &StatusArgs, place: &Place) -> Result<ExitCode, Failure> {
    let reader = QueueReader::open(&place.queue)?;
    let term = Term::buffered_stdout();
    let mut watcher = if args.json {
        Watcher::Json { shown: None }
    } else if term.is_term() && !console::is_dumb() {
        Watcher::InPlace(Screen { term, shown: String::new() })
    } else {
        Watcher::Lines { shown: None }
    };
    let mut interrupted = Box::pin(super::run::interruption());
    loop {
        let status = Status::read(&reader, RunLock::is_held(&place.queue))?;
        let is_over = !status.is_at_work();
        let is_read = watcher.show(status, place)?;
        if is_over || !is_read {
            return Ok(ExitCode::Ok);
        }
        tokio::select! {
            code = &mut interrupted => {
                watcher.end()?;
                return Ok(if code == ExitCode::Interrupted { ExitCode::Ok } else { code });
            }
            () = tokio::time::sleep(INTERVAL) => {}
        }
    }
}

/// The ways of watching.
enum Watcher {
    InPlace(Screen),
    Lines { shown: Option<Status> },
    Json { shown: Option<Status> },
}

impl Watcher {
    /// Shows where the queue stands; `false` when nobody reads it any more.
    fn show(&mut self, status: Status, place: &Place) -> anyhow::Result<bool> {
        let (now, zone) = (Timestamp::now(), TimeZone::system());
        match self {
            Self::InPlace(screen) => {
                let how_to_end = if status.is_at_work() { HOW_TO_END } else { "" };
                screen.show(text(&status, place, now, &zone) + how_to_end)?;
                Ok(true)
            }
            Self::Lines { shown } => {
                let news = is_news(&status, shown.as_ref()).then(|| line(&status, now, &zone) + "\n");
                *shown = Some(status);
                print(news)
            }
            Self::Json { shown } => {
                let news = is_news(&status, shown.as_ref()).then(|| json(&status)).transpose()?;
                *shown = Some(status);
                print(news)
            }
        }
    }

    /// Leaves what is shown as it stands, without the hint about Ctrl-C.
    fn end(&mut self) -> anyhow::Result<()> {
        match self {
            Self::InPlace(screen) => {
                let last = screen.shown.strip_suffix(HOW_TO_END).unwrap_or(&screen.shown).to_owned();
                screen.show(last)
            }
            Self::Lines { .. } | Self::Json { .. } => Ok(()),
        }
    }
}

fn is_news(status: &Status, shown: Option<&Status>) -> bool {
    shown.is_none_or(|shown| status.is_news_after(shown))
}

/// Prints what is new, if anything is; `false` when the reader has left.
fn print(news: Option<String>) -> anyhow::Result<bool> {
    let Some(news) = news else { return Ok(true) };
    let mut out = std::io::stdout().lock();
    let printed = out.write_all(news.as_bytes()).and_then(|()| out.flush()).map_err(anyhow::Error::from);
    let has_failed = printed.is_err();
    fine_if_reader_left(printed).map(|()| !has_failed)
}

/// A terminal on which the same place is written to again and again. It stays an ordinary one all the time: whatever
/// ends the program, there is nothing to put back.
struct Screen {
    term: Term,
    /// What stands there now.
    shown: String,
}

impl Screen {
    fn show(&mut self, text: String) -> anyhow::Result<()> {
        let (rows, columns) = self.term.size();
        let (rows, columns) = (usize::from(rows), usize::from(columns));
        // As the terminal shows it now; it may have been resized since it was written.
        let above = rows_of(&self.shown, columns).min(rows.saturating_sub(1));
        self.shown = top(&text, rows, columns);
        self.term.clear_line()?;
        self.term.move_cursor_up(above)?;
        self.term.clear_to_end_of_screen()?;
        self.term.write_str(&self.shown)?;
        self.term.flush()?;
        Ok(())
    }
}

/// How many rows a text of whole lines takes on a terminal that is so wide.
fn rows_of(text: &str, columns: usize) -> usize {
    let rows = |line| console::measure_text_width(line).div_ceil(columns.max(1)).max(1);
    text.lines().map(rows).sum()
}

/// As many lines from the top as a terminal shows without scrolling, the last row left for the cursor.
fn top(text: &str, rows: usize, columns: usize) -> String {
    let mut room = rows.saturating_sub(1);
    let mut shown = String::new();
    for line in text.lines() {
        let takes = rows_of(line, columns).max(1);
        if takes > room {
            break;
        }
        room -= takes;
        shown += line;
        shown.push('\n');
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_counted_as_the_terminal_wraps_them() {
        assert_eq!(rows_of("", 20), 0);
        assert_eq!(rows_of("\n", 20), 1);
        assert_eq!(rows_of(&format!("{}\n{}\n", "x".repeat(20), "x".repeat(21)), 20), 3);
        assert_eq!(rows_of("衣衣衣\n", 4), 2);
    }

    #[test]
    fn what_does_not_fit_is_left_out_at_the_end() {
        let text = format!("one\n{}\nthree\nfour\n", "x".repeat(30));
        assert_eq!(top(&text, 24, 80), text);
        assert_eq!(top(&text, 5, 20), format!("one\n{}\nthree\n", "x".repeat(30)));
        assert_eq!(top(&text, 3, 20), "one\n");
        assert_eq!(top(&text, 0, 0), "");
    }
}
