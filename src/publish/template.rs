//! Texts with places for what is known of an image: `{sku}_{n:02}`.
//!
//! A place names a manifest column, or one of the words below; `{column.url}` is the column of a name that is also such a word.
//! Behind a colon: `slug` (lower case, letters and digits, hyphens between), `lower`, or `0` and a width for `n`.

use std::fmt;

/// A template, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Template {
    pieces: Vec<Piece>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Text(String),
    Place { what: What, change: Change },
}

/// What a place names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum What {
    /// The job's id.
    Id,
    /// The image's number among those of its product, from 1.
    Number,
    /// The name of the person's picture, without folders and extension.
    Human,
    /// The same of the garment's.
    Cloth,
    /// The published file, relative to the target.
    File,
    /// Where the published file can be fetched.
    Url,
    /// A manifest column.
    Column(String),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Change {
    None,
    Slug,
    Lower,
    /// Zeros in front, up to this width.
    Padded(usize),
}

/// Why a text is no template.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum TemplateError {
    #[error("`{{` without `}}`; a brace that is meant as such is written twice")]
    Open,
    #[error("`}}` without `{{`; a brace that is meant as such is written twice")]
    Closed,
    #[error("`{{}}` names nothing")]
    Empty,
    #[error("`{0}` is no change; there are `slug`, `lower`, and `02` for n")]
    NoChange(String),
}

/// What is known of one image.
pub(super) struct Facts<'a> {
    pub(super) id: &'a str,
    pub(super) number: usize,
    pub(super) human: &'a str,
    pub(super) cloth: &'a str,
    pub(super) file: &'a str,
    pub(super) url: &'a str,
    /// The manifest's further columns, as they are called and filled in there.
    pub(super) columns: &'a [(String, String)],
}

/// Why a place stays empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Lack {
    /// The job's manifest has no column of this name.
    NoColumn(String),
    /// Nothing is filled in.
    Empty(String),
    /// The value has a slash, which would make folders of a name.
    Slash { place: String, value: String },
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Id => "id",
            Self::Number => "n",
            Self::Human => "human",
            Self::Cloth => "cloth",
            Self::File => "file",
            Self::Url => "url",
            Self::Column(name) => name,
        })
    }
}

impl What {
    fn named(text: &str) -> Self {
        match text {
            "id" => Self::Id,
            "n" => Self::Number,
            "human" => Self::Human,
            "cloth" => Self::Cloth,
            "file" => Self::File,
            "url" => Self::Url,
            _ => Self::Column(text.strip_prefix("column.").unwrap_or(text).to_owned()),
        }
    }
}

impl Template {
    /// Reads a text.
    pub(super) fn parse(text: &str) -> Result<Self, TemplateError> {
        let (mut pieces, mut literal, mut rest) = (Vec::new(), String::new(), text);
        while let Some(at) = rest.find(['{', '}']) {
            literal.push_str(&rest[..at]);
            let brace = &rest[at..=at];
            rest = &rest[at + 1..];
            if let Some(behind) = rest.strip_prefix(brace) {
                literal.push_str(brace);
                rest = behind;
                continue;
            }
            if brace == "}" {
                return Err(TemplateError::Closed);
            }
            let (inner, behind) = rest.split_once('}').ok_or(TemplateError::Open)?;
            if !literal.is_empty() {
                pieces.push(Piece::Text(std::mem::take(&mut literal)));
            }
            pieces.push(place(inner)?);
            rest = behind;
        }
        literal.push_str(rest);
        if !literal.is_empty() {
            pieces.push(Piece::Text(literal));
        }
        Ok(Self { pieces })
    }

    /// Nothing.
    pub(super) fn empty() -> Self {
        Self { pieces: Vec::new() }
    }

    /// What it has places for.
    pub(super) fn places(&self) -> impl Iterator<Item = &What> {
        self.pieces.iter().filter_map(|piece| match piece {
            Piece::Text(_) => None,
            Piece::Place { what, .. } => Some(what),
        })
    }

    /// The text for a cell: a place may be empty, but its column has to be there.
    pub(super) fn cell(&self, facts: &Facts<'_>) -> Result<String, Lack> {
        self.filled(facts, |_, value| Ok(value))
    }

    /// The text for a name: every place is filled, and only the id makes folders.
    pub(super) fn name(&self, facts: &Facts<'_>) -> Result<String, Lack> {
        self.filled(facts, |what, value| match what {
            _ if value.is_empty() => Err(Lack::Empty(what.to_string())),
            What::Column(_) | What::Human | What::Cloth if value.contains(['/', '\\']) => {
                Err(Lack::Slash { place: what.to_string(), value })
            }
            _ => Ok(value),
        })
    }

    fn filled(&self, facts: &Facts<'_>, check: impl Fn(&What, String) -> Result<String, Lack>) -> Result<String, Lack> {
        let mut text = String::new();
        for piece in &self.pieces {
            match piece {
                Piece::Text(literal) => text.push_str(literal),
                Piece::Place { what, change } => {
                    let value = facts.value(what).ok_or_else(|| Lack::NoColumn(what.to_string()))?;
                    text.push_str(&check(what, change.of(value.trim()))?);
                }
            }
        }
        Ok(text)
    }
}

fn place(inner: &str) -> Result<Piece, TemplateError> {
    let (name, change) = match inner.rsplit_once(':') {
        None => (inner, Change::None),
        Some((name, change)) => {
            (name, Change::named(change.trim()).ok_or_else(|| TemplateError::NoChange(change.to_owned()))?)
        }
    };
    let name = name.trim();
    if name.is_empty() { Err(TemplateError::Empty) } else { Ok(Piece::Place { what: What::named(name), change }) }
}

impl Change {
    fn named(text: &str) -> Option<Self> {
        match text {
            "slug" => Some(Self::Slug),
            "lower" => Some(Self::Lower),
            _ => {
                let width = text.strip_prefix('0')?.parse().ok()?;
                (1..=9).contains(&width).then_some(Self::Padded(width))
            }
        }
    }

    fn of(self, value: &str) -> String {
        match self {
            Self::None => value.to_owned(),
            Self::Lower => value.to_lowercase(),
            Self::Padded(width) => format!("{value:0>width$}"),
            Self::Slug => {
                let lower = value.to_lowercase();
                let words = lower.split(|letter: char| !letter.is_alphanumeric()).filter(|word| !word.is_empty());
                words.collect::<Vec<_>>().join("-")
            }
        }
    }
}

impl Facts<'_> {
    fn value(&self, what: &What) -> Option<std::borrow::Cow<'_, str>> {
        Some(match what {
            What::Id => self.id.into(),
            What::Number => self.number.to_string().into(),
            What::Human => self.human.into(),
            What::Cloth => self.cloth.into(),
            What::File => self.file.into(),
            What::Url => self.url.into(),
            What::Column(name) => self.column(name)?.into(),
        })
    }

    /// A column is called as it is written, or else in another case.
    fn column(&self, name: &str) -> Option<&str> {
        let is_called = |found: &&(String, String)| found.0.trim() == name;
        let is_called_nearly = |found: &&(String, String)| found.0.trim().to_lowercase() == name.to_lowercase();
        let found = self.columns.iter().find(is_called).or_else(|| self.columns.iter().find(is_called_nearly));
        found.map(|(_, value)| value.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(template: &str, as_name: bool) -> Result<String, Lack> {
        let columns = [("SKU", "A/1"), ("title", " Été Dress "), ("url", "own"), ("empty", ""), ("品牌", "店")];
        let columns = columns.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let facts = Facts {
            id: "ana/coat",
            number: 7,
            human: "ana",
            cloth: "coat",
            file: "x.jpg",
            url: "https://cdn/x.jpg",
            columns: &columns,
        };
        let template = Template::parse(template).expect("a template");
        if as_name { template.name(&facts) } else { template.cell(&facts) }
    }

    #[test]
    fn places_are_filled_with_what_is_known_and_changed_as_they_say() {
        for (template, text) in [
            ("{id}", "ana/coat"),
            ("{human}-{cloth}_{n:03}", "ana-coat_007"),
            ("{sku:slug}/{title:slug}", "a-1/été-dress"),
            ("{title}|{title:lower}", "Été Dress|été dress"),
            ("{url} {column.url}", "https://cdn/x.jpg own"),
            ("{品牌}{{n}}", "店{n}"),
            ("plain", "plain"),
        ] {
            assert_eq!(filled(template, false).as_deref(), Ok(text), "{template}");
        }
        assert_eq!(filled("[{empty}]", false).as_deref(), Ok("[]"));
    }

    #[test]
    fn a_name_lacks_nothing_and_gets_no_folder_out_of_a_value() {
        assert_eq!(filled("{id}/{n}", true).as_deref(), Ok("ana/coat/7"));
        let lacks: Vec<Lack> =
            ["{nope}", "{empty}", "{sku}"].into_iter().map(|text| filled(text, true).expect_err(text)).collect();
        let slash = Lack::Slash { place: "sku".to_owned(), value: "A/1".to_owned() };
        assert_eq!(lacks, [Lack::NoColumn("nope".to_owned()), Lack::Empty("empty".to_owned()), slash]);
        assert_eq!(filled("{nope}", false), Err(Lack::NoColumn("nope".to_owned())));
    }

    #[test]
    fn what_is_no_template_says_why() {
        for (text, why) in [
            ("{id", TemplateError::Open),
            ("id}", TemplateError::Closed),
            ("{ }", TemplateError::Empty),
            ("{id:upper}", TemplateError::NoChange("upper".to_owned())),
            ("{n:00}", TemplateError::NoChange("00".to_owned())),
        ] {
            assert_eq!(Template::parse(text), Err(why), "{text}");
        }
    }
}
