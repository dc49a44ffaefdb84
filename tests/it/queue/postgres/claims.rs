//! Several processes claim from one queue at once; the central tests once more by way of a pooler in transaction mode.

use std::collections::BTreeSet;

use tryon::job::{ExternalTaskId, ModelName, StateName, Transition};
use tryon::queue::{Claim, Claimant, Keeping};

use super::{POOLED, POSTGRES};
use crate::queue::bed::{Bed, at, begin_load, image, on_a_queue_of, on_line, spec, task};

/// Claims until nothing is left, with `claimers` at once, each on a queue that it has opened itself.
async fn claim_all(bed: &Bed, jobs: usize, claimers: usize) {
    let rows: Vec<_> = (0..jobs).map(|number| spec(&format!("job-{number:03}"))).collect();
    bed.add(&rows).await;
    let claimer = async |_| {
        let queue = bed.open(bed.location()).await;
        let run = queue.begin_run(10, None, ModelName::default(), at(1)).await.expect("a run");
        let mut taken: Vec<i64> = Vec::new();
        loop {
            match queue.claim(run, ExternalTaskId::unique(), Claimant::default(), at(2)).await.expect("a claim") {
                Claim::Job(job) => taken.push(job.seq.0),
                Claim::NoneReady { .. } => return taken,
                other => panic!("{other:?}"),
            }
        }
    };
    let taken = futures_util::future::join_all((0..claimers).map(claimer)).await;
    for mine in &taken {
        assert!(mine.is_sorted(), "each takes them in their order: {mine:?}");
    }
    let all: Vec<i64> = taken.concat();
    assert_eq!(all.len(), jobs, "none is left over");
    assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), jobs, "none is taken twice");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_job_is_taken_twice_and_none_is_left_over() {
    on_a_queue_of(&POSTGRES, async |bed| claim_all(bed, 120, 6).await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn behind_a_pooler_no_job_is_taken_twice_either() {
    on_a_queue_of(&POOLED, async |bed| claim_all(bed, 60, 6).await).await;
}

#[tokio::test]
async fn behind_a_pooler_a_job_lives_its_whole_life() {
    on_a_queue_of(&POOLED, async |bed| {
        let job = bed.bring("a", StateName::Downloading).await;
        let images = vec![image(0, "a.png"), image(1, "a_1.png")];
        bed.queue.publish(job.seq, job.attempt, images, at(9)).await.expect("published");
        assert_eq!(bed.job("a").await.output.as_deref(), Some("a.png"));
        for state in StateName::ALL.into_iter().rev() {
            bed.bring(state.word(), state).await;
        }
        bed.queue.retry_all(StateName::Failed, at(20)).await.expect("put back");
        bed.queue.cancel_pending(at(21)).await.expect("taken out");
        let doubtful = bed.job("in_doubt").await;
        let accept = Transition::Accept { task_id: task("found") };
        bed.queue.record(doubtful.seq, doubtful.attempt, accept, Default::default(), at(22)).await.expect("accepted");
        assert_eq!(bed.report().await.len(), 13);
    })
    .await;
}

#[tokio::test]
async fn behind_a_pooler_a_load_is_kept_whole() {
    on_a_queue_of(&POOLED, async |bed| {
        for round in 0..3 {
            let mut load = begin_load(&*bed.queue, "many.csv").await;
            for batch in 0..10_u64 {
                let rows =
                    (0..200).map(|row| on_line(batch * 200 + row + 2, spec(&format!("{batch}-{row}")))).collect();
                load.add(rows).await.expect("staged");
            }
            let tally = load.tally();
            assert_eq!((tally.added, tally.unchanged), if round == 0 { (2_000, 0) } else { (0, 2_000) });
            assert!(load.keep(Keeping::default(), at(round)).await.expect("kept").is_kept);
        }
        assert_eq!(bed.count(StateName::Pending), 2_000);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_identical_pairs_that_are_claimed_at_once_one_is_submitted() {
    on_a_queue_of(&POSTGRES, async |bed| {
        let twins: Vec<_> = (0..40)
            .map(|number| tryon::job::JobSpec { id: spec(&format!("twin-{number:02}")).id, ..spec("pair") })
            .collect();
        bed.add(&twins).await;
        let claimer = async |_| {
            let queue = bed.open(bed.location()).await;
            let run = queue.begin_run(10, None, ModelName::default(), at(1)).await.expect("a run");
            let mut taken = 0;
            loop {
                let claim = queue.claim_once(run, ExternalTaskId::unique(), Claimant::default(), None, at(2)).await;
                match claim.expect("a claim") {
                    tryon::queue::ClaimOnce::Claim(Claim::Job(_)) => taken += 1,
                    tryon::queue::ClaimOnce::Claim(_) => return taken,
                    tryon::queue::ClaimOnce::Settled { .. } => {}
                }
            }
        };
        let taken: usize = futures_util::future::join_all((0..6).map(claimer)).await.into_iter().sum();
        assert_eq!(taken, 1, "one is paid for, the others wait for it");
    })
    .await;
}
