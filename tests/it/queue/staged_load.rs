//! A load locks nothing while it reads, is written in short transactions, and is whole or not there whatever happens.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use rusqlite::Connection;

use tryon::job::{JobSpec, ModelName, StateName, Transition};
use tryon::queue::{Enqueued, Loader, QueueError, RunLock, SqliteQueue};

use super::bed::{Bed, at, on_every_queue, outside, rejected_row, spec, task, with_other_cloth};

/// More rows than are written in one go.
const MANY: usize = 7_000;

fn many() -> Vec<JobSpec> {
    (0..MANY).map(|number| spec(&format!("job-{number:05}"))).collect()
}

/// Stages rows without keeping them.
async fn stage(queue: &SqliteQueue, rows: &[JobSpec]) -> Loader {
    let mut loader = queue.begin_load().await.expect("a load");
    loader.begin_manifest("jobs.csv").expect("begun");
    for (line, row) in (2..).zip(rows) {
        assert_eq!(loader.add(row, line).expect("staged"), Vec::new());
    }
    loader
}

#[tokio::test]
async fn a_load_that_is_being_read_keeps_no_run_from_writing() {
    on_every_queue(async |bed| {
        let job = bed.bring("a", StateName::Submitting).await;
        let mut loader = stage(&bed.queue, &[spec("b")]).await;
        // Another process, which gives up at once where it would have to wait.
        let other = outside(bed.path());
        other.busy_timeout(Duration::ZERO).expect("no patience");
        other.execute_batch("BEGIN IMMEDIATE; ROLLBACK").expect("nobody holds the writer");
        bed.step(&job, Transition::Accept { task_id: task("t") }).await;
        assert!(bed.reader().job("b").is_err(), "nothing is there before it is kept");
        loader.reject(&rejected_row(9, "c")).expect("staged");
        assert!(bed.queue.keep(loader, false).await.expect("kept").is_kept);
        assert_eq!((bed.job("b").state.name(), bed.reported()), (StateName::Pending, ids(&["a", "b", "c"])));
    })
    .await;
}

fn ids(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

#[tokio::test]
async fn a_large_load_beside_a_run_never_holds_the_writer_for_long() {
    on_every_queue(async |bed| {
        let _run = RunLock::take(bed.path()).expect("a run");
        let loader = stage(&bed.queue, &many()).await;
        let path = bed.path().to_owned();
        let (stop, stopped) = std::sync::mpsc::channel::<()>();
        let other = std::thread::spawn(move || longest_wait(&path, &stopped));
        assert!(bed.queue.keep(loader, false).await.expect("kept").is_kept);
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
    on_every_queue(async |bed| {
        let _run = RunLock::take(bed.path()).expect("a run, so that the batches are small");
        let mut loader = stage(&bed.queue, &many()).await;
        loader.reject(&rejected_row(90_000, "bad")).expect("staged");
        let (folder, path) = (tempfile::tempdir().expect("a folder"), bed.path().to_owned());
        let into = folder.path().to_owned();
        let other = std::thread::spawn(move || wreck_in_the_middle(&path, &into));
        bed.queue.keep(loader, false).await.expect("kept");
        let wreck = other.join().expect("the other process").expect("a moment in the middle");

        let queue = SqliteQueue::open(&wreck).expect("the wreck");
        let before = queue.reader().expect("a reader").counts().expect("counts");
        assert!(before.of(StateName::Pending) < MANY as u64, "{before:?}");
        queue.complete_load().await.expect("completed");
        let after = queue.reader().expect("a reader").counts().expect("counts");
        assert_eq!((after.of(StateName::Pending), after.rejected), (MANY as u64, before.rejected + 1));
        assert!(!wreck.with_file_name("queue.db-load").exists(), "its rows are in the queue");
        let mut reported = Vec::new();
        let each = |row: tryon::queue::ReportRow| {
            reported.push(row.id);
            Ok::<(), QueueError>(())
        };
        queue.reader().expect("a reader").report(each).expect("a report");
        reported.retain(|id| !id.starts_with("by/"));
        let wanted: Vec<String> = many().iter().map(|row| row.id.to_string()).chain(["bad".to_owned()]).collect();
        assert_eq!(reported, wanted, "in the manifest's order");
        queue.complete_load().await.expect("nothing is left to do");
        assert_eq!(queue.reader().expect("a reader").counts().expect("counts"), after);
    })
    .await;
}

#[tokio::test]
async fn a_load_that_is_cut_off_while_it_is_read_leaves_nothing() {
    on_every_queue(async |bed| {
        let before = bed.tables();
        let loader = stage(&bed.queue, &many()).await;
        assert!(bed.path().with_file_name("queue.db-load").exists());
        std::mem::forget(loader);
        assert_eq!(bed.tables(), before);
    })
    .await;
}

/// Between reading and writing a run submits a job that the load changes.
async fn stage_and_overtake(bed: &Bed) -> Loader {
    bed.add(&[spec("a")]).await;
    let mut loader = stage(&bed.queue, &[with_other_cloth("a", "better")]).await;
    assert_eq!(loader.add(&spec("b"), 3).expect("staged"), Vec::new());
    assert_eq!(loader.tally(), Enqueued { added: 1, updated: 1, ..Enqueued::default() });
    let job = bed.claim(at(1)).await;
    bed.step(&job, Transition::Accept { task_id: task("t") }).await;
    loader
}

#[tokio::test]
async fn a_job_that_is_submitted_while_its_new_inputs_are_read_keeps_its_old_ones_and_the_load_is_not_kept() {
    on_every_queue(async |bed| {
        let loader = stage_and_overtake(bed).await;
        let before = bed.tables();
        let kept = bed.queue.keep(loader, true).await.expect("an answer");
        assert!(!kept.is_kept && kept.too_late.len() == 1, "{kept:?}");
        assert!(kept.too_late[0].row.reason.contains("was already submitted"), "{kept:?}");
        assert_eq!(bed.tables(), before);
    })
    .await;
}

#[tokio::test]
async fn where_bad_rows_are_skipped_one_that_came_too_late_is_one_of_them() {
    on_every_queue(async |bed| {
        let loader = stage_and_overtake(bed).await;
        let kept = bed.queue.keep(loader, false).await.expect("kept");
        assert!(kept.is_kept && kept.too_late.len() == 1 && !kept.too_late[0].was_new, "{kept:?}");
        assert_eq!(bed.job("a").spec, spec("a"));
        assert_eq!(bed.job("b").state.name(), StateName::Pending);
        assert_eq!(bed.reported(), ["a", "a", "b"]);
    })
    .await;
}

#[tokio::test]
async fn a_queue_that_was_made_while_a_manifest_was_read_for_a_new_one_is_not_written_to_blindly() {
    on_every_queue(async |bed| {
        let mut loader = Loader::for_new_queue().expect("a load");
        loader.begin_manifest("jobs.csv").expect("begun");
        loader.add(&spec("a"), 2).expect("staged");
        let before = bed.tables();
        let error = bed.queue.keep(loader, false).await.expect_err("the bystanders are there");
        assert!(matches!(error, QueueError::MadeMeanwhile(_)), "{error}");
        assert_eq!(bed.tables(), before);
    })
    .await;
}

#[tokio::test]
async fn pairs_that_the_queue_has_under_other_ids_are_counted_and_named() {
    on_every_queue(async |bed| {
        use StateName as S;
        let as_new = |id: &str, of: &str| JobSpec { id: spec(id).id, ..spec(of) };
        for state in StateName::ALL.into_iter().rev() {
            bed.bring(state.word(), state).await;
        }
        let rows: Vec<JobSpec> =
            StateName::ALL.iter().map(|state| as_new(&format!("new-{}", state.word()), state.word())).collect();
        let mut loader = stage(&bed.queue, &rows).await;
        // Rows of one load that repeat each other are another matter, and so are pairs that nobody has.
        for (line, row) in [(20, as_new("x", "twin")), (21, as_new("y", "twin")), (22, with_other_cloth("z", "other"))]
        {
            loader.add(&row, line).expect("staged");
        }
        let again = loader.pairs_again(&ModelName::default(), 100).expect("an answer");
        let mut found: Vec<_> = again.named.iter().map(|pair| pair.state).collect();
        found.sort_by_key(|state| state.word());
        let mut wanted = vec![S::Pending, S::Submitting, S::InDoubt, S::Running, S::Downloading, S::Succeeded];
        wanted.sort_by_key(|state| state.word());
        assert_eq!((again.jobs, found), (6, wanted), "what failed or was taken out is not paid for twice");
        assert!(again.named.iter().all(|pair| pair.id.as_str() == format!("new-{}", pair.earlier)), "{again:?}");
        let other = loader.pairs_again(&ModelName::parse("kolors-virtual-try-on-v1-5").expect("a model"), 100);
        let by_pending = |pairs: &tryon::queue::PairsAgain| pairs.named.iter().any(|pair| pair.state == S::Running);
        assert!(!by_pending(&other.expect("an answer")), "another model is another pair");
    })
    .await;
}

#[tokio::test]
async fn ids_that_change_places_ask_for_nothing_again() {
    on_every_queue(async |bed| {
        bed.add(&[spec("a"), spec("b")]).await;
        let swapped = [JobSpec { id: spec("a").id, ..spec("b") }, JobSpec { id: spec("b").id, ..spec("a") }];
        let loader = stage(&bed.queue, &swapped).await;
        assert_eq!(loader.pairs_again(&ModelName::default(), 9).expect("an answer").jobs, 0);
    })
    .await;
}
