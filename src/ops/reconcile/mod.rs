//! The queue and the bill, compared task by task: what was paid for and is known here, what was paid for and is not, and what was
//! made and is not on the bill. Sums are decimal, so that they are exact.
//!
//! The queue's tasks of an account are held in memory, about 200 bytes each; the bill is read line by line.

mod books;
mod result;
mod sums;

use jiff::{Timestamp, ToSpan};

use self::books::Books;
pub use self::result::{Difference, DifferenceKind, Group, Reconciliation};
pub use self::sums::Sums;
use crate::job::{AccountName, StateName, TaskId};
use crate::provider::{BillPlace, HttpProvider, Ids, PaidFrom, Provider, QueryAnswer, Told, Trouble};
use crate::queue::{OwnTask, QueueError, QueueReads, each_own_task};

/// The bill selects by when the provider says that a task was created, and clocks differ: so much more is asked for.
const CLOCKS_DIFFER_HOURS: i64 = 24;

/// So many tasks that are not known here are looked up, to see whether a job of the queue asked for them.
const MOST_LOOKED_UP: usize = 500;

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
}

/// Compares the queue with the bill of an account, of tasks since a moment; without one, since the queue first asked for a task
/// there, or, where no task has that account's name (it was renamed, or got its name since), anywhere.
///
/// # Errors
/// Those of the queue, and a bill that could not be read to its end.
pub async fn reconcile(
    queue: &dyn QueueReads,
    account: &BilledAccount<'_>,
    since: Option<Timestamp>,
    now: Timestamp,
) -> Result<Reconciliation, ReconcileError> {
    let mut books = Books::opened(since);
    let mut elsewhere = None;
    each_own_task(queue, |task| {
        if task.account.as_ref() == account.name {
            books.enter(task, since);
        } else if task.may_be_billed() {
            elsewhere = Some(elsewhere.map_or(task.claimed_at, |earliest: Timestamp| earliest.min(task.claimed_at)));
        }
    })
    .await?;
    let Some(from) = books.since.or(elsewhere) else { return Ok(Reconciliation::default()) };
    books.since = Some(from);
    let first = BillPlace::First {
        from: from.checked_sub(CLOCKS_DIFFER_HOURS.hours()).unwrap_or(Timestamp::UNIX_EPOCH),
        to: now.checked_add(1.hour()).unwrap_or(now),
    };
    for paid_from in PaidFrom::ALL {
        read_bill(account.provider, paid_from, first.clone(), &mut books).await?;
    }
    let (mut result, unknown) = books.close();
    let (mut orphans, mut looked_up) = (Vec::new(), 0);
    for (id, lines) in unknown {
        let task_id = TaskId(id);
        let kind = match looked_up < MOST_LOOKED_UP {
            true => look_up(queue, account, &task_id).await?,
            false => {
                result.not_looked_up += 1;
                LookedUp::Differs(DifferenceKind::Unknown)
            }
        };
        looked_up += 1;
        let kind = match kind {
            LookedUp::Known(task) => {
                result.asked_for += 1;
                result.compare(*task, &lines);
                continue;
            }
            LookedUp::Differs(kind) => kind,
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

/// What the provider's answer tells about a charged task that is not among those of the account.
enum LookedUp {
    /// The queue has it, under another account's name (the account was renamed since) or since a moment ago.
    Known(Box<OwnTask>),
    Differs(DifferenceKind),
}

/// Whether a job of the queue asked for a task: it carries our name for the request then.
async fn look_up(
    queue: &dyn QueueReads,
    account: &BilledAccount<'_>,
    task_id: &TaskId,
) -> Result<LookedUp, QueueError> {
    let forms = [Some(account.provider as &dyn Provider), account.other_form];
    for form in forms.into_iter().flatten() {
        let QueryAnswer::Told(told) = form.query(Ids::Tasks(std::slice::from_ref(task_id))).await else { continue };
        let Some(Told::Task(report)) = told.into_iter().next() else { continue };
        let Some(name) = report.external_id else { continue };
        let Some(task) = queue.own_task_named(&name).await? else { continue };
        return Ok(match &task.task_id {
            Some(known) if known == task_id => LookedUp::Known(Box::new(task)),
            None if task.state == StateName::InDoubt => LookedUp::Differs(DifferenceKind::Adoptable(task.id)),
            _ => LookedUp::Differs(DifferenceKind::Second(task.id)),
        });
    }
    Ok(LookedUp::Differs(DifferenceKind::Unknown))
}
