//! The state of the run, gathered from its events; and the pieces of the one line that says it.

use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::engine::event::{Fact, RunEvent};
use crate::job::{StateName, clean_text};
use crate::queue::{Counts, Pause};

use super::pace::Pace;
use super::wording;

/// The state of the run.
#[derive(Debug)]
pub struct Standing {
    pub now: Timestamp,
    pub counts: Counts,
    pub pause: Option<Pause>,
    pub stopping: Option<String>,
    is_sandbox: bool,
    pace: Pace,
}

/// Nothing is known yet.
impl Default for Standing {
    fn default() -> Self {
        let now = Timestamp::UNIX_EPOCH;
        Self { now, counts: Counts::default(), pause: None, stopping: None, is_sandbox: false, pace: Pace::begin(now) }
    }
}

impl Standing {
    /// Takes in what has happened.
    pub fn follow(&mut self, event: &RunEvent) {
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

    /// The rate of the last minutes; `None` before the first image.
    #[must_use]
    pub fn images_per_minute(&self) -> Option<f64> {
        self.pace.per_minute(self.now)
    }

    /// How long it still takes; `None` while nothing moves, or nothing is known.
    #[must_use]
    pub fn time_left(&self) -> Option<Duration> {
        if self.pause.is_some() || self.stopping.is_some() || super::pace::left(&self.counts) == 0 {
            return None;
        }
        self.pace.time_left(&self.counts, self.now)
    }

    /// `4,102 of 10,000`, behind its percentage.
    #[must_use]
    pub fn done_of_total(&self) -> String {
        let (done, total) = (self.counts.ended(), self.counts.total());
        // Rounded down: 100% is when nothing is missing.
        let percent = (done * 100).checked_div(total).unwrap_or(100);
        format!("{percent:>3}%  {} of {}", wording::thousands(done), wording::thousands(total))
    }

    /// What there is to say besides, in the order in which it is said.
    #[must_use]
    pub fn pieces(&self, zone: &TimeZone) -> Vec<Piece> {
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
        let stopping = self.stopping.as_ref().map(|why| format!("stopping: {}", stopping(why, &self.counts)));
        stopping.or_else(|| {
            let pause = self.pause.as_ref()?;
            Some(format!("paused {}", paused(pause.until, &pause.why, self.now, zone)))
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

/// `until 02:14, because the provider does not answer`
#[must_use]
pub fn paused(until: Timestamp, why: &str, now: Timestamp, zone: &TimeZone) -> String {
    format!("until {}, because {}", wording::clock(until, now, zone), clean_text(why))
}

/// `the account is empty; 7 in flight are still collected`
#[must_use]
pub fn stopping(why: &str, counts: &Counts) -> String {
    let why = clean_text(why);
    match counts.in_flight() {
        0 => why,
        in_flight => format!("{why}; {} in flight still to be collected", wording::thousands(in_flight)),
    }
}

/// How a piece is coloured, where there are colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    Plain,
    Faint,
    Warning,
    Bad,
}

/// One thing there is to say.
#[derive(Debug)]
pub struct Piece {
    pub text: String,
    pub tone: Tone,
    /// Where room is short, the piece with the smallest rank goes first.
    pub rank: u8,
}

impl Piece {
    fn new(text: impl Into<String>, tone: Tone, rank: u8) -> Self {
        Self { text: text.into(), tone, rank }
    }
}
