//! Loading manifests: read everything, ask what has to be asked, then write.
//!
//! What is noticed on the way is told to the caller as it is met ([`LoadEvent`]), so that a million bad rows need no memory.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use tokio::sync::mpsc;

use crate::job::{JobId, ObjectUrl};
use crate::manifest::{ColumnNames, ManifestError, ManifestReader, PictureChecks, Reading, Row};
use crate::picture::Peculiarity;
use crate::queue::{
    Enqueued, Keeping, Load, LoadRow, ManifestNames, Opening, QueueError, QueueReads, RejectedRow, Site, TooLate,
};
use crate::settings::{Settings, TextEncoding};
use crate::store::{Folder, FolderChecks, KeyChecks, NameChecks, OutputError};

use super::contents::ContentReader;
use super::equal_pictures;

/// How many rows are handed over at once, and how many portions of them are read ahead.
const ROWS_AT_ONCE: usize = 500;
const PORTIONS_AHEAD: usize = 4;

/// How many names of manifests are looked at together.
const NAMES_AT_ONCE: usize = 100;

/// What is noticed while manifests are read and kept.
#[derive(Debug)]
pub enum LoadEvent<'a> {
    /// Which columns of a manifest count; only told under [`Purpose::Check`].
    Columns { manifest: &'a str, columns: &'a ColumnNames },
    /// What is wrong with a row, in a line that names its file, line and column.
    Problem(String),
    /// This many pictures are made to fit when they are sent.
    ToBeFitted(u64),
    /// Pictures that a model may take wrong, by kind; there is at least one.
    SentAsTheyAre(&'a BTreeMap<Peculiarity, u64>),
}

/// Why nothing was loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// Rows that cannot be taken, and are not to be skipped.
    #[error(
        "{} not right, so nothing was loaded and nothing was spent; \
         mend them, or load the others with --skip-invalid",
        rows_are(*.0)
    )]
    Rejected(u64),
    /// A manifest that cannot be read.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// The output folder cannot be used.
    #[error(transparent)]
    Output(#[from] OutputError),
    /// The queue.
    #[error(transparent)]
    Queue(#[from] QueueError),
    /// The folder of the pictures.
    #[error("--inputs: {}: {why}", .folder.display())]
    Inputs { folder: PathBuf, why: std::io::Error },
    /// The thread that read the manifests did not come to its end.
    #[error(transparent)]
    Thread(#[from] tokio::task::JoinError),
}

fn rows_are(rejected: u64) -> String {
    if rejected == 1 { "1 row is".to_owned() } else { format!("{rejected} rows are") }
}

/// What manifests are read for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// To be loaded.
    Load,
    /// Only to be looked at: the columns that count are told too.
    Check,
}

/// Rows that were read, and how they are to be kept.
#[derive(Debug)]
pub struct ReadRows {
    pub load: Box<dyn Load>,
    /// The folder that the rows' local pictures are relative to, in a queue that several hosts work.
    pub inputs: Option<PathBuf>,
    pub keeping: Keeping,
}

/// Begins a load of the queue at `site`, or for the one that there will be.
///
/// # Errors
/// Those of the queue.
pub async fn begin(site: &dyn Site) -> Result<Box<dyn Load>, QueueError> {
    if !site.exists().await {
        return site.stage().await;
    }
    let queue = site.open(Opening::OrMake).await?;
    refuse_moved(&*queue, site).await?;
    queue.begin_load().await
}

/// Refuses a queue that goes on at another place: what both submit would be paid twice.
///
/// # Errors
/// [`QueueError::Moved`], and those of the queue.
pub async fn refuse_moved(queue: &dyn QueueReads, site: &dyn Site) -> Result<(), QueueError> {
    match queue.moved_to().await? {
        Some(to) => Err(QueueError::Moved { at: site.location(), to }),
        None => Ok(()),
    }
}

/// Reads manifests into a load. All problems are told. Nothing is written to the queue, and nothing
/// that reads or writes it waits meanwhile.
///
/// # Errors
/// A manifest that cannot be read, or rows that cannot be taken and are not to be skipped; and those of the queue.
pub async fn read(
    mut load: Box<dyn Load>,
    manifests: &[PathBuf],
    settings: &Settings,
    out: &Path,
    purpose: Purpose,
    mut tell: impl FnMut(LoadEvent<'_>),
) -> Result<ReadRows, LoadError> {
    let (sender, mut portions) = mpsc::channel(PORTIONS_AHEAD);
    let pictures = PictureChecks::new().fitting(settings.fit_images).sharing_network(settings.provider_shares_network);
    let pictures = pictures.linking(settings.links_local_pictures());
    let pictures = pictures
        .below(settings.inputs.as_deref(), load.is_shared())
        .map_err(|why| LoadError::Inputs { folder: settings.inputs.clone().unwrap_or_default(), why })?;
    let places = ResultPlaces::below(out);
    let mut reading = ManifestReading { how: reading(settings), pictures, places, portions: sender };
    let manifests = manifests.to_vec();
    let reading = tokio::task::spawn_blocking(move || reading.read(&manifests).map(|()| reading.pictures));
    let mut contents = ContentReader::below(settings.inputs.clone());
    while let Some(portion) = portions.recv().await {
        take(&mut *load, portion, &mut contents, purpose, &mut tell).await?;
    }
    let pictures = reading.await??;
    let rejected = load.tally().rejected;
    if rejected > 0 && !settings.skip_invalid {
        return Err(LoadError::Rejected(rejected));
    }
    if pictures.to_fit() > 0 {
        tell(LoadEvent::ToBeFitted(pictures.to_fit()));
    }
    if pictures.peculiar().values().any(|count| *count > 0) {
        tell(LoadEvent::SentAsTheyAre(pictures.peculiar()));
    }
    // A new season's folder may hold what an earlier one held.
    equal_pictures::know_in(&mut *load, settings.inputs.as_deref(), settings.dedupe).await?;
    let keeping =
        Keeping { all_or_nothing: !settings.skip_invalid, fit_images: pictures.to_fit() > 0, ..Keeping::default() };
    Ok(ReadRows { load, inputs: pictures.folder().map(Path::to_owned), keeping })
}

/// Puts what was read into the load, and says what is wrong with it, in the order of the rows.
async fn take(
    load: &mut dyn Load,
    portion: Portion,
    contents: &mut ContentReader,
    purpose: Purpose,
    tell: &mut impl FnMut(LoadEvent<'_>),
) -> Result<(), LoadError> {
    match portion {
        Portion::Manifest { names, columns } => {
            let (manifest, names) = (names.name.clone(), with_former_names(load, names).await?);
            load.begin_manifest(names).await?;
            if purpose == Purpose::Check {
                tell(LoadEvent::Columns { manifest: &manifest, columns: &columns });
            }
        }
        Portion::Rows { rows, problems } => {
            // A folder that was moved, a file that was renamed: the same content is the same picture.
            let elsewhere = load.pictures_to_read(&rows).await?;
            if !elsewhere.is_empty() {
                let contents = contents.read(elsewhere).await;
                load.know_contents(contents).await?;
            }
            let mut not_taken = load.add(rows).await?.into_iter().peekable();
            for (index, problems) in problems.into_iter().enumerate() {
                problems.into_iter().for_each(|problem| tell(LoadEvent::Problem(problem)));
                while let Some(row) = not_taken.next_if(|row| row.shown_by == index) {
                    tell(LoadEvent::Problem(line_of(&row.manifest, &row.row)));
                }
            }
        }
    }
    Ok(())
}

/// Adds the names under which earlier versions knew this manifest: by how it was spelt.
async fn with_former_names(load: &mut dyn Load, mut names: ManifestNames) -> Result<ManifestNames, LoadError> {
    let mut after = String::new();
    loop {
        let page = load.rejected_manifests(&after, NAMES_AT_ONCE).await?;
        let Some(last) = page.last() else { return Ok(names) };
        after.clone_from(last);
        let identity = names.identity.clone();
        let same = move || page.into_iter().filter(|spelt| is_same_file(spelt, &identity)).collect::<Vec<_>>();
        names.former.extend(tokio::task::spawn_blocking(same).await?);
    }
}

/// Writes what was read to the queue.
///
/// # Errors
/// Those of the queue; and rows that a run has submitted with other inputs since they were read.
pub async fn keep(rows: ReadRows, mut tell: impl FnMut(LoadEvent<'_>)) -> Result<Enqueued, LoadError> {
    let ReadRows { load, keeping, .. } = rows;
    let mut tally = load.tally();
    let kept = load.keep(keeping, Timestamp::now()).await?;
    for TooLate { manifest, row, was_new } in &kept.too_late {
        tell(LoadEvent::Problem(line_of(manifest, row)));
        tally.rejected += 1;
        *(if *was_new { &mut tally.added } else { &mut tally.updated }) -= 1;
    }
    if kept.is_kept { Ok(tally) } else { Err(LoadError::Rejected(tally.rejected)) }
}

/// How manifests are read by these settings.
fn reading(settings: &Settings) -> Reading {
    let encoding = settings.encoding.map(TextEncoding::encoding);
    Reading {
        default_model: settings.model.clone(),
        default_keep: settings.keep(),
        no_solutions: settings.no_solutions,
        encoding,
    }
}

/// What the thread that reads manifests hands over: a bounded number of rows at a time.
enum Portion {
    /// The rows that follow are from this manifest.
    Manifest { names: ManifestNames, columns: ColumnNames },
    /// Rows, and what is wrong with each by itself, in lines.
    Rows { rows: Vec<LoadRow>, problems: Vec<Vec<String>> },
}

/// Reads manifests and probes their pictures, on a thread that may wait for both.
struct ManifestReading {
    how: Reading,
    pictures: PictureChecks,
    places: ResultPlaces,
    portions: mpsc::Sender<Portion>,
}

impl ManifestReading {
    /// Reads all manifests, or as far as they are waited for.
    fn read(&mut self, manifests: &[PathBuf]) -> Result<(), ManifestError> {
        for path in manifests {
            let reader = ManifestReader::open(path, &self.how, &mut self.pictures)?;
            let name = reader.name().to_owned();
            let identity = identity_of(path, &name);
            let names = ManifestNames { name: name.clone(), identity, former: Vec::new() };
            let begun = Portion::Manifest { names, columns: reader.columns() };
            if !hand_over(&self.portions, begun) || !read_rows(reader, &name, &mut self.places, &self.portions)? {
                return Ok(());
            }
        }
        Ok(())
    }
}

/// Reads the rows of one manifest; `false` when nobody waits for more of them. Those before an error are handed over.
fn read_rows(
    rows: impl Iterator<Item = Result<Row, ManifestError>>,
    manifest: &str,
    places: &mut ResultPlaces,
    portions: &mpsc::Sender<Portion>,
) -> Result<bool, ManifestError> {
    let (mut read, mut problems) = (Vec::new(), Vec::new());
    let mut outcome = Ok(());
    for row in rows {
        match row {
            Ok(row) => {
                let (row, wrong) = judged(row, manifest, places);
                read.push(row);
                problems.push(wrong);
            }
            Err(error) => {
                outcome = Err(error);
                break;
            }
        }
        if read.len() == ROWS_AT_ONCE {
            let (rows, problems) = (std::mem::take(&mut read), std::mem::take(&mut problems));
            if !hand_over(portions, Portion::Rows { rows, problems }) {
                return Ok(false);
            }
        }
    }
    let is_waited_for = hand_over(portions, Portion::Rows { rows: read, problems });
    outcome.map(|()| is_waited_for)
}

fn hand_over(portions: &mpsc::Sender<Portion>, portion: Portion) -> bool {
    portions.blocking_send(portion).is_ok()
}

/// One row for the load, and what is wrong with it, in lines.
fn judged(row: Row, manifest: &str, places: &mut ResultPlaces) -> (LoadRow, Vec<String>) {
    match row {
        Row::Good(row) => match places.refuse(&row.spec.id) {
            None => (LoadRow::Job { spec: row.spec, line: row.line }, Vec::new()),
            Some(reason) => {
                let rejected = RejectedRow {
                    line: row.line,
                    id: row.spec.id.to_string(),
                    human: row.spec.human.written,
                    cloth: row.spec.cloth.written,
                    column: "id".to_owned(),
                    reason,
                };
                let said = line_of(manifest, &rejected);
                (LoadRow::Rejected(rejected), vec![said])
            }
        },
        Row::Rejected(row) => {
            let said = row.problems.iter().map(ToString::to_string).collect();
            let mut problems = row.problems.into_iter();
            let (column, mut reason) = problems.next().map(|first| (first.column, first.reason)).unwrap_or_default();
            problems.for_each(|problem| reason.push_str(&format!("; {}: {}", problem.column, problem.reason)));
            let rejected =
                RejectedRow { line: row.line, id: row.id, human: row.human, cloth: row.cloth, column, reason };
            (LoadRow::Rejected(rejected), said)
        }
    }
}

/// Where results will be put: which ids cannot be written there is found before anything is paid for.
enum ResultPlaces {
    Folder {
        /// `None` where there is no output folder yet, or none that can be written to: that is an error once something is
        /// to be written.
        folders: Option<FolderChecks>,
        names: NameChecks,
    },
    Bucket(KeyChecks),
}

impl ResultPlaces {
    fn below(out: &Path) -> Self {
        if let Some(Ok(url)) = ObjectUrl::of_path(out) {
            return Self::Bucket(KeyChecks::new(url));
        }
        let folder = Some(out).filter(|out| out.is_dir()).and_then(|out| Folder::create(out).ok());
        Self::Folder { folders: folder.map(FolderChecks::new), names: NameChecks::new(out) }
    }

    /// Why the results of an id cannot be written, completing "id: …".
    fn refuse(&mut self, id: &JobId) -> Option<String> {
        match self {
            Self::Folder { folders, names } => {
                let in_folders = folders.as_mut().and_then(|folders| folders.check(id).err());
                in_folders.map(|error| error.to_string()).or_else(|| names.check(id).err())
            }
            Self::Bucket(keys) => keys.check(id).err(),
        }
    }
}

/// What a manifest is known by in the queue, however it is spelt: a file by its path. Whatever else it is has only its
/// name.
fn identity_of(path: &Path, name: &str) -> String {
    let is_file = path != Path::new("-") && path.is_file();
    let real = is_file.then(|| path.canonicalize().ok()).flatten();
    real.map_or_else(|| name.to_owned(), |path| path.to_string_lossy().into_owned())
}

/// Whether a manifest that an earlier version knew by its spelling is this one.
fn is_same_file(spelt: &str, identity: &str) -> bool {
    Path::new(spelt).canonicalize().is_ok_and(|path| path.to_string_lossy() == identity)
}

fn line_of(manifest: &str, row: &RejectedRow) -> String {
    format!("{manifest}:{}: {}: {}", row.line, row.column, row.reason)
}
