//! Which cell of a row is which column.

use std::ops::RangeInclusive;

use crate::job::clean_text;

use super::ManifestError;
use super::error::Misspelt;
use super::records::Record;
use super::separator::Separator;

/// A column that means something. All others are kept out of the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Column {
    Human,
    Cloth,
    Id,
    ClothType,
    Cloth2,
    ClothType2,
    Model,
    Priority,
}

impl Column {
    /// How many there are.
    pub(super) const COUNT: usize = 8;

    const ALL: [Self; Self::COUNT] = [
        Self::Human,
        Self::Cloth,
        Self::Id,
        Self::ClothType,
        Self::Cloth2,
        Self::ClothType2,
        Self::Model,
        Self::Priority,
    ];

    /// Without these there is nothing to do.
    const REQUIRED: [Self; 2] = [Self::Human, Self::Cloth];

    /// The documented name, by which problems call the column whatever the header calls it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Human => "human_image",
            Self::Cloth => "cloth_image",
            Self::Id => "id",
            Self::ClothType => "cloth_type",
            Self::Cloth2 => "cloth_image_2",
            Self::ClothType2 => "cloth_type_2",
            Self::Model => "model",
            Self::Priority => "priority",
        }
    }

    /// The column that a header cell names, without regard to case and space around it.
    fn named(text: &str) -> Option<Self> {
        let text = text.trim();
        let is = |name: &str| text.eq_ignore_ascii_case(name);
        match Self::ALL.into_iter().find(|column| is(column.name())) {
            None if is("human") => Some(Self::Human),
            None if is("cloth") => Some(Self::Cloth),
            found => found,
        }
    }
}

/// Names as much alike as this are the same name, misspelt: so many letters are other ones, out of how many.
const MOST_SLIPS: [(usize, usize); 2] = [(8, 2), (5, 1)];

/// The column that a name means which is no column's, if it is one of `absent`: the letters are the same, or nearly. A
/// name that is as near to a column that is there is another column beside it.
fn meant(name: &str, absent: impl Fn(Column) -> bool) -> Option<Column> {
    let letters = |text: &str| text.chars().filter(|c| c.is_alphanumeric()).collect::<String>().to_lowercase();
    let name = letters(name);
    let slips = |column: Column| strsim::damerau_levenshtein(&name, &letters(column.name()));
    let nearest = Column::ALL.into_iter().min_by_key(|column| (slips(*column), absent(*column)))?;
    let most = MOST_SLIPS.iter().find(|(letters, _)| name.chars().count() >= *letters).map_or(0, |(_, most)| *most);
    (absent(nearest) && slips(nearest) <= most).then_some(nearest)
}

/// A manifest's header, understood.
#[derive(Debug)]
pub(super) struct Header {
    /// Where each column of [`Column::ALL`] stands.
    positions: [Option<usize>; Column::COUNT],
    /// How many cells a row has to have: one for each column that has a name. Those without one at the end of the
    /// header may be there and may not; a spreadsheet leaves them out where a block of rows does not use them.
    pub(super) cells: RangeInclusive<usize>,
    pub(super) separator: Separator,
}

impl Header {
    /// Finds the columns in the first record of a manifest.
    pub(super) fn of(manifest: &str, separator: Separator, record: Record<'_>) -> Result<Self, ManifestError> {
        let (manifest, line) = (|| manifest.to_owned(), record.line);
        let names = names(record);
        if names.iter().any(|name| has_lone_carriage_return(name)) {
            return Err(ManifestError::CarriageReturns { manifest: manifest() });
        }

        let mut positions: [Option<usize>; Column::COUNT] = [None; Column::COUNT];
        for (index, name) in names.iter().enumerate() {
            let Some(column) = Column::named(name) else { continue };
            if let Some(first) = positions[column as usize].replace(index) {
                let written = vec![clean_text(&names[first]), clean_text(name)];
                return Err(ManifestError::DuplicateColumn {
                    manifest: manifest(),
                    line,
                    column: column.name(),
                    written,
                });
            }
        }
        let misspelt: Vec<Misspelt> = names
            .iter()
            .filter(|name| Column::named(name).is_none())
            .filter_map(|name| {
                let meant = meant(name, |column| positions[column as usize].is_none())?;
                Some(Misspelt { written: clean_text(name), meant: meant.name() })
            })
            .collect();
        if !misspelt.is_empty() {
            return Err(ManifestError::MisspeltColumns { manifest: manifest(), line, misspelt });
        }
        let missing: Vec<&'static str> =
            Column::REQUIRED.into_iter().filter(|c| positions[*c as usize].is_none()).map(Column::name).collect();
        if missing.is_empty() {
            let named = names.iter().rposition(|name| !name.is_empty()).map_or(0, |last| last + 1);
            return Ok(Self { positions, cells: named..=names.len(), separator });
        }
        let found = names.iter().map(|name| clean_text(name)).collect();
        Err(ManifestError::MissingColumn { manifest: manifest(), line, missing, found })
    }

    /// How many of the required columns a record names.
    pub(super) fn required_in(record: Record<'_>) -> usize {
        let names = names(record);
        let is_there = |column: &Column| names.iter().any(|name| Column::named(name) == Some(*column));
        Column::REQUIRED.iter().filter(|column| is_there(column)).count()
    }

    /// Where a column stands in every row, if the manifest has it.
    pub(super) fn position(&self, column: Column) -> Option<usize> {
        self.positions[column as usize]
    }

    /// The columns that the manifest has.
    pub(super) fn columns(&self) -> impl Iterator<Item = (Column, usize)> + '_ {
        Column::ALL.into_iter().filter_map(|column| Some((column, self.position(column)?)))
    }
}

/// The cells of a header as texts.
fn names(record: Record<'_>) -> Vec<String> {
    let name = |index| String::from_utf8_lossy(record.cell(index).unwrap_or_default()).trim().to_owned();
    (0..record.len()).map(name).collect()
}

/// Whether a name holds a CR that belongs to no CRLF: the whole file came as one line.
fn has_lone_carriage_return(name: &str) -> bool {
    name.split_inclusive('\r').zip(name.split('\r').skip(1)).any(|(_, after)| !after.starts_with('\n'))
}
