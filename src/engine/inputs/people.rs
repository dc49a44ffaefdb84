//! What the people of the jobs look like: each result is held against the picture of its person.
//!
//! A person's picture is decoded once and remembered for the hundreds of jobs that share it. One at a time is decoded,
//! which bounds the memory. A picture on the web is not fetched for this.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use crate::job::ImageSource;
use crate::picture::Look;
use crate::store::{InputFile, Objects, Version};

/// This many people are remembered: those seen last, 50 KB each.
const MOST_REMEMBERED: usize = 64;

/// See the module's page.
#[derive(Debug)]
pub(crate) struct People {
    seen: Mutex<Seen>,
    objects: Objects,
    /// Where relative names lead.
    folder: Option<PathBuf>,
}

#[derive(Debug, Default)]
struct Seen {
    by_file: HashMap<InputFile, Person>,
    /// Counts the questions, so that it is known who was asked for last.
    asked: u64,
}

/// A person's picture as it was when it was looked at.
#[derive(Debug)]
struct Person {
    version: Version,
    /// `None` where it cannot be decoded.
    look: Option<Arc<Look>>,
    asked: u64,
}

impl People {
    /// Nobody is known yet. Pictures in buckets are had from `objects`.
    pub(crate) fn new(objects: Objects, folder: Option<PathBuf>) -> Self {
        Self { seen: Mutex::default(), objects, folder }
    }

    /// What a person looks like; `None` where nobody knows. May decode a picture, so it is asked where one may wait.
    pub(crate) fn look(&self, human: &ImageSource) -> Option<Arc<Look>> {
        let file = InputFile::named_by(human, self.folder.as_deref(), &self.objects)?;
        // Held while a picture is decoded: that is the bound on the memory.
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).look(&file)
    }
}

impl Seen {
    fn look(&mut self, file: &InputFile) -> Option<Arc<Look>> {
        self.asked += 1;
        let version = file.version();
        if let Some(person) = self.by_file.get_mut(file).filter(|person| person.version == version) {
            person.asked = self.asked;
            return person.look.clone();
        }
        let look = look_of(file).map(Arc::new);
        self.by_file.insert(file.clone(), Person { version, look: look.clone(), asked: self.asked });
        if self.by_file.len() > MOST_REMEMBERED
            && let Some(oldest) =
                self.by_file.iter().min_by_key(|(_, person)| person.asked).map(|(file, _)| file.clone())
        {
            self.by_file.remove(&oldest);
        }
        look
    }
}

/// Decodes a picture. What goes wrong is no reason to lose a result that was paid for.
fn look_of(file: &InputFile) -> Option<Look> {
    match Look::of_input(file) {
        Ok(look) => Some(look),
        Err(problem) => {
            tracing::debug!(%file, why = %problem, "results are not held against this person's picture");
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::time::{Duration, SystemTime};

    use image::RgbImage;

    use super::*;

    fn draw(path: &Path, grey: u8) {
        RgbImage::from_fn(300, 400, |x, y| image::Rgb([grey, x as u8, y as u8])).save(path).expect("save");
    }

    #[test]
    fn a_person_is_decoded_once_and_again_when_the_file_changes() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("ana.png");
        draw(&path, 10);
        let people = People::new(Objects::looked_at(), None);
        let human = ImageSource::File(path.clone());
        let first = people.look(&human).expect("a look");
        assert!(Arc::ptr_eq(&first, &people.look(&human).expect("a look")));
        draw(&path, 200);
        let later = SystemTime::now() + Duration::from_secs(9);
        std::fs::File::options().append(true).open(&path).and_then(|file| file.set_modified(later)).expect("a time");
        assert_ne!(first, people.look(&human).expect("a look"));
    }

    #[test]
    fn the_people_seen_last_are_remembered_and_no_more_than_a_few() {
        let folder = tempfile::tempdir().expect("a folder");
        let people = People::new(Objects::looked_at(), None);
        let human = |number: usize| ImageSource::File(folder.path().join(format!("{number}.png")));
        draw(&folder.path().join("0.png"), 10);
        let first = people.look(&human(0)).expect("a look");
        for number in 1..MOST_REMEMBERED * 2 {
            assert!(people.look(&human(number)).is_none(), "it is not there");
            assert!(Arc::ptr_eq(&first, &people.look(&human(0)).expect("a look")), "asked for last");
        }
        assert_eq!(people.seen.lock().expect("no panic").by_file.len(), MOST_REMEMBERED);
    }

    #[test]
    fn a_picture_on_the_web_and_one_that_is_none_are_nobody() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("text.png");
        std::fs::write(&path, "no picture").expect("write");
        let people = People::new(Objects::looked_at(), None);
        assert!(people.look(&ImageSource::File(path)).is_none());
        assert!(people.look(&ImageSource::Url("https://shop.example/ana.jpg".to_owned())).is_none());
    }
}
