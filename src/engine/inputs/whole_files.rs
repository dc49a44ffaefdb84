//! Which of the files that are sent byte for byte were decoded to their last line: a damaged one fails its jobs before
//! anything is spent.
//!
//! Each file is decoded once for all the jobs that share it, and again when it changes. Different files are decoded
//! beside one another; [`crate::picture`] bounds the memory that this takes.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use crate::job::Content;
use crate::picture::check_whole;

use super::request_pictures::Input;

/// How many files one generation holds. Twice as many are remembered at most, some hundred bytes each.
const GENERATION_FILES: usize = 8192;

/// See the module's page.
#[derive(Debug, Default)]
pub(super) struct WholeFiles {
    checks: Mutex<Checks>,
}

/// What is known of a file. Whoever else needs it waits while it is found out.
#[derive(Debug, Default)]
struct Known {
    /// Set when it was decoded.
    whole: OnceLock<Result<(), String>>,
    /// Set when it was read through; `None` where it could not be.
    content: OnceLock<Option<Content>>,
}

type Check = Arc<Known>;

/// Those used since the last generation began, and those of the generation before.
#[derive(Debug, Default)]
struct Checks {
    recent: HashMap<Input, Check>,
    older: HashMap<Input, Check>,
}

impl WholeFiles {
    /// Whether the file had to be decoded just now. Takes as long as that, so it belongs on a thread that may wait.
    ///
    /// # Errors
    /// What is wrong with the file, and where it is.
    pub(super) fn check(&self, source: &Input) -> Result<bool, String> {
        let check = self.checks().of(source);
        let was_known = check.whole.get().is_some();
        let mut is_lasting = true;
        let result = check.whole.get_or_init(|| {
            check_whole(&source.file, &source.probe).map_err(|problem| {
                is_lasting = !problem.is_about_the_place();
                problem.at(&source.file)
            })
        });
        if !is_lasting {
            self.checks().forget(source);
        }
        result.clone().map(|()| !was_known)
    }

    /// What a file is, if it can be read. Takes as long as reading it the first time, so it belongs on a thread that may
    /// wait.
    pub(super) fn content(&self, source: &Input) -> Option<Content> {
        let known = self.checks().of(source);
        known.content.get_or_init(|| source.file.content().ok()).clone()
    }

    fn checks(&self) -> std::sync::MutexGuard<'_, Checks> {
        self.checks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Checks {
    fn of(&mut self, source: &Input) -> Check {
        if let Some(check) = self.recent.get(source) {
            return Arc::clone(check);
        }
        let check = self.older.remove(source).unwrap_or_default();
        if self.recent.len() >= GENERATION_FILES {
            self.older = std::mem::take(&mut self.recent);
        }
        self.recent.insert(source.clone(), Arc::clone(&check));
        check
    }

    fn forget(&mut self, source: &Input) {
        self.recent.remove(source);
        self.older.remove(source);
    }
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};
    use std::time::{Duration, SystemTime};

    use image::RgbImage;

    use crate::picture::{PictureFormat, Probe, probe};
    use crate::store::InputFile;

    use super::*;

    fn source(path: &Path) -> Input {
        let file = InputFile::new(path);
        Input { probe: probe(&file).expect("a picture"), version: file.version(), file }
    }

    fn picture(folder: &Path) -> PathBuf {
        let path = folder.join("shirt.png");
        RgbImage::from_fn(300, 400, |x, y| image::Rgb([x as u8, y as u8, 9])).save(&path).expect("a picture");
        path
    }

    #[test]
    fn a_file_is_decoded_once_whatever_happens_to_its_bytes_and_again_when_its_time_tells() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = picture(folder.path());
        let files = WholeFiles::default();
        let as_it_was = source(&path);
        assert_eq!(files.check(&as_it_was), Ok(true));
        let mut bytes = std::fs::read(&path).expect("read");
        let middle = bytes.len() / 2;
        bytes[middle] ^= 0x55;
        std::fs::write(&path, bytes).expect("written");
        assert_eq!(files.check(&as_it_was), Ok(false), "remembered");
        let later = SystemTime::now() + Duration::from_secs(9);
        std::fs::File::options().append(true).open(&path).and_then(|file| file.set_modified(later)).expect("a time");
        for _ in 0..2 {
            let problem = files.check(&source(&path)).expect_err("damaged");
            assert!(
                problem.contains("its pixels cannot be decoded; open it") && problem.contains("shirt.png"),
                "{problem}"
            );
        }
    }

    #[test]
    fn many_jobs_that_want_a_file_at_once_have_it_decoded_once() {
        let folder = tempfile::tempdir().expect("a folder");
        let source = source(&picture(folder.path()));
        let files = WholeFiles::default();
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| files.check(&source).expect("whole"));
            }
        });
        assert_eq!(files.checks().recent.len(), 1);
        assert_eq!(files.check(&source), Ok(false));
    }

    #[test]
    fn a_bounded_number_is_remembered_and_what_is_used_again_stays() {
        let mut checks = Checks::default();
        let numbered = |number: usize| Input {
            file: InputFile::new(Path::new(&number.to_string())),
            probe: Probe::of(PictureFormat::Png, (300, 300), 1),
            version: InputFile::new(Path::new("never")).version(),
        };
        let first = checks.of(&numbered(0));
        for number in 1..GENERATION_FILES * 3 {
            checks.of(&numbered(number));
            assert!(Arc::ptr_eq(&first, &checks.of(&numbered(0))), "used all the time");
        }
        assert!(checks.recent.len() + checks.older.len() <= 2 * GENERATION_FILES);
    }

    #[test]
    fn a_file_that_could_not_be_read_is_tried_again() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = picture(folder.path());
        let (files, source) = (WholeFiles::default(), source(&path));
        let aside = folder.path().join("aside.png");
        std::fs::rename(&path, &aside).expect("moved");
        assert!(files.check(&source).is_err());
        std::fs::rename(&aside, &path).expect("moved back");
        assert_eq!(files.check(&source), Ok(true));
    }
}
