//! What the queue knows of accounts: to which one an attempt goes, what each took last, and how they go on.

use tryon::job::{AccountName, ExternalTaskId, Forms, JobSpec, ModelName, StateName, Transition};
use tryon::queue::{
    AccountStanding, AccountTally, ActiveJob, Beat, Claim, Claimant, Note, ProviderKind, QueueError, TakenTask,
};

use super::bed::{Bed, at, model, on_every_queue, report_of, spec, task, with_priority};

fn name(text: &str) -> Option<AccountName> {
    (!text.is_empty()).then(|| AccountName::parse(text).expect("a name"))
}

fn at_home(account: &str) -> Option<String> {
    (!account.is_empty()).then(|| format!("{account} at home"))
}

async fn claim_for(bed: &Bed, account: &str) -> ActiveJob {
    let by = Claimant {
        account: name(account),
        endpoint: at_home(account),
        default_model: ModelName::default(),
        ..Claimant::default()
    };
    match bed.queue.claim(bed.run, ExternalTaskId::unique(), by, at(1)).await.expect("a claim") {
        Claim::Job(job) => *job,
        other => panic!("no job: {other:?}"),
    }
}

#[tokio::test]
async fn an_attempt_belongs_to_the_account_that_claimed_it_last() {
    on_every_queue(async |bed| {
        bed.add(&[spec("a")]).await;
        let first = claim_for(bed, "one").await;
        assert_eq!(first.account, name("one"));
        bed.step(&first, Transition::Release { retry_at: None }).await;
        let second = claim_for(bed, "two").await;
        assert_eq!((second.account, second.attempt), (name("two"), 1), "a release is no attempt");
        assert_eq!(bed.job("a").await.account, name("two"));
        assert_eq!(bed.attempts("a").await[0].account, name("two"));
        let report = report_of(&*bed.queue).await;
        let row = report.iter().find(|row| row.id == "a").expect("its row");
        assert_eq!(row.account, name("two"));
        let active = bed.queue.active(&[StateName::Submitting], 9).await.expect("jobs");
        assert_eq!(active[0].account, name("two"));
    })
    .await;
}

#[tokio::test]
async fn an_account_is_told_by_its_own_last_task_and_by_no_other_accounts() {
    on_every_queue(async |bed| {
        bed.add(&[spec("a"), spec("b"), spec("c"), spec("d")]).await;
        let mut taken = Vec::new();
        // Two of them count their tasks.
        for (account, id) in [("one", "1"), ("two", "1"), ("", "3")] {
            let job = claim_for(bed, account).await;
            bed.step(&job, Transition::Accept { task_id: task(id) }).await;
            taken.push(Some(TakenTask { task_id: task(id), external_id: Some(job.external_id) }));
        }
        let [one, two, unnamed] = <[_; 3]>::try_from(taken).expect("three");
        let doubtful = claim_for(bed, "one").await;
        let told = async || bed.queue.task_of_the_same_account(doubtful.seq, 1).await.expect("an answer");
        assert_eq!(told().await, one);
        for (account, expected) in [("two", two), ("", unnamed), ("three", None)] {
            bed.queue.assign_account(doubtful.seq, 1, name(account), at_home(account)).await.expect("assigned");
            assert_eq!(told().await, expected, "{account}");
        }
    })
    .await;
}

#[tokio::test]
async fn what_a_doubtful_job_was_found_by_tells_its_account_from_then_on() {
    on_every_queue(async |bed| {
        bed.add(&[spec("a"), spec("b"), spec("c")]).await;
        let taken = claim_for(bed, "old").await;
        bed.step(&taken, Transition::Accept { task_id: task("1") }).await;
        let known_by = Some(TakenTask { task_id: task("1"), external_id: Some(taken.external_id) });
        let doubtful = claim_for(bed, "old").await;
        bed.step(&doubtful, Transition::LoseAnswer).await;
        let told = async || bed.queue.task_of_the_same_account(doubtful.seq, 1).await.expect("an answer");
        assert_eq!(told().await, known_by);
        bed.queue.assign_account(doubtful.seq, 1, name("new"), at_home("new")).await.expect("assigned");
        assert_eq!(told().await, known_by);
        // What the account takes itself is better.
        let third = claim_for(bed, "new").await;
        bed.step(&third, Transition::Accept { task_id: task("2") }).await;
        assert_eq!(told().await, Some(TakenTask { task_id: task("2"), external_id: Some(third.external_id) }));
    })
    .await;
}

#[tokio::test]
async fn only_the_present_attempt_is_assigned_to_another_account() {
    on_every_queue(async |bed| {
        let job = bed.bring("a", StateName::InDoubt).await;
        let error = bed.queue.assign_account(job.seq, 2, name("one"), None).await.expect_err("no such attempt");
        assert!(matches!(error, QueueError::Stale { .. }), "{error}");
        assert_eq!(bed.job("a").await.account, None);
    })
    .await;
}

#[tokio::test]
async fn a_heartbeat_tells_how_the_accounts_go_on() {
    on_every_queue(async |bed| {
        let standing = |text: &str, submitted| AccountStanding {
            name: name(text).expect("a name"),
            slots: 10,
            in_flight: 3,
            done: AccountTally {
                submitted,
                images: submitted,
                failed: 1,
                units: if submitted > 1 { 2.5 } else { 0.0 },
                paid: 0.0,
                has_told_cost: submitted > 1,
            },
            trouble: None,
            has_ended: false,
        };
        let beat = |accounts: &[AccountStanding]| Beat { accounts: accounts.to_vec(), ..Beat::default() };
        let told = async || bed.queue.last_run().await.expect("an answer").expect("a run").accounts;
        let first = [standing("z", 1), standing("a", 2)];
        bed.queue.beat(bed.run, beat(&first), at(2)).await.expect("a beat");
        assert_eq!(told().await, first, "in their order");
        let empty = AccountStanding { trouble: Some("used up".to_owned()), has_ended: true, ..standing("a", 7) };
        let second = [standing("z", 9), empty];
        bed.queue.beat(bed.run, beat(&second), at(4)).await.expect("a beat");
        assert_eq!(told().await, second);
    })
    .await;
}

#[tokio::test]
async fn named_accounts_go_on_with_any_real_queue_and_never_with_the_sandbox() {
    use ProviderKind::{Accounts, Dmxapi, Kling, Sandbox};
    on_every_queue(async |bed| {
        for (kind, is_fine) in
            [(Dmxapi, true), (Accounts, true), (Kling, true), (Dmxapi, false), (Accounts, true), (Sandbox, false)]
        {
            assert_eq!(bed.queue.bind(kind).await.is_ok(), is_fine, "{kind:?}");
        }
    })
    .await;
    on_every_queue(async |bed| {
        bed.queue.bind(Sandbox).await.expect("bound");
        for kind in [Accounts, Dmxapi] {
            assert!(matches!(bed.queue.bind(kind).await, Err(QueueError::OtherProvider { .. })), "{kind:?}");
        }
    })
    .await;
}

#[tokio::test]
async fn the_pace_that_an_endpoint_bears_is_remembered() {
    on_every_queue(async |bed| {
        let found = async || bed.queue.pace_found("a at https://h").await.expect("an answer");
        assert_eq!(found().await, None);
        for pace in [3.0, 12.5] {
            bed.queue.learn_pace("a at https://h".to_owned(), pace).await.expect("noted");
            assert_eq!(found().await, Some(pace));
        }
        let job = bed.bring("a", StateName::Submitting).await;
        bed.queue.record(job.seq, 1, Transition::LoseAnswer, Note::default(), at(3)).await.expect("legal");
        assert_eq!(bed.queue.slots_found("a at https://h").await.expect("an answer"), None, "and nothing else");
    })
    .await;
}

#[tokio::test]
async fn rows_of_a_form_that_an_account_is_not_open_in_are_left_for_another_account() {
    let kolors = Forms { kolors: true, solutions: false };
    let solutions = Forms { kolors: false, solutions: true };
    on_every_queue(async |bed| {
        let three = JobSpec { model: Some(model("virtual-try-on-3")), ..with_priority("three", 9) };
        let five = JobSpec { model: Some(model("kolors-virtual-try-on-v1-5")), ..with_priority("five", 8) };
        bed.add(&[three, five, spec("any")]).await;
        let claim = async |forms| {
            let by = Claimant { forms, ..Claimant::default() };
            match bed.queue.claim(bed.run, ExternalTaskId::unique(), by, at(1)).await.expect("a claim") {
                Claim::Job(job) => job.spec.id.to_string(),
                _ => "none".to_owned(),
            }
        };
        let up = bed.queue.next_up(kolors, at(1)).await.expect("an answer").expect("a job");
        assert_eq!(up.id.as_str(), "five");
        let beyond = async |forms| bed.queue.next_beyond(forms).await.expect("an answer").map(|id| id.to_string());
        assert_eq!(beyond(kolors).await.as_deref(), Some("three"));
        assert_eq!((beyond(solutions).await.as_deref(), beyond(Forms::ALL).await), (Some("five"), None));
        assert_eq!(
            (claim(kolors).await, claim(kolors).await, claim(kolors).await),
            ("five".into(), "any".into(), "none".into())
        );
        let claimable = async |forms| bed.queue.has_claimable(forms).await.expect("an answer");
        assert_eq!((claimable(kolors).await, claimable(solutions).await), (false, true));
        assert_eq!(claim(solutions).await, "three");
        assert!(!claimable(Forms::ALL).await);
    })
    .await;
}
