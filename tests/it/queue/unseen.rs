//! Jobs whose local pictures are not on every host.

use tryon::job::{Forms, JobState};
use tryon::queue::Claim;

use super::bed::at;
use super::hosts::{LONG, on_every_shared_queue};

#[tokio::test(flavor = "multi_thread")]
async fn a_job_whose_picture_is_not_on_one_host_is_taken_by_another_and_costs_no_attempt() {
    on_every_shared_queue(2, async |ground| {
        let (north, south) = (ground.host("north", LONG).await, ground.host("south", LONG).await);
        let job = north.claim().await;
        let state = north.queue.cannot_see(job.seq, job.attempt, "human_image: no such file".to_owned(), at(2)).await;
        assert_eq!(state.expect("put back"), JobState::Pending { retry_at: None });
        assert_eq!(north.queue.look_again().await.expect("looked"), 0, "another host may have it");
        let next = north.claim().await;
        assert_ne!(next.seq, job.seq, "passed over");
        assert!(matches!(north.ask(None).await.expect("a claim"), Claim::NoneReady { next_retry_at: None }));
        assert!(north.queue.has_to_submit(Forms::ALL).await.expect("an answer"), "it is waited for");
        let taken = south.claim().await;
        assert_eq!((taken.seq, taken.attempt), (job.seq, 1), "nothing was counted");
        south.accept(&taken, "t").await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_whose_picture_is_on_no_living_host_fails_and_says_who_has_looked() {
    on_every_shared_queue(1, async |ground| {
        let (north, south) = (ground.host("north", LONG).await, ground.host("south", LONG).await);
        let job = north.claim().await;
        north.queue.cannot_see(job.seq, job.attempt, "no file /n/a.jpg".to_owned(), at(2)).await.expect("put back");
        let again = south.claim().await;
        let state = south.queue.cannot_see(again.seq, again.attempt, "no file /s/a.jpg".to_owned(), at(2)).await;
        let JobState::Failed { failure, .. } = state.expect("it fails") else { panic!("it waits") };
        assert_eq!(failure.code, "invalid_input");
        for said in ["host north: no file /n/a.jpg", "host south: no file /s/a.jpg"] {
            assert!(failure.message.contains(said), "{}", failure.message);
        }
        south.queue.retry("j0".to_owned(), at(3)).await.expect("put back");
        assert_eq!(north.claim().await.seq, job.seq, "a person's word lets everybody look again");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn when_the_hosts_that_might_see_a_picture_are_gone_the_others_look_once_more() {
    on_every_shared_queue(1, async |ground| {
        let (north, south) = (ground.host("north", LONG).await, ground.host("south", LONG).await);
        let job = north.claim().await;
        north.queue.cannot_see(job.seq, job.attempt, "no file".to_owned(), at(2)).await.expect("put back");
        assert!(matches!(north.ask(None).await.expect("a claim"), Claim::NoneReady { .. }));
        south.queue.leave().await.expect("gone");
        assert_eq!(north.queue.look_again().await.expect("looked"), 1);
        let job = north.claim().await;
        let state = north.queue.cannot_see(job.seq, job.attempt, "no file".to_owned(), at(2)).await;
        assert!(matches!(state.expect("it fails"), JobState::Failed { .. }));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_epoch_could_not_see_is_forgotten_with_it() {
    on_every_shared_queue(1, async |ground| {
        let north = ground.host("north", LONG).await;
        let _south = ground.host("south", LONG).await;
        let job = north.claim().await;
        north.queue.cannot_see(job.seq, job.attempt, "no file".to_owned(), at(2)).await.expect("put back");
        north.queue.leave().await.expect("gone");
        let north = ground.host("north", LONG).await;
        assert_eq!(north.claim().await.seq, job.seq);
    })
    .await;
}
