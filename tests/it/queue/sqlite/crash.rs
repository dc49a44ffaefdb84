//! Power cuts: after every step of a job's story, and in the middle of one, the queue is opened from what was on disk.

use std::fs;
use std::path::{Path, PathBuf};

use tryon::job::{ExternalTaskId, FailureKind, JobState, StateName, Transition};
use tryon::queue::{Claim, Claimant, Keeping, Note, Queue};

use super::on_sqlite;
use crate::queue::bed::{Bed, Tables, at, begin_load, failure, image, on_line, spec, task};

/// What a process leaves behind that is killed now: the files, without its memory and without a clean end.
struct Wreck {
    folder: tempfile::TempDir,
}

impl Wreck {
    fn of(queue: &Path) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        for suffix in ["", "-wal"] {
            fs::copy(with_suffix(queue, suffix), with_suffix(&folder.path().join("queue.db"), suffix)).expect("a copy");
        }
        Self { folder }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("queue.db")
    }
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut path = path.as_os_str().to_owned();
    path.push(suffix);
    path.into()
}

fn wal_length(queue: &Path) -> u64 {
    fs::metadata(with_suffix(queue, "-wal")).expect("the write-ahead log").len()
}

/// One step of a story.
enum Step {
    Claim(&'static str),
    Record(Transition),
    Publish,
    Retry,
    Cancel,
}

/// Every transition there is, in one life.
fn long_story() -> Vec<Step> {
    use Step::{Cancel, Claim, Publish, Record, Retry};
    let accept = |name: &str| Record(Transition::Accept { task_id: task(name) });
    vec![
        Cancel,
        Retry,
        Claim("e-1"),
        Record(Transition::Release { retry_at: None }),
        Claim("e-2"),
        Record(Transition::TurnAway { retry_at: at(2) }),
        Claim("e-3"),
        Record(Transition::LoseAnswer),
        Record(Transition::SubmitAgain),
        Record(Transition::LoseAnswer),
        Record(Transition::GiveUpDoubt),
        Claim("e-4"),
        Record(Transition::LoseAnswer),
        accept("t-1"),
        Record(Transition::TaskFailForNow { retry_at: at(3) }),
        Claim("e-5"),
        Record(Transition::Refuse { failure: failure(FailureKind::Refused) }),
        Retry,
        Claim("e-6"),
        accept("t-2"),
        Record(Transition::TaskFail { failure: failure(FailureKind::Task) }),
        Retry,
        Claim("e-7"),
        Record(Transition::LoseAnswer),
        Record(Transition::SubmitAgain),
        accept("t-3"),
        Record(Transition::TaskSucceed),
        Record(Transition::DownloadFail { failure: failure(FailureKind::Download) }),
        Retry,
        Publish,
        Record(Transition::Refetch),
        Publish,
        Record(Transition::MakeAnew),
        Claim("e-8"),
    ]
}

async fn take(queue: &dyn Queue, bed: &Bed, step: &Step, second: i64) -> JobState {
    let now = at(second);
    let job = queue.job("a").await.expect("the job");
    match step {
        Step::Claim(name) => {
            let external_id = ExternalTaskId((*name).to_owned());
            let claim = queue.claim(bed.run, external_id.clone(), Claimant::default(), now).await;
            let Ok(Claim::Job(job)) = claim else { panic!("no job: {claim:?}") };
            assert_eq!(job.state, JobState::Submitting { external_id });
            job.state
        }
        Step::Record(transition) => {
            let note = Note { units: Some(0.25), ..Note::of("said") };
            queue.record(job.seq, job.attempt, transition.clone(), note, now).await.expect("a step")
        }
        Step::Publish => queue.publish(job.seq, job.attempt, vec![image(0, "a.png")], now).await.expect("published"),
        Step::Retry => queue.retry("a".to_owned(), now).await.expect("retried"),
        Step::Cancel => queue.cancel("a".to_owned(), now).await.expect("cancelled"),
    }
}

/// Opens what is left, and looks: nothing may have happened to it since.
async fn tables_of(bed: &Bed, wreck: &Wreck) -> (JobState, Tables) {
    let reopened = bed.open(&wreck.path()).await;
    let state = reopened.job("a").await.expect("the job").state;
    drop(reopened);
    (state, bed.tables_of(&wreck.path()))
}

#[tokio::test]
async fn after_a_crash_between_any_two_steps_a_job_is_where_the_last_step_put_it() {
    on_sqlite(async |bed| {
        bed.add(&[spec("a")]).await;
        for (second, step) in (10..).zip(&long_story()) {
            let state = take(&*bed.queue, bed, step, second).await;
            let (found, tables) = tables_of(bed, &Wreck::of(bed.path())).await;
            assert_eq!(found, state, "after step {}", second - 10);
            assert_eq!(tables, bed.tables(), "after step {}", second - 10);
        }
        assert_eq!(bed.job("a").await.state.name(), StateName::Submitting, "it is being made anew");
    })
    .await;
}

#[tokio::test]
async fn a_story_goes_on_from_what_a_crash_left() {
    on_sqlite(async |bed| {
        bed.add(&[spec("a")]).await;
        // The process dies after every single step, and the next one finds only its files.
        let mut wreck = Wreck::of(bed.path());
        for (second, step) in (10..).zip(&long_story()) {
            let queue = bed.open(&wreck.path()).await;
            take(&*queue, bed, step, second).await;
            wreck = Wreck::of(&wreck.path());
            drop(queue);
            take(&*bed.queue, bed, step, second).await;
        }
        let (state, tables) = tables_of(bed, &wreck).await;
        assert_eq!(state.name(), StateName::Submitting);
        assert_eq!(tables, bed.tables(), "thirty-four deaths have changed nothing");
    })
    .await;
}

#[tokio::test]
async fn a_step_that_was_cut_off_while_it_was_written_has_happened_or_has_not() {
    on_sqlite(async |bed| {
        bed.add(&[spec("a")]).await;
        let mut torn = 0;
        for (second, step) in (10..).zip(&long_story()) {
            let (before, written_before) = (bed.tables(), wal_length(bed.path()));
            take(&*bed.queue, bed, step, second).await;
            let (after, written_after) = (bed.tables(), wal_length(bed.path()));
            assert!(written_after > written_before, "the log only grows in a story this short");
            let share = (written_after - written_before) / 3;
            for length in
                [written_before, written_before + 100, written_before + share, written_after - share, written_after - 1]
            {
                let wreck = Wreck::of(bed.path());
                let log = fs::OpenOptions::new().write(true).open(with_suffix(&wreck.path(), "-wal")).expect("the log");
                log.set_len(length).expect("cut");
                let (_, found) = tables_of(bed, &wreck).await;
                assert_eq!(found, before, "step {} is half there at {length}", second - 10);
                torn += 1;
            }
            let (_, found) = tables_of(bed, &Wreck::of(bed.path())).await;
            assert_eq!(found, after);
        }
        assert_eq!(torn, long_story().len() * 5);
    })
    .await;
}

#[tokio::test]
async fn a_crash_while_manifests_are_loaded_leaves_nothing_of_them() {
    on_sqlite(async |bed| {
        let before = bed.tables();
        let mut load = begin_load(&*bed.queue, "jobs.csv").await;
        let rows = (0..200).map(|n| on_line(n + 2, spec(&format!("job-{n}")))).collect();
        load.add(rows).await.expect("staged");
        let wreck = Wreck::of(bed.path());
        load.keep(Keeping::default(), at(0)).await.expect("kept");
        drop(bed.open(&wreck.path()).await);
        assert_eq!(bed.tables_of(&wreck.path()), before);
        assert_eq!(bed.count(StateName::Pending), 200);
    })
    .await;
}

#[tokio::test]
async fn what_a_restart_finds_at_work_is_exactly_what_was_at_work() {
    on_sqlite(async |bed| {
        for state in StateName::ALL.into_iter().rev() {
            bed.bring(state.word(), state).await;
        }
        let wreck = Wreck::of(bed.path());
        let reopened = bed.open(&wreck.path()).await;
        let states = [StateName::Submitting, StateName::InDoubt, StateName::Running, StateName::Downloading];
        let active = reopened.active(&states, usize::MAX).await.expect("jobs");
        let found: Vec<_> = active.iter().map(|job| (job.spec.id.as_str(), job.state.name())).collect();
        let mut wanted: Vec<_> = states.iter().map(|state| (state.word(), *state)).collect();
        wanted.insert(2, ("by/running", StateName::Running));
        assert_eq!(found, wanted);
        for job in active.iter().filter(|job| job.spec.id.as_str() != "by/running") {
            assert_eq!((job.attempt, job.claimed_at), (1, at(1)));
            assert_eq!(job.external_id, bed.attempts(job.spec.id.as_str()).await[0].external_id);
        }
    })
    .await;
}
