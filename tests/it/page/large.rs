//! A hundred thousand jobs: a page of cards costs what a page costs, wherever it is.

use std::path::Path;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde_json::Value;
use tryon::job::{ExtraColumns, ImageRef, ImageSource, JobId, JobSpec, Keep};
use tryon::queue::{self, Keeping, LoadRow, ManifestNames, Opening};

use super::Served;
use crate::commands::Desk;

const JOBS: usize = 100_000;

/// An answer about a long queue may take this many times as long as one about a short queue, and this much longer: reading all jobs
/// would take some hundred times as long.
const MOST_TIMES: u32 = 8;
const GRACE: Duration = Duration::from_millis(100);

fn spec(number: usize) -> JobSpec {
    let image = |name: String| {
        let url = format!("https://pictures.test/{name}.jpg");
        ImageRef { written: url.clone(), source: ImageSource::Url(url) }
    };
    // One in ten thousand has this colour, the last of all among them.
    let colour = if number.is_multiple_of(10_000) { "red" } else { "blue" };
    JobSpec {
        id: JobId::parse(&format!("job-{number:06}")).expect("an id"),
        human: image(format!("person-{}", number % 7)),
        cloth: image(format!("garment-{number}")),
        cloth_type: None,
        second: None,
        model: None,
        keep: Keep::ALL,
        priority: 0,
        extra: ExtraColumns::new(vec![("colour".to_owned(), colour.to_owned())]).expect("short"),
    }
}

fn fill(queue: &Path, jobs: usize) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let queue = queue::open(queue, Opening::OrMake).await.expect("a queue");
        let mut load = queue.begin_load().await.expect("a load");
        load.begin_manifest(ManifestNames::only("large.csv")).await.expect("begun");
        let rows: Vec<usize> = (1..=jobs).collect();
        for portion in rows.chunks(2_000) {
            let rows = portion.iter().map(|number| LoadRow::Job { spec: spec(*number), line: *number as u64 + 1 });
            assert!(load.add(rows.collect()).await.expect("rows").is_empty());
        }
        load.keep(Keeping::default(), Timestamp::now()).await.expect("kept");
    });
}

fn served(jobs: usize) -> (Desk, Served) {
    let desk = Desk::new();
    std::fs::create_dir(desk.path("tryon-out")).expect("a folder");
    fill(&desk.path("tryon-out/queue.db"), jobs);
    let served = Served::at(&desk, &["--read-only"]);
    (desk, served)
}

/// The shortest of some times, which a busy machine does not make longer.
fn fastest(served: &Served, target: &str) -> Duration {
    let once = |_| {
        let since = Instant::now();
        assert_eq!(served.get(target).status, 200, "{target}");
        since.elapsed()
    };
    (0..7).map(once).min().expect("some")
}

fn ids(cards: &[Value]) -> Vec<&str> {
    cards.iter().filter_map(|card| card["id"].as_str()).collect()
}

#[test]
fn a_page_of_a_hundred_thousand_jobs_is_answered_as_one_of_a_hundred_wherever_it_is() {
    let (_short_desk, short) = served(100);
    let (_long_desk, long) = served(JOBS);
    let usual = fastest(&short, "/api/cards");
    let changed: Vec<String> = (1..=100).map(|number| format!("{}.0", number * 997)).collect();
    let changed = format!("/api/changed?cards={}", changed.join(","));
    for target in [
        "/",
        "/api/cards",
        "/api/cards?sort=order",
        "/api/cards?sort=order&after=a99900",
        "/api/cards?after=r99900",
        "/api/cards?state=pending&after=r99900",
        "/api/cards?flag=any",
        "/api/cards?verdict=rejected",
        "/api/cards?verdict=unjudged",
        "/api/cards?state=failed",
        "/api/cards?find=job-099999",
        "/api/cards?column=colour&value=blue&after=r99000",
        changed.as_str(),
    ] {
        let took = fastest(&long, target);
        assert!(took < usual * MOST_TIMES + GRACE, "{target}: {took:?}, and of a short queue {usual:?}");
    }
    let page = long.get("/api/cards?after=r99900");
    assert!(page.body.len() < 60 * 1_024, "{}", page.body.len());
    let last: Value = serde_json::from_slice(&page.body).expect("JSON");
    let cards = last["cards"].as_array().expect("cards");
    assert_eq!((cards.len(), ids(cards)[0]), (60, "job-099901"));
    assert_eq!(last["next"], "r99960");
}

#[test]
fn what_few_of_many_jobs_have_is_looked_for_in_steps_until_the_end() {
    let (_desk, served) = served(JOBS);
    let mut found = Vec::new();
    let (mut after, mut answers) = (String::new(), 0);
    loop {
        let page = served.json(&format!("/api/cards?sort=order&column=colour&value=red&after={after}"));
        answers += 1;
        found.extend(ids(page["cards"].as_array().expect("cards")).into_iter().map(str::to_owned));
        let Some(next) = page["next"].as_str() else { break };
        after = next.to_owned();
        assert!(answers < 20, "it does not end");
    }
    let wanted: Vec<String> = (1..=10).map(|number| format!("job-{:06}", number * 10_000)).collect();
    assert_eq!(found, wanted);
    let nothing = served.json("/api/cards?column=colour&value=green");
    assert_eq!(nothing["cards"].as_array().map(Vec::len), Some(0));
}
