//! Standard error as the bar and the logs share it.

use std::io::{self, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tracing_subscriber::fmt::MakeWriter;

use super::live::LiveLines;

/// Columns that are taken where a terminal does not tell its width.
const USUAL_COLUMNS: usize = 80;

/// Standard error. Clones are the same screen, so that logs know of the bar.
#[derive(Debug, Clone)]
pub struct Screen {
    term: console::Term,
    live: Arc<Mutex<LiveLines<console::Term>>>,
}

impl Screen {
    /// Standard error. Make one, and hand clones of it to the logs and to [`super::Progress::text`].
    #[must_use]
    pub fn stderr() -> Self {
        let live = LiveLines::new(console::Term::buffered_stderr());
        Self { term: console::Term::stderr(), live: Arc::new(Mutex::new(live)) }
    }

    /// Whether somebody watches on a terminal that can move its cursor.
    #[must_use]
    pub fn is_terminal(&self) -> bool {
        self.term.is_term() && !console::is_dumb()
    }

    /// Whether logs may be coloured: on a terminal, unless `NO_COLOR` is set.
    #[must_use]
    pub fn has_colours(&self) -> bool {
        console::colors_enabled_stderr()
    }

    /// Whether the terminal shows characters beyond ASCII.
    pub(super) fn has_unicode(&self) -> bool {
        let says_utf8 = |name: &str| {
            let value = std::env::var(name).unwrap_or_default().to_ascii_uppercase();
            (!value.is_empty()).then(|| value.contains("UTF-8") || value.contains("UTF8"))
        };
        // The order in which the C library looks.
        cfg!(windows) || ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().find_map(says_utf8).unwrap_or(false)
    }

    pub(super) fn columns(&self) -> usize {
        self.term.size_checked().map_or(USUAL_COLUMNS, |(_, columns)| usize::from(columns))
    }

    /// Shows these lines at the bottom. A terminal that went away must not end the run.
    pub(super) fn show(&self, lines: &[String]) {
        let _ = self.live().show(lines, Instant::now());
    }

    /// Writes a line above those at the bottom.
    pub(super) fn say(&self, line: &str) {
        let _ = self.live().write_above(&format!("{line}\n"));
    }

    /// Takes the lines at the bottom away.
    pub(super) fn clear(&self) {
        let _ = self.live().clear();
    }

    fn live(&self) -> MutexGuard<'_, LiveLines<console::Term>> {
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the logs write to (`tracing_subscriber::fmt().with_writer(…)`): lines come out above the bar, which
    /// steps aside for them.
    #[must_use]
    pub fn above_bar(&self) -> AboveBar {
        AboveBar(self.clone())
    }
}

/// Makes writers that leave the bar whole; see [`Screen::above_bar`].
#[derive(Debug, Clone)]
pub struct AboveBar(Screen);

impl<'a> MakeWriter<'a> for AboveBar {
    type Writer = AboveBarWriter;

    fn make_writer(&'a self) -> Self::Writer {
        AboveBarWriter(self.0.clone())
    }
}

/// Writes to standard error while the bar steps aside. Each write should be whole lines, as those of
/// `tracing_subscriber` are.
#[derive(Debug)]
pub struct AboveBarWriter(Screen);

impl Write for AboveBarWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.live().write_above(&String::from_utf8_lossy(bytes))?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}
