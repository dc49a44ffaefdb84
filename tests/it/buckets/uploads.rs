//! Local pictures that are sent as signed URLs.

use tryon_sandbox::{Latency, Sandbox, SandboxConfig};

use crate::support::provider::{Provider, Script};
use crate::support::s3::{BucketShop, Fault};

/// The names of what was uploaded.
fn uploaded(shop: &BucketShop) -> Vec<String> {
    shop.s3.objects().into_keys().filter(|key| key.starts_with("up/")).collect()
}

#[test]
fn a_picture_is_uploaded_once_and_sent_as_a_signed_url_that_is_seen_nowhere() {
    let Some(shop) = BucketShop::new("uploads", 12) else { return };
    let provider = Provider::start(Script::default());
    let to = shop.s3.url("up");
    let run = shop.call(&provider, &["run", "jobs.csv", "--upload-to", &to, "-vvv"]);
    run.assert_code(0);
    let cloth = std::fs::read(shop.shop.file("cloth.jpg")).expect("a garment");
    assert!(provider.books().tasks.iter().all(|task| *task.cloth == *cloth), "the provider can fetch it");
    let names = uploaded(&shop);
    assert!(
        matches!(names.as_slice(), [name] if name.ends_with(".jpg") && name.len() == "up/.jpg".len() + 64),
        "{names:?}"
    );
    let puts = |shop: &BucketShop| {
        let is_upload = |path: &str| path.contains("/up/") && !path.contains("probe");
        shop.proxy.asked().iter().filter(|asked| asked.method == "PUT" && is_upload(&asked.path)).count()
    };
    assert_eq!(puts(&shop), 1, "one put for all jobs");
    let gets: Vec<_> = shop.proxy.asked().into_iter().filter(|asked| asked.path.contains(".jpg?")).collect();
    assert_eq!(gets.len(), 12);
    assert!(gets.iter().all(|asked| asked.path.contains("X-Amz-Signature=") && asked.path.contains("X-Amz-Expires=")));
    for file in shop.shop.files() {
        let content = String::from_utf8_lossy(&std::fs::read(&file).expect("a file")).into_owned();
        assert!(!content.contains("X-Amz-Signature"), "{} has a signed URL", file.display());
    }
    shop.call(&provider, &["retry", "--again", "job-001"]).assert_code(0);
    shop.call(&provider, &["run", "--upload-to", &to]).assert_code(0);
    assert_eq!(puts(&shop), 1, "the next run finds it there");
}

#[test]
fn try_on_3_gets_local_pictures_as_signed_urls_and_the_kolors_form_beside_it_too() {
    let Some(shop) = BucketShop::new("uploads for try-on 3.0", 1) else { return };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    let address = std::net::SocketAddr::from(([127, 0, 0, 1], 0));
    let soon = std::time::Duration::from_millis(200);
    let config = SandboxConfig { latency: Latency::Uniform { min: soon, max: soon }, ..SandboxConfig::default() };
    let sandbox = runtime.block_on(Sandbox::start(address, config)).expect("the stand-in");
    for name in ["ana.jpg", "cloth.jpg"] {
        image::DynamicImage::new_rgb8(400, 400).save(shop.shop.file(name)).expect("a picture");
    }
    let rows = "id,human,cloth,model\na,ana.jpg,cloth.jpg,\nb,ana.jpg,cloth.jpg,kolors-virtual-try-on-v1\n";
    std::fs::write(shop.shop.file("jobs.csv"), rows).expect("a manifest");
    let nobody = Provider::start(Script::default());
    let to = shop.s3.url("up");
    let (url, key) = (sandbox.kling_url(), "sandbox");
    let run = |more: &[&str]| {
        let door = ["run", "jobs.csv", "--provider", "kling", "--base-url", &url, "--model", "virtual-try-on-3"];
        let arguments: Vec<&str> = door.iter().chain(more).copied().collect();
        shop.begin(&nobody, &arguments, |command| {
            command.env("KLING_API_KEY", key);
        })
        .end()
    };
    let without = run(&[]);
    without.assert_code(2);
    assert!(without.said.contains("jobs.csv:2: ") && without.said.contains("--upload-to"), "{}", without.said);
    run(&["--upload-to", &to]).assert_code(0);
    assert_eq!(uploaded(&shop).len(), 1, "the same picture is put once: {:?}", uploaded(&shop));
    assert!(shop.shop.rows().iter().all(|row| row.state == "succeeded"), "{}", shop.shop.standing());
    assert!(nobody.books().requests.is_empty());
    runtime.block_on(sandbox.stop());
}

#[test]
fn what_no_job_needs_is_pruned_and_nothing_else() {
    let Some(shop) = BucketShop::new("pruning uploads", 3) else { return };
    let provider = Provider::start(Script::default());
    let to = shop.s3.url("up");
    let run = ["run", "jobs.csv", "--upload-to", &to, "--budget", "2"];
    shop.call(&provider, &run).assert_code(3);
    shop.s3.put("up/notes.txt", b"not an upload");
    let old = format!("up/{}.png", "0".repeat(64));
    shop.s3.put(&old, b"of another time");
    let prune = ["uploads", "--prune", "--upload-to", &to, "--older-than", "1ms"];
    let young = shop.call(&provider, &["uploads", "--prune", "--upload-to", &to]);
    assert!(young.said.contains("0 pictures removed, 2 kept"), "{}", young.said);
    let pruned = shop.call(&provider, &prune);
    pruned.assert_code(0);
    assert!(pruned.said.contains("1 picture removed, 1 kept"), "{}", pruned.said);
    assert_eq!(uploaded(&shop).len(), 2, "what a job still needs, and what is no upload");
    shop.call(&provider, &run[..4]).assert_code(0);
    let pruned = shop.call(&provider, &prune);
    assert!(pruned.said.contains("1 picture removed, 0 kept"), "{}", pruned.said);
    assert_eq!(uploaded(&shop), ["up/notes.txt"]);
}

#[test]
fn a_bucket_for_uploads_that_refuses_ends_the_run_before_anything_is_spent() {
    let Some(shop) = BucketShop::new("uploads that are refused", 2) else { return };
    let provider = Provider::start(Script::default());
    shop.proxy.change(|asked| Some(Fault::Denied).filter(|_| asked.path.contains("/up/")));
    let run = shop.call(&provider, &["run", "jobs.csv", "--upload-to", &shop.s3.url("up")]);
    run.assert_code(2);
    assert!(run.said.contains("the bucket refuses") && provider.books().creates().is_empty(), "{}", run.said);
    let wrong = shop.call(&provider, &["run", "jobs.csv", "--upload-to", "uploads"]);
    wrong.assert_code(2);
    assert!(wrong.said.contains("upload-to") && wrong.said.contains("s3://bucket/prefix"), "{}", wrong.said);
}
