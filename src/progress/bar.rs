//! The bar on a terminal: two lines at the bottom, and what matters above them.

use indicatif::{ProgressBar, ProgressFinish, ProgressStyle};
use jiff::tz::TimeZone;

use crate::runner::event::{Fact, RunEvent};

use super::facts::{Story, Weight, story};
use super::standing::{Standing, fit};
use super::{Screen, Verbosity};

/// Shows the run as a bar.
#[derive(Debug)]
pub struct Bar {
    screen: Screen,
    verbosity: Verbosity,
    zone: TimeZone,
    standing: Standing,
    bar: Option<ProgressBar>,
    look: Look,
}

/// How the bar looks: it turns yellow while nothing moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Look {
    AtWork,
    Waiting,
}

impl Bar {
    /// A bar on `screen`, with local times. It appears when the run starts, and goes when it ends.
    #[must_use]
    pub fn new(screen: Screen, verbosity: Verbosity) -> Self {
        let zone = TimeZone::system();
        Self { screen, verbosity, zone, standing: Standing::new(), bar: None, look: Look::AtWork }
    }

    /// Shows what has happened.
    pub fn on_event(&mut self, event: &RunEvent) {
        self.standing.follow(event);
        if self.is_told_above(&event.fact)
            && let Some(story) = story(event, &self.zone)
        {
            // A terminal that went away must not end the run.
            let _ = self.screen.multi().println(painted(&story, Weight::of(&event.fact)));
        }
        match &event.fact {
            Fact::Ended => self.clear(),
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

    fn draw(&mut self) {
        let waits = self.standing.pause.is_some() || self.standing.stopping.is_some();
        let look = if waits { Look::Waiting } else { Look::AtWork };
        let has_unicode = self.screen.has_unicode();
        let bar = self.bar.get_or_insert_with(|| {
            let bar = ProgressBar::new(0).with_style(style(look, has_unicode)).with_finish(ProgressFinish::AndClear);
            self.screen.multi().add(bar)
        });
        if self.look != look {
            bar.set_style(style(look, has_unicode));
            self.look = look;
        }
        let separator = if has_unicode { " · " } else { " | " };
        // The last column stays free: some terminals go to the next line when it is written to.
        let columns = self.screen.columns().saturating_sub(1);
        bar.set_length(self.standing.counts.total());
        bar.set_position(self.standing.counts.ended());
        bar.set_prefix(self.standing.done_of_total());
        bar.set_message(fit(self.standing.pieces(&self.zone), separator, columns));
    }

    fn clear(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }
}

fn style(look: Look, has_unicode: bool) -> ProgressStyle {
    let template = match look {
        Look::AtWork => "{wide_bar:.green/dim} {prefix}\n{msg}",
        Look::Waiting => "{wide_bar:.yellow/dim} {prefix}\n{msg}",
    };
    let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    style.progress_chars(if has_unicode { "━╸─" } else { "=>-" })
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
