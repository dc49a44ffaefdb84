//! Failures by reason: how many of each, and what one of them said.

use std::borrow::Cow;
use std::collections::HashMap;

use crate::job::{Failure, JobState, StateName, reason_of};
use crate::queue::{QueueError, QueueReads, Selection, each_job};

/// This many different reasons are told apart, which bounds memory whatever providers may say.
const MOST_KEPT: usize = 1_000;

/// Failures by reason.
#[derive(Debug, Default)]
pub struct FailureReasons {
    /// The reasons in the order in which they were first met, so that each has a number that stays.
    reasons: Vec<FailureReason>,
    by_key: HashMap<String, usize>,
    /// Failures whose reason no longer found a place.
    further: u64,
}

/// Failures that have one reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailureReason {
    /// What they have in common; `retry --failed --reason` takes it.
    pub key: String,
    /// What the first of them said.
    pub example: String,
    /// How many there are.
    pub count: u64,
}

impl FailureReason {
    /// What they say: all the same, or such as the first of them.
    #[must_use]
    pub fn said(&self) -> Cow<'_, str> {
        match self.example.strip_prefix(&self.key).and_then(|rest| rest.strip_prefix(": ")) {
            Some(first) if self.count > 1 => format!("{}, such as: {first}", self.key).into(),
            _ => self.example.as_str().into(),
        }
    }
}

impl FailureReasons {
    /// The reasons of all failed jobs in the queue.
    ///
    /// # Errors
    /// Those of the queue.
    pub async fn read(queue: &dyn QueueReads) -> Result<Self, QueueError> {
        let mut reasons = Self::default();
        let failed = Selection::in_states(&[StateName::Failed]);
        each_job(queue, failed, |job| -> Result<(), QueueError> {
            if let JobState::Failed { failure, .. } = &job.state {
                reasons.add(failure);
            }
            Ok(())
        })
        .await?;
        Ok(reasons)
    }

    /// Counts one.
    pub fn add(&mut self, failure: &Failure) {
        self.add_said(&failure.code, &failure.message);
    }

    /// Counts one by its code and message. Returns the number of its reason, in the order in which reasons were
    /// first met; `None` when there are too many to tell apart.
    pub(crate) fn add_said(&mut self, code: &str, message: &str) -> Option<usize> {
        let key = reason_of(code, message);
        if let Some(number) = self.by_key.get(&*key) {
            self.reasons[*number].count += 1;
            return Some(*number);
        }
        if self.reasons.len() == MOST_KEPT {
            self.further += 1;
            return None;
        }
        let number = self.reasons.len();
        let example = format!("{code}: {message}");
        self.by_key.insert(key.clone().into_owned(), number);
        self.reasons.push(FailureReason { key: key.into_owned(), example, count: 1 });
        Some(number)
    }

    /// The `most` most frequent reasons, each with its number; and how many failures have another one.
    #[must_use]
    pub fn top(&self, most: usize) -> (Vec<(usize, &FailureReason)>, u64) {
        let mut all: Vec<_> = self.reasons.iter().enumerate().collect();
        all.sort_by(|(_, a), (_, b)| b.count.cmp(&a.count).then_with(|| a.example.cmp(&b.example)));
        let others = all.iter().skip(most).map(|(_, reason)| reason.count).sum::<u64>() + self.further;
        all.truncate(most);
        (all, others)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::FailureKind;

    #[test]
    fn reasons_without_end_do_not_take_memory_without_end() {
        let mut reasons = FailureReasons::default();
        for number in 0..2_000 {
            reasons.add(&Failure::of(FailureKind::Task, &format!("reason {number}")));
        }
        assert_eq!(reasons.reasons.len(), MOST_KEPT);
        assert_eq!(reasons.top(5).1, 1_995);
    }

    #[test]
    fn failures_are_of_one_reason_when_only_the_file_differs() {
        let mut reasons = FailureReasons::default();
        for number in 0..3 {
            reasons.add(&Failure::of(FailureKind::InvalidInput, &format!("/shop/{number}.jpg: no such file")));
        }
        reasons.add(&Failure::with_code(FailureKind::Refused, Some(1301), "content safety"));
        let (top, others) = reasons.top(5);
        assert_eq!(top[0].1.said(), "invalid_input, such as: /shop/0.jpg: no such file", "three files, one is named");
        assert_eq!(top[1].1.said(), "1301: content safety");
        let told: Vec<_> = top.iter().map(|(_, reason)| (reason.key.as_str(), reason.count)).collect();
        assert_eq!((told, others), (vec![("invalid_input", 3), ("1301: content safety", 1)], 0));
        assert_eq!(top[0].1.example, "invalid_input: /shop/0.jpg: no such file");
    }
}
