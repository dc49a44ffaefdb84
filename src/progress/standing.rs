//! Where the run stands, gathered from its events; and the one line that says it, as wide as there is room.

use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::job::StateName;
use crate::queue::{Counts, Pause};
use crate::runner::event::{Fact, RunEvent};
use crate::wording;

use super::facts;
use super::pace::Pace;

/// Where the run stands.
#[derive(Debug)]
pub(super) struct Standing {
    pub(super) now: Timestamp,
    pub(super) counts: Counts,
    pub(super) pause: Option<Pause>,
    pub(super) stopping: Option<String>,
    is_sandbox: bool,
    pace: Pace,
}

impl Standing {
    pub(super) fn new() -> Self {
        let now = Timestamp::UNIX_EPOCH;
        Self { now, counts: Counts::default(), pause: None, stopping: None, is_sandbox: false, pace: Pace::begin(now) }
    }

    /// Takes in what has happened.
    pub(super) fn follow(&mut self, event: &RunEvent) {
        self.now = event.at;
        self.counts = event.counts;
        match &event.fact {
            Fact::Started { provider, .. } => {
                self.pace = Pace::begin(event.at);
                self.is_sandbox = provider.contains("sandbox");
            }
            Fact::Succeeded { .. } => self.pace.succeeded(event.at),
            Fact::Paused(pause) => {
                self.pause = Some(pause.clone());
                self.pace.paused(event.at);
            }
            Fact::Resumed => {
                self.pause = None;
                self.pace.resumed(event.at);
            }
            Fact::Stopping { why } => self.stopping = Some(why.clone()),
            _ => {}
        }
    }

    pub(super) fn images_per_minute(&self) -> Option<f64> {
        self.pace.per_minute(self.now)
    }

    /// How long it still takes; `None` while nothing moves, or nothing is known.
    pub(super) fn time_left(&self) -> Option<Duration> {
        if self.pause.is_some() || self.stopping.is_some() || super::pace::left(&self.counts) == 0 {
            return None;
        }
        self.pace.time_left(&self.counts, self.now)
    }

    /// `4,102 of 10,000`, behind its percentage.
    pub(super) fn done_of_total(&self) -> String {
        let (done, total) = (self.counts.ended(), self.counts.total());
        // Rounded down: 100% is when nothing is missing.
        let percent = (done * 100).checked_div(total).unwrap_or(100);
        format!("{percent:>3}%  {} of {}", wording::thousands(done), wording::thousands(total))
    }

    /// What there is to say besides, in the order in which it is said.
    pub(super) fn pieces(&self, zone: &TimeZone) -> Vec<Piece> {
        let mut pieces = Vec::new();
        if self.is_sandbox {
            pieces.push(Piece::new("SANDBOX", Tone::Warning, 7));
        }
        let waits = self.waits(zone);
        let is_waiting = waits.is_some();
        pieces.extend(waits.map(|text| Piece::new(text, Tone::Warning, 8)));
        self.say_failures(&mut pieces);
        if !is_waiting {
            self.say_course(&mut pieces);
        }
        pieces
    }

    /// Why nothing new is begun, where that is so.
    fn waits(&self, zone: &TimeZone) -> Option<String> {
        let stopping = self.stopping.as_ref().map(|why| format!("stopping: {}", facts::stopping(why, &self.counts)));
        stopping.or_else(|| {
            let pause = self.pause.as_ref()?;
            Some(format!("paused {}", facts::paused(pause.until, &pause.why, self.now, zone)))
        })
    }

    fn say_failures(&self, pieces: &mut Vec<Piece>) {
        for (state, word, tone) in
            [(StateName::Failed, "failed", Tone::Bad), (StateName::InDoubt, "in doubt", Tone::Warning)]
        {
            let count = self.counts.of(state);
            if count > 0 {
                pieces.push(Piece::new(format!("{} {word}", wording::thousands(count)), tone, 5));
            }
        }
        if self.counts.flagged > 0 {
            pieces.push(Piece::new(format!("{} flagged", wording::thousands(self.counts.flagged)), Tone::Warning, 2));
        }
    }

    fn say_course(&self, pieces: &mut Vec<Piece>) {
        let in_flight = self.counts.in_flight();
        pieces.push(Piece::new(format!("{} running", wording::thousands(in_flight)), Tone::Plain, 3));
        match self.images_per_minute() {
            Some(rate) => pieces.push(Piece::new(wording::rate(rate), Tone::Plain, 4)),
            None if in_flight > 0 => pieces.push(Piece::new("waiting for the first image", Tone::Faint, 1)),
            None => {}
        }
        if let Some(left) = self.time_left() {
            pieces.push(Piece::new(format!("{} left", wording::rough_span(left)), Tone::Plain, 6));
        }
    }
}

/// How a piece is coloured, where there are colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tone {
    Plain,
    Faint,
    Warning,
    Bad,
}

impl Tone {
    fn paint(self, text: &str) -> String {
        let text = console::style(text).for_stderr();
        match self {
            Self::Plain => text,
            Self::Faint => text.dim(),
            Self::Warning => text.yellow(),
            Self::Bad => text.red(),
        }
        .to_string()
    }
}

/// One thing there is to say.
#[derive(Debug)]
pub(super) struct Piece {
    text: String,
    tone: Tone,
    /// Where room is short, the piece with the smallest rank goes first.
    rank: u8,
}

impl Piece {
    fn new(text: impl Into<String>, tone: Tone, rank: u8) -> Self {
        Self { text: text.into(), tone, rank }
    }
}

/// From this rank on a piece is rather cut than left out.
const NEVER_LEFT_OUT: u8 = 7;

/// The pieces in one line of at most so many columns: what matters most is taken first, and the last one is cut.
pub(super) fn fit(pieces: Vec<Piece>, separator: &str, columns: usize) -> String {
    let mut by_rank: Vec<usize> = (0..pieces.len()).collect();
    by_rank.sort_by_key(|index| std::cmp::Reverse(pieces[*index].rank));
    let between = console::measure_text_width(separator);
    let (mut taken, mut width) = (Vec::new(), 0);
    for index in by_rank {
        let gap = if taken.is_empty() { 0 } else { between };
        let wider = console::measure_text_width(&pieces[index].text).saturating_add(width + gap);
        if wider <= columns || pieces[index].rank >= NEVER_LEFT_OUT || taken.is_empty() {
            taken.push(index);
            width = wider;
        }
    }
    taken.sort_unstable();
    let too_wide = width.saturating_sub(columns);
    let last = taken.last().copied();
    let paint = |index: usize| {
        let Piece { text, tone, .. } = &pieces[index];
        let room = console::measure_text_width(text).saturating_sub(if Some(index) == last { too_wide } else { 0 });
        tone.paint(&wording::cut(text, room))
    };
    taken.into_iter().map(paint).collect::<Vec<_>>().join(separator)
}
