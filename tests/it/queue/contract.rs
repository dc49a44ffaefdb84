//! The reads of the contract: by pages, and beside a runtime that they do not hold up.

use std::future::poll_fn;
use std::task::Poll;

use tryon::job::{Forms, JobSeq, ModelName, StateName};
use tryon::queue::{self, Queue, QueueError, QueueResult, ReportPlace, Selection};

use super::bed::{Bed, at, on_every_queue, rejected_row, spec};

/// Jobs and rejected rows in turn.
async fn settle(bed: &Bed) {
    bed.load_with_rejected(&[spec("a"), spec("b")], &[rejected_row(7, "r-1"), rejected_row(8, "r-2")]).await;
    bed.add(&[spec("c")]).await;
}

#[tokio::test]
async fn a_report_by_pages_of_any_size_is_the_report() {
    on_every_queue(async |bed| {
        settle(bed).await;
        let whole = bed.report().await;
        assert!(whole.iter().any(tryon::queue::ReportRow::is_rejected) && whole.len() == 9, "{}", whole.len());
        let queue: &dyn Queue = &*bed.queue;
        for most in [1, 2, 3, 100] {
            let (mut place, mut rows) = (ReportPlace::default(), Vec::new());
            loop {
                let (page, next) = queue.report_page(place, most).await.expect("a page");
                assert!(page.len() <= most);
                if page.is_empty() {
                    break;
                }
                rows.extend(page);
                place = next;
            }
            assert_eq!(rows, whole, "pages of {most}");
        }
    })
    .await;
}

#[tokio::test]
async fn jobs_by_pages_go_on_behind_the_last_one() {
    on_every_queue(async |bed| {
        settle(bed).await;
        let queue: &dyn Queue = &*bed.queue;
        let (mut after, mut ids) = (JobSeq(0), Vec::new());
        loop {
            let selection = Selection::in_states(&[StateName::Pending]);
            let page = queue.jobs_page(selection, after, 2).await.expect("a page");
            ids.extend(page.jobs.into_iter().map(|job| job.spec.id.to_string()));
            let Some(next) = page.next else { break };
            after = next;
        }
        assert_eq!(ids, ["a", "b", "c"]);
    })
    .await;
}

#[tokio::test]
async fn reads_that_are_made_at_once_are_all_answered() {
    on_every_queue(async |bed| {
        settle(bed).await;
        let queue: &dyn Queue = &*bed.queue;
        let reads = (0..100).map(|_| queue.job("b"));
        for read in futures_util::future::join_all(reads).await {
            assert_eq!(read.expect("the job").spec.id.as_str(), "b");
        }
        assert!(matches!(queue.job("no such").await, Err(QueueError::NoSuchJob(_))));
    })
    .await;
}

/// Whether a read leaves the thread of whoever asks to others while it waits for the disk. It may be done before anybody
/// looks, but not each time.
async fn leaves_the_thread<T>(read: impl AsyncFn() -> QueueResult<T>) -> bool {
    for _ in 0..50 {
        let mut reading = Box::pin(read());
        let is_done = poll_fn(|context| Poll::Ready(reading.as_mut().poll(context).is_ready())).await;
        if !is_done {
            assert!(reading.await.is_ok());
            return true;
        }
    }
    false
}

#[tokio::test]
async fn no_read_holds_up_the_thread_that_asks() {
    on_every_queue(async |bed| {
        settle(bed).await;
        let (queue, model) = (&*bed.queue, ModelName::default());
        let seq = bed.job("b").await.seq;
        let page = Selection::default();
        assert!(leaves_the_thread(async || queue.counts().await).await);
        assert!(leaves_the_thread(async || queue.last_run().await).await);
        assert!(leaves_the_thread(async || queue.is_at_work().await).await);
        assert!(leaves_the_thread(async || queue.workload(&model, 3).await).await);
        assert!(leaves_the_thread(async || queue.active(&[StateName::Running], 3).await).await);
        assert!(leaves_the_thread(async || queue.next_up(Forms::ALL, at(5)).await).await);
        assert!(leaves_the_thread(async || queue.job("b").await).await);
        assert!(leaves_the_thread(async || queue.attempts(seq).await).await);
        assert!(leaves_the_thread(async || queue.jobs_page(page, JobSeq(0), 3).await).await);
        assert!(leaves_the_thread(async || queue.report_page(ReportPlace::default(), 3).await).await);
        assert!(leaves_the_thread(async || queue::at(bed.location()).open_to_read().await).await);
    })
    .await;
}

#[tokio::test]
async fn a_revision_changes_with_every_verb_and_with_no_read() {
    on_every_queue(async |bed| {
        settle(bed).await;
        let other = bed.open(bed.location()).await;
        let before = other.revision().await.expect("a revision");
        other.counts().await.expect("counts");
        if bed.location().as_file().is_some() {
            // Another database of the same server may be written to meanwhile.
            assert_eq!(other.revision().await.expect("a revision"), before);
        }
        bed.queue.cancel("a".to_owned(), at(9)).await.expect("it waits");
        assert_ne!(other.revision().await.expect("a revision"), before);
    })
    .await;
}
