//! Each fault by its name.

use super::super::fault::{Effect, Fault};
use super::*;

#[tokio::test]
async fn every_refusal_of_the_table_arrives_as_written_and_creates_nothing() {
    for fault in Fault::all() {
        let (Effect::Refused(canned) | Effect::Interposed(canned)) = fault.effect() else { continue };
        let sandbox = start(faulty(&[fault.name()])).await;
        let client = Client::new(sandbox.dmxapi_url());
        let answer = client.create(&named_pair(0, "mine")).await;
        assert_eq!((answer.status, answer.text.as_str()), (canned.status(), canned.body()), "{fault:?}");
        if let Effect::Refused(_) = fault.effect() {
            assert_eq!(client.query("mine").await.outcome(), (400, 1201), "{fault:?}: nothing was created");
        } else {
            assert_eq!(client.query("mine").await.status, canned.status(), "{fault:?}: it stands before everything");
        }
    }
}

#[tokio::test]
async fn every_answer_of_the_table_that_hides_a_task_has_made_it() {
    for fault in Fault::all().filter(|fault| fault.makes_task() && fault.name() != "504-late") {
        let sandbox = start(faulty(&[fault.name()])).await;
        let client = Client::new(sandbox.dmxapi_url());
        let answer = client.try_create(&named_pair(0, "mine")).await;
        if let Ok(answer) = &answer {
            assert!(answer.json["data"].get("task_id").is_none(), "{fault:?}: {}", answer.text);
        }
        let found = client.query("mine").await;
        assert_eq!(found.outcome(), (200, 0), "{fault:?}");
        assert_eq!(found.json["data"]["task_info"]["external_task_id"], "mine", "{fault:?}");
    }
}

#[tokio::test]
async fn a_late_task_does_not_exist_and_holds_no_slot_before_its_time() {
    let late_by = Duration::from_millis(600);
    let sandbox = start(SandboxConfig { late_by, concurrency_cap: 1, ..faulty(&["504-late"]) }).await;
    let client = Client::new(sandbox.dmxapi_url());
    assert_eq!(client.create(&named_pair(0, "mine")).await.status, 504);
    assert_eq!(client.query("mine").await.outcome(), (400, 1201));
    assert_eq!(client.get("/v1/images/kolors-virtual-try-on").await.json["data"], json!([]));
    // Its slot is free until then.
    assert_eq!(client.create(&named_pair(1, "other")).await.status, 504);
    for _ in 0..1_000 {
        if client.query("mine").await.outcome() == (200, 0) {
            assert_eq!(client.create(&pair(2)).await.outcome(), (429, 1303));
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("the late task never came");
}

#[tokio::test]
async fn a_late_create_whose_external_id_is_taken_meanwhile_makes_nothing() {
    // The seed decides which of the two answers the first create gets.
    let config = |seed| SandboxConfig { seed, late_by: Duration::from_millis(50), ..faulty(&["504-late=0.5"]) };
    for seed in 0..64 {
        let sandbox = start(config(seed)).await;
        let client = Client::new(sandbox.dmxapi_url());
        if client.create(&named_pair(0, "mine")).await.status != 504 {
            continue;
        }
        let again = client.create(&named_pair(0, "mine")).await;
        if again.status != 200 {
            continue;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
        assert_eq!(client.query("mine").await.task_id(), again.task_id());
        let list = client.get("/v1/images/kolors-virtual-try-on").await;
        assert_eq!(list.json["data"].as_array().map(Vec::len), Some(1), "{}", list.text);
        return;
    }
    panic!("no seed makes the first create late and the second one not");
}

#[tokio::test]
async fn a_young_task_reads_as_unknown_or_failed_and_then_as_it_is() {
    for (fault, reads_so) in [("fresh-unknown", (400, 1201)), ("fresh-failed", (200, 0))] {
        let sandbox = start(faulty(&[fault])).await;
        let client = Client::new(sandbox.dmxapi_url());
        let id = client.create(&pair(0)).await.task_id();
        let young = client.query(&id).await;
        assert_eq!(young.outcome(), reads_so, "{fault}");
        if fault == "fresh-failed" {
            assert_eq!(young.json["data"]["task_status_msg"], "task not found");
        }
        let status = async || client.query(&id).await.json["data"]["task_status"].as_str().map(str::to_owned);
        let mut now = status().await;
        for _ in 0..1_000 {
            if now.as_deref() == Some("processing") {
                break;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
            now = status().await;
        }
        assert_eq!(now.as_deref(), Some("processing"), "{fault}");
    }
}

#[tokio::test]
async fn tasks_fail_for_the_reason_that_was_asked_for() {
    for fault in Fault::all() {
        let Effect::TaskFails(reason) = fault.effect() else { continue };
        let sandbox = start(SandboxConfig { latency: Latency::Fixed(Duration::ZERO), ..faulty(&[fault.name()]) }).await;
        let client = Client::new(sandbox.dmxapi_url());
        let id = client.create(&pair(0)).await.task_id();
        assert_eq!(client.ended(&id).await["task_status_msg"], reason);
    }
}

#[tokio::test]
async fn results_are_odd_in_the_way_that_was_asked_for() {
    for fault in ["no-image", "no-index", "webp-result"] {
        let sandbox = start(SandboxConfig { latency: Latency::Fixed(Duration::ZERO), ..faulty(&[fault]) }).await;
        let client = Client::new(sandbox.dmxapi_url());
        let id = client.create(&pair(0)).await.task_id();
        let images = client.ended(&id).await["task_result"]["images"].take();
        match fault {
            "no-image" => assert_eq!(images, json!([])),
            "no-index" => assert!(images[0].get("index").is_none() && images[0]["url"].is_string(), "{images}"),
            _ => {
                let (status, bytes) = client.fetch(images[0]["url"].as_str().expect("a URL")).await;
                assert_eq!((status, image::guess_format(&bytes).ok()), (200, Some(ImageFormat::WebP)));
            }
        }
    }
}

#[tokio::test]
async fn what_stands_in_between_strikes_questions_for_its_share() {
    let sandbox = start(faulty(&["firewall=0.3"])).await;
    let client = Client::new(sandbox.dmxapi_url());
    let mut refused = 0;
    for _ in 0..200 {
        refused += usize::from(client.query("1").await.status == 403);
    }
    assert!((30..=90).contains(&refused), "{refused} of 200");
}

#[tokio::test]
async fn an_account_without_packages_has_no_list_of_them() {
    let sandbox = start(faulty(&["no-packages"])).await;
    let costs = Client::new(sandbox.kling_url()).get("/account/costs?start_time=0&end_time=1").await;
    assert_eq!(costs.outcome(), (200, 0));
    assert_eq!(costs.json["data"], json!({ "code": 0, "msg": "success" }));
}
