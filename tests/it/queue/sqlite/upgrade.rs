//! A queue that an earlier version of the program made: the present one takes it over and loses nothing.
//!
//! `tests/data/queue_version_1.db` is a real one. It was killed in mid-run with jobs in five states, attempts of
//! five outcomes, a provider and two rows that `--skip-invalid` passed over; one job was cancelled afterwards.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tempfile::TempDir;

use tryon::job::{ExternalTaskId, ModelName, StateName, TaskId, Transition};
use tryon::queue::{self, Claim, Claimant, Counts, Note, Opening, ProviderKind, Queue};

use super::back_end::{dump_sqlite, outside, sqlite_is_sound};
use crate::queue::bed::{Row, Tables, at, image, report_of};

const DOOR: &str = "http://127.0.0.1:8791";

/// A copy of the queue that version 1 left behind.
fn left_by_version_1() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("queue.db");
    let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/queue_version_1.db");
    fs::copy(kept, &path).expect("a copy");
    (folder, path)
}

fn version(path: &Path) -> i64 {
    outside(path).pragma_query_value(None, "user_version", |row| row.get(0)).expect("a version")
}

/// The rows of the tables that a dump leaves out.
fn facts(path: &Path) -> BTreeMap<String, String> {
    let db = outside(path);
    let query = "SELECT 'meta ' || key, value FROM meta UNION ALL SELECT 'tally ' || name, value FROM tallies";
    let mut statement = db.prepare(query).expect("a query");
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get::<_, rusqlite::types::Value>(1)?)));
    rows.expect("rows").map(|row| row.expect("a row")).map(|(key, value)| (key, format!("{value:?}"))).collect()
}

/// Every row of `before` is in `after`, with the same value in every column it had.
fn nothing_is_lost(before: &Tables, after: &Tables) {
    for (table, rows) in before {
        assert_eq!(rows.len(), after[table].len(), "{table}");
        for row in rows {
            // Version 1 took the absence of our id in a create's answer for proof; that is asked again.
            let is_kept = |column: &str| (table.as_str(), column) != ("doors", "external_ids");
            let has_all =
                |other: &Row| row.iter().all(|(column, value)| !is_kept(column) || other.get(column) == Some(value));
            assert!(after[table].iter().any(has_all), "a row of {table} is lost: {row:#?}\nnow: {:#?}", after[table]);
        }
    }
}

fn states(counts: &Counts) -> Vec<(StateName, u64)> {
    StateName::ALL.into_iter().map(|state| (state, counts.of(state))).filter(|(_, count)| *count > 0).collect()
}

#[tokio::test]
async fn a_queue_of_version_1_is_taken_over_whole() {
    for is_to_read in [false, true] {
        let (folder, path) = left_by_version_1();
        let fresh = folder.path().join("fresh.db");
        drop(open(&fresh).await);
        let (before, facts_before) = (dump_sqlite(&path), facts(&path));
        assert_eq!(version(&path), 1);
        for _ in 0..2 {
            match is_to_read {
                true => drop(queue::at(&path).open_to_read().await.expect("a queue")),
                false => drop(open(&path).await),
            }
            assert_eq!(version(&path), version(&fresh));
            nothing_is_lost(&before, &dump_sqlite(&path));
            let facts_now = facts(&path);
            assert!(facts_before.iter().all(|fact| facts_now.get(fact.0) == Some(fact.1)), "{facts_now:#?}");
            sqlite_is_sound(&path);
        }
    }
}

async fn open(path: &Path) -> Arc<dyn Queue> {
    queue::open(path, Opening::OrMake).await.expect("a queue")
}

#[tokio::test]
async fn what_version_1_knew_is_told_by_the_present_one() {
    let (_folder, path) = left_by_version_1();
    let reader = open(&path).await;
    let counts = reader.counts().await.expect("counts");
    let expected = [
        (StateName::Pending, 15),
        (StateName::InDoubt, 2),
        (StateName::Running, 2),
        (StateName::Succeeded, 9),
        (StateName::Failed, 3),
        (StateName::Cancelled, 1),
    ];
    assert_eq!((states(&counts), counts.rejected, counts.units), (expected.to_vec(), 2, 9.0));
    assert_eq!(reader.provider().await.expect("a provider"), Some(ProviderKind::Dmxapi));
    assert_eq!(reader.external_ids(DOOR).await.expect("an answer"), None, "what it took for proof is asked again");
    assert_eq!(reader.slots_found(DOOR).await.expect("an answer"), None, "version 1 did not ask");
    assert_eq!(reader.last_run().await.expect("an answer").expect("a run").slots, 3);

    let rows = report_of(&*reader).await;
    assert_eq!(rows.len(), 32);
    let done = rows.iter().find(|row| row.id == "shop/05").expect("a row");
    assert_eq!((done.state, done.output.as_deref()), (StateName::Succeeded, Some("shop/05.png")));
    assert_eq!(done.model, "kolors-virtual-try-on-v1-5");
    let passed_over: Vec<_> = rows.iter().filter(|row| row.attempts == 0 && row.error_code.is_some()).collect();
    assert_eq!(passed_over.len(), 2, "{passed_over:#?}");
}

#[tokio::test]
async fn what_tells_an_account_from_others_is_known_of_an_older_queue_too() {
    let (_folder, path) = left_by_version_1();
    let queue = open(&path).await;
    let doubtful = queue.active(&[StateName::InDoubt], 10).await.expect("jobs");
    assert_eq!(doubtful.len(), 2);
    let attempts = "SELECT external_task_id FROM attempts WHERE task_id = ?1";
    for job in doubtful {
        let told = queue.task_of_the_same_account(job.seq, job.attempt).await.expect("an answer").expect("a task");
        let ours: String =
            outside(&path).query_row(attempts, [&told.task_id.0], |row| row.get(0)).expect("its attempt");
        assert_eq!(told.external_id, Some(ExternalTaskId(ours)));
    }
}

#[tokio::test]
async fn a_run_that_version_1_left_is_gone_on_with() {
    let (_folder, path) = left_by_version_1();
    let queue = open(&path).await;
    queue.learn_slots(DOOR.to_owned(), 3).await.expect("learnt");
    assert_eq!(queue.slots_found(DOOR).await.expect("an answer"), Some(3));
    assert_eq!(queue.external_ids(DOOR).await.expect("an answer"), None);

    // What was at the provider is taken up where it stood, under the task that was paid for.
    let running = queue.active(&[StateName::Running], 10).await.expect("jobs");
    assert_eq!(running.len(), 2);
    for job in &running {
        let record = |transition| queue.record(job.seq, job.attempt, transition, Note::default(), at(1));
        record(Transition::TaskSucceed).await.expect("a step");
        let images = vec![image(0, &format!("{}.png", job.spec.id))];
        queue.publish(job.seq, job.attempt, images, at(2)).await.expect("published");
    }
    // What waited is handed out: the highest priority first, and then the manifest's order.
    let run = queue.begin_run(3, None, ModelName::default(), at(3)).await.expect("a run");
    let mut order = Vec::new();
    while let Claim::Job(job) =
        queue.claim(run, ExternalTaskId::unique(), Claimant::default(), at(4)).await.expect("a claim")
    {
        order.push((-job.spec.priority, job.seq));
        let task_id = TaskId(format!("task of {}", job.spec.id));
        queue
            .record(job.seq, job.attempt, Transition::Accept { task_id }, Note::default(), at(5))
            .await
            .expect("accepted");
    }
    assert!(order.is_sorted(), "{order:?}");
    assert_eq!(order.len(), 15);
    let counts = queue.counts().await.expect("counts");
    assert_eq!((counts.of(StateName::Running), counts.of(StateName::Succeeded)), (15, 11));
    drop(queue);
    sqlite_is_sound(&path);
}
