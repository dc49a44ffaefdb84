//! Publishing: a job has succeeded when its images are recorded, and no image belongs to two jobs.

use tryon::job::{FailureKind, JobState, StateName, Transition};
use tryon::queue::{PublishedImage, QueueError};

use super::bed::{Bed, at, failure, image, millis, on_every_queue, task};

fn image_paths(bed: &Bed) -> Vec<String> {
    let mut paths: Vec<_> = bed.tables()["images"].iter().map(|row| row["path"].clone()).collect();
    paths.retain(|path| !path.starts_with("by/"));
    paths.sort();
    paths
}

#[tokio::test]
async fn a_published_job_has_succeeded_with_its_images() {
    on_every_queue(async |bed| {
        let job = bed.bring("ana/shirt", StateName::Downloading).await;
        let images = vec![
            PublishedImage { width: 700, height: 900, bytes: 5_000_000_000, ..image(0, "ana/shirt.jpg") },
            image(1, "ana/shirt_1.png"),
        ];
        let state = bed.queue.publish(job.seq, 1, images, at(60)).await.expect("published");
        assert_eq!(state, JobState::Succeeded { task_id: task("task of ana/shirt") });

        let record = bed.job("ana/shirt").await;
        assert_eq!((record.output.as_deref(), record.finished_at), (Some("ana/shirt.jpg"), Some(at(60))));
        let attempt = &bed.attempt_rows("ana/shirt")[0];
        assert_eq!((attempt["outcome"].as_str(), &attempt["ended_at"]), ("succeeded", &millis(60)));
        assert_eq!(image_paths(bed), ["ana/shirt.jpg", "ana/shirt_1.png"]);
        let tables = bed.tables();
        let row = tables["images"].iter().find(|row| row["path"] == "ana/shirt.jpg").expect("the image");
        for (column, wanted) in [
            ("image", "0"),
            ("path_key", "ana/shirt"),
            ("width", "700"),
            ("height", "900"),
            ("bytes", "5000000000"),
            ("sha256", &"ab".repeat(32)),
        ] {
            assert_eq!(row[column], wanted, "{column}");
        }
    })
    .await;
}

#[tokio::test]
async fn an_image_of_another_job_is_never_taken_over() {
    on_every_queue(async |bed| {
        let first = bed.bring("Ana", StateName::Downloading).await;
        let images = vec![image(0, "Ana.png"), image(1, "Ana_1.png")];
        bed.queue.publish(first.seq, 1, images, at(6)).await.expect("published");
        let second = bed.bring("b", StateName::Downloading).await;
        let before = bed.tables();
        for taken in ["Ana.png", "ana.jpg", "ANA_1.png"] {
            let images = vec![image(0, "b.png"), image(1, taken)];
            let error = bed.queue.publish(second.seq, 1, images, at(7)).await.expect_err("taken");
            assert!(matches!(error, QueueError::Database(_)), "{error}");
        }
        assert_eq!(bed.tables(), before, "nothing of a publication that failed is kept");
        bed.queue.publish(second.seq, 1, vec![image(0, "b.png")], at(8)).await.expect("published");
    })
    .await;
}

#[tokio::test]
async fn nothing_is_published_without_its_first_image() {
    on_every_queue(async |bed| {
        let job = bed.bring("a", StateName::Downloading).await;
        let before = bed.tables();
        for images in [vec![], vec![image(1, "a_1.png")]] {
            let error = bed.queue.publish(job.seq, 1, images, at(7)).await.expect_err("no image");
            assert_eq!(error.to_string(), "job `a`: a job that is downloading cannot be published without an image");
        }
        assert_eq!(bed.tables(), before);
    })
    .await;
}

#[tokio::test]
async fn only_what_is_downloading_can_be_published() {
    on_every_queue(async |bed| {
        use StateName as S;
        for state in [S::Submitting, S::InDoubt, S::Running, S::Succeeded, S::Failed, S::Cancelled, S::Pending] {
            let job = bed.bring(state.word(), state).await;
            let before = bed.tables();
            let images = vec![image(0, &format!("{}-new.png", state.word()))];
            let error = bed.queue.publish(job.seq, job.attempt, images, at(7)).await.expect_err("illegal");
            assert!(matches!(error, QueueError::Illegal { .. }), "{error}");
            assert_eq!(bed.tables(), before);
        }
    })
    .await;
}

#[tokio::test]
async fn a_file_that_is_gone_is_fetched_again_without_a_new_task() {
    on_every_queue(async |bed| {
        let job = bed.bring("a", StateName::Succeeded).await;
        let spent = bed.spent(bed.run);
        let state = bed.step(&job, Transition::Refetch).await;
        assert_eq!(state, JobState::Downloading { task_id: task("task of a") });
        let record = bed.job("a").await;
        assert_eq!((record.output, record.finished_at), (None, None), "nobody is shown a file that is not there");
        assert_eq!(image_paths(bed), ["a.png"], "the name stays its own meanwhile");
        assert_eq!(bed.attempt_rows("a")[0]["ended_at"], "NULL");

        bed.queue.publish(job.seq, 1, vec![image(0, "a.jpg")], at(80)).await.expect("published");
        assert_eq!(image_paths(bed), ["a.jpg"], "what it was before is replaced");
        assert_eq!(bed.job("a").await.output.as_deref(), Some("a.jpg"));
        assert_eq!((bed.attempts("a").await.len(), bed.spent(bed.run)), (1, spent));
    })
    .await;
}

#[tokio::test]
async fn a_refetch_that_fails_shows_no_output() {
    on_every_queue(async |bed| {
        let job = bed.bring("a", StateName::Succeeded).await;
        bed.step(&job, Transition::Refetch).await;
        bed.step(&job, Transition::DownloadFail { failure: failure(FailureKind::Download) }).await;
        assert_eq!(bed.job("a").await.output, None);
        bed.queue.retry("a".to_owned(), at(8)).await.expect("retried");
        bed.queue.publish(job.seq, 1, vec![image(0, "a.png")], at(9)).await.expect("published");
        assert_eq!(bed.job("a").await.output.as_deref(), Some("a.png"));
    })
    .await;
}

#[tokio::test]
async fn a_name_is_taken_by_ids_and_by_further_images_of_others() {
    on_every_queue(async |bed| {
        let job = bed.bring("Ana", StateName::Downloading).await;
        let images = vec![image(0, "Ana.png"), image(1, "Ana_1.png")];
        bed.queue.publish(job.seq, 1, images, at(6)).await.expect("published");
        let other = bed.bring("b", StateName::Pending).await;
        for (name, owner, taken) in [
            ("ana", job.seq, false),
            ("ana", other.seq, true),
            ("ANA_1", job.seq, false),
            ("ANA_1", other.seq, true),
            ("B", job.seq, true),
            ("b", other.seq, false),
            ("b_1", job.seq, false),
        ] {
            assert_eq!(bed.queue.is_taken_by_other(name, owner).await.expect("an answer"), taken, "{name}");
        }
    })
    .await;
}
