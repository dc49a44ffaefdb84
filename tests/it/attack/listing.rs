//! Asking for all tasks at once: where the list works it saves requests, and where it does not nobody notices.

use std::time::Duration;

use crate::support::provider::{Answer, Books, Fate, Kind, List, Provider, Script};
use crate::support::workshop::Workshop;

#[test]
fn where_the_list_works_it_asks_for_all_tasks_at_once() {
    let script = Script { list: List::NewestFirst, task_time: Duration::from_millis(1_000), ..Script::default() };
    let provider = Provider::start(script);
    let shop = Workshop::new(60);
    shop.run(&provider, &["--concurrency", "20", "--rate", "200", "--poll-interval", "200ms"]).assert_code(0);
    shop.assert_all_done(&provider);
    let books = provider.books();
    assert!(!books.lists().is_empty());
    let asked = books.status_requests().len();
    assert!(asked <= 45, "{asked} requests for 60 jobs: {}", books.story());
}

#[test]
fn a_list_that_is_of_no_use_costs_nothing_but_a_few_requests() {
    let lists = [
        List::OldestFirst,
        List::Terse,
        List::Gaps,
        List::Empty,
        List::Answer(Answer::html(404, "404 page not found")),
        List::Answer(Answer::gateway(405, "method not allowed")),
        List::Answer(Answer::gateway(403, "this key may not do this")),
        List::Answer(Answer::bad_key()),
        List::Answer(Answer::code(403, 1103, "no right to this API")),
        List::Answer(Answer::internal_error()),
        List::Answer(Answer::html(502, "502 Bad Gateway")),
        List::Answer(Answer::html(200, "Please wait")),
        List::Answer(Answer::code(200, 0, "SUCCEED")),
    ];
    for list in lists {
        let what = format!("{list:?}");
        let mut nth = 0;
        let fate = move |_: &str, attempt: usize| {
            nth += 1;
            if nth % 4 == 0 && attempt == 1 { Fate::Fail("internal error") } else { Fate::Succeed }
        };
        let provider = Provider::start(Script { list, fate: Box::new(fate), ..Script::default() });
        let shop = Workshop::new(9);
        let more = ["--concurrency", "3", "--poll-interval", "50ms", "--rate", "100", "--poll-rate", "100"];
        shop.run(&provider, &more).assert_code(0);
        shop.assert_all_done(&provider);
        let books = provider.books();
        assert!(!books.lists().is_empty(), "{what}: the list was never tried");
        assert!(books.lists().len() <= 40, "{what}: {}", books.story());
    }
}

#[test]
fn the_rate_and_the_interval_hold_whether_all_are_asked_about_or_one() {
    let script = Script { list: List::Gaps, task_time: Duration::from_millis(1_500), ..Script::default() };
    let provider = Provider::start(script);
    let shop = Workshop::new(18);
    let more = ["--concurrency", "18", "--rate", "100", "--poll-interval", "300ms", "--poll-rate", "12"];
    shop.run(&provider, &more).assert_code(0);
    shop.assert_all_done(&provider);
    let books = provider.books();
    let asked = books.status_requests();
    assert!(Books::most_in_a_second(&asked) <= 12, "{}", books.story());
    assert!(asked.iter().any(|seen| matches!(seen.kind, Kind::Query(_))), "the gaps were never asked about");
    // Whoever is asked about singly was in the walk before, or in none; either way the interval lies between.
    for (place, seen) in asked.iter().enumerate() {
        let is_again = |later: &&&crate::support::provider::Seen| later.kind == seen.kind;
        if let Some(again) = asked[place + 1..].iter().find(is_again) {
            // A page asks for many: at most four walks lie in an interval (docs/options.md, `--poll-interval`).
            let apart = if matches!(seen.kind, Kind::List { .. }) { 67 } else { 270 };
            assert!(again.at.duration_since(seen.at) >= Duration::from_millis(apart), "{}", books.story());
        }
    }
}
