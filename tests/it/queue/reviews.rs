//! Verdicts: each is about one image, is counted, and is gone when another image takes its place.

use tryon::job::{JobSeq, Review, StateName, Transition, Verdict};
use tryon::queue::{ActiveJob, Judgement, PublishedImage, QueueError, Seen};

use super::bed::{Bed, at, image, on_every_queue, task};

fn approve(id: &str) -> Judgement {
    Judgement { id: id.to_owned(), verdict: Some(Verdict::Approved), ..Judgement::default() }
}

fn reject(id: &str, reason: &str) -> Judgement {
    Judgement { verdict: Some(Verdict::Rejected), reason: Some(reason.to_owned()), ..approve(id) }
}

async fn review(bed: &Bed, id: &str) -> Option<Review> {
    bed.job(id).await.review
}

/// Approved, rejected and unjudged results, as they are counted; what is counted is what is there.
async fn counted(bed: &Bed) -> (u64, u64, u64) {
    let counts = bed.queue.counts().await.expect("counts");
    let rows = bed.tables();
    let there = |verdict: &str| rows["jobs"].iter().filter(|job| job["verdict"] == verdict).count() as u64;
    assert_eq!((counts.approved, counts.rejected_images), (there("approved"), there("rejected")));
    (counts.approved, counts.rejected_images, counts.unjudged())
}

async fn judge(bed: &Bed, judgement: Judgement) -> Result<(), QueueError> {
    bed.queue.judge(judgement, at(20)).await
}

async fn publish(bed: &Bed, job: &ActiveJob, sha256: &str) {
    let images = vec![PublishedImage { sha256: sha256.to_owned(), ..image(0, &format!("{}.png", job.spec.id)) }];
    bed.queue.publish(job.seq, job.attempt, images, at(6)).await.expect("published");
}

/// Has a job made again, with an image of this sha256.
async fn made_again(bed: &Bed, id: &str, sha256: &str) {
    bed.queue.make_anew(id.to_owned(), at(7)).await.expect("put back");
    let job = bed.claim(at(8)).await;
    assert_eq!(job.spec.id.as_str(), id);
    bed.step(&job, Transition::Accept { task_id: task(&format!("{sha256} of {id}")) }).await;
    bed.step(&job, Transition::TaskSucceed).await;
    publish(bed, &job, sha256).await;
}

#[tokio::test]
async fn a_verdict_is_kept_with_its_reason_and_reviewer_and_counted() {
    on_every_queue(async |bed| {
        let (.., unjudged) = counted(bed).await;
        for id in ["a", "b", "c"] {
            bed.bring(id, StateName::Succeeded).await;
        }
        judge(bed, approve("a")).await.expect("judged");
        let rejected = Judgement { reviewer: Some("Ana".to_owned()), ..reject("b", "the hand\nis wrong") };
        judge(bed, rejected).await.expect("judged");
        assert_eq!(counted(bed).await, (1, 1, unjudged + 1));
        let said = review(bed, "b").await.expect("a review");
        assert_eq!((said.verdict, said.at), (Verdict::Rejected, at(20)));
        assert_eq!((said.reason.as_deref(), said.reviewer.as_deref()), (Some("the hand is wrong"), Some("Ana")));
        assert_eq!(review(bed, "c").await, None);
        let row = bed.report().await.into_iter().find(|row| row.id == "b").expect("a row");
        assert_eq!(row.review, Some(said));

        judge(bed, approve("b")).await.expect("judged");
        assert_eq!(counted(bed).await, (2, 0, unjudged + 1), "the last word counts");
        judge(bed, Judgement { verdict: None, ..approve("b") }).await.expect("taken back");
        assert_eq!((counted(bed).await, review(bed, "b").await), ((1, 0, unjudged + 2), None));
        let given = bed.queue.verdicts(bed.job("b").await.seq).await.expect("verdicts");
        let words: Vec<_> = given.iter().map(|given| given.verdict).collect();
        assert_eq!(words, [Some(Verdict::Rejected), Some(Verdict::Approved), None]);
    })
    .await;
}

#[tokio::test]
async fn the_same_verdict_again_is_none() {
    on_every_queue(async |bed| {
        let job = bed.bring("a", StateName::Succeeded).await;
        for _ in 0..3 {
            judge(bed, reject("a", "blurred")).await.expect("judged");
        }
        judge(bed, reject("a", "blurred, and dark")).await.expect("judged");
        assert_eq!(bed.queue.verdicts(job.seq).await.expect("verdicts").len(), 2);
    })
    .await;
}

#[tokio::test]
async fn an_image_that_was_made_anew_is_unjudged_and_the_same_one_to_the_byte_is_judged_as_before() {
    on_every_queue(async |bed| {
        bed.bring("a", StateName::Succeeded).await;
        let first = bed.job("a").await.sha256.expect("its sha256");
        judge(bed, reject("a", "blurred")).await.expect("judged");
        made_again(bed, "a", "second").await;
        assert_eq!((review(bed, "a").await, counted(bed).await.1), (None, 0));
        judge(bed, approve("a")).await.expect("judged");
        made_again(bed, "a", &first).await;
        let said = review(bed, "a").await.expect("a review");
        assert_eq!((said.verdict, said.reason.as_deref()), (Verdict::Rejected, Some("blurred")));
        assert_eq!(counted(bed).await.0, 0);
    })
    .await;
}

#[tokio::test]
async fn a_result_that_is_fetched_again_has_its_verdict_again() {
    on_every_queue(async |bed| {
        let job = bed.bring("a", StateName::Succeeded).await;
        let sha256 = bed.job("a").await.sha256.expect("its sha256");
        judge(bed, approve("a")).await.expect("judged");
        bed.step(&job, Transition::Refetch).await;
        assert_eq!(counted(bed).await.0, 0);
        publish(bed, &job, &sha256).await;
        assert_eq!(counted(bed).await.0, 1);
    })
    .await;
}

#[tokio::test]
async fn a_verdict_about_an_image_that_is_gone_is_refused() {
    on_every_queue(async |bed| {
        bed.bring("a", StateName::Succeeded).await;
        let looked_at = bed.job("a").await.sha256;
        let about = |sha256: Option<String>| Judgement { sha256, ..approve("a") };
        made_again(bed, "a", "second").await;
        let error = judge(bed, about(looked_at)).await.expect_err("another image");
        assert!(matches!(&error, QueueError::ImageReplaced { id } if id == "a"), "{error}");
        assert!(error.to_string().contains("made anew since you looked"), "{error}");
        assert_eq!(review(bed, "a").await, None);
        judge(bed, about(Some("second".to_owned()))).await.expect("judged");
    })
    .await;
}

#[tokio::test]
async fn what_has_no_result_cannot_be_judged() {
    on_every_queue(async |bed| {
        bed.bring("again", StateName::Succeeded).await;
        // One that waits would be claimed for the next.
        let others = StateName::ALL.into_iter().rev().filter(|state| *state != StateName::Succeeded);
        for state in others {
            bed.bring(state.word(), state).await;
            let error = judge(bed, approve(state.word())).await.expect_err("nothing to look at");
            assert!(matches!(&error, QueueError::NothingToJudge { state: found, .. } if *found == state), "{error}");
        }
        bed.queue.make_anew("again".to_owned(), at(7)).await.expect("put back");
        let error = judge(bed, approve("again")).await.expect_err("its image is about to go");
        assert!(matches!(error, QueueError::NothingToJudge { .. }), "{error}");
        let error = judge(bed, approve("no such")).await.expect_err("unknown");
        assert!(matches!(error, QueueError::NoSuchJob(_)), "{error}");
    })
    .await;
}

#[tokio::test]
async fn of_several_verdicts_all_are_stored_or_none_and_every_problem_is_told() {
    on_every_queue(async |bed| {
        bed.bring("a", StateName::Succeeded).await;
        bed.bring("b", StateName::Failed).await;
        bed.bring("c", StateName::Succeeded).await;
        let all = vec![approve("a"), approve("no such"), approve("c"), approve("b")];
        let problems = bed.queue.judge_all(all, at(9)).await.expect("answered");
        let places: Vec<_> = problems.iter().map(|(place, _)| *place).collect();
        assert_eq!(places, [1, 3], "{problems:?}");
        assert_eq!(counted(bed).await.0, 0);
        let problems = bed.queue.judge_all(vec![approve("c"), reject("a", "")], at(9)).await.expect("answered");
        assert!(problems.is_empty());
        assert_eq!((counted(bed).await.0, counted(bed).await.1), (1, 1));
        assert_eq!(review(bed, "a").await.expect("a review").reason, None);
    })
    .await;
}

#[tokio::test]
async fn rejected_results_are_put_back_and_no_others() {
    on_every_queue(async |bed| {
        for id in ["a", "b", "c", "d"] {
            bed.bring(id, StateName::Succeeded).await;
        }
        for id in ["a", "c"] {
            judge(bed, reject(id, "blurred")).await.expect("judged");
        }
        judge(bed, approve("b")).await.expect("judged");
        assert_eq!(bed.queue.make_rejected_anew(at(9)).await.expect("put back"), 2);
        for (id, state) in [("a", StateName::Pending), ("b", StateName::Succeeded), ("d", StateName::Succeeded)] {
            assert_eq!(bed.job(id).await.state.name(), state, "{id}");
        }
        assert_eq!(counted(bed).await.1, 0);
        assert_eq!(bed.queue.make_rejected_anew(at(9)).await.expect("nothing to do"), 0);
        let these = [bed.job("a").await.seq, bed.job("d").await.seq, JobSeq(99_999)];
        assert_eq!(bed.queue.make_these_anew(these.to_vec(), at(9)).await.expect("put back"), 1, "what is finished");
        assert_eq!(bed.job("d").await.state.name(), StateName::Pending);
    })
    .await;
}

#[tokio::test]
async fn verdicts_from_several_processes_beside_a_run_are_all_kept() {
    on_every_queue(async |bed| {
        let ids: Vec<String> = (0..12).map(|number| format!("job-{number}")).collect();
        for id in &ids {
            bed.bring(id, StateName::Succeeded).await;
        }
        let (one, other) = (bed.open(bed.location()).await, bed.open(bed.location()).await);
        let verdicts = ids.iter().enumerate().map(|(place, id)| {
            let queue = if place % 2 == 0 { &one } else { &other };
            queue.judge(approve(id), at(9))
        });
        let busy = bed.bring("busy", StateName::Running);
        let (given, _) = tokio::join!(futures_util::future::join_all(verdicts), busy);
        assert!(given.iter().all(Result::is_ok), "{given:?}");
        assert_eq!(counted(bed).await.0, 12);
    })
    .await;
}

#[tokio::test]
async fn a_verdict_takes_no_place_of_one_that_its_reviewer_has_not_seen() {
    on_every_queue(async |bed| {
        bed.bring("a", StateName::Succeeded).await;
        let with = |seen: Seen| Judgement { seen, ..reject("a", "cut off") };
        judge(bed, Judgement { seen: Seen::Unjudged, ..approve("a") }).await.expect("the first one");
        let first = review(bed, "a").await.expect("a verdict");
        for seen in [Seen::Unjudged, Seen::Given(at(1))] {
            let error = judge(bed, with(seen)).await.expect_err("it has not seen the first");
            assert!(matches!(&error, QueueError::JudgedMeanwhile { id } if id == "a"), "{error}");
        }
        assert_eq!(review(bed, "a").await, Some(first.clone()), "nothing is lost");
        judge(bed, with(Seen::Given(first.at))).await.expect("it has seen the first");
        assert_eq!(review(bed, "a").await.map(|review| review.verdict), Some(Verdict::Rejected));
    })
    .await;
}
