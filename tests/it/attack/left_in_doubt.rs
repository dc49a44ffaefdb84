//! What is learnt about external ids and when it counts, doubt that an earlier run has left, and the slots of doubtful
//! jobs.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::json;
use tryon::engine::{RunEnd, SlotCount};

use crate::support::in_process::{Setup, run_here};
use crate::support::provider::{Answer, ExternalIds, Kind, Loss, OnCreate, OnQuery, Provider, QuerySeen, Script, Seen};
use crate::support::workshop::Workshop;

fn loaded(provider: &Provider, jobs: usize) -> Workshop {
    let shop = Workshop::new(jobs);
    shop.call(provider, &["load", "jobs.csv"]).assert_code(0);
    shop
}

/// Kills a run when job-001 is done, by which ids are proven, and the submissions of the other jobs have left.
fn killed_after_submissions(shop: &Workshop, provider: &Provider) {
    let run = shop.start(provider, &["--rate", "2", "--doubt-age", "60s"]);
    provider.wait_until("the submissions, dealt with", |books| {
        books.creates().len() == shop.jobs.len() && books.creates().iter().all(|seen| seen.until.is_some())
    });
    run.kill();
    assert_eq!(shop.external_ids(), Some(true), "{}", provider.books().story());
    assert_eq!(shop.count("in_doubt") + shop.count("submitting"), shop.jobs.len() - 1, "{}", shop.standing());
}

fn quick(settings: &mut Setup) {
    settings.doubt_interval = Duration::from_millis(100);
}

#[test]
fn a_task_made_late_is_not_paid_for_twice_by_the_run_after_the_one_that_was_killed_whatever_the_clock_says() {
    let provider = Provider::start(Script {
        on_create: Box::new(|seen| match seen.job.as_str() {
            "job-002" => OnCreate::TakeLate(Duration::from_secs(4)),
            _ => OnCreate::Take,
        }),
        refuses_duplicates: false,
        ..Script::default()
    });
    let shop = Workshop::new(2);
    killed_after_submissions(&shop, &provider);
    // The clock is set forward between the runs.
    shop.age_submissions(Duration::from_secs(3_600));
    let end = run_here(&shop, &provider, |settings| {
        quick(settings);
        settings.doubt_age = Duration::from_secs(7);
    });
    assert_eq!(end, RunEnd::Done);
    shop.assert_all_done(&provider);
    assert_eq!(provider.books().creates().len(), 2, "{}", provider.books().story());
}

#[test]
fn doubt_is_not_settled_by_one_question() {
    // One submission never arrived. The other's task is there, and its first question says otherwise.
    let provider = Provider::start(Script {
        resets: Box::new(|nth| nth == 2),
        on_create: Box::new(|seen| match seen.job.as_str() {
            "job-003" => OnCreate::Lose(Loss::Closed),
            _ => OnCreate::Take,
        }),
        // Nothing is told to the first run.
        on_query: Box::new(|seen| match seen.job.as_deref() {
            Some("job-003") => OnQuery::Answer(Answer::html(502, "502 Bad Gateway")),
            _ => OnQuery::Truth,
        }),
        refuses_duplicates: false,
        ..Script::default()
    });
    let shop = Workshop::new(3);
    killed_after_submissions(&shop, &provider);
    let is_first = AtomicBool::new(true);
    provider.change(|script| {
        script.on_query = Box::new(move |seen| match seen.job.as_deref() {
            Some("job-003") if is_first.swap(false, Ordering::Relaxed) => OnQuery::Unknown,
            _ => OnQuery::Truth,
        });
    });
    let end = run_here(&shop, &provider, |settings| {
        quick(settings);
        settings.doubt_age = Duration::ZERO;
    });
    assert_eq!(end, RunEnd::Done);
    shop.assert_all_done(&provider);
    assert_eq!(provider.books().creates().len(), 4, "{}", provider.books().story());
}

#[test]
fn what_one_accounts_key_has_submitted_is_not_submitted_again_with_anothers() {
    // The other account has none of these tasks.
    another_key_submits_nothing_again(|_| OnQuery::Unknown);
}

#[test]
fn a_task_of_another_account_with_the_same_number_does_not_make_its_key_the_same() {
    let counted = |info: serde_json::Value| {
        another_key_submits_nothing_again(move |seen| match seen.is_by_external_id {
            true => OnQuery::Unknown,
            false => OnQuery::Answer(Answer::json(200, &json!({ "code": 0, "message": "SUCCEED", "data": info }))),
        });
    };
    let task = json!({ "task_id": "task-1", "task_status": "processing", "created_at": 1, "updated_at": 2 });
    let mut of_another = task.clone();
    of_another["task_info"] = json!({ "external_task_id": "of-another-shop" });
    counted(of_another);
    counted(task);
}

/// A submission of which the answer was lost, and a run with another account's key, which answers questions as it says.
fn another_key_submits_nothing_again(another: impl Fn(&QuerySeen) -> OnQuery + Send + 'static) {
    let provider = Provider::start(Script {
        on_create: Box::new(|seen| match seen.job.as_str() {
            "job-002" => OnCreate::Lose(Loss::Closed),
            _ => OnCreate::Take,
        }),
        // It is not found before the kill.
        on_query: Box::new(|seen| match seen.job.as_deref() {
            Some("job-002") => OnQuery::Answer(Answer::html(502, "502 Bad Gateway")),
            _ => OnQuery::Truth,
        }),
        refuses_duplicates: false,
        ..Script::default()
    });
    let shop = Workshop::new(2);
    killed_after_submissions(&shop, &provider);
    let now = |settings: &mut Setup| {
        quick(settings);
        settings.doubt_age = Duration::ZERO;
    };
    provider.change(|script| script.on_query = Box::new(move |seen| another(seen)));
    assert_eq!(run_here(&shop, &provider, now), RunEnd::Done);
    assert_eq!(shop.count("in_doubt"), 1, "{}", shop.standing());
    provider.change(|script| script.on_query = Box::new(|_| OnQuery::Truth));
    assert_eq!(run_here(&shop, &provider, now), RunEnd::Done);
    shop.assert_all_done(&provider);
    assert_eq!(provider.books().creates().len(), 2, "{}", provider.books().story());
}

/// Five tasks are accepted, one a while; the sixth job's answer is lost. Until it is asked for, `early` decides what
/// questions about the others are answered. That the provider knows our ids must not be given up over it.
///
/// Tasks are asked about every `interval`: what works in between keeps the rest from being an outage.
fn ids_are_not_given_up(interval: Duration, early: fn(&QuerySeen) -> OnQuery) {
    const LOST: &str = "job-006";
    let is_over = Arc::new(AtomicBool::new(false));
    let provider = Provider::start(Script {
        task_time: Duration::from_secs(5),
        on_create: Box::new(|seen| if seen.job == LOST { OnCreate::Lose(Loss::Closed) } else { OnCreate::Take }),
        on_query: Box::new(move |seen| {
            is_over.fetch_or(seen.job.as_deref() == Some(LOST), Ordering::Relaxed);
            if is_over.load(Ordering::Relaxed) { OnQuery::Truth } else { early(seen) }
        }),
        refuses_duplicates: false,
        ..Script::default()
    });
    let shop = loaded(&provider, 6);
    let end = run_here(&shop, &provider, |settings| {
        quick(settings);
        settings.rate_per_second = 2.5;
        settings.poll_interval = interval;
        settings.slots = SlotCount::AtMost(6);
    });
    assert_eq!(end, RunEnd::Done);
    shop.assert_all_done(&provider);
    assert_eq!(provider.books().creates().len(), 6, "{}", provider.books().story());
}

#[test]
fn that_ids_are_unknown_is_not_learnt_from_questions_that_are_not_answered() {
    ids_are_not_given_up(Duration::from_millis(50), |seen| match seen.is_by_external_id {
        true => OnQuery::Answer(Answer::html(502, "502 Bad Gateway")),
        false => OnQuery::Truth,
    });
}

#[test]
fn that_ids_are_unknown_is_not_learnt_from_a_task_that_is_not_found_by_its_own_id_either() {
    ids_are_not_given_up(Duration::from_millis(700), |seen| match seen.is_by_external_id {
        true => OnQuery::Unknown,
        false => OnQuery::Answer(Answer::html(502, "502 Bad Gateway")),
    });
}

#[test]
fn an_accepted_task_is_asked_for_by_our_id_and_what_that_shows_is_remembered() {
    for external_ids in [ExternalIds::Known, ExternalIds::Ignored] {
        let provider =
            Provider::start(Script { external_ids, task_time: Duration::from_secs(3_600), ..Script::default() });
        let shop = loaded(&provider, 1);
        run_here(&shop, &provider, |settings| {
            quick(settings);
            settings.task_timeout = Duration::from_secs(3);
        });
        let is_known = external_ids == ExternalIds::Known;
        assert_eq!(shop.external_ids(), Some(is_known), "{}", provider.books().story());
        let books = provider.books();
        let by_our_id = |seen: &&Seen| seen.kind != Kind::Query("task-1".to_owned());
        let asked = books.queries().into_iter().filter(by_our_id).count();
        assert_eq!(asked, if is_known { 1 } else { 5 }, "{}", books.story());
    }
}

#[test]
fn doubt_that_could_not_be_settled_before_ids_were_proven_is_settled_then() {
    let mut evasions = 0;
    let provider = Provider::start(Script {
        on_create: Box::new(|seen| if seen.nth == 1 { OnCreate::Lose(Loss::Closed) } else { OnCreate::Take }),
        // No word about the first task, until the job is given up for the time being.
        on_query: Box::new(move |seen| {
            if seen.job.as_deref() == Some("job-001") && evasions < 5 {
                evasions += 1;
                return OnQuery::Answer(Answer::code(400, 1200, "bad parameter"));
            }
            OnQuery::Truth
        }),
        refuses_duplicates: false,
        ..Script::default()
    });
    let shop = loaded(&provider, 2);
    let end = run_here(&shop, &provider, |settings| {
        quick(settings);
        settings.rate_per_second = 0.5;
    });
    assert_eq!(end, RunEnd::Done);
    shop.assert_all_done(&provider);
    assert_eq!(provider.books().creates().len(), 2, "{}", provider.books().story());
}

#[test]
fn a_job_that_seems_unknown_keeps_no_slot_and_takes_one_again_when_its_task_is_found() {
    let task_time = Duration::from_millis(2_500);
    let provider = Provider::start(Script {
        task_time,
        on_create: Box::new(|seen| match seen.job.as_str() {
            "job-002" => OnCreate::TakeLate(Duration::from_secs(1)),
            _ => OnCreate::Take,
        }),
        refuses_duplicates: false,
        ..Script::default()
    });
    let shop = loaded(&provider, 4);
    let end = run_here(&shop, &provider, |settings| {
        quick(settings);
        settings.slots = SlotCount::AtMost(1);
        settings.doubt_age = Duration::from_secs(8);
    });
    assert_eq!(end, RunEnd::Done);
    shop.assert_all_done(&provider);
    let books = provider.books();
    let sent = |job: &str| {
        let is_of = |seen: &&&Seen| matches!(&seen.kind, Kind::Create { job: Some(of), .. } if of == job);
        books.creates().iter().find(is_of).map(|seen| seen.at).expect("a create")
    };
    let late = books.tasks.iter().find(|task| task.job == "job-002").expect("a task");
    let began = late.ends_at - task_time;
    assert!(sent("job-003") < began, "the slot was free while there seemed to be no task: {}", books.story());
    assert!(sent("job-004") >= late.ends_at, "the one slot was not free: {}", books.story());
}
