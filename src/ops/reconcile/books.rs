//! The queue's tasks of an account, the bill's lines as they come, and what does not agree between them.

use std::collections::{BTreeMap, HashMap};

use jiff::Timestamp;

use super::result::{Difference, DifferenceKind, Reconciliation};
use super::sums::Sums;
use crate::job::{StateName, TaskId};
use crate::provider::{BillLine, PaidFrom};
use crate::queue::{OwnTask, TaskEnd};

/// A charge of a product that has one of these in its name is for a try-on.
const TRY_ON: [&str; 3] = ["try-on", "try_on", "tryon"];

/// A task with the lines that the bill has for it.
#[derive(Debug, Default)]
pub(super) struct Lines {
    pub sums: Sums,
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

    pub(super) fn at(&self) -> Option<Timestamp> {
        self.last.as_ref().and_then(|(_, line)| line.deducted_at)
    }
}

/// The queue's side of one account, and the lines of the bill as they come.
#[derive(Debug, Default)]
pub(super) struct Books {
    /// The moment that was asked for.
    given: Option<Timestamp>,
    /// When the queue first asked this account for a task, and any other one.
    first: Option<Timestamp>,
    first_elsewhere: Option<Timestamp>,
    known: HashMap<TaskId, (OwnTask, Lines)>,
    unknown: BTreeMap<String, Lines>,
    pub result: Reconciliation,
}

impl Books {
    /// Empty books of all that was asked for since a moment; without one, see [`Self::since`].
    pub(super) fn opened(given: Option<Timestamp>) -> Self {
        Self { given, ..Self::default() }
    }

    /// From when on tasks are compared: since the given moment; without one, since the first task that is entered; without that,
    /// since the first one of elsewhere, because the account may have got its name since. `None` where nothing was asked for.
    pub(super) fn since(&self) -> Option<Timestamp> {
        self.given.or(self.first).or(self.first_elsewhere)
    }

    /// A task of another account.
    pub(super) fn enter_elsewhere(&mut self, task: &OwnTask) {
        if task.may_be_billed() {
            self.first_elsewhere = earlier(self.first_elsewhere, task.claimed_at);
        }
    }

    /// A task of this account.
    pub(super) fn enter(&mut self, task: OwnTask) {
        if task.state == StateName::InDoubt && task.task_id.is_none() && task.end == TaskEnd::Open {
            self.result.in_doubt += 1;
        }
        if task.may_be_billed() {
            self.first = earlier(self.first, task.claimed_at);
        }
        if let Some(task_id) = task.task_id.clone() {
            self.known.insert(task_id, (task, Lines::default()));
        }
    }

    pub(super) fn charge(&mut self, from: PaidFrom, line: BillLine) {
        if let Some((_, lines)) = self.known.get_mut(&line.task_id) {
            self.result.repeated += u64::from(!lines.add(from, line));
            return;
        }
        let product = line.product.to_ascii_lowercase();
        if !product.is_empty() && !TRY_ON.iter().any(|name| product.contains(name)) {
            self.result.other_products += 1;
        } else if line.deducted_at.zip(self.since()).is_none_or(|(at, since)| at >= since) {
            let lines = self.unknown.entry(line.task_id.0.clone()).or_default();
            self.result.repeated += u64::from(!lines.add(from, line));
        }
    }

    /// What is known and what is not, once the bill was read.
    pub(super) fn close(self) -> (Reconciliation, BTreeMap<String, Lines>) {
        let since = self.since();
        let Self { known, unknown, mut result, .. } = self;
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

fn earlier(earliest: Option<Timestamp>, at: Timestamp) -> Option<Timestamp> {
    Some(earliest.map_or(at, |earliest| earliest.min(at)))
}

impl Reconciliation {
    pub(super) fn compare(&mut self, task: OwnTask, lines: &Lines) {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::{ExternalTaskId, JobId, JobSeq};

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
            books.enter(task(seq, end, units));
        }
        books.enter(task(5, TaskEnd::Made, Some(0.3)));
        books.enter(task(6, TaskEnd::Made, units));
        books.enter(task(7, TaskEnd::Open, None));
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
        books.enter(OwnTask { paid: Some(0.28), ..task(1, TaskEnd::Made, None) });
        books.enter(OwnTask { paid: Some(0.28), ..task(2, TaskEnd::Made, None) });
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
        let mut books = Books::opened(Some(moment(2)));
        books.enter(task(1, TaskEnd::Made, None));
        books.enter(task(2, TaskEnd::Made, None));
        books.charge(PaidFrom::Package, line("t-2", "1", 40));
        books.charge(PaidFrom::Package, line("early", "1", 1));
        let (result, unknown) = books.close();
        assert_eq!((result.asked_for, result.differences.len(), unknown.len()), (1, 0, 0));
    }

    #[test]
    fn an_account_that_got_its_name_since_is_compared_from_the_first_task_of_before() {
        let mut books = Books::default();
        books.enter_elsewhere(&task(1, TaskEnd::NotCreated, None));
        assert_eq!(books.since(), None, "what was not created is on no bill");
        for seq in [3, 2, 4] {
            books.enter_elsewhere(&task(seq, TaskEnd::Made, None));
        }
        assert_eq!(books.since(), Some(moment(2)));
        books.charge(PaidFrom::Package, line("of the first", "1", 2));
        books.charge(PaidFrom::Package, line("before it", "1", 1));
        books.enter(task(9, TaskEnd::Made, None));
        assert_eq!(books.since(), Some(moment(9)), "its own tasks tell it better");
        let (result, unknown) = books.close();
        assert_eq!((result.since, result.asked_for), (Some(moment(9)), 1));
        assert_eq!(unknown.keys().collect::<Vec<_>>(), ["of the first"]);
    }
}
