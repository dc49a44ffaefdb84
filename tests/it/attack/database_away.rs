//! The queue's database cannot be reached: at a start, in the middle of a run, and when the run is told to end. Or it was reached, and
//! its answer was not.

#![cfg(unix)]

use std::time::{Duration, Instant};

use crate::support::postgres::Postgres;
use crate::support::provider::{Kind, OnCreate, Provider, Script, Seen};
use crate::support::way::Way;
use crate::support::workshop::{Ended, Going, Workshop};

/// A run whose queue is behind a way that can be cut.
struct Scene {
    shop: Workshop,
    provider: Provider,
    way: Way,
    url: String,
}

impl Scene {
    /// `None` where this machine has no PostgreSQL.
    fn new(jobs: usize, script: Script) -> Option<Self> {
        let server = Postgres::server()?;
        let database = server.database();
        let way = Way::to(server.port());
        let url = format!("postgres://tryon@127.0.0.1:{}/{database}?sslmode=disable", way.port());
        Some(Self { shop: Workshop::new(jobs), provider: Provider::start(script), way, url })
    }

    fn start(&self) -> Going {
        let mut command = self.shop.command(&self.provider, &["run", "jobs.csv", "--inputs", "."]);
        command.env("TRYON_QUEUE", &self.url).env("TRYON_HOST", "one").env("TRYON_STATE_DIR", self.shop.file("state"));
        command.env("TRYON_DOUBT_AGE", "1s");
        self.shop.begin(command)
    }
}

/// Whether a shell would say 143.
fn is_terminated(ended: &Ended) -> bool {
    use std::os::unix::process::ExitStatusExt as _;
    ended.status.code() == Some(143) || ended.status.signal() == Some(15)
}

fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !is_so() {
        assert!(Instant::now() < deadline, "{what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_start_says_that_it_waits_for_the_database_and_goes_on_when_it_is_there() {
    let Some(scene) = Scene::new(3, Script::default()) else { return };
    scene.way.cut();
    let run = scene.start();
    until("it says that it waits", || run.said().contains("is waited for, 2 minutes at most"));
    assert!(scene.provider.books().requests.is_empty());
    scene.way.mend();
    let ended = run.end();
    ended.assert_code(0);
    assert!(ended.said.contains("can be reached"), "{}", ended.said);
    scene.shop.assert_no_double_charge(&scene.provider);
}

#[test]
fn a_start_that_waits_for_the_database_ends_at_once_when_it_is_told_to() {
    let Some(scene) = Scene::new(1, Script::default()) else { return };
    scene.way.cut();
    let run = scene.start();
    until("it says that it waits", || run.said().contains("is waited for"));
    let began = Instant::now();
    run.signal("TERM");
    let ended = run.end();
    // Nothing is under way, so the signal's usual effect is right.
    assert!(is_terminated(&ended), "{ended:?}");
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
}

#[test]
fn a_run_that_is_told_to_end_while_its_database_is_away_ends_soon_and_as_one_that_was_told_to() {
    let Some(scene) = Scene::new(6, Script { task_time: Duration::from_secs(600), ..Script::default() }) else {
        return;
    };
    let run = scene.start();
    scene.provider.wait_until("tasks", |books| books.tasks.len() == 6);
    scene.way.cut();
    until("it says that it waits", || run.said().contains("cannot be reached, and is waited for"));
    let began = Instant::now();
    run.signal("TERM");
    let ended = run.end();
    ended.assert_code(143);
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}: {}", began.elapsed(), ended.said);
    assert!(ended.said.contains("what is done is safe"), "{}", ended.said);
}

#[test]
fn a_claim_that_was_committed_and_never_answered_is_found_by_its_name_and_its_job_is_sent_once() {
    let Some(scene) = Scene::new(12, Script::default()) else { return };
    scene.way.lose_commits_of("INSERT INTO tryon.attempts AS t", 3);
    let ended = scene.start().end();
    ended.assert_code(0);
    assert_eq!(scene.way.commits_to_lose(), 0, "{}", ended.said);
    assert_eq!(scene.provider.books().creates().len(), 12, "none came to be in doubt: {}", ended.said);
    scene.shop.assert_no_double_charge(&scene.provider);
}

#[test]
fn a_job_that_is_being_sent_again_without_a_worker_comes_to_be_in_doubt_once_more_and_is_made() {
    let never = Duration::from_secs(3_600);
    let script = Script {
        on_create: Box::new(move |seen| match (seen.job.as_str(), seen.nth_of_job) {
            ("job-002", 1) => OnCreate::TakeLate(never),
            _ => OnCreate::Take,
        }),
        ..Script::default()
    };
    let Some(scene) = Scene::new(6, script) else { return };
    // Only what is sent again asks whose budget it was.
    scene.way.lose_commits_of("SELECT run FROM tryon.attempts WHERE job", 1);
    let ended = scene.start().end();
    ended.assert_code(0);
    assert_eq!(scene.way.commits_to_lose(), 0, "{}", ended.said);
    let of_job = |seen: &&&Seen| matches!(&seen.kind, Kind::Create { job: Some(job), .. } if job == "job-002");
    let creates = scene.provider.books().creates().iter().filter(of_job).count();
    assert_eq!(creates, 2, "{}", ended.said);
    scene.shop.assert_no_double_charge(&scene.provider);
}
