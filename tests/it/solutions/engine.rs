//! The engine with this form's client: what it costs in requests, and what becomes of lost answers.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::future::BoxFuture;
use tryon::engine::{Endpoint, InDoubtPolicy, Patience, Resources, RunEnd, RunSettings, SlotCount, SystemClock, run};
use tryon::job::{Keep, ModelName};
use tryon::provider::{
    CreateFate, HttpResultHost, Ids, ListAnswer, Provider, QueryAnswer, SandboxShelf, SolutionsProvider, Submission,
    Timeouts,
};
use tryon::queue::{self, Opening};
use tryon::store::{OutputTree, Scratch};
use tryon_sandbox::{Latency, Sandbox, SandboxConfig};

use super::books::{manifest, tasks};
use crate::support::workshop::LONGEST_RUN;

const SECOND: Duration = Duration::from_secs(1);

/// Counts what is asked of a client.
#[derive(Debug)]
struct Counting {
    client: SolutionsProvider,
    questions: AtomicUsize,
    tasks_asked_about: AtomicUsize,
    pages: AtomicUsize,
    /// What each create asked to be kept.
    kept: Mutex<Vec<Keep>>,
}

impl Provider for Counting {
    fn takes(&self, model: &ModelName) -> bool {
        self.client.takes(model)
    }

    fn create<'a>(&'a self, submission: Submission<'a>) -> BoxFuture<'a, CreateFate> {
        self.kept.lock().expect("whole").push(submission.keep);
        self.client.create(submission)
    }

    fn largest_question(&self) -> usize {
        self.client.largest_question()
    }

    fn query<'a>(&'a self, ids: Ids<'a>) -> BoxFuture<'a, QueryAnswer> {
        let about = match ids {
            Ids::Tasks(ids) => ids.len(),
            Ids::External(_) => 1,
        };
        assert!((1..=20).contains(&about), "{about} tasks in one question");
        self.questions.fetch_add(1, Relaxed);
        self.tasks_asked_about.fetch_add(about, Relaxed);
        self.client.query(ids)
    }

    fn list<'a>(&'a self, from: Option<&'a str>, size: usize) -> BoxFuture<'a, ListAnswer> {
        self.pages.fetch_add(1, Relaxed);
        self.client.list(from, size)
    }
}

/// What a run came to.
struct Lived {
    end: RunEnd,
    succeeded: u64,
    counted: Arc<Counting>,
}

/// Loads `count` pairs, and works them at a stand-in with this many slots.
async fn live(folder: &Path, count: usize, slots: usize, config: SandboxConfig) -> Lived {
    manifest(folder, count, "", |_| String::new());
    live_with(folder, &[], slots, config).await
}

/// The same with the manifest that is there, loaded with more arguments.
async fn live_with(folder: &Path, more: &[&str], slots: usize, config: SandboxConfig) -> Lived {
    let mut load = std::process::Command::new(env!("CARGO_BIN_EXE_tryon"));
    load.current_dir(folder).env_clear().args([
        "load",
        "jobs.csv",
        "-o",
        "out",
        "--sandbox",
        "--model",
        ModelName::THREE,
    ]);
    let loaded = load.args(more).output().expect("the program runs");
    assert!(loaded.status.success(), "{}", String::from_utf8_lossy(&loaded.stderr));

    let config = SandboxConfig { state_dir: Some(folder.join("state")), concurrency_cap: slots, ..config };
    let sandbox = Sandbox::start(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), config).await.expect("a stand-in");
    let timeouts = Timeouts { connect: SECOND * 5, idle: SECOND * 5, request: SECOND * 5 };
    let client =
        SolutionsProvider::new(&sandbox.kling_url(), "k-123456789".to_owned().into(), timeouts).expect("a client");
    let counted = Arc::new(Counting {
        client,
        questions: AtomicUsize::new(0),
        tasks_asked_about: AtomicUsize::new(0),
        pages: AtomicUsize::new(0),
        kept: Mutex::default(),
    });
    let endpoint = Endpoint {
        provider: Arc::clone(&counted) as Arc<dyn Provider>,
        other_form: None,
        name: "solutions".to_owned(),
        callbacks: None,
        slots: SlotCount::AtMost(slots),
        rate_per_second: Some(500.0),
        poll_rate_per_second: Some(500.0),
        account: None,
        model: ModelName::parse(ModelName::THREE).expect("a model"),
        price: None,
    };
    let resources = Resources {
        queue: queue::open(&folder.join("out/queue.db"), Opening::Existing).await.expect("the queue"),
        accounts: vec![endpoint],
        results: Arc::new(HttpResultHost::new(timeouts).expect("a client")),
        tree: OutputTree::create(&folder.join("out")).expect("the tree"),
        scratch: Scratch::new(folder.join("made")),
        links: Some(Arc::new(SandboxShelf::new(&sandbox.kling_url(), timeouts).expect("a shelf"))),
        clock: Arc::new(SystemClock),
        host: tryon::queue::HostStart::alone(),
    };
    let ended = tokio::time::timeout(LONGEST_RUN, run(resources, settings(), Default::default(), |_| {})).await;
    let outcome = ended.expect("it ends").expect("the machine is well");
    sandbox.stop().await;
    Lived { end: outcome.end, succeeded: outcome.succeeded, counted }
}

fn settings() -> RunSettings {
    RunSettings {
        poll_interval: Duration::from_millis(100),
        downloads: 8,
        max_attempts: 5,
        task_timeout: SECOND * 60,
        in_doubt: InDoubtPolicy::Hold,
        budget: None,
        inputs: None,
        fit_images: false,
        dedupe: false,
        min_result_px: 0,
        reach_patience: SECOND * 60,
        doubt_interval: SECOND / 2,
        doubt_age: SECOND,
        max_in_doubt: 50,
        patience: Patience::default(),
    }
}

fn of_two_seconds() -> SandboxConfig {
    let latency = Latency::LogNormal { mean: SECOND * 2, sigma: 0.3 };
    SandboxConfig { latency, result_long_side_px: 64, ..SandboxConfig::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn many_tasks_in_flight_cost_at_most_one_question_a_job() {
    let folder = tempfile::tempdir().expect("a folder");
    let config = SandboxConfig { list_endpoint: false, ..of_two_seconds() };
    let lived = live(folder.path(), 150, 50, config).await;
    assert_eq!((&lived.end, lived.succeeded), (&RunEnd::Done, 150));
    let (questions, about) = (lived.counted.questions.load(Relaxed), lived.counted.tasks_asked_about.load(Relaxed));
    // The few that learn about external ids and the list are on top.
    assert!(questions <= 150 + 10, "{questions} questions about {about} tasks");
    assert!(about >= questions * 3, "{questions} questions about {about} tasks: not together");
    assert_eq!(tasks(&folder.path().join("state")), (150, 150));
}

#[tokio::test(flavor = "multi_thread")]
async fn more_tasks_than_a_question_is_about_are_listed_for_less() {
    let folder = tempfile::tempdir().expect("a folder");
    let lived = live(folder.path(), 150, 50, of_two_seconds()).await;
    assert_eq!((&lived.end, lived.succeeded), (&RunEnd::Done, 150));
    let (questions, pages) = (lived.counted.questions.load(Relaxed), lived.counted.pages.load(Relaxed));
    assert!(pages > 0 && questions + pages <= 150, "{questions} questions, {pages} pages");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_row_keeps_reaches_the_provider_and_else_what_the_options_keep() {
    let folder = tempfile::tempdir().expect("a folder");
    let face = |number: usize| if number == 0 { ",false".to_owned() } else { ",".to_owned() };
    manifest(folder.path(), 2, ",keep_face", face);
    let config = SandboxConfig { latency: Latency::Fixed(SECOND / 10), ..of_two_seconds() };
    let lived = live_with(folder.path(), &["--keep-background=false"], 1, config).await;
    assert_eq!((&lived.end, lived.succeeded), (&RunEnd::Done, 2));
    let face_changes = Keep { face: false, pose: true, background: false };
    assert_eq!(*lived.counted.kept.lock().expect("whole"), [face_changes, Keep { face: true, ..face_changes }]);
}

#[tokio::test(flavor = "multi_thread")]
async fn lost_answers_are_settled_by_our_own_ids_and_nothing_is_paid_twice() {
    let folder = tempfile::tempdir().expect("a folder");
    let config = SandboxConfig { lost_answers: 0.3, latency: Latency::Fixed(SECOND / 2), ..of_two_seconds() };
    let lived = live(folder.path(), 30, 10, config).await;
    assert_eq!((&lived.end, lived.succeeded), (&RunEnd::Done, 30));
    assert_eq!(tasks(&folder.path().join("state")), (30, 30));
}

#[tokio::test(flavor = "multi_thread")]
async fn tasks_that_are_too_young_to_be_found_are_asked_about_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let config = SandboxConfig { faults: vec!["fresh-unknown".parse().expect("a fault")], ..of_two_seconds() };
    let lived = live(folder.path(), 10, 5, config).await;
    assert_eq!((&lived.end, lived.succeeded), (&RunEnd::Done, 10));
    assert_eq!(tasks(&folder.path().join("state")), (10, 10));
}
