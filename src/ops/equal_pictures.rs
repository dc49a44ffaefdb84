//! Pictures of the same bytes at several places, found without reading all pictures: only files of one length can be equal.

use std::path::{Path, PathBuf};

use crate::ambient;
use crate::job::{Content, ImageSource};
use crate::queue::{KnownContent, Load, Queue, QueueError};
use crate::store::InputFile;

/// How many pictures are looked at together.
const PICTURES_AT_ONCE: usize = 500;

/// Where pictures of a queue, or of a load, are read and found equal; at most [`PICTURES_AT_ONCE`] at a time.
trait Pictures {
    async fn known(&mut self, after: i64) -> Result<Vec<KnownContent>, QueueError>;
    async fn unread(&mut self, after: i64) -> Result<Vec<(i64, ImageSource)>, QueueError>;
    async fn were_read(&mut self, read: Vec<(i64, Content)>) -> Result<(), QueueError>;
}

impl Pictures for &dyn Queue {
    async fn known(&mut self, after: i64) -> Result<Vec<KnownContent>, QueueError> {
        self.known_contents(after, PICTURES_AT_ONCE).await
    }

    async fn unread(&mut self, after: i64) -> Result<Vec<(i64, ImageSource)>, QueueError> {
        self.unread_pictures(after, PICTURES_AT_ONCE).await
    }

    async fn were_read(&mut self, read: Vec<(i64, Content)>) -> Result<(), QueueError> {
        self.note_contents(read).await
    }
}

impl Pictures for &mut dyn Load {
    async fn known(&mut self, after: i64) -> Result<Vec<KnownContent>, QueueError> {
        self.known_contents(after, PICTURES_AT_ONCE).await
    }

    async fn unread(&mut self, after: i64) -> Result<Vec<(i64, ImageSource)>, QueueError> {
        self.unread_pictures(after, PICTURES_AT_ONCE).await
    }

    async fn were_read(&mut self, read: Vec<(i64, Content)>) -> Result<(), QueueError> {
        self.know_equal(read).await
    }
}

/// Notes in the queue what its pictures are of which that is not known yet, as far as another one has the same length, so that
/// `--dedupe` takes those of the same bytes for one. Only local files are read, in `folder` where their names are relative. A
/// picture that cannot be read is left out.
///
/// # Errors
/// Those of the queue.
pub async fn note_in(mut queue: &dyn Queue, folder: Option<&Path>) -> Result<(), QueueError> {
    let mut lengths = known_lengths(&mut queue).await?;
    add_unread(&mut lengths, &mut queue, folder).await?;
    read_where(|bytes| lengths.are_several(bytes), &mut queue, folder).await
}

/// Has a load know which of its new pictures are the bytes of one that the queue has, wherever they lie now; and which of them are
/// the same, where that is asked for.
///
/// # Errors
/// Those of the queue.
pub(super) async fn know_in(
    mut load: &mut dyn Load,
    folder: Option<&Path>,
    among_themselves: bool,
) -> Result<(), QueueError> {
    let known = known_lengths(&mut load).await?;
    if !among_themselves && known.is_empty() {
        return Ok(());
    }
    let mut lengths = known.clone();
    if among_themselves {
        add_unread(&mut lengths, &mut load, folder).await?;
    }
    read_where(|bytes| known.is_met(bytes) || lengths.are_several(bytes), &mut load, folder).await
}

/// The lengths of what is known.
async fn known_lengths(pictures: &mut impl Pictures) -> Result<Lengths, QueueError> {
    let (mut lengths, mut after) = (Lengths::new(), 0);
    loop {
        let page = pictures.known(after).await?;
        let Some(last) = page.last() else { return Ok(lengths) };
        after = last.picture;
        page.iter().for_each(|known| lengths.add(known.content.bytes));
    }
}

/// Adds the lengths of what was not read yet.
async fn add_unread(
    lengths: &mut Lengths,
    pictures: &mut impl Pictures,
    folder: Option<&Path>,
) -> Result<(), QueueError> {
    let mut after = 0;
    while let Some(files) = page_on_disk(pictures, &mut after, folder).await? {
        files.iter().for_each(|(_, _, bytes)| lengths.add(*bytes));
    }
    Ok(())
}

/// Reads the files of these lengths that were not read yet, and tells what they are.
async fn read_where(
    is_wanted: impl Fn(u64) -> bool,
    pictures: &mut impl Pictures,
    folder: Option<&Path>,
) -> Result<(), QueueError> {
    let mut after = 0;
    while let Some(mut files) = page_on_disk(pictures, &mut after, folder).await? {
        files.retain(|(_, _, bytes)| is_wanted(*bytes));
        if !files.is_empty() {
            pictures.were_read(read(files).await).await?;
        }
    }
    Ok(())
}

/// The next page of pictures that were not read, as far as they are local files; `None` at the end.
async fn page_on_disk(
    pictures: &mut impl Pictures,
    after: &mut i64,
    folder: Option<&Path>,
) -> Result<Option<Vec<(i64, InputFile, u64)>>, QueueError> {
    let page = pictures.unread(*after).await?;
    let Some((last, _)) = page.last() else { return Ok(None) };
    *after = *last;
    Ok(Some(on_disk(page, folder.map(Path::to_owned)).await))
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

    fn is_empty(&self) -> bool {
        self.met.iter().all(|word| *word == 0)
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
