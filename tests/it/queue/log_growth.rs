//! The write-ahead log of a long run: it must not grow with the run, whoever looks on.

use std::path::Path;
use std::sync::mpsc;
use std::thread;

use tryon::queue::{JobRecord, QueueError, QueueReader, ReportRow};

use super::bed::{Bed, on_every_queue, with_priority};

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

/// How a reader begins that never comes to its end: it holds on in its first row until it is let go.
type Begin = fn(&QueueReader, &mut dyn FnMut()) -> Result<(), QueueError>;

fn list(reader: &QueueReader, met: &mut dyn FnMut()) -> Result<(), QueueError> {
    reader.jobs(&[], |_: JobRecord| {
        met();
        Ok(())
    })
}

fn report(reader: &QueueReader, met: &mut dyn FnMut()) -> Result<(), QueueError> {
    reader.report(|_: ReportRow| {
        met();
        Ok(())
    })
}

#[tokio::test]
async fn the_log_of_a_long_run_is_taken_up_again_and_again() {
    on_every_queue(async |bed| {
        load(bed, 0).await;
        let _watching = bed.reader();
        let longest = work_for_long(bed).await;
        assert!(longest < MOST_BYTES, "{longest} bytes");
    })
    .await;
}

#[tokio::test]
async fn a_list_or_report_that_somebody_left_open_in_a_pager_does_not_hold_the_log() {
    for begin in [list as Begin, report] {
        on_every_queue(async |bed| {
            load(bed, 0).await;
            let (reader, (met, first), (release, held)) = (bed.reader(), mpsc::channel(), mpsc::channel::<()>());
            let pager = thread::spawn(move || {
                let mut rows = 0_u64;
                let each = &mut || {
                    rows += 1;
                    if rows == 1 {
                        met.send(()).expect("a test that waits");
                        let _ = held.recv(); // an error: the pager is closed
                    }
                };
                begin(&reader, each).map(|()| rows)
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
