//! `--concurrency auto`: the account's slots are found, kept full, shared and remembered.

use std::time::Duration;

use crate::support::provider::{Answer, Fate, OnCreate, Provider, Script};
use crate::support::workshop::Workshop;

const QUICK: [&str; 8] = ["--concurrency", "auto", "--rate", "100", "--poll-interval", "50ms", "--poll-rate", "200"];

#[test]
fn auto_finds_the_cap_with_few_refusals_and_no_attempt_is_lost() {
    let provider = Provider::start(Script { cap: 7, task_time: Duration::from_millis(400), ..Script::default() });
    let shop = Workshop::new(40);
    shop.run(&provider, &QUICK).assert_code(0);
    shop.assert_all_done(&provider);
    let books = provider.books();
    assert_eq!(books.most_in_flight, 7);
    let refused = books.creates().iter().filter(|create| create.status == Some(429)).count();
    assert!((1..=8).contains(&refused), "{refused} creates were over the cap: {}", books.story());
    assert!(shop.rows().iter().all(|row| row.attempts == 1), "{}", shop.standing());
}

#[test]
fn the_next_run_begins_with_the_number_that_was_found() {
    let provider = Provider::start(Script { cap: 6, task_time: Duration::from_millis(400), ..Script::default() });
    let shop = Workshop::new(30);
    shop.run(&provider, &[&QUICK[..], &["--budget", "20"]].concat()).assert_code(3);
    let before = provider.books().requests.len();
    shop.run(&provider, &QUICK).assert_code(0);
    shop.assert_all_done(&provider);
    let books = provider.books();
    let second_run = &books.requests[before..];
    assert!(!second_run.iter().any(|seen| seen.status == Some(429)), "{}", books.story());
    assert_eq!(books.most_in_flight, 6);
}

#[test]
fn an_account_whose_slots_are_all_taken_by_others_is_waited_for_without_hurry() {
    let mut refusals = 7;
    let on_create = move |_: &_| {
        refusals -= i32::from(refusals > 0);
        if refusals > 0 { OnCreate::Refuse(Answer::over_cap()) } else { OnCreate::Take }
    };
    let provider = Provider::start(Script { on_create: Box::new(on_create), ..Script::default() });
    let shop = Workshop::new(5);
    shop.run(&provider, &QUICK).assert_code(0);
    shop.assert_all_done(&provider);
    let books = provider.books();
    let refused: Vec<_> = books.creates().into_iter().filter(|create| create.status == Some(429)).collect();
    assert_eq!(refused.len(), 6);
    // The first ones left together; after them one is tried at a time.
    let apart = refused[5].at.duration_since(refused[4].at);
    assert!(apart >= Duration::from_millis(900), "a refusal is followed by a wait, not {apart:?}");
}

#[test]
fn waiting_for_room_at_the_account_is_told_by_status_and_log() {
    let provider = Provider::start(Script { cap: 0, ..Script::default() });
    let shop = Workshop::new(2);
    let mut run = shop.start(&provider, &QUICK);
    let why = "all slots of the account are in use";
    let since = std::time::Instant::now();
    while !shop.call(&provider, &["status"]).said.contains(why) {
        assert!(run.is_alive() && since.elapsed() < Duration::from_secs(30), "{}", run.said());
    }
    provider.change(|script| script.cap = 5);
    let ended = run.end();
    ended.assert_code(0);
    assert!(ended.said.contains(why), "{}", ended.said);
    shop.assert_all_done(&provider);
}

#[test]
fn a_task_that_fails_for_want_of_room_tells_where_the_cap_is() {
    let mut fates = (1..).map(|nth| nth == 4);
    let fate = move |_: &str, _| match fates.next() {
        Some(true) => Fate::Fail("parallel task over resource pack limit"),
        _ => Fate::Succeed,
    };
    let provider = Provider::start(Script { fate: Box::new(fate), ..Script::default() });
    let shop = Workshop::new(6);
    shop.run(&provider, &QUICK).assert_code(0);
    shop.assert_all_done(&provider);
    assert!(shop.slots_found().is_some(), "{}", provider.books().story());
    assert!(shop.rows().iter().all(|row| row.attempts == 1), "{}", shop.standing());
}
