//! What it does wrong when it is told to.

use std::sync::Arc;

use super::*;

#[tokio::test]
async fn a_lost_answer_leaves_a_task_that_can_be_found_and_holds_its_slot() {
    let sandbox = start(SandboxConfig { lost_answers: 1.0, concurrency_cap: 40, ..endless() }).await;
    let client = Client::new(sandbox.kling_url());
    let (mut cut, mut statuses) = (0, std::collections::BTreeSet::new());
    for n in 0..40 {
        match client.try_create(&named_pair(n, &format!("e{n}"))).await {
            Ok(answer) => {
                assert_ne!(answer.outcome(), (200, 0), "an answer arrived");
                assert!(answer.code() == -1 || answer.code() == 5002, "{}", answer.text);
                statuses.insert(answer.status);
            }
            Err(_) => cut += 1,
        }
        assert_eq!(client.query(&format!("e{n}")).await.outcome(), (200, 0), "task {n} exists");
    }
    assert!(cut > 0, "some connections are cut");
    assert_eq!(statuses.into_iter().collect::<Vec<_>>(), [502, 504]);
    assert_eq!(client.create(&pair(99)).await.outcome(), (429, 1303), "each holds a slot");
}

#[tokio::test]
async fn a_transient_error_creates_nothing() {
    let sandbox = start(SandboxConfig { create_errors: 1.0, ..endless() }).await;
    let client = Client::new(sandbox.kling_url());
    let mut seen = std::collections::BTreeSet::new();
    for n in 0..40 {
        let answer = client.create(&named_pair(n, &format!("e{n}"))).await;
        seen.insert((answer.status, answer.code()));
        assert_eq!(client.query(&format!("e{n}")).await.outcome(), (400, 1201));
    }
    assert_eq!(seen.into_iter().collect::<Vec<_>>(), [(500, -1), (500, 5000), (503, -1), (503, 5001)]);
}

#[tokio::test]
async fn a_create_that_failed_has_another_chance() {
    let sandbox = start(SandboxConfig { create_errors: 0.9, ..endless() }).await;
    let client = Client::new(sandbox.kling_url());
    for _ in 0..200 {
        if client.create(&pair(0)).await.outcome() == (200, 0) {
            return;
        }
    }
    panic!("the same pair fails for ever");
}

#[tokio::test]
async fn the_order_of_arrival_changes_no_fate() {
    let config = || SandboxConfig { seed: 3, task_failures: 0.5, lost_answers: 0.0, ..taking_ms(1) };
    let mut outcomes = Vec::new();
    for order in [[0, 1, 2, 3, 4, 5], [5, 3, 1, 0, 2, 4]] {
        let sandbox = start(config()).await;
        let client = Client::new(sandbox.kling_url());
        let mut by_pair = std::collections::BTreeMap::new();
        for n in order {
            let task_id = client.create(&pair(n)).await.task_id();
            let data = client.ended(&task_id).await;
            by_pair.insert(n, (task_id, data["task_status_msg"].to_string()));
        }
        outcomes.push(by_pair);
    }
    assert_eq!(outcomes[0], outcomes[1]);
}

#[tokio::test]
async fn callbacks_tell_of_every_change_with_a_signature() {
    let (send, mut heard) = tokio::sync::mpsc::unbounded_channel();
    let listener = tokio::net::TcpListener::bind(LOCAL).await.expect("listens");
    let address = listener.local_addr().expect("an address");
    let take = async move |headers: axum::http::HeaderMap, body: String| {
        let signed = headers.get("webhook-signature").is_some_and(|value| value.as_bytes().starts_with(b"v1,"));
        let body: Value = serde_json::from_str(&body).unwrap_or_default();
        send.send((signed, body)).ok();
    };
    let router = axum::Router::new().route("/hook", axum::routing::post(take));
    tokio::spawn(async move { axum::serve(listener, router).await });

    let webhook_secret = Some(format!("whsec_{}", STANDARD.encode("a secret")));
    let sandbox = start(SandboxConfig { webhook_secret, ..taking_ms(20) }).await;
    let mut body = named_pair(0, "mine");
    body["callback_url"] = json!(format!("http://{address}/hook"));
    let task_id = Client::new(sandbox.kling_url()).create(&body).await.task_id();
    for status in ["processing", "succeed"] {
        let (signed, told) = heard.recv().await.expect("a callback");
        assert!(signed);
        assert_eq!((&told["task_id"], &told["task_status"]), (&json!(task_id), &json!(status)));
        assert_eq!(told["task_info"]["external_task_id"], "mine");
    }
}

#[tokio::test]
async fn many_creates_at_once_never_exceed_the_cap() {
    let sandbox = start(SandboxConfig { concurrency_cap: 7, ..endless() }).await;
    let client = Arc::new(Client::new(sandbox.dmxapi_url()));
    let mut creates = tokio::task::JoinSet::new();
    for n in 0..40 {
        let client = Arc::clone(&client);
        creates.spawn(async move { client.create(&pair(n)).await.outcome() });
    }
    let outcomes = creates.join_all().await;
    assert_eq!(outcomes.iter().filter(|outcome| **outcome == (200, 0)).count(), 7);
    assert_eq!(outcomes.iter().filter(|outcome| **outcome == (429, 1303)).count(), 33);
}

#[tokio::test]
async fn fractions_that_make_no_sense_are_refused() {
    let config = SandboxConfig { create_errors: 0.7, lost_answers: 0.7, ..endless() };
    let error = Sandbox::start(LOCAL, config).await.expect_err("refused").to_string();
    assert_eq!(error, "`create_errors + lost_answers + faults of creates` must be between 0 and 1, not 1.4");
}
