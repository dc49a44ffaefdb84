//! Pictures of the same bytes at several places, found without reading all pictures: only files of one length can be equal.

use std::path::{Path, PathBuf};

use crate::ambient;
use crate::job::{Content, ImageSource};
use crate::queue::{KnownContent, Load, Queue, QueueError};
use crate::store::InputFile;

/// How many pictures are looked at together.
const PICTURES_AT_ONCE: usize = 500;

/// Notes in the queue what its pictures are of which that is not known yet, as far as another one has the same length, so that
/// `--dedupe` takes those of the same bytes for one. Only local files are read, in `folder` where their names are relative. A
/// picture that cannot be read is left out.
///
/// # Errors
/// Those of the queue.
pub async fn note_in(queue: &dyn Queue, folder: Option<&Path>) -> Result<(), QueueError> {
    let (mut lengths, mut after) = (Lengths::new(), 0);
    while let Some(last) = lengths.add_known(&queue.known_contents(after, PICTURES_AT_ONCE).await?) {
        after = last;
    }
    after = 0;
    loop {
        let page = queue.unread_pictures(after, PICTURES_AT_ONCE).await?;
        let Some((last, _)) = page.last() else { break };
        after = *last;
        let files = on_disk(page, folder.map(Path::to_owned)).await;
        files.iter().for_each(|(_, _, bytes)| lengths.add(*bytes));
    }
    after = 0;
    loop {
        let page = queue.unread_pictures(after, PICTURES_AT_ONCE).await?;
        let Some((last, _)) = page.last() else { return Ok(()) };
        after = *last;
        let mut files = on_disk(page, folder.map(Path::to_owned)).await;
        files.retain(|(_, _, bytes)| lengths.are_several(*bytes));
        if !files.is_empty() {
            queue.note_contents(read(files).await).await?;
        }
    }
}

/// Has a load know which of its new pictures are the bytes of one that the queue has, wherever they lie now; and which of them are
/// the same, where that is asked for.
///
/// # Errors
/// Those of the queue.
pub(super) async fn know_in(
    load: &mut dyn Load,
    folder: Option<&Path>,
    among_themselves: bool,
) -> Result<(), QueueError> {
    let (mut lengths, mut after) = (Lengths::new(), 0);
    while let Some(last) = lengths.add_known(&load.known_contents(after, PICTURES_AT_ONCE).await?) {
        after = last;
    }
    if after == 0 && !among_themselves {
        return Ok(());
    }
    let known = lengths.clone();
    after = 0;
    while among_themselves {
        let page = load.unread_pictures(after, PICTURES_AT_ONCE).await?;
        let Some((last, _)) = page.last() else { break };
        after = *last;
        let files = on_disk(page, folder.map(Path::to_owned)).await;
        files.iter().for_each(|(_, _, bytes)| lengths.add(*bytes));
    }
    after = 0;
    loop {
        let page = load.unread_pictures(after, PICTURES_AT_ONCE).await?;
        let Some((last, _)) = page.last() else { return Ok(()) };
        after = *last;
        let mut files = on_disk(page, folder.map(Path::to_owned)).await;
        files.retain(|(_, _, bytes)| known.is_met(*bytes) || lengths.are_several(*bytes));
        if !files.is_empty() {
            load.know_equal(read(files).await).await?;
        }
    }
}

/// What files are that can be read.
async fn read(files: Vec<(i64, InputFile, u64)>) -> Vec<(i64, Content)> {
    let read =
        move || files.into_iter().filter_map(|(picture, file, _)| Some((picture, file.content().ok()?))).collect();
    ambient::blocking(read).await.unwrap_or_default()
}

/// The pictures that are local files, each with its length.
async fn on_disk(page: Vec<(i64, ImageSource)>, folder: Option<PathBuf>) -> Vec<(i64, InputFile, u64)> {
    let look = move || {
        let files = page.into_iter().filter_map(|(picture, source)| {
            let file = InputFile::local(&source, folder.as_deref())?;
            let bytes = file.stamp().ok()??.bytes();
            Some((picture, file, bytes))
        });
        files.collect()
    };
    ambient::blocking(look).await.unwrap_or_default()
}

/// Which lengths of files have been met, and which of them several times. Lengths that are the same modulo
/// [`Lengths::DIFFERENT`] count as one, so that memory is bounded; that costs the reading of a file now and then.
#[derive(Clone)]
struct Lengths {
    met: Vec<u64>,
    met_again: Vec<u64>,
}

impl Lengths {
    const DIFFERENT: u64 = 1 << 24;

    fn new() -> Self {
        let words = usize::try_from(Self::DIFFERENT / 64).unwrap_or_default();
        Self { met: vec![0; words], met_again: vec![0; words] }
    }

    /// The word and the bit of a length.
    fn place(bytes: u64) -> (usize, u64) {
        let number = bytes % Self::DIFFERENT;
        (usize::try_from(number / 64).unwrap_or_default(), 1 << (number % 64))
    }

    fn add(&mut self, bytes: u64) {
        let (word, bit) = Self::place(bytes);
        self.met_again[word] |= self.met[word] & bit;
        self.met[word] |= bit;
    }

    /// Adds a page of what is known; returns the picture behind which it goes on.
    fn add_known(&mut self, page: &[KnownContent]) -> Option<i64> {
        page.iter().for_each(|known| self.add(known.content.bytes));
        page.last().map(|known| known.picture)
    }

    fn is_met(&self, bytes: u64) -> bool {
        let (word, bit) = Self::place(bytes);
        self.met[word] & bit != 0
    }

    fn are_several(&self, bytes: u64) -> bool {
        let (word, bit) = Self::place(bytes);
        self.met_again[word] & bit != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_is_met_several_times_from_the_second_on() {
        let mut lengths = Lengths::new();
        for bytes in [0, 5, 64, Lengths::DIFFERENT - 1, 5] {
            lengths.add(bytes);
        }
        assert!(lengths.are_several(5));
        for bytes in [0, 64, Lengths::DIFFERENT - 1, 6] {
            assert!(!lengths.are_several(bytes) && lengths.is_met(bytes) == (bytes != 6), "{bytes}");
        }
        lengths.add(Lengths::DIFFERENT);
        assert!(lengths.are_several(0), "read once too often, and not missed");
    }
}
