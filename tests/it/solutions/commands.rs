//! The program as its users run it.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::books::{manifest, pictures, tasks};

fn tryon(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tryon"));
    command.current_dir(folder).env_clear().args(arguments);
    command.env("TRYON_OUT", "out").env("TRYON_RATE", "200").env("TRYON_POLL_INTERVAL", "100ms");
    command
}

/// The exit code, and everything that was said.
fn ended(output: &Output) -> (Option<i32>, String) {
    let said = [output.stdout.as_slice(), &output.stderr].concat();
    (output.status.code(), String::from_utf8_lossy(&said).into_owned())
}

fn call(folder: &Path, arguments: &[&str]) -> (Option<i32>, String) {
    ended(&tryon(folder, arguments).output().expect("the program runs"))
}

fn assert_all_there(folder: &Path, ids: &[String]) {
    for id in ids {
        let path = folder.join("out").join(format!("{id}.png"));
        let picture = image::open(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        assert!(picture.width() >= 300);
    }
}

fn state(folder: &TempDir) -> PathBuf {
    folder.path().join("out/.sandbox")
}

const RUN: [&str; 5] = ["run", "jobs.csv", "--sandbox", "--model", "virtual-try-on-3"];

#[test]
fn local_pictures_become_images_at_the_sandbox_each_put_on_its_shelf_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let ids = manifest(folder.path(), 12, "", |_| String::new());
    let (code, said) = call(folder.path(), &RUN);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("images    12 of 12") && said.contains("SANDBOX"), "{said}");
    assert_all_there(folder.path(), &ids);
    assert_eq!(tasks(&state(&folder)), (12, 12));
    assert_eq!(pictures(&state(&folder)), 4 + 12, "each picture once");
    let report = std::fs::read_to_string(folder.path().join("out/report.csv")).expect("a report");
    assert_eq!(report.matches(",virtual-try-on-3 (sandbox),").count(), 12, "{report}");
    let units: Vec<&str> = report.lines().skip(1).filter_map(|row| row.split(',').nth(12)).collect();
    assert_eq!(units, ["1"; 12]);
}

#[test]
fn a_run_that_is_killed_again_and_again_pays_for_nothing_twice() {
    let folder = tempfile::tempdir().expect("a folder");
    let ids = manifest(folder.path(), 24, "", |_| String::new());
    for done in [2, 8, 14, 20] {
        let mut run = tryon(folder.path(), &RUN);
        let run = run.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("the program starts");
        kill_when(run, || ids.iter().filter(|id| folder.path().join(format!("out/{id}.png")).exists()).count() >= done);
    }
    let (code, said) = call(folder.path(), &RUN);
    assert_eq!(code, Some(0), "{said}");
    assert_all_there(folder.path(), &ids);
    assert_eq!(tasks(&state(&folder)), (24, 24));
}

fn kill_when(mut run: Child, is_time: impl Fn() -> bool) {
    let began = Instant::now();
    while !is_time() && run.try_wait().expect("its state").is_none() {
        assert!(began.elapsed() < Duration::from_secs(60), "nothing happens");
        std::thread::sleep(Duration::from_millis(2));
    }
    run.kill().expect("killed");
    run.wait().expect("gone");
}

#[test]
fn both_forms_serve_one_run_each_for_its_own_models() {
    let folder = tempfile::tempdir().expect("a folder");
    let model = |number: usize| match number % 3 {
        0 => ",virtual-try-on-3,false".to_owned(),
        1 => ",kolors-virtual-try-on-v1-5,".to_owned(),
        _ => ",,".to_owned(),
    };
    let ids = manifest(folder.path(), 9, ",model,keep_face", model);
    let (code, said) = call(folder.path(), &["run", "jobs.csv", "--sandbox"]);
    assert_eq!(code, Some(0), "{said}");
    assert_all_there(folder.path(), &ids);
    assert_eq!(tasks(&state(&folder)), (3, 3));
    let (code, said) = call(folder.path(), &["show", "job-000"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("may change   face"), "{said}");
    let (_, again) = call(folder.path(), &["load", "jobs.csv", "--sandbox", "--keep-pose=false"]);
    assert!(again.contains("job-000") && again.contains("inputs"), "another setting is another input: {again}");
}

#[test]
fn pictures_outside_the_limits_are_refused_before_money_and_made_to_fit_where_that_is_wanted() {
    let folder = tempfile::tempdir().expect("a folder");
    let ids = manifest(folder.path(), 2, "", |_| String::new());
    image::RgbImage::new(3_000, 1_000).save(folder.path().join("cloth-0.png")).expect("a garment");
    let webp = image::RgbImage::new(400, 400);
    webp.save_with_format(folder.path().join("cloth-1.png"), image::ImageFormat::WebP).expect("a garment");
    let check = ["check", "jobs.csv", "--sandbox", "--model", "virtual-try-on-3"];
    let (code, said) = call(folder.path(), &check);
    assert_eq!(code, Some(2), "{said}");
    let wanted = "jobs.csv:2: cloth_image: is 3000 x 1000 px; this model takes 2048 px on a side at most; --fit-images shrinks it";
    assert!(said.contains(wanted) && !said.contains("jobs.csv:3"), "{said}");
    assert!(!state(&folder).exists(), "nothing was spent");
    let (code, said) = call(folder.path(), &[&RUN[..], &["--fit-images"]].concat());
    assert_eq!(code, Some(0), "{said}");
    assert_all_there(folder.path(), &ids);
    let (_, said) = call(folder.path(), &["show", "job-000"]);
    assert!(said.contains("2048 x 683"), "{said}");
    let (_, said) = call(folder.path(), &["show", "job-001"]);
    assert!(!said.contains("made of"), "WebP is sent as it is: {said}");
}

#[test]
fn what_this_model_cannot_be_asked_for_with_is_said_before_anything_is_spent() {
    let folder = tempfile::tempdir().expect("a folder");
    manifest(folder.path(), 2, "", |_| String::new());
    let model = ["run", "jobs.csv", "--model", "virtual-try-on-3"];
    let at_kling = [&model[..], &["--provider", "kling", "--base-url", "http://127.0.0.1:9"]].concat();
    let refused = |arguments: &[&str], keys: &[(&str, &str)], wanted: &[&str]| {
        let output = tryon(folder.path(), arguments).envs(keys.iter().copied()).output().expect("the program runs");
        let (code, said) = ended(&output);
        assert_eq!(code, Some(2), "{said}");
        wanted.iter().for_each(|wanted| assert!(said.contains(wanted), "{wanted}: {said}"));
    };
    let api_key = [("KLING_API_KEY", "k-123456789")];
    let pair = [("KLING_ACCESS_KEY", "a-123456789"), ("KLING_SECRET_KEY", "s-123456789")];
    refused(&model, &[("TRYON_API_KEY", "sk-123456789")], &["--provider kling"]);
    refused(&at_kling, &pair, &["an API key only", "KLING_API_KEY"]);
    refused(&at_kling, &api_key, &["jobs.csv:2: human_image:", "jobs.csv:3: human_image:", "--upload-to"]);
    assert!(!folder.path().join("out/queue.db").exists(), "nothing was loaded");

    let (code, said) = call(folder.path(), &["load", "jobs.csv", "--sandbox", "--model", "virtual-try-on-3"]);
    assert_eq!(code, Some(0), "{said}");
    let without_manifest: Vec<&str> = at_kling.iter().copied().filter(|word| *word != "jobs.csv").collect();
    refused(&without_manifest, &api_key, &["job `job-000`", "--upload-to"]);
    refused(&without_manifest, &pair, &["an API key only"]);

    std::fs::write(
        folder.path().join("rows.csv"),
        "id,human_image,cloth_image,model\na,https://x.example/a.jpg,https://x.example/c.jpg,virtual-try-on-3\n",
    )
    .expect("a manifest");
    let rows = ["run", "rows.csv", "--out", "other"];
    refused(&rows, &[("TRYON_API_KEY", "sk-123456789")], &["rows.csv:2: model:", "--provider kling"]);
    refused(&[&rows[..], &["--provider", "kling"]].concat(), &pair, &["job `a`", "an API key only"]);
}

#[test]
fn callbacks_of_the_newer_body_are_understood() {
    let folder = tempfile::tempdir().expect("a folder");
    let ids = manifest(folder.path(), 6, "", |_| String::new());
    let port = std::net::TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a port").port();
    let (url, listen) = (format!("http://127.0.0.1:{port}"), format!("127.0.0.1:{port}"));
    // No question is worth asking for an hour: only a callback can tell.
    let more = ["--callback-url", &url, "--callback-listen", &listen, "--poll-interval", "1h", "--concurrency", "6"];
    let (code, said) = call(folder.path(), &[&RUN[..], &more].concat());
    assert_eq!(code, Some(0), "{said}");
    assert_all_there(folder.path(), &ids);
}
