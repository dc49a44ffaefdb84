//! How much is still to be submitted, and how much of it is the same again.

use std::time::Duration;

use rusqlite::Connection;

use crate::job::{JobId, ModelName};
use crate::queue::{RepeatedPair, Workload};

use super::same_request::Asking;
use super::selected::SQLITE;
use super::{QueueReader, Result};

/// What a job asks the provider for, as columns of `jobs`; `?1` is the model of rows that name none.
const ASKED_FOR: Asking<'_> = Asking {
    human: "human",
    cloth: "cloth",
    cloth_type: "cloth_type",
    cloth_2: "cloth_2",
    cloth_type_2: "cloth_type_2",
    model: "ifnull(model, ?1)",
    keep: "keep",
};

/// This many tasks tell how long one takes.
const TASKS_FOR_A_MEAN: u32 = 200;

impl QueueReader {
    /// How much is still to be submitted. `default_model` is the model of rows that name none, and `most_repeats` how
    /// many repeated pairs are named.
    ///
    /// Looks at every job that waits, and sorts them on disk: a second or two for a million, in flat memory.
    pub(super) fn workload(&self, default_model: &ModelName, most_repeats: usize) -> Result<Workload> {
        workload(&self.db, &Waiting::IN_THE_QUEUE, default_model, most_repeats)
    }

    /// How long the provider took for a task, in the mean of the last ones in manifest order; `None` before the first.
    pub(super) fn usual_task_time(&self) -> Result<Option<Duration>> {
        let query = format!(
            "SELECT avg(task_ended_at - accepted_at)
               FROM (SELECT task_ended_at, accepted_at FROM attempts
                      WHERE task_ended_at >= accepted_at ORDER BY job DESC LIMIT {TASKS_FOR_A_MEAN})"
        );
        let ms: Option<f64> = self.db.query_row(&query, [], |row| row.get(0))?;
        Ok(ms.and_then(|ms| Duration::try_from_secs_f64(ms / 1_000.0).ok()))
    }
}

/// Where the jobs are that wait to be submitted.
pub(super) struct Waiting {
    table: &'static str,
    number: &'static str,
    condition: &'static str,
    /// The pairs are grouped by it.
    request: fn() -> String,
}

impl Waiting {
    const IN_THE_QUEUE: Self = Self {
        table: "jobs",
        number: "seq",
        condition: "state = 'pending'",
        request: || ASKED_FOR.group_by_content(SQLITE),
    };
    /// The rows that are new, changed, moved or unchanged and waiting.
    pub(super) const IN_A_LOAD: Self = Self {
        table: "rows",
        number: "n",
        condition: "(fate = 0 OR fate = 2 OR fate = 3 OR fate = 4)",
        request: || ASKED_FOR.group_by(staged_content_of),
    };
}

/// What a picture of a load is: one that the queue has, what was read, or itself.
fn staged_content_of(picture: &str) -> String {
    format!(
        "(SELECT coalesce('known ' || coalesce(i.known, i.equal), i.sha256, 'new ' || i.input) FROM inputs i
           WHERE i.input = {picture})"
    )
}

/// How much waits, and how much of it is the same again.
pub(super) fn workload(
    db: &Connection,
    waiting: &Waiting,
    default_model: &ModelName,
    most_repeats: usize,
) -> Result<Workload> {
    let Waiting { table, number, condition, request } = waiting;
    let one = |what: &str| -> Result<u64> {
        let query = format!("SELECT count(DISTINCT {what}) FROM {table} WHERE {condition}");
        Ok(db.query_row(&query, [], |row| row.get(0))?)
    };
    let mut work = Workload { humans: one("human")?, cloths: one("cloth")?, ..Workload::default() };
    let request = request();
    let query =
        format!("SELECT min({number}), max({number}), count(*) FROM {table} WHERE {condition} GROUP BY {request}");
    let mut statement = db.prepare_cached(&query)?;
    let mut pairs = statement.query([default_model.as_str()])?;
    let mut first_repeats: Vec<(i64, i64, u64)> = Vec::new();
    while let Some(row) = pairs.next()? {
        let (first, last, jobs): (i64, i64, u64) = (row.get(0)?, row.get(1)?, row.get(2)?);
        work.distinct_pairs += 1;
        work.jobs += jobs;
        if jobs > 1 {
            let place = first_repeats.partition_point(|(other, ..)| *other < first);
            first_repeats.insert(place, (first, last, jobs));
            first_repeats.truncate(most_repeats);
        }
    }
    let id_of = |wanted: i64| -> Result<JobId> {
        let query = format!("SELECT id FROM {table} WHERE {number} = ?1");
        Ok(JobId::trusted(db.prepare_cached(&query)?.query_row([wanted], |row| row.get(0))?))
    };
    for (first, last, jobs) in first_repeats {
        work.repeats.push(RepeatedPair { first: id_of(first)?, last: id_of(last)?, jobs });
    }
    Ok(work)
}
