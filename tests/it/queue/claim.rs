//! Claiming: who is next, exactly once, and within the budget.

use std::collections::HashSet;

use tryon::job::{ExternalTaskId, FailureKind, JobSpec, JobState, ModelName, StateName, Transition};
use tryon::queue::{ActiveJob, Claim, Claimant, Doubt, Note, QueueError, Resubmission, RunId};

use super::bed::{Bed, at, failure, millis, model, on_every_queue, spec, task, with_priority};

async fn claimed_ids(bed: &Bed, now: i64, most: usize) -> Vec<String> {
    let mut ids = Vec::new();
    while ids.len() < most
        && let Claim::Job(job) = bed.try_claim(bed.run, at(now)).await
    {
        ids.push(job.spec.id.to_string());
    }
    ids
}

/// The claimant of a run without named accounts.
fn for_model(name: &str) -> Claimant {
    Claimant { default_model: model(name), ..Claimant::default() }
}

async fn run_with_budget(bed: &Bed, budget: u64) -> RunId {
    bed.queue.begin_run(1, Some(budget), ModelName::default(), at(0)).await.expect("a run")
}

#[tokio::test]
async fn a_claim_writes_down_the_intent_before_it_answers() {
    on_every_queue(async |bed| {
        bed.add(&[spec("a")]).await;
        let external_id = ExternalTaskId("mine".to_owned());
        let claim = bed.queue.claim(bed.run, external_id.clone(), for_model("kolors-virtual-try-on-v2"), at(3)).await;
        let Claim::Job(job) = claim.expect("a claim") else { panic!("no job") };

        assert_eq!(job.state, JobState::Submitting { external_id: external_id.clone() });
        assert_eq!((job.attempt, &job.external_id, job.claimed_at), (1, &external_id, at(3)));
        assert_eq!(job.spec, spec("a"));
        assert_eq!(job.accepted_at, None);

        let row = bed.job_row("a");
        assert_eq!((row["state"].as_str(), row["attempt"].as_str()), ("submitting", "1"));
        let attempts = bed.attempt_rows("a");
        assert_eq!(attempts.len(), 1);
        for (column, wanted) in [
            ("attempt", "1"),
            ("run", &bed.run.0.to_string()),
            ("external_task_id", "mine"),
            ("model", "kolors-virtual-try-on-v2"),
            ("claimed_at", &millis(3)),
            ("asked", "1"),
            ("outcome", "submitting"),
        ] {
            assert_eq!(attempts[0][column], wanted, "{column}");
        }
        for column in [
            "accepted_at",
            "task_id",
            "request_id",
            "http_status",
            "code",
            "message",
            "units",
            "task_ended_at",
            "ended_at",
        ] {
            assert_eq!(attempts[0][column], "NULL", "{column}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_row_that_names_a_model_gets_it_and_others_get_the_default_of_the_claim() {
    on_every_queue(async |bed| {
        let own = JobSpec { model: Some(model("kolors-virtual-try-on-v1-5")), ..with_priority("own", 2) };
        bed.add(&[own, spec("none")]).await;
        for wanted in ["kolors-virtual-try-on-v1-5", "kolors-virtual-try-on-v9"] {
            let by = for_model("kolors-virtual-try-on-v9");
            let claim = bed.queue.claim(bed.run, ExternalTaskId::unique(), by, at(1)).await;
            let Ok(Claim::Job(job)) = claim else { panic!("no job: {claim:?}") };
            assert_eq!(job.model.as_str(), wanted);
            assert_eq!(bed.attempts(job.spec.id.as_str()).await[0].model.as_str(), wanted);
        }
        assert_eq!(bed.job("none").await.spec.model, None, "the default is the attempt's, not the job's");
    })
    .await;
}

#[tokio::test]
async fn higher_priority_goes_first_and_then_the_order_of_the_manifest() {
    on_every_queue(async |bed| {
        let rows = [("a", 0), ("b", -1), ("c", 5), ("d", 0), ("e", 5), ("f", i64::MIN), ("g", i64::MAX)];
        bed.add(&rows.map(|(id, priority)| with_priority(id, priority))).await;
        assert_eq!(claimed_ids(bed, 1, 10).await, ["g", "c", "e", "a", "d", "b", "f"]);
    })
    .await;
}

#[tokio::test]
async fn a_job_that_waits_is_claimed_when_its_time_has_come_and_not_before() {
    on_every_queue(async |bed| {
        bed.add(&[spec("early"), with_priority("urgent", 1), spec("late")]).await;
        for retry in [20, 10, 30] {
            let job = bed.claim(at(1)).await;
            bed.record(&job, Transition::TurnAway { retry_at: at(retry) }, at(1)).await.expect("turned away");
        }
        // urgent waits until 20, early until 10, late until 30.
        let none_before = |claim: Claim, seconds| match claim {
            Claim::NoneReady { next_retry_at } => assert_eq!(next_retry_at, Some(at(seconds))),
            other => panic!("{other:?}"),
        };
        none_before(bed.try_claim(bed.run, at(9)).await, 10);
        assert_eq!(bed.claim(at(10)).await.spec.id.as_str(), "early", "the moment itself is late enough");
        none_before(bed.try_claim(bed.run, at(19)).await, 20);
        let job = bed.claim(at(25)).await;
        assert_eq!((job.spec.id.as_str(), job.attempt), ("urgent", 2));
        assert_eq!(bed.job_row("urgent")["retry_at"], "NULL", "a claimed job waits for nothing");
        none_before(bed.try_claim(bed.run, at(25)).await, 30);
    })
    .await;
}

#[tokio::test]
async fn due_and_fresh_jobs_stand_in_one_line() {
    on_every_queue(async |bed| {
        bed.add(&[spec("first"), spec("second"), with_priority("high", 3)]).await;
        let high = bed.claim(at(1)).await;
        bed.step(&high, Transition::TurnAway { retry_at: at(10) }).await;
        let first = bed.claim(at(1)).await;
        bed.step(&first, Transition::TurnAway { retry_at: at(10) }).await;
        bed.add(&[with_priority("middle", 2)]).await;

        assert_eq!(claimed_ids(bed, 11, 10).await, ["high", "middle", "first", "second"]);
    })
    .await;
}

#[tokio::test]
async fn an_empty_line_says_so_and_names_no_time() {
    on_every_queue(async |bed| {
        for _ in 0..2 {
            let claim = bed.try_claim(bed.run, at(1)).await;
            assert!(matches!(claim, Claim::NoneReady { next_retry_at: None }), "{claim:?}");
        }
        assert_eq!(bed.spent(bed.run), 0, "a claim without a job costs nothing");
    })
    .await;
}

#[tokio::test]
async fn no_job_is_ever_claimed_twice_by_several_claimers() {
    on_every_queue(async |bed| {
        let rows: Vec<_> = (0..60).map(|n| spec(&format!("job-{n}"))).collect();
        bed.add(&rows).await;
        let other_process = bed.open(bed.location()).await;
        let claims = (0..80).map(|n| {
            let queue = if n % 2 == 0 { &bed.queue } else { &other_process };
            queue.claim(bed.run, ExternalTaskId::unique(), Claimant::default(), at(1))
        });
        let mut claimed = HashSet::new();
        let mut in_vain = 0;
        for claim in futures_util::future::join_all(claims).await {
            match claim.expect("a claim") {
                Claim::Job(job) => assert!(claimed.insert(job.seq), "{} was claimed twice", job.spec.id),
                Claim::NoneReady { next_retry_at: None } => in_vain += 1,
                other => panic!("{other:?}"),
            }
        }
        assert_eq!((claimed.len(), in_vain), (60, 20));
        assert_eq!(bed.count(StateName::Submitting), 60);
    })
    .await;
}

#[tokio::test]
async fn a_budget_is_spent_to_the_last_task_and_not_beyond() {
    on_every_queue(async |bed| {
        bed.add(&[spec("a"), spec("b"), spec("c")]).await;
        let run = run_with_budget(bed, 2).await;
        for _ in 0..2 {
            assert!(matches!(bed.try_claim(run, at(1)).await, Claim::Job(_)));
        }
        assert!(matches!(bed.try_claim(run, at(1)).await, Claim::BudgetSpent));
        assert_eq!(bed.spent(run), 2);
        assert_eq!((bed.count(StateName::Submitting), bed.count(StateName::Pending)), (2, 1));
        assert_eq!(bed.attempt_rows("c"), [], "a job beyond the budget is left as it was");

        let next_run = run_with_budget(bed, 1).await;
        assert!(matches!(bed.try_claim(next_run, at(1)).await, Claim::Job(_)), "a budget is that of one run");
        assert_eq!((bed.spent(run), bed.spent(next_run)), (2, 1));
    })
    .await;
}

#[tokio::test]
async fn a_budget_that_just_suffices_ends_with_nothing_ready() {
    on_every_queue(async |bed| {
        bed.add(&[spec("a")]).await;
        let run = run_with_budget(bed, 1).await;
        assert!(matches!(bed.try_claim(run, at(1)).await, Claim::Job(_)));
        assert!(matches!(bed.try_claim(run, at(1)).await, Claim::NoneReady { .. }));
    })
    .await;
}

#[tokio::test]
async fn a_budget_of_nothing_submits_nothing() {
    on_every_queue(async |bed| {
        bed.add(&[spec("a")]).await;
        let run = run_with_budget(bed, 0).await;
        assert!(matches!(bed.try_claim(run, at(1)).await, Claim::BudgetSpent));
        assert_eq!(bed.job("a").await.state, JobState::Pending { retry_at: None });
    })
    .await;
}

#[tokio::test]
async fn the_greatest_budget_is_no_error() {
    on_every_queue(async |bed| {
        bed.add(&[spec("a")]).await;
        let run = run_with_budget(bed, u64::MAX).await;
        assert!(matches!(bed.try_claim(run, at(1)).await, Claim::Job(_)));
    })
    .await;
}

#[tokio::test]
async fn what_certainly_created_nothing_gives_the_budget_back() {
    on_every_queue(async |bed| {
        for (id, answer) in [
            ("released", Transition::Release { retry_at: Some(at(900)) }),
            ("turned-away", Transition::TurnAway { retry_at: at(900) }),
            ("refused", Transition::Refuse { failure: failure(FailureKind::Refused) }),
        ] {
            let run = run_with_budget(bed, 1).await;
            bed.add(&[spec(id)]).await;
            let Claim::Job(job) = bed.try_claim(run, at(1)).await else { panic!("no job") };
            assert_eq!(bed.spent(run), 1);
            bed.step(&job, answer).await;
            assert_eq!(bed.spent(run), 0, "{id}");
        }
    })
    .await;
}

#[tokio::test]
async fn what_exists_or_may_exist_keeps_its_place_in_the_budget() {
    on_every_queue(async |bed| {
        let run = run_with_budget(bed, 1).await;
        bed.add(&[spec("a")]).await;
        let Claim::Job(job) = bed.try_claim(run, at(1)).await else { panic!("no job") };
        for transition in [
            Transition::LoseAnswer,
            Transition::SubmitAgain,
            Transition::LoseAnswer,
            Transition::Accept { task_id: task("t") },
            Transition::TaskFailForNow { retry_at: at(2) },
        ] {
            let verb = transition.verb();
            bed.step(&job, transition).await;
            assert_eq!(bed.spent(run), 1, "{verb}");
        }
        assert!(matches!(bed.try_claim(run, at(5)).await, Claim::BudgetSpent), "a second task would be a second one");
    })
    .await;
}

#[tokio::test]
async fn doubt_given_up_keeps_its_place_in_the_budget() {
    on_every_queue(async |bed| {
        let run = run_with_budget(bed, 5).await;
        bed.add(&[spec("a")]).await;
        let Claim::Job(job) = bed.try_claim(run, at(1)).await else { panic!("no job") };
        bed.step(&job, Transition::LoseAnswer).await;
        bed.step(&job, Transition::GiveUpDoubt).await;
        assert_eq!(bed.spent(run), 1);
        let Claim::Job(again) = bed.try_claim(run, at(6)).await else { panic!("no job") };
        assert_eq!((again.attempt, bed.spent(run)), (2, 2));
        assert_ne!(again.external_id, job.external_id);
    })
    .await;
}

#[tokio::test]
async fn the_unit_goes_back_to_the_run_that_reserved_it() {
    on_every_queue(async |bed| {
        bed.add(&[spec("a"), spec("b")]).await;
        let first = run_with_budget(bed, 1).await;
        let Claim::Job(job) = bed.try_claim(first, at(1)).await else { panic!("no job") };
        let second = run_with_budget(bed, 1).await;
        assert!(matches!(bed.try_claim(second, at(2)).await, Claim::Job(_)));

        bed.step(&job, Transition::Release { retry_at: None }).await;
        assert_eq!((bed.spent(first), bed.spent(second)), (0, 1));
        assert!(matches!(bed.try_claim(second, at(3)).await, Claim::BudgetSpent));
    })
    .await;
}

/// A job that an earlier run has left in doubt.
async fn left_in_doubt(bed: &Bed, id: &str) -> (RunId, ActiveJob) {
    let earlier = run_with_budget(bed, 5).await;
    bed.add(&[spec(id)]).await;
    let Claim::Job(job) = bed.try_claim(earlier, at(1)).await else { panic!("no job") };
    bed.step(&job, Transition::LoseAnswer).await;
    (earlier, *job)
}

#[tokio::test]
async fn submitting_again_counts_against_the_run_that_does_it() {
    on_every_queue(async |bed| {
        let (earlier, job) = left_in_doubt(bed, "a").await;
        let run = run_with_budget(bed, 1).await;
        let state = bed.queue.submit_again(run, Doubt::about(&job), at(6)).await.expect("submitted");
        assert_eq!(state, Resubmission::Job(JobState::Submitting { external_id: job.external_id.clone() }));
        assert_eq!((bed.spent(earlier), bed.spent(run)), (0, 1));
        let attempt = &bed.attempt_rows("a")[0];
        assert_eq!((attempt["asked"].as_str(), &attempt["external_task_id"]), ("2", &job.external_id.0));

        // Once more within the same run is the same task, and not a second one.
        bed.step(&job, Transition::LoseAnswer).await;
        let again = bed.queue.submit_again(run, Doubt::about(&job), at(7)).await.expect("submitted");
        assert!(matches!(again, Resubmission::Job(_)), "{again:?}");
        assert_eq!(bed.spent(run), 1);
        bed.step(&job, Transition::Refuse { failure: failure(FailureKind::Refused) }).await;
        assert_eq!((bed.spent(earlier), bed.spent(run)), (0, 0));
    })
    .await;
}

#[tokio::test]
async fn a_spent_budget_submits_nothing_again_however_often_it_is_asked() {
    on_every_queue(async |bed| {
        let (_, job) = left_in_doubt(bed, "a").await;
        let run = run_with_budget(bed, 0).await;
        let before = bed.tables();
        for _ in 0..3 {
            let again = bed.queue.submit_again(run, Doubt::about(&job), at(6)).await.expect("an answer");
            assert_eq!(again, Resubmission::BudgetSpent);
            assert_eq!(bed.tables(), before, "the job stays in doubt, and its attempt its own run's");
        }
    })
    .await;
}

#[tokio::test]
async fn only_a_doubtful_job_is_submitted_again_and_only_in_its_attempt() {
    on_every_queue(async |bed| {
        let (_, job) = left_in_doubt(bed, "a").await;
        let spent = run_with_budget(bed, 0).await;
        let running = bed.bring("b", StateName::Running).await;
        let before = bed.tables();
        for run in [bed.run, spent] {
            let error = bed.queue.submit_again(run, Doubt::about(&running), at(6)).await.expect_err("illegal");
            assert!(matches!(error, QueueError::Illegal { .. }), "{error}");
            let error = bed
                .queue
                .submit_again(run, Doubt { attempt: 2, ..Doubt::about(&job) }, at(6))
                .await
                .expect_err("stale");
            assert!(matches!(error, QueueError::Stale { .. }), "{error}");
        }
        assert_eq!(bed.tables(), before);
    })
    .await;
}

#[tokio::test]
async fn who_followed_an_earlier_submission_of_the_same_attempt_moves_the_next_one_no_more() {
    on_every_queue(async |bed| {
        let (run, earlier) = left_in_doubt(bed, "a").await;
        // Sent again it finds no room: the attempt does not count, and is claimed again.
        bed.queue.submit_again(run, Doubt::about(&earlier), at(2)).await.expect("submitted");
        bed.step(&earlier, Transition::Release { retry_at: None }).await;
        let Claim::Job(later) = bed.try_claim(bed.run, at(9)).await else { panic!("no job") };
        assert_eq!((later.seq, later.attempt), (earlier.seq, earlier.attempt));
        let before = bed.tables();
        let by_earlier = || Note { submission: Some(earlier.external_id.clone()), ..Note::default() };
        for transition in [Transition::Accept { task_id: task("one") }, Transition::LoseAnswer] {
            let late = bed.queue.record(earlier.seq, earlier.attempt, transition, by_earlier(), at(9)).await;
            assert!(matches!(late, Err(QueueError::Stale { .. })), "{late:?}");
        }
        assert_eq!(bed.tables(), before);
        bed.step(&later, Transition::LoseAnswer).await;
        let late = bed.queue.submit_again(bed.run, Doubt::about(&earlier), at(9)).await;
        assert!(matches!(late, Err(QueueError::Stale { .. })), "{late:?}");
        let note = Note { submission: Some(later.external_id.clone()), ..Note::default() };
        let accept = Transition::Accept { task_id: task("two") };
        bed.queue.record(later.seq, later.attempt, accept, note, at(9)).await.expect("its own");
    })
    .await;
}
