//! Priorities: whatever is loaded, waits, is put back or changes its rank, the next job is the right one.

use proptest::prelude::*;
use proptest::sample::Index;

use tryon::job::{JobSpec, StateName, Transition};
use tryon::queue::{ActiveJob, Claim};

use super::bed::{Bed, at, on_every_queue, with_priority};

/// How many jobs there are at most.
const MOST_JOBS: usize = 12;

/// What the queue must know of a job to say when it is its turn.
#[derive(Debug, Clone)]
struct Waiting {
    id: String,
    priority: i64,
    state: StateName,
    retry_at: Option<i64>,
}

impl Waiting {
    fn is_ready(&self, now: i64) -> bool {
        self.state == StateName::Pending && self.retry_at.is_none_or(|retry_at| retry_at <= now)
    }
}

#[derive(Debug, Clone)]
enum Step {
    /// A new row, or a known one with another rank.
    Load {
        of: usize,
        priority: i64,
    },
    Claim,
    /// A job at work goes back, at once or for some seconds.
    GoBack {
        of: Index,
        wait: Option<i64>,
    },
    /// A person takes a waiting job out, or puts one back that is out.
    ByHand {
        of: Index,
    },
}

fn any_step() -> impl Strategy<Value = Step> {
    let priority = prop_oneof![4 => -2..3_i64, 1 => Just(i64::MIN), 1 => Just(i64::MAX)];
    prop_oneof![
        4 => (0..MOST_JOBS, priority).prop_map(|(of, priority)| Step::Load { of, priority }),
        4 => Just(Step::Claim),
        3 => (any::<Index>(), prop::option::of(1..6_i64)).prop_map(|(of, wait)| Step::GoBack { of, wait }),
        1 => any::<Index>().prop_map(|of| Step::ByHand { of }),
    ]
}

/// The jobs as they should be, in manifest order, and those that are at work.
#[derive(Default)]
struct Model {
    jobs: Vec<Waiting>,
    at_work: Vec<ActiveJob>,
}

impl Model {
    async fn take(&mut self, bed: &Bed, step: &Step, now: i64) {
        match step {
            Step::Load { of, priority } => self.load(bed, &format!("job-{of}"), *priority).await,
            Step::Claim => self.claim(bed, now).await,
            Step::GoBack { of, wait } if !self.at_work.is_empty() => {
                let job = self.at_work.swap_remove(of.index(self.at_work.len()));
                let transition = match wait {
                    None => Transition::Release { retry_at: None },
                    Some(seconds) => Transition::TurnAway { retry_at: at(now + seconds) },
                };
                bed.record(&job, transition, at(now)).await.expect("back");
                let known = self.job(job.spec.id.as_str());
                known.state = StateName::Pending;
                known.retry_at = wait.map(|seconds| now + seconds);
            }
            Step::ByHand { of } if !self.jobs.is_empty() => {
                let job = of.get(&self.jobs).clone();
                match job.state {
                    StateName::Pending => bed.queue.cancel(job.id.clone(), at(now)).await.expect("out"),
                    StateName::Cancelled => bed.queue.retry(job.id.clone(), at(now)).await.expect("back"),
                    _ => return,
                };
                let known = self.job(&job.id);
                known.retry_at = None;
                known.state = if job.state == StateName::Pending { StateName::Cancelled } else { StateName::Pending };
            }
            Step::GoBack { .. } | Step::ByHand { .. } => {}
        }
    }

    fn job(&mut self, id: &str) -> &mut Waiting {
        self.jobs.iter_mut().find(|job| job.id == id).expect("a job of the test")
    }

    async fn load(&mut self, bed: &Bed, id: &str, priority: i64) {
        let row: JobSpec = with_priority(id, priority);
        bed.load_from("jobs.csv", &[row]).await;
        match self.jobs.iter_mut().find(|job| job.id == id) {
            // Only a job that waits can still change its rank.
            Some(known) if known.state == StateName::Pending => known.priority = priority,
            Some(_) => {}
            None => {
                let (id, state) = (id.to_owned(), StateName::Pending);
                self.jobs.push(Waiting { id, priority, state, retry_at: None });
            }
        }
    }

    /// The highest rank among those whose time has come, and the first of them in the manifest.
    async fn claim(&mut self, bed: &Bed, now: i64) {
        let ready = || self.jobs.iter().filter(|job| job.is_ready(now));
        let highest = ready().map(|job| job.priority).max();
        let wanted = ready().find(|job| Some(job.priority) == highest).map(|job| job.id.clone());
        match bed.try_claim(bed.run, at(now)).await {
            Claim::Job(job) => {
                assert_eq!(Some(job.spec.id.as_str()), wanted.as_deref(), "of {:#?} at {now}", self.jobs);
                self.job(job.spec.id.as_str()).state = StateName::Submitting;
                self.at_work.push(*job);
            }
            other => assert_eq!(wanted, None, "{other:?}"),
        }
    }
}

proptest! {
    // Each step is flushed to disk.
    #![proptest_config(ProptestConfig {
        cases: 20,
        max_shrink_iters: 100,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn the_highest_priority_that_is_ready_goes_first_and_then_the_order_of_the_manifest(
        steps in prop::collection::vec(any_step(), 1..60),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(on_every_queue(async |bed| {
            let mut model = Model::default();
            for (now, step) in (1..).zip(&steps) {
                model.take(bed, step, now).await;
            }
            // What is left comes in order, too.
            for _ in 0..=MOST_JOBS {
                model.claim(bed, 1_000).await;
            }
        }));
    }
}
