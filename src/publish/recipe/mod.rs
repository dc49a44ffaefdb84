//! A recipe: a TOML file that says what an image is called, what is made of it, how it is marked, and what the channel's table
//! has in it. Everything that is wrong with one is told with file, line and key before anything else happens.

mod check;
mod written;

use std::path::{Path, PathBuf};

use crate::picture::Conversion;

use super::marks::{Label, Marks};
use super::template::{Facts, Lack, Template};

/// See the module's page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recipe {
    /// A published file's path without extension, relative to the target.
    pub(super) name: Template,
    /// Which images belong together: those for which this is the same text.
    pub(super) product: Template,
    /// What is made of the picture; `None` leaves its pixels alone.
    pub(super) picture: Option<Conversion>,
    pub(super) marks: MarksWanted,
    pub(super) table: Option<Table>,
}

/// What pictures are marked with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct MarksWanted {
    pub(super) source_type: Option<&'static str>,
    /// The fields of China's label, in the standard's order.
    pub(super) label: Option<[Template; 7]>,
}

/// The channel's table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Table {
    /// Relative to the target.
    pub(super) file: String,
    /// Whether a product with all its images is one row.
    pub(super) is_by_product: bool,
    /// In front of a published file's path, with a slash at its end.
    pub(super) base_url: Option<String>,
    /// Whether cells that a spreadsheet would run as a formula are made texts.
    pub(super) defuses: bool,
    pub(super) columns: Vec<Column>,
}

/// A column of the channel's table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Column {
    pub(super) name: String,
    pub(super) value: Template,
    pub(super) of: Of,
}

/// Whose value a cell has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Of {
    /// The row's image; of a product, its first.
    Row,
    /// The row's image, where it is the product's first; else the cell is empty.
    FirstOnly,
    /// The product's image of this number, from 1; empty where it has fewer.
    Image(usize),
    /// All of the product's images, with this between two.
    All(String),
}

/// Why a recipe cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum RecipeError {
    /// It cannot be read.
    #[error("cannot read the recipe {}: {source}", .path.display())]
    File {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    /// What is wrong with it, each on a line, with file, line and key.
    #[error("{}", .0.join("\n"))]
    Wrong(Vec<String>),
}

impl Recipe {
    /// Without a file: under its id, marked, and otherwise as it is.
    ///
    /// # Errors
    /// None: the text is this program's own.
    pub fn plain() -> Result<Self, RecipeError> {
        Self::parse("", "the built-in recipe")
    }

    /// Reads a file.
    ///
    /// # Errors
    /// See [`RecipeError`].
    pub fn read(path: &Path) -> Result<Self, RecipeError> {
        let text =
            std::fs::read_to_string(path).map_err(|source| RecipeError::File { path: path.to_owned(), source })?;
        Self::parse(&text, &path.display().to_string())
    }

    /// Reads a text; `name` is for messages.
    ///
    /// # Errors
    /// [`RecipeError::Wrong`].
    pub fn parse(text: &str, name: &str) -> Result<Self, RecipeError> {
        let wrong = |problems: Vec<written::Problem>| {
            RecipeError::Wrong(problems.into_iter().map(|problem| problem.told(name)).collect())
        };
        let (recipe, places) = written::read(text).map_err(|problem| wrong(vec![problem]))?;
        check::checked(recipe, &places).map_err(wrong)
    }

    /// The same with the pixels left alone.
    #[must_use]
    pub fn marks_only(self) -> Self {
        Self { picture: None, ..self }
    }

    /// Whether it says what is made of pictures.
    #[must_use]
    pub fn converts(&self) -> bool {
        self.picture.is_some()
    }
}

impl MarksWanted {
    /// The marks of one image.
    pub(super) fn of(&self, facts: &Facts<'_>) -> Result<Marks, Lack> {
        let label = match &self.label {
            None => None,
            Some(fields) => {
                let mut values: [String; 7] = Default::default();
                for (value, field) in values.iter_mut().zip(fields) {
                    *value = field.cell(facts)?;
                }
                Some(Label(values))
            }
        };
        Ok(Marks { source_type: self.source_type, label })
    }
}

#[cfg(test)]
mod tests;
