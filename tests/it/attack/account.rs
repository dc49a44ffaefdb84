//! What a person has to set right: the account, the key, the address, the budget. Jobs stay untouched.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::support::provider::{Answer, KEY, Kind, Loss, OnCreate, Outage, Provider, Script};
use crate::support::workshop::Workshop;

#[test]
fn an_account_that_empties_in_mid_run_is_collected_and_goes_on_when_topped_up() {
    let is_full = Arc::new(AtomicBool::new(false));
    let topped_up = Arc::clone(&is_full);
    let provider = Provider::start(Script {
        task_time: Duration::from_millis(700),
        on_create: Box::new(move |seen| match seen.nth {
            ..=6 => OnCreate::Take,
            _ if topped_up.load(Ordering::Relaxed) => OnCreate::Take,
            _ => OnCreate::Refuse(Answer::in_arrears()),
        }),
        ..Script::default()
    });
    let shop = Workshop::new(15);
    let end = shop.run(&provider, &["--concurrency", "8"]);
    end.assert_code(3);
    assert!(end.said.contains("account in arrears"), "{}", end.said);
    assert_eq!((shop.count("succeeded"), shop.count("pending")), (6, 9), "what was paid for is collected");
    assert!(shop.rows().iter().filter(|row| row.state == "pending").all(|row| row.attempts == 0));
    let refused = provider.books().creates().len() - 6;
    assert!(refused <= 8, "{refused} creates went to an empty account");
    is_full.store(true, Ordering::Relaxed);
    shop.run(&provider, &["--concurrency", "8"]).assert_code(0);
    shop.assert_all_done(&provider);
    assert!(shop.rows().iter().all(|row| row.attempts == 1));
}

#[test]
fn refused_credentials_end_the_run_at_once() {
    let refusals = [
        Answer::bad_key(),
        Answer::gateway(401, "invalid token"),
        Answer::code(429, 1304, "this address is not allowed"),
        Answer::gateway(403, "the quota of this key is used up"),
        Answer::html(404, "404 page not found"),
        Answer::html(405, "405 Not Allowed"),
    ];
    for refusal in refusals {
        let status = refusal.status;
        let provider = Provider::start(Script::default());
        provider.outage(Outage::Answer(refusal));
        let shop = Workshop::new(30);
        let end = shop.run(&provider, &["--concurrency", "4"]);
        end.assert_code(3);
        assert!(end.took < Duration::from_secs(3), "{status}: {:?}", end.took);
        assert!(
            shop.rows().iter().all(|row| row.state == "pending" && row.attempts == 0),
            "{status}: {}",
            shop.standing()
        );
        assert!((1..=4).contains(&provider.books().creates().len()), "{status}: {}", provider.books().story());
    }
}

#[test]
fn a_wrong_address_is_told_from_jobs_that_fail() {
    let provider = Provider::start(Script::default());
    let shop = Workshop::new(5);
    let wrong = provider.url().replace("/kling", "/klingon");
    let end = shop.run(&provider, &["--base-url", &wrong]);
    end.assert_code(3);
    assert!(end.said.contains("--base-url"), "{}", end.said);
    assert!(shop.rows().iter().all(|row| row.state == "pending" && row.attempts == 0), "{}", shop.standing());
    shop.run(&provider, &[]).assert_code(0);
    shop.assert_all_done(&provider);
}

#[test]
fn tasks_at_work_are_not_taken_for_lost_at_a_wrong_address() {
    let provider = Provider::start(Script { task_time: Duration::from_millis(600), ..Script::default() });
    // Nothing is left to submit that would tell that the address is wrong.
    let shop = Workshop::new(3);
    let run = shop.start(&provider, &[]);
    provider.wait_until("three questions", |books| books.queries().len() >= 3);
    run.kill();
    assert_eq!(shop.count("running"), 3);
    let wrong = provider.url().replace("/kling", "/klingon");
    shop.run(&provider, &["--base-url", &wrong, "--task-timeout", "4s"]).assert_code(1);
    assert_eq!(shop.count("running"), 3, "{}", shop.standing());
    shop.run(&provider, &[]).assert_code(0);
    shop.assert_all_done(&provider);
}

#[test]
fn a_budget_is_spent_to_the_last_task_and_not_one_beyond() {
    // The cap makes most submissions bounce at first; a refusal is no part of the budget.
    let provider = Provider::start(Script { cap: 2, ..Script::default() });
    let shop = Workshop::new(12);
    shop.run(&provider, &["--budget", "0"]).assert_code(3);
    assert_eq!(provider.books().requests.len(), 0, "budget 0 submits nothing");
    shop.run(&provider, &["--budget", "7", "--concurrency", "10"]).assert_code(3);
    assert_eq!(provider.books().tasks.len(), 7);
    assert_eq!((shop.count("succeeded"), shop.count("pending")), (7, 5));
    shop.run(&provider, &["--budget", "5"]).assert_code(0);
    assert_eq!(provider.books().tasks.len(), 12);
    shop.assert_all_done(&provider);
    shop.run(&provider, &["--budget", "0"]).assert_code(0);
}

#[test]
fn a_budget_counts_what_may_exist() {
    let provider = Provider::start(Script {
        on_create: Box::new(|seen| match seen.nth {
            2 | 3 => OnCreate::Lose(Loss::Html502),
            4 => OnCreate::Refuse(Answer::maintenance()),
            _ => OnCreate::Take,
        }),
        ..Script::default()
    });
    let shop = Workshop::new(8);
    shop.run(&provider, &["--budget", "5", "--concurrency", "2"]).assert_code(3);
    assert_eq!(provider.books().tasks.len(), 5, "{}", provider.books().story());
    shop.assert_no_double_charge(&provider);
}

#[test]
fn the_key_is_in_no_file_no_log_and_no_output() {
    let provider = Provider::start(Script {
        on_create: Box::new(|seen| match seen.nth {
            // A gateway that repeats the header it was sent.
            1 => OnCreate::Refuse(Answer::gateway(503, &format!("upstream refused Authorization: Bearer {KEY}"))),
            2 => OnCreate::Lose(Loss::Html502),
            3 => OnCreate::Lose(Loss::Reset),
            _ => OnCreate::Take,
        }),
        ..Script::default()
    });
    let shop = Workshop::new(6);
    shop.run(&provider, &["-vv"]).assert_code(0);
    shop.run(&provider, &["-vv", "--log-format", "json"]).assert_code(0);
    for arguments in [&["show", "job-001"][..], &["list", "--json"], &["report", "--format", "json"]] {
        shop.call(&provider, arguments).assert_code(0);
    }
    provider.outage(Outage::Answer(Answer::gateway(401, &format!("invalid token {KEY}"))));
    let more = Workshop::new(1);
    more.run(&provider, &["-vv"]).assert_code(3);
    for file in shop.files().into_iter().chain(more.files()) {
        let text = std::fs::read(&file).expect("a file");
        let has_key = text.windows(KEY.len()).any(|window| window == KEY.as_bytes());
        assert!(!has_key, "{} holds the key", file.display());
    }
    let books = provider.books();
    assert!(books.requests.iter().any(|seen| matches!(seen.kind, Kind::Download(_))));
}
