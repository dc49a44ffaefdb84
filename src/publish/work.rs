//! The files are made on as many threads as there are cores, and get their names in groups: one flush of the record and of the
//! folders serves many.

use std::sync::Arc;
use std::thread::available_parallelism;

use futures_util::{StreamExt, stream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::ambient;
use crate::picture::Conversion;
use crate::store::{OutputError, Shelf, ShelfReady};

use super::PublishError;
use super::make::{Made, MakeError, Originals, made};
use super::marks::Remark;
use super::outcome::Outcome;
use super::plan::Item;
use super::record::{Entry, RECORD, Record};

/// Files that get their names together, at most.
const GROUP: usize = 64;

/// Files on their way into a bucket beyond those that are being made.
const ON_THE_WAY: usize = 12;

/// In a bucket the record is replaced whole, after this many files. Until then their marks tell whose they are.
const PUT_RECORD_AFTER: usize = 2_000;

/// What the files are made of and where they go.
pub(super) struct Work<'a> {
    pub(super) shelf: &'a Shelf,
    pub(super) originals: &'a Originals,
    pub(super) conversion: Option<&'a Conversion>,
    pub(super) owner: &'a str,
    pub(super) stop: &'a CancellationToken,
}

/// A file that waits for its name.
struct Waiting {
    ready: ShelfReady,
    entry: Entry,
    remarks: Vec<Remark>,
}

/// What keeps an image from being published: its own fault, or the machine's.
enum Hindrance {
    OfImage { job: String, name: String, why: String },
    OfMachine(OutputError),
}

impl Work<'_> {
    /// Writes the items, each with whether it takes the place of a file of ours. `told` is called with how many are done.
    /// What is on its way when it is stopped gets its name.
    pub(super) async fn write(
        &self,
        items: Vec<(Item, bool)>,
        record: &mut Record,
        outcome: &mut Outcome,
        told: &mut dyn FnMut(u64),
    ) -> Result<(), PublishError> {
        let cores = available_parallelism().map_or(2, usize::from);
        let threads = Arc::new(Semaphore::new(cores));
        let at_once = if self.shelf.is_marked() { cores + ON_THE_WAY } else { 2 * cores };
        let broken = CancellationToken::new();
        let goes_on = |_: &(Item, bool)| !self.stop.is_cancelled() && !broken.is_cancelled();
        let made = stream::iter(items.into_iter().take_while(goes_on))
            .map(|(item, replaces)| self.made_ready(item, replaces, Arc::clone(&threads)))
            .buffer_unordered(at_once)
            .ready_chunks(GROUP);
        let mut made = std::pin::pin!(made);
        let (mut failure, mut since_put) = (None, 0);
        while let Some(group) = made.next().await {
            let mut waiting = Vec::new();
            for one in group {
                match one {
                    Ok(one) => waiting.push(one),
                    Err(Hindrance::OfImage { job, name, why }) => outcome.fail(job, name, why),
                    Err(Hindrance::OfMachine(error)) => {
                        broken.cancel();
                        failure = failure.or(Some(error));
                    }
                }
            }
            since_put += waiting.len();
            self.settle(waiting, record, outcome).await?;
            if self.shelf.is_marked() && since_put >= PUT_RECORD_AFTER {
                self.shelf.replace_own(RECORD, record.written(self.owner)).await?;
                since_put = 0;
            }
            told(outcome.written + outcome.failed_count());
        }
        failure.map_or(Ok(()), |error| Err(error.into()))
    }

    async fn made_ready(&self, item: Item, replaces: bool, threads: Arc<Semaphore>) -> Result<Waiting, Hindrance> {
        let (job, image, treatment) = (item.id.to_string(), item.sha256.clone(), item.treatment.clone());
        let name = item.name.clone();
        let made = {
            // Never closed.
            let _thread = threads.acquire().await;
            let (originals, conversion) = (self.originals.clone(), self.conversion.cloned());
            ambient::blocking(move || made(&item, &originals, conversion.as_ref())).await
        };
        let of_image = |why: String| Hindrance::OfImage { job: job.clone(), name: name.clone(), why };
        let Made { mut file, remarks } = match made {
            Ok(Ok(made)) => made,
            Ok(Err(error)) => return Err(hindrance(error, of_image)),
            Err(panic) => return Err(of_image(format!("its image breaks the program: {panic}"))),
        };
        file.replaces = replaces;
        let (sha256, bytes) = (file.sha256.clone(), file.bytes.len() as u64);
        let ready = self.shelf.ready(file).await.map_err(|error| match error {
            error @ (OutputError::InTheWay { .. } | OutputError::LeavesTree(_)) => of_image(error.to_string()),
            error => Hindrance::OfMachine(error),
        })?;
        Ok(Waiting { ready, entry: Entry { name, job, image, treatment, sha256, bytes }, remarks })
    }

    async fn settle(
        &self,
        waiting: Vec<Waiting>,
        record: &mut Record,
        outcome: &mut Outcome,
    ) -> Result<(), PublishError> {
        if waiting.is_empty() {
            return Ok(());
        }
        let (mut ready, mut entries, mut remarks) = (Vec::new(), Vec::new(), Vec::new());
        for one in waiting {
            ready.push(one.ready);
            entries.push(one.entry);
            remarks.push(one.remarks);
        }
        let lines = record.add(entries.clone());
        let settled = self.shelf.settle(ready, RECORD, lines).await?;
        let mut settled = settled.into_iter();
        for ((entry, remarks), settled) in entries.into_iter().zip(remarks).zip(settled.by_ref()) {
            match settled {
                Ok(()) => outcome.wrote(entry.job, remarks),
                Err(OutputError::InTheWay { path, why }) => {
                    let line = record.take_out(&entry.name);
                    let _: Vec<_> = self.shelf.settle(Vec::new(), RECORD, line).await?;
                    outcome.fail(entry.job, entry.name, format!("{} is in the way: {why}", path.display()));
                }
                Err(error) => return Err(error.into()),
            }
        }
        // Folders that could not be flushed.
        settled.collect::<Result<Vec<()>, OutputError>>()?;
        Ok(())
    }
}

/// A bucket that cannot be read is not the image's fault.
fn hindrance(error: MakeError, of_image: impl FnOnce(String) -> Hindrance) -> Hindrance {
    if let MakeError::Picture(problem) = &error
        && let Some(trouble) = crate::store::BucketTrouble::behind(problem)
    {
        let (place, why) = ("an original".to_owned(), trouble.why.clone());
        return Hindrance::OfMachine(OutputError::Away { place, why });
    }
    of_image(error.to_string())
}
