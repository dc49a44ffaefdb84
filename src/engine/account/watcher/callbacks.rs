//! Callbacks: hints that a task has ended, and how far they can be relied on.
//!
//! A callback may be lost, late, repeated or forged, so a question always confirms it. What it saves are the other
//! questions: the more reliably callbacks have come in this run, the longer a task is waited for without asking.
//!
//! Until the first one has come, nothing shows that the address works. One task at a time, the canary, is asked about as
//! though there were no callbacks: if it ends without one, all tasks are, until one comes. So a wrong address costs a few
//! questions and one task's time.

use std::collections::HashSet;

use tokio::sync::mpsc;

use crate::callback::Wake;
use crate::job::TaskId;

/// The last this many ends tell how reliable callbacks are.
const MEMORY: f64 = 200.0;

/// Callbacks that were asked for are believed in from the start, as if this many had come.
const CREDIT: f64 = 100.0;

/// This many hints about tasks that are still watched are remembered.
const MOST_HINTS: usize = 10_000;

/// What has been seen of callbacks in this run.
#[derive(Debug, PartialEq)]
enum Seen {
    /// Nothing yet: this task is asked about in the meantime.
    Nothing { canary: Option<TaskId> },
    /// The canary ended, and no callback has come.
    Silence,
    /// They come.
    Calls,
}

#[derive(Debug)]
pub(crate) struct Callbacks {
    wakes: Option<mpsc::Receiver<Wake>>,
    seen: Seen,
    /// Ends that a callback told first, and that a question found; old ones fade.
    told: f64,
    found: f64,
    /// Tasks that a callback was about, and that have not been found to have ended.
    hinted: HashSet<TaskId>,
}

impl Callbacks {
    pub(crate) fn new(wakes: Option<mpsc::Receiver<Wake>>) -> Self {
        Self { wakes, seen: Seen::Nothing { canary: None }, told: CREDIT, found: 0.0, hinted: HashSet::new() }
    }

    /// The next callback; never, where there are none.
    pub(crate) async fn next(&mut self) -> Option<Wake> {
        let wake = match &mut self.wakes {
            Some(wakes) => wakes.recv().await,
            None => std::future::pending().await,
        };
        if wake.is_none() {
            self.wakes = None;
        }
        wake
    }

    /// Takes in a callback. Returns the task that it says has ended.
    pub(crate) fn heard(&mut self, wake: Wake) -> Option<TaskId> {
        if self.seen != Seen::Calls {
            self.seen = Seen::Calls;
            (self.told, self.found) = (CREDIT, 0.0);
        }
        let task_id = wake.task_id.filter(|_| wake.is_end)?;
        if self.hinted.len() >= MOST_HINTS {
            self.hinted.clear();
        }
        self.hinted.insert(task_id.clone()).then_some(task_id)
    }

    /// Whether a callback has said that a task has ended.
    pub(crate) fn have_told(&self, task_id: &TaskId) -> bool {
        self.hinted.contains(task_id)
    }

    /// A task has ended, as a question has shown.
    pub(crate) fn ended(&mut self, task_id: &TaskId) {
        if self.wakes.is_none() {
            return;
        }
        let was_told = self.hinted.remove(task_id);
        if matches!(&self.seen, Seen::Nothing { canary: Some(canary) } if canary == task_id) {
            tracing::debug!("a task ended and no callback has come; tasks are asked about until one comes");
            self.seen = Seen::Silence;
        }
        let fade = 1.0 - 1.0 / MEMORY;
        self.told = self.told * fade + f64::from(u8::from(was_told));
        self.found = self.found * fade + f64::from(u8::from(!was_told));
    }

    /// How many times its price a question about a task has to be worth. The first task that this is asked for becomes
    /// the canary.
    pub(crate) fn patience_with(&mut self, task_id: &TaskId) -> f64 {
        if let Seen::Nothing { canary } = &mut self.seen
            && canary.get_or_insert_with(|| task_id.clone()) == task_id
        {
            return 1.0;
        }
        self.patience()
    }

    /// A task is not watched any more, whatever became of it.
    pub(crate) fn forget(&mut self, task_id: &TaskId) {
        if let Seen::Nothing { canary } = &mut self.seen
            && canary.as_ref() == Some(task_id)
        {
            *canary = None;
        }
    }

    /// How many times its price a question has to be worth: all the more, the fewer ends go by without a callback.
    pub(crate) fn patience(&self) -> f64 {
        if self.wakes.is_none() || self.seen == Seen::Silence {
            return 1.0;
        }
        let share_untold = (self.found + 1.0) / (self.told + self.found + 2.0);
        1.0 / share_untold
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ended(id: u32) -> Wake {
        Wake { task_id: Some(TaskId(id.to_string())), external_id: None, is_end: true }
    }

    #[test]
    fn without_callbacks_every_question_is_worth_its_price() {
        let mut callbacks = Callbacks::new(None);
        callbacks.ended(&TaskId("1".to_owned()));
        assert_eq!(callbacks.patience(), 1.0);
    }

    #[test]
    fn patience_grows_while_callbacks_come_and_goes_when_they_stay_away() {
        let (_sender, wakes) = mpsc::channel(1);
        let mut callbacks = Callbacks::new(Some(wakes));
        for id in 0..500 {
            assert!(callbacks.heard(ended(id)).is_some());
            callbacks.ended(&TaskId(id.to_string()));
        }
        assert!(callbacks.patience() > 100.0, "{}", callbacks.patience());
        for id in 500..1_500 {
            callbacks.ended(&TaskId(id.to_string()));
        }
        assert!(callbacks.patience() < 1.1, "{}", callbacks.patience());
    }

    #[test]
    fn callbacks_have_credit_and_lose_it_with_the_first_ends_that_they_do_not_tell() {
        let (_sender, wakes) = mpsc::channel(1);
        let mut callbacks = Callbacks::new(Some(wakes));
        assert!(callbacks.heard(ended(1_000)).is_some());
        assert!(callbacks.patience() > 5.0, "{}", callbacks.patience());
        for id in 0..120 {
            callbacks.ended(&TaskId(id.to_string()));
        }
        assert!(callbacks.patience() < 2.0, "{}", callbacks.patience());
    }

    #[test]
    fn until_the_first_callback_one_task_at_a_time_is_asked_about() {
        let task = |id: u32| TaskId(id.to_string());
        let (_sender, wakes) = mpsc::channel(1);
        let mut callbacks = Callbacks::new(Some(wakes));
        assert_eq!(callbacks.patience_with(&task(1)), 1.0, "the canary");
        assert!(callbacks.patience_with(&task(2)) > 5.0);
        callbacks.forget(&task(1));
        assert_eq!(callbacks.patience_with(&task(3)), 1.0, "the canary was not watched any more");
        callbacks.ended(&task(3));
        assert_eq!(callbacks.patience_with(&task(2)), 1.0, "nothing told of its end");
        assert!(callbacks.heard(ended(9)).is_some());
        assert!(callbacks.patience_with(&task(2)) > 5.0, "the first callback gives the credit back");
    }

    #[test]
    fn a_callback_counts_once_and_one_that_tells_no_end_counts_for_nothing() {
        let (_sender, wakes) = mpsc::channel(1);
        let mut callbacks = Callbacks::new(Some(wakes));
        assert_eq!(callbacks.heard(Wake { is_end: false, ..ended(1) }), None);
        assert_eq!(callbacks.heard(ended(1)), Some(TaskId("1".to_owned())));
        assert_eq!(callbacks.heard(ended(1)), None, "it was repeated");
    }
}
