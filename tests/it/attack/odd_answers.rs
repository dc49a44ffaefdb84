//! No single answer ends a night, no doubt grows without bound, and nothing is asked for ever.

use std::time::{Duration, Instant};

use tryon::engine::{InDoubtPolicy, Patience, RunEnd, SlotCount};
use tryon::provider::StopReason;

use crate::support::in_process::{Setup, run_here};
use crate::support::provider::{
    Answer, Books, ExternalIds, Fate, Kind, Loss, OnCreate, OnQuery, Outage, Provider, Script, Seen,
};
use crate::support::workshop::Workshop;

/// A minute of a real night is a second here.
const QUICK: Patience =
    Patience { confirm: Duration::from_secs(1), saturated: Duration::from_secs(3), bucket: Duration::from_secs(600) };

fn loaded(provider: &Provider, jobs: usize) -> Workshop {
    let shop = Workshop::new(jobs);
    shop.call(provider, &["load", "jobs.csv"]).assert_code(0);
    shop
}

fn quick(settings: &mut Setup) {
    settings.patience = QUICK;
    settings.slots = SlotCount::AtMost(2);
    settings.doubt_interval = Duration::from_millis(100);
    settings.doubt_age = Duration::from_millis(300);
}

/// The reason for which a run stopped.
fn reason(end: RunEnd) -> StopReason {
    match end {
        RunEnd::Stopped { reason, .. } => reason,
        other => panic!("it did not stop: {other:?}"),
    }
}

#[test]
fn a_firewall_that_stays_ends_the_run_and_what_is_in_flight_is_collected() {
    let provider = Provider::start(Script {
        task_time: Duration::from_millis(500),
        on_create: Box::new(|seen| if seen.nth <= 3 { OnCreate::Take } else { OnCreate::Refuse(Answer::firewall()) }),
        ..Script::default()
    });
    let shop = loaded(&provider, 8);
    let end = run_here(&shop, &provider, quick);
    assert_eq!(reason(end), StopReason::Permission);
    assert_eq!((shop.count("succeeded"), shop.count("pending")), (3, 5), "{}", shop.standing());
    assert!(shop.rows().iter().all(|row| row.state == "succeeded" || row.attempts == 0));
    let refused = provider.books().creates().iter().filter(|create| create.status == Some(403)).count();
    assert!((4..=12).contains(&refused), "{refused} creates met the firewall: {}", provider.books().story());
}

#[test]
fn a_key_that_is_refused_for_a_moment_in_mid_run_costs_a_pause_and_nothing_else() {
    let provider = Provider::start(Script::default());
    let shop = loaded(&provider, 12);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            provider.wait_until("some work done", |books| books.tasks.len() >= 4);
            provider.outage(Outage::Answer(Answer::gateway(401, "invalid token")));
            provider.wait_until("probes", |books| {
                books.requests.iter().filter(|seen| seen.status == Some(401)).count() >= 2
            });
            provider.outage(Outage::None);
        });
        let end = run_here(&shop, &provider, |settings| {
            quick(settings);
            settings.patience = Patience { confirm: Duration::from_secs(20), ..QUICK };
        });
        assert_eq!(end, RunEnd::Done);
    });
    shop.assert_all_done(&provider);
    assert!(shop.rows().iter().all(|row| row.attempts == 1), "{}", shop.standing());
}

#[test]
fn a_model_without_a_channel_from_the_first_answer_on_stops_the_run_with_advice() {
    let provider = Provider::start(Script {
        on_create: Box::new(|_| OnCreate::Refuse(Answer::no_channel())),
        ..Script::default()
    });
    let shop = loaded(&provider, 3);
    assert_eq!(reason(run_here(&shop, &provider, quick)), StopReason::NoChannel);
    assert_eq!(shop.count("pending"), 3);
}

#[test]
fn a_reseller_that_stays_saturated_with_nothing_in_flight_stops_the_run_with_advice() {
    let provider =
        Provider::start(Script { on_create: Box::new(|_| OnCreate::Refuse(Answer::saturated())), ..Script::default() });
    let shop = loaded(&provider, 3);
    assert_eq!(reason(run_here(&shop, &provider, quick)), StopReason::Saturated);
    assert!(shop.rows().iter().all(|row| row.state == "pending" && row.attempts == 0), "{}", shop.standing());
}

#[test]
fn while_no_task_can_be_asked_about_nothing_more_is_submitted_than_there_are_slots() {
    let provider = Provider::start(Script {
        on_query: Box::new(|_| OnQuery::Answer(Answer::html(404, "404 Not Found"))),
        ..Script::default()
    });
    let shop = loaded(&provider, 20);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let questions = |books: &Books| books.queries().len();
            let began = Instant::now();
            provider.wait_until("seven seconds of questions", |books| {
                questions(books) >= 5 && began.elapsed() >= Duration::from_secs(7)
            });
            let made = provider.books().creates().len();
            provider.change(|script| script.on_query = Box::new(|_| OnQuery::Truth));
            assert!(made <= 8, "{made} tasks were made that nobody could ask about: {}", provider.books().story());
        });
        let end = run_here(&shop, &provider, |settings| {
            quick(settings);
            // Tasks that outlast this give their slots away.
            settings.task_timeout = Duration::from_secs(1);
        });
        assert_eq!(end, RunEnd::Done);
    });
    // The tasks that were left are collected by the next run.
    assert_eq!(run_here(&shop, &provider, quick), RunEnd::Done);
    shop.assert_all_done(&provider);
}

/// Every answer to a create is lost, and each task is made.
fn night_of_504(external_ids: ExternalIds) -> Provider {
    Provider::start(Script {
        external_ids,
        on_create: Box::new(|_| OnCreate::Lose(Loss::Html504)),
        refuses_duplicates: false,
        ..Script::default()
    })
}

#[test]
fn a_whole_night_of_504_leaves_no_more_doubt_than_was_allowed_and_ends_with_a_word_about_it() {
    let provider = night_of_504(ExternalIds::Ignored);
    let shop = Workshop::new(30);
    let end = shop.run(&provider, &["--max-in-doubt", "5", "--concurrency", "10"]);
    end.assert_code(3);
    assert!(end.said.contains("5 jobs are in doubt") && end.said.contains("--max-in-doubt"), "{}", end.said);
    assert_eq!((shop.count("in_doubt"), shop.count("pending")), (5, 25), "{}", shop.standing());
    assert_eq!(provider.books().creates().len(), 5, "{}", provider.books().story());
    // The next run risks none either, and one that may have more of them goes on.
    shop.run(&provider, &["--max-in-doubt", "5"]).assert_code(3);
    assert_eq!(provider.books().creates().len(), 5);
    shop.run(&provider, &["--max-in-doubt", "7"]).assert_code(3);
    assert_eq!((provider.books().creates().len(), shop.count("in_doubt")), (7, 7));
    shop.assert_no_double_charge(&provider);
}

#[test]
fn doubt_that_asking_settles_ends_no_run_however_much_of_it_there_is() {
    let provider = night_of_504(ExternalIds::Known);
    // Three in a row would be an outage.
    provider.change(|script| {
        script.on_create =
            Box::new(|seen| if seen.nth % 3 == 0 { OnCreate::Take } else { OnCreate::Lose(Loss::Html504) });
    });
    let shop = loaded(&provider, 12);
    let end = run_here(&shop, &provider, |settings| {
        quick(settings);
        settings.max_in_doubt = 2;
    });
    assert_eq!(end, RunEnd::Done, "{}", shop.standing());
    shop.assert_all_done(&provider);
    assert_eq!(provider.books().creates().len(), 12, "every task was found: {}", provider.books().story());
}

#[test]
fn only_doubt_in_the_queue_and_nothing_to_submit_ends_as_ever() {
    let provider = night_of_504(ExternalIds::Ignored);
    let shop = Workshop::new(2);
    shop.run(&provider, &["--max-in-doubt", "2"]).assert_code(1);
    assert_eq!(shop.count("in_doubt"), 2);
}

#[test]
fn in_an_outage_of_creates_none_is_risked_before_a_free_question_was_answered() {
    let no_answer = || OnCreate::Refuse(Answer::html(504, "504 Gateway Time-out"));
    let provider = Provider::start(Script {
        on_create: Box::new(move |seen| if seen.nth <= 2 { OnCreate::Take } else { no_answer() }),
        refuses_duplicates: false,
        ..Script::default()
    });
    let shop = loaded(&provider, 20);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            // Three lost answers are an outage. From then on nothing is told about tasks that there are.
            provider.wait_until("the outage", |books| books.creates().len() >= 5 && books.downloads().len() >= 2);
            provider.change(|script| {
                script.on_query = Box::new(|seen| match seen.job {
                    Some(_) => OnQuery::Answer(Answer::code(400, 1200, "bad parameter")),
                    None => OnQuery::Truth,
                });
            });
            // The two tasks that there are have ended, and nobody but a probe asks about them.
            let of_known = |seen: &&Seen| matches!(&seen.kind, Kind::Query(id) if id.starts_with("task-"));
            let free = |books: &Books| books.queries().into_iter().filter(of_known).count();
            let (risked_before, free_before) = (provider.books().creates().len(), free(&provider.books()));
            provider.wait_until("free questions", |books| free(books) >= free_before + 3);
            let risked = provider.books().creates().len() - risked_before;
            // One may have been on its way.
            assert!(risked <= 1, "{risked} creates: {}", provider.books().story());
            provider.change(|script| {
                script.on_query = Box::new(|_| OnQuery::Truth);
                script.on_create = Box::new(|_| OnCreate::Take);
            });
        });
        let end = run_here(&shop, &provider, |settings| {
            quick(settings);
            // A doubtful job keeps its slot while nobody says that it is unknown.
            settings.slots = SlotCount::AtMost(10);
        });
        assert_eq!(end, RunEnd::Done);
    });
    shop.assert_all_done(&provider);
}

#[test]
fn what_a_create_was_answered_and_nobody_understood_is_shown_without_the_key() {
    let provider = Provider::start(Script {
        external_ids: ExternalIds::Ignored,
        on_create: Box::new(|_| OnCreate::Lose(Loss::Gateway500)),
        ..Script::default()
    });
    let shop = Workshop::new(1);
    shop.run(&provider, &[]).assert_code(1);
    let shown = shop.call(&provider, &["show", "job-001"]).said;
    assert!(shown.contains("do_request_failed") && shown.contains("500"), "{shown}");
    let json = shop.call(&provider, &["show", "job-001", "--json"]).said;
    assert!(json.contains(r#""answer":"{"#) && json.contains("do_request_failed"), "{json}");
}

#[test]
fn that_a_door_does_not_know_our_ids_is_learnt_by_asking_for_a_task_that_it_has() {
    let provider = Provider::start(Script {
        external_ids: ExternalIds::Ignored,
        task_time: Duration::from_millis(1_500),
        on_create: Box::new(|seen| if seen.nth == 2 { OnCreate::Lose(Loss::Closed) } else { OnCreate::Take }),
        ..Script::default()
    });
    let shop = loaded(&provider, 4);
    let end = run_here(&shop, &provider, |settings| {
        quick(settings);
        settings.in_doubt = InDoubtPolicy::Hold;
    });
    assert_eq!(end, RunEnd::Done);
    assert_eq!((shop.count("in_doubt"), shop.count("succeeded")), (1, 3), "{}", shop.standing());
    let books = provider.books();
    let is_ours = |seen: &&Seen| matches!(&seen.kind, Kind::Query(id) if !id.starts_with("task-"));
    let by_our_ids = books.queries().into_iter().filter(is_ours).count();
    assert!((2..=12).contains(&by_our_ids), "{by_our_ids} questions by our ids: {}", books.story());
    assert_eq!(books.creates().len(), 4, "nothing was sent again");
}

#[test]
fn resubmitting_on_request_is_bounded_by_the_attempts() {
    let provider = night_of_504(ExternalIds::Ignored);
    let shop = loaded(&provider, 1);
    let end = run_here(&shop, &provider, |settings| {
        quick(settings);
        settings.in_doubt = InDoubtPolicy::Resubmit;
        settings.max_attempts = 3;
    });
    assert_eq!(end, RunEnd::Done);
    assert_eq!((provider.books().creates().len(), shop.count("in_doubt")), (3, 1), "{}", shop.standing());
}

#[test]
fn an_image_that_nobody_tells_anything_about_does_not_keep_the_run_for_ever() {
    let provider = Provider::start(Script::default());
    let shop = Workshop::new(1);
    shop.run(&provider, &[]).assert_code(0);
    std::fs::remove_file(shop.picture("job-001")).expect("deleted");
    provider.change(|script| script.on_query = Box::new(|_| OnQuery::Answer(Answer::html(404, "404 page not found"))));
    let end = shop.run(&provider, &["--task-timeout", "2s"]);
    end.assert_code(1);
    assert!(end.took < Duration::from_secs(20), "{:?}", end.took);
    assert_eq!(shop.count("downloading"), 1);
    provider.change(|script| script.on_query = Box::new(|_| OnQuery::Truth));
    shop.run(&provider, &[]).assert_code(0);
    shop.assert_all_done(&provider);
}

#[test]
fn what_no_answer_tells_of_the_cost_is_unknown_and_not_nothing() {
    // Units that no answer tells are unknown, and not none.
    let provider = Provider::start(Script { cost: serde_json::json!({}), ..Script::default() });
    let shop = Workshop::new(2);
    let end = shop.run(&provider, &[]);
    end.assert_code(0);
    assert!(end.said.contains("unknown: the provider does not say"), "{}", end.said);
    let status = shop.call(&provider, &["status", "--json"]).said;
    assert!(status.contains(r#""units":null"#), "{status}");
}

#[test]
fn an_account_that_empties_ends_the_run_also_while_doubt_is_being_settled() {
    // Every other create never arrives, until the account is empty: the doubts end one after the other, at moments
    // that lie further apart than the looks for jobs that nobody works on.
    let provider = Provider::start(Script {
        resets: Box::new(|nth| nth % 2 == 0 && nth <= 8),
        on_create: Box::new(|seen| if seen.nth < 9 { OnCreate::Take } else { OnCreate::Refuse(Answer::in_arrears()) }),
        refuses_duplicates: false,
        ..Script::default()
    });
    let shop = loaded(&provider, 12);
    let began = Instant::now();
    let end = run_here(&shop, &provider, |settings| {
        quick(settings);
        settings.rate_per_second = 2.0;
        settings.doubt_age = Duration::from_secs(5);
    });
    assert_eq!(reason(end), StopReason::Account);
    // The last doubt is settled 5 s after 4 s of submissions.
    assert!(began.elapsed() < Duration::from_secs(40), "{:?}", began.elapsed());
    let counts = (shop.count("succeeded"), shop.count("in_doubt"), shop.count("pending"));
    assert_eq!(counts, (4, 4, 4), "{}", provider.books().story());
    assert_eq!(provider.books().creates().len(), 9, "{}", provider.books().story());
}

#[test]
fn a_run_that_many_creates_on_their_way_are_refused_in_comes_to_its_end() {
    let provider = Provider::start(Script {
        on_create: Box::new(|seen| {
            if seen.nth == 1 {
                // Long enough for all others to be on their way.
                std::thread::sleep(Duration::from_secs(1));
            }
            OnCreate::Refuse(Answer::not_videos())
        }),
        ..Script::default()
    });
    let shop = Workshop::new(60);
    let end = shop.run(&provider, &["--concurrency", "60", "--max-in-doubt", "60"]);
    end.assert_code(3);
    assert!(end.said.contains("class is not videos"), "{}", end.said);
    assert!(shop.rows().iter().all(|row| row.state == "pending" && row.attempts == 0), "{}", shop.standing());
    assert!(provider.books().creates().len() <= 40, "{}", provider.books().story());
}

#[test]
fn a_provider_that_tells_nothing_about_a_lost_task_is_not_asked_for_ever() {
    let provider = Provider::start(Script {
        on_create: Box::new(|seen| match seen.job.as_str() {
            "job-002" => OnCreate::Lose(Loss::Closed),
            _ => OnCreate::Take,
        }),
        on_query: Box::new(|seen| match seen.job.as_deref() {
            Some("job-002") => OnQuery::Answer(Answer::internal_error()),
            _ => OnQuery::Truth,
        }),
        ..Script::default()
    });
    let shop = loaded(&provider, 2);
    let end = run_here(&shop, &provider, |settings| {
        quick(settings);
        settings.task_timeout = Duration::from_secs(2);
    });
    assert_eq!(end, RunEnd::Done);
    assert_eq!((shop.count("succeeded"), shop.count("in_doubt")), (1, 1), "{}", provider.books().story());
}

#[test]
fn a_provider_that_evades_the_question_about_a_lost_task_is_not_asked_for_ever() {
    let provider = Provider::start(Script {
        // By the job's name: which of the two creates comes first is chance.
        on_create: Box::new(|seen| match seen.job.as_str() {
            "job-002" => OnCreate::Lose(Loss::Closed),
            _ => OnCreate::Take,
        }),
        on_query: Box::new(|seen| match seen.job.as_deref() {
            Some("job-002") => OnQuery::Answer(Answer::code(400, 1200, "bad parameter")),
            _ => OnQuery::Truth,
        }),
        ..Script::default()
    });
    let shop = loaded(&provider, 2);
    assert_eq!(run_here(&shop, &provider, quick), RunEnd::Done);
    assert_eq!((shop.count("succeeded"), shop.count("in_doubt")), (1, 1), "{}", provider.books().story());
    let books = provider.books();
    assert!(books.queries().len() <= 20, "{}", books.story());
}

#[test]
fn tasks_that_fail_for_want_of_room_are_not_made_without_end() {
    let provider = Provider::start(Script {
        task_time: Duration::from_millis(10),
        fate: Box::new(|_, _| Fate::Fail("parallel task over resource pack limit")),
        ..Script::default()
    });
    let shop = loaded(&provider, 40);
    let end = run_here(&shop, &provider, |settings| settings.slots = SlotCount::AtMost(40));
    assert_eq!(reason(end), StopReason::Saturated);
    assert!(provider.books().tasks.len() <= 70, "{}", provider.books().story());
    assert!(shop.rows().iter().all(|row| row.state == "pending" && row.attempts == 0), "{}", shop.standing());
}
