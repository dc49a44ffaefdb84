//! What a host asks of the queue that it shares while there is no room for it: in virtual time, against the real SQL.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use jiff::Timestamp;
use tokio::time::Instant;
use tryon::ambient;
use tryon::engine::{Clock, Endpoint, InDoubtPolicy, Patience, Resources, RunEnd, RunSettings, SlotCount, run};
use tryon::job::{ExternalTaskId, ModelName, Transition};
use tryon::provider::{
    CreateFate, Download, FetchError, Ids, ListAnswer, Provider, QueryAnswer, ResultHost, Submission,
};
use tryon::queue::{
    self, ActiveJob, Claim, Claimant, HostStart, Keeping, LoadRow, ManifestNames, Note, Opening, Queue,
};
use tryon::store::{OutputTree, Scratch};

use crate::queue::bed::{spec, task};

/// For how long a host is watched.
const WATCHED: Duration = Duration::from_secs(20);

/// Verbs and reads of a host in that time: it looks again after 120 to 240 ms, with some questions each time, and says every
/// few seconds that it lives. One that does not wait would have no end.
const MOST_STEPS: u64 = 2_500;

/// A lease that nobody outlives here.
const LEASE: Duration = Duration::from_secs(3_600);

/// Waited for before and after each step.
type Between = Box<dyn Fn() -> BoxFuture<'static, ()> + Send + Sync>;

/// When it is.
fn noon() -> Timestamp {
    Timestamp::from_second(1_790_000_000).expect("a time")
}

/// A provider that is asked for nothing, because another host has its only slot.
#[derive(Debug)]
struct Nobody;

impl Provider for Nobody {
    fn takes(&self, _: &ModelName) -> bool {
        true
    }

    fn create<'a>(&'a self, submission: Submission<'a>) -> BoxFuture<'a, CreateFate> {
        panic!("{} is submitted without a slot", submission.external_id.0)
    }

    fn largest_question(&self) -> usize {
        1
    }

    fn query<'a>(&'a self, _: Ids<'a>) -> BoxFuture<'a, QueryAnswer> {
        std::future::pending().boxed()
    }

    fn list<'a>(&'a self, _: Option<&'a str>, _: usize) -> BoxFuture<'a, ListAnswer> {
        std::future::pending().boxed()
    }
}

impl ResultHost for Nobody {
    fn fetch<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<Box<dyn Download>, FetchError>> {
        std::future::pending().boxed()
    }
}

/// The time of day, which goes to and fro by an hour from one look to the next, if it is told to: a job that waits for a moment in
/// between is ready at every second look.
#[derive(Debug)]
struct Wavering {
    began: Instant,
    wavers: bool,
    is_later: AtomicBool,
}

impl Clock for Wavering {
    fn now(&self) -> Timestamp {
        let is_later = self.wavers && self.is_later.fetch_xor(true, Relaxed);
        noon() + self.began.elapsed() + Duration::from_secs(if is_later { 3_600 } else { 0 })
    }

    fn since_boot(&self) -> Duration {
        self.began.elapsed()
    }
}

/// The other host, which has the account's only slot, and has given the second job back until half past.
async fn take_the_slot(path: &Path, gives_back: bool) -> Arc<dyn Queue> {
    let queue = queue::open_simulated(path, Box::new(|| Box::pin(async {})), true).expect("the queue");
    let start = HostStart { name: "other".to_owned(), lease: LEASE, ..HostStart::alone() };
    queue.join(start).await.expect("joined");
    let run = queue.begin_run(1, None, ModelName::default(), noon()).await.expect("a run");
    let claim = async || -> ActiveJob {
        let claim = queue.claim(run, ExternalTaskId::unique(), Claimant::default(), noon()).await.expect("a claim");
        let Claim::Job(job) = claim else { panic!("no job: {claim:?}") };
        *job
    };
    let record = async |job: ActiveJob, transition: Transition| {
        queue.record(job.seq, job.attempt, transition, Note::default(), noon()).await.expect("its own");
    };
    record(claim().await, Transition::Accept { task_id: task("a") }).await;
    if gives_back {
        let half_past = noon() + Duration::from_secs(1_800);
        record(claim().await, Transition::Release { retry_at: Some(half_past) }).await;
    }
    queue
}

async fn loaded(path: &Path, ids: &[&str]) {
    let queue = queue::open(path, Opening::OrMake).await.expect("a queue");
    let mut load = queue.begin_load().await.expect("a load");
    load.begin_manifest(ManifestNames::only("jobs.csv")).await.expect("begun");
    let rows = (2..).zip(ids).map(|(line, id)| LoadRow::Job { spec: spec(id), line });
    load.add(rows.collect()).await.expect("staged");
    load.keep(Keeping::default(), noon()).await.expect("kept");
}

/// A run beside a host that has job `a` at the provider, whose every task takes the only slot; `None` where it has not ended after
/// `watched`. It waits for `between` at each step.
async fn run_beside_another(
    path: &Path,
    clock: Wavering,
    between: Between,
    task_timeout: Duration,
    watched: Duration,
) -> Option<RunEnd> {
    let endpoint = Endpoint {
        provider: Arc::new(Nobody),
        account: None,
        other_form: None,
        name: "nobody".to_owned(),
        model: ModelName::default(),
        price: None,
        callbacks: None,
        slots: SlotCount::AtMost(1),
        rate_per_second: Some(1_000.0),
        poll_rate_per_second: Some(1_000.0),
    };
    let second = Duration::from_secs(1);
    let settings = RunSettings {
        poll_interval: second,
        downloads: 1,
        max_attempts: 5,
        task_timeout,
        inputs: None,
        fit_images: false,
        dedupe: false,
        min_result_px: 0,
        in_doubt: InDoubtPolicy::Hold,
        budget: None,
        reach_patience: LEASE,
        doubt_interval: second,
        doubt_age: second,
        max_in_doubt: 50,
        patience: Patience::default(),
    };
    let resources = Resources {
        queue: queue::open_simulated(path, between, true).expect("the queue"),
        accounts: vec![endpoint],
        results: Arc::new(Nobody),
        tree: OutputTree::create(&path.with_file_name("out")).expect("the tree"),
        scratch: Scratch::new(path.with_file_name("pictures")),
        links: None,
        clock: Arc::new(clock),
        host: HostStart { name: "this".to_owned(), lease: LEASE, ..HostStart::alone() },
    };
    let ended = tokio::time::timeout(watched, run(resources, settings, Default::default(), |_| {})).await;
    ended.ok().map(|outcome| outcome.expect("a run").end)
}

/// How many steps a run takes beside a host that has the only slot. `wavers`: it believes that a job is ready when it claims, and
/// not when it looks for one.
async fn steps_without_room(wavers: bool) -> u64 {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("queue.db");
    loaded(&path, &["a", "b"]).await;
    ambient::simulate_on_this_thread(Some(1));
    tokio::time::pause();
    let _other = take_the_slot(&path, wavers).await;
    let steps = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&steps);
    // One step too many is never answered, so that time goes on.
    let between = move || -> BoxFuture<'static, ()> {
        if counted.fetch_add(1, Relaxed) < MOST_STEPS { async {}.boxed() } else { std::future::pending().boxed() }
    };
    let clock = Wavering { began: Instant::now(), wavers, is_later: false.into() };
    let ended = run_beside_another(&path, clock, Box::new(between), LEASE, WATCHED).await;
    ambient::simulate_on_this_thread(None);
    assert!(ended.is_none(), "it does not wait for room: {ended:?}");
    steps.load(Relaxed)
}

#[tokio::test]
async fn a_host_with_nothing_left_waits_for_what_others_have_at_work_as_long_as_a_task_may_take() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("queue.db");
    loaded(&path, &["a"]).await;
    ambient::simulate_on_this_thread(Some(1));
    tokio::time::pause();
    let _other = take_the_slot(&path, false).await;
    let (began, task_timeout) = (Instant::now(), Duration::from_secs(60));
    let clock = Wavering { began, wavers: false, is_later: false.into() };
    let between = Box::new(|| -> BoxFuture<'static, ()> { async {}.boxed() });
    let ended = run_beside_another(&path, clock, between, task_timeout, task_timeout * 5).await;
    ambient::simulate_on_this_thread(None);
    assert_eq!(ended, Some(RunEnd::Done), "both would wait for each other for ever");
    let took = began.elapsed();
    assert!((task_timeout..task_timeout + Duration::from_secs(5)).contains(&took), "{took:?}");
}

#[tokio::test]
async fn a_host_that_finds_no_room_looks_again_some_times_a_second_at_most() {
    let steps = steps_without_room(false).await;
    assert!((100..MOST_STEPS).contains(&steps), "{steps} steps in {WATCHED:?}");
}

#[tokio::test]
async fn a_host_whose_claim_is_refused_for_want_of_room_waits_before_it_claims_again() {
    let steps = steps_without_room(true).await;
    assert!((100..MOST_STEPS).contains(&steps), "{steps} steps in {WATCHED:?}");
}
