//! The ground that every test of the queue is on: a queue, bystanders in it, and a look at its tables from outside.
//!
//! A test says `on_every_queue(async |bed| …)`. It gets a queue of its own from each back end in [`BACK_ENDS`], and
//! when it is done, every row that stood there before must stand unchanged, and the whole must be consistent.

use std::any::Any;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;
use tempfile::TempDir;

use tryon::job::{
    ExternalTaskId, Failure, FailureKind, Garment, ImageRef, ImageSource, JobId, JobSpec, JobState, ModelName,
    SecondGarment, StateName, TaskId, Transition,
};
use tryon::queue::{
    self, ActiveJob, AttemptRecord, Beat, Claim, Claimant, Enqueued, JobRecord, Keeping, Load, LoadRow, Location,
    ManifestNames, NotTaken, Note, Opening, PublishedImage, Queue, QueueError, RejectedRow, ReportRow, RunId, Site,
    each_report_row,
};

use super::postgres::POSTGRES;
use super::sqlite::SQLITE;

/// A back end: where its queues are, and how they are looked into behind its back.
pub(crate) struct BackEnd {
    pub(crate) name: &'static str,
    /// Where a new queue of this name is to be, of which nothing stays when the folder goes.
    /// `None` where this machine has none of the kind.
    pub(crate) location: fn(&TempDir, &str) -> Option<Location>,
    /// Whether a run keeps all others out.
    pub(crate) is_exclusive: bool,
    pub(crate) dump: fn(&Location) -> Tables,
    pub(crate) check: fn(&Location),
    /// Keeps everybody else from writing until what it returns is dropped.
    pub(crate) hold_writers: fn(&Location) -> Box<dyn Any>,
}

/// Every back end there is. A later one is a line here, and passes what the first one passes.
const BACK_ENDS: [&BackEnd; 2] = [&SQLITE, &POSTGRES];

/// One row: its columns by name, as text.
pub(crate) type Row = BTreeMap<String, String>;
/// All rows of all tables.
pub(crate) type Tables = BTreeMap<String, BTreeSet<Row>>;

/// Runs a test against each kind of queue, with bystanders that it must not touch.
pub(crate) async fn on_every_queue(test: impl AsyncFn(&Bed)) {
    for back_end in BACK_ENDS {
        on_a_queue_of(back_end, &test).await;
    }
}

/// Runs a test against one kind of queue; see [`on_every_queue`].
pub(crate) async fn on_a_queue_of(back_end: &'static BackEnd, test: impl AsyncFn(&Bed)) {
    let Some(bed) = Bed::new(back_end).await else { return };
    test(&bed).await;
    bed.check().await;
}

/// A queue in a folder of its own.
pub(crate) struct Bed {
    back_end: &'static BackEnd,
    folder: TempDir,
    location: Location,
    pub(crate) queue: Arc<dyn Queue>,
    /// A run without a budget.
    pub(crate) run: RunId,
    before: Tables,
}

/// A moment: this many seconds into the test.
pub(crate) fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_790_000_000 + seconds).expect("a time")
}

/// A moment as it is in a table.
pub(crate) fn millis(seconds: i64) -> String {
    at(seconds).as_millisecond().to_string()
}

/// A row of a manifest with pictures of its own.
pub(crate) fn spec(id: &str) -> JobSpec {
    JobSpec {
        id: JobId::parse(id).expect("an id"),
        human: file(&format!("{id}-human")),
        cloth: file(&format!("{id}-cloth")),
        cloth_type: None,
        second: None,
        model: None,
        keep: tryon::job::Keep::ALL,
        priority: 0,
        extra: tryon::job::ExtraColumns::default(),
    }
}

/// The same row with another garment.
pub(crate) fn with_other_cloth(id: &str, cloth: &str) -> JobSpec {
    JobSpec { cloth: file(cloth), ..spec(id) }
}

pub(crate) fn with_priority(id: &str, priority: i64) -> JobSpec {
    JobSpec { priority, ..spec(id) }
}

pub(crate) fn file(name: &str) -> ImageRef {
    let path = PathBuf::from(format!("/pictures/{name}.png"));
    ImageRef { written: format!("{name}.png"), source: ImageSource::File(path) }
}

pub(crate) fn model(name: &str) -> ModelName {
    ModelName::parse(name).expect("a model")
}

pub(crate) fn task(name: &str) -> TaskId {
    TaskId(name.to_owned())
}

pub(crate) fn failure(kind: FailureKind) -> Failure {
    Failure::of(kind, "it did not work")
}

pub(crate) fn image(number: u32, path: &str) -> PublishedImage {
    PublishedImage {
        image: number,
        path: path.to_owned(),
        width: 768,
        height: 1024,
        bytes: 123_456,
        sha256: "ab".repeat(32),
        ..PublishedImage::default()
    }
}

impl Bed {
    async fn new(back_end: &'static BackEnd) -> Option<Self> {
        let folder = tempfile::tempdir().expect("a folder");
        let location = (back_end.location)(&folder, "queue")?;
        let queue = queue::open(&location, Opening::OrMake).await.expect("a queue");
        settle_bystanders(&*queue).await;
        let before = (back_end.dump)(&location);
        let run = queue.begin_run(10, None, ModelName::default(), at(0)).await.expect("a run");
        Some(Self { back_end, folder, location, queue, run, before })
    }

    /// Where the queue is.
    pub(crate) fn location(&self) -> &Location {
        &self.location
    }

    /// The queue's file, of a queue in one.
    pub(crate) fn path(&self) -> &Path {
        self.location.as_file().expect("a queue in a file")
    }

    /// Whether a run keeps all others out.
    pub(crate) fn is_exclusive(&self) -> bool {
        self.back_end.is_exclusive
    }

    /// Opens a queue once more, as another process would.
    pub(crate) async fn open(&self, location: impl Into<Location>) -> Arc<dyn Queue> {
        queue::open(location, Opening::OrMake).await.expect("a queue")
    }

    /// Where another queue of this kind can be made.
    pub(crate) fn another(&self) -> Arc<dyn Site> {
        queue::at((self.back_end.location)(&self.folder, "other").expect("another place"))
    }

    pub(crate) fn hold_writers(&self) -> Box<dyn Any> {
        (self.back_end.hold_writers)(self.location())
    }

    pub(crate) fn tables(&self) -> Tables {
        (self.back_end.dump)(self.location())
    }

    /// The tables of another queue of this kind.
    pub(crate) fn tables_of(&self, path: &Path) -> Tables {
        (self.back_end.dump)(&path.into())
    }

    /// Every row that stood before the test is unchanged, and what is counted is what is there.
    pub(crate) async fn check(&self) {
        let (now, kind) = (self.tables(), self.back_end.name);
        for (table, rows) in &self.before {
            for row in rows {
                assert!(
                    now[table].contains(row),
                    "{kind}: a bystander in {table} was touched: {row:#?}\nnow: {now:#?}"
                );
            }
        }
        self.check_counts().await;
        check_stories(&now);
        (self.back_end.check)(self.location());
    }

    /// The counts are those of the rows.
    pub(crate) async fn check_counts(&self) {
        let counts = self.queue.counts().await.expect("counts");
        let tables = self.tables();
        let rejected = tables["rejected_rows"].len() as u64;
        for state in StateName::ALL {
            let in_state = tables["jobs"].iter().filter(|job| job["state"] == state.word()).count() as u64;
            let passed_over = if state == StateName::Failed { rejected } else { 0 };
            assert_eq!(counts.of(state), in_state + passed_over, "{}", state.word());
        }
        assert_eq!(counts.rejected, rejected);
        assert_eq!(counts.total(), tables["jobs"].len() as u64 + rejected);
        let units: f64 = tables["attempts"].iter().filter_map(|attempt| attempt["units"].parse::<f64>().ok()).sum();
        assert!((counts.units - units).abs() < 1e-6, "{} units counted, {units} there", counts.units);
    }

    /// How many jobs are in a state, bystanders and rejected rows left out.
    pub(crate) fn count(&self, state: StateName) -> usize {
        let now = self.tables();
        now["jobs"].difference(&self.before["jobs"]).filter(|job| job["state"] == state.word()).count()
    }

    /// Loads rows that stand on the lines from 2 of a manifest. Returns the tally and the rows that were not taken.
    pub(crate) async fn load_from(&self, manifest: &str, rows: &[JobSpec]) -> (Enqueued, Vec<(String, RejectedRow)>) {
        load_into(&*self.queue, &[(manifest, rows)]).await
    }

    /// Loads several manifests at once.
    pub(crate) async fn load_all(&self, manifests: &[(&str, &[JobSpec])]) -> (Enqueued, Vec<(String, RejectedRow)>) {
        load_into(&*self.queue, manifests).await
    }

    /// Loads rows, and others that are passed over, behind them.
    pub(crate) async fn load_with_rejected(&self, rows: &[JobSpec], rejected: &[RejectedRow]) {
        let good = (2..).zip(rows.iter().cloned()).map(|(line, spec)| LoadRow::Job { spec, line });
        let bad = rejected.iter().cloned().map(LoadRow::Rejected);
        self.keep("rejected.csv", good.chain(bad).collect()).await;
    }

    /// Loads rows of a manifest, all of which can be taken, or are rejected by themselves.
    pub(crate) async fn keep(&self, manifest: &str, rows: Vec<LoadRow>) -> Enqueued {
        let mut load = begin_load(&*self.queue, manifest).await;
        assert_eq!(load.add(rows).await.expect("staged"), Vec::new());
        let tally = load.tally();
        assert!(load.keep(Keeping::default(), at(0)).await.expect("kept").is_kept);
        tally
    }

    /// Loads rows, each of which becomes a job.
    pub(crate) async fn add(&self, rows: &[JobSpec]) {
        let (tally, rejected) = self.load_from("jobs.csv", rows).await;
        assert_eq!((tally.added, rejected), (rows.len() as u64, Vec::new()));
    }

    pub(crate) async fn try_claim(&self, run: RunId, now: Timestamp) -> Claim {
        self.queue.claim(run, ExternalTaskId::unique(), Claimant::default(), now).await.expect("a claim")
    }

    /// Claims the next job, which there must be.
    pub(crate) async fn claim(&self, now: Timestamp) -> ActiveJob {
        match self.try_claim(self.run, now).await {
            Claim::Job(job) => *job,
            other => panic!("no job: {other:?}"),
        }
    }

    pub(crate) async fn record(
        &self,
        job: &ActiveJob,
        transition: Transition,
        now: Timestamp,
    ) -> Result<JobState, QueueError> {
        self.queue.record(job.seq, job.attempt, transition, Note::default(), now).await
    }

    /// Records a transition that must be legal.
    pub(crate) async fn step(&self, job: &ActiveJob, transition: Transition) -> JobState {
        self.record(job, transition, at(5)).await.expect("a legal transition")
    }

    /// Adds a job and brings it to a state, by the shortest way, in its first attempt.
    pub(crate) async fn bring(&self, id: &str, state: StateName) -> ActiveJob {
        self.add(&[with_priority(id, 1000)]).await;
        let job = self.claim(at(1)).await;
        assert_eq!(job.spec.id.as_str(), id);
        let accept = || Transition::Accept { task_id: task(&format!("task of {id}")) };
        match state {
            StateName::Pending => self.step(&job, Transition::Release { retry_at: None }).await,
            StateName::Submitting => job.state.clone(),
            StateName::InDoubt => self.step(&job, Transition::LoseAnswer).await,
            StateName::Cancelled => {
                self.step(&job, Transition::Release { retry_at: None }).await;
                self.queue.cancel(id.to_owned(), at(5)).await.expect("a cancelled job")
            }
            StateName::Failed => {
                self.step(&job, accept()).await;
                self.step(&job, Transition::TaskFail { failure: failure(FailureKind::Task) }).await
            }
            StateName::Running | StateName::Downloading | StateName::Succeeded => {
                let mut now = self.step(&job, accept()).await;
                if state != StateName::Running {
                    now = self.step(&job, Transition::TaskSucceed).await;
                }
                if state == StateName::Succeeded {
                    let images = vec![image(0, &format!("{id}.png"))];
                    now = self.queue.publish(job.seq, job.attempt, images, at(5)).await.expect("published");
                }
                now
            }
        };
        let record = self.job(id).await;
        assert_eq!(record.state.name(), state);
        ActiveJob { attempt: record.attempt, state: record.state, ..job }
    }

    pub(crate) async fn job(&self, id: &str) -> JobRecord {
        self.queue.job(id).await.expect("the job")
    }

    pub(crate) async fn attempts(&self, id: &str) -> Vec<AttemptRecord> {
        self.queue.attempts(self.job(id).await.seq).await.expect("attempts")
    }

    /// The report, from its first row to its last.
    pub(crate) async fn report(&self) -> Vec<ReportRow> {
        report_of(&*self.queue).await
    }

    /// The row of a job, as it is in the table.
    pub(crate) fn job_row(&self, id: &str) -> Row {
        self.tables()["jobs"].iter().find(|row| row["id"] == id).expect("the job's row").clone()
    }

    /// The rows of a job's attempts, as they stand in the table.
    pub(crate) fn attempt_rows(&self, id: &str) -> Vec<Row> {
        let seq = self.job_row(id)["seq"].clone();
        self.tables()["attempts"].iter().filter(|row| row["job"] == seq).cloned().collect()
    }

    /// What a run has spent of its budget.
    pub(crate) fn spent(&self, run: RunId) -> u64 {
        let runs = &self.tables()["runs"];
        let row = runs.iter().find(|row| row["run"] == run.0.to_string()).expect("the run");
        row["spent"].parse().expect("a number")
    }

    /// The ids of the report, in its order.
    pub(crate) async fn reported(&self) -> Vec<String> {
        let ids = self.report().await.into_iter().map(|row| row.id);
        ids.filter(|id| !id.starts_with("by/")).collect()
    }
}

/// The report of a queue, from its first row to its last.
pub(crate) async fn report_of(queue: &dyn Queue) -> Vec<ReportRow> {
    let mut rows = Vec::new();
    let each = |row| {
        rows.push(row);
        Ok::<(), QueueError>(())
    };
    each_report_row(queue, each).await.expect("a report");
    rows
}

/// Begins a load of one manifest.
pub(crate) async fn begin_load(queue: &dyn Queue, manifest: &str) -> Box<dyn Load> {
    let mut load = queue.begin_load().await.expect("a load");
    load.begin_manifest(ManifestNames::only(manifest)).await.expect("begun");
    load
}

/// A row that is on this line.
pub(crate) fn on_line(line: u64, spec: JobSpec) -> LoadRow {
    LoadRow::Job { spec, line }
}

pub(crate) async fn load_into(
    queue: &dyn Queue,
    manifests: &[(&str, &[JobSpec])],
) -> (Enqueued, Vec<(String, RejectedRow)>) {
    let mut load = queue.begin_load().await.expect("a load");
    let mut rejected = Vec::new();
    for (name, rows) in manifests {
        load.begin_manifest(ManifestNames::only(name)).await.expect("begun");
        let rows = (2..).zip(rows.iter().cloned()).map(|(line, spec)| on_line(line, spec)).collect();
        let not_taken = load.add(rows).await.expect("staged").into_iter();
        rejected.extend(not_taken.map(|NotTaken { manifest, row, .. }| (manifest, row)));
    }
    let tally = load.tally();
    load.keep(Keeping::default(), at(0)).await.expect("kept");
    (tally, rejected)
}

/// Jobs, attempts, images, a run, a provider and a rejected row that no test is about.
async fn settle_bystanders(queue: &dyn Queue) {
    let outfit = SecondGarment { image: file("by-skirt"), garment: Garment::Lower };
    let busy = JobSpec {
        cloth_type: Some(Garment::Upper),
        second: Some(outfit),
        model: Some(model("kolors-virtual-try-on-v1-5")),
        ..with_priority("by/running", 9)
    };
    let rows = [busy, with_priority("by/done", 8), with_priority("by/cancelled", 7)];
    let mut load = begin_load(queue, "bystanders.csv").await;
    let mut rows: Vec<LoadRow> = (2..).zip(rows).map(|(line, spec)| on_line(line, spec)).collect();
    rows.push(LoadRow::Rejected(rejected_row(9, "by/rejected")));
    assert_eq!(load.add(rows).await.expect("staged"), Vec::new());
    load.keep(Keeping::default(), at(-110)).await.expect("kept");
    let run = queue.begin_run(3, Some(10), ModelName::default(), at(-100)).await.expect("a run");
    let note = |units| Note { units, request_id: Some("by-request".to_owned()), ..Note::of("so it went") };
    let mut moves = vec![
        (-90, Transition::Release { retry_at: None }),
        (-80, Transition::TurnAway { retry_at: at(-75) }),
        (-60, Transition::Accept { task_id: task("by-task-1") }),
        (-50, Transition::Accept { task_id: task("by-task-2") }),
    ]
    .into_iter();
    let mut last = None;
    for (seconds, transition) in moves.by_ref() {
        let claim = queue.claim(run, ExternalTaskId::unique(), Claimant::default(), at(seconds - 1)).await;
        let Ok(Claim::Job(job)) = claim else { panic!("no bystander: {claim:?}") };
        queue.record(job.seq, job.attempt, transition, note(None), at(seconds)).await.expect("a step");
        last = Some(job);
    }
    let done = last.expect("a job");
    assert_eq!(done.spec.id.as_str(), "by/done");
    queue.record(done.seq, done.attempt, Transition::TaskSucceed, note(Some(1.25)), at(-40)).await.expect("a step");
    let images = vec![image(0, "by/done.png"), image(1, "by/done_1.png")];
    queue.publish(done.seq, done.attempt, images, at(-30)).await.expect("published");
    queue.cancel("by/cancelled".to_owned(), at(-20)).await.expect("cancelled");
    queue.learn_external_ids("https://by.example/kling".to_owned(), true).await.expect("a door");
    queue.beat(run, Beat { succeeded: 1, ended: true, ..Beat::default() }, at(-10)).await.expect("a beat");
}

pub(crate) fn rejected_row(line: u64, id: &str) -> RejectedRow {
    RejectedRow {
        line,
        id: id.to_owned(),
        human: "h.png".to_owned(),
        cloth: "c.png".to_owned(),
        column: "human_image".to_owned(),
        reason: "there is no such file".to_owned(),
    }
}

/// What must be true of jobs, attempts and runs together, whatever has happened.
fn check_stories(tables: &Tables) {
    let attempts = &tables["attempts"];
    for job in &tables["jobs"] {
        let present = attempts.iter().find(|a| a["job"] == job["seq"] && a["attempt"] == job["attempt"]);
        let outcome = present.map(|a| a["outcome"].as_str());
        let fits = match (job["state"].as_str(), job["failure_kind"].as_str()) {
            ("failed", "refused" | "invalid_input") => outcome == Some("refused"),
            ("failed", "task_failed" | "no_image") => outcome == Some("task_failed"),
            ("failed", _) => outcome == Some("download_failed"),
            // A person has it made again, whatever there is.
            ("pending" | "cancelled", _) if job["put_back_at"] != "NULL" => {
                !matches!(outcome, Some("submitting" | "in_doubt" | "running" | "downloading"))
            }
            // A person has given up a picture that cannot be had.
            ("cancelled", _) if outcome == Some("download_failed") => true,
            ("pending" | "cancelled", _) => {
                matches!(outcome, None | Some("turned_away" | "refused" | "task_failed" | "doubt_given_up"))
            }
            (state, _) => outcome == Some(state),
        };
        assert!(fits, "attempt and job disagree: {job:#?} {present:#?}");
        for attempt in attempts.iter().filter(|a| a["job"] == job["seq"]) {
            let is_open = matches!(attempt["outcome"].as_str(), "submitting" | "in_doubt" | "running" | "downloading");
            assert_eq!(attempt["ended_at"] == "NULL", is_open, "{attempt:#?}");
            // A task that is shared was accepted for the job that it is shared with.
            let accepted = attempt["task_id"] != "NULL" && attempt["shares"] == "NULL";
            assert_eq!(attempt["accepted_at"] != "NULL", accepted, "{attempt:#?}");
        }
    }
    for run in &tables["runs"] {
        let created_nothing =
            |a: &&Row| matches!(a["outcome"].as_str(), "released" | "turned_away" | "refused") || a["shares"] != "NULL";
        let theirs = attempts.iter().filter(|a| a["run"] == run["run"]);
        let may_exist = theirs.filter(|a| !created_nothing(a)).count();
        assert_eq!(run["spent"], may_exist.to_string(), "a budget counts what exists or may exist: {run:#?}");
    }
}
