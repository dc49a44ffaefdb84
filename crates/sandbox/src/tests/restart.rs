//! What is remembered when the process is gone.

use super::*;

fn remembering(folder: &tempfile::TempDir, config: SandboxConfig) -> SandboxConfig {
    SandboxConfig { state_dir: Some(folder.path().join("state")), ..config }
}

#[tokio::test]
async fn a_task_survives_a_restart() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let sandbox = start(remembering(&folder, taking_ms(40))).await;
    let client = Client::new(sandbox.kling_url());
    let mut body = with_pictures(&png(400, 600), &png(320, 300));
    body["external_task_id"] = json!("mine");
    let task_id = client.create(&body).await.task_id();
    let before = client.ended(&task_id).await;
    let picture = client.fetch(before["task_result"]["images"][0]["url"].as_str().expect("a URL")).await;
    // Dropped and not stopped: nothing is written on the way out.
    drop(sandbox);

    // Another seed and another speed: what was drawn is not drawn again.
    let other = SandboxConfig { seed: 9, task_failures: 1.0, ..endless() };
    let sandbox = start(remembering(&folder, other)).await;
    let client = Client::new(sandbox.kling_url());
    let after = client.query("mine").await.json["data"].take();
    for field in ["task_id", "task_status", "created_at", "updated_at", "final_unit_deduction"] {
        assert_eq!(after[field], before[field], "{field}");
    }
    let url = after["task_result"]["images"][0]["url"].as_str().expect("a URL");
    assert!(url.starts_with(&sandbox.kling_url()), "{url} leads to the port of today");
    assert!(client.fetch(url).await == picture, "the same picture is made again");
    assert_eq!(client.create(&named_pair(7, "mine")).await.outcome(), (400, 1201), "the name is still taken");
}

#[tokio::test]
async fn a_running_task_holds_its_slot_across_a_restart() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let config = || SandboxConfig { concurrency_cap: 1, ..endless() };
    let sandbox = start(remembering(&folder, config())).await;
    let first = Client::new(sandbox.kling_url()).create(&pair(0)).await;
    drop(sandbox);
    let sandbox = start(remembering(&folder, config())).await;
    let client = Client::new(sandbox.kling_url());
    assert_eq!(client.create(&pair(1)).await.outcome(), (429, 1303));
    assert_eq!(client.query(&first.task_id()).await.json["data"]["task_status"], "submitted");
}

#[tokio::test]
async fn a_retry_after_a_restart_has_a_draw_of_its_own() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let sandbox = start(remembering(&folder, endless())).await;
    let first = Client::new(sandbox.kling_url()).create(&pair(0)).await.task_id();
    drop(sandbox);
    let sandbox = start(remembering(&folder, endless())).await;
    let second = Client::new(sandbox.kling_url()).create(&pair(0)).await;
    assert_eq!(second.outcome(), (200, 0));
    assert_ne!(second.task_id(), first);
}

#[tokio::test]
async fn a_result_expires_after_thirty_days() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let sandbox = start(remembering(&folder, taking_ms(0))).await;
    let client = Client::new(sandbox.kling_url());
    let task_id = client.create(&pair(0)).await.task_id();
    let data = client.ended(&task_id).await;
    let url = data["task_result"]["images"][0]["url"].as_str().expect("a URL").to_owned();
    assert_eq!(client.fetch(&url).await.0, 200);
    // Thirty days pass by setting the task back in time.
    let file = rusqlite::Connection::open(folder.path().join("state/tasks.db")).expect("opens");
    let month = 30_i64 * 24 * 60 * 60 * 1_000_000;
    let moved = file.execute("UPDATE tasks SET ends_at = ends_at - ?1", [month]).expect("moved");
    assert_eq!(moved, 1);
    assert_eq!(client.fetch(&url).await.0, 403);
    assert_eq!(client.query(&task_id).await.json["data"]["task_status"], "succeed");
}

#[tokio::test]
async fn the_temporary_folder_of_a_forgetful_sandbox_is_removed() {
    let sandbox = start(endless()).await;
    let folder = sandbox._temporary.as_ref().expect("a folder").path().to_owned();
    Client::new(sandbox.kling_url()).create(&pair(0)).await;
    assert!(folder.exists());
    sandbox.stop().await;
    assert!(!folder.exists());
}
