//! Writing a manifest of pairs from two folders: every person with every garment, or a choice of them.
//!
//! Answers for that what it writes loads without a rejected row: only fit pictures, cells that mean what they say, ids
//! that never meet. What is found is [`folder`]'s business, what a picture is called in an id is [`naming`]'s, and
//! which pairs are taken is [`choice`]'s. Only the pictures are held in memory, never the pairs.

mod choice;
mod folder;
mod naming;
#[cfg(test)]
mod tests;
mod walk;

use std::fmt;
use std::io::Write;
use std::path::Path;

use crate::job::{Garment, ModelName};

pub use choice::Choice;
use choice::chosen;
pub use folder::{LeftOut, PictureFolder};
use folder::{Picture, keys, look_through};
use naming::{check_joints, named_otherwise_before, names};

/// One of the two folders, shown as its option is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The pictures of people; the first part of an id.
    Humans,
    /// The pictures of garments; the second part of an id.
    Cloths,
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Humans => "humans",
            Self::Cloths => "cloths",
        })
    }
}

/// What a manifest of pairs is made from.
#[derive(Debug)]
pub struct PairingOrder {
    /// The pictures of people.
    pub humans: PictureFolder,
    /// The pictures of garments.
    pub cloths: PictureFolder,
    /// Take `cloth_type` from the folder a garment is in.
    pub type_from_folder: bool,
    /// Which of the pairs.
    pub choice: Choice,
    /// Another seed is another choice.
    pub seed: u64,
    /// The model to write into every row.
    pub model: Option<ModelName>,
}

/// Two folders that were looked through, ready to be written.
#[derive(Debug)]
pub struct Pairing {
    humans: Gathered,
    cloths: Gathered,
    type_from_folder: bool,
    choice: Choice,
    seed: u64,
    model: Option<ModelName>,
    /// Files that look like pictures and cannot be used.
    pub left_out: Vec<LeftOut>,
}

/// The pictures of one folder, and what each is called in an id.
#[derive(Debug)]
struct Gathered {
    pictures: Vec<Picture>,
    names: Vec<String>,
    /// Whether every name is what the default id would use.
    has_default_names: bool,
}

/// Why no manifest can be made. The wording is a whole sentence for the user.
#[derive(Debug, thiserror::Error)]
pub enum PairingError {
    /// Nothing is there.
    #[error("--{side}: no such folder (looked for {path}); check the path")]
    NotFound { side: Side, path: String },
    /// Something else is there.
    #[error("--{side}: {path} is no folder; name the folder that holds the pictures")]
    NoFolder { side: Side, path: String },
    /// The system does not let it be read.
    #[error("--{side}: the folder {path} cannot be read: {why}; check its permissions")]
    Unreadable { side: Side, path: String, why: String },
    /// A pattern that matches nothing because it is none.
    #[error("--only-{side} {pattern}: {why}")]
    Pattern { side: Side, pattern: String, why: String },
    /// Nothing to pair.
    #[error("--{side}: no usable JPEG or PNG picture in {path}{why}")]
    NoPictures { side: Side, path: String, why: String },
    /// Pictures whose ids would be the same.
    #[error(
        "--{side}: pictures that would have the same id: {clashing}; an id is a picture's path without its extension, so \
         rename one of each, or choose with --only-{side}, e.g. --only-{side} '*.jpg'"
    )]
    SameName { side: Side, clashing: String },
    /// Pairs whose ids would be the same.
    #[error(
        "the folder {folder} is below both --humans and --cloths, and two pairs would have the same id (…/{cloth}); rename \
         one of the two folders"
    )]
    SamePair { folder: String, cloth: String },
    /// Everyone would be paired with everyone.
    #[error("--humans and --cloths are the same folder ({0}); put people and garments into folders of their own")]
    SameFolder(String),
}

impl Pairing {
    /// Looks through both folders, and opens every picture once.
    ///
    /// # Errors
    /// A folder cannot be read to its end, or holds nothing to pair.
    pub fn prepare(order: PairingOrder) -> Result<Self, PairingError> {
        let PairingOrder { humans, cloths, type_from_folder, choice, seed, model } = order;
        let (humans_root, cloths_root) = (humans.resolved()?, cloths.resolved()?);
        if humans_root == cloths_root {
            return Err(PairingError::SameFolder(humans.path.display().to_string()));
        }
        let mut left_out = Vec::new();
        let mut gather = |folder: &PictureFolder, other: &Path| -> Result<Gathered, PairingError> {
            let pictures = look_through(folder, other, &mut left_out)?;
            let (names, has_default_names) = names(&pictures, folder.side)?;
            Ok(Gathered { pictures, names, has_default_names })
        };
        let (humans, cloths) = (gather(&humans, &cloths_root)?, gather(&cloths, &humans_root)?);
        check_joints(&humans.names, &cloths.names)?;
        Ok(Self { humans, cloths, type_from_folder, choice, seed, model, left_out })
    }

    /// How many people there are.
    #[must_use]
    pub fn people(&self) -> u64 {
        self.humans.names.len() as u64
    }

    /// How many garments there are.
    #[must_use]
    pub fn garments(&self) -> u64 {
        self.cloths.names.len() as u64
    }

    /// How many pairs will be written.
    #[must_use]
    pub fn pairs(&self) -> u64 {
        self.choice.count(self.people(), self.garments())
    }

    /// How many garments are in no folder that says what they are. 0 where nobody asked.
    #[must_use]
    pub fn garments_of_no_type(&self) -> u64 {
        if !self.type_from_folder {
            return 0;
        }
        self.cloths.pictures.iter().filter(|picture| picture.garment.is_none()).count() as u64
    }

    /// How many pictures are in ids by more than their stem, which is what they were in version 0.1.
    #[must_use]
    pub fn pictures_named_otherwise_before(&self) -> u64 {
        let of = |side: &Gathered| named_otherwise_before(&side.pictures, &side.names);
        of(&self.humans) + of(&self.cloths)
    }

    /// How many pictures are only taken with `--fit-images`: in other formats, or too large.
    #[must_use]
    pub fn pictures_to_fit(&self) -> u64 {
        let all = self.humans.pictures.iter().chain(&self.cloths.pictures);
        all.filter(|picture| picture.needs_fitting).count() as u64
    }

    /// Writes the manifest, row by row: the people in the order of their paths, and each with the garments in theirs.
    ///
    /// # Errors
    /// The output cannot be written to.
    pub fn write(&self, out: impl Write) -> Result<(), csv::Error> {
        let mut out = csv::Writer::from_writer(out);
        let has_ids = !(self.humans.has_default_names && self.cloths.has_default_names);
        self.write_header(&mut out, has_ids)?;
        let mut id = String::new();
        for (human, cloth) in chosen(self.choice, self.seed, &keys(&self.humans.pictures), &keys(&self.cloths.pictures))
        {
            if has_ids {
                id.clear();
                id.extend([&*self.humans.names[human], "/", &*self.cloths.names[cloth]]);
                out.write_field(&id)?;
            }
            out.write_field(&self.humans.pictures[human].cell)?;
            out.write_field(&self.cloths.pictures[cloth].cell)?;
            if self.type_from_folder {
                out.write_field(self.cloths.pictures[cloth].garment.map_or("", Garment::word))?;
            }
            if let Some(model) = &self.model {
                out.write_field(model.as_str())?;
            }
            out.write_record(None::<&[u8]>)?;
        }
        out.flush()?;
        Ok(())
    }

    fn write_header<W: Write>(&self, out: &mut csv::Writer<W>, has_ids: bool) -> Result<(), csv::Error> {
        let columns = [
            ("id", has_ids),
            ("human_image", true),
            ("cloth_image", true),
            ("cloth_type", self.type_from_folder),
            ("model", self.model.is_some()),
        ];
        out.write_record(columns.iter().filter(|(_, is_there)| *is_there).map(|(name, _)| *name))
    }
}
