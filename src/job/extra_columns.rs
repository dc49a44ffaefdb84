//! The manifest columns that are not read: kept with the job, for whoever publishes its image.

use std::fmt;

use serde::de::{MapAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The columns of one row that are not read, in manifest order. An empty cell is as good as none: tables of shops have hundreds of
/// columns, of which each row fills a few.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ExtraColumns(Vec<(String, String)>);

/// More than is kept of a row. The wording completes "row: …".
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "its columns that are not read have {bytes} bytes together, and at most {most} are kept with a row; shorten or delete some",
    most = ExtraColumns::MOST_BYTES
)]
pub struct TooManyColumns {
    bytes: usize,
}

impl ExtraColumns {
    /// The most that is kept of a row: the bytes of names and values.
    pub const MOST_BYTES: usize = 4096;

    /// Columns by name and value, in manifest order; those without a value are left out.
    ///
    /// # Errors
    /// They are longer than [`Self::MOST_BYTES`].
    pub fn new(mut columns: Vec<(String, String)>) -> Result<Self, TooManyColumns> {
        columns.retain(|(_, value)| !value.is_empty());
        let bytes = columns.iter().map(|(name, value)| name.len() + value.len()).sum();
        if bytes > Self::MOST_BYTES { Err(TooManyColumns { bytes }) } else { Ok(Self(columns)) }
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The value of a column, by its exact name; `None` where the row has none there.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(column, _)| column == name).map(|(_, value)| value.as_str())
    }

    /// Names and values, in manifest order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// The form that the queue stores: a JSON object of strings; `None` where there is no column.
    #[must_use]
    pub fn stored(&self) -> Option<String> {
        // Strings alone: there is nothing that could fail.
        (!self.is_empty()).then(|| serde_json::to_string(self).unwrap_or_default())
    }

    /// The columns that [`Self::stored`] wrote.
    ///
    /// # Errors
    /// The text is no JSON object of strings.
    pub fn from_stored(text: Option<&str>) -> Result<Self, serde_json::Error> {
        text.map_or_else(|| Ok(Self::default()), serde_json::from_str)
    }

    /// The texts of which one occurs in [`Self::stored`] exactly where a column has a value. Within a string a quote has a
    /// backslash in front of it, so neither can be a part of a name or a value.
    pub(crate) fn found_by(name: &str, value: &str) -> [String; 2] {
        let text = |text: &str| serde_json::Value::from(text).to_string();
        let pair = format!("{}:{}", text(name), text(value));
        [format!("{{{pair}"), format!(",{pair}")]
    }
}

impl Serialize for ExtraColumns {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, value) in &self.0 {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for ExtraColumns {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(InOrder)
    }
}

/// Reads an object without putting its keys into another order.
struct InOrder;

impl<'de> Visitor<'de> for InOrder {
    type Value = ExtraColumns;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of strings")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<ExtraColumns, A::Error> {
        let mut columns = Vec::new();
        while let Some(column) = map.next_entry()? {
            columns.push(column);
        }
        Ok(ExtraColumns(columns))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn columns(pairs: &[(&str, &str)]) -> ExtraColumns {
        let owned = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        ExtraColumns::new(owned.collect()).expect("few columns")
    }

    #[test]
    fn columns_are_stored_in_manifest_order_and_read_back() {
        let row = columns(&[("sku", "A-1"), ("colour", "\"red\"\n"), ("a", "中文")]);
        let stored = row.stored().expect("a text");
        assert_eq!(stored, r#"{"sku":"A-1","colour":"\"red\"\n","a":"中文"}"#);
        assert_eq!(ExtraColumns::from_stored(Some(&stored)).expect("columns"), row);
        assert_eq!((row.get("colour"), row.get("Colour")), (Some("\"red\"\n"), None));
        assert_eq!(ExtraColumns::default().stored(), None);
    }

    #[test]
    fn empty_cells_are_left_out_and_take_no_room() {
        let row = columns(&[(&"n".repeat(9_000), ""), ("sku", "A"), ("note", "")]);
        assert_eq!(row.stored().as_deref(), Some(r#"{"sku":"A"}"#));
    }

    #[test]
    fn more_than_four_kibibytes_are_refused_with_their_number() {
        let of = |value: usize| ExtraColumns::new(vec![("n".repeat(96), "v".repeat(value))]);
        assert!(of(4000).is_ok());
        let error = of(4001).expect_err("too long").to_string();
        assert!(error.contains("4097 bytes") && error.contains("at most 4096"), "{error}");
    }

    fn is_found(row: &ExtraColumns, name: &str, value: &str) -> bool {
        let stored = row.stored().unwrap_or_default();
        ExtraColumns::found_by(name, value).iter().any(|text| stored.contains(text))
    }

    #[test]
    fn a_value_is_found_by_its_column_and_not_in_another_ones_text() {
        let row = columns(&[("sku", "A-1"), ("title", r#"x,"sku":"B-2""#), ("x\"sku", "C-3"), ("size", "sku")]);
        assert!(is_found(&row, "sku", "A-1") && is_found(&row, "x\"sku", "C-3"));
        assert!(!is_found(&row, "sku", "B-2") && !is_found(&row, "sku", "C-3") && !is_found(&row, "sku", "A"));
    }

    proptest! {
        /// Texts of few characters, which meet often.
        #[test]
        fn what_is_found_is_what_is_there(
            pairs in prop::collection::vec(("[a\",:{}\\\\]{0,4}", "[a\",:{}\\\\]{0,6}"), 0..4),
            name in "[a\",:{}\\\\]{0,4}", value in "[a\",:{}\\\\]{0,6}",
        ) {
            let is_there = !value.is_empty() && pairs.iter().any(|pair| pair.0 == name && pair.1 == value);
            let row = ExtraColumns::new(pairs).expect("few columns");
            prop_assert_eq!(is_found(&row, &name, &value), is_there);
        }
    }
}
