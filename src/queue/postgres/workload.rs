//! How much is still to be submitted, and how much of it is the same again.

use std::time::Duration;

use crate::job::{JobId, ModelName};
use crate::queue::sqlite::Asking;
use crate::queue::{RepeatedPair, Workload};

use super::Db;
use super::db::args;
use super::error::Result;
use super::pages::POSTGRES;
use super::read::limit;
use super::rows::whole;

/// What a job asks the provider for, as columns of `jobs`; `$1` is the model of rows that name none.
const ASKED_FOR: Asking<'_> = Asking {
    human: "human",
    cloth: "cloth",
    cloth_type: "cloth_type",
    cloth_2: "cloth_2",
    cloth_type_2: "cloth_type_2",
    model: "coalesce(model, $1)",
    keep: "keep",
};

/// This many tasks tell how long one takes.
const TASKS_FOR_A_MEAN: i64 = 200;

/// How much waits, and how much of it is the same again. Looks at every job that waits.
pub(super) async fn workload(db: Db<'_>, default_model: &ModelName, most_repeats: usize) -> Result<Workload> {
    let pairs = format!(
        "(SELECT min(seq) AS first, max(seq) AS last, count(*) AS jobs FROM tryon.jobs WHERE state = 'pending'
           GROUP BY {}) AS pairs",
        ASKED_FOR.group_by_content(POSTGRES)
    );
    let query = format!(
        "SELECT (SELECT count(DISTINCT human) FROM tryon.jobs WHERE state = 'pending'),
                (SELECT count(DISTINCT cloth) FROM tryon.jobs WHERE state = 'pending'),
                count(*), coalesce(sum(jobs), 0)::bigint FROM {pairs}"
    );
    let row = db.one(&query, args![default_model.as_str()]).await?;
    let mut work = Workload {
        humans: whole(&row, 0)?,
        cloths: whole(&row, 1)?,
        distinct_pairs: whole(&row, 2)?,
        jobs: whole(&row, 3)?,
        ..Workload::default()
    };
    let query = format!(
        "SELECT f.id, l.id, repeated.jobs
           FROM (SELECT * FROM {pairs} WHERE jobs > 1 ORDER BY first LIMIT $2) AS repeated
           JOIN tryon.jobs f ON f.seq = repeated.first JOIN tryon.jobs l ON l.seq = repeated.last
          ORDER BY repeated.first"
    );
    for row in db.rows(&query, args![default_model.as_str(), limit(most_repeats)]).await? {
        work.repeats.push(RepeatedPair {
            first: JobId::trusted(row.try_get(0)?),
            last: JobId::trusted(row.try_get(1)?),
            jobs: whole(&row, 2)?,
        });
    }
    Ok(work)
}

/// How long the provider took for a task, in the mean of the last ones in manifest order; `None` before the first.
pub(super) async fn usual_task_time(db: Db<'_>) -> Result<Option<Duration>> {
    let query = "SELECT avg(task_ended_at - accepted_at)::double precision
                   FROM (SELECT task_ended_at, accepted_at FROM tryon.attempts
                          WHERE task_ended_at >= accepted_at ORDER BY job DESC LIMIT $1) AS last";
    let ms: Option<f64> = db.one(query, args![TASKS_FOR_A_MEAN]).await?.try_get(0)?;
    Ok(ms.and_then(|ms| Duration::try_from_secs_f64(ms / 1_000.0).ok()))
}
