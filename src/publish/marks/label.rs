//! The label that China's GB 45438-2025 asks for in a file's metadata: a JSON text in the XMP property `TC260:AIGC`.
//!
//! Its values are the user's. A label that the file has from its producer stays; a publisher only adds who has spread it.

use serde_json::{Map, Value};

use super::xmp::Name;

/// Where the label is (TC260-PG-20258A).
pub(super) const LABEL: Name =
    Name { namespace: "http://www.tc260.org.cn/ns/AIGC/1.0/", prefix: "TC260", local: "AIGC" };

/// The fields, in the standard's order.
const FIELDS: [&str; 7] =
    ["Label", "ContentProducer", "ProduceID", "ReservedCode1", "ContentPropagator", "PropagateID", "ReservedCode2"];

/// The fields of whoever spreads the file, as positions in [`FIELDS`].
const OF_PROPAGATOR: std::ops::Range<usize> = 4..7;

/// The values that are given for one picture, in the order of [`FIELDS`]; empty ones are not given.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::publish) struct Label(pub(in crate::publish) [String; 7]);

/// What becomes of the label of a file.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Labelled {
    /// The file's own stays as it is.
    Kept,
    Written(String),
    /// The file has none, and what is given makes none.
    Lacking,
    /// The file's own is no JSON object, and stays.
    Unreadable,
}

impl Label {
    /// The label of a file that has `existing`.
    pub(super) fn over(&self, existing: Option<&str>) -> Labelled {
        let Some(existing) = existing else { return self.alone() };
        let Ok(mut fields) = serde_json::from_str::<Map<String, Value>>(existing) else { return Labelled::Unreadable };
        let mut is_changed = false;
        for position in OF_PROPAGATOR {
            let (field, given) = (FIELDS[position], &self.0[position]);
            let is_free = fields.get(field).is_none_or(|value| value.as_str() == Some(""));
            if !given.is_empty() && is_free {
                fields.insert(field.to_owned(), Value::String(given.clone()));
                is_changed = true;
            }
        }
        if is_changed { Labelled::Written(in_order(fields)) } else { Labelled::Kept }
    }

    /// A label names what it is, and who has made the picture under which number.
    fn alone(&self) -> Labelled {
        if self.0[..3].iter().any(String::is_empty) {
            return Labelled::Lacking;
        }
        let fields =
            FIELDS.iter().zip(&self.0).map(|(field, value)| ((*field).to_owned(), Value::String(value.clone())));
        Labelled::Written(in_order(fields.collect()))
    }

    /// Whether the producer's part of `existing` is what is given.
    pub(super) fn agrees_with(&self, existing: &str) -> bool {
        let fields: Map<String, Value> = serde_json::from_str(existing).unwrap_or_default();
        let given = FIELDS.iter().zip(&self.0).filter(|(_, value)| !value.is_empty());
        given.into_iter().all(|(field, value)| fields.get(*field).and_then(Value::as_str) == Some(value))
    }
}

/// The standard's fields first, in its order.
fn in_order(mut fields: Map<String, Value>) -> String {
    let known = FIELDS.iter().filter_map(|field| fields.remove(*field).map(|value| ((*field).to_owned(), value)));
    let known: Vec<(String, Value)> = known.collect();
    let all = known.into_iter().chain(fields);
    let fields: Vec<String> = all.map(|(field, value)| format!("{}:{value}", Value::String(field))).collect();
    format!("{{{}}}", fields.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn label(values: [&str; 7]) -> Label {
        Label(values.map(str::to_owned))
    }

    #[test]
    fn a_label_has_all_fields_in_the_standards_order_and_nothing_invented() {
        let label = label(["1", "Shop \"A\"", "7", "", "", "", ""]);
        let written = r#"{"Label":"1","ContentProducer":"Shop \"A\"","ProduceID":"7","ReservedCode1":"","ContentPropagator":"","PropagateID":"","ReservedCode2":""}"#;
        assert_eq!(label.over(None), Labelled::Written(written.to_owned()));
    }

    #[test]
    fn without_a_producer_there_is_no_label() {
        assert_eq!(label(["", "", "", "", "Shop", "7", ""]).over(None), Labelled::Lacking);
        assert_eq!(label(["1", "Maker", "", "", "", "", ""]).over(None), Labelled::Lacking);
    }

    #[test]
    fn a_producers_label_stays_and_the_publisher_is_added() {
        let existing = r#"{"ProduceID":"p","Label":"1","ContentProducer":"Kling","ContentPropagator":"","Own":[1]}"#;
        let given = label(["2", "Shop", "q", "", "Shop", "7", ""]);
        let written = r#"{"Label":"1","ContentProducer":"Kling","ProduceID":"p","ContentPropagator":"Shop","PropagateID":"7","Own":[1]}"#;
        assert_eq!(given.over(Some(existing)), Labelled::Written(written.to_owned()));
        assert_eq!(given.over(Some(written)), Labelled::Kept);
        assert!(!given.agrees_with(existing) && label(["1", "Kling", "p", "", "", "", ""]).agrees_with(existing));
        assert_eq!(given.over(Some("AI")), Labelled::Unreadable);
    }
}
