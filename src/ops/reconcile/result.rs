//! What the comparison of a queue with a bill found.

use jiff::Timestamp;

use super::sums::Sums;
use crate::job::{JobId, TaskId};

/// Some tasks, and what was deducted for them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Group {
    pub tasks: u64,
    pub sums: Sums,
}

impl Group {
    pub(super) fn add(&mut self, sums: &Sums) {
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
    /// Tasks not known here for which the provider could not be asked, or not before the end was asked for.
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
