//! Pictures in buckets that manifests name: each is looked at once, and those of the next rows beside one another, since
//! each look is a request.

use std::collections::HashMap;
use std::sync::Mutex;

use crate::job::{ObjectUrl, clean_text};
use crate::picture::{PictureError, Probe, probe};
use crate::store::{InputFile, Objects};

/// Looks that are under way at a time.
const AT_ONCE: usize = 16;

/// How many objects are remembered, some 200 bytes each. When there are more, all are forgotten.
const MOST_REMEMBERED: usize = 100_000;

/// Rows after which it is looked ahead again.
const ROWS: u32 = 32;

/// What an object is, or the reason against it.
type Looked = Result<Probe, String>;

/// See the module's page.
#[derive(Debug, Default)]
pub(super) struct ObjectChecks {
    /// `None` until the first object is met.
    objects: Option<Objects>,
    looked: HashMap<ObjectUrl, Looked>,
    rows: u32,
}

impl ObjectChecks {
    /// What the object is.
    pub(super) fn look(&mut self, url: &ObjectUrl) -> Looked {
        if let Some(looked) = self.looked.get(url) {
            return looked.clone();
        }
        let objects = self.objects.get_or_insert_with(Objects::looked_at);
        let looked = looked_at(url, objects);
        self.remember(url.clone(), looked.clone());
        looked
    }

    /// Whether there was one.
    pub(super) fn has_met_one(&self) -> bool {
        self.objects.is_some()
    }

    /// Whether a bucket cannot be read at all.
    pub(super) fn trouble(&self) -> Option<&str> {
        self.objects.as_ref()?.trouble()
    }

    /// Looks at the objects that are named in the text of the rows to come, now and then, once there was one. What is
    /// taken for a name and is none costs a request.
    pub(super) fn look_ahead(&mut self, text: &[u8]) {
        let Some(objects) = self.objects.clone().filter(|objects| objects.trouble().is_none()) else { return };
        self.rows += 1;
        if self.rows % ROWS != 1 {
            return;
        }
        let mut wanted = names_in(text);
        wanted.retain(|url| !self.looked.contains_key(url));
        let (left, looked) = (Mutex::new(wanted), Mutex::new(Vec::new()));
        std::thread::scope(|scope| {
            for _ in 0..AT_ONCE {
                scope.spawn(|| {
                    while let Some(url) = left.lock().ok().and_then(|mut left| left.pop())
                        && objects.trouble().is_none()
                    {
                        let result = looked_at(&url, &objects);
                        if let Ok(mut looked) = looked.lock() {
                            looked.push((url, result));
                        }
                    }
                });
            }
        });
        looked.into_inner().unwrap_or_default().into_iter().for_each(|(url, result)| self.remember(url, result));
    }

    fn remember(&mut self, url: ObjectUrl, looked: Looked) {
        if self.looked.len() >= MOST_REMEMBERED {
            self.looked.clear();
        }
        self.looked.insert(url, looked);
    }
}

fn looked_at(url: &ObjectUrl, objects: &Objects) -> Looked {
    probe(&InputFile::object(url.clone(), objects.clone()))
        .map_err(|problem: PictureError| clean_text(&problem.to_string()))
}

/// The objects' names in a text, each once.
fn names_in(text: &[u8]) -> Vec<ObjectUrl> {
    let mut names: Vec<ObjectUrl> = text
        .split(|byte| matches!(byte, b',' | b';' | b'\t' | b'\n' | b'\r' | b'"'))
        .filter_map(|cell| ObjectUrl::parse(std::str::from_utf8(cell).ok()?.trim())?.ok())
        .filter(|url| !url.key().is_empty())
        .collect();
    names.sort_by_cached_key(ToString::to_string);
    names.dedup();
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_in_the_text_of_rows() {
        let text = b"a,s3://shop/a b.jpg,\"gs://x/y.png\"\nb,s3://shop/a b.jpg,local.jpg\nc,s3://,s3://only-bucket\n";
        let names: Vec<String> = names_in(text).iter().map(ToString::to_string).collect();
        assert_eq!(names, ["gs://x/y.png", "s3://shop/a b.jpg"]);
    }
}
