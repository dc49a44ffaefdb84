//! The "solutions" form as a client meets it, and the shelf in place of a bucket.

use sha2::{Digest, Sha256};

use super::*;

impl Client {
    async fn solve(&self, body: &Value) -> Answer {
        let url = format!("{}/solutions/virtual_try_on", self.base);
        self.send(self.http.post(url).body(body.to_string())).await.expect("an answer")
    }

    async fn listed(&self, body: &Value) -> Answer {
        let url = format!("{}/solutions", self.base);
        self.send(self.http.post(url).body(body.to_string())).await.expect("an answer")
    }

    async fn asked(&self, query: &str) -> Answer {
        self.get(&format!("/solutions?{query}")).await
    }

    async fn put(&self, name: &str, bytes: Vec<u8>) -> u16 {
        let url = format!("{}/uploads/{name}", self.base);
        self.http.put(url).body(bytes).send().await.expect("an answer").status().as_u16()
    }

    /// Puts a file on the shelf, and returns its address.
    async fn shelved(&self, bytes: Vec<u8>) -> String {
        let name: String = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(self.put(&name, bytes).await, 204);
        format!("{}/uploads/{name}", self.base)
    }
}

fn body(product: &str, person: &str, options: Value) -> Value {
    json!({
        "contents": [{"type": "product_image", "url": product}, {"type": "person_image", "url": person}],
        "settings": {"keep_face": true, "keep_pose": false},
        "options": options,
    })
}

fn of_urls(n: usize, external_id: &str) -> Value {
    body(&format!("https://example.com/{n}.jpg"), "https://example.com/h.jpg", json!({"external_task_id": external_id}))
}

#[tokio::test]
async fn pictures_of_the_shelf_become_a_result_that_can_be_fetched() {
    let sandbox = start(taking_ms(40)).await;
    let client = Client::new(sandbox.kling_url());
    let (product, person) = (client.shelved(png(320, 301)).await, client.shelved(png(400, 600)).await);
    assert_eq!(client.fetch(&person).await, (200, png(400, 600)));
    let answer = client.solve(&body(&product, &person, json!({"external_task_id": "mine"}))).await;
    assert_eq!(answer.outcome(), (200, 0), "{}", answer.text);
    let created = &answer.json["data"];
    assert_eq!((&created["status"], &created["external_id"]), (&json!("submitted"), &json!("mine")));
    let id = answer.task_id();
    let task = loop {
        let task = client.asked(&format!("task_ids={id}")).await.json["data"][0].take();
        if task["status"] == "succeed" {
            break task;
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    };
    assert_eq!((&task["id"], &task["external_id"]), (&json!(id), &json!("mine")));
    assert_eq!(task["billing"][0]["charge_type"], "unit");
    assert_eq!(task["outputs"][0]["type"], "image");
    let (status, bytes) = client.fetch(task["outputs"][0]["url"].as_str().expect("a URL")).await;
    assert_eq!(status, 200);
    let picture = image::load_from_memory_with_format(&bytes, ImageFormat::Png).expect("a PNG");
    assert_eq!((picture.width(), picture.height()), (400, 600));
}

#[tokio::test]
async fn a_question_is_about_twenty_tasks_by_one_kind_of_id_and_leaves_out_the_unknown() {
    let sandbox = start(SandboxConfig { concurrency_cap: 30, ..endless() }).await;
    let client = Client::new(sandbox.kling_url());
    let mut ids = Vec::new();
    for n in 0..20 {
        ids.push(client.solve(&of_urls(n, &format!("mine-{n}"))).await.task_id());
    }
    let known = client.asked(&format!("task_ids={}", ids.join(","))).await;
    assert_eq!(known.json["data"].as_array().map(Vec::len), Some(20));
    let some = client.asked("external_task_ids=mine-3,nobody,mine-7").await;
    let told: Vec<_> = some.json["data"].as_array().expect("a list").iter().map(|task| &task["id"]).collect();
    assert_eq!(told, [&json!(ids[3]), &json!(ids[7])]);
    assert_eq!(client.asked("task_ids=mine-3").await.json["data"], json!([]), "each kind of id has its own question");
    assert_eq!(client.asked("task_ids=nobody").await.outcome(), (200, 0));
    for refused in [
        format!("task_ids={},x", ids.join(",")),
        "task_ids=1&external_task_ids=2".to_owned(),
        "task_ids=".to_owned(),
        String::new(),
    ] {
        assert_eq!(client.asked(&refused).await.outcome(), (400, 1201), "{refused}");
    }
    assert_eq!(client.query(&ids[0]).await.outcome(), (400, 1201), "each form shows its own tasks");
    assert_eq!(client.solve(&of_urls(99, "mine-3")).await.outcome(), (400, 1201), "the name is taken");
}

#[tokio::test]
async fn what_the_service_refuses_is_refused_with_a_reason() {
    let sandbox = start(endless()).await;
    let client = Client::new(sandbox.kling_url());
    let (good, small) = (client.shelved(png(301, 301)).await, client.shelved(png(300, 400)).await);
    let (long, text) = (client.shelved(png(2_049, 400)).await, client.shelved(b"GIF89a".to_vec()).await);
    let gone = format!("{}/uploads/{}", sandbox.kling_url(), "ab".repeat(32));
    let mut heavy = png(400, 400);
    heavy.resize(10 * 1024 * 1024 + 1, 0);
    let heavy = client.shelved(heavy).await;
    for (product, why) in [
        (small.as_str(), "is 300x400 pixels"),
        (&long, "is 2049x400 pixels"),
        (&text, "is no jpg, png or webp picture"),
        (&heavy, "over the limit of 10 MB"),
        (&gone, "there is nothing at"),
        ("aGVsbG8=", "only an http(s) URL is taken"),
        ("data:image/png;base64,aGVsbG8=", "only an http(s) URL is taken"),
        ("", "only an http(s) URL is taken"),
    ] {
        let refusal = client.solve(&body(product, &good, json!({}))).await;
        assert_eq!(refusal.outcome(), (400, 1201), "{product}");
        let message = refusal.json["message"].as_str().expect("a message");
        assert!(message.starts_with("product_image: ") && message.contains(why), "{message}");
    }
    let item = |kind: &str| json!({"type": kind, "url": good});
    for contents in [
        json!([item("product_image")]),
        json!([item("product_image"), item("product_image"), item("person_image")]),
        json!([item("product_image"), item("person_image"), item("hat")]),
        json!([]),
    ] {
        assert_eq!(client.solve(&json!({"contents": contents})).await.outcome(), (400, 1201), "{contents}");
    }
    let mut odd = body(&good, &good, json!({}));
    odd["settings"]["keep_face"] = json!("yes");
    assert_eq!(client.solve(&odd).await.outcome(), (400, 1201));
    assert_eq!(client.put(&"ab".repeat(32), png(301, 301)).await, 400, "another file");
}

#[tokio::test]
async fn the_form_is_at_klings_own_door_and_takes_no_signed_token() {
    let sandbox = start(endless()).await;
    let reseller = Client::new(sandbox.dmxapi_url());
    assert_eq!(reseller.solve(&of_urls(1, "mine")).await.status, 404);
    let client = Client::new(sandbox.kling_url());
    let signed =
        client.http.get(format!("{}/solutions?task_ids=1", client.base)).header("authorization", "Bearer a.b.c");
    assert_eq!(signed.send().await.expect("an answer").status().as_u16(), 401);
}

#[tokio::test]
async fn the_list_goes_from_cursor_to_cursor_and_shows_the_forms_own_tasks() {
    let sandbox = start(SandboxConfig { concurrency_cap: 30, ..endless() }).await;
    let client = Client::new(sandbox.kling_url());
    client.create(&pair(1)).await;
    let mut ids = Vec::new();
    for n in 0..5 {
        ids.push(client.solve(&of_urls(n, "")).await.task_id());
    }
    ids.reverse();
    let mut seen = Vec::new();
    let mut question = json!({"start_time": 0, "end_time": 99_999_999_999_999_i64, "limit": 2});
    loop {
        let page = client.listed(&question).await.json["data"].take();
        let result = page["result"].as_array().expect("a list");
        assert_eq!(page["count"], result.len());
        seen.extend(result.iter().map(|task| task["id"].as_str().expect("an id").to_owned()));
        if page["has_more"] == false {
            break;
        }
        question = json!({"cursor": page["next_cursor"]});
    }
    assert_eq!(seen, ids, "newest first");
    let ended = json!({"start_time": 0, "end_time": 99_999_999_999_999_i64, "filters": [{"key": "status", "values": ["succeed"]}]});
    assert_eq!(client.listed(&ended).await.json["data"]["count"], 0);
    for odd in [json!({}), json!({"cursor": "x"}), json!({"start_time": 0, "end_time": 1, "limit": 501})] {
        assert_eq!(client.listed(&odd).await.outcome(), (400, 1201), "{odd}");
    }
}

#[tokio::test]
async fn cap_and_faults_are_those_of_the_account_whatever_the_form() {
    let sandbox = start(SandboxConfig { concurrency_cap: 1, ..endless() }).await;
    let client = Client::new(sandbox.kling_url());
    client.create(&pair(1)).await;
    assert_eq!(client.solve(&of_urls(1, "")).await.outcome(), (429, 1303));
    let sandbox = start(faulty(&["pack-empty"])).await;
    let client = Client::new(sandbox.kling_url());
    assert_eq!(client.solve(&of_urls(1, "")).await.outcome(), (429, 1102));
    let sandbox = start(faulty(&["fresh-unknown"])).await;
    let client = Client::new(sandbox.kling_url());
    let id = client.solve(&of_urls(1, "")).await.task_id();
    assert_eq!(client.asked(&format!("task_ids={id}")).await.json["data"], json!([]), "too young to be found");
}
