//! A load locks nothing while it reads, is written in short transactions, and is completed where it was cut off.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use rusqlite::Connection;

use tryon::job::{JobSpec, StateName};
use tryon::queue::Keeping;

use super::back_end::outside;
use super::on_sqlite;
use crate::queue::bed::{at, report_of, spec};
use crate::queue::staged_load::{bad, stage};

/// More rows than are written in one go.
const MANY: usize = 7_000;

fn many() -> Vec<JobSpec> {
    (0..MANY).map(|number| spec(&format!("job-{number:05}"))).collect()
}

#[tokio::test]
async fn nobody_holds_the_writer_while_rows_are_read() {
    on_sqlite(async |bed| {
        let _load = stage(&*bed.queue, &[spec("b")]).await;
        // Another process, which gives up at once where it would have to wait.
        let other = outside(bed.path());
        other.busy_timeout(Duration::ZERO).expect("no patience");
        other.execute_batch("BEGIN IMMEDIATE; ROLLBACK").expect("nobody holds the writer");
    })
    .await;
}

#[tokio::test]
async fn a_large_load_beside_a_run_never_holds_the_writer_for_long() {
    on_sqlite(async |bed| {
        let _run = bed.queue.hold().await.expect("a run");
        let loader = stage(&*bed.queue, &many()).await;
        let path = bed.path().to_owned();
        let (stop, stopped) = std::sync::mpsc::channel::<()>();
        let other = std::thread::spawn(move || longest_wait(&path, &stopped));
        assert!(loader.keep(Keeping::default(), at(9)).await.expect("kept").is_kept);
        drop(stop);
        let (longest, transactions) = other.join().expect("the other process");
        assert!(transactions > 10, "{transactions} transactions beside the load");
        assert!(longest < Duration::from_secs(2), "it waited {longest:?}");
        assert_eq!(bed.count(StateName::Pending), MANY);
    })
    .await;
}

/// Takes and gives back the writer's lock as another process does, until it is told to stop. Returns how long it took at
/// most, and how often it did.
fn longest_wait(path: &Path, stopped: &std::sync::mpsc::Receiver<()>) -> (Duration, u32) {
    let db = Connection::open(path).expect("the queue");
    db.busy_timeout(Duration::from_secs(60)).expect("patience");
    let (mut longest, mut times) = (Duration::ZERO, 0);
    while stopped.try_recv() == Err(std::sync::mpsc::TryRecvError::Empty) {
        let began = Instant::now();
        db.execute_batch("BEGIN IMMEDIATE; ROLLBACK").expect("the lock");
        longest = longest.max(began.elapsed());
        times += 1;
        std::thread::sleep(Duration::from_millis(1));
    }
    (longest, times)
}

/// A copy of a queue's files as they are at this moment, as a power cut would leave them.
fn wreck_of(path: &Path, into: &Path) -> std::path::PathBuf {
    let name = path.file_name().expect("a name").to_string_lossy().into_owned();
    for suffix in ["-load", "-wal", ""] {
        let from = path.with_file_name(format!("{name}{suffix}"));
        if from.exists() {
            fs::copy(from, into.join(format!("{name}{suffix}"))).expect("copied");
        }
    }
    into.join(name)
}

/// Waits until the queue shows jobs and not yet all of them, and takes it as it is then.
fn wreck_in_the_middle(path: &Path, into: &Path) -> Option<std::path::PathBuf> {
    let db = Connection::open(path).expect("the queue");
    let count = || -> i64 { db.query_row("SELECT count(*) FROM jobs", [], |row| row.get(0)).expect("a count") };
    let deadline = Instant::now() + Duration::from_secs(60);
    while count() < 100 {
        assert!(Instant::now() < deadline, "the load never begins");
    }
    // Held while the files are copied, so that they belong together.
    db.busy_timeout(Duration::from_secs(60)).expect("patience");
    db.execute_batch("BEGIN IMMEDIATE").expect("the lock");
    let is_in_the_middle = count() < MANY as i64;
    let wreck = is_in_the_middle.then(|| wreck_of(path, into));
    db.execute_batch("ROLLBACK").expect("given back");
    wreck
}

#[tokio::test]
async fn a_load_that_is_cut_off_while_it_is_written_is_completed_by_the_next_run() {
    on_sqlite(async |bed| {
        let _run = bed.queue.hold().await.expect("a run, so that the batches are small");
        let mut loader = stage(&*bed.queue, &many()).await;
        loader.add(bad(90_000, "bad")).await.expect("staged");
        let (folder, path) = (tempfile::tempdir().expect("a folder"), bed.path().to_owned());
        let into = folder.path().to_owned();
        let other = std::thread::spawn(move || wreck_in_the_middle(&path, &into));
        loader.keep(Keeping::default(), at(9)).await.expect("kept");
        let wreck = other.join().expect("the other process").expect("a moment in the middle");

        let queue = bed.open(&wreck).await;
        let before = queue.counts().await.expect("counts");
        assert!(before.of(StateName::Pending) < MANY as u64, "{before:?}");
        queue.complete_load().await.expect("completed");
        let after = queue.counts().await.expect("counts");
        assert_eq!((after.of(StateName::Pending), after.rejected), (MANY as u64, before.rejected + 1));
        assert!(!wreck.with_file_name("queue.db-load").exists(), "its rows are in the queue");
        let mut reported: Vec<String> = report_of(&*queue).await.into_iter().map(|row| row.id).collect();
        reported.retain(|id| !id.starts_with("by/"));
        let wanted: Vec<String> = many().iter().map(|row| row.id.to_string()).chain(["bad".to_owned()]).collect();
        assert_eq!(reported, wanted, "in the manifest's order");
        queue.complete_load().await.expect("nothing is left to do");
        assert_eq!(queue.counts().await.expect("counts"), after);
    })
    .await;
}

#[tokio::test]
async fn a_load_that_is_cut_off_while_it_is_read_leaves_nothing() {
    on_sqlite(async |bed| {
        let before = bed.tables();
        let loader = stage(&*bed.queue, &many()).await;
        assert!(bed.path().with_file_name("queue.db-load").exists());
        std::mem::forget(loader);
        assert_eq!(bed.tables(), before);
    })
    .await;
}
