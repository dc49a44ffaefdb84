//! The provider behind each gateway that docs/provider.md knows of: whatever its answers look like and however they are lost, each
//! pair is charged for once, and every paid task is collected or visibly in doubt.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::support::provider::{
    Answer, CreateSeen, ExternalIds, Fate, Loss, OnCreate, OnQuery, Provider, Script, Shape,
};
use crate::support::workshop::{LONGEST_RUN, Workshop};

/// The ways in which an answer is lost here: those of the list, and the task that is made only after a 504.
const WAYS: usize = Loss::ALL.len() + 1;

/// How much later; less than the doubt's age in these tests.
const LATE: Duration = Duration::from_secs(2);
const DOUBT_AGE: [&str; 2] = ["--doubt-age", "4s"];

/// Loses the first answer of every third job, each in another way; three in a row would be an outage.
fn lose_every_way(seen: &CreateSeen) -> OnCreate {
    let number: usize = seen.job.trim_start_matches("job-").parse().expect("a number");
    if !number.is_multiple_of(3) || seen.nth_of_job > 1 {
        return OnCreate::Take;
    }
    Loss::ALL.get(number / 3 - 1).map_or(OnCreate::TimeOutThenTake(LATE), |loss| OnCreate::Lose(*loss))
}

/// A provider at which a second create for a job is charged for, and which loses answers in every way.
fn losing(shape: Shape, external_ids: ExternalIds) -> Script {
    Script { shape, external_ids, on_create: Box::new(lose_every_way), refuses_duplicates: false, ..Script::default() }
}

fn lost_answers_are_found_again(shape: Shape) {
    let provider = Provider::start(losing(shape, ExternalIds::Known));
    let shop = Workshop::new(3 * WAYS);
    shop.run(&provider, &DOUBT_AGE).assert_code(0);
    shop.assert_nothing_lost_from_sight(&provider);
    shop.assert_all_done(&provider);
    let books = provider.books();
    assert_eq!(books.creates().len(), shop.jobs.len(), "{shape:?}: something was sent twice\n{}", books.story());
    assert!(shop.rows().iter().all(|row| row.attempts == 1), "{shape:?}: {}", shop.standing());
}

fn lost_answers_are_held_where_ids_are_unknown(shape: Shape) {
    let provider = Provider::start(losing(shape, ExternalIds::Ignored));
    let shop = Workshop::new(3 * WAYS);
    shop.run(&provider, &DOUBT_AGE).assert_code(1);
    // The late task comes after the run has ended, perhaps, and is in the books all the same.
    provider.wait_until("all tasks", |books| books.tasks.len() >= 3 * WAYS);
    shop.assert_nothing_lost_from_sight(&provider);
    let counts = (shop.count("in_doubt"), shop.count("succeeded"));
    assert_eq!(counts, (WAYS, 2 * WAYS), "{shape:?}: {}", shop.standing());
    shop.run(&provider, &DOUBT_AGE).assert_code(1);
    assert_eq!(provider.books().creates().len(), 3 * WAYS, "{shape:?}: held means held");
}

/// One test a shape and a belief about ids, so that they run side by side.
macro_rules! each_shape {
    ($($name:ident: $check:ident($shape:ident);)*) => {
        $(
            #[test]
            fn $name() {
                $check(Shape::$shape);
            }
        )*
    };
}

each_shape! {
    answers_lost_in_any_way_are_found_again_at_a_native_provider: lost_answers_are_found_again(Native);
    answers_lost_in_any_way_are_found_again_where_creates_echo: lost_answers_are_found_again(NativeEcho);
    answers_lost_in_any_way_are_found_again_where_creates_are_flat: lost_answers_are_found_again(Flat);
    answers_lost_in_any_way_are_found_again_where_queries_are_wrapped: lost_answers_are_found_again(Wrapped);
    answers_lost_in_any_way_are_found_again_where_queries_are_bare: lost_answers_are_found_again(WrappedBare);
    without_ids_lost_answers_are_held_at_a_native_provider: lost_answers_are_held_where_ids_are_unknown(Native);
    without_ids_lost_answers_are_held_where_creates_are_flat: lost_answers_are_held_where_ids_are_unknown(Flat);
    without_ids_lost_answers_are_held_where_queries_are_wrapped: lost_answers_are_held_where_ids_are_unknown(Wrapped);
    without_ids_lost_answers_are_held_where_queries_are_bare: lost_answers_are_held_where_ids_are_unknown(WrappedBare);
}

#[test]
fn a_fresh_task_that_reads_as_unknown_in_any_shape_is_asked_for_again() {
    for shape in Shape::ALL {
        let provider = Provider::start(Script {
            shape,
            on_query: Box::new(|seen| if seen.nth_of_task <= 2 { OnQuery::Unknown } else { OnQuery::Truth }),
            refuses_duplicates: false,
            ..Script::default()
        });
        let shop = Workshop::new(4);
        shop.run(&provider, &DOUBT_AGE).assert_code(0);
        shop.assert_all_done(&provider);
        assert_eq!(provider.books().creates().len(), 4, "{shape:?}: {}", provider.books().story());
    }
}

#[test]
fn a_failed_tasks_reason_is_read_in_any_shape() {
    for shape in Shape::ALL {
        let provider = Provider::start(Script {
            shape,
            fate: Box::new(|job, nth| match (job, nth) {
                ("job-001", _) => Fate::Fail("Image pixel is invalid"),
                ("job-002", 1) => Fate::Fail("parallel task over resource pack limit"),
                _ => Fate::Succeed,
            }),
            ..Script::default()
        });
        let shop = Workshop::new(3);
        shop.run(&provider, &["--max-attempts", "1"]).assert_code(1);
        let states = ["job-001", "job-002", "job-003"].map(|job| shop.row(job).state);
        assert_eq!(states, ["failed", "succeeded", "succeeded"], "{shape:?}: {}", provider.books().story());
        assert_eq!(provider.books().tasks.len(), 4, "{shape:?}: for want of room a job is tried again at once");
    }
}

#[test]
fn a_request_that_never_arrived_is_sent_again_in_any_shape() {
    for shape in Shape::ALL {
        let provider = Provider::start(Script {
            shape,
            resets: Box::new(|nth| nth == 3),
            refuses_duplicates: false,
            ..Script::default()
        });
        let shop = Workshop::new(5);
        shop.run(&provider, &DOUBT_AGE).assert_code(0);
        shop.assert_all_done(&provider);
        assert_eq!(provider.books().creates().len(), 6, "{shape:?}: {}", provider.books().story());
    }
}

#[test]
fn a_task_made_12_s_after_a_504_is_not_paid_for_twice() {
    let provider = Provider::start(Script {
        on_create: Box::new(|seen| match (seen.job.as_str(), seen.nth_of_job) {
            ("job-002" | "job-005", 1) => OnCreate::TimeOutThenTake(Duration::from_secs(12)),
            _ => OnCreate::Take,
        }),
        refuses_duplicates: false,
        ..Script::default()
    });
    let shop = Workshop::new(6);
    shop.run(&provider, &["--doubt-age", "20s"]).assert_code(0);
    shop.assert_all_done(&provider);
    assert_eq!(provider.books().creates().len(), 6, "{}", provider.books().story());
}

#[test]
fn money_from_a_balance_pays_as_units_do() {
    let cost = json!({ "final_balance_deduction": { "quota": "0.28", "list_price": "0.35" } });
    let provider = Provider::start(Script { cost, ..Script::default() });
    let shop = Workshop::new(3);
    shop.run(&provider, &[]).assert_code(0);
    shop.assert_all_done(&provider);
}

#[test]
fn a_cap_that_a_gateway_rewords_into_text_costs_no_attempt() {
    for over_cap in [Answer::saturated(), Answer::nested(1303, "parallel task over resource pack limit")] {
        // The tasks last until the cap is found, however long a busy machine takes for that.
        let endless = Duration::from_secs(86_400);
        let provider = Provider::start(Script { cap: 3, over_cap, task_time: endless, ..Script::default() });
        let shop = Workshop::new(12);
        let mut run = shop.start(&provider, &["--concurrency", "auto"]);
        provider.wait_until("a refusal", |books| books.creates().iter().any(|create| create.status == Some(429)));
        let since = Instant::now();
        while shop.slots_found() != Some(3) {
            let is_going_on = run.is_alive() && since.elapsed() < LONGEST_RUN;
            assert!(is_going_on, "taken for a word about the rate: {}\n{}", provider.books().story(), run.said());
            std::thread::sleep(Duration::from_millis(20));
        }
        provider.end_tasks(Duration::from_millis(100));
        run.end().assert_code(0);
        shop.assert_all_done(&provider);
        assert_eq!(provider.books().most_in_flight, 3);
        assert!(shop.rows().iter().all(|row| row.attempts == 1), "{}", shop.standing());
    }
}

#[test]
fn an_answer_about_the_account_in_a_gateways_words_stops_the_run_and_touches_no_job() {
    let refusals = [
        Answer::insufficient_quota(),
        Answer::key_quota(),
        Answer::nested(1102, "Account balance not enough"),
        Answer::relay(400, "task_failed", "Account balance not enough"),
        Answer::no_price(),
    ];
    for refusal in refusals {
        let what = String::from_utf8_lossy(&refusal.body).into_owned();
        let provider = Provider::start(Script {
            on_create: Box::new(move |seen| match seen.nth {
                ..=3 => OnCreate::Take,
                _ => OnCreate::Refuse(refusal.clone()),
            }),
            ..Script::default()
        });
        let shop = Workshop::new(12);
        shop.run(&provider, &["--concurrency", "3"]).assert_code(3);
        assert_eq!((shop.count("succeeded"), shop.count("pending")), (3, 9), "{what}: {}", shop.standing());
        let waiting = |row: &crate::support::workshop::JobRow| row.state != "pending" || row.attempts == 0;
        assert!(shop.rows().iter().all(waiting), "{what}: {}", shop.standing());
        shop.assert_nothing_lost_from_sight(&provider);
    }
}

#[test]
fn a_setting_that_the_gateway_refuses_for_every_row_stops_the_run_and_the_rows_wait_again() {
    let provider = Provider::start(Script {
        on_create: Box::new(|_| OnCreate::Refuse(Answer::not_videos())),
        ..Script::default()
    });
    let shop = Workshop::new(60);
    let end = shop.run(&provider, &["--concurrency", "5"]);
    end.assert_code(3);
    assert!(end.said.contains("class is not videos"), "{}", end.said);
    assert_eq!(shop.count("pending"), 60, "{}", shop.standing());
    let creates = provider.books().creates().len();
    assert!(creates <= 40, "{creates} jobs were refused before the run stopped");
}

#[test]
fn rows_that_are_refused_between_rows_that_are_accepted_fail_and_end_no_run() {
    let provider = Provider::start(Script {
        on_create: Box::new(|seen| match seen.nth % 2 {
            0 => OnCreate::Refuse(Answer::code(400, 1201, "cloth_image: pixel")),
            _ => OnCreate::Take,
        }),
        ..Script::default()
    });
    let shop = Workshop::new(50);
    shop.run(&provider, &["--concurrency", "5"]).assert_code(1);
    assert_eq!((shop.count("succeeded"), shop.count("failed")), (25, 25), "{}", shop.standing());
}

#[test]
fn one_odd_answer_in_mid_run_ends_no_night() {
    let odd = [
        Answer::redirect("/login".to_owned()),
        Answer::firewall(),
        Answer::bad_key(),
        Answer::gateway(401, "无效的令牌"),
        Answer::index_page(),
        Answer::gateway(404, "Invalid URL (POST /kling/v1/images/kolors-virtual-try-on)"),
        Answer::html(405, "405 Not Allowed"),
        Answer::no_channel(),
    ];
    for answer in odd {
        let what = format!("{} {}", answer.status, String::from_utf8_lossy(&answer.body));
        let provider = Provider::start(Script {
            on_create: Box::new(move |seen| match seen.nth {
                6 => OnCreate::Refuse(answer.clone()),
                _ => OnCreate::Take,
            }),
            ..Script::default()
        });
        let shop = Workshop::new(10);
        let end = shop.run(&provider, &["--concurrency", "2", "--doubt-age", "1s"]);
        assert_eq!(end.status.code(), Some(0), "{what}: {}\n{}", shop.standing(), end.said);
        shop.assert_all_done(&provider);
        assert!(shop.rows().iter().all(|row| row.attempts == 1), "{what}: {}", shop.standing());
    }
}

#[test]
fn a_web_page_at_first_contact_is_a_wrong_address_and_creates_nothing() {
    let provider = Provider::start(Script {
        on_create: Box::new(|_| OnCreate::Refuse(Answer::index_page())),
        ..Script::default()
    });
    let shop = Workshop::new(20);
    let end = shop.run(&provider, &["--concurrency", "4"]);
    end.assert_code(3);
    assert!(end.took < Duration::from_secs(5), "{:?}", end.took);
    assert!(end.said.contains("--base-url"), "{}", end.said);
    assert_eq!(shop.count("pending"), 20, "{}", shop.standing());
}
