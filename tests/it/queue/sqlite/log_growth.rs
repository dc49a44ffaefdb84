//! The write-ahead log of a long run: it must not grow with the run, whoever looks on.

use std::path::Path;
use std::sync::mpsc;
use std::thread;

use tryon::queue::{self, QueueError, Selection, each_job, each_report_row};

use super::on_sqlite;
use crate::queue::bed::{Bed, with_priority};

/// SQLite takes the log up when it has a thousand pages of 4 KiB, and one step may add some hundreds.
const MOST_BYTES: u64 = 12 << 20;

fn log_bytes(queue: &Path) -> u64 {
    let mut path = queue.as_os_str().to_owned();
    path.push("-wal");
    std::fs::metadata(path).expect("the log").len()
}

/// As many rows as the steps of a long run write. Each load gives all of them another rank.
async fn load(bed: &Bed, priority: i64) {
    let rows: Vec<_> = (0..2_000).map(|n| with_priority(&format!("job-{n}"), priority)).collect();
    let (tally, _) = bed.load_from("jobs.csv", &rows).await;
    assert_eq!(tally.added + tally.updated, 2_000);
}

/// Writes several times as much as the log may hold. Returns the longest that it was.
async fn work_for_long(bed: &Bed) -> u64 {
    let mut longest = 0;
    for priority in 1..80 {
        load(bed, priority).await;
        longest = longest.max(log_bytes(bed.path()));
    }
    longest
}

#[tokio::test]
async fn the_log_of_a_long_run_is_taken_up_again_and_again() {
    on_sqlite(async |bed| {
        load(bed, 0).await;
        let _watching = queue::at(bed.path()).open_to_read().await.expect("a reader");
        let longest = work_for_long(bed).await;
        assert!(longest < MOST_BYTES, "{longest} bytes");
    })
    .await;
}

#[tokio::test]
async fn a_list_or_report_that_somebody_left_open_in_a_pager_does_not_hold_the_log() {
    for is_report in [false, true] {
        on_sqlite(async |bed| {
            load(bed, 0).await;
            let ((met, first), (release, held)) = (mpsc::channel(), mpsc::channel::<()>());
            let queue = queue::at(bed.path()).open_to_read().await.expect("a reader");
            let pager = thread::spawn(move || {
                let mut rows = 0_u64;
                let mut met_one = || {
                    rows += 1;
                    if rows == 1 {
                        met.send(()).expect("a test that waits");
                        let _ = held.recv(); // an error: the pager is closed
                    }
                    Ok::<(), QueueError>(())
                };
                let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
                let read = async {
                    match is_report {
                        true => each_report_row(&*queue, |_| met_one()).await,
                        false => each_job(&*queue, Selection::default(), |_| met_one()).await,
                    }
                };
                runtime.block_on(read).map(|()| rows)
            });
            first.recv().expect("a first row");
            let longest = work_for_long(bed).await;
            drop(release);
            let rows = pager.join().expect("a pager").expect("rows");
            assert!(longest < MOST_BYTES, "{longest} bytes");
            assert!(rows >= 2_000, "what was left open goes on to its end: {rows}");
        })
        .await;
    }
}
