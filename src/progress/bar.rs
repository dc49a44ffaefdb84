//! The bar on a terminal: two lines at the bottom, and what matters above them.

use jiff::tz::TimeZone;

use crate::engine::event::{Fact, RunEvent};

use super::facts::{Story, Weight, story};
use super::fitted::fit;
use super::{Screen, Verbosity};
use crate::view::Standing;

/// A bar wider than this says no more.
const WIDEST_BAR: usize = 40;

/// A bar narrower than this says nothing.
const NARROWEST_BAR: usize = 6;

/// Shows the run as a bar.
#[derive(Debug)]
pub struct Bar {
    screen: Screen,
    verbosity: Verbosity,
    zone: TimeZone,
    standing: Standing,
}

impl Bar {
    /// A bar on `screen`, with local times. It appears when the run starts, and goes when it ends.
    #[must_use]
    pub fn new(screen: Screen, verbosity: Verbosity) -> Self {
        Self { screen, verbosity, zone: TimeZone::system(), standing: Standing::default() }
    }

    /// Shows what has happened.
    pub fn on_event(&mut self, event: &RunEvent) {
        self.standing.follow(event);
        if self.is_told_above(&event.fact)
            && let Some(story) = story(event, &self.zone)
        {
            self.screen.say(&painted(&story, Weight::of(&event.fact)));
        }
        match &event.fact {
            Fact::Ended => self.screen.clear(),
            _ => self.draw(),
        }
    }

    /// What the bar itself shows is not told above it.
    fn is_told_above(&self, fact: &Fact) -> bool {
        match fact {
            Fact::Ended => false,
            Fact::Started { .. } | Fact::Paused(_) | Fact::Resumed | Fact::Succeeded { .. } => {
                self.verbosity == Verbosity::Verbose
            }
            _ => Weight::of(fact).is_told(self.verbosity),
        }
    }

    fn draw(&self) {
        let waits = self.standing.pause.is_some() || self.standing.stopping.is_some();
        let has_unicode = self.screen.has_unicode();
        // The last column stays free.
        let columns = self.screen.columns().saturating_sub(1);
        let done = self.standing.done_of_total();
        let counts = &self.standing.counts;
        let bar = bar(counts.ended(), counts.total(), columns.saturating_sub(done.len() + 1), has_unicode);
        let first = match bar {
            Some((full, rest)) => {
                let full = console::style(full).for_stderr();
                // It turns yellow while nothing moves.
                let full = if waits { full.yellow() } else { full.green() };
                format!("{full}{} {done}", console::style(rest).for_stderr().dim())
            }
            None => done.trim_start().to_owned(),
        };
        let separator = if has_unicode { " · " } else { " | " };
        self.screen.show(&[first, fit(self.standing.pieces(&self.zone), separator, columns)]);
    }
}

/// A run that fails in the middle leaves no bar behind.
impl Drop for Bar {
    fn drop(&mut self) {
        self.screen.clear();
    }
}

/// The part of a bar that is done, and the rest of it; `None` where there is no room for one.
fn bar(done: u64, total: u64, columns: usize, has_unicode: bool) -> Option<(String, String)> {
    let columns = columns.min(WIDEST_BAR);
    if columns < NARROWEST_BAR {
        return None;
    }
    let (full, head, empty) = if has_unicode { ("━", "╸", "─") } else { ("=", ">", "-") };
    let share = if total == 0 { 1.0 } else { fraction(done, total) };
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss, reason = "columns")]
    let filled = ((columns as f64 * share) as usize).min(columns);
    let left = columns - filled;
    // The head is where the next column will be full.
    let head = if left > 0 { head } else { "" };
    Some((full.repeat(filled) + head, empty.repeat(left.saturating_sub(1))))
}

#[expect(clippy::cast_precision_loss, reason = "a share of a bar")]
fn fraction(done: u64, total: u64) -> f64 {
    done as f64 / total as f64
}

/// A story with its label in the colour of its weight.
fn painted(story: &Story, weight: Weight) -> String {
    let label = console::style(format!("{:<10}", story.label)).for_stderr();
    let label = match weight {
        Weight::Error if story.label == "failed" => label.red(),
        Weight::Error | Weight::Warning => label.yellow(),
        Weight::Notice => label.green(),
        Weight::Detail => label.dim(),
    };
    format!("{label} {}", story.text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_is_full_only_when_everything_is_done() {
        let drawn = |done, columns| bar(done, 1_000, columns, false).map(|(full, rest)| full + &rest);
        assert_eq!(drawn(0, 10).as_deref(), Some(">---------"));
        assert_eq!(drawn(500, 10).as_deref(), Some("=====>----"));
        assert_eq!(drawn(999, 10).as_deref(), Some("=========>"));
        assert_eq!(drawn(1_000, 10).as_deref(), Some("=========="));
        assert_eq!(drawn(500, 200).map(|bar| bar.len()), Some(WIDEST_BAR));
        assert_eq!(drawn(500, 3), None);
        assert_eq!(bar(0, 0, 10, true).map(|(full, rest)| full + &rest).as_deref(), Some("━━━━━━━━━━"));
    }
}
