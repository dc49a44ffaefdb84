//! What a run leaves in a bucket.

use std::time::Duration;

use crate::support::provider::{Answer, OnDownload, Provider, Script, picture_of};
use crate::support::s3::{BucketShop, FOREIGN, SECRET};

#[test]
fn images_report_and_page_are_in_the_bucket_and_the_page_finds_them_beside_itself() {
    let Some(shop) = BucketShop::new("a run into a bucket", 12) else { return };
    let provider = Provider::start(Script::default());
    shop.run(&provider).assert_code(0);
    shop.assert_all_done(&provider);
    let page = String::from_utf8(shop.s3.get("may/index.html").expect("a page")).expect("a text");
    let elsewhere = shop.s3.url("may/job-001.png");
    assert!(page.contains("\"job-001.png\"") && !page.contains(&elsewhere), "the page links to {elsewhere}");
    let head = shop.s3.head("may/job-001.png");
    assert!(head.contains("content-type: image/png"), "{head}");
    assert_eq!(std::fs::read_dir(shop.shop.file("out/queue.db-results")).expect("staging").count(), 0);
    let again = shop.run(&provider);
    again.assert_code(0);
    assert_eq!(provider.books().charges().len(), 12, "{}", again.said);
    let report = shop.call(&provider, &["report"]);
    assert!(report.said.contains(",job-012.png,"), "{}", report.said);
}

#[test]
fn an_object_of_somebody_else_is_not_overwritten_and_its_job_loses_no_money() {
    let Some(shop) = BucketShop::new("an object of somebody else", 5) else { return };
    let provider = Provider::start(Script::default());
    shop.put_foreign("job-003");
    let run = shop.run(&provider);
    run.assert_code(1);
    let job = shop.shop.row("job-003");
    assert_eq!((job.state.as_str(), job.error_code.as_deref()), ("failed", Some("download")), "{}", run.said);
    assert_eq!(shop.s3.get("may/job-003.png").as_deref(), Some(FOREIGN));
    shop.s3.remove("may/job-003.png");
    shop.call(&provider, &["retry", "--failed"]).assert_code(0);
    shop.run(&provider).assert_code(0);
    shop.assert_all_done(&provider);
}

#[test]
fn a_job_that_is_made_again_replaces_its_own_object_and_one_that_was_removed_is_fetched_again() {
    let Some(shop) = BucketShop::new("an object that is replaced", 3) else { return };
    let provider = Provider::start(Script {
        on_download: Box::new(|seen| match (seen.job.as_str(), seen.nth_of_job) {
            ("job-002", 1) => OnDownload::Answer(Answer::picture(picture_of("an earlier one"))),
            _ => OnDownload::Truth,
        }),
        ..Script::default()
    });
    shop.run(&provider).assert_code(0);
    assert_eq!(shop.s3.get("may/job-002.png"), Some(picture_of("an earlier one")));
    shop.call(&provider, &["retry", "--again", "job-002"]).assert_code(0);
    shop.s3.remove("may/job-001.png");
    shop.run(&provider).assert_code(0);
    assert_eq!(shop.s3.get("may/job-002.png"), Some(picture_of("job-002")));
    assert_eq!(shop.s3.get("may/job-001.png"), Some(picture_of("job-001")));
    assert_eq!(provider.books().tasks.iter().filter(|task| task.job == "job-001").count(), 1, "not paid again");
}

#[test]
fn credentials_are_in_no_log_and_in_no_file() {
    let Some(shop) = BucketShop::new("credentials in no log", 2) else { return };
    let provider = Provider::start(Script::default());
    let run = shop.call(&provider, &["run", "jobs.csv", "-vvv"]);
    run.assert_code(0);
    assert!(run.took < Duration::from_secs(60));
    for file in shop.shop.files() {
        let content = std::fs::read(&file).expect("a file");
        let is_in = content.windows(SECRET.len()).any(|window| window == SECRET.as_bytes());
        assert!(!is_in, "{} has the secret", file.display());
    }
}

/// A PNG of this many megapixels that no encoder makes smaller.
fn noise(side: u32) -> Vec<u8> {
    let mut state = 7_u64;
    let pixels: Vec<u8> = (0..side * side * 3)
        .map(|_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 56) as u8
        })
        .collect();
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, side, side);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_compression(png::Compression::Fastest);
    encoder.write_header().and_then(|mut writer| writer.write_image_data(&pixels)).expect("a picture");
    bytes
}

#[cfg(target_os = "linux")]
#[test]
#[expect(clippy::print_stderr, reason = "a measure")]
fn results_of_40_mb_stay_within_the_memory_goal() {
    let Some(shop) = BucketShop::new("memory of large results", 8) else { return };
    let image = noise(3_660);
    assert!(image.len() > 40_000_000 && image.len() < 50_000_000, "{} bytes", image.len());
    let sent = image.clone();
    let provider = Provider::start(Script {
        on_download: Box::new(move |_| OnDownload::Answer(Answer::picture(sent.clone()))),
        ..Script::default()
    });
    let mut run = shop.start(&provider, &["run", "jobs.csv"]);
    let mut peak = 0;
    while run.is_alive() {
        peak = run.peak().unwrap_or_default().max(peak);
        std::thread::sleep(Duration::from_millis(20));
    }
    run.end().assert_code(0);
    eprintln!("8 results of {} MB into a bucket: {} MB at most", image.len() / 1_000_000, peak / 1_000_000);
    assert!(peak < 600_000_000, "{peak} bytes");
    assert!(shop.s3.get("may/job-005.png").is_some_and(|found| found == image));
}
