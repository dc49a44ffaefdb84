//! Which cell of a row is which column.

use std::ops::RangeInclusive;

use crate::job::{clean_text, is_invisible};

use super::ManifestError;
use super::error::Misspelt;
use super::near_names::{behind_damaged_mark, meant};
use super::records::Record;
use super::separator::Separator;

/// A column that means something here. All others are kept with the job as they are.
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
    KeepFace,
    KeepPose,
    KeepBackground,
}

impl Column {
    /// How many there are.
    pub(super) const COUNT: usize = 11;

    pub(super) const ALL: [Self; Self::COUNT] = [
        Self::Human,
        Self::Cloth,
        Self::Id,
        Self::ClothType,
        Self::Cloth2,
        Self::ClothType2,
        Self::Model,
        Self::Priority,
        Self::KeepFace,
        Self::KeepPose,
        Self::KeepBackground,
    ];

    /// Without these there is nothing to do.
    pub(super) const REQUIRED: [Self; 2] = [Self::Human, Self::Cloth];

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
            Self::KeepFace => "keep_face",
            Self::KeepPose => "keep_pose",
            Self::KeepBackground => "keep_background",
        }
    }

    /// The column that a header cell names, without regard to case, space around it, and what nobody sees.
    fn named(text: &str) -> Option<Self> {
        let seen: String;
        let text = if text.is_ascii() {
            text.trim()
        } else {
            seen = text.chars().filter(|c| !is_invisible(*c)).collect();
            seen.trim()
        };
        let is = |name: &str| text.eq_ignore_ascii_case(name);
        match Self::ALL.into_iter().find(|column| is(column.name())) {
            None if is("human") => Some(Self::Human),
            None if is("cloth") => Some(Self::Cloth),
            found => found,
        }
    }
}

/// A manifest's header, understood.
#[derive(Debug)]
pub(super) struct Header {
    /// Where each column of [`Column::ALL`] is.
    positions: [Option<usize>; Column::COUNT],
    /// How many cells a row has to have: one for each column that has a name. Those without one at the end of the
    /// header may be there and may not; a spreadsheet leaves them out where a block of rows does not use them.
    pub(super) cells: RangeInclusive<usize>,
    pub(super) separator: Separator,
    names: Vec<String>,
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
        if let Some((encoding, behind)) = names.first().and_then(|name| behind_damaged_mark(name))
            && (Column::named(&behind).is_some()
                || meant(&behind, |column| positions[column as usize].is_none()).is_some())
        {
            let (written, behind) = (clean_text(&names[0]), clean_text(&behind));
            return Err(ManifestError::DamagedMark { manifest: manifest(), line, written, behind, encoding });
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
            return Ok(Self { positions, cells: named..=names.len(), separator, names });
        }
        if let ([only], Some(sign)) = (names.as_slice(), names.first().and_then(|name| look_alike_separator(name)))
            && only.split(sign).any(|name| Column::named(name).is_some())
        {
            return Err(ManifestError::LookAlikeSeparator { manifest: manifest(), line, sign, name: name_of(sign) });
        }
        let found = names.iter().map(|name| clean_text(name)).collect();
        Err(ManifestError::MissingColumn { manifest: manifest(), line, missing, found })
    }

    /// How many of some columns a record names.
    pub(super) fn count_in(record: Record<'_>, columns: &[Column]) -> usize {
        let names = names(record);
        let is_there = |column: &Column| names.iter().any(|name| Column::named(name) == Some(*column));
        columns.iter().filter(|column| is_there(column)).count()
    }

    /// Where a record names a column, if it does.
    pub(super) fn position_in(record: Record<'_>, column: Column) -> Option<usize> {
        names(record).iter().position(|name| Column::named(name) == Some(column))
    }

    /// Where a record has a column of a name that means nothing in a manifest, without regard to case.
    pub(super) fn position_of(record: Record<'_>, name: &str) -> Option<usize> {
        names(record).iter().position(|written| written.eq_ignore_ascii_case(name))
    }

    /// Where a column is in every row, if the manifest has it.
    pub(super) fn position(&self, column: Column) -> Option<usize> {
        self.positions[column as usize]
    }

    /// Whether the cells at a position are read.
    pub(super) fn reads(&self, index: usize) -> bool {
        self.positions.contains(&Some(index))
    }

    /// The columns that are not read and kept with the job, each with its position. A column without a name has none by which
    /// it could be asked for, and neither has a second one of a name.
    pub(super) fn kept(&self) -> impl Iterator<Item = (usize, &str)> {
        let is_first = |(index, name): &(usize, &String)| !self.names[..*index].contains(name);
        let named = self.names.iter().enumerate().filter(|(_, name)| !name.is_empty());
        named.filter(|(index, _)| !self.reads(*index)).filter(is_first).map(|(index, name)| (index, name.as_str()))
    }

    /// The names of the columns that are read, as they are written, those of the columns that are kept, and those of
    /// the columns that are left alone.
    pub(super) fn names(&self) -> ColumnNames {
        let named = self.names.iter().enumerate().filter(|(_, name)| !name.is_empty());
        let (read, others): (Vec<_>, Vec<_>) = named.partition(|(index, _)| self.reads(*index));
        let kept: Vec<usize> = self.kept().map(|(index, _)| index).collect();
        let (kept, left_alone): (Vec<_>, Vec<_>) = others.into_iter().partition(|(index, _)| kept.contains(index));
        let texts = |names: Vec<(usize, &String)>| names.into_iter().map(|(_, name)| clean_text(name)).collect();
        ColumnNames { read: texts(read), kept: texts(kept), left_alone: texts(left_alone) }
    }

    /// The columns that the manifest has.
    pub(super) fn columns(&self) -> impl Iterator<Item = (Column, usize)> + '_ {
        Column::ALL.into_iter().filter_map(|column| Some((column, self.position(column)?)))
    }
}

/// The columns of a manifest by the names that its header gives them, fit for a terminal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ColumnNames {
    /// Those that are read.
    pub read: Vec<String>,
    /// Those that mean nothing here, and are kept with the job.
    pub kept: Vec<String>,
    /// Those whose name an earlier one has.
    pub left_alone: Vec<String>,
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

/// Signs that are taken for a comma or a semicolon and are none.
const LOOK_ALIKE_SEPARATORS: [(char, &str); 6] = [
    ('\u{ff0c}', "full-width comma"),
    ('\u{ff1b}', "full-width semicolon"),
    ('\u{3001}', "ideographic comma"),
    ('\u{60c}', "Arabic comma"),
    ('\u{61b}', "Arabic semicolon"),
    ('\u{fe50}', "small comma"),
];

/// The sign that most likely was meant to separate the cells of a text.
pub(super) fn look_alike_separator(text: &str) -> Option<char> {
    let signs = LOOK_ALIKE_SEPARATORS.iter().map(|(sign, _)| *sign);
    signs.filter(|sign| text.contains(*sign)).max_by_key(|sign| text.matches(*sign).count())
}

/// What such a sign is called.
pub(super) fn name_of(sign: char) -> &'static str {
    LOOK_ALIKE_SEPARATORS.iter().find(|(listed, _)| *listed == sign).map_or("sign", |(_, name)| name)
}
