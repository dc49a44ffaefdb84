//! What the gateways in front of the service make of its answers.

use super::*;

async fn behind(gateway: Gateway) -> (Sandbox, Client) {
    let sandbox = start(SandboxConfig { gateway, concurrency_cap: 1, ..taking_ms(100) }).await;
    let client = Client::new(sandbox.dmxapi_url());
    (sandbox, client)
}

#[tokio::test]
async fn a_flat_create_has_no_code_and_no_data_and_its_task_is_queried_natively() {
    let (_sandbox, client) = behind(Gateway::Flat).await;
    let created = client.create(&named_pair(0, "mine")).await;
    assert_eq!((created.status, created.json.get("code"), created.json.get("data")), (200, None, None));
    assert_eq!((&created.json["object"], &created.json["status"]), (&json!("video"), &json!("")));
    let id = created.json["task_id"].as_str().expect("a task id");
    assert_eq!(created.json["id"], id);
    assert_eq!(client.ended(id).await["task_status"], "succeed");
    assert_eq!(client.query("mine").await.task_id(), id);
    assert_eq!(client.query("other").await.outcome(), (400, 1201));
}

#[tokio::test]
async fn a_wrapped_query_has_words_of_its_own_around_the_native_answer() {
    let (_sandbox, client) = behind(Gateway::Wrapped).await;
    let id = client.create(&named_pair(0, "mine")).await.json["task_id"].as_str().expect("a task id").to_owned();
    let mut seen = std::collections::BTreeSet::new();
    let data = loop {
        let answer = client.query(&id).await;
        assert_eq!((answer.status, &answer.json["code"]), (200, &json!("success")));
        let data = answer.json["data"].clone();
        seen.insert(data["status"].as_str().expect("a status").to_owned());
        if data["status"] == "SUCCESS" {
            break data;
        }
        assert!(data.get("result_url").is_none());
        tokio::time::sleep(Duration::from_millis(2)).await;
    };
    // How many of the words before the last are seen depends on how busy the machine is.
    assert!(seen.iter().all(|word| ["IN_PROGRESS", "SUBMITTED", "SUCCESS"].contains(&word.as_str())), "{seen:?}");
    let native = &data["data"]["data"];
    assert_eq!((&native["task_id"], &native["task_status"]), (&json!(id), &json!("succeed")));
    assert_eq!(data["result_url"], native["task_result"]["images"][0]["url"]);
    assert_eq!(client.fetch(data["result_url"].as_str().expect("a URL")).await.0, 200);
}

#[tokio::test]
async fn a_wrapped_failure_tells_its_reason() {
    let faults = vec!["task-pixel".parse().expect("a fault")];
    let sandbox = start(SandboxConfig { gateway: Gateway::Wrapped, faults, ..taking_ms(0) }).await;
    let client = Client::new(sandbox.dmxapi_url());
    let id = client.create(&pair(0)).await.json["task_id"].as_str().expect("a task id").to_owned();
    let data = client.query(&id).await.json["data"].take();
    assert_eq!((&data["status"], &data["fail_reason"]), (&json!("FAILURE"), &json!("Image pixel is invalid")));
}

#[tokio::test]
async fn a_wrapping_gateway_knows_only_its_own_ids_and_hides_the_codes() {
    let (sandbox, client) = behind(Gateway::Wrapped).await;
    client.create(&named_pair(0, "mine")).await;
    let unknown = client.query("mine").await;
    assert_eq!((unknown.status, &unknown.json["code"]), (400, &json!("task_not_exist")));
    let over_cap = client.create(&pair(1)).await;
    assert_eq!((over_cap.status, &over_cap.json["code"]), (429, &json!("fail_to_fetch_task")));
    let inside: Value = serde_json::from_str(over_cap.json["message"].as_str().expect("a text")).expect("JSON inside");
    assert_eq!(inside["code"], 1303);
    for path in ["/v1/images/kolors-virtual-try-on?pageNum=1&pageSize=2", "/wrong/path"] {
        let page = client.get(path).await;
        assert_eq!(page.status, 200, "{path}");
        assert!(page.text.starts_with("<!doctype html>"), "{path}");
    }
    let http = reqwest::Client::builder().no_proxy().build().expect("a client");
    let refused = http.get(format!("{}/v1/images/kolors-virtual-try-on/1", sandbox.dmxapi_url())).send().await;
    let refused = refused.expect("an answer");
    assert_eq!(refused.status(), 401);
    assert!(refused.text().await.expect("a body").contains("new_api_error"));
}

#[tokio::test]
async fn a_gateway_that_does_not_know_try_on_serves_its_page_and_creates_nothing() {
    let (_sandbox, client) = behind(Gateway::IndexPage).await;
    let large = with_pictures(&vec![7; 6 << 20], &png(300, 300));
    let (create, query) = (client.create(&large).await, client.query("1").await);
    for answer in [create, query, client.get("/").await] {
        assert_eq!(answer.status, 200);
        assert!(answer.headers["content-type"].to_str().is_ok_and(|kind| kind.starts_with("text/html")));
    }
}

#[tokio::test]
async fn a_saturated_gateway_says_of_every_429_the_same_without_a_number() {
    let (_sandbox, client) = behind(Gateway::Saturated).await;
    assert_eq!(client.create(&pair(0)).await.outcome(), (200, 0));
    let over_cap = client.create(&pair(1)).await;
    let arrears = start(SandboxConfig { gateway: Gateway::Saturated, ..faulty(&["arrears"]) }).await;
    let arrears = Client::new(arrears.dmxapi_url()).create(&pair(0)).await;
    assert_eq!((over_cap.status, over_cap.code(), arrears.status), (429, -1, 429));
    assert!(over_cap.text.contains("负载已饱和"), "{}", over_cap.text);
    assert_eq!(over_cap.text, arrears.text);
}
