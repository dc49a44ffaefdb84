//! What has to be true in the morning, by the provider's books and by the queue.

use std::collections::{HashMap, HashSet};

use tryon::job::{FailureKind, JobSeq, JobState, StateName};
use tryon::queue::{self, JobRecord, QueueError, QueueReads, Selection, each_job};

use crate::accounts::{ENDPOINT, endpoints_of_two};
use crate::books::{self, Nature, Outcome, Task};
use crate::night::{Night, Wrongs, id_of, pair_of, paused_runtime};
use crate::pictures;

/// Everything that is wrong with a night; nothing, as a rule.
pub(crate) fn wrongs_of(night: &mut Night) -> Wrongs {
    // Time is asked for within a runtime.
    let runtime = paused_runtime();
    let mut jobs: HashMap<String, JobRecord> = HashMap::new();
    let read = runtime.block_on(async {
        let queue = queue::at(&night.queue).open_to_read().await?;
        let each = |job: JobRecord| {
            jobs.insert(job.spec.id.as_str().to_owned(), job);
            Ok::<(), QueueError>(())
        };
        each_job(&*queue, Selection::default(), each).await?;
        let mut knows_ids = true;
        let one = [ENDPOINT.to_owned()];
        let two = endpoints_of_two();
        for endpoint in if night.providers.len() > 1 { &two[..] } else { &one[..] } {
            knows_ids &= queue.external_ids(endpoint).await? == Some(true);
        }
        // Where the shop has changed names before the first task was accepted, nothing tells whose a doubtful job is.
        knows_ids &= night.providers.len() == 1 || night.weather.processes.len() == 1;
        let owners = owners(&*queue, &jobs).await?;
        Ok::<_, QueueError>((knows_ids, queue.counts().await?, owners))
    });
    let (knows_ids, counts, owners) = read.expect("the queue");
    let (mut tasks, mut wrongs) = (Vec::new(), Wrongs::new());
    for provider in &night.providers {
        let mut books = provider.books();
        night.tally.requests += books.requests;
        tasks.extend(books.tasks.clone());
        wrongs.append(&mut books.wrongs);
    }
    let accepted: Vec<HashSet<usize>> =
        night.providers.iter().map(|provider| provider.books().accepted.clone()).collect();
    night.tally.tasks = tasks.len() as u64;
    night.tally.charged = tasks.iter().filter(|task| task.is_charged()).count() as u64;
    for task in &tasks {
        night.tell(&format!("{task:?}"));
    }
    let mut by_pair: HashMap<&str, Vec<&Task>> = HashMap::new();
    for task in &tasks {
        by_pair.entry(&task.pair).or_default().push(task);
    }
    for (pair, tasks) in &by_pair {
        let charged: Vec<&str> = tasks.iter().filter(|task| task.is_charged()).map(|task| task.id.as_str()).collect();
        if charged.len() > 1 && !night.weather.resubmit && !is_of_an_unknown_account(tasks, &accepted) {
            wrongs.push(format!("{pair} is charged {} times: {charged:?}", charged.len()));
        }
    }
    for number in 0..night.weather.jobs {
        let (human, cloth) = pair_of(number, night.weather.dedupe);
        let tasks = by_pair.get(format!("{human} {cloth}").as_str()).map_or(&[][..], Vec::as_slice);
        let Some(job) = jobs.get(&id_of(number)) else {
            wrongs.push(format!("job {} is gone", id_of(number)));
            continue;
        };
        // Another job of the same pair is in doubt: that is waited for.
        let other = jobs.get(&id_of(number ^ 1)).filter(|_| night.weather.dedupe);
        let waits = other.is_some_and(|other| other.state.name() == StateName::InDoubt);
        if waits && job.state.name() == StateName::Pending {
            continue;
        }
        // What nothing could tell apart is no more a fault where the second task fails than where it does not.
        let is_unknown = !tasks.is_empty() && is_of_an_unknown_account(tasks, &accepted);
        let own: Vec<&Task> = tasks.iter().copied().filter(|task| !is_unknown && is_of(task, job, &owners)).collect();
        if let Some(wrong) = wrong_with(night, job, Tasks { of_the_pair: tasks, own: &own }, knows_ids) {
            let tasks: Vec<_> = tasks.iter().map(|task| (&task.id, task.outcome)).collect();
            wrongs.push(format!("{} is {:?}: {wrong}; its tasks: {tasks:?}", id_of(number), job.state));
        }
    }
    check_budgets(night, &tasks, &mut wrongs);
    for state in StateName::ALL {
        let counted = jobs.values().filter(|job| job.state.name() == state).count() as u64;
        if counts.of(state) != counted {
            wrongs.push(format!("{} jobs are counted as {}, and {counted} are", counts.of(state), state.word()));
        }
    }
    night.tally.images = counts.of(StateName::Succeeded);
    night.tally.in_doubt = counts.of(StateName::InDoubt);
    night.tally.failed = counts.of(StateName::Failed);
    wrongs
}

/// Which job has an attempt under which external id.
async fn owners(
    queue: &dyn QueueReads,
    jobs: &HashMap<String, JobRecord>,
) -> Result<HashMap<String, JobSeq>, QueueError> {
    let mut owners = HashMap::new();
    for job in jobs.values() {
        let attempts = queue.attempts(job.seq).await?;
        owners.extend(attempts.into_iter().map(|attempt| (attempt.external_id.0, job.seq)));
    }
    Ok(owners)
}

/// Whether a task of the pair was made for a job: a duplicate may know it as its own.
fn is_of(task: &Task, job: &JobRecord, owners: &HashMap<String, JobSeq>) -> bool {
    owners.get(&task.external_id).is_none_or(|owner| *owner == job.seq)
}

/// Whether a pair was made in two accounts, the first time from a run that had no task accepted: nothing is left by which
/// that account could be told from the other.
fn is_of_an_unknown_account(tasks: &[&Task], accepted: &[HashSet<usize>]) -> bool {
    let first = tasks.iter().min_by_key(|task| task.process);
    first.is_some_and(|first| {
        !accepted[first.account / 2].contains(&first.process) && tasks.iter().any(|task| task.account != first.account)
    })
}

/// The tasks that a job is measured by.
#[derive(Clone, Copy)]
struct Tasks<'a> {
    /// Those of its pair, which duplicates share.
    of_the_pair: &'a [&'a Task],
    /// Those among them that no duplicate has asked for.
    own: &'a [&'a Task],
}

/// What is wrong with how a job is, if anything is.
fn wrong_with(night: &Night, job: &JobRecord, tasks: Tasks<'_>, knows_ids: bool) -> Option<String> {
    let Tasks { of_the_pair: tasks, own } = tasks;
    match &job.state {
        JobState::Succeeded { task_id } => {
            // Where both accounts count their tasks, it may have had one of that number at each.
            let named: Vec<_> = tasks.iter().filter(|task| task.id == task_id.0).collect();
            if named.is_empty() {
                return Some(format!("it has the image of {task_id}, which is none of its tasks"));
            }
            let Some(output) = &job.output else { return Some("it has no image".to_owned()) };
            let kept = std::fs::read(night.tree.root().expect("a folder").join(output)).unwrap_or_default();
            let is_its = |task: &&&Task| task.outcome == Outcome::Image && kept == pictures::of(&task.image());
            (!named.iter().any(is_its)).then(|| "its image is another".to_owned())
        }
        // It was in doubt, and is refused each time it is sent again: each run tries a few times.
        JobState::InDoubt { .. } if nature(night, job) == Nature::InternalError => None,
        // What another account was asked to make is not found by this one's key.
        JobState::InDoubt { .. } if night.weather.foreign.is_some() => None,
        JobState::InDoubt { .. } if knows_ids => Some("it is in doubt where tasks can be found by our ids".to_owned()),
        JobState::InDoubt { .. } => None,
        JobState::Failed { failure, .. } if failure.message.is_empty() => {
            Some("it has failed without a reason".to_owned())
        }
        JobState::Failed { failure, .. } => match failure.kind {
            FailureKind::Download => {
                let is_charged = tasks.iter().any(|task| task.is_charged());
                (!is_charged).then(|| "nothing was charged".to_owned())
            }
            FailureKind::NoImage => {
                let is_so = tasks.iter().any(|task| task.outcome == Outcome::NoImage);
                (!is_so).then(|| "no task of it was without an image".to_owned())
            }
            _ if night.weather.resubmit => None,
            // It is told so, and what to do.
            _ if night.weather.foreign.is_some() && failure.code == "task_lost" => None,
            FailureKind::Refused | FailureKind::Task | FailureKind::InvalidInput => {
                let charged = own.iter().find(|task| task.is_charged());
                charged.map(|task| format!("{} is charged, and nobody knows", task.id))
            }
        },
        _ => Some("it has not ended".to_owned()),
    }
}

fn nature(night: &Night, job: &JobRecord) -> Nature {
    let pair = format!("{} {}", job.spec.human.written, job.spec.cloth.written);
    books::nature(&pair, &night.weather, night.seed)
}

fn check_budgets(night: &Night, tasks: &[Task], wrongs: &mut Wrongs) {
    for (number, process) in night.weather.processes.iter().enumerate() {
        let made = tasks.iter().filter(|task| task.process == number).count() as u64;
        if let Some(budget) = process.budget.filter(|budget| made > *budget) {
            wrongs.push(format!("process {number} had {made} tasks made with a budget of {budget}"));
        }
    }
}
