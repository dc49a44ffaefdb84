//! One run a queue, and what can be done before one is open.

use tryon::queue::{self, Opening, QueueError};

use super::bed::{at, on_every_queue, on_line, spec};

#[tokio::test]
async fn only_one_run_holds_a_queue_and_the_second_is_told_which() {
    on_every_queue(async |bed| {
        if !bed.is_exclusive() {
            return;
        }
        let other = bed.open(bed.location()).await;
        assert!(!other.is_at_work().await.expect("an answer"));
        let first = bed.queue.hold().await.expect("the queue");
        assert!(other.is_at_work().await.expect("an answer"));
        let error = other.hold().await.expect_err("held");
        let QueueError::Held { holder, .. } = &error else { panic!("{error}") };
        assert_eq!(*holder, std::process::id().to_string());
        assert!(queue::at(bed.location()).open_to_run().await.is_err());
        assert!(other.is_at_work().await.expect("an answer"), "a second run that is sent away takes nothing with it");
        drop(first);
        assert!(!other.is_at_work().await.expect("an answer"));
        drop(other.hold().await.expect("the queue"));
        let (again, _held) = queue::at(bed.location()).open_to_run().await.expect("the queue");
        assert!(again.is_at_work().await.expect("an answer"));
    })
    .await;
}

#[tokio::test]
async fn a_run_of_one_queue_is_none_of_another() {
    on_every_queue(async |bed| {
        let _held = bed.queue.hold().await.expect("the queue");
        let other = bed.another();
        assert!(!other.exists().await);
        let queue = other.open(Opening::OrMake).await.expect("another queue");
        assert!(other.exists().await && !queue.is_at_work().await.expect("an answer"));
        drop(queue.hold().await.expect("nobody has it"));
    })
    .await;
}

#[tokio::test]
async fn a_load_that_is_only_looked_at_makes_nothing() {
    on_every_queue(async |bed| {
        let other = bed.another();
        let mut load = other.look().await.expect("a load");
        assert!(!load.has_queue());
        load.add(vec![on_line(2, spec("a"))]).await.expect("staged");
        assert_eq!(load.tally().added, 1);
        drop(load);
        assert!(!other.exists().await);
        let there = queue::at(bed.location()).look().await.expect("a load");
        assert!(there.has_queue());
    })
    .await;
}

#[tokio::test]
async fn a_load_for_a_queue_that_does_not_exist_makes_it_when_it_is_kept() {
    on_every_queue(async |bed| {
        let other = bed.another();
        let mut load = other.stage().await.expect("a load");
        load.add(vec![on_line(2, spec("a"))]).await.expect("staged");
        assert!(!other.exists().await);
        assert!(load.keep(queue::Keeping::default(), at(1)).await.expect("kept").is_kept);
        let queue = other.open_to_read().await.expect("a queue");
        assert_eq!(queue.job("a").await.expect("the job").spec, spec("a"));
    })
    .await;
}
