//! Hosts that share a queue: what one may take of another, and what only a proof of its death allows.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::BoxFuture;
use tempfile::TempDir;

use tryon::job::{ExternalTaskId, JobState, ModelName, StateName, Transition};
use tryon::queue::{
    self, ActiveJob, Beat, Claim, Claimant, Doubt, Epoch, Holder, HostStart, HostState, Keeping, LoadRow,
    ManifestNames, NoRoom, Note, Opening, Queue, QueueError, Resubmission, Room, RunId, SlotUse,
};

use super::bed::{at, spec, task};
use crate::support::postgres::Postgres;

/// A lease that nobody outlives within a test, and one that ends in it.
pub(super) const LONG: Duration = Duration::from_secs(600);
const SHORT: Duration = Duration::from_millis(60);

/// A queue that hosts share.
pub(super) struct Ground {
    _folder: TempDir,
    open: Box<dyn Fn() -> BoxFuture<'static, Arc<dyn Queue>>>,
    /// Whether the runs of all living hosts are told as one.
    tells_all_runs: bool,
}

/// A host at work on it.
pub(super) struct Host {
    pub(super) queue: Arc<dyn Queue>,
    epoch: Epoch,
    run: RunId,
}

/// Runs a test on each kind of queue that hosts can share, with this many jobs in it.
pub(super) async fn on_every_shared_queue(jobs: usize, test: impl AsyncFn(&Ground)) {
    on_a_shared_queue(sqlite().await, jobs, &test).await;
    if let Some(ground) = postgres().await {
        on_a_shared_queue(ground, jobs, &test).await;
    }
}

async fn on_a_shared_queue(ground: Ground, jobs: usize, test: &impl AsyncFn(&Ground)) {
    let queue = (ground.open)().await;
    let mut load = queue.begin_load().await.expect("a load");
    load.begin_manifest(ManifestNames::only("jobs.csv")).await.expect("begun");
    let row = |number: usize| LoadRow::Job { spec: spec(&format!("j{number}")), line: number as u64 + 2 };
    load.add((0..jobs).map(row).collect()).await.expect("rows");
    load.keep(Keeping::default(), at(0)).await.expect("kept");
    test(&ground).await;
}

/// SQLite as it is in a simulation: the rules of hosts are the same everywhere.
async fn sqlite() -> Ground {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("queue.db");
    drop(queue::open(&path, Opening::OrMake).await.expect("a queue"));
    let open = move || -> BoxFuture<'static, Arc<dyn Queue>> {
        let between = Box::new(|| -> BoxFuture<'static, ()> { Box::pin(async {}) });
        let queue = queue::open_simulated(&path, between, true).expect("a queue");
        Box::pin(async move { queue })
    };
    Ground { _folder: folder, open: Box::new(open), tells_all_runs: false }
}

/// A real one, by a handle for each host.
async fn postgres() -> Option<Ground> {
    let server = Postgres::server()?;
    let location = server.location(&server.database());
    let open = move || -> BoxFuture<'static, Arc<dyn Queue>> {
        let site = queue::at(&location);
        Box::pin(async move { site.open(Opening::OrMake).await.expect("a queue") })
    };
    Some(Ground { _folder: tempfile::tempdir().expect("a folder"), open: Box::new(open), tells_all_runs: true })
}

fn start(name: &str, lease: Duration) -> HostStart {
    HostStart { name: name.to_owned(), lease, ..HostStart::alone() }
}

/// A start with what proves the death of an earlier one.
fn start_on(name: &str, boot: &str, lock: &str) -> HostStart {
    HostStart {
        machine: Some("machine".to_owned()),
        boot: Some(boot.to_owned()),
        lock: Some(lock.to_owned()),
        ..start(name, Duration::from_secs(1))
    }
}

impl Ground {
    pub(super) async fn host(&self, name: &str, lease: Duration) -> Host {
        self.begin(start(name, lease)).await.expect("it joins")
    }

    async fn begin(&self, start: HostStart) -> Result<Host, QueueError> {
        let queue = (self.open)().await;
        let epoch = queue.join(start).await?;
        let run = queue.begin_run(10, None, ModelName::default(), at(0)).await?;
        Ok(Host { queue, epoch, run })
    }
}

impl Host {
    pub(super) async fn ask(&self, room: Option<Room>) -> Result<Claim, QueueError> {
        let by = Claimant { room, ..Claimant::default() };
        self.queue.claim(self.run, ExternalTaskId::unique(), by, at(1)).await
    }

    pub(super) async fn claim(&self) -> ActiveJob {
        match self.ask(None).await.expect("a claim") {
            Claim::Job(job) => *job,
            other => panic!("no job: {other:?}"),
        }
    }

    async fn claims(&self, slots: u32) -> Option<NoRoom> {
        match self.ask(Some(Room { slots, parked: 0, max_in_doubt: 100 })).await.expect("a claim") {
            Claim::Job(_) => None,
            Claim::NoRoom(lack) => Some(lack),
            other => panic!("neither a job nor no room: {other:?}"),
        }
    }

    async fn record(&self, job: &ActiveJob, transition: Transition) -> Result<JobState, QueueError> {
        self.queue.record(job.seq, job.attempt, transition, Note::default(), at(2)).await
    }

    pub(super) async fn accept(&self, job: &ActiveJob, name: &str) {
        self.record(job, Transition::Accept { task_id: task(name) }).await.expect("accepted");
    }

    async fn take_up(&self) -> Vec<ActiveJob> {
        let states = [StateName::InDoubt, StateName::Running, StateName::Downloading];
        self.queue.take_up(&states, 100, at(3)).await.expect("taken up")
    }

    /// Takes up until there is something: another host's lease has to end first.
    async fn take_up_in_time(&self) -> Vec<ActiveJob> {
        let began = Instant::now();
        loop {
            let jobs = self.take_up().await;
            if !jobs.is_empty() {
                return jobs;
            }
            assert!(began.elapsed() < Duration::from_secs(20), "nothing is taken up");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    async fn state_of(&self, epoch: Epoch) -> HostState {
        let hosts = self.queue.hosts().await.expect("hosts");
        hosts.iter().find(|host| host.epoch == epoch).expect("the host").state
    }
}

fn is_stale<T>(result: Result<T, QueueError>) -> bool {
    matches!(result, Err(QueueError::Stale { .. }))
}

#[tokio::test]
async fn a_living_hosts_jobs_are_nobody_elses() {
    on_every_shared_queue(2, async |ground| {
        let (one, other) = (ground.host("one", LONG).await, ground.host("other", LONG).await);
        let job = one.claim().await;
        assert!(other.take_up().await.is_empty());
        assert!(is_stale(other.record(&job, Transition::Accept { task_id: task("t") }).await));
        assert!(is_stale(other.queue.confirm(job.seq, job.attempt).await));
        one.queue.confirm(job.seq, job.attempt).await.expect("its own");
        one.accept(&job, "t").await;
        assert!(other.take_up().await.is_empty());
        assert!(is_stale(other.record(&job, Transition::TaskSucceed).await));
        one.record(&job, Transition::TaskSucceed).await.expect("its own");
    })
    .await;
}

#[tokio::test]
async fn tasks_of_a_silent_host_are_taken_over_and_its_word_about_them_counts_no_more() {
    on_every_shared_queue(1, async |ground| {
        let (silent, other) = (ground.host("silent", SHORT).await, ground.host("other", LONG).await);
        let job = silent.claim().await;
        silent.accept(&job, "t").await;
        let taken = other.take_up_in_time().await;
        assert_eq!(taken.len(), 1);
        assert_eq!((taken[0].holder, taken[0].state.name()), (Holder::Ours, StateName::Running));
        assert_eq!(other.state_of(silent.epoch).await, HostState::Lapsed);
        assert!(is_stale(silent.record(&job, Transition::TaskSucceed).await), "it woke too late");
        assert!(matches!(silent.queue.renew().await, Err(QueueError::LeaseLost)), "a lapsed epoch is never renewed");
        assert!(matches!(silent.ask(None).await, Err(QueueError::LeaseLost)));
        other.record(&job, Transition::TaskSucceed).await.expect("its own now");
    })
    .await;
}

#[tokio::test]
async fn what_a_silent_host_was_submitting_is_in_doubt_and_is_sent_again_by_nobody_else() {
    on_every_shared_queue(1, async |ground| {
        let (silent, other) = (ground.host("silent", SHORT).await, ground.host("other", LONG).await);
        let job = silent.claim().await;
        let taken = other.take_up_in_time().await;
        assert_eq!((taken[0].holder, taken[0].state.name()), (Holder::Lapsed, StateName::InDoubt));
        assert!(is_stale(other.queue.submit_again(other.run, Doubt::about(&job), at(4)).await));
        for transition in [Transition::GiveUpDoubt, Transition::Release { retry_at: None }] {
            assert!(is_stale(other.record(&job, transition).await));
        }
        // It comes to life, and its request has been answered: that is still true.
        silent.accept(&job, "t").await;
        assert_eq!(other.take_up().await[0].state.name(), StateName::Running);
    })
    .await;
}

#[tokio::test]
async fn a_task_that_is_found_for_a_silent_host_is_the_finders() {
    on_every_shared_queue(1, async |ground| {
        let (silent, other) = (ground.host("silent", SHORT).await, ground.host("other", LONG).await);
        let job = silent.claim().await;
        other.take_up_in_time().await;
        other.accept(&job, "found").await;
        assert!(is_stale(silent.record(&job, Transition::Accept { task_id: task("found") }).await));
        other.record(&job, Transition::TaskSucceed).await.expect("its own");
    })
    .await;
}

#[tokio::test]
async fn a_goodbye_and_a_persons_word_let_others_submit_again() {
    on_every_shared_queue(3, async |ground| {
        let other = ground.host("other", LONG).await;
        let polite = ground.host("polite", LONG).await;
        let job = polite.claim().await;
        polite.record(&job, Transition::LoseAnswer).await.expect("in doubt");
        assert!(other.take_up().await.is_empty(), "it lives");
        polite.queue.leave().await.expect("goodbye");
        assert_eq!(other.take_up().await[0].holder, Holder::Gone);
        let again = other.queue.submit_again(other.run, Doubt::about(&job), at(4)).await.expect("allowed");
        assert!(matches!(again, Resubmission::Job(JobState::Submitting { .. })), "{again:?}");
        other.accept(&job, "t").await;

        let silent = ground.host("silent", SHORT).await;
        let job = silent.claim().await;
        let is_doubt = |jobs: &[ActiveJob]| jobs.iter().find(|taken| taken.seq == job.seq).map(|taken| taken.holder);
        let began = Instant::now();
        while is_doubt(&other.take_up().await) != Some(Holder::Lapsed) {
            assert!(began.elapsed() < Duration::from_secs(20), "it does not lapse");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        assert_eq!(other.queue.forget_host("silent".to_owned()).await.expect("forgotten"), 1);
        assert_eq!(is_doubt(&other.take_up().await), Some(Holder::Gone));
        assert!(matches!(other.queue.forget_host("silent".to_owned()).await, Err(QueueError::NoSuchHost(_))));
        // A container that was made again under the name of one that is gone.
        let gone = ground.host("container", SHORT).await;
        gone.claim().await;
        let began = Instant::now();
        while gone.state_of(gone.epoch).await == HostState::Live {
            assert!(began.elapsed() < Duration::from_secs(20), "its lease does not end");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let _again = ground.host("container", LONG).await;
        assert_eq!(other.queue.forget_host("container".to_owned()).await.expect("the one that is gone"), 1);
        let lives = other.queue.forget_host("other".to_owned()).await;
        assert!(matches!(lives, Err(QueueError::HostAtWork { .. })), "{lives:?}");
    })
    .await;
}

#[tokio::test]
async fn a_start_proves_the_death_of_an_earlier_one_by_its_lock_or_a_boot_and_never_by_a_name() {
    on_every_shared_queue(1, async |ground| {
        let other = ground.host("other", LONG).await;
        let first = ground.begin(start_on("web", "boot-1", "lock-1")).await.expect("it joins");
        let job = first.claim().await;
        let refused = ground.begin(start_on("web", "boot-1", "lock-2")).await.err();
        assert!(matches!(refused, Some(QueueError::HostAtWork { .. })), "its heartbeat is fresh: {refused:?}");
        other.take_up_in_time().await;
        // The name, without the lock: another machine of that name, or the file was made again beside a stopped process.
        let second = ground.begin(start_on("web", "boot-1", "lock-2")).await.expect("the first is silent");
        assert_eq!(other.state_of(first.epoch).await, HostState::Lapsed);
        assert!(is_stale(second.queue.submit_again(second.run, Doubt::about(&job), at(4)).await));
        // The same lock on the same boot.
        second.queue.leave().await.expect("goodbye");
        let third = ground.begin(start_on("web", "boot-1", "lock-1")).await.expect("it joins");
        assert_eq!(third.take_up().await[0].holder, Holder::Gone);
        let again = third.queue.submit_again(third.run, Doubt::about(&job), at(4)).await.expect("allowed");
        assert!(matches!(again, Resubmission::Job(_)), "{again:?}");
        third.record(&job, Transition::LoseAnswer).await.expect("in doubt");
        // Another boot: also what ran under another name is gone.
        let rebooted = ground.begin(start_on("renamed", "boot-2", "lock-3")).await.expect("it joins");
        assert_eq!(rebooted.take_up().await[0].holder, Holder::Gone);
        // A machine that cannot be told proves nothing by a boot.
        let unknown =
            ground.begin(HostStart { machine: None, ..start_on("x", "boot-3", "lock-4") }).await.expect("it joins");
        assert_ne!(unknown.state_of(rebooted.epoch).await, HostState::Dead(queue::Death::Reboot));
    })
    .await;
}

#[tokio::test]
async fn slots_hold_over_all_hosts_and_are_shared_where_both_want_them() {
    on_every_shared_queue(20, async |ground| {
        let one = ground.host("one", LONG).await;
        let mut jobs = 0;
        while one.claims(6).await.is_none() {
            jobs += 1;
        }
        assert_eq!(jobs, 6, "nobody else wants any");
        let other = ground.host("other", LONG).await;
        assert_eq!(other.claims(6).await, Some(NoRoom::Slots { elsewhere: 6 }));
        let first = one.take_up().await;
        assert!(first.is_empty(), "what it submits is with its workers");
        // One slot gets free: it is the other host's, which has less than its share.
        let job = other.queue.active(&[StateName::Submitting], 1).await.expect("a read").remove(0);
        one.record(&job, Transition::Refuse { failure: super::bed::failure(tryon::job::FailureKind::Refused) })
            .await
            .expect("refused");
        assert_eq!(one.claims(6).await, Some(NoRoom::Slots { elsewhere: 0 }));
        assert_eq!(other.claims(6).await, None);
        let full = other.ask(Some(Room { slots: 100, parked: 0, max_in_doubt: 6 })).await.expect("a claim");
        assert!(matches!(full, Claim::NoRoom(NoRoom::Doubt)), "{full:?}");
    })
    .await;
}

#[tokio::test]
async fn who_was_cut_off_itself_lets_nobody_lapse_before_it_could_hear_of_them() {
    on_every_shared_queue(1, async |ground| {
        let silent = ground.host("silent", Duration::from_secs(2)).await;
        silent.claim().await;
        // Both were cut off from the queue for longer than the lease; this one is back first.
        let back = ground.host("back", Duration::from_secs(1)).await;
        let began = Instant::now();
        while back.state_of(silent.epoch).await != HostState::Overdue {
            assert!(began.elapsed() < Duration::from_secs(20), "its lease does not end");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        back.queue.renew().await.expect("nobody has let it lapse");
        assert!(back.take_up().await.is_empty(), "it was cut off itself");
        silent.queue.renew().await.expect("it is back as well");
        assert_eq!(back.state_of(silent.epoch).await, HostState::Live);
    })
    .await;
}

#[tokio::test]
async fn runs_of_hosts_that_live_are_told_as_one() {
    on_every_shared_queue(0, async |ground| {
        let (one, other) = (ground.host("one", LONG).await, ground.host("other", LONG).await);
        for (host, succeeded) in [(&one, 3), (&other, 4)] {
            let slots = SlotUse { limit: 5, ..SlotUse::default() };
            let beat = Beat { succeeded, slots, ..Beat::default() };
            host.queue.beat(host.run, beat, at(5)).await.expect("a heartbeat");
        }
        let told = one.queue.last_run().await.expect("an answer").expect("a run");
        // A simulated queue tells of the last run alone.
        let (hosts, succeeded) = if ground.tells_all_runs { (2, 7) } else { (1, 4) };
        assert_eq!((told.hosts, told.succeeded, told.slots, told.ended_at), (hosts, succeeded, 5, None));
        other.queue.leave().await.expect("goodbye");
        let told = one.queue.last_run().await.expect("an answer").expect("a run");
        assert_eq!(told.hosts, 1);
    })
    .await;
}

#[tokio::test]
async fn turns_of_a_kind_are_spread_over_all_hosts() {
    on_every_shared_queue(0, async |ground| {
        let (one, other) = (ground.host("one", LONG).await, ground.host("other", LONG).await);
        let began = Instant::now();
        let mut last = Duration::ZERO;
        for turn in 0..10_u32 {
            let host = if turn % 2 == 0 { &one } else { &other };
            let before = began.elapsed();
            let wait = host.queue.turn("creates".to_owned(), 5.0).await.expect("a turn");
            // Nobody knows when in between it was given.
            let (earliest, latest) = (before + wait, began.elapsed() + wait);
            assert!(turn == 0 || latest - last >= Duration::from_millis(195), "{turn}: {latest:?} after {last:?}");
            last = earliest;
        }
        assert!(began.elapsed() > Duration::from_millis(1_600) || last >= Duration::from_millis(1_600), "{last:?}");
        let another = one.queue.turn("queries".to_owned(), 5.0).await.expect("a turn");
        assert_eq!(another, Duration::ZERO, "another kind has turns of its own");
    })
    .await;
}

#[tokio::test]
async fn a_run_that_has_a_queue_for_itself_is_the_end_of_every_earlier_one() {
    let folder = tempfile::tempdir().expect("a folder");
    let queue = queue::open(&folder.path().join("queue.db"), Opening::OrMake).await.expect("a queue");
    assert!(!queue.is_shared());
    let first = queue.join(start("laptop", LONG)).await.expect("it joins");
    let second = queue.join(start("laptop", LONG)).await.expect("the lock of the file is proof");
    assert!(second > first);
    assert_eq!(queue.hosts().await.expect("hosts").len(), 1, "a dead epoch without doubt is of no interest");
}

#[tokio::test]
async fn what_was_asked_before_another_host_sent_it_again_lets_nobody_send_it_once_more() {
    on_every_shared_queue(2, async |ground| {
        let (gone, first) = (ground.host("gone", LONG).await, ground.host("first", LONG).await);
        let second = ground.host("second", LONG).await;
        let (job, bystander) = (gone.claim().await, second.claim().await);
        gone.record(&job, Transition::LoseAnswer).await.expect("in doubt");
        gone.queue.leave().await.expect("goodbye");
        let seen = second.take_up().await.into_iter().find(|taken| taken.seq == job.seq).expect("told");
        assert_eq!((seen.holder, seen.epoch), (Holder::Gone, Some(gone.epoch)));

        let again = first.queue.submit_again(first.run, Doubt::about(&seen), at(4)).await.expect("allowed");
        assert!(matches!(again, Resubmission::Job(_)), "{again:?}");
        assert!(is_stale(second.queue.submit_again(second.run, Doubt::about(&seen), at(4)).await));
        first.record(&job, Transition::LoseAnswer).await.expect("in doubt");
        let own = first.queue.submit_again(first.run, Doubt::about(&seen), at(5)).await.expect("its own by now");
        assert!(matches!(own, Resubmission::Job(_)), "{own:?}");
        first.record(&job, Transition::LoseAnswer).await.expect("in doubt");
        first.queue.leave().await.expect("goodbye");
        assert!(is_stale(second.queue.submit_again(second.run, Doubt::about(&seen), at(6)).await));

        let seen = second.take_up().await.into_iter().find(|taken| taken.seq == job.seq).expect("told");
        assert_eq!(seen.epoch, Some(first.epoch));
        let again = second.queue.submit_again(second.run, Doubt::about(&seen), at(7)).await.expect("asked since");
        assert!(matches!(again, Resubmission::Job(_)), "{again:?}");
        second.accept(&bystander, "its own").await;
    })
    .await;
}

#[tokio::test]
async fn a_doubtful_job_is_sent_again_within_the_slots_of_all_hosts() {
    on_every_shared_queue(2, async |ground| {
        let (one, other) = (ground.host("one", LONG).await, ground.host("other", LONG).await);
        let job = one.claim().await;
        one.record(&job, Transition::LoseAnswer).await.expect("in doubt");
        let doubt = |slots| Doubt { slots: Some(slots), ..Doubt::about(&job) };
        let beside = other.claim().await;
        let full = one.queue.submit_again(one.run, doubt(1), at(4)).await.expect("an answer");
        assert_eq!(full, Resubmission::NoRoom);
        assert_eq!(one.take_up().await[0].state.name(), StateName::InDoubt, "it stays as it was");
        other.accept(&beside, "t").await;
        let full = one.queue.submit_again(one.run, doubt(1), at(5)).await.expect("an answer");
        assert_eq!(full, Resubmission::NoRoom);
        // It has a slot of its own, and takes no second one.
        let again = one.queue.submit_again(one.run, doubt(2), at(6)).await.expect("an answer");
        assert!(matches!(again, Resubmission::Job(_)), "{again:?}");
    })
    .await;
}
