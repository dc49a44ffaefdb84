//! A recipe as it is written, and where each key is in the file.

use std::ops::Range;

use serde::Deserialize;
use toml::de::{DeTable, DeValue};

/// The whole file.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub(super) struct Written {
    pub(super) name: Option<String>,
    pub(super) product: Option<String>,
    pub(super) picture: Option<Picture>,
    pub(super) marks: Marks,
    pub(super) csv: Option<Csv>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub(super) struct Picture {
    pub(super) width: Option<u32>,
    pub(super) height: Option<u32>,
    pub(super) fit: Option<Fit>,
    pub(super) fill: Option<u8>,
    pub(super) enlarge: bool,
    pub(super) background: Option<String>,
    pub(super) trim: bool,
    pub(super) whiten: bool,
    pub(super) colours: Option<Colours>,
    pub(super) format: Option<Format>,
    pub(super) quality: Option<u8>,
    pub(super) lossless: Option<bool>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Fit {
    Inside,
    Pad,
    Crop,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Colours {
    Srgb,
    Keep,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Format {
    Jpeg,
    Png,
    Webp,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub(super) struct Marks {
    pub(super) digital_source_type: Option<String>,
    pub(super) aigc: Option<Aigc>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub(super) struct Aigc {
    pub(super) label: Option<String>,
    pub(super) content_producer: Option<String>,
    pub(super) produce_id: Option<String>,
    pub(super) reserved_code_1: Option<String>,
    pub(super) content_propagator: Option<String>,
    pub(super) propagate_id: Option<String>,
    pub(super) reserved_code_2: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Csv {
    pub(super) file: String,
    #[serde(default)]
    pub(super) rows: Rows,
    pub(super) base_url: Option<String>,
    #[serde(default)]
    pub(super) formulas: Formulas,
    pub(super) columns: Vec<Column>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Rows {
    #[default]
    Image,
    Product,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Formulas {
    #[default]
    Defuse,
    Keep,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Column {
    pub(super) name: String,
    #[serde(default)]
    pub(super) value: String,
    #[serde(default)]
    pub(super) only_first: bool,
    pub(super) image: Option<usize>,
    pub(super) join: Option<String>,
}

/// Something that is wrong, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Problem {
    /// Counted from 1.
    line: usize,
    /// Empty where there is none.
    key: String,
    what: String,
}

impl Problem {
    /// As it is shown.
    pub(super) fn told(&self, file: &str) -> String {
        let Self { line, key, what } = self;
        if key.is_empty() { format!("{file}:{line}: {what}") } else { format!("{file}:{line}: {key}: {what}") }
    }
}

/// Where the keys are.
#[derive(Debug)]
pub(super) struct Places<'a> {
    text: &'a str,
    table: toml::Spanned<DeTable<'a>>,
}

/// Reads a recipe as it is written.
pub(super) fn read(text: &str) -> Result<(Written, Places<'_>), Problem> {
    let table = match DeTable::parse(text) {
        Ok(table) => table,
        Err(error) => {
            let line = line_of(text, error.span());
            return Err(Problem { line, key: String::new(), what: one_line(error.message()) });
        }
    };
    let places = Places { text, table };
    match toml::from_str(text) {
        Ok(written) => Ok((written, places)),
        Err(error) => {
            let key = error.span().map(|at| key_around(places.table.get_ref(), &at)).unwrap_or_default();
            Err(Problem { line: line_of(text, error.span()), key, what: one_line(error.message()) })
        }
    }
}

impl Places<'_> {
    /// A problem with the value of a key like `picture.quality`, or with the whole of a table that is not there.
    pub(super) fn problem(&self, key: &str, what: impl Into<String>) -> Problem {
        let (mut table, mut at) = (self.table.get_ref(), None);
        for part in key.split('.') {
            let Some((found, value)) = table.iter().find(|(name, _)| name.get_ref().as_ref() == part) else { break };
            at = Some(found.span());
            match value.get_ref() {
                DeValue::Table(inner) => table = inner,
                _ => break,
            }
        }
        Problem { line: line_of(self.text, at), key: key.to_owned(), what: what.into() }
    }
}

/// The innermost key that is at this place, or whose value is; empty where none is. A table's own place is only its header.
fn key_around(table: &DeTable<'_>, at: &Range<usize>) -> String {
    let holds = |span: Range<usize>| span.start <= at.start && at.end <= span.end;
    for (key, value) in table {
        let inner = match value.get_ref() {
            DeValue::Table(inner) => key_around(inner, at),
            _ => String::new(),
        };
        match inner.is_empty() {
            false => return format!("{}.{inner}", key.get_ref()),
            true if holds(key.span()) || holds(value.span()) => return key.get_ref().to_string(),
            true => {}
        }
    }
    String::new()
}

fn line_of(text: &str, at: Option<Range<usize>>) -> usize {
    let before = at.and_then(|at| text.as_bytes().get(..at.start)).unwrap_or_default();
    before.iter().filter(|byte| **byte == b'\n').count() + 1
}

/// The library's words may be several lines, which would hide where ours begin.
fn one_line(what: &str) -> String {
    what.split_whitespace().collect::<Vec<_>>().join(" ")
}
