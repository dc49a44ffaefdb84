//! Opening: what is no queue is refused and left as it was, what is one is private, durable and run by one process.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::path::Path;
use std::sync::Barrier;
use std::thread;

use rusqlite::Connection;

use tryon::queue::{QueueError, QueueReader, RunLock, SqliteQueue};

use super::bed::{load_into, outside, spec};

/// What every way of opening a file says about it.
fn opened(path: &Path) -> [Result<(), QueueError>; 3] {
    [SqliteQueue::open(path).map(drop), SqliteQueue::open_existing(path).map(drop), QueueReader::open(path).map(drop)]
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

#[test]
fn a_queue_that_is_missing_is_made_only_by_those_who_may_make_one() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("queue.db");
    for result in [SqliteQueue::open_existing(&path).map(drop), QueueReader::open(&path).map(drop)] {
        let error = result.expect_err("missing");
        assert!(matches!(&error, QueueError::Missing(missing) if *missing == path), "{error}");
    }
    assert_eq!(contents(folder.path()), BTreeMap::new(), "looking makes nothing");
    drop(SqliteQueue::open(&path).expect("a queue"));
    assert!(opened(&path).iter().all(Result::is_ok));
}

#[test]
fn an_empty_file_is_no_queue_yet() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("queue.db");
    fs::write(&path, "").expect("a file");
    for result in [SqliteQueue::open_existing(&path).map(drop), QueueReader::open(&path).map(drop)] {
        assert!(matches!(result, Err(QueueError::Missing(_))));
    }
    drop(SqliteQueue::open(&path).expect("a queue"));
    assert!(opened(&path).iter().all(Result::is_ok));
}

#[test]
fn a_folder_is_no_queue() {
    let folder = tempfile::tempdir().expect("a folder");
    for result in opened(folder.path()) {
        let error = result.expect_err("a folder");
        assert!(matches!(error, QueueError::Unreadable { .. }), "{error}");
        assert!(error.to_string().ends_with("it is a folder"), "{error}");
    }
}

#[test]
fn a_queue_in_a_folder_that_is_missing_is_an_error_that_names_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("nowhere/queue.db");
    let error = SqliteQueue::open(&path).expect_err("no folder");
    assert!(matches!(&error, QueueError::Unreadable { path: named, .. } if *named == path), "{error}");
}

#[test]
fn a_text_file_is_refused_and_left_as_it_was() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("jobs.csv");
    for text in ["human_image,cloth_image\n".to_owned(), "x".repeat(100_000)] {
        fs::write(&path, text).expect("a file");
        let before = contents(folder.path());
        for result in opened(&path) {
            let error = result.expect_err("no queue");
            assert!(matches!(error, QueueError::Foreign { .. }), "{error}");
        }
        assert_eq!(contents(folder.path()), before);
    }
}

#[test]
fn the_database_of_another_program_is_refused_and_left_as_it_was() {
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
        for result in opened(&path) {
            let error = result.expect_err("no queue");
            assert!(matches!(error, QueueError::Foreign { .. }), "{maker}: {error}");
        }
        assert_eq!(contents(folder.path()), before, "{maker}");
    }
}

#[test]
fn what_another_program_has_not_yet_moved_out_of_its_log_is_left_in_it() {
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
    for result in opened(&folder.path().join("theirs.sqlite")) {
        let error = result.expect_err("no queue");
        assert!(matches!(error, QueueError::Foreign { .. }), "{error}");
        assert_eq!(contents(folder.path()), before);
    }
}

#[test]
fn a_queue_of_a_newer_version_is_refused_and_left_as_it_was() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("queue.db");
    drop(SqliteQueue::open(&path).expect("a queue"));
    outside(&path).execute_batch("PRAGMA user_version = 1000").expect("a version");
    let before = contents(folder.path());
    for result in opened(&path) {
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
    let queue = SqliteQueue::open(&path).expect("a queue");
    assert_eq!(queue.path(), path);
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
    let queue = SqliteQueue::open(&path).expect("a queue");
    load_into(&queue, &[("jobs.csv", &[spec("a")])]).await;
    drop(queue);
    assert_eq!(contents(folder.path()).into_keys().collect::<Vec<_>>(), ["queue.db", "queue.db-load-lock"]);
    assert!(QueueReader::open(&path).expect("a reader").job("a").is_ok());
}

#[cfg(unix)]
#[tokio::test]
async fn only_its_owner_can_read_a_queue() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("queue.db");
    let queue = SqliteQueue::open(&path).expect("a queue");
    load_into(&queue, &[("jobs.csv", &[spec("a")])]).await;
    let names: Vec<_> = fs::read_dir(folder.path()).expect("a folder").map(|e| e.expect("an entry").path()).collect();
    assert_eq!(names.len(), 4, "the queue, its log, its log's index and the lock of a load: {names:?}");
    for name in names {
        let mode = fs::metadata(&name).expect("a file").permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{}", name.display());
    }
}

#[test]
fn processes_that_make_the_same_queue_at_once_make_one() {
    for _ in 0..8 {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("queue.db");
        let together = Barrier::new(8);
        thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    together.wait();
                    SqliteQueue::open(&path).map(drop).expect("a queue");
                });
            }
        });
        assert!(QueueReader::open(&path).is_ok());
    }
}

#[test]
fn only_one_run_holds_a_queue_and_the_second_is_told_which() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("queue.db");
    assert!(!RunLock::is_held(&path));
    let first = RunLock::take(&path).expect("the lock");
    assert!(RunLock::is_held(&path));
    let error = RunLock::take(&path).expect_err("held");
    let QueueError::Held { path: named, holder } = &error else { panic!("{error}") };
    assert_eq!((named, holder), (&path, &std::process::id().to_string()));
    assert!(RunLock::is_held(&path), "a second run that is sent away takes nothing with it");
    drop(first);
    assert!(!RunLock::is_held(&path));
    drop(RunLock::take(&path).expect("the lock"));
}

#[test]
fn the_lock_of_one_queue_is_not_that_of_another() {
    let folder = tempfile::tempdir().expect("a folder");
    let _first = RunLock::take(&folder.path().join("one.db")).expect("the lock");
    let _second = RunLock::take(&folder.path().join("two.db")).expect("the lock");
}

#[cfg(unix)]
#[test]
fn a_queue_by_another_name_is_the_same_queue() {
    let folder = tempfile::tempdir().expect("a folder");
    let (path, link) = (folder.path().join("queue.db"), folder.path().join("link.db"));
    let _queue = SqliteQueue::open(&path).expect("a queue");
    std::os::unix::fs::symlink(&path, &link).expect("a link");
    let _first = RunLock::take(&path).expect("the lock");
    assert!(RunLock::is_held(&link));
    assert!(matches!(RunLock::take(&link), Err(QueueError::Held { .. })));
}

#[test]
fn a_lock_beside_a_folder_that_is_missing_is_an_error() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("nowhere/queue.db");
    assert!(matches!(RunLock::take(&path), Err(QueueError::Unreadable { .. })));
    assert!(!RunLock::is_held(&path));
}

#[test]
fn a_run_begins_though_others_look_whether_one_is_going_on() {
    use std::sync::atomic::{AtomicBool, Ordering};
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("queue.db");
    drop(RunLock::take(&path).expect("the lock's file is made"));
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while !is_over.load(Ordering::Relaxed) {
                    std::hint::black_box(RunLock::is_held(&path));
                }
            });
        }
        let begun = (0..200).filter(|_| RunLock::take(&path).is_ok()).count();
        is_over.store(true, Ordering::Relaxed);
        assert_eq!(begun, 200);
    });
    let _held = RunLock::take(&path).expect("a run");
    assert!(RunLock::is_held(&path) && matches!(RunLock::take(&path), Err(QueueError::Held { .. })));
}
