//! Submissions whose answers are lost: found again, sent again where that is certainly safe, or left for a person.

use std::time::Duration;

use crate::support::provider::{Answer, CreateSeen, ExternalIds, Kind, Loss, OnCreate, OnQuery, Provider, Script};
use crate::support::workshop::Workshop;

/// Loses the first answer of every third job, each in another way; three in a row would be an outage.
fn lose_every_way(seen: &CreateSeen) -> OnCreate {
    let number: usize = seen.job.trim_start_matches("job-").parse().expect("a number");
    match Loss::ALL.get((number / 3).wrapping_sub(1)) {
        Some(loss) if number.is_multiple_of(3) && seen.nth_of_job == 1 => OnCreate::Lose(*loss),
        _ => OnCreate::Take,
    }
}

#[test]
fn an_answer_lost_in_any_way_is_found_again_by_the_external_id() {
    let provider =
        Provider::start(Script { on_create: Box::new(lose_every_way), refuses_duplicates: false, ..Script::default() });
    let shop = Workshop::new(30);
    shop.run(&provider, &[]).assert_code(0);
    shop.assert_all_done(&provider);
    assert_eq!(provider.books().creates().len(), 30);
    assert!(shop.rows().iter().all(|row| row.attempts == 1), "{}", shop.standing());
}

#[test]
fn where_external_ids_are_not_known_a_lost_answer_is_held_and_resubmitted_only_on_request() {
    let provider = Provider::start(Script {
        on_create: Box::new(lose_every_way),
        external_ids: ExternalIds::Ignored,
        ..Script::default()
    });
    let shop = Workshop::new(30);
    shop.run(&provider, &[]).assert_code(1);
    assert_eq!((shop.count("in_doubt"), shop.count("succeeded")), (10, 20), "{}", shop.standing());
    assert_eq!(provider.books().creates().len(), 30);
    shop.run(&provider, &[]).assert_code(1);
    assert_eq!(provider.books().creates().len(), 30, "held means held");
    let report = std::fs::read_to_string(shop.out().join("report.csv")).expect("a report");
    assert_eq!(report.lines().filter(|line| line.contains(",in_doubt,")).count(), 10, "{report}");
    shop.run(&provider, &["--in-doubt", "resubmit"]).assert_code(0);
    assert_eq!(shop.count("succeeded"), 30);
    assert_eq!(provider.books().creates().len(), 40);
    shop.assert_published();
}

#[test]
fn a_request_that_never_arrived_is_sent_again_under_the_same_external_id() {
    let provider = Provider::start(Script {
        resets: Box::new(|nth| nth == 2 || nth == 4),
        refuses_duplicates: false,
        ..Script::default()
    });
    let shop = Workshop::new(6);
    shop.run(&provider, &[]).assert_code(0);
    shop.assert_all_done(&provider);
    let books = provider.books();
    assert_eq!(books.creates().len(), 8);
    assert!(shop.rows().iter().all(|row| row.attempts == 1));
    let sent_again: Vec<_> = books.creates().iter().skip(6).map(|seen| seen.kind.clone()).collect();
    for kind in sent_again {
        let Kind::Create { external_id: Some(id), .. } = kind else { panic!("{kind:?}") };
        let asked: Vec<_> = books.queries().into_iter().filter(|seen| seen.kind == Kind::Query(id.clone())).collect();
        assert!(asked.len() >= 2, "it was not asked for twice before it was sent again: {}", books.story());
        let between = asked[asked.len() - 1].at.duration_since(asked[0].at);
        assert!(between >= Duration::from_secs(2), "asked twice within {between:?}");
    }
}

#[test]
fn a_task_that_appears_only_after_the_first_question_is_found_by_the_second() {
    let provider = Provider::start(Script {
        on_create: Box::new(|seen| match seen.nth {
            2 => OnCreate::TakeLate(Duration::from_secs(2)),
            _ => OnCreate::Take,
        }),
        refuses_duplicates: false,
        ..Script::default()
    });
    let shop = Workshop::new(3);
    shop.run(&provider, &[]).assert_code(0);
    shop.assert_all_done(&provider);
    assert_eq!(provider.books().creates().len(), 3);
}

#[test]
fn a_duplicate_that_is_refused_leads_to_the_task_that_exists() {
    // The task of the lost create cannot be found for a while, so it is sent again, and refused.
    let provider = Provider::start(Script {
        on_create: Box::new(|seen| match (seen.job.as_str(), seen.nth_of_job) {
            ("job-002", 1) => OnCreate::Lose(Loss::Html502),
            _ => OnCreate::Take,
        }),
        on_query: Box::new(|seen| match seen.job.as_deref() {
            Some("job-002") if seen.is_by_external_id && seen.nth_of_task <= 2 => {
                OnQuery::Answer(Answer::unknown_task())
            }
            _ => OnQuery::Truth,
        }),
        ..Script::default()
    });
    let shop = Workshop::new(2);
    shop.run(&provider, &[]).assert_code(0);
    shop.assert_all_done(&provider);
    let books = provider.books();
    assert!(books.creates().iter().any(|create| create.status == Some(400)), "{}", books.story());
}

#[test]
fn a_young_task_that_cannot_be_found_yet_is_not_given_up_after_one_question() {
    let provider = Provider::start(Script {
        on_create: Box::new(|seen| if seen.nth == 1 { OnCreate::Lose(Loss::Closed) } else { OnCreate::Take }),
        on_query: Box::new(|seen| match seen.nth_of_task {
            1 => OnQuery::Answer(Answer::unknown_task()),
            _ => OnQuery::Truth,
        }),
        refuses_duplicates: false,
        ..Script::default()
    });
    let shop = Workshop::new(1);
    shop.run(&provider, &["--in-doubt", "resubmit"]).assert_code(0);
    shop.assert_all_done(&provider);
}

#[test]
fn a_404_of_a_gateway_is_no_proof_that_there_is_no_task() {
    let provider = Provider::start(Script {
        on_create: Box::new(|seen| match seen.job.as_str() {
            "job-002" if seen.nth_of_job == 1 => OnCreate::Lose(Loss::Html504),
            _ => OnCreate::Take,
        }),
        on_query: Box::new(|seen| match seen.job.as_deref() {
            Some("job-002") if seen.nth_of_task <= 3 => OnQuery::Answer(Answer::html(404, "404 page not found")),
            _ => OnQuery::Truth,
        }),
        refuses_duplicates: false,
        ..Script::default()
    });
    let shop = Workshop::new(3);
    shop.run(&provider, &[]).assert_code(0);
    shop.assert_all_done(&provider);
    assert_eq!(provider.books().creates().len(), 3, "{}", provider.books().story());
}

#[test]
fn doubt_that_the_budget_forbids_to_settle_ends_the_run_instead_of_keeping_it_alive() {
    let provider = Provider::start(Script { resets: Box::new(|nth| nth == 2), ..Script::default() });
    let shop = Workshop::new(2);
    let run = shop.start(&provider, &["--concurrency", "1"]);
    provider.wait_until("the lost submission", |books| books.creates().len() == 2 && books.tasks.len() == 1);
    run.kill();
    shop.run(&provider, &["--budget", "0"]).assert_code(3);
    assert_eq!(provider.books().creates().len(), 2);
    shop.run(&provider, &["--budget", "1"]).assert_code(0);
    shop.assert_all_done(&provider);
}
