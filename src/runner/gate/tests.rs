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

#[tokio::test(start_paused = true)]
async fn an_empty_account_stops_submissions_and_still_collects() {
    let gate = gate();
    gate.pass(Lane::Create).await.expect("open").stop(StopReason::Account, "in arrears");
    assert_eq!(gate.pass(Lane::Create).await.expect_err("stopped").said, "in arrears");
    gate.pass(Lane::Query).await.expect("open").stop(StopReason::Credentials, "invalid key");
    assert!(gate.pass(Lane::Query).await.is_err());
}
