//! Signals, a second run, and a provider that nobody ever reached.

use std::time::{Duration, Instant};

use tryon::engine::RunEnd;

use crate::support::in_process::run_here;
use crate::support::provider::{ExternalIds, OnCreate, Outage, Provider, Script};
use crate::support::workshop::Workshop;

#[cfg(unix)]
#[test]
fn an_interrupted_run_submits_nothing_more_and_the_next_one_completes_it() {
    for (signal, code) in [("INT", 130), ("TERM", 143)] {
        // Without external ids a submission left in the air would stay in doubt for ever.
        let provider = Provider::start(Script {
            task_time: Duration::from_millis(300),
            external_ids: ExternalIds::Ignored,
            ..Script::default()
        });
        let shop = Workshop::new(60);
        // With slots enough a claim is always under way when the signal comes.
        let run = shop.start(&provider, &["--concurrency", "60", "--rate", "200"]);
        provider.wait_until("some tasks", |books| books.tasks.len() >= 12);
        run.signal(signal);
        let signalled = Instant::now();
        let end = run.end();
        end.assert_code(code);
        assert!(signalled.elapsed() < Duration::from_secs(6), "{:?}", signalled.elapsed());
        let books = provider.books();
        let heard = signalled + Duration::from_millis(50);
        let late = books.creates().into_iter().filter(|seen| seen.at > heard).count();
        assert_eq!(late, 0, "submitted after the signal: {}", books.story());
        assert_eq!(shop.count("submitting") + shop.count("in_doubt"), 0, "{}", shop.standing());
        shop.run(&provider, &[]).assert_code(0);
        shop.assert_all_done(&provider);
        assert_eq!(provider.books().creates().len(), 60);
    }
}

#[cfg(unix)]
#[test]
fn an_interruption_waits_for_answers_that_are_on_their_way() {
    let provider = Provider::start(Script { on_create: Box::new(|_| OnCreate::Hold), ..Script::default() });
    let shop = Workshop::new(3);
    let run = shop.start(&provider, &[]);
    provider.wait_until("three answers held back", |books| books.held == 3);
    run.signal("INT");
    std::thread::sleep(Duration::from_millis(400));
    provider.let_go();
    run.end().assert_code(130);
    assert_eq!(shop.count("running"), 3, "{}", shop.standing());
    shop.run(&provider, &[]).assert_code(0);
    shop.assert_all_done(&provider);
    assert_eq!(provider.books().creates().len(), 3);
}

#[cfg(unix)]
#[test]
fn an_answer_that_does_not_come_holds_an_interruption_for_seconds_and_a_second_signal_ends_it_at_once() {
    let provider = Provider::start(Script { on_create: Box::new(|_| OnCreate::Hold), ..Script::default() });
    let (patient, hasty) = (Workshop::new(1), Workshop::new(1));
    let first = patient.start(&provider, &[]);
    let second = hasty.start(&provider, &[]);
    provider.wait_until("two answers held back", |books| books.held == 2);
    let signalled = Instant::now();
    // Said twice in one breath, as `timeout` does to a process and its group, it is one word.
    first.signal("TERM");
    first.signal("TERM");
    second.signal("TERM");
    std::thread::sleep(Duration::from_millis(300));
    second.signal("TERM");
    second.end().assert_code(143);
    assert!(signalled.elapsed() < Duration::from_secs(2), "{:?}", signalled.elapsed());
    first.end().assert_code(143);
    let took = signalled.elapsed();
    assert!(took > Duration::from_secs(3) && took < Duration::from_millis(6_500), "{took:?}");
    provider.change(|script| script.on_create = Box::new(|_| OnCreate::Take));
    patient.run(&provider, &[]).assert_code(0);
    patient.assert_published();
    assert_eq!(provider.books().creates().len(), 2);
}

#[test]
fn a_second_run_is_turned_away_and_changes_nothing() {
    let provider = Provider::start(Script { on_create: Box::new(|_| OnCreate::Hold), ..Script::default() });
    let shop = Workshop::new(3);
    let run = shop.start(&provider, &[]);
    provider.wait_until("three answers held back", |books| books.held == 3);
    let (rows, requests) = (shop.rows(), provider.books().requests.len());
    let second = shop.run(&provider, &["--concurrency", "50"]);
    second.assert_code(4);
    assert!(second.took < Duration::from_secs(3));
    assert_eq!((shop.rows(), provider.books().requests.len()), (rows, requests));
    provider.let_go();
    run.end().assert_code(0);
    shop.assert_all_done(&provider);
}

#[test]
fn a_provider_that_is_reached_late_is_waited_for() {
    let provider = Provider::start(Script::default());
    provider.outage(Outage::Closed);
    let shop = Workshop::new(3);
    let mut run = shop.start(&provider, &[]);
    std::thread::sleep(Duration::from_millis(1_500));
    assert!(run.is_alive(), "{}", run.said());
    provider.outage(Outage::None);
    run.end().assert_code(0);
    shop.assert_all_done(&provider);
    assert!(shop.rows().iter().all(|row| row.attempts == 1));
}

/// The program waits two minutes for a provider that was never reached; here it is one second.
#[test]
fn a_provider_that_is_never_reached_ends_the_run_and_touches_no_job() {
    let provider = Provider::start(Script::default());
    provider.outage(Outage::Closed);
    let shop = Workshop::new(3);
    shop.call(&provider, &["load", "jobs.csv"]).assert_code(0);
    let began = Instant::now();
    let unreached = run_here(&shop, &provider, |settings| settings.reach_patience = Duration::from_secs(1));
    assert!(matches!(unreached, RunEnd::NeverReached(_)), "{unreached:?}");
    assert!(began.elapsed() < Duration::from_secs(8), "{:?}", began.elapsed());
    assert!(shop.rows().iter().all(|row| row.state == "pending" && row.attempts == 0), "{}", shop.standing());
    provider.outage(Outage::None);
    assert_eq!(run_here(&shop, &provider, |_| {}), RunEnd::Done);
    shop.assert_all_done(&provider);
}
