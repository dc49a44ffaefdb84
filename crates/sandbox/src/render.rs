//! Makes results when they are asked for, a few at a time and away from the async threads.
//!
//! Nothing is stored: a result follows from its inputs, and those are on disk. What is costly is to decode a
//! large input, so the inputs used last are kept decoded.

use std::sync::{Arc, Mutex, PoisonError};

use image::RgbImage;
use tokio::sync::Semaphore;

use super::composite;
use super::garment::{self, Cutout};
use super::pictures::{Picture, Pictures};
use super::placeholder;

/// How many results are made at once; the machine has other work.
const AT_ONCE: usize = 2;

/// Decoded pictures that are kept. Models are few and come again and again; garments mostly come once.
const HUMANS_KEPT: usize = 12;
const CUTOUTS_KEPT: usize = 8;

/// A result could not be made.
#[derive(Debug, thiserror::Error)]
pub(super) enum RenderError {
    #[error("an input could not be read: {0}")]
    Input(#[from] std::io::Error),
    #[error("the result could not be encoded: {0}")]
    Encode(#[from] image::ImageError),
    #[error("the work was abandoned: {0}")]
    Abandoned(#[from] tokio::task::JoinError),
}

/// Makes results.
#[derive(Debug)]
pub(super) struct Renderer {
    pictures: Pictures,
    long_side_px: u32,
    turns: Semaphore,
    humans: Recent<RgbImage>,
    cutouts: Recent<Vec<Cutout>>,
}

impl Renderer {
    pub(super) fn new(pictures: Pictures, long_side_px: u32) -> Self {
        Self {
            pictures,
            long_side_px: long_side_px.max(64),
            turns: Semaphore::new(AT_ONCE),
            humans: Recent::new(HUMANS_KEPT),
            cutouts: Recent::new(CUTOUTS_KEPT),
        }
    }

    /// The result for two inputs, by the names under which they are kept, as a PNG.
    pub(super) async fn render(self: &Arc<Self>, human: String, cloth: String) -> Result<Vec<u8>, RenderError> {
        let _turn = self.turns.acquire().await.expect("the semaphore is never closed");
        let this = Arc::clone(self);
        tokio::task::spawn_blocking(move || this.make(&human, &cloth)).await?
    }

    fn make(&self, human: &str, cloth: &str) -> Result<Vec<u8>, RenderError> {
        let person = self.humans.get_or_make(human, || {
            let decoded = match self.pictures.read(human)? {
                Picture::Bytes(bytes) => composite::decode(&bytes),
                Picture::Url(_) => None,
            };
            let decoded = decoded.unwrap_or_else(|| placeholder::person(human));
            Ok(composite::fit(&decoded, self.long_side_px).into_rgb8())
        })?;
        let pieces = self.cutouts.get_or_make(cloth, || {
            let decoded = match self.pictures.read(cloth)? {
                Picture::Bytes(bytes) => composite::decode(&bytes),
                Picture::Url(_) => None,
            };
            let decoded = decoded.unwrap_or_else(|| placeholder::shirt(cloth));
            Ok(garment::cut_out(&decoded))
        })?;
        Ok(composite::dress(&person, &pieces)?)
    }
}

/// The values used last, by name.
#[derive(Debug)]
struct Recent<T> {
    capacity: usize,
    /// The one used last is last. Few enough that looking through them is quicker than a map.
    values: Mutex<Vec<(String, Arc<T>)>>,
}

impl<T> Recent<T> {
    fn new(capacity: usize) -> Self {
        Self { capacity, values: Mutex::default() }
    }

    fn get_or_make(
        &self,
        name: &str,
        make: impl FnOnce() -> Result<T, std::io::Error>,
    ) -> Result<Arc<T>, std::io::Error> {
        let known = {
            let mut values = self.values.lock().unwrap_or_else(PoisonError::into_inner);
            let at = values.iter().position(|(known, _)| known == name);
            at.map(|at| {
                let entry = values.remove(at);
                values.push(entry);
                Arc::clone(&values[values.len() - 1].1)
            })
        };
        if let Some(value) = known {
            return Ok(value);
        }
        // Made without the lock: two who want the same at once make it twice, and nobody waits for a stranger's.
        let made = Arc::new(make()?);
        let mut values = self.values.lock().unwrap_or_else(PoisonError::into_inner);
        if values.len() >= self.capacity {
            values.remove(0);
        }
        values.push((name.to_owned(), Arc::clone(&made)));
        Ok(made)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_used_longest_ago_is_forgotten_first() {
        let recent = Recent::new(2);
        let made = std::cell::Cell::new(0);
        let ask = |name| {
            recent
                .get_or_make(name, || {
                    made.set(made.get() + 1);
                    Ok(())
                })
                .expect("made");
        };
        ["a", "b", "a", "c", "a"].into_iter().for_each(ask);
        assert_eq!(made.get(), 3, "`a` was used in between, so `b` made room for `c`");
        ask("b");
        assert_eq!(made.get(), 4);
    }
}
