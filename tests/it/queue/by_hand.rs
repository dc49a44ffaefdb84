//! What people do to jobs: retry and cancel, one by one or all at once.

use tryon::job::{FailureKind, JobState, StateName, Transition};
use tryon::queue::QueueError;

use super::bed::{Bed, at, failure, millis, on_every_queue, spec, task, with_priority};

const PENDING: JobState = JobState::Pending { retry_at: None };

async fn retry(bed: &Bed, id: &str) -> Result<JobState, QueueError> {
    bed.queue.retry(id.to_owned(), at(60)).await
}

async fn cancel(bed: &Bed, id: &str) -> Result<JobState, QueueError> {
    bed.queue.cancel(id.to_owned(), at(60)).await
}

async fn fail_download(bed: &Bed, id: &str) {
    let job = bed.bring(id, StateName::Downloading).await;
    bed.step(&job, Transition::DownloadFail { failure: failure(FailureKind::Download) }).await;
}

#[tokio::test]
async fn a_failed_job_that_is_retried_waits_like_a_new_one() {
    on_every_queue(async |bed| {
        bed.bring("a", StateName::Failed).await;
        let attempts = bed.attempt_rows("a");
        assert_eq!(retry(bed, "a").await.expect("retried"), PENDING);
        let row = bed.job_row("a");
        assert_eq!((row["state"].as_str(), row["attempt"].as_str()), ("pending", "1"));
        for column in ["failure_kind", "error_code", "error", "finished_at", "retry_at"] {
            assert_eq!(row[column], "NULL", "{column}");
        }
        assert_eq!(bed.attempt_rows("a"), attempts, "the first attempt's story is told");
        let again = bed.claim(at(61)).await;
        assert_eq!((again.attempt, again.tries), (2, 1), "its attempts go on counting, and its tries begin anew");
    })
    .await;
}

#[tokio::test]
async fn a_retried_download_downloads_and_pays_nothing() {
    on_every_queue(async |bed| {
        fail_download(bed, "a").await;
        let spent = bed.spent(bed.run);
        assert_eq!(retry(bed, "a").await.expect("retried"), JobState::Downloading { task_id: task("task of a") });
        let (row, attempt) = (bed.job_row("a"), bed.attempt_rows("a"));
        assert_eq!((row["state"].as_str(), row["finished_at"].as_str()), ("downloading", "NULL"));
        assert_eq!((attempt.len(), attempt[0]["outcome"].as_str()), (1, "downloading"));
        assert_eq!((attempt[0]["ended_at"].as_str(), &attempt[0]["task_ended_at"]), ("NULL", &millis(5)));
        assert_eq!(bed.spent(bed.run), spent);
        let active = bed.queue.active(&[StateName::Downloading], 10).await.expect("jobs");
        assert_eq!(active.iter().map(|job| job.spec.id.as_str()).collect::<Vec<_>>(), ["a"]);
    })
    .await;
}

#[tokio::test]
async fn a_doubtful_job_that_is_retried_may_be_paid_twice_and_says_so() {
    on_every_queue(async |bed| {
        bed.bring("a", StateName::InDoubt).await;
        assert_eq!(retry(bed, "a").await.expect("retried"), PENDING);
        let attempt = &bed.attempts("a").await[0];
        assert_eq!((attempt.outcome.as_str(), attempt.ended_at), ("doubt_given_up", Some(at(60))));
        assert_eq!(bed.claim(at(61)).await.attempt, 2);
    })
    .await;
}

#[tokio::test]
async fn a_cancelled_job_can_be_taken_back() {
    on_every_queue(async |bed| {
        bed.bring("a", StateName::Cancelled).await;
        assert_eq!(retry(bed, "a").await.expect("retried"), PENDING);
        assert_eq!(bed.job_row("a")["finished_at"], "NULL");
    })
    .await;
}

#[tokio::test]
async fn what_is_at_work_or_done_cannot_be_retried() {
    on_every_queue(async |bed| {
        use StateName as S;
        for state in [S::Submitting, S::Running, S::Downloading, S::Succeeded, S::Pending] {
            bed.bring(state.word(), state).await;
            let before = bed.tables();
            let error = retry(bed, state.word()).await.expect_err("illegal");
            assert!(matches!(error, QueueError::Illegal { .. }), "{error}");
            assert_eq!(bed.tables(), before);
        }
    })
    .await;
}

#[tokio::test]
async fn a_waiting_job_can_be_cancelled_and_waits_for_nothing_then() {
    on_every_queue(async |bed| {
        let job = bed.bring("a", StateName::Submitting).await;
        bed.step(&job, Transition::TurnAway { retry_at: at(500) }).await;
        assert_eq!(cancel(bed, "a").await.expect("cancelled"), JobState::Cancelled);
        let row = bed.job_row("a");
        assert_eq!((row["retry_at"].as_str(), &row["finished_at"]), ("NULL", &millis(60)));
        let claim = bed.try_claim(bed.run, at(501)).await;
        assert!(matches!(claim, tryon::queue::Claim::NoneReady { next_retry_at: None }), "{claim:?}");
    })
    .await;
}

#[tokio::test]
async fn what_was_submitted_cannot_be_cancelled() {
    on_every_queue(async |bed| {
        for state in StateName::ALL.into_iter().filter(|state| *state != StateName::Pending) {
            bed.bring(state.word(), state).await;
            let before = bed.tables();
            let error = cancel(bed, state.word()).await.expect_err("illegal");
            assert!(matches!(error, QueueError::Illegal { .. }), "{error}");
            assert_eq!(bed.tables(), before);
        }
    })
    .await;
}

#[tokio::test]
async fn an_id_is_meant_letter_by_letter() {
    on_every_queue(async |bed| {
        bed.add(&[spec("Ana")]).await;
        for wrong in ["ana", "Ana ", "", "by/Running"] {
            for result in [retry(bed, wrong).await, cancel(bed, wrong).await] {
                assert!(matches!(result, Err(QueueError::NoSuchJob(id)) if id == wrong));
            }
            assert!(matches!(bed.queue.job(wrong).await, Err(QueueError::NoSuchJob(_))));
        }
        assert_eq!(bed.job("Ana").await.state, PENDING);
    })
    .await;
}

#[tokio::test]
async fn all_failed_jobs_are_retried_each_in_its_way_and_no_other() {
    on_every_queue(async |bed| {
        bed.bring("task", StateName::Failed).await;
        fail_download(bed, "download").await;
        for state in [StateName::InDoubt, StateName::Succeeded, StateName::Cancelled] {
            bed.bring(state.word(), state).await;
        }
        assert_eq!(bed.queue.retry_all(StateName::Failed, at(60)).await.expect("retried"), 2);
        assert_eq!(bed.job("task").await.state, PENDING);
        assert_eq!(bed.job("download").await.state.name(), StateName::Downloading);
        for state in [StateName::InDoubt, StateName::Succeeded, StateName::Cancelled] {
            assert_eq!(bed.job(state.word()).await.state.name(), state);
        }
        assert_eq!(bed.queue.retry_all(StateName::Failed, at(61)).await.expect("retried"), 0);
    })
    .await;
}

#[tokio::test]
async fn all_doubtful_jobs_are_freed_at_once() {
    on_every_queue(async |bed| {
        for id in ["a", "b"] {
            bed.bring(id, StateName::InDoubt).await;
        }
        bed.bring("failed", StateName::Failed).await;
        assert_eq!(bed.queue.retry_all(StateName::InDoubt, at(60)).await.expect("retried"), 2);
        assert_eq!((bed.count(StateName::Pending), bed.count(StateName::Failed)), (2, 1));
    })
    .await;
}

#[tokio::test]
async fn a_retry_of_all_that_is_not_allowed_for_one_changes_none() {
    on_every_queue(async |bed| {
        let before = bed.tables();
        for state in [StateName::Running, StateName::Succeeded] {
            let error = bed.queue.retry_all(state, at(60)).await.expect_err("illegal");
            assert!(matches!(error, QueueError::Illegal { .. }), "{error}");
        }
        assert_eq!(bed.tables(), before);
    })
    .await;
}

#[tokio::test]
async fn all_pending_jobs_are_cancelled_at_once_waiting_ones_too() {
    on_every_queue(async |bed| {
        let job = bed.bring("waiting", StateName::Submitting).await;
        bed.record(&job, Transition::TurnAway { retry_at: at(500) }, at(1)).await.expect("turned away");
        bed.bring("doubtful", StateName::InDoubt).await;
        bed.add(&[spec("fresh"), with_priority("urgent", 5)]).await;
        assert_eq!(bed.queue.cancel_pending(at(60)).await.expect("cancelled"), 3);
        assert_eq!((bed.count(StateName::Cancelled), bed.count(StateName::InDoubt)), (3, 1));
        assert_eq!(bed.queue.cancel_pending(at(61)).await.expect("cancelled"), 0);
    })
    .await;
}

#[tokio::test]
async fn a_doubtful_job_is_told_its_task_and_another_jobs_task_is_refused() {
    on_every_queue(async |bed| {
        bed.bring("a", StateName::InDoubt).await;
        let adopt = async |id: &str, named: &str| bed.queue.adopt(id.to_owned(), task(named), at(60)).await;
        bed.bring("b", StateName::Running).await;
        let taken = adopt("a", "task of b").await.expect_err("it is b's");
        assert!(matches!(&taken, QueueError::TaskTaken { owner, .. } if owner == "b"), "{taken}");
        let sure = adopt("b", "t-9").await.expect_err("nothing is in doubt there");
        assert!(matches!(sure, QueueError::NotInDoubt { state: StateName::Running, .. }), "{sure}");
        assert!(matches!(adopt("nobody", "t-9").await, Err(QueueError::NoSuchJob(_))));
        assert_eq!(adopt("a", "t-9").await.expect("adopted"), JobState::Running { task_id: task("t-9") });
        let attempt = bed.attempt_rows("a");
        assert_eq!((attempt[0]["outcome"].as_str(), attempt[0]["task_id"].as_str()), ("running", "t-9"));
    })
    .await;
}

#[tokio::test]
async fn a_finished_job_whose_file_is_gone_is_downloaded_again_under_its_attempt() {
    on_every_queue(async |bed| {
        let job = bed.bring("a", StateName::Succeeded).await;
        let published = bed.queue.published(tryon::job::JobSeq(0), 100).await.expect("jobs");
        let found = published.iter().find(|job| job.id.as_str() == "a").expect("it is listed");
        assert_eq!((found.seq, found.attempt, found.paths.is_empty()), (job.seq, job.attempt, false));
        bed.step(&job, Transition::Refetch).await;
        let row = bed.job_row("a");
        assert_eq!((row["state"].as_str(), row["attempt"].as_str()), ("downloading", "1"));
    })
    .await;
}

#[tokio::test]
async fn a_finished_job_is_made_anew_under_another_attempt_and_its_image_is_known_until_then() {
    on_every_queue(async |bed| {
        let job = bed.bring("a", StateName::Succeeded).await;
        let before = bed.queue.images(job.seq).await.expect("images");
        assert!(!before.is_empty());
        assert_eq!(bed.queue.make_anew("a".to_owned(), at(60)).await.expect("put back"), PENDING);
        let row = bed.job_row("a");
        assert_eq!((row["finished_at"].as_str(), row["attempt"].as_str()), ("NULL", "1"));
        assert_eq!(bed.attempts("a").await[0].outcome, "succeeded", "the first attempt's story is told");
        assert_eq!(bed.job("a").await.output, None, "a waiting job shows no image");
        assert_eq!(bed.queue.images(job.seq).await.expect("images"), before);
        let again = bed.claim(at(61)).await;
        assert_eq!((again.seq, again.attempt, again.tries), (job.seq, 2, 1), "its tries begin anew");
    })
    .await;
}

#[tokio::test]
async fn what_has_not_succeeded_is_not_made_anew() {
    on_every_queue(async |bed| {
        // A pending one last: it would be claimed in place of the next.
        for state in StateName::ALL.into_iter().rev().filter(|state| *state != StateName::Succeeded) {
            bed.bring(state.word(), state).await;
            let before = bed.tables();
            let error = bed.queue.make_anew(state.word().to_owned(), at(60)).await.expect_err("illegal");
            assert!(matches!(error, QueueError::Illegal { .. }), "{error}");
            assert_eq!(bed.tables(), before);
        }
    })
    .await;
}
