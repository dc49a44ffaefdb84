//! Log lines as JSON objects, in the shape that everything else on standard error has: `at`, `level`, `event`, and what
//! belongs to it.

use std::fmt;

use serde_json::{Map, Value};
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

/// The `event` of a line that a part of the program noted, which no script has to know.
const NOTED: &str = "log";

/// One line. `more` may have any keys but these three.
pub(super) fn line(level: &str, event: &str, more: Map<String, Value>) -> String {
    let mut line = Map::new();
    line.insert("at".to_owned(), format!("{:.3}", jiff::Timestamp::now()).into());
    line.insert("level".to_owned(), level.into());
    line.insert("event".to_owned(), event.into());
    for (key, value) in more {
        line.entry(key).or_insert(value);
    }
    Value::Object(line).to_string() + "\n"
}

/// A line with a sentence.
pub(super) fn said(level: &str, event: &str, message: &str) -> String {
    line(level, event, Map::from_iter([("message".to_owned(), message.into())]))
}

/// Writes what the program's parts note.
pub(super) struct JsonEvents;

impl<S, N> FormatEvent<S, N> for JsonEvents
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, _: &FmtContext<'_, S, N>, mut to: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let mut fields = Fields::default();
        event.record(&mut fields);
        fields.0.insert("target".to_owned(), event.metadata().target().into());
        to.write_str(&line(event.metadata().level().as_str(), NOTED, fields.0))
    }
}

/// What an event carries.
#[derive(Default)]
struct Fields(Map<String, Value>);

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0.insert(field.name().to_owned(), format!("{value:?}").into());
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name().to_owned(), value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.0.insert(field.name().to_owned(), value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.0.insert(field.name().to_owned(), value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.0.insert(field.name().to_owned(), value.into());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_one_object_and_nothing_takes_the_place_of_its_first_three_keys() {
        let more = Map::from_iter([("level".to_owned(), "x".into()), ("message".to_owned(), "two\nlines".into())]);
        let line = line("WARN", "log", more);
        assert_eq!(line.matches('\n').count(), 1);
        let value: Value = serde_json::from_str(&line).expect("JSON");
        assert_eq!((value["level"].as_str(), value["event"].as_str()), (Some("WARN"), Some("log")));
        assert_eq!(value["message"], "two\nlines");
    }
}
