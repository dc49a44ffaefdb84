//! Tests of the gate, in paused time.

use crate::provider::meaning::Trust;
use crate::provider::{AnswerFacts, Meaning, Trouble};

use super::*;

fn gate() -> Arc<Gate> {
    Gate::new(Backoff::OUTAGE, Patience::default())
}

async fn passes(gate: &Arc<Gate>, lane: Lane) -> Option<Pass> {
    tokio::time::timeout(Duration::from_millis(1), gate.pass(lane)).await.ok()?.ok()
}

async fn fall_into_outage(gate: &Arc<Gate>) {
    for _ in 0..FAILURES_OF_AN_OUTAGE {
        gate.pass(Lane::Create).await.expect("open").failed("HTTP 503", true);
    }
    assert!(gate.pause(Timestamp::now()).is_some());
}

#[tokio::test(start_paused = true)]
async fn an_outage_lets_one_probe_through_at_a_time() {
    let gate = gate();
    fall_into_outage(&gate).await;
    assert!(passes(&gate, Lane::Create).await.is_none());
    assert!(passes(&gate, Lane::Query).await.is_some(), "queries have an outage of their own");
    tokio::time::advance(Duration::from_secs(1)).await;
    let probe = passes(&gate, Lane::Create).await.expect("a probe");
    assert!(passes(&gate, Lane::Create).await.is_none(), "only one");
    probe.failed("HTTP 503", true);
    assert!(passes(&gate, Lane::Create).await.is_none(), "it backs off");
    tokio::time::advance(Duration::from_secs(2)).await;
    passes(&gate, Lane::Create).await.expect("a probe").worked();
    let _several = [passes(&gate, Lane::Create).await.expect("open"), passes(&gate, Lane::Create).await.expect("open")];
}

#[tokio::test(start_paused = true)]
async fn probes_back_off_to_a_minute_and_no_further() {
    let gate = gate();
    fall_into_outage(&gate).await;
    for _ in 0..40 {
        tokio::time::advance(Duration::from_secs(60)).await;
        passes(&gate, Lane::Create).await.expect("a probe within a minute").failed("HTTP 503", true);
    }
}

#[tokio::test(start_paused = true)]
async fn a_probe_that_is_given_up_lets_the_next_one_through() {
    let gate = gate();
    fall_into_outage(&gate).await;
    tokio::time::advance(Duration::from_secs(1)).await;
    drop(passes(&gate, Lane::Create).await.expect("a probe"));
    assert!(passes(&gate, Lane::Create).await.is_some());
}

#[tokio::test(start_paused = true)]
async fn a_retry_after_is_honoured_by_creates_and_queries() {
    let gate = gate();
    let pass = gate.pass(Lane::Query).await.expect("open");
    pass.throttled(Some(Duration::from_secs(17)), "too many requests");
    tokio::time::advance(Duration::from_millis(16_990)).await;
    assert!(passes(&gate, Lane::Create).await.is_none());
    assert!(passes(&gate, Lane::Query).await.is_none());
    assert!(passes(&gate, Lane::Download).await.is_some());
    let now = Timestamp::now();
    assert_eq!(gate.pause(now).expect("a pause").why, "too many requests");
    tokio::time::advance(Duration::from_millis(20)).await;
    assert!(passes(&gate, Lane::Create).await.is_some());
    assert_eq!(gate.pause(now), None);
}

#[tokio::test(start_paused = true)]
async fn a_request_that_waits_for_its_turn_is_held_by_what_comes_meanwhile() {
    let gate = gate();
    let early = gate.pass(Lane::Query).await.expect("open");
    assert!(early.is_good());
    gate.pass(Lane::Create).await.expect("open").throttled(Some(Duration::from_secs(2)), "too many requests");
    assert!(!early.is_good());
    tokio::time::advance(Duration::from_secs(3)).await;
    assert!(early.is_good());
    fall_into_outage(&gate).await;
    assert!(early.is_good(), "creates are out, queries are not");
    let create = gate.pass(Lane::Query).await.expect("open");
    create.stop(StopReason::Credentials, "invalid key");
    assert!(!early.is_good());
}

/// A gate behind which the API has answered before.
async fn gate_in_use() -> Arc<Gate> {
    let gate = gate();
    gate.pass(Lane::Create).await.expect("open").accepted();
    gate
}

fn trouble(meaning: Meaning, http_status: u16) -> Trouble {
    let facts = AnswerFacts { http_status: Some(http_status), ..AnswerFacts::default() };
    Trouble::of(meaning, facts)
}

fn firewall() -> Trouble {
    trouble(Meaning::Suspect(StopReason::Permission), 403)
}

/// Probes with the same answer until the gate stops or `seconds` have passed. Returns the probes and the time it took.
async fn probe_with(gate: &Arc<Gate>, lane: Lane, answer: &Trouble, seconds: u64) -> (u32, Duration) {
    let (began, mut probes) = (Instant::now(), 0);
    while began.elapsed() < Duration::from_secs(seconds) && gate.stopped().is_none() {
        match tokio::time::timeout(Duration::from_secs(1), gate.pass(lane)).await {
            Ok(Ok(pass)) => {
                probes += 1;
                pass.heed(answer);
            }
            Ok(Err(_)) => break,
            Err(_) => {}
        }
    }
    (probes, began.elapsed())
}

#[tokio::test(start_paused = true)]
async fn at_first_contact_an_answer_that_stops_is_believed_at_once() {
    for meaning in [Meaning::Suspect(StopReason::Credentials), Meaning::WebPage, Meaning::RenewToken] {
        let gate = gate();
        gate.pass(Lane::Create).await.expect("open").heed(&trouble(meaning, 401));
        assert!(gate.stopped().is_some(), "{meaning:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn one_odd_answer_in_mid_run_pauses_and_does_not_end_it() {
    let gate = gate_in_use().await;
    gate.pass(Lane::Create).await.expect("open").heed(&firewall());
    assert_eq!(gate.stopped(), None);
    assert!(passes(&gate, Lane::Create).await.is_none(), "it pauses");
    assert!(gate.pause(Timestamp::now()).expect("a pause").why.contains("403"), "and says why");
    tokio::time::advance(Duration::from_secs(1)).await;
    passes(&gate, Lane::Create).await.expect("a probe").accepted();
    assert!(passes(&gate, Lane::Create).await.is_some(), "it was one odd answer");
}

#[tokio::test(start_paused = true)]
async fn the_same_answer_to_several_probes_over_a_minute_ends_the_run_and_leaves_what_is_in_flight() {
    let gate = gate_in_use().await;
    let (probes, took) = probe_with(&gate, Lane::Create, &firewall(), 600).await;
    let (stopped, ends_queries) = gate.stopped().expect("confirmed");
    assert_eq!((stopped.reason, ends_queries), (StopReason::Permission, false));
    assert!((Duration::from_secs(60)..Duration::from_secs(120)).contains(&took), "{took:?}");
    assert!((4..=20).contains(&probes), "{probes}");
}

#[tokio::test(start_paused = true)]
async fn a_minute_alone_confirms_nothing_several_probes_have_to() {
    let gate = gate_in_use().await;
    gate.pass(Lane::Create).await.expect("open").heed(&firewall());
    for probe in 1..PROBES_OF_A_SUSPICION {
        // Nobody has asked for a long time.
        tokio::time::advance(Duration::from_secs(600)).await;
        passes(&gate, Lane::Create).await.expect("a probe").heed(&firewall());
        assert_eq!(gate.stopped(), None, "after {probe} probes");
    }
    tokio::time::advance(Duration::from_secs(600)).await;
    passes(&gate, Lane::Create).await.expect("a probe").heed(&firewall());
    assert!(gate.stopped().is_some());
}

#[tokio::test(start_paused = true)]
async fn another_answer_in_between_takes_the_suspicion_back() {
    let gate = gate_in_use().await;
    probe_with(&gate, Lane::Create, &firewall(), 50).await;
    tokio::time::advance(Duration::from_secs(60)).await;
    passes(&gate, Lane::Create).await.expect("a probe").heed(&trouble(Meaning::InDoubt, 502));
    probe_with(&gate, Lane::Create, &firewall(), 50).await;
    assert_eq!(gate.stopped(), None, "the minute begins again");
}

#[tokio::test(start_paused = true)]
async fn the_apis_own_word_about_the_account_stops_at_once_also_in_mid_run() {
    let gate = gate_in_use().await;
    gate.pass(Lane::Create).await.expect("open").heed(&trouble(Meaning::StopRun(StopReason::Account), 429));
    assert!(gate.stopped().is_some());
}

#[tokio::test(start_paused = true)]
async fn odd_answers_to_queries_hold_creates_until_a_query_is_answered() {
    let gate = gate_in_use().await;
    gate.pass(Lane::Query).await.expect("open").heed(&firewall());
    assert!(passes(&gate, Lane::Create).await.is_none());
    tokio::time::advance(Duration::from_secs(1)).await;
    passes(&gate, Lane::Query).await.expect("a probe").worked();
    let creates = [passes(&gate, Lane::Create).await, passes(&gate, Lane::Create).await];
    assert!(creates.iter().flatten().all(|pass| !pass.is_probe()) && creates.iter().all(Option::is_some));
}

#[tokio::test(start_paused = true)]
async fn questions_that_fail_for_a_minute_hold_creates_until_one_is_answered() {
    let gate = gate_in_use().await;
    let is_down = trouble(Meaning::BackOff(Trust::Outage), 502);
    let began = Instant::now();
    for _ in 0..3 {
        gate.pass(Lane::Query).await.expect("open").heed(&is_down);
    }
    while began.elapsed() < Duration::from_secs(60) {
        assert!(passes(&gate, Lane::Create).await.is_some(), "slots that are free are used for a while");
        gate.pass(Lane::Query).await.expect("a probe").heed(&is_down);
    }
    assert!(passes(&gate, Lane::Create).await.is_none(), "what is made now could not be collected");
    tokio::time::advance(Duration::from_secs(120)).await;
    let probe = passes(&gate, Lane::Create).await.expect("a probe");
    assert!(probe.is_probe() && probe.needs_a_found_task());
    drop(probe);
    gate.pass(Lane::Query).await.expect("a probe").worked();
    assert!(passes(&gate, Lane::Create).await.is_some_and(|pass| !pass.is_probe()));
}

#[tokio::test(start_paused = true)]
async fn a_missing_channel_is_a_setting_before_anything_was_accepted_and_an_outage_later() {
    let (fresh, answer) = (gate(), trouble(Meaning::NoChannel, 503));
    let (_, took) = probe_with(&fresh, Lane::Create, &answer, 600).await;
    assert_eq!(fresh.stopped().expect("stopped").0.reason, StopReason::NoChannel);
    assert!(took <= Duration::from_secs(120), "{took:?}");
    let in_use = gate_in_use().await;
    probe_with(&in_use, Lane::Create, &answer, 3_600).await;
    assert_eq!(in_use.stopped(), None);
}

#[tokio::test(start_paused = true)]
async fn a_reseller_that_stays_saturated_with_nothing_of_ours_in_flight_stops_the_run_after_ten_minutes() {
    let (gate, answer) = (gate(), trouble(Meaning::Saturated, 429));
    let (_, took) = probe_with(&gate, Lane::Create, &answer, 3_600).await;
    assert_eq!(gate.stopped().expect("stopped").0.reason, StopReason::Saturated);
    assert!((Duration::from_secs(600)..Duration::from_secs(720)).contains(&took), "{took:?}");
    let busy = Gate::new(Backoff::OUTAGE, Patience::default());
    for _ in 0..30 {
        probe_with(&busy, Lane::Create, &answer, 300).await;
        tokio::time::advance(Duration::from_secs(61)).await;
        passes(&busy, Lane::Create).await.expect("open").accepted();
    }
    assert_eq!(busy.stopped(), None, "whatever it takes in between begins the time again");
    for between in [trouble(Meaning::OverCap, 429), trouble(Meaning::JobRefused, 400)] {
        let gate = Gate::new(Backoff::OUTAGE, Patience::default());
        for _ in 0..5 {
            probe_with(&gate, Lane::Create, &answer, 300).await;
            tokio::time::advance(Duration::from_secs(61)).await;
            passes(&gate, Lane::Create).await.expect("open").heed(&between);
        }
        assert_eq!(gate.stopped(), None, "{:?} in between begins the time again", between.meaning);
    }
}

#[tokio::test(start_paused = true)]
async fn an_empty_account_stops_submissions_and_still_collects() {
    let gate = gate();
    gate.pass(Lane::Create).await.expect("open").stop(StopReason::Account, "in arrears");
    assert_eq!(gate.pass(Lane::Create).await.expect_err("stopped").said, "in arrears");
    gate.pass(Lane::Query).await.expect("open").stop(StopReason::Credentials, "invalid key");
    assert!(gate.pass(Lane::Query).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn nobody_is_unreachable_who_was_not_asked() {
    let gate = gate();
    drop(gate.pass(Lane::Create).await.expect("open"));
    tokio::time::advance(Duration::from_secs(600)).await;
    assert_eq!(gate.unreached_for(), None, "a permit was taken for a job, and there was none to submit");
    gate.pass(Lane::Create).await.expect("open").failed("connection refused", false);
    tokio::time::advance(Duration::from_secs(120)).await;
    assert_eq!(gate.unreached_for(), Some(Duration::from_secs(120)));
    gate.pass(Lane::Create).await.expect("open").failed("HTTP 503", true);
    assert_eq!(gate.unreached_for(), None, "something answered");
}

#[tokio::test(start_paused = true)]
async fn an_account_that_is_empty_at_first_contact_is_collected_from_whatever_a_firewall_says_afterwards() {
    let gate = gate();
    let mut empty = trouble(Meaning::StopRun(StopReason::Account), 429);
    empty.facts.code = Some(1102);
    gate.pass(Lane::Create).await.expect("open").heed(&empty);
    gate.pass(Lane::Query).await.expect("open").heed(&firewall());
    assert!(gate.stopped().is_some_and(|(_, ends_queries)| !ends_queries));
}
