//! The whole terminal for as long as something is watched; what stood there before comes back afterwards.

use std::io;

use console::Term;

/// The terminal's second screen, and no cursor; and the way back.
const ENTER: &str = "\x1b[?1049h\x1b[?25l";
const LEAVE: &str = "\x1b[?25h\x1b[?1049l";

/// To the first row; and what clears the rest of a row, and of the screen.
const HOME: &str = "\x1b[H";
const CLEAR_ROW: &str = "\x1b[K";
const CLEAR_BELOW: &str = "\x1b[J";

/// Standard output as a screen. The terminal is as it was when this is dropped.
pub(super) struct FullScreen {
    term: Term,
}

impl FullScreen {
    /// Whether standard output is a terminal that can do it.
    pub(super) fn is_possible() -> bool {
        Term::stdout().is_term() && !console::is_dumb()
    }

    pub(super) fn enter() -> io::Result<Self> {
        let screen = Self { term: Term::buffered_stdout() };
        screen.write(ENTER)?;
        Ok(screen)
    }

    /// Shows a text of whole lines, as far as there is room for it.
    pub(super) fn show(&mut self, text: &str) -> io::Result<()> {
        let (rows, columns) = self.term.size();
        let lines = top(text, usize::from(rows), usize::from(columns));
        let rows: String = lines.into_iter().map(|line| format!("{line}{CLEAR_ROW}\r\n")).collect();
        self.write(&format!("{HOME}{rows}{CLEAR_BELOW}"))
    }

    /// Does what a signal asks for.
    pub(super) fn answer(&mut self, signal: TerminalSignal) -> io::Result<()> {
        match signal {
            // It is shown anew anyway.
            TerminalSignal::Resized => Ok(()),
            TerminalSignal::SuspendAsked => {
                self.write(LEAVE)?;
                stop_this_process();
                // From here on it goes on, perhaps days later.
                self.write(ENTER)
            }
        }
    }

    fn write(&self, text: &str) -> io::Result<()> {
        self.term.write_str(text)?;
        self.term.flush()
    }
}

impl Drop for FullScreen {
    fn drop(&mut self) {
        // A terminal that is gone needs no tidying.
        let _ = self.write(LEAVE);
    }
}

/// As many lines from the top as a terminal shows without scrolling, its last row left for the cursor.
fn top(text: &str, rows: usize, columns: usize) -> Vec<&str> {
    let mut room = rows.saturating_sub(1);
    let takes = |line: &str| console::measure_text_width(line).div_ceil(columns.max(1)).max(1);
    let fits = |line: &&str| {
        let has_room = takes(line) <= room;
        room = room.saturating_sub(takes(line));
        has_room
    };
    text.lines().take_while(fits).collect()
}

/// What the system tells a program on a terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TerminalSignal {
    /// The window has another size.
    Resized,
    /// Ctrl-Z.
    SuspendAsked,
}

/// Hears the signals of the terminal.
pub(super) struct TerminalSignals {
    #[cfg(unix)]
    signals: Option<(tokio::signal::unix::Signal, tokio::signal::unix::Signal)>,
}

#[cfg(unix)]
impl TerminalSignals {
    pub(super) fn listen() -> Self {
        use rustix::process::Signal;
        use tokio::signal::unix::{SignalKind, signal};
        let hear = |kind: Signal| signal(SignalKind::from_raw(kind.as_raw())).ok();
        Self { signals: hear(Signal::WINCH).zip(hear(Signal::TSTP)) }
    }

    pub(super) async fn next(&mut self) -> TerminalSignal {
        match &mut self.signals {
            Some((resized, suspend)) => tokio::select! {
                _ = resized.recv() => TerminalSignal::Resized,
                _ = suspend.recv() => TerminalSignal::SuspendAsked,
            },
            None => std::future::pending().await,
        }
    }
}

#[cfg(not(unix))]
impl TerminalSignals {
    pub(super) fn listen() -> Self {
        Self {}
    }

    pub(super) async fn next(&mut self) -> TerminalSignal {
        std::future::pending().await
    }
}

/// Does what Ctrl-Z would have done, had we not wanted to tidy up first.
fn stop_this_process() {
    #[cfg(unix)]
    // If that is not allowed, the program just goes on.
    let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::STOP);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_is_left_out_at_the_end() {
        let wide = "x".repeat(30);
        let text = format!("one\n\n{wide}\nthree\nfour\n");
        assert_eq!(top(&text, 24, 80), ["one", "", &wide, "three", "four"]);
        assert_eq!(top(&text, 6, 20), ["one", "", &wide, "three"], "the wide one takes two rows");
        assert_eq!(top(&text, 4, 20), ["one", ""], "nothing comes after what is left out");
        assert!(top(&text, 0, 0).is_empty());
    }
}
