//! For tests: a queue with a job in every state, a rejected row among them, and times that never change.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::job::{
    ExternalTaskId, Failure, FailureKind, Garment, ImageRef, ImageSource, JobId, JobSpec, ModelName, SecondGarment,
    StateName, TaskId, Transition,
};
use crate::queue::{
    self, Beat, Claim, Claimant, Keeping, LoadRow, ManifestNames, Note, Opening, Pause, ProviderKind, PublishedImage,
    Queue, QueueReads, RejectedRow, RunId, SlotUse,
};

/// The moment at which the run of the stocked queue began.
pub(crate) const BEGIN: &str = "2026-11-03T13:00:00Z";

/// A queue in a folder of its own, which goes when this is dropped.
pub(crate) struct Stocked {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) path: PathBuf,
    pub(crate) queue: Arc<dyn QueueReads>,
}

/// This many seconds after the run began.
pub(crate) fn after(seconds: i64) -> Timestamp {
    BEGIN.parse::<Timestamp>().expect("a time") + SignedDuration::from_secs(seconds)
}

/// Waits for what reads a queue.
pub(crate) fn wait<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(future)
}

/// A queue that `fill` fills.
pub(crate) fn queue_with(fill: impl AsyncFnOnce(&dyn Queue)) -> Stocked {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("queue.db");
    let queue = wait(async {
        let queue = queue::open(&path, Opening::OrMake).await.expect("a new queue");
        fill(&*queue).await;
        drop(queue);
        queue::at(&path).open_to_read().await.expect("it is there")
    });
    Stocked { folder, path, queue }
}

/// The queue of these tests: run against `provider`, paused, with a job in every state.
pub(crate) fn every_state(provider: ProviderKind) -> Stocked {
    queue_with(async |queue| stock(queue, provider).await)
}

/// A job's row in a manifest.
pub(crate) fn spec(id: &str, priority: i64) -> JobSpec {
    let image = |name: &str| ImageRef {
        written: name.to_owned(),
        source: ImageSource::File(PathBuf::from(format!("/shop/{name}"))),
    };
    let (human, cloth) = id.split_once('/').unwrap_or((id, id));
    JobSpec {
        id: JobId::parse(id).expect("an id"),
        human: image(&format!("{human}.jpg")),
        cloth: image(&format!("{cloth}.png")),
        cloth_type: None,
        second: None,
        model: None,
        keep: crate::job::Keep::ALL,
        priority,
        extra: crate::job::ExtraColumns::default(),
    }
}

/// Loads `specs` from a manifest `shop.csv`, with a row that is rejected before the last of them.
pub(crate) async fn load(queue: &dyn Queue, specs: Vec<JobSpec>) {
    let rejected = RejectedRow {
        line: 9,
        id: "eva/gone".to_owned(),
        human: "eva.jpg".to_owned(),
        cloth: "gone.png".to_owned(),
        column: "cloth_image".to_owned(),
        reason: "no such file".to_owned(),
    };
    let mut rows: Vec<LoadRow> = (2..).zip(specs).map(|(line, spec)| LoadRow::Job { spec, line }).collect();
    rows.insert(rows.len() - 1, LoadRow::Rejected(rejected));
    let mut load = queue.begin_load().await.expect("a load");
    load.begin_manifest(ManifestNames::only("shop.csv")).await.expect("begun");
    assert_eq!(load.add(rows).await.expect("rows that fit"), Vec::new());
    load.keep(Keeping::default(), after(0)).await.expect("kept");
}

async fn stock(queue: &dyn Queue, provider: ProviderKind) {
    let mut outfit = spec("ana/shirt", 9);
    outfit.cloth_type = Some(Garment::Upper);
    outfit.second = Some(SecondGarment { image: spec("x/skirt", 0).cloth, garment: Garment::Lower });
    outfit.model = Some(ModelName::parse("kolors-virtual-try-on-v1-5").expect("a model"));
    let worked_on = ["ana/dress", "=bob/hat", "bob/coat", "bob/shirt", "eva/shirt", "eva/coat", "eva/hat"];
    let mut specs = vec![outfit];
    specs.extend(worked_on.iter().map(|id| spec(id, 5)));
    specs.extend([spec("zoe/shirt", 0), spec("zoe/coat", 0)]);
    load(queue, specs).await;
    queue.bind(provider).await.expect("it is new");
    let run = queue.begin_run(10, None, ModelName::default(), after(0)).await.expect("a run");

    let task = |name: &str| TaskId(name.to_owned());
    let accepted =
        |request: &str| Note { request_id: Some(request.to_owned()), http_status: Some(200), ..Note::default() };
    let mut jobs = Vec::new();
    for number in 1..=8 {
        jobs.push(claim(queue, run, number).await);
    }
    let go = async |job: usize, transition: Transition, note: Note, at: i64| {
        let job = &jobs[job];
        queue.record(job.seq, job.attempt, transition, note, after(at)).await.expect("it is allowed");
    };

    go(0, Transition::Accept { task_id: task("t-1") }, accepted("r-1"), 2).await;
    let paid = Note { units: Some(1.0), ..Note::default() };
    go(0, Transition::TaskSucceed, paid.clone(), 32).await;
    queue.publish(jobs[0].seq, 1, vec![picture("ana/shirt.png")], after(33)).await.expect("it is allowed");

    go(1, Transition::Accept { task_id: task("t-2") }, accepted("r-2"), 3).await;
    let no_human = Failure::of(FailureKind::Task, "there is no human in the video");
    go(1, Transition::TaskFail { failure: no_human.clone() }, Note::of(no_human.message), 20).await;

    let overloaded = Note { code: Some("5000".to_owned()), http_status: Some(500), ..Note::of("internal error") };
    go(2, Transition::TurnAway { retry_at: after(600) }, overloaded, 4).await;
    go(3, Transition::LoseAnswer, Note::of("the answer was cut off"), 64).await;
    go(4, Transition::Accept { task_id: task("t-5") }, accepted("r-5"), 6).await;
    go(5, Transition::Accept { task_id: task("t-6") }, accepted("r-6"), 7).await;
    go(5, Transition::TaskSucceed, paid, 40).await;
    let content = Failure::with_code(FailureKind::Refused, Some(1301), "=content, \"risk\" control");
    let said = Note { code: Some("1301".to_owned()), http_status: Some(400), ..Note::of(content.message.clone()) };
    go(7, Transition::Refuse { failure: content }, said, 9).await;
    queue.cancel("zoe/shirt".to_owned(), after(50)).await.expect("it is pending");
    assert_eq!(queue.counts().await.expect("counts").of(StateName::Submitting), 1);

    let pause = Pause { until: after(4_440), why: "the provider does not answer".to_owned() };
    let slot_time = (Duration::from_secs(1_164), Duration::from_secs(1_200));
    queue
        .beat(
            run,
            Beat { succeeded: 1, slots: SlotUse { limit: 10, time: slot_time }, pause: Some(pause), ..Beat::default() },
            after(120),
        )
        .await
        .expect("the run is there");
}

async fn claim(queue: &dyn Queue, run: RunId, number: u32) -> Box<crate::queue::ActiveJob> {
    let external_id = ExternalTaskId(format!("0198-{number}"));
    match queue.claim(run, external_id, Claimant::default(), after(i64::from(number))).await {
        Ok(Claim::Job(job)) => job,
        other => panic!("no job to claim: {other:?}"),
    }
}

fn picture(path: &str) -> PublishedImage {
    let (path, sha256) = (path.to_owned(), "ab".repeat(32));
    PublishedImage { path, width: 768, height: 1024, bytes: 51_234, sha256, ..PublishedImage::default() }
}
