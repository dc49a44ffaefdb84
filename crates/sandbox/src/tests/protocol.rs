//! What every client relies on: the paths, the envelope, the states, the limits.

use super::*;

#[tokio::test]
async fn a_task_runs_from_submitted_to_a_picture_that_can_be_fetched() {
    let sandbox = start(taking_ms(60)).await;
    for base in [sandbox.dmxapi_url(), sandbox.kling_url()] {
        let client = Client::new(base);
        let answer = client.create(&with_pictures(&png(400, 600), &png(320, 300))).await;
        assert_eq!(answer.outcome(), (200, 0), "{}", answer.text);
        assert_eq!(answer.json["message"], "SUCCEED");
        assert!(answer.json["request_id"].as_str().is_some_and(|id| !id.is_empty()));
        let created = &answer.json["data"];
        assert_eq!(created["task_status"], "submitted");
        assert!(created["created_at"].as_i64().is_some_and(|ms| ms > 1_700_000_000_000));

        let data = client.ended(&answer.task_id()).await;
        assert_eq!((&data["task_status"], &data["final_unit_deduction"]), (&json!("succeed"), &json!("1")));
        let lasted = data["updated_at"].as_i64().unwrap_or(0) - data["created_at"].as_i64().unwrap_or(0);
        assert!((59..=61).contains(&lasted), "{data}");
        let url = data["task_result"]["images"][0]["url"].as_str().expect("a URL");
        let (status, bytes) = client.fetch(url).await;
        assert_eq!(status, 200);
        let picture = image::load_from_memory_with_format(&bytes, ImageFormat::Png).expect("a PNG");
        assert_eq!((picture.width(), picture.height()), (400, 600));
    }
    sandbox.stop().await;
}

#[tokio::test]
async fn a_task_is_found_by_its_external_id_which_queries_echo_and_no_other_task_may_have() {
    let sandbox = start(endless()).await;
    let client = Client::new(sandbox.kling_url());
    let answer = client.create(&named_pair(1, "mine")).await;
    assert!(answer.json["data"].get("task_info").is_none(), "a create does not tell: {}", answer.text);
    let found = client.query("mine").await;
    assert_eq!(found.task_id(), answer.task_id());
    assert_eq!(found.json["data"]["task_info"]["external_task_id"], "mine");
    let again = client.create(&named_pair(2, "mine")).await;
    assert_eq!(again.outcome(), (400, 1201));
    assert_eq!(again.json["message"], "external_task_id already exists");
    let unknown = client.query("other").await;
    assert_eq!(unknown.outcome(), (400, 1201));
    assert_eq!(unknown.json["message"], "Task not found by id/external id: other");
}

#[tokio::test]
async fn a_reseller_without_external_ids_ignores_them() {
    let sandbox = start(SandboxConfig { external_ids: false, list_endpoint: false, ..endless() }).await;
    let client = Client::new(sandbox.dmxapi_url());
    for n in 0..2 {
        let answer = client.create(&named_pair(n, "mine")).await;
        assert_eq!(answer.outcome(), (200, 0), "a repeated one is no error either");
    }
    assert_eq!(client.query("mine").await.outcome(), (400, 1201));
    let list = client.get("/v1/images/kolors-virtual-try-on").await;
    assert_eq!((list.status, list.json["error"]["type"].as_str()), (404, Some("invalid_request_error")));
    let account = client.get("/account/costs?start_time=0&end_time=1").await;
    assert_eq!((account.status, account.text.as_str()), (404, ""));
}

#[tokio::test]
async fn a_doubled_slash_before_an_id_is_tolerated() {
    let sandbox = start(endless()).await;
    for base in [sandbox.dmxapi_url(), sandbox.kling_url()] {
        let client = Client::new(base);
        let task_id = client.create(&pair(1)).await.task_id();
        assert_eq!(client.query(&format!("/{task_id}")).await.task_id(), task_id);
    }
}

#[tokio::test]
async fn a_slot_is_free_the_moment_its_task_ends() {
    let sandbox = start(SandboxConfig { concurrency_cap: 2, ..taking_ms(1_000) }).await;
    let client = Client::new(sandbox.dmxapi_url());
    let first = client.create(&pair(0)).await;
    client.create(&pair(1)).await;
    let refused = client.create(&pair(2)).await;
    assert_eq!(refused.outcome(), (429, 1303));
    assert_eq!(refused.json["message"], "parallel task over resource pack limit");
    // No grace: the first query that sees the end is followed at once by a create that fits.
    client.ended(&first.task_id()).await;
    assert_eq!(client.create(&pair(2)).await.outcome(), (200, 0));
}

#[tokio::test]
async fn the_list_shows_the_newest_first_page_by_page() {
    let sandbox = start(endless()).await;
    let client = Client::new(sandbox.dmxapi_url());
    let mut ids = Vec::new();
    for n in 0..5 {
        ids.push(client.create(&pair(n)).await.task_id());
    }
    ids.reverse();
    let page = async |query: &str| {
        let answer = client.get(&format!("/v1/images/kolors-virtual-try-on{query}")).await;
        let tasks = answer.json["data"].as_array().expect("a list").clone();
        tasks.iter().map(|task| task["task_id"].as_str().unwrap_or("").to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(page("").await, ids);
    assert_eq!(page("?pageNum=2&pageSize=2").await, ids[2..4]);
    assert_eq!(page("?pageNum=4&pageSize=2").await, [""; 0]);
    for query in ["?pageNum=0", "?pageNum=1001", "?pageSize=501", "?pageSize=x"] {
        let answer = client.get(&format!("/v1/images/kolors-virtual-try-on{query}")).await;
        assert_eq!(answer.outcome(), (400, 1201), "{query}");
    }
}

#[tokio::test]
async fn over_the_pace_the_answer_says_how_long_to_wait() {
    let sandbox = start(SandboxConfig { requests_per_second: Some(2), ..endless() }).await;
    let client = Client::new(sandbox.dmxapi_url());
    let mut refused = 0;
    for _ in 0..3 {
        let answer = client.query("none").await;
        if answer.outcome() == (429, 1302) {
            refused += 1;
            assert_eq!(answer.headers["retry-after"], "1");
        }
    }
    assert_eq!(refused, 1);
}

#[tokio::test]
async fn without_credentials_nothing_is_answered() {
    let sandbox = start(endless()).await;
    let http = reqwest::Client::builder().no_proxy().build().expect("a client");
    for base in [sandbox.dmxapi_url(), sandbox.kling_url()] {
        let url = format!("{base}/v1/images/kolors-virtual-try-on");
        // A large body is taken in before the refusal, so that the refusal arrives.
        let response = http.post(&url).body(vec![b' '; 8 << 20]).send().await.expect("an answer");
        assert_eq!(response.status(), 401);
        assert!(response.text().await.expect("a body").contains("1001"));
    }
}

#[tokio::test]
async fn what_the_service_refuses_is_refused_with_the_reason() {
    let sandbox = start(endless()).await;
    let client = Client::new(sandbox.dmxapi_url());
    let mut body = with_pictures(&png(400, 600), &png(299, 400));
    let answer = client.create(&body).await;
    assert_eq!(answer.outcome(), (400, 1201));
    assert_eq!(answer.json["message"], "cloth_image: is 299x400 pixels; both sides must have at least 300");
    body["model_name"] = json!("kolors-virtual-try-on-v7");
    assert_eq!(client.create(&body).await.outcome(), (404, 1203));
    body["model_name"] = json!("x".repeat(31 << 20));
    // A body that is announced as too large is refused unread, which may reach the client as a broken connection.
    let answer = client.try_create(&body).await;
    assert!(answer.map_or(true, |answer| answer.status == 413));
    assert_eq!(client.get("/v1/images/kolors-virtual-try-on").await.json["data"], json!([]), "nothing was created");
}

#[tokio::test]
async fn the_account_pages_tell_what_was_deducted() {
    let sandbox = start(SandboxConfig { task_failures: 0.5, ..taking_ms(1) }).await;
    let client = Client::new(sandbox.kling_url());
    let mut paid = Vec::new();
    for n in 0..12 {
        let task_id = client.create(&pair(n)).await.task_id();
        let data = client.ended(&task_id).await;
        if data["task_status"] == "succeed" {
            paid.push(task_id);
        } else {
            assert_eq!(data["final_unit_deduction"], "0");
            assert!(data["task_status_msg"].as_str().is_some_and(|reason| !reason.is_empty()));
        }
    }
    assert!((1..12).contains(&paid.len()), "the seed decides: some of both");

    let listed = billed(&client, "package").await;
    assert_eq!(listed, paid);

    assert_eq!(billed(&client, "balance").await, [""; 0], "nothing was paid from a balance");
    let costs = client.get("/account/costs?start_time=0&end_time=1").await;
    let pack = &costs.json["data"]["resource_pack_subscribe_infos"][0];
    assert_eq!(pack["remaining_quantity"].as_f64(), Some(1_000_000.0 - paid.len() as f64));
    assert_eq!(client.get("/account/costs?start_time=0&end_time=1").await.outcome(), (429, 1302));
}

/// The tasks that a billing page lists, read two at a time.
async fn billed(client: &Client, page: &str) -> Vec<String> {
    let mut listed = Vec::new();
    let mut request = json!({ "start_time": 0, "end_time": 4_000_000_000_000_i64, "limit": 2,
        "filters": [{ "key": "product_type", "values": ["try-on"] }] });
    loop {
        let url = format!("{}/account/billing/{page}", client.base);
        let answer = client.send(client.http.post(url).body(request.to_string())).await.expect("an answer");
        let data = &answer.json["data"];
        for entry in data["result"]["detail"].as_array().expect("a list") {
            assert!(entry["deduction_time"].as_str().is_some_and(|ms| ms.parse::<i64>().is_ok()), "{entry}");
            listed.push(entry["task_id"].as_str().unwrap_or("").to_owned());
        }
        if data["has_more"] != json!(true) {
            return listed;
        }
        request = json!({ "cursor": data["next_cursor"] });
    }
}

#[tokio::test]
async fn billing_selects_by_the_time_at_which_a_task_was_created() {
    let sandbox = start(taking_ms(300)).await;
    let client = Client::new(sandbox.kling_url());
    let task_id = client.create(&pair(0)).await.task_id();
    let data = client.ended(&task_id).await;
    let (created, ended) = (data["created_at"].as_i64().expect("a time"), data["updated_at"].as_i64().expect("a time"));
    let between = async |start: i64, end: i64| {
        let url = format!("{}/account/billing/package", client.base);
        let body = json!({ "start_time": start, "end_time": end }).to_string();
        let answer = client.send(client.http.post(url).body(body)).await.expect("an answer");
        answer.json["data"]["result"]["detail"].as_array().map(Vec::len)
    };
    assert_eq!(between(created, created + 1).await, Some(1));
    assert_eq!(between(created + 1, ended + 1).await, Some(0));
}

#[tokio::test]
async fn a_balance_pays_with_money_and_has_no_package() {
    let sandbox = start(SandboxConfig { paid_from: PaidFrom::Balance, ..taking_ms(1) }).await;
    let client = Client::new(sandbox.kling_url());
    let task_id = client.create(&pair(0)).await.task_id();
    let data = client.ended(&task_id).await;
    assert_eq!(data["final_balance_deduction"], json!({ "quota": "0.28", "list_price": "0.35" }));
    assert!(data.get("final_unit_deduction").is_none(), "{data}");
    assert_eq!(billed(&client, "balance").await, [task_id]);
    assert_eq!(billed(&client, "package").await, [""; 0]);
    let costs = client.get("/account/costs?start_time=0&end_time=1").await;
    assert_eq!(costs.json["data"], json!({ "code": 0, "msg": "success" }));
}

#[tokio::test]
async fn a_wrong_method_and_a_wrong_path_are_named_as_such() {
    let sandbox = start(endless()).await;
    let client = Client::new(sandbox.kling_url());
    let url = format!("{}/v1/images/kolors-virtual-try-on", client.base);
    assert_eq!(client.send(client.http.delete(url)).await.expect("an answer").outcome(), (404, 1202));
    assert_eq!(client.get("/v1/nothing").await.outcome(), (404, 1203));
    let gateway = Client::new(sandbox.dmxapi_url()).get("/v1/nothing").await;
    assert_eq!(gateway.json["error"]["message"], "Invalid URL (GET /v1/nothing)");
    assert_eq!(client.fetch(&format!("{}/results/1.png", client.base)).await.0, 404);
}
