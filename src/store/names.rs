//! Names that the output folder's file system refuses, found before anything is paid for.
//!
//! No list of rules is kept: file systems, their mount options and network shares differ. What is unusual about an id is
//! tried in the folder itself, once for each kind of character and each length.

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use crate::job::{JobId, ObjectUrl};

/// Names up to this length, and paths up to this one, are taken everywhere.
const SHORT_NAME: usize = 100;
const SHORT_PATH: usize = 200;

/// What a result's name has beyond the id, and what the name of its unfinished file may have.
const EXTENSION: &str = ".png";
const UNFINISHED: &str = ".tryon-9223372036854775807-00.part";

/// What was tried, so that nothing is tried twice.
type Tried = HashMap<Trait, Option<String>>;

/// What may be wrong with a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Trait {
    /// It has this ASCII character, which some file systems keep for themselves.
    Has(char),
    /// It has letters beyond ASCII: at most U+FFFF, or beyond.
    HasLetters { is_astral: bool },
    /// It ends in this character.
    EndsIn(char),
    /// It has this many bytes.
    Bytes(usize),
}

/// Looks at ids with the eyes of the file system that their results will be put on.
#[derive(Debug)]
pub struct NameChecks {
    /// The output folder; it need not exist.
    root: PathBuf,
    /// Where names are tried: in the output folder, or where it will be made. Gone with this value. `None` until there is
    /// something to try; then an error means that nothing can be tried.
    place: Option<io::Result<tempfile::TempDir>>,
    tried: Tried,
    create: fn(&Path) -> io::Result<()>,
}

impl NameChecks {
    /// For results below `root`.
    #[must_use]
    pub fn new(root: &Path) -> Self {
        let root = std::path::absolute(root).unwrap_or_else(|_| root.to_owned());
        Self { root, place: None, tried: HashMap::new(), create: |path| File::create_new(path).map(drop) }
    }

    /// Whether the results of an id can be written.
    ///
    /// # Errors
    /// Why not, completing "id: …".
    pub fn check(&mut self, id: &JobId) -> Result<(), String> {
        let text = id.as_str();
        for part in text.split(['/', '\\']) {
            for about in traits_of(part) {
                if let Some(why) = self.try_out(about, part) {
                    return Err(format!("`{text}`: the file system of {} {why}", self.root.display()));
                }
            }
        }
        self.check_path(text)
    }

    /// What the file system says about a trait of a name; `None` where it takes it.
    fn try_out(&mut self, about: Trait, part: &str) -> Option<String> {
        if let Some(known) = self.tried.get(&about) {
            return known.clone();
        }
        let place = self.place.get_or_insert_with(|| {
            let there = self.root.ancestors().find(|folder| folder.is_dir()).unwrap_or(Path::new("."));
            tempfile::Builder::new().prefix(".tryon-names-").tempdir_in(there)
        });
        // Where nothing can be tried, writing results will say why.
        let folder = place.as_ref().ok()?.path();
        let path = folder.join(about.example(part));
        let refusal = match (self.create)(&path) {
            Err(error) if is_about_the_name(&error) => Some(format!("takes no name {} ({error})", about.said())),
            // What it made another name of would not be found again.
            Ok(()) if !is_listed(folder, &path) => Some(format!("changes a name {}", about.said())),
            _ => None,
        };
        let _ = std::fs::remove_file(&path);
        self.tried.insert(about, refusal.clone());
        refusal
    }

    /// Whether the whole path is short enough.
    fn check_path(&self, id: &str) -> Result<(), String> {
        if self.root.as_os_str().len() + id.len() < SHORT_PATH {
            return Ok(());
        }
        let name = self.root.join(format!("{id}{EXTENSION}"));
        let unfinished = name.with_file_name(UNFINISHED);
        for path in [&name, &unfinished] {
            if let Err(error) = std::fs::symlink_metadata(path)
                && error.kind() == io::ErrorKind::InvalidFilename
            {
                let bytes = path.as_os_str().len();
                return Err(format!("`{id}`: its file would have a path of {bytes} bytes, too long here ({error})"));
            }
        }
        Ok(())
    }
}

/// Looks at ids with the eyes of a bucket: a key has a longest length, and nothing else is refused that an id can have.
#[derive(Debug)]
pub struct KeyChecks {
    prefix: ObjectUrl,
}

/// The longest key that all keepers take, in bytes.
const LONGEST_KEY: usize = 1024;

impl KeyChecks {
    /// For results below a prefix.
    #[must_use]
    pub fn new(prefix: ObjectUrl) -> Self {
        Self { prefix }
    }

    /// Whether the results of an id can be written.
    ///
    /// # Errors
    /// Why not, completing "id: …".
    pub fn check(&self, id: &JobId) -> Result<(), String> {
        let bytes = self.prefix.join(id.as_str()).key().len() + EXTENSION.len();
        if bytes <= LONGEST_KEY {
            return Ok(());
        }
        Err(format!("`{id}`: its object would have a name of {bytes} bytes; buckets take at most {LONGEST_KEY}"))
    }
}

/// What is unusual about a name, each with a thing to try.
fn traits_of(part: &str) -> impl Iterator<Item = Trait> + '_ {
    let characters = part.chars().filter_map(|c| match c {
        'a'..='z' | 'A'..='Z' | '0'..='9' | '-' | '_' | '.' | ' ' => None,
        c if c.is_ascii() => Some(Trait::Has(c)),
        c => Some(Trait::HasLetters { is_astral: u32::from(c) > 0xffff }),
    });
    let end = part.chars().next_back().filter(|last| matches!(last, '.' | ' ')).map(Trait::EndsIn);
    let length = (part.len() > SHORT_NAME).then(|| Trait::Bytes(part.len() + EXTENSION.len()));
    characters.chain(end).chain(length)
}

impl Trait {
    /// A name with this trait and no other; `part` has it.
    fn example(self, part: &str) -> String {
        match self {
            Self::Has(c) => format!("a{c}a{EXTENSION}"),
            Self::HasLetters { is_astral } => {
                let letter = part.chars().find(|c| !c.is_ascii() && (u32::from(*c) > 0xffff) == is_astral);
                format!("a{}a{EXTENSION}", letter.unwrap_or('é'))
            }
            // Only a folder ends so; a file has its extension behind.
            Self::EndsIn(c) => format!("a{c}"),
            Self::Bytes(bytes) => "a".repeat(bytes),
        }
    }

    fn said(self) -> String {
        match self {
            Self::Has(c) => format!("with `{c}`"),
            Self::HasLetters { is_astral: true } => "with characters beyond U+FFFF".to_owned(),
            Self::HasLetters { is_astral: false } => "with letters beyond ASCII".to_owned(),
            Self::EndsIn(' ') => "that ends in a space".to_owned(),
            Self::EndsIn(c) => format!("that ends in `{c}`"),
            Self::Bytes(bytes) => format!("of {bytes} bytes"),
        }
    }
}

/// Whether a folder shows a file under the name under which it was made.
fn is_listed(folder: &Path, path: &Path) -> bool {
    let Ok(mut entries) = std::fs::read_dir(folder) else { return true };
    entries.any(|entry| entry.is_ok_and(|entry| Some(entry.file_name().as_os_str()) == path.file_name()))
}

/// Whether an error is about one name, and not about the machine.
pub(super) fn is_about_the_name(error: &io::Error) -> bool {
    use io::ErrorKind::{InvalidFilename, InvalidInput, IsADirectory, NotADirectory};
    matches!(error.kind(), InvalidFilename | InvalidInput | IsADirectory | NotADirectory)
        || (cfg!(unix) && error.raw_os_error().is_some_and(|number| NAME_ERRORS.contains(&number)))
}

/// EILSEQ, a name that is no text of the file system's encoding, and ELOOP, too many links on the way.
#[cfg(any(target_os = "linux", target_os = "android"))]
const NAME_ERRORS: [i32; 2] = [84, 40];
#[cfg(target_vendor = "apple")]
const NAME_ERRORS: [i32; 2] = [92, 62];
#[cfg(not(any(target_os = "linux", target_os = "android", target_vendor = "apple")))]
const NAME_ERRORS: [i32; 0] = [];

#[cfg(test)]
mod tests {
    use super::*;

    fn id(text: &str) -> JobId {
        JobId::parse(text).expect(text)
    }

    /// A file system as exFAT is: some characters, and no name over 120 bytes.
    fn picky(path: &Path) -> io::Result<()> {
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        if name.contains(['?', '*', ':', '"', '<', '>', '|']) {
            return Err(io::Error::from_raw_os_error(22));
        }
        if name.len() > 120 {
            return Err(io::Error::from_raw_os_error(36));
        }
        // It drops what it does not like at the end of a name.
        File::create_new(path.with_file_name(name.trim_end_matches(['.', ' ']))).map(drop)
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn what_the_file_system_refuses_is_found_by_trying_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut checks = NameChecks { create: picky, ..NameChecks::new(&folder.path().join("not/made/yet")) };
        assert_eq!(checks.check(&id("SKU-38")), Ok(()));
        assert_eq!(checks.check(&id("女装/001, (b) & 'c' 👗")), Ok(()));
        assert!(checks.check(&id("a/SKU-38?")).expect_err("refused").contains("takes no name with `?`"));
        assert!(checks.check(&id(&format!("{}/b", "a".repeat(130)))).expect_err("refused").contains("of 134 bytes"));
        assert!(checks.check(&id("dot./b")).expect_err("refused").contains("changes a name that ends in `.`"));
        drop(checks);
        assert_eq!(std::fs::read_dir(folder.path()).expect("a folder").count(), 0, "nothing is left behind");
    }

    #[test]
    fn a_character_is_tried_once_however_many_ids_have_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut checks = NameChecks::new(folder.path());
        for number in 0..1_000 {
            assert_eq!(checks.check(&id(&format!("女装/{number}+é"))), Ok(()));
        }
        assert_eq!(checks.tried.len(), 2, "{:?}", checks.tried);
    }

    #[cfg(unix)]
    #[test]
    fn a_path_that_is_too_long_is_found_though_each_of_its_names_is_short() {
        let folder = tempfile::tempdir().expect("a folder");
        let deep = vec!["abcdefghi"; 450].join("/");
        let error = NameChecks::new(folder.path()).check(&id(&deep)).expect_err("over PATH_MAX");
        assert!(error.contains("too long here"), "{error}");
        assert_eq!(NameChecks::new(folder.path()).check(&id(&deep[..1_999])), Ok(()));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn errors_about_a_name_are_told_from_those_of_the_machine() {
        for (number, is_name) in [
            (22, true),   // EINVAL
            (36, true),   // ENAMETOOLONG
            (84, true),   // EILSEQ
            (20, true),   // ENOTDIR
            (40, true),   // ELOOP
            (21, true),   // EISDIR
            (28, false),  // ENOSPC
            (5, false),   // EIO
            (30, false),  // EROFS
            (122, false), // EDQUOT
            (13, false),  // EACCES
            (24, false),  // EMFILE
        ] {
            assert_eq!(is_about_the_name(&io::Error::from_raw_os_error(number)), is_name, "{number}");
        }
    }
}
