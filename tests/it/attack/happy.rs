//! All goes well, and every limit holds.

use std::time::Duration;

use crate::support::provider::{Books, Provider, Script};
use crate::support::workshop::Workshop;

#[test]
fn a_cap_below_the_concurrency_is_found_and_costs_no_attempt() {
    let provider = Provider::start(Script { cap: 3, ..Script::default() });
    let shop = Workshop::new(20);
    shop.run(&provider, &["--concurrency", "8"]).assert_code(0);
    shop.assert_all_done(&provider);
    let books = provider.books();
    assert_eq!(books.most_in_flight, 3);
    assert!(books.creates().iter().any(|create| create.status == Some(429)), "the cap was never met");
    assert!(shop.rows().iter().all(|row| row.attempts == 1), "{}", shop.standing());
}

#[test]
fn no_more_tasks_are_in_flight_than_asked_for_and_none_twice_when_run_again() {
    let provider = Provider::start(Script::default());
    let shop = Workshop::new(30);
    shop.run(&provider, &["--concurrency", "4"]).assert_code(0);
    shop.assert_all_done(&provider);
    assert_eq!(provider.books().most_in_flight, 4);
    assert_eq!(provider.books().creates().len(), 30);
    let before = provider.books().requests.len();
    shop.run(&provider, &[]).assert_code(0);
    assert_eq!(provider.books().requests.len(), before, "a finished queue calls nobody");
}

#[test]
fn the_first_job_of_a_run_is_submitted_once_even_when_doubt_is_resubmitted() {
    for _ in 0..5 {
        let provider = Provider::start(Script::default());
        let shop = Workshop::new(3);
        shop.run(&provider, &["--in-doubt", "resubmit"]).assert_code(0);
        shop.assert_all_done(&provider);
        assert_eq!(provider.books().creates().len(), 3, "{}", provider.books().story());
        assert!(shop.rows().iter().all(|row| row.attempts == 1));
        let asked_in_vain = provider.books().queries().iter().any(|query| query.status == Some(400));
        assert!(!asked_in_vain, "no submission was ever in doubt: {}", provider.books().story());
    }
}

#[test]
fn the_end_of_a_run_tells_what_its_units_are_worth() {
    let provider = Provider::start(Script::default());
    let shop = Workshop::new(3);
    let ended = shop.run(&provider, &["--price", "0.5"]);
    ended.assert_code(0);
    assert!(ended.said.contains("  units     3, which is 1.5 at 0.5 a unit\n"), "{}", ended.said);
}

#[test]
fn both_rates_hold_in_any_window_of_a_second() {
    let provider = Provider::start(Script { task_time: Duration::from_millis(1_500), ..Script::default() });
    let shop = Workshop::new(12);
    shop.run(&provider, &["--concurrency", "12", "--rate", "5", "--poll-rate", "8"]).assert_code(0);
    shop.assert_all_done(&provider);
    let books = provider.books();
    assert_eq!(books.creates().len(), 12);
    assert!(Books::most_in_a_second(&books.creates()) <= 5, "{}", books.story());
    assert!(Books::most_in_a_second(&books.queries()) <= 8, "{}", books.story());
}

#[test]
fn no_task_is_asked_about_more_often_than_the_poll_interval_allows() {
    let provider = Provider::start(Script { task_time: Duration::from_millis(900), ..Script::default() });
    let shop = Workshop::new(6);
    shop.run(&provider, &["--poll-interval", "200ms"]).assert_code(0);
    shop.assert_all_done(&provider);
    let books = provider.books();
    let queries = books.queries();
    for (place, query) in queries.iter().enumerate() {
        let again = queries[place + 1..].iter().find(|later| later.kind == query.kind);
        // A request may be delayed on its way, which makes the distance to the next one look shorter.
        let long_enough =
            |later: &crate::support::provider::Seen| later.at.duration_since(query.at) >= Duration::from_millis(180);
        assert!(again.is_none_or(|later| long_enough(later)), "{}", books.story());
    }
    assert!(queries.len() >= 6 * 3, "{}", books.story());
}
