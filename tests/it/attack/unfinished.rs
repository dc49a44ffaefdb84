//! What a host that never comes back has begun in the folder that all hosts share.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use crate::support::postgres::Postgres;
use crate::support::provider::{OnDownload, Provider, Script};
use crate::support::workshop::{Going, Workshop};

/// Long enough to be killed in the middle of it.
const LONG: usize = 45 << 20;

fn unfinished(shop: &Workshop) -> Vec<PathBuf> {
    let files = std::fs::read_dir(shop.out()).into_iter().flatten().flatten().map(|entry| entry.path());
    files.filter(|path| path.extension().is_some_and(|ending| ending == "part")).collect()
}

#[test]
fn an_image_that_a_host_was_killed_over_is_removed_once_the_host_is_known_to_be_dead() {
    let Some(server) = Postgres::server() else { return };
    let queue = server.location(&server.database()).to_string();
    let shop = Workshop::new(1);
    let mut downloads = 0;
    let provider = Provider::start(Script {
        on_download: Box::new(move |_| {
            downloads += 1;
            if downloads == 1 { OnDownload::Flood(LONG) } else { OnDownload::Truth }
        }),
        ..Script::default()
    });
    let start = |host: &str, arguments: &[&str]| -> Going {
        let mut command = shop.command(&provider, arguments);
        command.env("TRYON_QUEUE", &queue).env("TRYON_HOST", host).env("TRYON_LEASE", "3s");
        command.env("TRYON_STATE_DIR", shop.file("state"));
        shop.begin(command)
    };
    let run = ["run", "jobs.csv", "--inputs", "."];
    let killed = start("one", &run);
    let began = Instant::now();
    while unfinished(&shop).is_empty() {
        assert!(began.elapsed() < Duration::from_secs(60), "no image is begun: {}", killed.said());
    }
    killed.kill();
    let left = unfinished(&shop);
    assert_eq!(left.len(), 1);

    // Another machine may be asleep under that name.
    start("two", &run).end().assert_code(0);
    assert_eq!(unfinished(&shop), left);
    start("two", &["hosts", "forget", "one"]).end().assert_code(0);
    start("two", &run).end().assert_code(0);
    assert_eq!(unfinished(&shop), [] as [PathBuf; 0]);
    shop.assert_no_double_charge(&provider);
}
