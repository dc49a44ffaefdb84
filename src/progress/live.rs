//! A few lines at the bottom of a terminal that are written again and again, with everything else above them.
//!
//! It stays an ordinary terminal all the time, so whatever ends the program, there is nothing to put back. The lines
//! are not padded to the terminal's width: when the window gets narrower, the terminal wraps what is there, and
//! only lines as wide as their text let us know how many rows that takes. (That is why no library does this: the
//! usual ones fill their lines with blanks, and leave a row behind at every step of a resize.)

use std::io;
use std::time::{Duration, Instant};

use crate::view::wording::cut;

/// What is shown changes at most this often; a terminal over a slow line must not hold up a run.
const BETWEEN_DRAWS: Duration = Duration::from_millis(100);

/// A terminal, as far as these lines need one.
pub(super) trait Terminal {
    /// Rows and columns.
    fn size(&self) -> (usize, usize);
    /// Goes up this many rows, to the first column, and clears everything from there on.
    fn clear_from_row_above(&mut self, rows: usize) -> io::Result<()>;
    fn write(&mut self, text: &str) -> io::Result<()>;
    /// Lets everything that was written appear at once.
    fn flush(&mut self) -> io::Result<()>;
}

impl Terminal for console::Term {
    fn size(&self) -> (usize, usize) {
        let (rows, columns) = Self::size(self);
        (usize::from(rows), usize::from(columns))
    }

    fn clear_from_row_above(&mut self, rows: usize) -> io::Result<()> {
        self.clear_line()?;
        self.move_cursor_up(rows)?;
        self.clear_to_end_of_screen()
    }

    fn write(&mut self, text: &str) -> io::Result<()> {
        self.write_str(text)
    }

    fn flush(&mut self) -> io::Result<()> {
        Self::flush(self)
    }
}

/// The lines at the bottom of a terminal.
#[derive(Debug)]
pub(super) struct LiveLines<T> {
    terminal: T,
    /// What is there, line by line, already cut.
    shown: Vec<String>,
    drawn_at: Option<Instant>,
}

impl<T: Terminal> LiveLines<T> {
    pub(super) fn new(terminal: T) -> Self {
        Self { terminal, shown: Vec::new(), drawn_at: None }
    }

    /// Shows these lines instead of the ones before, each cut to the terminal's width, unless that was just done.
    pub(super) fn show(&mut self, lines: &[String], now: Instant) -> io::Result<()> {
        if self.drawn_at.is_some_and(|at| now.saturating_duration_since(at) < BETWEEN_DRAWS) {
            return Ok(());
        }
        self.drawn_at = Some(now);
        self.replace_with(lines, "")
    }

    /// Writes whole lines above, and lets what is shown stand below them.
    pub(super) fn write_above(&mut self, text: &str) -> io::Result<()> {
        let shown = self.shown.clone();
        self.replace_with(&shown, text)
    }

    /// Takes the lines away.
    pub(super) fn clear(&mut self) -> io::Result<()> {
        self.drawn_at = None;
        if self.shown.is_empty() { Ok(()) } else { self.replace_with(&[], "") }
    }

    fn replace_with(&mut self, lines: &[String], above: &str) -> io::Result<()> {
        let (rows, columns) = self.terminal.size();
        // As the terminal shows them now: it may have been resized since they were written.
        let rows_now: usize = self.shown.iter().map(|line| rows_of(line, columns)).sum();
        if rows_now > 0 {
            self.terminal.clear_from_row_above(rows_now.min(rows.saturating_sub(1)))?;
        }
        self.terminal.write(above)?;
        // The last column stays free, because some terminals go to the next row when it is written to, and the last
        // row is where the cursor waits.
        let cut_line = |line: &String| cut(line, columns.saturating_sub(1)).into_owned();
        self.shown = lines.iter().take(rows.saturating_sub(1)).map(cut_line).collect();
        for line in &self.shown {
            self.terminal.write(line)?;
            self.terminal.write("\n")?;
        }
        self.terminal.flush()
    }
}

/// How many rows a line takes on a terminal that is so wide.
fn rows_of(line: &str, columns: usize) -> usize {
    console::measure_text_width(line).div_ceil(columns.max(1)).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Remembers what it was told; `↑2` is "up two rows, and clear from there".
    #[derive(Default)]
    struct Paper {
        columns: usize,
        text: String,
    }

    impl Terminal for Paper {
        fn size(&self) -> (usize, usize) {
            (24, self.columns)
        }

        fn clear_from_row_above(&mut self, rows: usize) -> io::Result<()> {
            self.text += &format!("↑{rows} ");
            Ok(())
        }

        fn write(&mut self, text: &str) -> io::Result<()> {
            self.text += &text.replace('\n', "⏎ ");
            Ok(())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn live(columns: usize) -> LiveLines<Paper> {
        LiveLines::new(Paper { columns, text: String::new() })
    }

    fn lines(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|text| (*text).to_owned()).collect()
    }

    /// What was written since the last look.
    fn written(live: &mut LiveLines<Paper>) -> String {
        std::mem::take(&mut live.terminal.text)
    }

    #[test]
    fn lines_take_the_place_of_those_before_and_what_is_said_comes_above() {
        let (mut live, now) = (live(80), Instant::now());
        live.show(&lines(&["bar", "rest"]), now).expect("shown");
        assert_eq!(written(&mut live), "bar⏎ rest⏎ ");
        live.show(&lines(&["bar 2", "rest"]), now + BETWEEN_DRAWS).expect("shown");
        assert_eq!(written(&mut live), "↑2 bar 2⏎ rest⏎ ");
        live.write_above("it failed\n").expect("written");
        assert_eq!(written(&mut live), "↑2 it failed⏎ bar 2⏎ rest⏎ ");
        live.clear().expect("cleared");
        assert_eq!(written(&mut live), "↑2 ");
        live.write_above("the end\n").expect("written");
        assert_eq!(written(&mut live), "the end⏎ ");
    }

    #[test]
    fn a_draw_that_comes_too_soon_is_left_out() {
        let (mut live, now) = (live(80), Instant::now());
        live.show(&lines(&["1"]), now).expect("shown");
        live.show(&lines(&["2"]), now + BETWEEN_DRAWS / 2).expect("shown");
        live.show(&lines(&["3"]), now + BETWEEN_DRAWS).expect("shown");
        assert_eq!(written(&mut live), "1⏎ ↑1 3⏎ ");
    }

    #[test]
    fn a_window_that_got_narrower_leaves_nothing_behind() {
        let (mut live, now) = (live(40), Instant::now());
        live.show(&lines(&[&"=".repeat(60), "rest"]), now).expect("shown");
        assert_eq!(written(&mut live), format!("{}…⏎ rest⏎ ", "=".repeat(38)), "cut to one column less than there are");
        live.terminal.columns = 20;
        live.show(&lines(&["==", "rest"]), now + BETWEEN_DRAWS).expect("shown");
        assert_eq!(written(&mut live), "↑3 ==⏎ rest⏎ ", "39 columns are two rows by now");
        live.terminal.columns = 0;
        live.show(&lines(&["==", "rest"]), now + 2 * BETWEEN_DRAWS).expect("a terminal without a size is none");
    }
}
