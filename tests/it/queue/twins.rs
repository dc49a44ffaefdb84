//! Identical pairs, made once: who waits for whom, who gets what was made, and whom that does not concern.

use tryon::job::{
    Content, ExternalTaskId, FailureKind, Forms, Garment, JobId, JobSpec, JobState, ModelName, SecondGarment,
    SentContents, StateName, TaskId, Transition,
};
use tryon::queue::{ActiveJob, Claim, ClaimOnce, Claimant, LookedAt, Note, RunId, ToLookAt};

use super::bed::{Bed, at, failure, file, image, millis, model, on_every_queue, spec, task};

/// A row with the pictures of job `of` under an id of its own.
fn twin(id: &str, of: &str) -> JobSpec {
    JobSpec { id: JobId::parse(id).expect("an id"), ..spec(of) }
}

/// What claims come to: the ids that were settled by failing, over all claims up to the one that ends it.
async fn claim_once(bed: &Bed, run: RunId, seconds: i64) -> (Vec<String>, Claim) {
    let mut failed = Vec::new();
    for _ in 0..100 {
        let claim = bed.queue.claim_once(run, ExternalTaskId::unique(), Claimant::default(), None, at(seconds)).await;
        match claim.expect("a claim") {
            ClaimOnce::Claim(claim) => return (failed, claim),
            ClaimOnce::Settled { failed: more, .. } => failed.extend(more.into_iter().map(|(id, _)| id.to_string())),
        }
    }
    panic!("claims settle for ever")
}

async fn job(bed: &Bed, seconds: i64) -> ActiveJob {
    match claim_once(bed, bed.run, seconds).await {
        (failed, Claim::Job(job)) if failed.is_empty() => *job,
        other => panic!("no job: {other:?}"),
    }
}

async fn nothing_to_claim(bed: &Bed, seconds: i64) {
    let claim = claim_once(bed, bed.run, seconds).await;
    assert!(matches!(&claim, (failed, Claim::NoneReady { .. }) if failed.is_empty()), "{claim:?}");
}

async fn generate(bed: &Bed, job: &ActiveJob, task_id: &str, seconds: i64) {
    bed.record(job, Transition::Accept { task_id: task(task_id) }, at(seconds)).await.expect("accepted");
    bed.record(job, Transition::TaskSucceed, at(seconds + 1)).await.expect("generated");
    publish(bed, job, seconds + 2).await;
}

async fn publish(bed: &Bed, job: &ActiveJob, seconds: i64) {
    let images = vec![image(0, &format!("{}.png", job.spec.id))];
    bed.queue.publish(job.seq, job.attempt, images, at(seconds)).await.expect("published");
}

async fn active(bed: &Bed, state: StateName) -> Vec<ActiveJob> {
    let mut jobs = bed.queue.active(&[state], 2_000).await.expect("jobs");
    jobs.retain(|job| is_ours(job.spec.id.as_str()));
    jobs
}

fn is_ours(id: &str) -> bool {
    !id.starts_with("by/")
}

async fn state(bed: &Bed, id: &str) -> StateName {
    bed.job(id).await.state.name()
}

#[tokio::test]
async fn a_pair_is_submitted_once_and_its_twins_get_its_image_and_pay_nothing() {
    on_every_queue(async |bed| {
        bed.add(&[spec("a"), twin("b", "a"), spec("c"), twin("d", "a")]).await;
        let a = job(bed, 1).await;
        assert_eq!(a.spec.id.as_str(), "a");
        assert_eq!(job(bed, 2).await.spec.id.as_str(), "c", "b waits and keeps nobody");
        nothing_to_claim(bed, 3).await;
        assert!(!bed.queue.has_claimable(Forms::ALL).await.expect("an answer"));
        assert_eq!((state(bed, "b").await, state(bed, "d").await), (StateName::Pending, StateName::Pending));
        generate(bed, &a, "the task", 10).await;
        assert!(bed.queue.has_claimable(Forms::ALL).await.expect("an answer"), "what they waited for has ended");
        nothing_to_claim(bed, 20).await;
        let sharing = active(bed, StateName::Downloading).await;
        assert_eq!(sharing.iter().map(|job| job.spec.id.as_str()).collect::<Vec<_>>(), ["b", "d"]);
        for twin in &sharing {
            assert_eq!(twin.state, JobState::Downloading { task_id: task("the task") });
            assert_eq!(twin.shares, Some(a.seq));
            let images = bed.queue.images_of(a.seq, &task("the task")).await.expect("images");
            assert_eq!(images, [image(0, "a.png")], "the image to copy");
            publish(bed, twin, 30).await;
        }
        assert!(bed.queue.images_of(a.seq, &task("another task")).await.expect("images").is_empty());
        assert_eq!(bed.spent(bed.run), 2, "a and c");
        let attempt = &bed.attempt_rows("d")[0];
        assert_eq!((attempt["units"].as_str(), attempt["outcome"].as_str()), ("0", "succeeded"));
        assert_eq!(attempt["task_ended_at"], millis(11), "when the image was made");
        let told = &bed.attempts("d").await[0];
        assert_eq!(told.shares.as_ref().map(JobId::as_str), Some("a"));
        let reported = bed.report().await.into_iter();
        let mut reported = reported.map(|row| (row.id, row.task_id, row.external_task_id.is_some()));
        let told = reported.find(|(id, ..)| id == "d").expect("d is in the report");
        assert_eq!(told, ("d".to_owned(), Some(task("the task")), false), "nothing was submitted under its name");
    })
    .await;
}

#[tokio::test]
async fn what_differs_in_anything_that_is_sent_is_no_twin() {
    on_every_queue(async |bed| {
        let outfit = |id: &str, cloth_type, second_type| JobSpec {
            cloth_type: Some(cloth_type),
            second: Some(SecondGarment { image: file("skirt"), garment: second_type }),
            model: Some(model("kolors-virtual-try-on-v1-5")),
            ..twin(id, "a")
        };
        let rows = [
            spec("a"),
            JobSpec { cloth: file("other"), ..twin("other cloth", "a") },
            JobSpec { human: file("other"), ..twin("other human", "a") },
            JobSpec { model: Some(model("kolors-virtual-try-on-v1-5")), ..twin("other model", "a") },
            outfit("outfit", Garment::Upper, Garment::Lower),
            outfit("outfit the other way round", Garment::Lower, Garment::Upper),
        ];
        let twins = [
            JobSpec { model: Some(ModelName::default()), ..twin("the model said", "a") },
            JobSpec { cloth_type: Some(Garment::Dress), ..twin("a type that is not sent", "a") },
            outfit("the same outfit", Garment::Upper, Garment::Lower),
        ];
        bed.add(&rows).await;
        bed.add(&twins).await;
        for row in &rows {
            assert_eq!(job(bed, 1).await.spec.id, row.id);
        }
        nothing_to_claim(bed, 2).await;
        for row in &twins {
            assert_eq!(state(bed, row.id.as_str()).await, StateName::Pending, "{}", row.id);
        }
    })
    .await;
}

#[tokio::test]
async fn a_job_that_was_put_back_wants_something_new_and_once_for_all_that_were() {
    on_every_queue(async |bed| {
        bed.add(&[spec("a"), twin("b", "a"), twin("c", "a"), twin("d", "a")]).await;
        let a = job(bed, 1).await;
        generate(bed, &a, "old", 2).await;
        nothing_to_claim(bed, 5).await;
        for twin in active(bed, StateName::Downloading).await {
            publish(bed, &twin, 6).await;
        }
        for id in ["b", "c"] {
            bed.queue.make_anew(id.to_owned(), at(10)).await.expect("put back");
        }
        let b = job(bed, 11).await;
        assert_eq!(b.spec.id.as_str(), "b", "the old image does not count for it");
        nothing_to_claim(bed, 12).await;
        generate(bed, &b, "new", 13).await;
        nothing_to_claim(bed, 20).await;
        let sharing = active(bed, StateName::Downloading).await;
        assert_eq!((sharing.len(), sharing[0].shares), (1, Some(b.seq)));
        assert_eq!(sharing[0].state, JobState::Downloading { task_id: task("new") });
        assert_eq!(bed.job("d").await.state, JobState::Succeeded { task_id: task("old") });
    })
    .await;
}

#[tokio::test]
async fn a_failure_that_was_paid_for_is_shared_until_a_person_says_otherwise() {
    on_every_queue(async |bed| {
        bed.add(&[spec("a"), twin("b", "a")]).await;
        let a = job(bed, 1).await;
        bed.record(&a, Transition::Accept { task_id: task("t") }, at(2)).await.expect("accepted");
        bed.record(&a, Transition::TaskFail { failure: failure(FailureKind::Task) }, at(3)).await.expect("failed");
        let (failed, claim) = claim_once(bed, bed.run, 4).await;
        assert_eq!(failed, ["b"]);
        assert!(matches!(claim, Claim::NoneReady { next_retry_at: None }));
        let expected = JobState::Failed { failure: failure(FailureKind::Task), task_id: Some(TaskId("t".to_owned())) };
        assert_eq!(bed.job("b").await.state, expected);
        assert_eq!(bed.spent(bed.run), 1);
        bed.queue.retry_all(StateName::Failed, at(10)).await.expect("put back");
        assert_eq!(job(bed, 11).await.spec.id.as_str(), "a", "it is tried again");
        nothing_to_claim(bed, 12).await;
        assert_eq!(state(bed, "b").await, StateName::Pending, "and once for both");
    })
    .await;
}

#[tokio::test]
async fn a_refusal_and_a_failed_download_decide_nothing_about_a_twin() {
    on_every_queue(async |bed| {
        bed.add(&[spec("a"), twin("b", "a"), spec("c"), twin("d", "c")]).await;
        let (a, c) = (job(bed, 1).await, job(bed, 1).await);
        bed.record(&a, Transition::Refuse { failure: failure(FailureKind::Refused) }, at(2)).await.expect("refused");
        assert_eq!(job(bed, 3).await.spec.id.as_str(), "b", "nothing was paid for, so it is tried");
        bed.record(&c, Transition::Accept { task_id: task("t") }, at(4)).await.expect("accepted");
        bed.record(&c, Transition::TaskSucceed, at(5)).await.expect("generated");
        bed.record(&c, Transition::DownloadFail { failure: failure(FailureKind::Download) }, at(6))
            .await
            .expect("failed");
        nothing_to_claim(bed, 7).await;
        assert_eq!(
            bed.job("d").await.state,
            JobState::Downloading { task_id: task("t") },
            "it is paid for, and fetched"
        );
    })
    .await;
}

/// A job that is being submitted, and its twin, which waits for it.
async fn leader_of_one(bed: &Bed) -> ActiveJob {
    bed.add(&[spec("a"), twin("b", "a")]).await;
    let leader = job(bed, 1).await;
    nothing_to_claim(bed, 2).await;
    assert_ne!(bed.job_row("b")["waits_for"], "NULL");
    leader
}

#[tokio::test]
async fn a_job_that_is_released_lets_its_twin_go_first() {
    on_every_queue(async |bed| {
        let leader = leader_of_one(bed).await;
        bed.record(&leader, Transition::Release { retry_at: Some(at(50)) }, at(3)).await.expect("released");
        assert_eq!(job(bed, 4).await.spec.id.as_str(), "b");
        nothing_to_claim(bed, 60).await;
        assert_eq!(state(bed, "a").await, StateName::Pending, "and waits for it in its turn");
    })
    .await;
}

#[tokio::test]
async fn a_job_in_doubt_is_waited_for_until_a_run_that_does_not_mind_twins() {
    on_every_queue(async |bed| {
        let leader = leader_of_one(bed).await;
        bed.record(&leader, Transition::LoseAnswer, at(3)).await.expect("in doubt");
        nothing_to_claim(bed, 4).await;
        let next = bed.queue.begin_run(1, None, ModelName::default(), at(5)).await.expect("a run");
        assert!(matches!(bed.try_claim(next, at(6)).await, Claim::Job(job) if job.spec.id.as_str() == "b"));
    })
    .await;
}

#[tokio::test]
async fn a_waiting_twin_that_asks_for_something_else_from_now_on_waits_no_longer() {
    on_every_queue(async |bed| {
        leader_of_one(bed).await;
        let (tally, _) = bed.load_from("jobs.csv", &[twin("b", "something else")]).await;
        assert_eq!(tally.updated, 1);
        assert_eq!(job(bed, 4).await.spec.id.as_str(), "b");
    })
    .await;
}

#[tokio::test]
async fn a_waiting_twin_can_be_cancelled_and_put_back() {
    on_every_queue(async |bed| {
        leader_of_one(bed).await;
        bed.queue.cancel("b".to_owned(), at(3)).await.expect("cancelled");
        assert_eq!(bed.job_row("b")["waits_for"], "NULL");
        bed.queue.retry("b".to_owned(), at(4)).await.expect("put back");
        nothing_to_claim(bed, 5).await;
        assert_ne!(bed.job_row("b")["waits_for"], "NULL");
    })
    .await;
}

#[tokio::test]
async fn a_thousand_twins_are_settled_in_bounded_pieces() {
    on_every_queue(async |bed| {
        let rows: Vec<JobSpec> = (0..1_000).map(|number| twin(&format!("job {number}"), "a")).collect();
        bed.add(&rows).await;
        let leader = job(bed, 1).await;
        generate(bed, &leader, "the task", 2).await;
        let claim = bed.queue.claim_once(bed.run, ExternalTaskId::unique(), Claimant::default(), None, at(9)).await;
        assert!(matches!(claim, Ok(ClaimOnce::Settled { .. })), "{claim:?}");
        let settled = active(bed, StateName::Downloading).await.len();
        assert!((100..=300).contains(&settled), "{settled} at once");
        nothing_to_claim(bed, 10).await;
        assert_eq!(active(bed, StateName::Downloading).await.len(), 999);
    })
    .await;
}

fn content(sha256: &str) -> Content {
    Content { sha256: sha256.to_owned(), bytes: 7, modified: Some(1), etag: None }
}

/// Says of which contents a job is made.
async fn accept(bed: &Bed, job: &ActiveJob, task_id: &str, cloth: &str) {
    let sent = SentContents { human: Some(content("ana")), cloth: Some(content(cloth)), second: None };
    let note = Note { sent: Some(Box::new(sent)), ..Note::default() };
    let accept = Transition::Accept { task_id: task(task_id) };
    bed.queue.record(job.seq, job.attempt, accept, note, at(2)).await.expect("accepted");
}

async fn claim_looked(bed: &Bed, looked: Option<LookedAt>) -> ClaimOnce {
    let claim = bed.queue.claim_once(bed.run, ExternalTaskId::unique(), Claimant::default(), looked, at(9)).await;
    claim.expect("a claim")
}

/// What has to be looked at before the next job is settled.
async fn to_look_at(bed: &Bed) -> ToLookAt {
    match claim_looked(bed, None).await {
        ClaimOnce::Settled { failed, to_look_at: Some(look) } if failed.is_empty() => look,
        other => panic!("nothing to look at: {other:?}"),
    }
}

/// A look that finds each picture to be what it was, but for the garment.
fn look_with(look: &ToLookAt, cloth: &str) -> LookedAt {
    let now = |sha256: &str| if sha256 == "ana" { "ana" } else { cloth }.to_owned();
    let sha256 = look.known.iter().map(|known| (known.picture, now(&known.content.sha256))).collect();
    LookedAt { seq: look.seq, sha256 }
}

#[tokio::test]
async fn only_what_was_made_of_the_same_contents_is_shared_and_that_is_looked_at_first() {
    on_every_queue(async |bed| {
        bed.add(&[spec("a"), twin("b", "a"), twin("c", "a")]).await;
        let leader = job(bed, 1).await;
        accept(bed, &leader, "the task", "coat").await;
        // While it is under way, a job with another coat is no duplicate, and one with the same waits.
        let look = to_look_at(bed).await;
        assert_eq!(look.known.len(), 2, "{look:?}");
        let ClaimOnce::Claim(Claim::Job(other)) = claim_looked(bed, Some(look_with(&look, "new coat"))).await else {
            panic!("b is made for itself");
        };
        assert_eq!(other.spec.id.as_str(), "b");
        accept(bed, &other, "its task", "new coat").await;
        bed.record(&leader, Transition::TaskSucceed, at(3)).await.expect("generated");
        publish(bed, &leader, 4).await;
        // A look at another job says nothing of this one.
        let look = to_look_at(bed).await;
        let elsewhere = LookedAt { seq: leader.seq, ..look_with(&look, "coat") };
        let again = claim_looked(bed, Some(elsewhere)).await;
        assert!(matches!(again, ClaimOnce::Settled { to_look_at: Some(_), .. }), "{again:?}");
        let settled = claim_looked(bed, Some(look_with(&look, "coat"))).await;
        assert!(matches!(settled, ClaimOnce::Settled { to_look_at: None, .. }), "{settled:?}");
        let shared = active(bed, StateName::Downloading).await;
        assert_eq!(
            shared.iter().map(|job| (job.spec.id.as_str(), job.shares)).collect::<Vec<_>>(),
            [("c", Some(leader.seq))]
        );
    })
    .await;
}

#[tokio::test]
async fn a_failure_of_other_contents_is_not_shared() {
    on_every_queue(async |bed| {
        bed.add(&[spec("a"), twin("b", "a")]).await;
        let leader = job(bed, 1).await;
        accept(bed, &leader, "the task", "coat").await;
        let failure = failure(FailureKind::Task);
        bed.record(&leader, Transition::TaskFail { failure }, at(3)).await.expect("failed");
        let look = to_look_at(bed).await;
        let claim = claim_looked(bed, Some(look_with(&look, "new coat"))).await;
        assert!(matches!(&claim, ClaimOnce::Claim(Claim::Job(job)) if job.spec.id.as_str() == "b"), "{claim:?}");
    })
    .await;
}
