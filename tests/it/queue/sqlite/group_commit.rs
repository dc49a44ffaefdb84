//! Many verbs at once: they share one flush to disk, and none is touched by another's failure.

use std::fs;
use std::task::Poll;

use futures_util::future::join_all;
use rusqlite::Connection;

use tryon::job::{ExternalTaskId, JobState, StateName, Transition};
use tryon::queue::{Claim, Claimant, Keeping, Load, Note, QueueError};

use super::back_end::outside;
use super::on_sqlite;
use crate::queue::bed::{Bed, at, begin_load, on_line, spec, task, with_other_cloth};

/// Holds the queue's writer up until what is returned is dropped, so that verbs asked meanwhile arrive together: another
/// process is in the middle of a transaction.
fn hold_writer(bed: &Bed) -> Connection {
    let other = outside(bed.path());
    other.execute_batch("BEGIN IMMEDIATE").expect("the lock");
    other
}

/// How many transactions the write-ahead log holds: frames that end one carry the size of the database
/// (<https://www.sqlite.org/fileformat2.html#walformat>).
fn commits_in_log(bed: &Bed) -> usize {
    let mut path = bed.path().as_os_str().to_owned();
    path.push("-wal");
    let log = fs::read(path).expect("the log");
    let page = u32::from_be_bytes(log[8..12].try_into().expect("four bytes")) as usize;
    let salt = &log[16..24];
    let frames = log[32..].chunks_exact(24 + page).take_while(|frame| &frame[8..16] == salt);
    frames.filter(|frame| frame[4..8] != [0; 4]).count()
}

async fn claim_many(bed: &Bed, count: usize) -> Vec<tryon::queue::ActiveJob> {
    let rows: Vec<_> = (0..count).map(|n| spec(&format!("job-{n}"))).collect();
    bed.add(&rows).await;
    let claims = (0..count).map(|_| bed.claim(at(1)));
    join_all(claims).await
}

#[tokio::test]
async fn of_many_verbs_at_once_the_legal_ones_are_on_disk_and_each_illegal_one_has_its_own_answer() {
    on_sqlite(async |bed| {
        let jobs = claim_many(bed, 300).await;
        let held = hold_writer(bed);
        let verbs = join_all(jobs.iter().enumerate().map(|(n, job)| {
            let (attempt, transition) = match n % 3 {
                0 => (1, Transition::Accept { task_id: task(&format!("t-{n}")) }),
                1 => (1, Transition::Publish),    // illegal: it does not run yet
                _ => (9, Transition::LoseAnswer), // another attempt's word
            };
            bed.queue.record(job.seq, attempt, transition, Note::of("said"), at(3))
        }));
        let commits_before = commits_in_log(bed);
        let release_when_all_are_asked = async {
            // The other futures have been polled, and so have sent their verbs, before this one is.
            drop(held);
        };
        let (answers, ()) = tokio::join!(verbs, release_when_all_are_asked);

        for (n, (answer, job)) in answers.into_iter().zip(&jobs).enumerate() {
            let now = bed.queue.job(job.spec.id.as_str()).await.expect("the job").state;
            match n % 3 {
                0 => {
                    let running = JobState::Running { task_id: task(&format!("t-{n}")) };
                    assert_eq!((answer.expect("accepted"), now), (running.clone(), running));
                    continue;
                }
                1 => match answer.expect_err("illegal") {
                    QueueError::Illegal { id, .. } => assert_eq!(id, job.spec.id.as_str()),
                    other => panic!("{other}"),
                },
                _ => match answer.expect_err("stale") {
                    QueueError::Stale { seq, attempt } => assert_eq!((seq, attempt), (job.seq.0, 9)),
                    other => panic!("{other}"),
                },
            }
            assert_eq!(now, job.state, "what was refused is where it was");
        }
        assert_eq!((bed.count(StateName::Running), bed.count(StateName::Submitting)), (100, 200));
        let commits = commits_in_log(bed) - commits_before;
        assert!(commits <= 3, "three hundred verbs took {commits} flushes");
    })
    .await;
}

#[tokio::test]
async fn verbs_that_build_on_each_other_are_done_in_the_order_in_which_they_were_asked() {
    on_sqlite(async |bed| {
        let job = bed.bring("a", StateName::Submitting).await;
        let held = hold_writer(bed);
        let story = [
            Transition::LoseAnswer,
            Transition::SubmitAgain,
            Transition::Accept { task_id: task("t") },
            Transition::TaskSucceed,
        ];
        let verbs = join_all(story.map(|step| bed.record(&job, step, at(3))));
        let (answers, ()) = tokio::join!(verbs, async { drop(held) });
        let states: Vec<_> = answers.into_iter().map(|answer| answer.expect("a step").name()).collect();
        assert_eq!(states, [StateName::InDoubt, StateName::Submitting, StateName::Running, StateName::Downloading]);
    })
    .await;
}

/// A load of `b` and of new inputs for `c`, which is submitted before they are kept.
async fn vain_load(bed: &Bed) -> Box<dyn Load> {
    bed.add(&[spec("c")]).await;
    let mut load = begin_load(&*bed.queue, "vain.csv").await;
    let rows = vec![on_line(2, spec("b")), on_line(3, with_other_cloth("c", "other"))];
    assert_eq!(load.add(rows).await.expect("staged"), Vec::new());
    let job = bed.claim(at(2)).await;
    bed.step(&job, Transition::Accept { task_id: task("of c") }).await;
    load
}

#[tokio::test]
async fn a_load_that_is_taken_back_takes_nothing_of_its_neighbours_with_it() {
    on_sqlite(async |bed| {
        let job = bed.bring("a", StateName::Submitting).await;
        let vain = vain_load(bed).await;
        let held = hold_writer(bed);
        let accept = bed.record(&job, Transition::Accept { task_id: task("t") }, at(3));
        let vain = vain.keep(Keeping { all_or_nothing: true, ..Keeping::default() }, at(3));
        let generated = bed.record(&job, Transition::TaskSucceed, at(4));
        let (accepted, vain, generated, ()) = tokio::join!(accept, vain, generated, async { drop(held) });
        assert!(accepted.is_ok() && generated.is_ok());
        assert!(!vain.expect("an answer").is_kept, "`c` was submitted since its row was read");
        assert_eq!(bed.job("a").await.state.name(), StateName::Downloading);
        assert!(bed.queue.job("b").await.is_err());
    })
    .await;
}

#[tokio::test]
async fn no_answer_comes_before_its_verb_is_on_disk() {
    on_sqlite(async |bed| {
        let jobs = claim_many(bed, 40).await;
        // A reader of its own sees only what is committed.
        let checks = jobs.iter().map(|job| async {
            bed.step(job, Transition::LoseAnswer).await;
            assert_eq!(bed.job(job.spec.id.as_str()).await.state.name(), StateName::InDoubt);
        });
        join_all(checks).await;
    })
    .await;
}

/// Asks, and does not wait for the answer. Nothing may be answered yet, or this would show nothing.
async fn ask_and_go(verb: impl Future) {
    let mut verb = std::pin::pin!(verb);
    let answered = std::future::poll_fn(|context| Poll::Ready(verb.as_mut().poll(context).is_ready())).await;
    assert!(!answered, "the writer is held up");
}

#[tokio::test]
async fn a_caller_that_no_longer_waits_changes_nothing_for_others() {
    on_sqlite(async |bed| {
        let job = bed.bring("a", StateName::Submitting).await;
        bed.add(&[spec("b")]).await;
        let held = hold_writer(bed);
        let impatient = ask_and_go(bed.record(&job, Transition::Accept { task_id: task("t") }, at(3)));
        let claim = bed.queue.claim(bed.run, ExternalTaskId::unique(), Claimant::default(), at(3));
        let ((), claim, ()) = tokio::join!(impatient, claim, async { drop(held) });
        assert!(matches!(claim, Ok(Claim::Job(job)) if job.spec.id.as_str() == "b"));
        assert_eq!(bed.job("a").await.state.name(), StateName::Running, "what was asked stands all the same");
    })
    .await;
}

#[tokio::test]
async fn closing_the_queue_finishes_what_was_asked() {
    on_sqlite(async |bed| {
        let job = bed.bring("a", StateName::Submitting).await;
        let queue = bed.open(bed.path()).await;
        let held = hold_writer(bed);
        ask_and_go(queue.record(job.seq, 1, Transition::Accept { task_id: task("t") }, Note::default(), at(3))).await;
        drop(held);
        drop(queue);
        assert_eq!(bed.job("a").await.state.name(), StateName::Running);
    })
    .await;
}
