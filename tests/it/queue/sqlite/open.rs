//! Opening: what is no queue is refused and left as it was, what is one is private, durable and run by one process.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::path::Path;
use std::sync::{Arc, Barrier};
use std::thread;

use rusqlite::Connection;

use tryon::queue::{self, Opening, Queue, QueueError};

use super::back_end::outside;
use crate::queue::bed::{load_into, spec};

/// What every way of opening a file says about it.
async fn opened(path: &Path) -> [Result<(), QueueError>; 3] {
    let [existing, to_read] = opened_as_it_is(path).await;
    [queue::open(path, Opening::OrMake).await.map(drop), existing, to_read]
}

/// What the ways of opening a file say that make none.
async fn opened_as_it_is(path: &Path) -> [Result<(), QueueError>; 2] {
    [queue::open(path, Opening::Existing).await.map(drop), queue::at(path).open_to_read().await.map(drop)]
}

/// A queue at this place.
async fn made(path: &Path) -> Arc<dyn Queue> {
    queue::open(path, Opening::OrMake).await.expect("a queue")
}

/// The bytes of a file. A test that fails does not print them all.
#[derive(PartialEq, Clone)]
struct Bytes(Vec<u8>);

impl fmt::Debug for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.0.len())
    }
}

/// The files of a folder, and what is in them; not SQLite's index of a log, which is no content.
fn contents(folder: &Path) -> BTreeMap<String, Bytes> {
    let files = fs::read_dir(folder).expect("a folder").map(|entry| {
        let entry = entry.expect("an entry");
        (entry.file_name().to_string_lossy().into_owned(), Bytes(fs::read(entry.path()).expect("a file")))
    });
    files.filter(|(name, _)| !name.ends_with("-shm")).collect()
}

#[tokio::test]
async fn a_queue_that_is_missing_is_made_only_by_those_who_may_make_one() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("queue.db");
    for result in opened_as_it_is(&path).await {
        let error = result.expect_err("missing");
        assert!(matches!(&error, QueueError::Missing(missing) if missing.as_file() == Some(&path)), "{error}");
    }
    assert_eq!(contents(folder.path()), BTreeMap::new(), "looking makes nothing");
    drop(made(&path).await);
    assert!(opened(&path).await.iter().all(Result::is_ok));
}

#[tokio::test]
async fn an_empty_file_is_no_queue_yet() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("queue.db");
    fs::write(&path, "").expect("a file");
    for result in opened_as_it_is(&path).await {
        assert!(matches!(result, Err(QueueError::Missing(_))));
    }
    drop(made(&path).await);
    assert!(opened(&path).await.iter().all(Result::is_ok));
}

#[tokio::test]
async fn a_folder_is_no_queue() {
    let folder = tempfile::tempdir().expect("a folder");
    for result in opened(folder.path()).await {
        let error = result.expect_err("a folder");
        assert!(matches!(error, QueueError::Unreadable { .. }), "{error}");
        assert!(error.to_string().ends_with("it is a folder"), "{error}");
    }
}

#[tokio::test]
async fn a_queue_in_a_folder_that_is_missing_is_an_error_that_names_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("nowhere/queue.db");
    let error = queue::open(&path, Opening::OrMake).await.expect_err("no folder");
    assert!(matches!(&error, QueueError::Unreadable { at: named, .. } if named.as_file() == Some(&path)), "{error}");
}

#[tokio::test]
async fn a_text_file_is_refused_and_left_as_it_was() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("jobs.csv");
    for text in ["human_image,cloth_image\n".to_owned(), "x".repeat(100_000)] {
        fs::write(&path, text).expect("a file");
        let before = contents(folder.path());
        for result in opened(&path).await {
            let error = result.expect_err("no queue");
            assert!(matches!(error, QueueError::Foreign { .. }), "{error}");
        }
        assert_eq!(contents(folder.path()), before);
    }
}

#[tokio::test]
async fn the_database_of_another_program_is_refused_and_left_as_it_was() {
    let makers = [
        "CREATE TABLE moz_places (url TEXT); INSERT INTO moz_places VALUES ('a');",
        "PRAGMA user_version = 1",
        "PRAGMA application_id = 7; CREATE TABLE t (x);",
        "PRAGMA journal_mode = wal; CREATE TABLE t (x);",
    ];
    for maker in makers {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("theirs.sqlite");
        Connection::open(&path).expect("a database").execute_batch(maker).expect("a database");
        let before = contents(folder.path());
        for result in opened(&path).await {
            let error = result.expect_err("no queue");
            assert!(matches!(error, QueueError::Foreign { .. }), "{maker}: {error}");
        }
        assert_eq!(contents(folder.path()), before, "{maker}");
    }
}

#[tokio::test]
async fn what_another_program_has_not_yet_moved_out_of_its_log_is_left_in_it() {
    let theirs = tempfile::tempdir().expect("a folder");
    let path = theirs.path().join("theirs.sqlite");
    let running = Connection::open(&path).expect("a database");
    running.execute_batch("PRAGMA journal_mode = wal; CREATE TABLE t (x); INSERT INTO t VALUES (1);").expect("rows");
    // Their program was killed: its log is there, and nobody has the files open.
    let folder = tempfile::tempdir().expect("a folder");
    for (name, bytes) in contents(theirs.path()) {
        fs::write(folder.path().join(name), bytes.0).expect("a copy");
    }
    let before = contents(folder.path());
    assert_eq!(before.len(), 2);
    for result in opened(&folder.path().join("theirs.sqlite")).await {
        let error = result.expect_err("no queue");
        assert!(matches!(error, QueueError::Foreign { .. }), "{error}");
        assert_eq!(contents(folder.path()), before);
    }
}

#[tokio::test]
async fn a_queue_of_a_newer_version_is_refused_and_left_as_it_was() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("queue.db");
    drop(made(&path).await);
    outside(&path).execute_batch("PRAGMA user_version = 1000").expect("a version");
    let before = contents(folder.path());
    for result in opened(&path).await {
        let error = result.expect_err("newer");
        assert!(matches!(error, QueueError::Newer { found: 1000, known, .. } if known < 1000), "{error}");
        assert!(error.to_string().contains("update tryon"), "{error}");
    }
    assert_eq!(contents(folder.path()), before);
}

#[tokio::test]
async fn a_queue_says_from_outside_what_it_is() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("queue.db");
    let _queue = made(&path).await;
    let pragma = |name: &str| {
        let read = |row: &rusqlite::Row<'_>| row.get::<_, rusqlite::types::Value>(0);
        outside(&path).pragma_query_value(None, name, read).expect("a value")
    };
    assert_eq!(pragma("journal_mode"), "wal".to_owned().into());
    assert_eq!(pragma("application_id"), i64::from(u32::from_be_bytes(*b"tryo")).into());
    assert!(matches!(pragma("user_version"), rusqlite::types::Value::Integer(version) if version > 0));
}

#[tokio::test]
async fn a_queue_that_is_closed_is_one_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("queue.db");
    let queue = made(&path).await;
    load_into(&*queue, &[("jobs.csv", &[spec("a")])]).await;
    drop(queue);
    assert_eq!(contents(folder.path()).into_keys().collect::<Vec<_>>(), ["queue.db", "queue.db-load-lock"]);
    assert!(made(&path).await.job("a").await.is_ok());
}

#[cfg(unix)]
#[tokio::test]
async fn only_its_owner_can_read_a_queue() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("queue.db");
    let queue = made(&path).await;
    load_into(&*queue, &[("jobs.csv", &[spec("a")])]).await;
    let names: Vec<_> = fs::read_dir(folder.path()).expect("a folder").map(|e| e.expect("an entry").path()).collect();
    assert_eq!(names.len(), 4, "the queue, its log, its log's index and the lock of a load: {names:?}");
    for name in names {
        let mode = fs::metadata(&name).expect("a file").permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{}", name.display());
    }
}

#[tokio::test]
async fn processes_that_make_the_same_queue_at_once_make_one() {
    for _ in 0..8 {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("queue.db");
        let together = Barrier::new(8);
        thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    together.wait();
                    drop(waited(queue::open(&path, Opening::OrMake)).expect("a queue"));
                });
            }
        });
        assert!(opened(&path).await.iter().all(Result::is_ok));
    }
}

/// Waits on a thread that has no runtime.
fn waited<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().expect("a runtime").block_on(future)
}

#[cfg(unix)]
#[tokio::test]
async fn a_queue_by_another_name_is_the_same_queue() {
    let folder = tempfile::tempdir().expect("a folder");
    let (path, link) = (folder.path().join("queue.db"), folder.path().join("link.db"));
    let queue = made(&path).await;
    std::os::unix::fs::symlink(&path, &link).expect("a link");
    let _first = queue.hold().await.expect("the lock");
    let other = made(&link).await;
    assert!(other.is_at_work().await.expect("an answer"));
    assert!(matches!(other.hold().await, Err(QueueError::Held { .. })));
}

#[tokio::test]
async fn a_queue_that_another_run_holds_is_not_opened_to_run() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("queue.db");
    let _first = made(&path).await.hold().await.expect("the lock");
    // Whatever is there by now, it is not looked at.
    fs::write(&path, "no queue").expect("a file");
    let error = queue::at(&path).open_to_run().await.expect_err("held");
    let QueueError::Held { at: named, holder } = &error else { panic!("{error}") };
    assert_eq!((named.as_file(), holder), (Some(path.as_path()), &std::process::id().to_string()));
}

#[tokio::test]
async fn a_run_in_a_folder_that_is_missing_is_an_error() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("nowhere/queue.db");
    assert!(matches!(queue::at(&path).open_to_run().await, Err(QueueError::Unreadable { .. })));
}

#[test]
fn a_run_begins_though_others_look_whether_one_is_going_on() {
    use std::sync::atomic::{AtomicBool, Ordering};
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("queue.db");
    let queue = waited(made(&path));
    drop(waited(queue.hold()).expect("the lock's file is made"));
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let looking = async {
                    while !is_over.load(Ordering::Relaxed) {
                        std::hint::black_box(queue.is_at_work().await.expect("an answer"));
                    }
                };
                waited(looking);
            });
        }
        let begun = (0..200).filter(|_| waited(queue.hold()).is_ok()).count();
        is_over.store(true, Ordering::Relaxed);
        assert_eq!(begun, 200);
    });
}
