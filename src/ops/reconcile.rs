//! The queue and the bill, compared task by task: what was paid for and is known here, what was paid for and is not, and what was
//! made and is not on the bill. Sums are decimal, so that they are exact.
//!
//! The queue's tasks of an account are held in memory, about 200 bytes each; the bill is read line by line.

use std::collections::{BTreeMap, HashMap};
use std::ops::AddAssign;

use jiff::{Timestamp, ToSpan};
use rust_decimal::Decimal;

use crate::job::{AccountName, JobId, StateName, TaskId};
use crate::provider::{BillLine, BillPlace, HttpProvider, Ids, PaidFrom, Provider, QueryAnswer, Told, Trouble};
use crate::queue::{OwnTask, QueueError, QueueReads, TaskEnd, each_own_task};

/// The bill selects by when the provider says that a task was created, and clocks differ: so much more is asked for.
const CLOCKS_DIFFER_HOURS: i64 = 24;

/// So many tasks that are not known here are looked up, to see whether a job of the queue asked for them.
const MOST_LOOKED_UP: usize = 500;

/// More pages than this are no bill of an account.
const MOST_PAGES: usize = 100_000;

/// A charge of a product that has one of these in its name is for a try-on.
const TRY_ON: [&str; 3] = ["try-on", "try_on", "tryon"];

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

/// Amounts of a bill: units of packages, and money by currency.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sums {
    pub units: Decimal,
    /// By currency; an empty name is one that the provider does not tell.
    pub money: BTreeMap<String, Decimal>,
}

impl Sums {
    fn of(from: PaidFrom, line: &BillLine) -> Self {
        match from {
            PaidFrom::Package => Self { units: line.amount, money: BTreeMap::new() },
            PaidFrom::Balance => {
                let currency = line.currency.clone().unwrap_or_default();
                Self { units: Decimal::ZERO, money: BTreeMap::from([(currency, line.amount)]) }
            }
        }
    }

    /// What a task's own answers told.
    fn told(task: &OwnTask) -> Option<Self> {
        if task.units.is_none() && task.paid.is_none() {
            return None;
        }
        let money = task.paid.map(|paid| (String::new(), decimal(paid)));
        Some(Self { units: task.units.map_or(Decimal::ZERO, decimal), money: money.into_iter().collect() })
    }

    /// Whether they are the same, whatever the money is called.
    fn agrees(&self, other: &Self) -> bool {
        let money = |sums: &Self| sums.money.values().copied().sum::<Decimal>();
        self.units == other.units && money(self) == money(other)
    }

    /// Whether nothing was deducted.
    #[must_use]
    pub fn is_zero(&self) -> bool {
        self.units.is_zero() && self.money.values().all(Decimal::is_zero)
    }
}

impl AddAssign<&Self> for Sums {
    fn add_assign(&mut self, other: &Self) {
        self.units += other.units;
        for (currency, amount) in &other.money {
            *self.money.entry(currency.clone()).or_default() += *amount;
        }
    }
}

/// A number of an answer as it was written there: the shortest text that reads as it.
fn decimal(number: f64) -> Decimal {
    number.to_string().parse().unwrap_or_default()
}

/// Some tasks, and what was deducted for them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Group {
    pub tasks: u64,
    pub sums: Sums,
}

impl Group {
    fn add(&mut self, sums: &Sums) {
        self.tasks += 1;
        self.sums += sums;
    }
}

/// What does not agree about one task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    pub task_id: TaskId,
    /// What was deducted; zero where there is no line.
    pub charged: Sums,
    pub charged_at: Option<Timestamp>,
    pub kind: DifferenceKind,
}

/// In which way a task's charge and the queue disagree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DifferenceKind {
    /// Charged, and no job of this queue is known to have asked for it.
    Unknown,
    /// Charged, and it carries the name of a submission whose job is in doubt: it can be adopted.
    Adoptable(JobId),
    /// Charged, and it carries the name of a submission that became another task here: the request was made twice.
    Second(JobId),
    /// Charged, and it made no image.
    Failure(JobId),
    /// More than one deduction for one task.
    Twice(JobId),
    /// Another amount than the task's own answers told.
    OtherAmount(JobId, Sums),
    /// It made an image, and the bill has no line for it.
    NotCharged(JobId, Option<Timestamp>),
}

/// How the queue and the bill of one account compare.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reconciliation {
    pub since: Option<Timestamp>,
    /// Tasks that the queue asked for and knows by the provider's name.
    pub asked_for: u64,
    /// Submissions whose fate is not known.
    pub in_doubt: u64,
    /// Charged, and known here.
    pub known: Group,
    /// Charged, and not known here.
    pub unknown: Group,
    /// Failed tasks that were not charged, as it should be.
    pub failed_free: u64,
    /// Tasks that are still at work, or may be, and are not charged yet.
    pub open: u64,
    /// What the tasks' own answers told of those that are charged and known.
    pub told: Sums,
    /// Charges for other products of the account, not compared.
    pub other_products: u64,
    /// Lines that name no task or no amount.
    pub unreadable: u64,
    /// The same line once more, not counted again.
    pub repeated: u64,
    /// Tasks not known here that were too many to be looked up.
    pub not_looked_up: u64,
    /// In the order: charged and unknown, then the queue's, in manifest order.
    pub differences: Vec<Difference>,
}

impl Reconciliation {
    /// All that was deducted for try-on.
    #[must_use]
    pub fn total(&self) -> Group {
        let mut total = self.known.clone();
        total.tasks += self.unknown.tasks;
        total.sums += &self.unknown.sums;
        total
    }
}

/// A task with the lines that the bill has for it.
#[derive(Debug, Default)]
struct Lines {
    sums: Sums,
    count: u32,
    last: Option<(PaidFrom, BillLine)>,
}

impl Lines {
    /// Takes in a line; returns whether it was another one than the last.
    fn add(&mut self, from: PaidFrom, line: BillLine) -> bool {
        if self.last.as_ref().is_some_and(|(before, last)| *before == from && *last == line) {
            return false;
        }
        self.sums += &Sums::of(from, &line);
        self.count += 1;
        self.last = Some((from, line));
        true
    }

    fn at(&self) -> Option<Timestamp> {
        self.last.as_ref().and_then(|(_, line)| line.deducted_at)
    }
}

/// The queue's side of one account, and the lines of the bill as they come.
#[derive(Debug, Default)]
struct Books {
    since: Option<Timestamp>,
    known: HashMap<TaskId, (OwnTask, Lines)>,
    unknown: BTreeMap<String, Lines>,
    result: Reconciliation,
}

impl Books {
    fn enter(&mut self, task: OwnTask, since: Option<Timestamp>) {
        if task.state == StateName::InDoubt && task.task_id.is_none() && task.end == TaskEnd::Open {
            self.result.in_doubt += 1;
        }
        // Only what may have been created can be on a bill.
        if since.is_none() && task.end != TaskEnd::NotCreated {
            self.since = Some(self.since.map_or(task.claimed_at, |earliest| earliest.min(task.claimed_at)));
        }
        if let Some(task_id) = task.task_id.clone() {
            self.known.insert(task_id, (task, Lines::default()));
        }
    }

    fn charge(&mut self, from: PaidFrom, line: BillLine) {
        if let Some((_, lines)) = self.known.get_mut(&line.task_id) {
            self.result.repeated += u64::from(!lines.add(from, line));
            return;
        }
        let product = line.product.to_ascii_lowercase();
        if !product.is_empty() && !TRY_ON.iter().any(|name| product.contains(name)) {
            self.result.other_products += 1;
        } else if line.deducted_at.zip(self.since).is_none_or(|(at, since)| at >= since) {
            let lines = self.unknown.entry(line.task_id.0.clone()).or_default();
            self.result.repeated += u64::from(!lines.add(from, line));
        }
    }

    /// What is known and what is not, once the bill was read.
    fn close(self) -> (Reconciliation, BTreeMap<String, Lines>) {
        let Self { since, known, unknown, mut result } = self;
        result.since = since;
        let mut known: Vec<(OwnTask, Lines)> = known.into_values().collect();
        known.sort_by_key(|(task, _)| (task.seq, task.attempt));
        for (task, lines) in known {
            let is_of_the_time = since.is_none_or(|since| task.claimed_at >= since);
            if is_of_the_time || lines.count > 0 {
                result.asked_for += 1;
                result.compare(task, &lines);
            }
        }
        (result, unknown)
    }
}

impl Reconciliation {
    fn compare(&mut self, task: OwnTask, lines: &Lines) {
        let Some(task_id) = task.task_id.clone() else { return };
        let mut differ = |kind| {
            self.differences.push(Difference {
                task_id: task_id.clone(),
                charged: lines.sums.clone(),
                charged_at: lines.at(),
                kind,
            });
        };
        if lines.count == 0 || lines.sums.is_zero() {
            match task.end {
                TaskEnd::Made if Sums::told(&task).is_none_or(|told| !told.is_zero()) => {
                    differ(DifferenceKind::NotCharged(task.id, task.ended_at));
                }
                TaskEnd::Made => {}
                TaskEnd::Failed | TaskEnd::NotCreated => self.failed_free += 1,
                TaskEnd::Open => self.open += 1,
            }
            return;
        }
        let told = Sums::told(&task);
        if lines.count > 1 {
            differ(DifferenceKind::Twice(task.id.clone()));
        } else if let Some(told) = told.as_ref().filter(|told| !told.agrees(&lines.sums)) {
            differ(DifferenceKind::OtherAmount(task.id.clone(), told.clone()));
        }
        if matches!(task.end, TaskEnd::Failed | TaskEnd::NotCreated) {
            differ(DifferenceKind::Failure(task.id));
        }
        self.known.add(&lines.sums);
        if let Some(told) = told {
            self.told += &told;
        }
    }
}

/// Compares the queue with the bill of an account, of tasks since a moment; without one, since the queue first asked for a task
/// there.
///
/// # Errors
/// Those of the queue, and a bill that could not be read to its end.
pub async fn reconcile(
    queue: &dyn QueueReads,
    account: &BilledAccount<'_>,
    since: Option<Timestamp>,
    now: Timestamp,
) -> Result<Reconciliation, ReconcileError> {
    let mut books = Books { since, ..Books::default() };
    each_own_task(queue, |task| {
        if task.account.as_ref() == account.name {
            books.enter(task, since);
        }
    })
    .await?;
    let Some(from) = books.since else { return Ok(Reconciliation::default()) };
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::{ExternalTaskId, JobSeq};

    fn moment(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_780_000_000 + seconds).expect("a moment")
    }

    fn task(seq: i64, end: TaskEnd, units: Option<f64>) -> OwnTask {
        OwnTask {
            seq: JobSeq(seq),
            attempt: 1,
            id: JobId::trusted(format!("job {seq}")),
            state: StateName::Succeeded,
            external_id: ExternalTaskId(format!("x-{seq}")),
            task_id: Some(TaskId(format!("t-{seq}"))),
            account: None,
            claimed_at: moment(seq),
            end,
            ended_at: Some(moment(seq + 30)),
            units,
            paid: None,
        }
    }

    fn line(task: &str, amount: &str, at: i64) -> BillLine {
        BillLine {
            task_id: TaskId(task.to_owned()),
            product: "try-on".to_owned(),
            model: String::new(),
            amount: amount.parse().expect("an amount"),
            currency: None,
            deducted_at: Some(moment(at)),
        }
    }

    #[test]
    fn every_way_to_disagree_is_named_and_the_sums_are_exact() {
        let mut books = Books::default();
        let units = Some(0.1);
        for (seq, end) in [(1, TaskEnd::Made), (2, TaskEnd::Made), (3, TaskEnd::Failed), (4, TaskEnd::Failed)] {
            books.enter(task(seq, end, units), None);
        }
        books.enter(task(5, TaskEnd::Made, Some(0.3)), None);
        books.enter(task(6, TaskEnd::Made, units), None);
        books.enter(task(7, TaskEnd::Open, None), None);
        for (id, at) in [("t-1", 40), ("t-3", 41), ("t-5", 42), ("t-6", 43), ("t-6", 44), ("orphan", 45)] {
            books.charge(PaidFrom::Package, line(id, "0.1", at));
        }
        // The same line on the next page once more, another product, and one from before the queue asked for anything.
        books.charge(PaidFrom::Package, line("orphan", "0.1", 45));
        books.charge(PaidFrom::Package, BillLine { product: "video".to_owned(), ..line("film", "5", 46) });
        books.charge(PaidFrom::Package, line("yesterday", "7", -86_400));
        let (result, unknown) = books.close();
        let kinds: Vec<&DifferenceKind> = result.differences.iter().map(|difference| &difference.kind).collect();
        let job = |seq: i64| JobId::trusted(format!("job {seq}"));
        let told = Sums { units: "0.3".parse().expect("an amount"), ..Sums::default() };
        assert_eq!(
            kinds,
            [
                &DifferenceKind::NotCharged(job(2), Some(moment(32))),
                &DifferenceKind::Failure(job(3)),
                &DifferenceKind::OtherAmount(job(5), told),
                &DifferenceKind::Twice(job(6)),
            ]
        );
        assert_eq!((result.asked_for, result.failed_free, result.open), (7, 1, 1));
        assert_eq!((result.known.tasks, result.known.sums.units.to_string()), (4, "0.5".to_owned()));
        assert_eq!((result.repeated, result.other_products), (1, 1));
        assert_eq!(unknown.keys().collect::<Vec<_>>(), ["orphan"]);
        assert_eq!(result.since, Some(moment(1)));
    }

    #[test]
    fn money_is_summed_by_currency_and_compared_with_what_was_told() {
        let mut books = Books::default();
        books.enter(OwnTask { paid: Some(0.28), ..task(1, TaskEnd::Made, None) }, None);
        books.enter(OwnTask { paid: Some(0.28), ..task(2, TaskEnd::Made, None) }, None);
        for (id, amount) in [("t-1", "0.28"), ("t-2", "0.35")] {
            let line = BillLine { currency: Some("USD".to_owned()), ..line(id, amount, 50) };
            books.charge(PaidFrom::Balance, line);
        }
        let (result, _) = books.close();
        assert_eq!(result.known.sums.money["USD"].to_string(), "0.63");
        assert!(matches!(&result.differences[..], [Difference { kind: DifferenceKind::OtherAmount(job, _), .. }]
                         if job.as_str() == "job 2"));
    }

    #[test]
    fn a_given_day_counts_what_was_asked_for_since_and_no_charge_of_before() {
        let mut books = Books { since: Some(moment(2)), ..Books::default() };
        books.enter(task(1, TaskEnd::Made, None), books.since);
        books.enter(task(2, TaskEnd::Made, None), books.since);
        books.charge(PaidFrom::Package, line("t-2", "1", 40));
        books.charge(PaidFrom::Package, line("early", "1", 1));
        let (result, unknown) = books.close();
        assert_eq!((result.asked_for, result.differences.len(), unknown.len()), (1, 0, 0));
    }
}
