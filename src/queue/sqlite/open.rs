//! Opening a queue file: is it ours, is it of a version we know, and does SQLite do what we rely on.

use std::path::Path;
use std::thread::sleep;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags, TransactionBehavior};

use super::{QueueError, Result};

/// Marks a database file as a queue of this program ("tryo").
const APPLICATION_ID: i64 = 0x7472_796f;

/// Each entry brings a queue from the version of its index to the next; the last version is their number.
const MIGRATIONS: [&str; 9] = [
    include_str!("schema_1.sql"),
    include_str!("schema_2.sql"),
    include_str!("schema_3.sql"),
    include_str!("schema_4.sql"),
    include_str!("schema_5.sql"),
    include_str!("schema_6.sql"),
    include_str!("schema_7.sql"),
    include_str!("schema_8.sql"),
    include_str!("schema_9.sql"),
];

/// How long a statement waits for another process's transaction. Loading a million rows takes a while.
const BUSY_TIMEOUT: Duration = Duration::from_secs(120);

/// How often the switch to a write-ahead log is tried while others make the same queue, and how long apart.
const MOST_SWITCHES: u32 = 200;
const BETWEEN_SWITCHES: Duration = Duration::from_millis(10);

/// The WAL is cut back to this size after a checkpoint, so that one big load does not keep the disk.
const WAL_LIMIT_BYTES: i64 = 64 << 20;

/// Opens the queue for the writer thread, and makes it when it is not there.
pub(super) fn open_for_writing(path: &Path) -> Result<Connection> {
    let unreadable = |why: String| QueueError::Unreadable { at: path.into(), why };
    if path.is_dir() {
        return Err(unreadable("it is a folder".to_owned()));
    }
    create_private(path).map_err(|error| unreadable(error.to_string()))?;
    let mut db = connect(path)?;
    migrate(&mut db, path)?;
    // What a statement or a savepoint may have to take back is a few pages; they need no file.
    set_and_check(&db, "temp_store", 2)?; // MEMORY
    Ok(db)
}

/// Opens an existing queue for reading only. One of an earlier version is brought up to the present first, so that
/// every query has one schema to know.
pub(super) fn open_for_reading(path: &Path) -> Result<Connection> {
    if !path.exists() {
        return Err(QueueError::Missing(path.into()));
    }
    if path.is_dir() {
        return Err(QueueError::Unreadable { at: path.into(), why: "it is a folder".to_owned() });
    }
    let mut db = connect(path)?;
    if version(&db, path)? == 0 {
        return Err(QueueError::Missing(path.into()));
    }
    migrate(&mut db, path)?;
    set_and_check(&db, "query_only", 1)?;
    Ok(db)
}

/// Opens a queue to look at it, whatever its version, and changes nothing: not its version, not its log. `None` where there
/// is no queue.
pub(super) fn open_as_it_is(path: &Path) -> Result<Option<Connection>> {
    if !path.exists() {
        return Ok(None);
    }
    if path.is_dir() {
        return Err(QueueError::Unreadable { at: path.into(), why: "it is a folder".to_owned() });
    }
    let db = look_at(path)?;
    if version(&db, path)? == 0 {
        return Ok(None);
    }
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, has_log(path))?;
    add_what_is_new(&db)?;
    set_and_check(&db, "query_only", 1)?;
    Ok(Some(db))
}

/// Lets this connection alone see columns that a queue of an earlier version lacks, with what an upgrade would put there.
fn add_what_is_new(db: &Connection) -> Result<()> {
    let mut added = String::new();
    for (column, value) in [("keep", "7"), ("extra", "NULL"), ("verdict", "NULL"), ("review", "NULL")] {
        let has_column = "SELECT count(*) FROM pragma_table_info('jobs') WHERE name = ?1";
        if db.query_row(has_column, [column], |row| row.get::<_, i64>(0))? == 0 {
            added.push_str(&format!(", {value} AS {column}"));
        }
    }
    if !added.is_empty() {
        db.execute_batch(&format!("CREATE TEMP VIEW jobs AS SELECT *{added} FROM main.jobs"))?;
    }
    let has_contents = "SELECT count(*) FROM main.sqlite_schema WHERE name = 'contents'";
    if db.query_row(has_contents, [], |row| row.get::<_, i64>(0))? == 0 {
        db.execute_batch(
            "CREATE TEMP VIEW attempts AS
                 SELECT *, NULL AS human_content, NULL AS cloth_content, NULL AS cloth_2_content FROM main.attempts;
             CREATE TEMP VIEW contents AS
                 SELECT 0 AS content, 0 AS input, 0 AS bytes, NULL AS modified, '' AS sha256, '' AS etag WHERE FALSE;",
        )?;
    }
    Ok(())
}

/// The file is made before SQLite opens it, so that only its owner can read which pictures a shop works on.
/// SQLite gives its side files the same permissions.
///
/// A file that is there is not opened: the system takes a process's locks on a file away when the process closes any descriptor of
/// it. SQLite would go on without them, and an SQLite before 3.41 (such as Debian 12's `sqlite3`) that looks into the queue meanwhile
/// would take itself for the last to leave and delete the write-ahead log, with all that is committed after that.
pub(super) fn create_private(path: &Path) -> std::io::Result<()> {
    if path.exists() {
        return Ok(());
    }
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map(drop)
}

/// Opens a file and looks whether it is a queue.
fn look_at(path: &Path) -> Result<Connection> {
    let unreadable = |why: rusqlite::Error| match why.sqlite_error_code() {
        Some(ErrorCode::NotADatabase) => {
            QueueError::Foreign { at: path.into(), why: "it is no SQLite database".to_owned() }
        }
        _ => QueueError::Unreadable { at: path.into(), why: why.to_string() },
    };
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let has_log = has_log(path);
    let db = Connection::open_with_flags(path, flags).map_err(unreadable)?;
    db.busy_timeout(BUSY_TIMEOUT)?;
    db.set_prepared_statement_cache_capacity(64);
    // Otherwise a statement whose plan could depend on a value (`state = ?`, beside an index for one state) is planned
    // again each time another value is bound.
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    // The first look into the file, and so the first chance to see that it is something else. A file of
    // another program is left exactly as it is: WAL would be written into its header.
    // What still is in a log of theirs would be moved into it when we close it again.
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, has_log)?;
    version(&db, path).map_err(|error| match error {
        QueueError::Damaged(why) => QueueError::Foreign { at: path.into(), why },
        QueueError::Database(why) => QueueError::Unreadable { at: path.into(), why },
        other => other,
    })?;
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, false)?;
    Ok(db)
}

fn connect(path: &Path) -> Result<Connection> {
    let db = look_at(path)?;
    let mode = keep_a_log(&db).map_err(|why| QueueError::Unreadable { at: path.into(), why: why.to_string() })?;
    if mode != "wal" {
        let why = format!("its file system cannot keep a write-ahead log (SQLite chose `{mode}`)");
        return Err(QueueError::Unreadable { at: path.into(), why });
    }
    set_and_check(&db, "synchronous", 2)?; // FULL: a commit is on disk when it returns
    set_and_check(&db, "foreign_keys", 1)?;
    set_and_check(&db, "journal_size_limit", WAL_LIMIT_BYTES)?;
    set_and_check(&db, "cache_size", -16_384)?; // KiB
    Ok(db)
}

/// Whether a write-ahead log is beside the file, left by a process that was killed or is at work.
fn has_log(path: &Path) -> bool {
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    Path::new(&log).metadata().is_ok_and(|log| log.len() > 0)
}

/// Switches to a write-ahead log, and says what SQLite has switched to. Only the first process to open a queue has
/// anything to switch; where two are first at once, SQLite turns one away without waiting.
fn keep_a_log(db: &Connection) -> rusqlite::Result<String> {
    for _ in 0..MOST_SWITCHES {
        match db.pragma_update_and_check(None, "journal_mode", "wal", |row| row.get(0)) {
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) => sleep(BETWEEN_SWITCHES),
            answer => return answer,
        }
    }
    db.pragma_update_and_check(None, "journal_mode", "wal", |row| row.get(0))
}

/// Sets a pragma and reads it back: SQLite accepts misspelt and impossible ones in silence.
fn set_and_check(db: &Connection, pragma: &str, wanted: i64) -> Result<()> {
    db.pragma_update(None, pragma, wanted)?;
    let found: i64 = db.pragma_query_value(None, pragma, |row| row.get(0))?;
    if found == wanted {
        Ok(())
    } else {
        Err(QueueError::Database(format!("SQLite keeps `{pragma}` at {found} where {wanted} is needed")))
    }
}

/// The version of the queue in this file; 0 for an empty file.
fn version(db: &Connection, path: &Path) -> Result<i64> {
    // All of it at one moment: another process may be making the queue just now.
    version_within(&*db.unchecked_transaction()?, path)
}

/// [`version`], asked within a transaction.
fn version_within(db: &Connection, path: &Path) -> Result<i64> {
    let foreign = |why: &str| QueueError::Foreign { at: path.into(), why: why.to_owned() };
    let known = MIGRATIONS.len() as i64;
    let found: i64 = db.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let application: i64 = db.pragma_query_value(None, "application_id", |row| row.get(0))?;
    if application == APPLICATION_ID {
        return if found > known { Err(QueueError::Newer { at: path.into(), found, known }) } else { Ok(found) };
    }
    let tables: i64 = db.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    if application == 0 && found == 0 && tables == 0 { Ok(0) } else { Err(foreign("it is another program's database")) }
}

fn migrate(db: &mut Connection, path: &Path) -> Result<()> {
    if version(db, path)? == MIGRATIONS.len() as i64 {
        return Ok(());
    }
    // Asked again inside the transaction: another process may be making the same queue.
    let transaction = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let from = version_within(&transaction, path)?;
    for (index, migration) in MIGRATIONS.iter().enumerate().skip(usize::try_from(from).unwrap_or(0)) {
        transaction.execute_batch(migration)?;
        transaction.pragma_update(None, "user_version", index as i64 + 1)?;
    }
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    transaction.commit()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pragma(db: &Connection, name: &str) -> i64 {
        db.pragma_query_value(None, name, |row| row.get(0)).expect("a pragma")
    }

    /// Whether this process holds SQLite's shared lock on a file, as the system tells it.
    #[cfg(target_os = "linux")]
    fn has_shared_lock(path: &Path) -> bool {
        use std::os::unix::fs::MetadataExt;
        let inode = path.metadata().expect("it is there").ino();
        let locks = std::fs::read_to_string("/proc/locks").expect("the system's locks");
        locks.lines().any(|lock| lock.contains(&format!(":{inode} 1073741826 ")))
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn further_connections_leave_a_process_its_lock_on_the_queue() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("queue.db");
        let first = open_for_writing(&path).expect("a connection");
        assert!(has_shared_lock(&path), "SQLite takes it with the first look into a write-ahead log");
        for further in [open_for_writing(&path), open_for_reading(&path)] {
            drop(further.expect("a connection"));
            assert!(has_shared_lock(&path), "whoever looks into the queue would delete the log of this process");
        }
        drop(first);
        assert!(!has_shared_lock(&path));
    }

    #[test]
    fn a_commit_is_on_disk_when_it_returns_and_references_are_kept() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("queue.db");
        for db in [open_for_writing(&path), open_for_writing(&path), open_for_reading(&path)] {
            let db = db.expect("a connection");
            assert_eq!(pragma(&db, "synchronous"), 2, "FULL");
            assert_eq!(pragma(&db, "foreign_keys"), 1);
            assert_eq!(pragma(&db, "journal_size_limit"), WAL_LIMIT_BYTES);
            let mode: String = db.pragma_query_value(None, "journal_mode", |row| row.get(0)).expect("a mode");
            assert_eq!(mode, "wal");
            assert_eq!(pragma(&db, "busy_timeout"), 120_000);
        }
    }

    #[test]
    fn a_reader_has_no_way_to_write() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("queue.db");
        open_for_writing(&path).expect("a queue");
        let reader = open_for_reading(&path).expect("a reader");
        let error = reader.execute("DELETE FROM jobs", []).expect_err("read only");
        assert_eq!(error.sqlite_error_code(), Some(ErrorCode::ReadOnly));
    }

    #[test]
    fn a_pragma_that_is_misspelt_is_noticed() {
        let db = Connection::open_in_memory().expect("a database");
        assert!(set_and_check(&db, "synchronus", 2).is_err());
        assert!(set_and_check(&db, "page_count", -7).is_err(), "one that cannot be set");
    }
}
