//! The books, held against the queue and the pictures when everything has ended, and against what was promised meanwhile.

use std::collections::HashMap;
use std::fmt;
use std::time::{Duration, Instant};

use crate::support::provider::{Books, Kind, picture_of};
use crate::support::workshop::Workshop;

/// A create may be held up on its way by so much. What was let go at the right moments can then arrive closer together.
const JITTER: Duration = Duration::from_millis(150);

/// After a process was woken, or the database came back, what had its turn before leaves at last. For so long windows of a
/// second may have more creates than the rate, at most [`HELD_UP_AT_ONCE`] for each such moment and host.
const SETTLING: Duration = Duration::from_secs(2);

/// A host has this many creates on their way between their turn and the network at once, at most.
const HELD_UP_AT_ONCE: usize = 4;

/// What was found wrong.
#[derive(Debug, Clone, Default)]
pub(crate) struct Findings {
    pub(crate) doubles: Vec<String>,
    pub(crate) lost: Vec<String>,
    pub(crate) broken: Vec<String>,
    pub(crate) other: Vec<String>,
}

impl Findings {
    pub(crate) fn is_clean(&self) -> bool {
        self.doubles.is_empty() && self.lost.is_empty() && self.broken.is_empty() && self.other.is_empty()
    }

    pub(crate) fn add(&mut self, other: Self) {
        self.doubles.extend(other.doubles);
        self.lost.extend(other.lost);
        self.broken.extend(other.broken);
        self.other.extend(other.other);
    }
}

impl fmt::Display for Findings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (kind, all) in
            [("paid twice", &self.doubles), ("lost", &self.lost), ("broken file", &self.broken), ("wrong", &self.other)]
        {
            for one in all.iter().take(20) {
                writeln!(f, "    {kind}: {one}")?;
            }
        }
        Ok(())
    }
}

/// A job as `list --json` tells it.
#[derive(Debug, Clone)]
pub(crate) struct Job {
    pub(crate) id: String,
    pub(crate) state: String,
    task: Option<String>,
    output: Option<String>,
    said: String,
}

impl Job {
    /// The jobs in what `list --json` prints.
    pub(crate) fn all(printed: &str) -> Vec<Self> {
        let lines = printed.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
        let text = |value: &serde_json::Value| value.as_str().map(str::to_owned);
        let job = |job: serde_json::Value| {
            let said = job.to_string();
            Some(Self {
                id: text(&job["id"])?,
                state: text(&job["state"])?,
                task: text(&job["task_id"]),
                output: text(&job["output"]),
                said,
            })
        };
        lines.filter_map(job).collect()
    }
}

/// Jobs that are charged for more than once.
pub(crate) fn doubles(books: &Books) -> Vec<String> {
    books
        .charges()
        .into_iter()
        .filter(|(_, tasks)| *tasks > 1)
        .map(|(job, tasks)| format!("{job}: {tasks} tasks; {}", creates_of(books, job)))
        .collect()
}

/// When creates of a job arrived, in seconds after the first of all, under which names, and how they were answered.
fn creates_of(books: &Books, wanted: &str) -> String {
    let first = books.requests.first().map(|seen| seen.at);
    let told = books.requests.iter().filter_map(|seen| match &seen.kind {
        Kind::Create { job: Some(job), external_id } if job == wanted => {
            let at = first.map_or(0.0, |first| seen.at.duration_since(first).as_secs_f64());
            let took = seen.until.map(|until| until.duration_since(seen.at).as_secs_f64());
            let name = external_id.as_deref().unwrap_or("-");
            Some(format!("{at:.2} s {name} took {took:.2?}, answered {:?}", seen.status))
        }
        _ => None,
    });
    let tasks =
        books.tasks.iter().filter(|task| task.job == wanted).map(|task| format!("{} {:?}", task.id, task.external_id));
    told.chain(tasks).collect::<Vec<_>>().join("; ")
}

/// What is under a job's final name is its own whole picture, at any time.
pub(crate) fn broken_files(shop: &Workshop) -> Vec<String> {
    let is_broken = |job: &&String| std::fs::read(shop.picture(job)).is_ok_and(|found| found != picture_of(job));
    shop.jobs.iter().filter(is_broken).cloned().collect()
}

/// What is wrong when all hosts have ended.
pub(crate) fn at_the_end(shop: &Workshop, books: &Books, jobs: &[Job]) -> Findings {
    let mut findings = Findings { doubles: doubles(books), broken: broken_files(shop), ..Findings::default() };
    let by_id: HashMap<&str, &Job> = jobs.iter().map(|job| (job.id.as_str(), job)).collect();
    for id in &shop.jobs {
        match by_id.get(id.as_str()) {
            None => findings.lost.push(format!("{id} is not in the queue")),
            Some(job) if job.state == "failed" => {}
            Some(job) if job.state != "succeeded" => findings.lost.push(format!("not done: {}", job.said)),
            Some(job) if job.output.as_deref() != Some(&format!("{id}.png")) || !shop.picture(id).exists() => {
                findings.broken.push(format!("no picture: {}", job.said));
            }
            Some(_) => {}
        }
    }
    for task in books.tasks.iter().filter(|task| task.is_charged()) {
        let owner = by_id.get(task.job.as_str()).and_then(|job| job.task.as_deref());
        if owner != Some(&task.id) {
            findings.lost.push(format!("task {} of {}, whose task is {owner:?}", task.id, task.job));
        }
    }
    findings
}

/// Whether something that was held up may have left late in the time from `from` to `until`: how often.
fn disturbances(woken: &[Instant], from: Instant, until: Instant) -> usize {
    woken.iter().filter(|at| **at + SETTLING >= from && **at <= until).count()
}

/// How full the fullest second was, and what was wrong about it.
pub(crate) fn over_rate(books: &Books, rate: usize, hosts: usize, woken: &[Instant]) -> (usize, Vec<String>) {
    let creates: Vec<Instant> =
        books.requests.iter().filter(|seen| matches!(seen.kind, Kind::Create { .. })).map(|seen| seen.at).collect();
    let undisturbed = rate + 1 + (rate as f64 * JITTER.as_secs_f64()).ceil() as usize;
    let (mut most, mut wrong) = (0, Vec::new());
    for (first, from) in creates.iter().enumerate() {
        let until = *from + Duration::from_secs(1);
        let count = creates[first..].iter().take_while(|at| **at < until).count();
        let allowed = undisturbed + disturbances(woken, *from, until) * hosts * HELD_UP_AT_ONCE;
        if count > allowed {
            wrong.push(format!("{count} creates within a second, at {rate} a second ({allowed} may be explained)"));
        }
        most = most.max(count);
    }
    wrong.dedup();
    (most, wrong)
}

/// How many tasks the provider had at once at most, and what was wrong about it. A host that sleeps on a request that it may
/// send no more, and wakes, has one more task made for each such request.
pub(crate) fn over_cap(books: &Books, cap: usize, task_time: Duration, woken: &[Instant]) -> (usize, Vec<String>) {
    let mut begins: Vec<(Instant, Instant)> =
        books.tasks.iter().map(|task| (task.ends_at - task_time, task.ends_at)).collect();
    begins.sort_unstable();
    let (mut most, mut wrong) = (0, Vec::new());
    for (nth, (at, _)) in begins.iter().enumerate() {
        let count = begins[..=nth].iter().filter(|(_, ends)| ends > at).count();
        let allowed = cap + disturbances(woken, *at, *at) * HELD_UP_AT_ONCE;
        if count > allowed {
            wrong.push(format!("{count} tasks at the provider at once, where {cap} may be"));
        }
        most = most.max(count);
    }
    wrong.dedup();
    (most, wrong)
}
