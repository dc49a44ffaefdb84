//! Refusals in a row: when the provider refuses one job after the other with the same code and accepts none in between,
//! that is about a setting (the model, the address, what the key may do) and not about the rows.
//!
//! At most [`MOST_REFUSED`] jobs are refused before that is noticed, whatever the number of creates on their way. Where several
//! hosts work one queue, that is so over all of them: the queue has the row ([`RefusedAlike`]), and its claims keep to the bound.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::job::JobSeq;
use crate::queue::{MOST_REFUSED, RefusedAlike};

/// This many jobs refused alike, with none accepted in between, end the run …
const ROW: usize = 20;

/// … and this number does where nothing was accepted in this run: then it is hardly about the rows.
const FIRST_ROW: usize = 8;

/// Refusals for the content of the pictures (platform policy, content safety) are about the rows, however many come.
const ABOUT_CONTENT: [&str; 2] = ["1300", "1301"];

/// See the module's page.
#[derive(Debug, Default)]
pub(crate) struct Refusals {
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct State {
    /// What the jobs of the row were refused with.
    code: String,
    row: Vec<RefusedJob>,
    /// Creates on their way.
    open: usize,
    has_accepted: bool,
    /// Whether the run ends over the refusals.
    is_over: bool,
    /// Whether nobody has to wait here any more.
    lets_all_go: bool,
}

/// A job that was refused, in an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RefusedJob {
    pub(crate) seq: JobSeq,
    pub(crate) attempt: u32,
}

/// A create on its way; over when dropped.
#[derive(Debug)]
pub(crate) struct OpenCreate(Arc<Refusals>);

impl Refusals {
    /// Waits until one more create may be on its way, should all of them be refused. When the run ends over the refusals
    /// the wait ends too, and the gate turns the create away.
    pub(crate) async fn open(self: &Arc<Self>) -> OpenCreate {
        loop {
            // Registered before the look, so that a change in between is not missed.
            let changed = self.changed.notified();
            {
                let mut state = self.locked();
                if state.lets_all_go || state.open + state.row.len() < MOST_REFUSED as usize {
                    state.open += 1;
                    return OpenCreate(Arc::clone(self));
                }
            }
            changed.await;
        }
    }

    /// The provider has accepted a job: what it refused before was about those jobs.
    pub(crate) fn accepted(&self) {
        {
            let mut state = self.locked();
            state.has_accepted = true;
            state.row.clear();
        }
        self.changed.notify_waiters();
    }

    /// The provider refuses a job with `code`. Returns the jobs whose refusal is to be withdrawn, because the run ends
    /// over it; none while that is not so. `over_all` is the row of all hosts, where there are several.
    pub(crate) fn refused(&self, code: &str, refused: RefusedJob, over_all: RefusedAlike) -> Vec<RefusedJob> {
        let mut state = self.locked();
        if state.code != code {
            code.clone_into(&mut state.code);
            state.row.clear();
        }
        if !state.row.iter().any(|before| before.seq == refused.seq) {
            state.row.push(refused);
        }
        if state.is_over {
            // The others were put back before.
            return vec![refused];
        }
        state.has_accepted |= over_all.has_accepted;
        if state.row.len().max(over_all.jobs as usize) < state.longest_row() {
            return Vec::new();
        }
        state.is_over = true;
        state.row.clone()
    }

    /// No host may submit anything, because `in_a_row` jobs were refused alike. Returns this run's among them where it ends over
    /// that; `None` where creates on their way may yet be accepted.
    pub(crate) fn refused_elsewhere(&self, in_a_row: u32) -> Option<Vec<RefusedJob>> {
        let mut state = self.locked();
        if (in_a_row as usize) < state.longest_row() {
            return None;
        }
        let is_news = !std::mem::replace(&mut state.is_over, true);
        Some(if is_news { state.row.clone() } else { Vec::new() })
    }

    /// The gate lets no create pass any more, so nobody has to wait here.
    pub(crate) fn let_all_go(&self) {
        self.locked().lets_all_go = true;
        self.changed.notify_waiters();
    }

    fn locked(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// How many jobs refused with the present code end the run.
    fn longest_row(&self) -> usize {
        if self.has_accepted || ABOUT_CONTENT.contains(&self.code.as_str()) { ROW } else { FIRST_ROW }
    }
}

impl Drop for OpenCreate {
    fn drop(&mut self) {
        self.0.locked().open -= 1;
        self.0.changed.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn job(seq: usize) -> RefusedJob {
        RefusedJob { seq: JobSeq(i64::try_from(seq).expect("a number")), attempt: 1 }
    }

    async fn opens(refusals: &Arc<Refusals>) -> Option<OpenCreate> {
        tokio::time::timeout(Duration::from_millis(1), refusals.open()).await.ok()
    }

    #[tokio::test(start_paused = true)]
    async fn as_many_creates_are_on_their_way_as_may_be_refused_and_the_end_of_the_run_lets_all_go() {
        let refusals = Arc::new(Refusals::default());
        let mut on_their_way = Vec::new();
        for _ in 0..=MOST_REFUSED as usize {
            on_their_way.extend(opens(&refusals).await);
        }
        assert_eq!(on_their_way.len(), MOST_REFUSED as usize);
        for (seq, open) in on_their_way.into_iter().enumerate() {
            refusals.refused("1201", job(seq), RefusedAlike::default());
            drop(open);
        }
        assert!(opens(&refusals).await.is_none(), "as many were refused as may be");
        refusals.let_all_go();
        assert!(opens(&refusals).await.is_some(), "the feeder must not wait here for ever");
    }

    /// Refuses jobs from number `from` on with `code`, until the run ends over it. Returns how many there were.
    fn refuse_from(refusals: &Refusals, from: usize, code: &str) -> usize {
        (1..=MOST_REFUSED as usize)
            .find(|nth| !refusals.refused(code, job(from + nth), RefusedAlike::default()).is_empty())
            .expect("the run ends before so many are refused")
    }

    #[test]
    fn the_jobs_of_a_row_are_withdrawn_together_and_each_later_one_by_itself() {
        let refusals = Refusals::default();
        for seq in 1..FIRST_ROW {
            assert_eq!(refusals.refused("1201", job(seq), RefusedAlike::default()), []);
        }
        assert_eq!(refusals.refused("1201", job(FIRST_ROW), RefusedAlike::default()).len(), FIRST_ROW);
        assert_eq!(refusals.refused("1201", job(FIRST_ROW + 1), RefusedAlike::default()), [job(FIRST_ROW + 1)]);
    }

    #[test]
    fn it_takes_longer_where_something_was_accepted_and_where_the_content_is_refused() {
        assert_eq!(refuse_from(&Refusals::default(), 0, "class is not videos"), FIRST_ROW);
        assert_eq!(refuse_from(&Refusals::default(), 0, "1301"), ROW);
        let refusals = Refusals::default();
        refusals.accepted();
        assert_eq!(refuse_from(&refusals, 0, "1201"), ROW);
    }

    #[test]
    fn an_accepted_job_and_another_code_begin_the_row_again() {
        let refusals = Refusals::default();
        refusals.accepted();
        for seq in 1..ROW {
            assert_eq!(refusals.refused("1201", job(seq), RefusedAlike::default()), []);
        }
        refusals.accepted();
        for seq in 1..ROW {
            assert_eq!(refusals.refused("1201", job(seq), RefusedAlike::default()), [], "one was accepted in between");
        }
        assert_eq!(refuse_from(&refusals, ROW, "1200"), ROW, "they are refused for another reason");
    }
}
