//! The first load of a queue is written in one transaction, and leaves what one beside a run leaves piece by piece.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use tryon::job::{Garment, JobSpec, SecondGarment, StateName};
use tryon::queue::{self, Counts, Enqueued, Keeping, LoadRow, Opening};

use super::back_end::{dump_sqlite, outside};
use crate::queue::bed::{Tables, at, begin_load, file, model, on_line, rejected_row, spec, with_other_cloth};

/// More rows than a small load has, and several batches beside a run.
const ROWS: u64 = 1_700;

/// Rows of all kinds, with the pictures of the people shared.
fn rows() -> Vec<LoadRow> {
    (0..ROWS)
        .map(|row| {
            let line = row + 2;
            let plain = JobSpec { human: file(&format!("human-{}", row % 7)), ..spec(&format!("job-{row:04}")) };
            match row % 100 {
                11 => LoadRow::Rejected(rejected_row(line, &plain.id.to_string())),
                23 => {
                    let second = SecondGarment { image: file("skirt"), garment: Garment::Lower };
                    let words = JobSpec { model: Some(model("kolors-virtual-try-on-v1-5")), priority: 3, ..plain };
                    on_line(line, JobSpec { second: Some(second), ..words })
                }
                37 => on_line(line, with_other_cloth("contradicted", &format!("cloth-{row}"))),
                // What the row before says.
                51 => on_line(
                    line,
                    JobSpec {
                        human: file(&format!("human-{}", (row - 1) % 7)),
                        ..spec(&format!("job-{:04}", row - 1))
                    },
                ),
                _ => on_line(line, plain),
            }
        })
        .collect()
}

struct Loaded {
    tables: Tables,
    indexes: BTreeMap<String, String>,
    tally: Enqueued,
    counts: Counts,
}

/// A new queue with the rows in it.
async fn loaded(path: &Path, beside_a_run: bool) -> Loaded {
    let queue = queue::open(path, Opening::OrMake).await.expect("a queue");
    let run = if beside_a_run { Some(queue.hold().await.expect("a run")) } else { None };
    let mut load = begin_load(&*queue, "jobs.csv").await;
    load.add(rows()).await.expect("staged");
    let tally = load.tally();
    let kept = load.keep(Keeping::default(), at(1)).await.expect("kept");
    assert!(kept.is_kept && kept.too_late.is_empty(), "{kept:?}");
    let counts = queue.counts().await.expect("counts");
    drop(run);
    drop(queue);
    assert!(!path.with_file_name("queue.db-load").exists(), "what was staged is gone");
    Loaded { tables: dump_sqlite(path), indexes: indexes(path), tally, counts }
}

fn indexes(path: &Path) -> BTreeMap<String, String> {
    let db = outside(path);
    let mut found =
        db.prepare("SELECT name, sql FROM sqlite_schema WHERE type = 'index' AND sql IS NOT NULL").expect("a query");
    let rows = found.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).expect("indexes");
    rows.collect::<Result<_, _>>().expect("indexes")
}

/// A folder whose name is no text, where the system has such.
fn oddly_named(folder: &Path) -> PathBuf {
    #[cfg(target_os = "linux")]
    let name: std::ffi::OsString = std::os::unix::ffi::OsStringExt::from_vec(b"caf\xe9".to_vec());
    #[cfg(not(target_os = "linux"))]
    let name = "café";
    let folder = folder.join(name);
    std::fs::create_dir(&folder).expect("a folder");
    folder
}

#[tokio::test]
async fn the_first_load_of_a_queue_leaves_what_one_in_many_pieces_leaves() {
    let folder = tempfile::tempdir().expect("a folder");
    let beside = folder.path().join("beside");
    std::fs::create_dir(&beside).expect("a folder");
    let at_once = loaded(&oddly_named(folder.path()).join("queue.db"), false).await;
    let in_pieces = loaded(&beside.join("queue.db"), true).await;

    for (table, rows) in &in_pieces.tables {
        assert_eq!(&at_once.tables[table], rows, "{table}");
    }
    assert_eq!(at_once.indexes, in_pieces.indexes);
    assert!(at_once.indexes.contains_key("jobs_by_pair"), "{:?}", at_once.indexes.keys());
    assert_eq!((at_once.tally, &at_once.counts), (in_pieces.tally, &in_pieces.counts));

    // And it is what the rows say.
    let jobs = &at_once.tables["jobs"];
    assert_eq!((jobs.len() as u64, at_once.counts.of(StateName::Pending)), (ROWS - 3 * 17, ROWS - 3 * 17));
    assert_eq!(at_once.tables["rejected_rows"].len(), 2 * 17);
    let after = |id: &str| {
        let rejected = at_once.tables["rejected_rows"].iter().find(|row| row["id"] == id).expect("it is listed");
        let before = jobs.iter().find(|job| job["seq"] == rejected["after_seq"]).expect("the job before it");
        before["id"].clone()
    };
    assert_eq!(after("job-0011"), "job-0010");
    assert_eq!(after("job-1611"), "job-1610");
    let pictures: BTreeSet<_> = at_once.tables["inputs"].iter().map(|row| row["written"].as_str()).collect();
    assert!(pictures.contains("skirt.png") && pictures.contains("job-1699-cloth.png"));
    assert!(!pictures.contains("cloth-37.png"), "no job has the picture of a row that is not taken");
}
