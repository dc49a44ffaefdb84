//! The list query: one walk over its pages asks for every task in flight at once.
//!
//! A provider may have no list, may have one that does not show our tasks, or one that is out of order. No answer of the
//! list says anything about a job or ends a run; where it is of no use, tasks are asked about one by one.

use std::collections::BTreeSet;
use std::time::Duration;

use tokio::time::Instant;

use crate::engine::account::backoff::Backoff;
use crate::job::TaskId;
use crate::provider::{LARGEST_PAGE, ListAnswer, Meaning, TaskReport, Trouble};

use super::question::Asker;

/// A walk goes no further than this: the newest tasks come first as a rule.
const MOST_PAGES: u32 = 4;

/// The fewest entries that are asked for: the account's other users have tasks in the list too.
const SMALLEST_PAGE: usize = 20;

/// Walks are no closer together than this share of a typical task's time: half of it is how long a slot lies idle.
const GAP: f64 = 0.032;

/// Where many tasks are at work, walks may be closer together than the interval between two questions about one task: a page asks
/// for hundreds, and this is the number of pages that are looked at for each task that ends. Closer than this share of the interval they never are.
const PAGES_A_TASK: f64 = 0.33;
const CLOSEST: f64 = 0.25;

/// A list that showed none of the tasks so often, one walk after the other, is of no use.
const MOST_FRUITLESS: u32 = 2;

/// How long a list that is out of order is left alone.
const REST: Backoff = Backoff { shortest: Duration::from_secs(30), longest: Duration::from_secs(1_800) };

/// How a walk ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WalkEnd {
    /// Every task was seen, or as many pages as are looked at.
    Complete,
    /// The provider has no list.
    NoList,
    /// Something transient.
    Trouble,
    /// No questions are asked any more.
    Stopped,
}

/// A walk that is under way.
#[derive(Debug)]
pub(crate) struct Walk {
    /// When it began.
    pub(crate) begun: Instant,
    /// How many pages were looked at.
    pub(crate) pages: u32,
    /// The tasks that it asks for and that no page has shown yet.
    pub(crate) missing: BTreeSet<TaskId>,
    /// Tasks that are still at work, with when the page was asked for.
    pub(crate) at_work: Vec<(TaskId, Instant)>,
    /// Whether any page has shown any of the tasks.
    pub(crate) was_fruitful: bool,
    size: usize,
    from: Option<String>,
}

/// What a page of a walk brought.
#[derive(Debug)]
pub(crate) struct Page {
    /// When it was asked for.
    pub(crate) at: Instant,
    /// The tasks on it that were asked for.
    pub(crate) seen: Vec<TaskReport>,
    /// How the walk ended, if it did.
    pub(crate) end: Option<WalkEnd>,
    pub(crate) walk: Walk,
}

/// What is known about the provider's list.
#[derive(Debug, Default)]
pub(crate) struct Listing {
    use_it: Use,
    is_open: bool,
    /// The next walk may not be earlier.
    not_before: Option<Instant>,
    /// The next walk is worth making then, whichever task is due.
    due: Option<Instant>,
    troubles: u32,
    /// Whether it has shown tasks of ours.
    has_listed: bool,
    fruitless: u32,
    /// How many pages the last walk looked at.
    pages: u32,
}

#[derive(Debug, Default, PartialEq)]
enum Use {
    #[default]
    Yes,
    /// Not before then.
    Resting(Instant),
    Never,
}

impl Listing {
    /// When the next walk is due for the sake of all tasks together.
    pub(crate) fn due(&self) -> Option<Instant> {
        self.due
    }

    /// The next walk is not planned any more, for example because too few tasks are left for one.
    pub(crate) fn forget_plan(&mut self) {
        self.due = None;
    }

    /// From when on a walk may be made; `None` when one is under way, or none is of use.
    pub(crate) fn walk_at(&self, now: Instant) -> Option<Instant> {
        let is_usable = match self.use_it {
            Use::Yes => true,
            Use::Resting(until) => now >= until,
            Use::Never => false,
        };
        (is_usable && !self.is_open).then(|| self.not_before.unwrap_or(now))
    }

    /// Begins a walk that asks for some tasks.
    pub(crate) fn begin(&mut self, wanted: BTreeSet<TaskId>) -> Walk {
        self.is_open = true;
        self.due = None;
        Walk::for_tasks(wanted)
    }

    /// Takes in how a walk ended, whether it showed any of the tasks, and how many pages it looked at.
    pub(crate) fn note(&mut self, at: Instant, end: WalkEnd, was_fruitful: bool, pages: u32) {
        self.is_open = false;
        self.pages = pages;
        match end {
            WalkEnd::Complete => {
                self.use_it = Use::Yes;
                self.has_listed |= was_fruitful;
                self.troubles = 0;
                self.fruitless = if was_fruitful { 0 } else { self.fruitless + 1 };
                if self.fruitless >= MOST_FRUITLESS {
                    tracing::debug!("the provider's list does not show our tasks; asking one by one");
                    self.use_it = Use::Never;
                }
            }
            // A provider that has listed before has a list; this was one odd answer.
            WalkEnd::NoList if self.has_listed => {
                self.troubles += 1;
                self.use_it = Use::Resting(at + REST.firm(self.troubles));
            }
            WalkEnd::NoList => {
                tracing::debug!("the provider has no list of tasks; asking one by one");
                self.use_it = Use::Never;
            }
            WalkEnd::Trouble => {
                self.troubles += 1;
                self.use_it = Use::Resting(at + REST.firm(self.troubles));
            }
            WalkEnd::Stopped => {}
        }
    }

    /// Plans the next walk: when it is worth it, and not before a while has passed since the last one `begun`: a walk over several
    /// pages takes a while itself. `listed` tasks are at work.
    pub(crate) fn plan(
        &mut self,
        begun: Instant,
        interval: Duration,
        typical: Option<Duration>,
        listed: usize,
        is_worth_it: impl Fn(Instant) -> bool,
    ) {
        let gap = gap(interval, typical, listed, self.pages);
        self.not_before = Some(begun + gap);
        if self.use_it == Use::Yes {
            // Doubling waits find a moment that is at most twice as late as it should be.
            let mut waits = std::iter::successors(Some(gap), |wait| Some(*wait * 2)).take(12);
            self.due = waits.find(|wait| is_worth_it(begun + *wait)).map(|wait| begun + wait);
        }
    }
}

/// The distance that walks keep: the interval, or a share of a task's time; less, where a walk's pages are few beside the tasks that
/// end between two.
fn gap(interval: Duration, typical: Option<Duration>, listed: usize, pages: u32) -> Duration {
    let Some(typical) = typical else { return interval };
    #[expect(clippy::cast_precision_loss, reason = "tasks at work")]
    let cheap = typical.mul_f64(f64::from(pages.max(1)) / (PAGES_A_TASK * listed.max(1) as f64));
    cheap.max(interval.mul_f64(CLOSEST)).min(typical.mul_f64(GAP).max(interval))
}

impl Walk {
    fn for_tasks(wanted: BTreeSet<TaskId>) -> Self {
        Self {
            begun: Instant::now(),
            pages: 0,
            // Tasks that ended while an older one still works are listed before it.
            size: (3 * wanted.len()).clamp(SMALLEST_PAGE, LARGEST_PAGE),
            missing: wanted,
            at_work: Vec::new(),
            was_fruitful: false,
            from: None,
        }
    }

    /// Asks for its next page.
    pub(crate) async fn turn_the_page(mut self, asker: Asker) -> Page {
        let Ok(pass) = asker.pass().await else {
            return Page { at: Instant::now(), seen: Vec::new(), end: Some(WalkEnd::Stopped), walk: self };
        };
        let at = Instant::now();
        self.pages += 1;
        match asker.provider.list(self.from.as_deref(), self.size).await {
            ListAnswer::Page { tasks, next } => {
                pass.worked();
                let seen: Vec<TaskReport> =
                    tasks.into_iter().filter(|task| self.missing.remove(&task.task_id)).collect();
                self.was_fruitful |= !seen.is_empty();
                let is_last = next.is_none() || self.missing.is_empty() || self.pages >= MOST_PAGES;
                self.from = next;
                Page { at, seen, end: is_last.then_some(WalkEnd::Complete), walk: self }
            }
            ListAnswer::Trouble(trouble) => {
                let end = end_of(&trouble);
                // What a provider says that has no list, or not for this key, is no word about queries.
                if end == WalkEnd::Trouble {
                    pass.heed(&trouble);
                }
                Page { at, seen: Vec::new(), end: Some(end), walk: self }
            }
        }
    }
}

fn end_of(trouble: &Trouble) -> WalkEnd {
    match trouble.meaning {
        Meaning::StopRun(_)
        | Meaning::Suspect(_)
        | Meaning::WebPage
        | Meaning::RenewToken
        | Meaning::JobRefused
        | Meaning::UnknownTask => WalkEnd::NoList,
        Meaning::Ok
        | Meaning::SlowDown
        | Meaning::OverCap
        | Meaning::Saturated
        | Meaning::NoChannel
        | Meaning::BackOff(_)
        | Meaning::InDoubt => WalkEnd::Trouble,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_tasks_are_listed_more_often_than_one_is_asked_about_and_few_are_not() {
        let gap = |listed, pages| gap(Duration::from_secs(1), Some(Duration::from_secs(30)), listed, pages).as_millis();
        assert_eq!(gap(10, 1), 1_000);
        assert_eq!(gap(100, 1), 909, "a page for three tasks that end");
        assert_eq!(gap(1_000, 2), 250, "a quarter of the interval");
        assert_eq!(gap(1_000, 4), 363);
        assert_eq!(super::gap(Duration::from_secs(8), Some(Duration::from_secs(30)), 1_000, 3).as_secs(), 2);
    }

    #[test]
    fn a_list_that_has_shown_tasks_is_used_again_after_an_odd_answer_and_one_that_has_not_is_given_up() {
        let now = Instant::now();
        let later = now + REST.longest;
        let mut used = Listing::default();
        used.note(now, WalkEnd::Complete, true, 1);
        used.note(now, WalkEnd::NoList, false, 1);
        assert_eq!(used.walk_at(now), None, "it rests");
        assert!(used.walk_at(later).is_some());
        for end in [WalkEnd::Complete, WalkEnd::NoList] {
            let mut fresh = Listing::default();
            fresh.note(now, end, false, 1);
            fresh.note(now, end, false, 1);
            assert_eq!(fresh.walk_at(later), None, "{end:?}");
        }
    }
}
