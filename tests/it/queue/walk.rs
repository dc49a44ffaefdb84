//! The queue against the state machine: whatever is asked in whatever order, both come to the same, in every column.

use proptest::prelude::*;
use proptest::sample::Index;

use tryon::job::state::{attempt_after, next};
use tryon::job::{ExternalTaskId, FailureKind, JobState, StateName, Transition};
use tryon::queue::{Claim, Claimant, Note, QueueError};

use super::bed::{Bed, at, failure, image, on_every_queue, spec, task};

/// What the queue must hold of one job.
#[derive(Debug, Clone, PartialEq)]
struct Expected {
    id: String,
    state: JobState,
    attempt: u32,
}

/// One thing that is asked of the queue.
#[derive(Debug, Clone)]
enum Ask {
    Claim,
    /// Of some job, by its worker; `stale` says it in the name of another attempt.
    Record {
        of: Index,
        what: Index,
        stale: bool,
    },
    Publish {
        of: Index,
    },
    Retry {
        of: Index,
    },
    MakeAnew {
        of: Index,
    },
    Cancel {
        of: Index,
    },
}

fn any_ask() -> impl Strategy<Value = Ask> {
    let of = any::<Index>;
    prop_oneof![
        4 => Just(Ask::Claim),
        12 => (of(), of(), prop::bool::weighted(0.05)).prop_map(|(of, what, stale)| Ask::Record { of, what, stale }),
        2 => of().prop_map(|of| Ask::Publish { of }),
        2 => of().prop_map(|of| Ask::Retry { of }),
        1 => of().prop_map(|of| Ask::MakeAnew { of }),
        1 => of().prop_map(|of| Ask::Cancel { of }),
    ]
}

fn recordable(round: i64) -> Vec<Transition> {
    vec![
        Transition::Accept { task_id: task(&format!("t-{round}")) },
        Transition::Release { retry_at: None },
        Transition::TurnAway { retry_at: at(round + 3) },
        Transition::Refuse { failure: failure(FailureKind::Refused) },
        Transition::LoseAnswer,
        Transition::SubmitAgain,
        Transition::TaskSucceed,
        Transition::TaskFailForNow { retry_at: at(round + 3) },
        Transition::TaskFail { failure: failure(FailureKind::Task) },
        Transition::DownloadFail { failure: failure(FailureKind::Download) },
        Transition::Refetch,
    ]
}

/// Asks once, and says what must be so afterwards. `Err` is what the queue must refuse.
async fn ask(bed: &Bed, jobs: &mut [Expected], ask: &Ask, round: i64) {
    let now = at(round);
    let (of, transition, stale) = match ask {
        Ask::Claim => return claim(bed, jobs, round).await,
        Ask::Record { of, what, stale } => {
            // Mostly what is legal there; now and then what is not.
            let job = of.get(jobs);
            let all = recordable(round);
            let legal: Vec<_> = all.iter().filter(|t| next(&job.state, t).is_ok()).cloned().collect();
            let some = if legal.is_empty() || what.index(8) == 0 { what.get(&all) } else { what.get(&legal) };
            (of, some.clone(), *stale)
        }
        Ask::Publish { of } => (of, Transition::Publish, false),
        Ask::Retry { of } => {
            let doubt = of.get(jobs).state.name() == StateName::InDoubt;
            (of, if doubt { Transition::GiveUpDoubt } else { Transition::Retry }, false)
        }
        Ask::MakeAnew { of } => (of, Transition::MakeAnew, false),
        Ask::Cancel { of } => (of, Transition::Cancel, false),
    };
    let job = &mut jobs[of.index(jobs.len())];
    let seq = bed.job(&job.id).await.seq;
    let attempt = if stale { job.attempt + 1 } else { job.attempt };
    let answer = match ask {
        Ask::Publish { .. } => bed.queue.publish(seq, attempt, vec![image(0, &format!("{}.png", job.id))], now).await,
        Ask::Retry { .. } => bed.queue.retry(job.id.clone(), now).await,
        Ask::MakeAnew { .. } => bed.queue.make_anew(job.id.clone(), now).await,
        Ask::Cancel { .. } => bed.queue.cancel(job.id.clone(), now).await,
        _ => bed.queue.record(seq, attempt, transition.clone(), Note::of("said"), now).await,
    };
    match (next(&job.state, &transition), answer) {
        (_, Err(QueueError::Stale { .. })) if stale => {}
        (Ok(after), Ok(told)) if !stale => {
            assert_eq!(told, after);
            job.attempt = attempt_after(job.attempt, &transition);
            job.state = after;
        }
        (Err(illegal), Err(QueueError::Illegal { id, source })) => assert_eq!((id, source), (job.id.clone(), illegal)),
        (wanted, told) => panic!("{transition:?} of {job:?}: wanted {wanted:?}, got {told:?}"),
    }
}

async fn claim(bed: &Bed, jobs: &mut [Expected], round: i64) {
    let is_ready = |job: &Expected| match job.state {
        JobState::Pending { retry_at } => retry_at.is_none_or(|retry_at| retry_at <= at(round)),
        _ => false,
    };
    let external_id = ExternalTaskId::unique();
    let claim = bed.queue.claim(bed.run, external_id.clone(), Claimant::default(), at(round)).await.expect("a claim");
    match (jobs.iter_mut().find(|job| is_ready(job)), claim) {
        (Some(job), Claim::Job(claimed)) => {
            job.attempt += 1;
            job.state = JobState::Submitting { external_id };
            assert_eq!((claimed.spec.id.as_str(), claimed.attempt), (job.id.as_str(), job.attempt));
        }
        (None, Claim::NoneReady { next_retry_at }) => {
            let waits = jobs.iter().filter_map(|job| match job.state {
                JobState::Pending { retry_at } => retry_at,
                _ => None,
            });
            assert_eq!(next_retry_at, waits.min());
        }
        (wanted, got) => panic!("wanted {wanted:?}, got {got:?}"),
    }
}

/// Three jobs, and all that is asked of them.
async fn walk_along(walk: &[Ask]) {
    on_every_queue(async |bed| {
        let pending = JobState::Pending { retry_at: None };
        let mut jobs = ["a", "b", "c"].map(|id| Expected { id: id.to_owned(), state: pending.clone(), attempt: 0 });
        bed.add(&jobs.each_ref().map(|job| spec(&job.id))).await;
        for (round, step) in (1..).zip(walk) {
            ask(bed, &mut jobs, step, round).await;
            for job in &jobs {
                let record = bed.job(&job.id).await;
                let found = Expected { id: job.id.clone(), state: record.state, attempt: record.attempt };
                assert_eq!(found, *job, "after {step:?}");
            }
        }
    })
    .await;
}

proptest! {
    // Each step is flushed to disk, so there are few walks, and long ones.
    #![proptest_config(ProptestConfig {
        cases: 6,
        max_shrink_iters: 100,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn the_queue_and_the_state_machine_never_disagree(walk in prop::collection::vec(any_ask(), 80..120)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(walk_along(&walk));
    }
}
