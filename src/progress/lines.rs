//! Plain text lines, for a file, a pipe or a service's journal.

use std::fmt;
use std::io::Write;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use crate::engine::event::{Fact, RunEvent};

use super::Verbosity;
use super::facts::{Weight, story};
use super::fitted::fit;
use crate::view::Standing;

/// The state of the run is said this often.
pub(super) const INTERVAL: SignedDuration = SignedDuration::from_secs(30);

/// Writes a line for what matters, and every half minute one that says the state of the run.
pub struct Lines {
    to: Box<dyn Write + Send>,
    verbosity: Verbosity,
    zone: TimeZone,
    standing: Standing,
    said_at: Timestamp,
}

impl Lines {
    /// Lines to `to`, with local times.
    #[must_use]
    pub fn new(to: Box<dyn Write + Send>, verbosity: Verbosity) -> Self {
        Self::in_zone(to, verbosity, TimeZone::system())
    }

    pub(super) fn in_zone(to: Box<dyn Write + Send>, verbosity: Verbosity, zone: TimeZone) -> Self {
        Self { to, verbosity, zone, standing: Standing::default(), said_at: Timestamp::UNIX_EPOCH }
    }

    /// Shows what has happened.
    pub fn on_event(&mut self, event: &RunEvent) {
        let is_known = is_known_pause(&self.standing, &event.fact);
        self.standing.follow(event);
        match &event.fact {
            Fact::Started { .. } => {
                self.said_at = event.at;
                self.tell(event);
            }
            Fact::Ticked if event.at.duration_since(self.said_at) >= INTERVAL => self.say_standing("progress"),
            Fact::Ticked => {}
            Fact::Ended => self.say_standing("ended"),
            Fact::Succeeded { .. } if self.verbosity < Verbosity::Verbose => {}
            _ if is_known => {}
            _ => self.tell(event),
        }
    }

    fn tell(&mut self, event: &RunEvent) {
        if let Some(story) = story(event, &self.zone).filter(|_| Weight::of(&event.fact).is_told(self.verbosity)) {
            self.write(&format!("{:<10} {}", story.label, story.text));
        }
    }

    fn say_standing(&mut self, label: &str) {
        self.said_at = self.standing.now;
        if self.verbosity > Verbosity::Quiet {
            let done = self.standing.done_of_total();
            let rest = fit(self.standing.pieces(&self.zone), ", ", usize::MAX);
            let separator = if rest.is_empty() { "" } else { ", " };
            self.write(&format!("{label:<10} {}{separator}{rest}", done.trim_start()));
        }
    }

    fn write(&mut self, text: &str) {
        let time = self.standing.now.to_zoned(self.zone.clone()).strftime("%H:%M:%S");
        // One call a line, so that lines of others do not end up in the middle. A full disk or a closed pipe
        // behind the log must not end the run.
        let line = format!("{time} {}\n", text.trim_end());
        let _ = self.to.write_all(line.as_bytes()).and_then(|()| self.to.flush());
    }
}

impl fmt::Debug for Lines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lines").field("verbosity", &self.verbosity).finish_non_exhaustive()
    }
}

/// Whether this is the next step of a pause that was told already: only the moment of the next try has moved.
pub(super) fn is_known_pause(standing: &Standing, fact: &Fact) -> bool {
    match (fact, &standing.pause) {
        (Fact::Paused(next), Some(known)) => next.why == known.why,
        _ => false,
    }
}
