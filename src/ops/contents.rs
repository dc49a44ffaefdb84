//! Pictures by their content: which are what they were, which have changed since their images were made.

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use crate::ambient;
use crate::job::{Content, ImageSource, JobSeq};
use crate::queue::{KnownContent, Load, MadeFrom, Queue, QueueError};
use crate::store::InputFile;

/// How many pictures, and how many results, are looked at together.
const PICTURES_AT_ONCE: usize = 500;
const RESULTS_AT_ONCE: usize = 5_000;

/// How many pictures' contents are kept at hand while rows are read. Beyond it they are read again.
const MOST_AT_HAND: usize = 10_000;

/// How many changed pictures are named.
const MOST_NAMED: usize = 3;

/// Reads pictures, each once for all the rows that share it.
#[derive(Debug)]
pub(super) struct ContentReader {
    /// Where relative names lead.
    folder: Option<PathBuf>,
    /// `None` where a picture is no local file, or cannot be read.
    at_hand: HashMap<ImageSource, Option<Content>>,
}

impl ContentReader {
    pub(super) fn below(folder: Option<PathBuf>) -> Self {
        Self { folder, at_hand: HashMap::new() }
    }

    /// What these pictures are, as far as they are local files.
    pub(super) async fn read(&mut self, sources: Vec<ImageSource>) -> Vec<(ImageSource, Content)> {
        let unread: Vec<ImageSource> =
            sources.iter().filter(|source| !self.at_hand.contains_key(source)).cloned().collect();
        if self.at_hand.len() + unread.len() > MOST_AT_HAND {
            self.at_hand.clear();
        }
        let folder = self.folder.clone();
        let read = ambient::blocking(move || {
            let content = |source: &ImageSource| InputFile::local(source, folder.as_deref())?.content().ok();
            unread.into_iter().map(|source| (content(&source), source)).collect::<Vec<_>>()
        });
        for (content, source) in read.await.unwrap_or_default() {
            self.at_hand.insert(source, content);
        }
        let known = |source: ImageSource| Some((self.at_hand.get(&source)?.clone()?, source));
        sources.into_iter().filter_map(known).map(|(content, source)| (source, content)).collect()
    }
}

/// Whose pictures are looked at.
#[derive(Debug)]
pub enum Looked<'a> {
    /// A queue's; what was read is noted there, so that it need not be read the next time.
    Queue(&'a dyn Queue),
    /// Those of the queue that a load is compared with; nothing is noted.
    Load(&'a mut dyn Load),
}

impl Looked<'_> {
    async fn known_contents(&mut self, after: i64) -> Result<Vec<KnownContent>, QueueError> {
        match self {
            Self::Queue(queue) => queue.known_contents(after, PICTURES_AT_ONCE).await,
            Self::Load(load) => load.known_contents(after, PICTURES_AT_ONCE).await,
        }
    }

    async fn made_from(&mut self, after: JobSeq) -> Result<Vec<MadeFrom>, QueueError> {
        match self {
            Self::Queue(queue) => queue.made_from(after, RESULTS_AT_ONCE).await,
            Self::Load(load) => load.made_from(after, RESULTS_AT_ONCE).await,
        }
    }

    async fn note_seen(&mut self, seen: Vec<(i64, Option<i64>)>) -> Result<(), QueueError> {
        match self {
            Self::Queue(queue) if !seen.is_empty() => queue.note_seen(seen).await,
            _ => Ok(()),
        }
    }
}

/// Results whose pictures have changed since they were made.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Changed {
    /// How many pictures have changed.
    pub pictures: usize,
    /// The first of them; a few.
    pub named: Vec<String>,
    /// The jobs whose results were made of what these were before.
    pub jobs: Vec<JobSeq>,
    /// Pictures in buckets, which were not looked at: that would be a request for each.
    pub not_looked_at: u64,
}

/// What pictures are now that have been something else for some result, by their numbers.
type Stale = HashMap<i64, (String, String)>;

/// Looks which pictures have changed since results were made of them. A file of the length and time that it had then is not
/// read. A picture of which nothing is known, or that is not there, has not changed.
///
/// # Errors
/// Those of the queue.
pub async fn find_changed(mut looked: Looked<'_>, folder: Option<&Path>) -> Result<Changed, QueueError> {
    let (mut found, mut stale, mut after) = (Changed::default(), Stale::new(), 0);
    loop {
        let page = looked.known_contents(after).await?;
        let Some(last) = page.last() else { break };
        after = last.picture;
        let folder = folder.map(Path::to_owned);
        let looks = ambient::blocking(move || look_at(&page, folder.as_deref())).await;
        let looks = looks.unwrap_or_default();
        stale.extend(looks.stale);
        found.not_looked_at += looks.not_looked_at;
        looked.note_seen(looks.seen).await?;
    }
    if !stale.is_empty() {
        find_results(&mut looked, &stale, &mut found).await?;
    }
    Ok(found)
}

/// The results that were made of what pictures were before.
async fn find_results(looked: &mut Looked<'_>, stale: &Stale, found: &mut Changed) -> Result<(), QueueError> {
    let (mut after, mut pictures) = (JobSeq(0), BTreeSet::new());
    loop {
        let page = looked.made_from(after).await?;
        let Some(last) = page.last() else { break };
        after = last.seq;
        for made in &page {
            let differs = |(picture, sha256): &&(i64, String)| stale.get(picture).is_some_and(|(now, _)| now != sha256);
            let differing: Vec<i64> = made.pictures.iter().filter(differs).map(|(picture, _)| *picture).collect();
            pictures.extend(&differing);
            if !differing.is_empty() {
                found.jobs.push(made.seq);
            }
        }
    }
    found.pictures = pictures.len();
    found.named = pictures.iter().take(MOST_NAMED).filter_map(|picture| Some(stale.get(picture)?.1.clone())).collect();
    Ok(())
}

/// What a look at a page of pictures has shown.
#[derive(Debug, Default)]
struct Looks {
    stale: Stale,
    /// What was read and is what it was, with the time that it shows now.
    seen: Vec<(i64, Option<i64>)>,
    not_looked_at: u64,
}

fn look_at(page: &[KnownContent], folder: Option<&Path>) -> Looks {
    let mut looks = Looks::default();
    for known in page.chunk_by(|one, next| one.picture == next.picture) {
        let Some(first) = known.first() else { continue };
        let Some(file) = InputFile::local(&first.source, folder) else {
            looks.not_looked_at += u64::from(matches!(first.source, ImageSource::Object(_)));
            continue;
        };
        let Some(now) = present(&file, known, &mut looks.seen) else { continue };
        if known.iter().any(|known| known.content.sha256 != now) {
            looks.stale.insert(first.picture, (now, first.source.to_string()));
        }
    }
    looks
}

/// What a picture is now, by its sha256; `None` where it cannot be read.
fn present(file: &InputFile, known: &[KnownContent], seen: &mut Vec<(i64, Option<i64>)>) -> Option<String> {
    let stamp = file.stamp().ok()??;
    if let Some(unchanged) = known.iter().find(|known| stamp.is_of(&known.content)) {
        return Some(unchanged.content.sha256.clone());
    }
    let now = file.content().ok()?;
    let same = known.iter().filter(|known| known.content.sha256 == now.sha256);
    seen.extend(same.map(|known| (known.number, now.modified)));
    Some(now.sha256)
}
