//! What has to be true at each moment of a night of several hosts: the cap over all of them together.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tryon::job::{AccountName, JobState, StateName};
use tryon::queue::QueueReads;

use crate::books::Books;
use crate::provider::Watched;
use crate::world::World;

/// Looks at each create that leaves for one account.
#[derive(Debug)]
pub(super) struct Watch {
    pub(super) reads: Arc<dyn QueueReads>,
    pub(super) world: Arc<World>,
    pub(super) account: Option<AccountName>,
    /// `--concurrency`; 0 where it is not given.
    pub(super) slots: AtomicUsize,
    /// Creates of which the queue knew no more that they would leave: their process had been stopped before.
    pub(super) late: AtomicU64,
}

impl Watch {
    /// Tasks that were seen accepted and are at work, and submissions, are no more than there are slots. Doubt that has become
    /// old is not counted: its task may be found later.
    async fn look(&self, books: &Mutex<Books>, external_id: &str) {
        let jobs = self.reads.active(&[StateName::Submitting, StateName::Running], 10_000).await.expect("the queue");
        let mut books = books.lock().unwrap_or_else(PoisonError::into_inner);
        let now = self.world.time();
        let (mut submitting, mut held, mut is_known) = (0, 0, false);
        for job in jobs.iter().filter(|job| job.account == self.account) {
            match &job.state {
                JobState::Submitting { .. } => {
                    submitting += 1;
                    is_known |= job.external_id.0 == external_id;
                }
                JobState::Running { task_id } => {
                    let is_held =
                        |task: &&crate::books::Task| task.id == task_id.0 && task.is_held && task.ends_at > now;
                    held += books.tasks.iter().filter(is_held).count();
                }
                _ => {}
            }
        }
        if !is_known {
            self.late.fetch_add(1, Ordering::Relaxed);
            return;
        }
        let slots = self.slots.load(Ordering::Relaxed);
        if slots > 0 && held + submitting > slots {
            books.is_wrong(format!("{held} tasks and {submitting} submissions over all hosts with {slots} slots"));
        }
    }
}

impl Watched for Watch {
    fn leaves<'a>(&'a self, books: &'a Mutex<Books>, external_id: &'a str) -> BoxFuture<'a, ()> {
        self.look(books, external_id).boxed()
    }
}
