//! How much is still to be submitted, and how much of it is the same again.

use std::time::Duration;

use crate::job::{JobId, ModelName};
use crate::queue::{QueueReader, RepeatedPair, Workload};

use super::Result;

/// What a job asks the provider for, as columns of `jobs`; `?1` is the model of rows that name none. What the garments
/// are is sent only where there are two, by their places on the common picture.
const ASKED_FOR: &str = "human, cloth, ifnull(cloth_2, 0),
    CASE WHEN cloth_2 IS NULL THEN '' ELSE ifnull(cloth_type, '') || ' ' || cloth_type_2 END, ifnull(model, ?1)";

/// So many tasks tell how long one takes.
const TASKS_FOR_A_MEAN: u32 = 200;

impl QueueReader {
    /// How much is still to be submitted. `default_model` is the model of rows that name none, and `most_repeats` how
    /// many repeated pairs are named.
    ///
    /// Looks at every job that waits, and sorts them on disk: a second or two for a million, in flat memory.
    ///
    /// # Errors
    /// Those of the queue.
    pub fn workload(&self, default_model: &ModelName, most_repeats: usize) -> Result<Workload> {
        let one = |query: &str| -> Result<u64> { Ok(self.db.query_row(query, [], |row| row.get(0))?) };
        let mut work = Workload {
            humans: one("SELECT count(DISTINCT human) FROM jobs WHERE state = 'pending'")?,
            cloths: one("SELECT count(DISTINCT cloth) FROM jobs WHERE state = 'pending'")?,
            ..Workload::default()
        };
        let query =
            format!("SELECT min(seq), max(seq), count(*) FROM jobs WHERE state = 'pending' GROUP BY {ASKED_FOR}");
        let mut statement = self.db.prepare_cached(&query)?;
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
        for (first, last, jobs) in first_repeats {
            work.repeats.push(RepeatedPair { first: self.id_of(first)?, last: self.id_of(last)?, jobs });
        }
        Ok(work)
    }

    /// How long the provider took for a task, in the mean of the last ones in manifest order; `None` before the first.
    ///
    /// # Errors
    /// Those of the queue.
    pub fn usual_task_time(&self) -> Result<Option<Duration>> {
        let query = format!(
            "SELECT avg(task_ended_at - accepted_at)
               FROM (SELECT task_ended_at, accepted_at FROM attempts
                      WHERE task_ended_at >= accepted_at ORDER BY job DESC LIMIT {TASKS_FOR_A_MEAN})"
        );
        let ms: Option<f64> = self.db.query_row(&query, [], |row| row.get(0))?;
        Ok(ms.and_then(|ms| Duration::try_from_secs_f64(ms / 1_000.0).ok()))
    }

    fn id_of(&self, seq: i64) -> Result<JobId> {
        let mut statement = self.db.prepare_cached("SELECT id FROM jobs WHERE seq = ?1")?;
        Ok(JobId::trusted(statement.query_row([seq], |row| row.get(0))?))
    }
}
