//! Trouble that is nobody's fault: throttling, outages, storms. It costs time, and no job an attempt.

use std::time::{Duration, Instant, SystemTime};

use tryon::engine::{RunEnd, SlotCount};

use crate::support::in_process::run_here;
use crate::support::provider::{
    Answer, Books, Dice, Kind, Loss, OnCreate, OnDownload, OnQuery, Outage, Provider, Script, Seen,
};
use crate::support::workshop::Workshop;

/// Whether any two of these requests were open at the same time.
fn overlap(requests: &[&Seen]) -> bool {
    requests.windows(2).any(|pair| pair[0].until.is_none_or(|until| until > pair[1].at))
}

fn attempts_are_all_one(shop: &Workshop) {
    let wrong: Vec<_> = shop.rows().into_iter().filter(|row| row.attempts != 1).collect();
    assert!(wrong.is_empty(), "{wrong:?}");
}

#[test]
fn in_a_storm_of_every_transient_fault_all_jobs_succeed_and_pay_once() {
    let (mut create, mut query, mut download) = (Dice::new(1), Dice::new(2), Dice::new(3));
    let mut reset = Dice::new(4);
    let provider = Provider::start(Script {
        resets: Box::new(move |_| reset.roll() < 0.03),
        on_create: Box::new(move |_| {
            if create.roll() >= 0.3 {
                return OnCreate::Take;
            }
            match create.below(12) {
                0 => OnCreate::Refuse(Answer::maintenance()),
                1 => OnCreate::Refuse(Answer::gateway(503, "no available channel for this model")),
                2 => OnCreate::Refuse(Answer::too_many_requests().with("Retry-After", "0.1")),
                3 => OnCreate::Refuse(Answer::over_cap()),
                4 => OnCreate::Refuse(Answer::html(500, "500 Internal Server Error")),
                _ => OnCreate::Lose(Loss::ALL[create.below(Loss::ALL.len())]),
            }
        }),
        on_query: Box::new(move |_| {
            if query.roll() >= 0.3 {
                return OnQuery::Truth;
            }
            OnQuery::Answer(match query.below(7) {
                0 => Answer::maintenance(),
                1 => Answer::html(502, "502 Bad Gateway"),
                2 => Answer::internal_error(),
                3 => Answer::too_many_requests().with("Retry-After", "0.1"),
                4 => Answer::html(200, "Please wait"),
                5 => return OnQuery::Unknown,
                _ => return OnQuery::Reset,
            })
        }),
        on_download: Box::new(move |seen| {
            if download.roll() >= 0.3 {
                return OnDownload::Truth;
            }
            let picture = Answer::picture(crate::support::provider::picture_of(&seen.job));
            OnDownload::Answer(match download.below(4) {
                0 => picture.cut(),
                1 => Answer::html(503, "503 Slow Down"),
                2 => Answer::html(200, "Please wait"),
                _ => return OnDownload::Reset,
            })
        }),
        ..Script::default()
    });
    let shop = Workshop::new(100);
    shop.call(&provider, &["load", "jobs.csv"]).assert_code(0);
    let end = run_here(&shop, &provider, |settings| {
        settings.slots = SlotCount::AtMost(30);
        settings.max_attempts = 12;
    });
    assert_eq!(end, RunEnd::Done);
    shop.assert_all_done(&provider);
    attempts_are_all_one(&shop);
}

/// Runs 30 jobs, with an outage of about three seconds in the middle. Returns when it began and ended.
fn with_an_outage(provider: &Provider, shop: &Workshop, outage: Outage) -> (Instant, Instant) {
    let run = shop.start(provider, &["--concurrency", "5"]);
    provider.wait_until("some work done", |books| books.downloads().len() >= 8);
    let began = Instant::now();
    provider.outage(outage);
    std::thread::sleep(Duration::from_millis(2_800));
    provider.outage(Outage::None);
    let ended = Instant::now();
    run.end().assert_code(0);
    shop.assert_all_done(provider);
    attempts_are_all_one(shop);
    (began, ended)
}

#[test]
fn an_outage_is_probed_by_one_request_at_a_time_and_ever_more_rarely() {
    let provider = Provider::start(Script::default());
    let shop = Workshop::new(30);
    let (began, ended) = with_an_outage(&provider, &shop, Outage::Answer(Answer::maintenance()));
    let books = provider.books();
    let creates = books.creates();
    let within: Vec<&Seen> = creates.into_iter().filter(|seen| began < seen.at && seen.at < ended).collect();
    // None at all where questions went out first: slots are not freed then, and a free question comes before a create.
    assert!(within.len() <= 10, "{} creates in the outage: {}", within.len(), books.story());
    assert!(
        books.requests.iter().any(|seen| began < seen.at && seen.at < ended),
        "nothing was asked: {}",
        books.story()
    );
    // The first ones may have been under way together when the outage began; from then on it is one at a time.
    let probes: Vec<&Seen> =
        within.iter().skip_while(|seen| seen.at < began + Duration::from_millis(400)).copied().collect();
    assert!(!overlap(&probes), "{}", books.story());
    let gaps: Vec<Duration> = probes.windows(2).map(|pair| pair[1].at.duration_since(pair[0].at)).collect();
    assert!(gaps.iter().all(|gap| *gap >= Duration::from_millis(450)), "{gaps:?}");
    assert!(gaps.windows(2).all(|pair| pair[1] >= pair[0].mul_f64(0.7)), "the probes do not get rarer: {gaps:?}");
}

#[test]
fn an_outage_in_which_nobody_listens_costs_no_job_an_attempt() {
    let provider = Provider::start(Script::default());
    with_an_outage(&provider, &Workshop::new(30), Outage::Closed);
}

#[test]
fn an_outage_in_which_connections_are_reset_costs_no_job_an_attempt() {
    let provider = Provider::start(Script { refuses_duplicates: false, ..Script::default() });
    with_an_outage(&provider, &Workshop::new(30), Outage::Reset);
}

/// Answers the 8th create with 1302 and this `Retry-After`, and checks that nothing is asked until it is over.
fn no_request_before(retry_after: impl Fn() -> String + Send + 'static, at_least: Duration) {
    let provider = Provider::start(Script {
        task_time: Duration::from_secs(1),
        on_create: Box::new(move |seen| match seen.nth {
            8 => OnCreate::Refuse(Answer::too_many_requests().with("Retry-After", retry_after())),
            _ => OnCreate::Take,
        }),
        ..Script::default()
    });
    let shop = Workshop::new(40);
    // Slow enough that questions queue up for their turn while the answer comes.
    shop.run(&provider, &["--concurrency", "40", "--poll-rate", "40", "--rate", "40"]).assert_code(0);
    shop.assert_all_done(&provider);
    attempts_are_all_one(&shop);
    let books = provider.books();
    let throttled = books.creates().into_iter().find(|seen| seen.status == Some(429)).expect("it was throttled");
    let told = throttled.until.expect("it was answered");
    // What was on its way at that moment is not counted.
    let quiet = told + Duration::from_millis(30)..told + at_least;
    let in_between: Vec<_> = books
        .requests
        .iter()
        .filter(|seen| quiet.contains(&seen.at) && !matches!(seen.kind, Kind::Download(_)))
        .map(|seen| (seen.at.duration_since(told), seen.kind.clone()))
        .collect();
    assert!(in_between.is_empty(), "{in_between:?}");
}

#[test]
fn a_retry_after_in_seconds_is_honoured_by_every_request() {
    no_request_before(|| "2".to_owned(), Duration::from_millis(1_980));
}

#[test]
fn a_retry_after_as_a_date_is_honoured_by_every_request() {
    // A date has whole seconds, so up to one of the three is lost.
    let date = || httpdate::fmt_http_date(SystemTime::now() + Duration::from_secs(3));
    no_request_before(date, Duration::from_millis(1_980));
}

#[test]
fn an_absurd_retry_after_breaks_nothing() {
    let provider = Provider::start(Script {
        on_create: Box::new(|seen| match seen.nth {
            1 => OnCreate::Refuse(Answer::maintenance().with("Retry-After", "999999999999999")),
            2 => OnCreate::Refuse(Answer::too_many_requests().with("Retry-After", "0")),
            3 => OnCreate::Refuse(Answer::too_many_requests().with("Retry-After", "-5")),
            _ => OnCreate::Take,
        }),
        ..Script::default()
    });
    let shop = Workshop::new(3);
    let run = shop.start(&provider, &[]);
    provider.wait_until("the two others taken", |books| books.tasks.len() == 2);
    std::thread::sleep(Duration::from_millis(700));
    run.signal("INT");
    run.end().assert_code(130);
    let row = shop.rows().into_iter().find(|row| row.state == "pending").expect("one waits");
    assert_eq!(row.attempts, 0);
    assert_eq!(shop.count("succeeded"), 2, "{}", shop.standing());
}

#[test]
fn throttled_questions_do_not_come_back_in_a_burst() {
    let provider = Provider::start(Script {
        task_time: Duration::from_millis(1_200),
        on_create: Box::new(|seen| match seen.nth {
            20 => OnCreate::Refuse(Answer::too_many_requests().with("Retry-After", "1")),
            _ => OnCreate::Take,
        }),
        ..Script::default()
    });
    let shop = Workshop::new(25);
    shop.run(&provider, &["--concurrency", "25", "--poll-rate", "20"]).assert_code(0);
    shop.assert_all_done(&provider);
    let books = provider.books();
    assert!(Books::most_in_a_second(&books.queries()) <= 20, "{}", books.story());
}
