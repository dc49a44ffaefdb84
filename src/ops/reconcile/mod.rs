//! The queue and the bill, compared task by task: what was paid for and is known here, what was paid for and is not, and what was
//! made and is not on the bill. Sums are decimal, so that they are exact.
//!
//! The queue's tasks of an account are held in memory, about 200 bytes each; the bill is read line by line.

mod asker;
mod books;
mod look_up;
mod result;
mod sums;

use futures_util::{StreamExt, stream};
use jiff::{Timestamp, ToSpan};
use tokio_util::sync::CancellationToken;

use self::books::Books;
use self::look_up::{AT_ONCE, LookUps, LookedUp};
pub use self::result::{Difference, DifferenceKind, Group, Reconciliation};
pub use self::sums::Sums;
use crate::job::{AccountName, TaskId};
use crate::provider::{BillPlace, HttpProvider, PaidFrom, Provider, Trouble};
use crate::queue::{QueueError, QueueReads, each_own_task};

/// The bill selects by when the provider says that a task was created, and clocks differ: so much more is asked for.
const CLOCKS_DIFFER_HOURS: i64 = 24;

/// More pages than this are no bill of an account.
const MOST_PAGES: usize = 100_000;

/// What is asked, and for which of the queue's tasks.
#[derive(Debug)]
pub struct BilledAccount<'a> {
    /// `None` is the one account of a run without names.
    pub name: Option<&'a AccountName>,
    pub provider: &'a HttpProvider,
    /// The account in the other form of the API, where it is open in it.
    pub other_form: Option<&'a dyn Provider>,
    /// Questions a second, at most, where a rate is given.
    pub poll_rate: Option<f64>,
}

impl BilledAccount<'_> {
    fn forms(&self) -> impl Iterator<Item = &dyn Provider> {
        [Some(self.provider as &dyn Provider), self.other_form].into_iter().flatten()
    }
}

/// How far the tasks are looked up that are not known here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    pub done: usize,
    pub of: usize,
}

/// Why a bill could not be compared.
#[derive(Debug, thiserror::Error)]
pub enum ReconcileError {
    #[error(transparent)]
    Queue(#[from] QueueError),
    #[error("the bill could not be read: {}", .0.sentence())]
    Bill(Box<Trouble>),
    #[error("the bill does not end: more than {MOST_PAGES} pages")]
    Endless,
    #[error("interrupted before the bill was read to its end; nothing was changed")]
    Interrupted,
}

/// Compares the queue with the bill of an account, of tasks since a moment; without one, since the queue first asked for a task
/// there, or, where no task has that account's name (it was renamed, or got its name since), anywhere.
///
/// Charged tasks that are not known here are looked up at the provider, which takes a while where there are many: `told` hears how
/// far it is. When `stop` is cancelled meanwhile, the others are counted in [`Reconciliation::not_looked_up`].
///
/// # Errors
/// Those of the queue, and a bill that could not be read to its end.
pub async fn reconcile(
    queue: &dyn QueueReads,
    account: &BilledAccount<'_>,
    (since, now): (Option<Timestamp>, Timestamp),
    stop: &CancellationToken,
    told: &mut dyn FnMut(Progress),
) -> Result<Reconciliation, ReconcileError> {
    let mut books = Books::opened(since);
    each_own_task(queue, |task| {
        if task.account.as_ref() == account.name {
            books.enter(task);
        } else {
            books.enter_elsewhere(&task);
        }
    })
    .await?;
    let Some(since) = books.since() else { return Ok(Reconciliation::default()) };
    let first = BillPlace::First {
        from: since.checked_sub(CLOCKS_DIFFER_HOURS.hours()).unwrap_or(Timestamp::UNIX_EPOCH),
        to: now.checked_add(1.hour()).unwrap_or(now),
    };
    for paid_from in PaidFrom::ALL {
        let read = read_bill(account.provider, paid_from, first.clone(), &mut books);
        stop.run_until_cancelled(read).await.unwrap_or(Err(ReconcileError::Interrupted))?;
    }
    let (mut result, unknown) = books.close();
    let mut look_ups = LookUps::new(queue, account, stop);
    look_ups.read_lists(&unknown, result.known.tasks + unknown.len() as u64, told).await;
    let (look_ups, of) = (&look_ups, unknown.len());
    let mut looked_up = stream::iter(unknown.into_iter().enumerate())
        .map(async |(place, (id, lines))| {
            let task_id = TaskId(id);
            (place, look_ups.look_up(&task_id).await, task_id, lines)
        })
        .buffered(AT_ONCE);
    let mut orphans = Vec::new();
    while let Some((place, found, task_id, lines)) = looked_up.next().await {
        told(Progress { done: place + 1, of });
        let kind = match found? {
            LookedUp::Known(task) => {
                result.asked_for += 1;
                result.compare(*task, &lines);
                continue;
            }
            LookedUp::Differs(kind) => kind,
            LookedUp::NotAsked => {
                result.not_looked_up += 1;
                DifferenceKind::Unknown
            }
        };
        result.unknown.add(&lines.sums);
        orphans.push(Difference { task_id, charged_at: lines.at(), charged: lines.sums, kind });
    }
    orphans.append(&mut result.differences);
    result.differences = orphans;
    Ok(result)
}

async fn read_bill(
    provider: &HttpProvider,
    paid_from: PaidFrom,
    first: BillPlace,
    books: &mut Books,
) -> Result<(), ReconcileError> {
    let mut place = first;
    for _ in 0..MOST_PAGES {
        let page = provider.bill(paid_from, &place).await.map_err(|trouble| ReconcileError::Bill(Box::new(trouble)))?;
        books.result.unreadable += page.unreadable as u64;
        for line in page.lines {
            books.charge(paid_from, line);
        }
        match page.next {
            Some(next) if next != place => place = next,
            _ => return Ok(()),
        }
    }
    Err(ReconcileError::Endless)
}
