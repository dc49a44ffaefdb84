//! JSON lines: every event an object with `at`, `event`, `level`, and what belongs to it.

use std::fmt;
use std::io::Write;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};

use crate::engine::event::{Fact, RunEvent, SlotCount};
use crate::job::{AccountName, StateName, clean_text};

use super::Verbosity;
use super::facts::Weight;
use super::lines::INTERVAL;
use crate::view::Standing;

/// Writes JSON lines.
pub struct JsonLines {
    to: Box<dyn Write + Send>,
    verbosity: Verbosity,
    standing: Standing,
    said_at: Timestamp,
}

#[derive(Serialize)]
struct Line {
    at: String,
    event: &'static str,
    level: &'static str,
    #[serde(flatten)]
    details: Value,
}

impl JsonLines {
    /// JSON lines to `to`.
    #[must_use]
    pub fn new(to: Box<dyn Write + Send>, verbosity: Verbosity) -> Self {
        Self { to, verbosity, standing: Standing::default(), said_at: Timestamp::UNIX_EPOCH }
    }

    /// Writes what has happened. A tick becomes an event `progress` every half minute.
    pub fn on_event(&mut self, event: &RunEvent) {
        self.standing.follow(event);
        match &event.fact {
            Fact::Started { .. } => self.said_at = event.at,
            Fact::Ticked => {
                if event.at.duration_since(self.said_at) >= INTERVAL {
                    self.said_at = event.at;
                    let details = self.progress();
                    self.write("progress", Weight::Notice, details);
                }
                return;
            }
            _ => {}
        }
        let (name, details) = self.details(&event.fact);
        self.write(name, Weight::of(&event.fact), details);
    }

    fn details(&self, fact: &Fact) -> (&'static str, Value) {
        let text = |time: &Timestamp| format!("{time:.3}");
        match fact {
            Fact::Started { slots, provider } => {
                let slots = match slots {
                    SlotCount::Auto => json!("auto"),
                    SlotCount::AtMost(slots) => json!(slots),
                };
                ("started", with(self.progress(), json!({ "slots": slots, "provider": provider })))
            }
            Fact::Submitted { id, attempt, task_id } => {
                ("submitted", json!({ "id": id.as_str(), "attempt": attempt, "task_id": task_id.0 }))
            }
            Fact::CapMet { slots, refusals } => ("cap_met", json!({ "slots": slots, "refusals": refusals })),
            Fact::PutBack { id, why, retry_at } => {
                let retry_at = retry_at.as_ref().map(text);
                ("put_back", json!({ "id": id.as_str(), "because": clean_text(why), "retry_at": retry_at }))
            }
            Fact::InDoubt { id, why } => ("in_doubt", json!({ "id": id.as_str(), "because": clean_text(why) })),
            Fact::Found { id, task_id } => ("found", json!({ "id": id.as_str(), "task_id": task_id.0 })),
            Fact::Generated { id, seconds } => ("generated", json!({ "id": id.as_str(), "seconds": seconds })),
            Fact::DownloadRetried { id, why, after } => (
                "download_retried",
                json!({ "id": id.as_str(), "because": clean_text(why), "after_seconds": after.as_secs_f64() }),
            ),
            Fact::Succeeded { id, path } => ("succeeded", json!({ "id": id.as_str(), "path": path })),
            Fact::Failed { id, failure } => {
                ("failed", json!({ "id": id.as_str(), "error_code": failure.code, "error": failure.message }))
            }
            Fact::Parked { id, task_id } => ("parked", json!({ "id": id.as_str(), "task_id": task_id.0 })),
            Fact::AccountMissing { id, account } => {
                let account = account.as_ref().map(AccountName::as_str);
                ("account_missing", json!({ "id": id.as_str(), "account": account }))
            }
            Fact::AccountStopped { account, why } => {
                ("account_stopped", json!({ "account": account.as_str(), "because": clean_text(why) }))
            }
            Fact::Paused(pause) => {
                ("paused", json!({ "until": text(&pause.until), "because": clean_text(&pause.why) }))
            }
            Fact::Resumed => ("resumed", json!({})),
            Fact::Stopping { why } => {
                ("stopping", json!({ "because": clean_text(why), "in_flight": self.standing.counts.in_flight() }))
            }
            Fact::Ended | Fact::Ticked => ("ended", self.progress()),
        }
    }

    /// The state of the run, with the keys of `status --json`.
    fn progress(&self) -> Value {
        let standing = &self.standing;
        let counts = &standing.counts;
        let mut details = json!({
            "total": counts.total(),
            "units": counts.units_told(),
            "flagged": counts.flagged,
            "rate_per_minute": standing.images_per_minute().map(|rate| (rate * 10.0).round() / 10.0),
            "eta_seconds": standing.time_left().map(|left| left.as_secs()),
            "paused_until": standing.pause.as_ref().map(|pause| format!("{:.3}", pause.until)),
            "paused_because": standing.pause.as_ref().map(|pause| clean_text(&pause.why)),
        });
        for state in StateName::ALL {
            details[state.word()] = counts.of(state).into();
        }
        details
    }

    fn write(&mut self, event: &'static str, weight: Weight, details: Value) {
        if !weight.is_told(self.verbosity) {
            return;
        }
        let line = Line { at: format!("{:.3}", self.standing.now), event, level: weight.level(), details };
        // A closed pipe behind the log must not end the run.
        if let Ok(mut text) = serde_json::to_string(&line) {
            text.push('\n');
            let _ = self.to.write_all(text.as_bytes()).and_then(|()| self.to.flush());
        }
    }
}

fn with(mut details: Value, more: Value) -> Value {
    if let (Value::Object(details), Value::Object(more)) = (&mut details, more) {
        details.extend(more);
    }
    details
}

impl fmt::Debug for JsonLines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JsonLines").field("verbosity", &self.verbosity).finish_non_exhaustive()
    }
}
