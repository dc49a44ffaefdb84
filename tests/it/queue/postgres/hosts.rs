//! Several hosts on one queue: epochs that lapse and die, what others may take, and what all of them share.

use std::ffi::OsStr;
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tryon::job::{ExternalTaskId, FailureKind, JobState, ModelName, StateName, Transition};
use tryon::queue::{
    self, ActiveJob, Claim, Claimant, Doubt, Holder, HostStart, HostState, Location, NoRoom, Note, Opening, Queue,
    QueueError, Resubmission, Room, RunId,
};

use super::{POSTGRES, database_of};
use crate::queue::bed::{BackEnd, Bed, Row, at, failure, on_a_queue_of, spec, task};
use crate::support::postgres::Postgres;
use crate::support::way::Way;

/// A job that nobody has is whoever's takes it up, a bystander too; so it is not looked at whose they are.
const WITHOUT_HOLDERS: BackEnd = BackEnd {
    dump: |location| {
        let mut tables = (POSTGRES.dump)(location);
        let without = |mut row: Row| {
            row.retain(|column, _| column != "epoch" && column != "moved_at");
            row
        };
        let jobs = tables.remove("jobs").into_iter().flatten().map(without).collect();
        tables.insert("jobs".to_owned(), jobs);
        tables
    },
    ..POSTGRES
};

/// A host: a handle of its own, its run, and its claims.
struct Host {
    queue: Arc<dyn Queue>,
    run: RunId,
}

fn start(name: &str) -> HostStart {
    HostStart {
        name: name.to_owned(),
        machine: Some(format!("machine of {name}")),
        boot: Some("boot 1".to_owned()),
        lock: Some(format!("lock of {name}")),
        ..HostStart::alone()
    }
}

impl Host {
    async fn joined(bed: &Bed, start: HostStart) -> Self {
        let queue = bed.open(bed.location()).await;
        queue.join(start).await.expect("joined");
        let run = queue.begin_run(10, None, ModelName::default(), at(0)).await.expect("a run");
        Self { queue, run }
    }

    async fn try_claim(&self, slots: u32) -> Claim {
        let room = Some(Room { slots, parked: 0, max_in_doubt: 50 });
        let by = Claimant { room, ..Claimant::default() };
        self.queue.claim(self.run, ExternalTaskId::unique(), by, at(1)).await.expect("a claim")
    }

    async fn claim(&self) -> ActiveJob {
        match self.try_claim(100).await {
            Claim::Job(job) => *job,
            other => panic!("no job: {other:?}"),
        }
    }

    async fn record(&self, job: &ActiveJob, transition: Transition) -> Result<(), QueueError> {
        self.queue.record(job.seq, job.attempt, transition, Note::default(), at(2)).await.map(drop)
    }

    async fn take_up(&self) -> Vec<ActiveJob> {
        let states = [StateName::Running, StateName::Downloading, StateName::InDoubt];
        let jobs = self.queue.take_up(&states, 100, at(3)).await.expect("jobs");
        jobs.into_iter().filter(|job| !job.spec.id.as_str().starts_with("by/")).collect()
    }
}

/// The host is not heard of for longer than its lease.
fn fall_silent(bed: &Bed, name: &str) {
    let sql = format!(
        "UPDATE tryon.hosts SET seen_at = seen_at - lease_ms - 60000 WHERE name = '{name}';
         UPDATE tryon.hosts SET steady_since = steady_since - lease_ms - 60000"
    );
    Postgres::server().expect("the server").run(&database_of(bed.location()), &sql);
}

fn accept(name: &str) -> Transition {
    Transition::Accept { task_id: task(name) }
}

#[tokio::test]
async fn a_name_is_refused_while_its_host_lives_and_proves_nothing_afterwards() {
    on_a_queue_of(&WITHOUT_HOLDERS, async |bed| {
        let _one = Host::joined(bed, start("one")).await;
        let other = bed.open(bed.location()).await;
        let clone = HostStart { machine: Some("another".to_owned()), ..start("one") };
        let error = other.join(clone.clone()).await.expect_err("it lives");
        assert!(matches!(error, QueueError::HostAtWork { .. }), "{error}");
        fall_silent(bed, "one");
        other.join(clone).await.expect("a host of that name that is silent keeps nobody out");
        let states: Vec<_> = other.hosts().await.expect("hosts").iter().map(|host| host.state).collect();
        assert_eq!(states, [HostState::Live, HostState::Overdue], "the first one is not proven dead by its name");
    })
    .await;
}

#[tokio::test]
async fn a_start_that_was_not_told_that_it_had_begun_goes_on_with_its_epoch() {
    let Some(server) = Postgres::server() else { return };
    let (way, database) = (Way::to(server.port()), server.database());
    let url = format!("postgres://tryon@127.0.0.1:{}/{database}?sslmode=disable", way.port());
    let location = Location::parse(OsStr::new(&url)).expect("an address");
    let bystander = queue::open(location.clone(), Opening::OrMake).await.expect("a queue");
    bystander.join(start("bystander")).await.expect("joined");
    // Neither the machine nor its boot can be told, as in a container: nothing but the answer said whose the row is.
    let unknown = |name: &str| HostStart { machine: None, boot: None, ..start(name) };
    let host = queue::open(location.clone(), Opening::Existing).await.expect("the queue");
    host.wait_for_return(CancellationToken::new());
    // Of the first try, which begins its epoch, and of the second, which finds it.
    way.lose_commits_of("steady_since", 2);
    let epoch = host.join(unknown("one")).await.expect("its own row keeps it out");
    assert_eq!(way.commits_to_lose(), 0, "no commit was lost");
    let records = host.hosts().await.expect("hosts");
    let living = |name: &str| records.iter().filter(|host| host.name == name && host.state == HostState::Live).count();
    assert_eq!((living("one"), living("bystander"), records.len()), (1, 1, 2), "{records:?}");
    assert_eq!(records[0].epoch, epoch);
    host.renew().await.expect("it is at work");
    let other = queue::open(location, Opening::Existing).await.expect("the queue");
    let error = other.join(unknown("one")).await.expect_err("another one of that name, and of the same process id");
    assert!(matches!(error, QueueError::HostAtWork { .. }), "{error}");
    bystander.renew().await.expect("it was left alone");
}

#[tokio::test]
async fn what_a_silent_host_has_is_collected_and_what_it_was_submitting_stays_its_own() {
    on_a_queue_of(&WITHOUT_HOLDERS, async |bed| {
        bed.add(&[spec("a"), spec("b")]).await;
        let (one, two) = (Host::joined(bed, start("one")).await, Host::joined(bed, start("two")).await);
        let (running, submitting) = (one.claim().await, one.claim().await);
        one.record(&running, accept("t-a")).await.expect("its own");
        assert_eq!(two.take_up().await.len(), 0, "a living host keeps what it has");
        fall_silent(bed, "one");
        let taken = two.take_up().await;
        let holders: Vec<_> = taken.iter().map(|job| (job.spec.id.to_string(), job.holder)).collect();
        assert_eq!(holders, [("a".to_owned(), Holder::Ours), ("b".to_owned(), Holder::Lapsed)]);
        // The doubt may be settled by what is found, and by nothing else.
        let again =
            two.queue.submit_again(two.run, Doubt::about(&submitting), at(4)).await.expect_err("not proven dead");
        assert!(matches!(again, QueueError::Stale { .. }), "{again}");
        // The sleeper wakes: it is not a host any more, and may still say what it knows of its own job.
        assert!(matches!(one.queue.renew().await, Err(QueueError::LeaseLost)));
        assert!(matches!(one.queue.confirm(submitting.seq, 1).await, Err(QueueError::LeaseLost)));
        assert!(one.record(&running, Transition::TaskSucceed).await.is_err(), "that one is the other host's");
        one.record(&submitting, accept("t-b")).await.expect("its request had gone out");
        assert_eq!(bed.job("b").await.state.name(), StateName::Running);
    })
    .await;
}

#[tokio::test]
async fn only_proof_of_death_lets_another_host_submit_again() {
    on_a_queue_of(&WITHOUT_HOLDERS, async |bed| {
        for (number, proof) in ["forgotten", "lock", "reboot", "goodbye"].into_iter().enumerate() {
            let (first, second) = (format!("one-{number}"), format!("two-{number}"));
            bed.add(&[spec(proof)]).await;
            let one = Host::joined(bed, start(&first)).await;
            let submitting = one.claim().await;
            let two = Host::joined(bed, start(&second)).await;
            fall_silent(bed, &first);
            let holder_of = async || {
                let jobs = two.take_up().await;
                jobs.iter().find(|job| job.seq == submitting.seq).map(|job| job.holder)
            };
            assert_eq!(holder_of().await, Some(Holder::Lapsed), "{proof}");
            let start = start(&first);
            match proof {
                "forgotten" => assert_eq!(two.queue.forget_host(first.clone()).await.expect("forgotten"), 1),
                "lock" => drop(Host::joined(bed, start).await),
                "reboot" => drop(Host::joined(bed, HostStart { boot: Some("boot 2".to_owned()), ..start }).await),
                _ => one.queue.leave().await.expect("said"),
            }
            assert_eq!(holder_of().await, Some(Holder::Gone), "{proof}");
            let state = two.queue.submit_again(two.run, Doubt::about(&submitting), at(5)).await.expect("proven");
            assert!(matches!(state, Resubmission::Job(JobState::Submitting { .. })), "{state:?}");
            two.record(&submitting, accept(proof)).await.expect("ours now");
        }
        let error = bed.queue.forget_host("nobody".to_owned()).await.expect_err("unknown");
        assert!(matches!(error, QueueError::NoSuchHost(_)), "{error}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_accounts_slots_hold_over_all_hosts_and_are_shared() {
    on_a_queue_of(&WITHOUT_HOLDERS, async |bed| {
        bed.add(&(0..40).map(|number| spec(&format!("job-{number:02}"))).collect::<Vec<_>>()).await;
        let hosts = [Host::joined(bed, start("one")).await, Host::joined(bed, start("two")).await];
        let fill = async |host: &Host| {
            let mut taken = 0_usize;
            loop {
                match host.try_claim(10).await {
                    Claim::Job(_) => taken += 1,
                    // Its share is used up, or there is none left.
                    Claim::NoRoom(NoRoom::Slots { .. }) => return taken,
                    other => panic!("{other:?}"),
                }
            }
        };
        let (one, two) = tokio::join!(fill(&hosts[0]), fill(&hosts[1]));
        // A bystander is at this account as well.
        assert!(one + two <= 9, "{one} and {two}: no more than the account takes");
        let more = fill(&hosts[0]).await + fill(&hosts[1]).await;
        assert_eq!(one + two + more, 9, "and no fewer");
        let room = Some(Room { slots: 100, parked: 0, max_in_doubt: 9 });
        let by = Claimant { room, ..Claimant::default() };
        let claim = hosts[0].queue.claim(hosts[0].run, ExternalTaskId::unique(), by, at(2)).await.expect("an answer");
        assert!(matches!(claim, Claim::NoRoom(NoRoom::Doubt)), "what is on its way may come to be in doubt: {claim:?}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn turns_of_a_kind_are_handed_out_over_all_hosts() {
    on_a_queue_of(&WITHOUT_HOLDERS, async |bed| {
        let other = bed.open(bed.location()).await;
        let turn = async |queue: &Arc<dyn Queue>| queue.turn("creates".to_owned(), 10.0).await.expect("a turn");
        let mut waits = Vec::new();
        for _ in 0..5 {
            waits.extend([turn(&bed.queue).await, turn(&other).await]);
        }
        let longest = waits.iter().max().expect("turns");
        assert!(*longest > Duration::from_millis(600), "ten requests of which ten a second may leave: {waits:?}");
        assert!(turn_of(bed, "polls").await < Duration::from_millis(200), "another kind has its own turns");
    })
    .await;
}

async fn turn_of(bed: &Bed, kind: &str) -> Duration {
    bed.queue.turn(kind.to_owned(), 10.0).await.expect("a turn")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_a_dead_host_has_left_is_taken_up_by_one_of_many() {
    on_a_queue_of(&WITHOUT_HOLDERS, async |bed| {
        bed.add(&(0..12).map(|number| spec(&format!("job-{number:02}"))).collect::<Vec<_>>()).await;
        let gone = Host::joined(bed, start("gone")).await;
        for number in 0..12 {
            let job = gone.claim().await;
            gone.record(&job, accept(&format!("t-{number}"))).await.expect("its own");
        }
        gone.queue.leave().await.expect("said");
        let mut others = Vec::new();
        for name in ["one", "two", "three", "four"] {
            others.push(Host::joined(bed, start(name)).await);
        }
        let taken = futures_util::future::join_all(others.iter().map(Host::take_up)).await;
        let mut all: Vec<i64> = taken.iter().flatten().map(|job| job.seq.0).collect();
        all.sort_unstable();
        all.dedup();
        assert_eq!((all.len(), taken.iter().map(Vec::len).sum::<usize>()), (12, 12), "each by one host");
    })
    .await;
}

#[tokio::test]
async fn refusals_in_a_row_are_counted_over_all_hosts_and_bound_what_all_of_them_submit() {
    on_a_queue_of(&WITHOUT_HOLDERS, async |bed| {
        bed.add(&(0..80).map(|number| spec(&format!("job-{number:02}"))).collect::<Vec<_>>()).await;
        let (one, two) = (Host::joined(bed, start("one")).await, Host::joined(bed, start("two")).await);
        let refuse = async |host: &Host, code: &str| {
            let job = host.claim().await;
            let refused = Transition::Refuse { failure: failure(FailureKind::Refused) };
            host.record(&job, refused).await.expect("its own");
            host.queue.refused_alike(job.seq, job.attempt, code.to_owned()).await.expect("a row").jobs
        };
        assert_eq!((refuse(&one, "1201").await, refuse(&two, "1201").await), (1, 2), "one row for both");
        assert_eq!(refuse(&one, "1200").await, 1, "another code begins it again");
        let taken = two.claim().await;
        two.record(&taken, accept("t")).await.expect("its own");
        assert_eq!(refuse(&one, "1200").await, 1, "and so does a job that is accepted");
        for nth in 2..=30 {
            assert_eq!(refuse(if nth % 2 == 0 { &two } else { &one }, "1200").await, nth);
        }
        let mut on_their_way = 0;
        let lack = loop {
            match two.try_claim(100).await {
                Claim::Job(_) => on_their_way += 1,
                Claim::NoRoom(lack) => break lack,
                other => panic!("{other:?}"),
            }
        };
        assert_eq!((lack, on_their_way), (NoRoom::Refusals { in_a_row: 30 }, 10), "40 in all may come to be refused");
        assert!(matches!(one.try_claim(100).await, Claim::NoRoom(NoRoom::Refusals { .. })), "over all hosts");
    })
    .await;
}
