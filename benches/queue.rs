//! What the queue's verbs take, and how that grows with its length: `cargo bench --bench queue`.
//!
//! A load, the life of a job (claim, accept, task ended, published: four flushes to disk, shared by the jobs that
//! are at it at once), the counts behind `status`, and the report. The files are made where `TMPDIR` says; what a
//! flush takes is the disk's business, so name one of the kind that the queue will stand on.

use std::hint::black_box;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use jiff::Timestamp;
use tempfile::TempDir;
use tokio::runtime::Runtime;

use tryon::job::{ExternalTaskId, Garment, ImageRef, ImageSource, JobId, JobSpec, ModelName, TaskId, Transition};
use tryon::queue::{
    self, ActiveJob, Claim, Claimant, Keeping, LoadRow, ManifestNames, Note, Opening, PublishedImage, Queue, RunId,
};
use tryon::report::{ReportFormat, ReportPaths, write_report};

/// The lengths of the queues.
const LENGTHS: [u64; 3] = [1_000, 10_000, 100_000];

/// How many rows are added to a load at once.
const ROWS_AT_ONCE: usize = 500;

/// How many jobs are at work at once.
const AT_ONCE: [u64; 3] = [1, 10, 100];

/// Row `number` of a catalogue in which every person wears a thousand garments.
fn row(number: u64) -> JobSpec {
    let (person, garment) = (number / 1_000, number % 1_000);
    let picture = |name: String| {
        let url = format!("https://pictures.example.com/{name}.jpg");
        ImageRef { written: url.clone(), source: ImageSource::Url(url) }
    };
    JobSpec {
        id: JobId::parse(&format!("person-{person:04}/garment-{garment:04}")).expect("an id"),
        human: picture(format!("people/{person:04}")),
        cloth: picture(format!("garments/{garment:04}")),
        cloth_type: Some(Garment::Upper),
        second: None,
        model: None,
        keep: tryon::job::Keep::ALL,
        priority: 0,
        extra: tryon::job::ExtraColumns::default(),
    }
}

/// A queue in a folder of its own.
struct Bed {
    folder: TempDir,
    queue: Arc<dyn Queue>,
}

impl Bed {
    fn empty(runtime: &Runtime) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let opened = runtime.block_on(queue::open(&folder.path().join("queue.db"), Opening::OrMake));
        Self { folder, queue: opened.expect("a queue") }
    }

    fn with(runtime: &Runtime, rows: u64) -> Self {
        let bed = Self::empty(runtime);
        runtime.block_on(load(&*bed.queue, rows));
        bed
    }
}

/// Loads rows as a manifest's are: some hundred at a time.
async fn load(queue: &dyn Queue, rows: u64) {
    let mut load = queue.begin_load().await.expect("a load");
    load.begin_manifest(ManifestNames::only("jobs.csv")).await.expect("begun");
    let mut numbers = 0..rows;
    loop {
        let of_number = |number| LoadRow::Job { spec: row(number), line: number + 2 };
        let batch: Vec<LoadRow> = numbers.by_ref().take(ROWS_AT_ONCE).map(of_number).collect();
        if batch.is_empty() {
            break;
        }
        load.add(batch).await.expect("staged");
    }
    assert_eq!(load.tally().added, rows);
    load.keep(Keeping::default(), Timestamp::now()).await.expect("kept");
}

async fn begin_run(queue: &dyn Queue) -> RunId {
    queue.begin_run(100, None, ModelName::default(), Timestamp::now()).await.expect("a run")
}

async fn claim(queue: &dyn Queue, run: RunId) -> ActiveJob {
    let claim = queue.claim(run, ExternalTaskId::unique(), Claimant::default(), Timestamp::now()).await;
    match claim.expect("a claim") {
        Claim::Job(job) => *job,
        other => panic!("no job: {other:?}"),
    }
}

/// All that the queue is told of a job that goes well.
async fn live(queue: &dyn Queue, run: RunId) {
    let job = claim(queue, run).await;
    let accept = Transition::Accept { task_id: TaskId(format!("task-{}", job.seq.0)) };
    for transition in [accept, Transition::TaskSucceed] {
        let note = Note { units: Some(1.0), http_status: Some(200), ..Note::default() };
        queue.record(job.seq, job.attempt, transition, note, Timestamp::now()).await.expect("a step");
    }
    let image = PublishedImage {
        image: 0,
        path: format!("{}.png", job.spec.id),
        width: 768,
        height: 1024,
        bytes: 1_000_000,
        sha256: "0123456789abcdef".repeat(4),
        ..PublishedImage::default()
    };
    queue.publish(job.seq, job.attempt, vec![image], Timestamp::now()).await.expect("published");
}

/// Brings `jobs` jobs to their end, `at_once` of them at a time. Returns how long it took.
async fn live_many(queue: &Arc<dyn Queue>, jobs: u64, at_once: u64) -> Duration {
    let run = begin_run(&**queue).await;
    let left = Arc::new(AtomicU64::new(jobs));
    let started = Instant::now();
    let workers = (0..at_once).map(|_| {
        let (queue, left) = (Arc::clone(queue), Arc::clone(&left));
        tokio::spawn(async move {
            let take = |left: u64| left.checked_sub(1);
            while left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).is_ok() {
                live(&*queue, run).await;
            }
        })
    });
    for worker in workers.collect::<Vec<_>>() {
        worker.await.expect("a worker");
    }
    started.elapsed()
}

fn loading(criterion: &mut Criterion) {
    let runtime = Runtime::new().expect("a runtime");
    let mut group = criterion.benchmark_group("load");
    group.sample_size(10);
    for rows in LENGTHS {
        group.throughput(Throughput::Elements(rows));
        group.bench_function(BenchmarkId::from_parameter(rows), |bencher| {
            let run = |bed: Bed| {
                runtime.block_on(load(&*bed.queue, rows));
                bed
            };
            bencher.iter_batched(|| Bed::empty(&runtime), run, BatchSize::PerIteration);
        });
    }
}

fn lives(criterion: &mut Criterion) {
    let runtime = Runtime::new().expect("a runtime");
    let mut group = criterion.benchmark_group("life of a job");
    group.sample_size(10).throughput(Throughput::Elements(1));
    for at_once in AT_ONCE {
        group.bench_function(BenchmarkId::new("at once", at_once), |bencher| {
            bencher.iter_custom(|jobs| {
                let bed = Bed::with(&runtime, jobs);
                runtime.block_on(live_many(&bed.queue, jobs, at_once))
            });
        });
    }
}

fn claims(criterion: &mut Criterion) {
    let runtime = Runtime::new().expect("a runtime");
    let mut group = criterion.benchmark_group("claim and give back");
    group.sample_size(10);
    for length in LENGTHS {
        let bed = Bed::with(&runtime, length);
        let run = runtime.block_on(begin_run(&*bed.queue));
        group.bench_function(BenchmarkId::from_parameter(length), |bencher| {
            bencher.iter(|| {
                runtime.block_on(async {
                    let job = claim(&*bed.queue, run).await;
                    let release = Transition::Release { retry_at: None };
                    let released = bed.queue.record(job.seq, job.attempt, release, Note::default(), Timestamp::now());
                    released.await.expect("released");
                });
            });
        });
    }
}

fn counts(criterion: &mut Criterion) {
    let runtime = Runtime::new().expect("a runtime");
    let mut group = criterion.benchmark_group("open and count");
    for length in LENGTHS {
        let bed = Bed::with(&runtime, length);
        group.bench_function(BenchmarkId::from_parameter(length), |bencher| {
            bencher.iter(|| {
                runtime.block_on(async {
                    let queue = queue::at(bed.folder.path().join("queue.db")).open_to_read().await.expect("a reader");
                    assert_eq!(queue.counts().await.expect("counts").total(), length);
                    black_box(queue.last_run().await.expect("a run"));
                });
            });
        });
    }
}

fn reports(criterion: &mut Criterion) {
    let runtime = Runtime::new().expect("a runtime");
    let mut group = criterion.benchmark_group("report as CSV");
    group.sample_size(10);
    for length in LENGTHS {
        let bed = Bed::with(&runtime, length);
        runtime.block_on(live_many(&bed.queue, 500, 100));
        let paths = ReportPaths { output_dir: bed.folder.path(), report_dir: Path::new("") };
        group.throughput(Throughput::Elements(length));
        group.bench_function(BenchmarkId::from_parameter(length), |bencher| {
            bencher.iter(|| {
                let summary = runtime
                    .block_on(write_report(&*bed.queue, ReportFormat::Csv, &mut io::sink(), paths))
                    .expect("a report");
                assert_eq!(summary.rows, length);
            });
        });
    }
}

criterion_group!(benches, loading, lives, claims, counts, reports);
criterion_main!(benches);
