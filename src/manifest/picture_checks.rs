//! Local pictures that manifests name, each looked at once however many rows name it.
//!
//! A cell's text leads to its outcome without asking the system again. Where that memory is full and has
//! forgotten a cell, a second, smaller one still knows which resolved paths were found good, so that a file
//! is not opened twice. Both are bounded; what they forget costs time and nothing else.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs;
use std::io;
use std::mem;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::job::{ImageSource, ModelName, ObjectUrl, clean_text};
use crate::picture::{InputLimits, Peculiarity, PictureError, Probe, probe};
use crate::store::InputFile;

use super::lost_path;
use super::object_checks::ObjectChecks;
use super::shared_folder::SharedFolder;

/// How many cells one generation remembers, and how many bytes of text.
const GENERATION_CELLS: usize = 16_384;
const GENERATION_BYTES: usize = 4 << 20;

/// How many good files are remembered by their digest: what a table of half a million places holds, 9 MB.
const MAX_PROVED: usize = 450_000;

/// For how many paths that lead nowhere it is looked what is near: each may take reading a folder.
const MOST_LOOKED_AROUND: u32 = 200;

/// What came of one cell: the resolved path of a fit picture, or its name among several hosts; or the reason against it.
type Outcome = Result<PathBuf, String>;

/// The memory of checked pictures. One serves all manifests of a run.
#[derive(Debug, Default)]
pub struct PictureChecks {
    /// The folder that the remembered cells are relative to.
    base: PathBuf,
    /// The folder that all cells are relative to, where one was named.
    inputs: Option<PathBuf>,
    /// How pictures are called, where several hosts have to find them.
    shared: Option<SharedFolder>,
    /// Cells looked up lately. When it is full it becomes `old`, and what was old and not asked for again is forgotten.
    young: Generation,
    old: Generation,
    /// The first half of the SHA-256 of each resolved path that was found good. Two paths that share it would
    /// need 2^64 attempts to make, so a path that is known here is good.
    proved: HashSet<u128>,
    /// The same of those that can be decoded, as the garments of an outfit must.
    decodable: HashSet<u128>,
    /// Whether a picture that almost fits will do.
    fits_images: bool,
    /// Whether local pictures can be linked to, for models that take URLs only.
    has_links: bool,
    /// Whether the model of the present row is such a one.
    needs_links: bool,
    /// Those of the present row's model. What is remembered of a picture holds within them only.
    limits: InputLimits,
    /// Whether the provider is on this machine or its network.
    shares_network: bool,
    /// Pictures in buckets.
    objects: ObjectChecks,
    looked_around: u32,
    to_fit: u64,
    /// Pictures that a model may take wrong, and that nothing is done about.
    peculiar: BTreeMap<Peculiarity, u64>,
    probed: u64,
}

#[derive(Debug, Default)]
struct Generation {
    cells: HashMap<Box<str>, Outcome>,
    bytes: usize,
}

impl PictureChecks {
    /// An empty memory.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The same, and with `fits_images` a picture will do that can be made to fit.
    #[must_use]
    pub fn fitting(self, fits_images: bool) -> Self {
        Self { fits_images, ..self }
    }

    /// The same, and with `shares_network` the provider can fetch what only this network knows.
    #[must_use]
    pub fn sharing_network(self, shares_network: bool) -> Self {
        Self { shares_network, ..self }
    }

    /// The same, and with `has_links` local pictures can be linked to, for models that take URLs only.
    #[must_use]
    pub fn linking(self, has_links: bool) -> Self {
        Self { has_links, ..self }
    }

    /// The same, with pictures looked for in `inputs`, where it is named, and not beside the manifests. With `is_shared` they get
    /// names that are relative to that folder, or to the manifests'.
    ///
    /// # Errors
    /// There is no such folder.
    pub fn below(self, inputs: Option<&Path>, is_shared: bool) -> io::Result<Self> {
        let shared = if is_shared { Some(SharedFolder::given(inputs)?) } else { None };
        Ok(Self { inputs: inputs.map(Path::to_owned), shared, ..self })
    }

    /// The folder that relative names of pictures are relative to, if there are any.
    #[must_use]
    pub fn folder(&self) -> Option<&Path> {
        self.shared.as_ref()?.path()
    }

    /// Says which model the pictures to come are for.
    pub(super) fn judge_for(&mut self, model: &ModelName) {
        self.needs_links = model.is_of_solutions();
        self.limits = InputLimits::of(model);
    }

    /// Whether a local picture can reach the model of the present row.
    pub(super) fn can_be_sent(&self) -> bool {
        self.has_links || !self.needs_links
    }

    pub(super) fn shares_network(&self) -> bool {
        self.shares_network
    }

    /// How many of the pictures have to be made to fit.
    #[must_use]
    pub fn to_fit(&self) -> u64 {
        self.to_fit
    }

    /// How many pictures there are that a model may take wrong and that are sent as they are, by what that is. With
    /// `--fit-images` there are none.
    #[must_use]
    pub fn peculiar(&self) -> &BTreeMap<Peculiarity, u64> {
        &self.peculiar
    }

    /// How many files were opened so far.
    #[must_use]
    pub fn probed(&self) -> u64 {
        self.probed
    }

    /// Says which folder the cells to come are relative to; empty is the working directory.
    pub(super) fn enter(&mut self, base: &Path) {
        let base = self.inputs.as_deref().unwrap_or(base);
        if self.base != base {
            base.clone_into(&mut self.base);
            self.young = Generation::default();
            self.old = Generation::default();
        }
    }

    /// The resolved path of the picture that a cell names, or why it cannot be an input.
    pub(super) fn resolve(&mut self, cell: &str) -> Outcome {
        let key = self.key(cell);
        if let Some(outcome) = self.young.cells.get(&*key) {
            return outcome.clone();
        }
        let outcome = match self.old.cells.remove(&*key) {
            Some(outcome) => outcome,
            None => self.look(cell),
        };
        self.remember(&key, outcome.clone());
        outcome
    }

    /// Under which name the outcome of a cell is remembered. No path begins with a NUL.
    fn key<'a>(&self, cell: &'a str) -> Cow<'a, str> {
        match self.limits {
            InputLimits::KOLORS => Cow::Borrowed(cell),
            _ => Cow::Owned(format!("\0{cell}")),
        }
    }

    fn remember(&mut self, cell: &str, outcome: Outcome) {
        let is_full = self.young.cells.len() >= GENERATION_CELLS || self.young.bytes >= GENERATION_BYTES;
        if is_full {
            self.old = mem::take(&mut self.young);
        }
        self.young.bytes += cell.len() + outcome.as_ref().map_or_else(String::len, |path| path.as_os_str().len());
        self.young.cells.insert(cell.into(), outcome);
    }

    /// Asks the system.
    fn look(&mut self, cell: &str) -> Outcome {
        let joined = self.base.join(cell);
        let (found, path) = match fs::canonicalize(&joined) {
            Ok(path) => (joined, path),
            Err(error) => self.look_around(cell, &joined, error)?,
        };
        let Some(text) = path.to_str() else {
            return Err(format!("leads to a path that is not UTF-8 ({})", clean_text(&path.to_string_lossy())));
        };
        let digest = digest(&self.key(text));
        if !self.proved.contains(&digest) {
            self.probed += 1;
            probe(&InputFile::new(&path)).and_then(|probe| self.check(&probe)).map_err(reason)?;
            if self.proved.len() < MAX_PROVED {
                self.proved.insert(digest);
            }
        }
        match &mut self.shared {
            Some(shared) => shared.name(&self.base, &found, &path),
            None => Ok(path),
        }
    }
}

impl PictureChecks {
    /// What a cell means that leads nowhere as it is written, or what was most likely meant by it.
    fn look_around(&mut self, cell: &str, joined: &Path, error: io::Error) -> Result<(PathBuf, PathBuf), String> {
        let is_missing = matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory);
        if is_missing && let Some(path) = lost_path::in_other_form(&self.base, cell) {
            let real = fs::canonicalize(&path).map_err(|error| reason(unresolvable(&path, error)))?;
            return Ok((path, real));
        }
        if let Some(cause) = lost_path::not_a_path(cell) {
            return Err(cause);
        }
        let mut text = reason(unresolvable(joined, error));
        if is_missing && self.looked_around < MOST_LOOKED_AROUND {
            self.looked_around += 1;
            let hint = lost_path::nearby(&self.base, cell);
            text.extend(hint.into_iter().flat_map(|hint| ["; ".to_owned(), hint]));
        }
        Err(text)
    }

    /// Whether the picture will do, as it is or made to fit.
    fn check(&mut self, probe: &Probe) -> Result<(), PictureError> {
        probe.check_sides(&self.limits)?;
        if !self.fits_images {
            probe.check_fit(&self.limits)?;
            if let Some(peculiarity) = probe.peculiarity {
                *self.peculiar.entry(peculiarity).or_default() += 1;
            }
            return Ok(());
        }
        if probe.wants_fitting(&self.limits) {
            probe.check_decodable()?;
            self.to_fit += 1;
        }
        Ok(())
    }

    /// An object that will do, or why it cannot be an input.
    pub(super) fn resolve_object(&mut self, url: ObjectUrl) -> Result<ObjectUrl, String> {
        let name = url.to_string();
        let digest = digest(&self.key(&name));
        if self.proved.contains(&digest) {
            return Ok(url);
        }
        self.probed += 1;
        let probe = self.objects.look(&url)?;
        self.check(&probe).map_err(reason)?;
        if self.proved.len() < MAX_PROVED {
            self.proved.insert(digest);
        }
        Ok(url)
    }

    /// Whether a picture in a bucket was named so far.
    pub(super) fn meets_objects(&self) -> bool {
        self.objects.has_met_one()
    }

    /// Looks at the pictures in buckets that the text of the next rows names.
    pub(super) fn look_ahead(&mut self, text: &[u8]) {
        self.objects.look_ahead(text);
    }

    /// Why a bucket cannot be read at all.
    pub(super) fn trouble(&self) -> Option<&str> {
        self.objects.trouble()
    }

    /// Checks that a picture that will do can also be decoded here.
    pub(super) fn check_decodable(&mut self, source: &ImageSource) -> Result<(), String> {
        let path = match source {
            ImageSource::File(path) => self.folder().map_or_else(|| path.clone(), |folder| folder.join(path)),
            ImageSource::Object(url) => return self.objects.look(url)?.check_decodable().map_err(reason),
            ImageSource::Url(_) => return Ok(()),
        };
        let digest = digest(&path.to_string_lossy());
        if self.decodable.contains(&digest) {
            return Ok(());
        }
        self.probed += 1;
        probe(&InputFile::new(&path)).and_then(|probe| probe.check_decodable()).map_err(reason)?;
        if self.decodable.len() < MAX_PROVED {
            self.decodable.insert(digest);
        }
        Ok(())
    }
}

/// Why a path leads nowhere; shows where it was looked for.
fn unresolvable(joined: &Path, source: io::Error) -> PictureError {
    let path = std::path::absolute(joined).unwrap_or_else(|_| joined.to_owned()).display().to_string();
    match source.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => PictureError::NotFound(path),
        _ => PictureError::Unreadable { path, source },
    }
}

fn reason(problem: PictureError) -> String {
    clean_text(&problem.to_string())
}

fn digest(path: &str) -> u128 {
    let digest = Sha256::digest(path.as_bytes());
    digest.iter().take(16).fold(0, |sum, byte| sum << 8 | u128::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picture(folder: &Path, name: &str) {
        image::GrayImage::new(300, 300).save_with_format(folder.join(name), image::ImageFormat::Png).expect("save");
    }

    #[test]
    fn a_file_is_opened_once_however_it_is_spelt_and_however_often_it_is_named() {
        let folder = tempfile::tempdir().expect("tempdir");
        picture(folder.path(), "a.png");
        fs::create_dir(folder.path().join("sub")).expect("create_dir");
        let mut checks = PictureChecks::new();
        checks.enter(folder.path());
        let first = checks.resolve("a.png").expect("fit");
        assert_eq!(first, folder.path().join("a.png").canonicalize().expect("canonicalize"));
        for cell in ["a.png", "./a.png", "sub/../a.png", first.to_str().expect("utf-8")] {
            assert_eq!(checks.resolve(cell).as_ref(), Ok(&first), "{cell}");
        }
        checks.enter(&folder.path().join("sub"));
        assert_eq!(checks.resolve("../a.png"), Ok(first));
        assert_eq!(checks.probed(), 1);
    }

    #[test]
    fn pictures_that_a_model_may_take_wrong_are_counted_once_each_and_made_to_fit_where_that_is_wanted() {
        let folder = tempfile::tempdir().expect("tempdir");
        picture(folder.path(), "plain.png");
        for name in ["one.png", "two.png"] {
            let clear = image::RgbaImage::new(300, 300);
            clear.save_with_format(folder.path().join(name), image::ImageFormat::Png).expect("save");
        }
        let resolved = |fits_images: bool| {
            let mut checks = PictureChecks::new().fitting(fits_images);
            checks.enter(folder.path());
            for cell in ["plain.png", "one.png", "two.png", "./one.png"] {
                checks.resolve(cell).expect("fit");
            }
            (checks.peculiar().clone(), checks.to_fit())
        };
        assert_eq!(resolved(false), (BTreeMap::from([(Peculiarity::Transparent, 2)]), 0));
        assert_eq!(resolved(true), (BTreeMap::new(), 2));
    }

    #[test]
    fn a_cell_means_another_file_in_another_folder() {
        let (one, two) = (tempfile::tempdir().expect("tempdir"), tempfile::tempdir().expect("tempdir"));
        picture(one.path(), "a.png");
        let mut checks = PictureChecks::new();
        checks.enter(one.path());
        assert!(checks.resolve("a.png").is_ok());
        checks.enter(two.path());
        assert!(checks.resolve("a.png").is_err());
    }

    #[test]
    fn the_memory_stays_bounded_and_forgets_without_harm() {
        let folder = tempfile::tempdir().expect("tempdir");
        picture(folder.path(), "a.png");
        let mut checks = PictureChecks::new();
        checks.enter(folder.path());
        assert!(checks.resolve("a.png").is_ok());
        for index in 0..3 * GENERATION_CELLS {
            checks.remember(&index.to_string(), Err(String::new()));
        }
        assert!(checks.young.cells.len() + checks.old.cells.len() <= 2 * GENERATION_CELLS);
        assert!(!checks.young.cells.contains_key("a.png") && !checks.old.cells.contains_key("a.png"));
        assert!(checks.resolve("a.png").is_ok());
        assert_eq!(checks.probed(), 1);
    }
}
