//! Identical pairs are made once (`--dedupe`): before a job is claimed, its duplicates are looked at, that is, the jobs that
//! ask for the same pictures (the same bytes, wherever they lie), garments and model.
//!
//! A duplicate's image is copied, a duplicate that is under way is waited for, and a duplicate whose task has failed for good says how
//! this one's would end. What lies further back than a person's word counts for nothing: a job that was put back wants
//! something new. A duplicate that was made of other contents is none; so that this can be told, a job's pictures are looked at
//! before it shares anything.

use std::sync::LazyLock;

use jiff::Timestamp;
use rusqlite::{Connection, params};

use crate::job::state::{JobState, Transition};
use crate::job::{Failure, FailureKind, JobId, JobSeq, ModelName, TaskId};
use crate::queue::{Claimant, Epoch, LookedAt, Note, RunId, ToLookAt};

use super::claim::next_ready;
use super::contents;
use super::epochs::must_hold;
use super::rows::millis;
use super::same_request::Asking;
use super::selected::SQLITE;
use super::transition::{By, apply, one_row};
use super::{QueueError, Result};

/// This many jobs are settled in one transaction, so that no other verb waits long.
const MOST_SETTLED: usize = 256;

/// What the duplicates of a job mean for it.
enum Duplicate {
    /// Its image is there, or can be fetched without paying again.
    Made { seq: i64, task_id: TaskId },
    /// It is under way.
    AtWork { seq: i64 },
    /// Its task has failed for good.
    Failed { seq: i64, task_id: TaskId, failure: Failure },
}

/// The jobs that share a failure, and the one that has to be looked at before it is settled.
type Settled = (Vec<(JobId, Failure)>, Option<ToLookAt>);

/// Settles the jobs that would be claimed next and need not be submitted. `None` when the next one has to be submitted, or
/// there is none.
pub(super) fn settle_next(
    db: &Connection,
    (run, me): (RunId, Option<Epoch>),
    by: &Claimant,
    looked: Option<&LookedAt>,
    now: Timestamp,
) -> Result<Option<Settled>> {
    if let Some(me) = me {
        must_hold(db, me)?;
    }
    let default_model = &by.default_model;
    let mut failed = Vec::new();
    for settled in 0..MOST_SETTLED {
        let next = next_ready(db, by.forms, me, now)?;
        let duplicate = next.map(|seq| duplicate_of(db, seq, default_model, looked)).transpose()?.flatten();
        let (Some(seq), Some(duplicate)) = (next, duplicate) else {
            return Ok((settled > 0).then_some((failed, None)));
        };
        if looked.is_none_or(|looked| looked.seq.0 != seq)
            && let Some(unseen) = ToLookAt::of(JobSeq(seq), contents::known_of(db, seq)?)
        {
            return Ok(Some((failed, Some(unseen))));
        }
        failed.extend(settle(db, run, me, seq, duplicate, default_model, now)?);
    }
    Ok(Some((failed, None)))
}

/// Settles one job by its duplicate. Returns the failure, where it shares one.
fn settle(
    db: &Connection,
    run: RunId,
    me: Option<Epoch>,
    seq: i64,
    duplicate: Duplicate,
    default_model: &ModelName,
    now: Timestamp,
) -> Result<Option<(JobId, Failure)>> {
    let (duplicate, outcome, transition) = match duplicate {
        Duplicate::AtWork { seq: duplicate } => {
            let changed = db
                .prepare_cached("UPDATE jobs SET waits_for = ?2, retry_at = NULL WHERE seq = ?1 AND state = 'pending'")?
                .execute([seq, duplicate])?;
            one_row(changed, || QueueError::Stale { seq, attempt: 0 })?;
            return Ok(None);
        }
        Duplicate::Made { seq, task_id } => (seq, "downloading", Transition::Share { task_id }),
        Duplicate::Failed { seq, task_id, failure } => {
            (seq, "task_failed", Transition::ShareFailure { failure, task_id })
        }
    };
    // The attempt has a name only because every one has; nothing is sent under it.
    db.prepare_cached(
        "INSERT INTO attempts (job, attempt, run, external_task_id, model, claimed_at, asked, outcome,
                               task_id, message, units, task_ended_at, ended_at, shares, account, endpoint,
                               human_content, cloth_content, cloth_2_content)
         SELECT j.seq, j.attempt + 1, ?3, 'shared-' || j.seq || '-' || (j.attempt + 1), coalesce(j.model, ?4), ?5, 1, ?6,
                a.task_id, a.message, 0, a.task_ended_at, CASE ?6 WHEN 'downloading' THEN NULL ELSE ?5 END, t.seq, a.account, a.endpoint,
                a.human_content, a.cloth_content, a.cloth_2_content
           FROM jobs j JOIN jobs t ON t.seq = ?2 JOIN attempts a ON a.job = t.seq AND a.attempt = t.attempt
          WHERE j.seq = ?1
         ON CONFLICT (job, attempt) DO UPDATE SET
                run = excluded.run, external_task_id = excluded.external_task_id, model = excluded.model,
                claimed_at = excluded.claimed_at, outcome = excluded.outcome, task_id = excluded.task_id,
                message = excluded.message, units = excluded.units, task_ended_at = excluded.task_ended_at,
                ended_at = excluded.ended_at, shares = excluded.shares, account = excluded.account,
                endpoint = excluded.endpoint, human_content = excluded.human_content,
                cloth_content = excluded.cloth_content, cloth_2_content = excluded.cloth_2_content,
                http_status = NULL, code = NULL, request_id = NULL, sent_as = NULL, answer = NULL",
    )?
    .execute(params![seq, duplicate, run.0, default_model.as_str(), millis(now), outcome])?;
    match apply(db, JobSeq(seq), By::Run(me), &transition, &Note::default(), now)? {
        JobState::Failed { failure, .. } => {
            let id = db.prepare_cached("SELECT id FROM jobs WHERE seq = ?1")?.query_row([seq], |row| row.get(0))?;
            Ok(Some((JobId::trusted(id), failure)))
        }
        _ => Ok(None),
    }
}

/// What a job asks for, and what a duplicate `t` was made of in attempt `a`; `?2` is the model of rows that name none.
const OWN: Asking<'_> = Asking {
    human: "j.human",
    cloth: "j.cloth",
    cloth_type: "j.cloth_type",
    cloth_2: "j.cloth_2",
    cloth_type_2: "j.cloth_type_2",
    model: "coalesce(j.model, ?2)",
    keep: "j.keep",
};
const TWIN: Asking<'_> = Asking {
    human: "t.human",
    cloth: "t.cloth",
    cloth_type: "t.cloth_type",
    cloth_2: "t.cloth_2",
    cloth_type_2: "t.cloth_type_2",
    model: "a.model",
    keep: "t.keep",
};
static ASKS_FOR_THE_SAME: LazyLock<String> = LazyLock::new(|| TWIN.same_contents_as(&OWN, SQLITE));

/// What was sent for a duplicate is not known to be other than what the job's pictures are now: `?3`, `?4` and `?5`.
static OF_THE_SAME_CONTENTS: LazyLock<String> = LazyLock::new(|| {
    let no_other = |sent: &str, now: &str| {
        let known = "c.sha256 <> ''";
        format!("NOT EXISTS (SELECT 1 FROM contents c WHERE c.content = a.{sent} AND {known} AND c.sha256 <> {now})")
    };
    [("human_content", "?3"), ("cloth_content", "?4"), ("cloth_2_content", "?5")]
        .map(|(sent, now)| no_other(sent, now))
        .join(" AND ")
});

/// The query for one duplicate of job `?1`.
pub(super) fn duplicate_query(means: Means, states: &str, respect: &str) -> String {
    let is_new = if matches!(means, Means::AtWork) { "TRUE" } else { IS_NEW };
    format!(
        "SELECT t.seq, a.task_id, t.failure_kind, t.error_code, t.error
           FROM jobs j CROSS JOIN jobs t INDEXED BY jobs_by_pair
           JOIN attempts a ON a.job = t.seq AND a.attempt = t.attempt
          WHERE j.seq = ?1 AND {same} AND t.seq <> j.seq AND t.attempt > 0 AND t.state IN ({states}) AND {respect} AND {is_new}
            AND {contents} LIMIT 1",
        same = *ASKS_FOR_THE_SAME,
        contents = *OF_THE_SAME_CONTENTS
    )
}

/// What a duplicate means.
#[derive(Debug, Clone, Copy)]
pub(super) enum Means {
    Made,
    AtWork,
    Failed,
}

/// What was paid for, and made after the job was last put back.
const IS_NEW: &str = "a.task_ended_at > coalesce(j.put_back_at, -1)";

/// Twins that decide about a job, the best first, each as a state and what else must be so. A refusal decides nothing:
/// nothing was paid for it.
pub(super) const DUPLICATES: [(Means, &str, &str); 4] = [
    (Means::Made, "'succeeded'", "TRUE"),
    (Means::AtWork, "'submitting', 'in_doubt', 'running', 'downloading'", "TRUE"),
    (Means::Made, "'failed'", "t.failure_kind = 'download'"),
    (Means::Failed, "'failed'", "t.failure_kind IN ('task_failed', 'no_image')"),
];

fn duplicate_of(
    db: &Connection,
    seq: i64,
    default_model: &ModelName,
    looked: Option<&LookedAt>,
) -> Result<Option<Duplicate>> {
    let pictures = db
        .prepare_cached("SELECT human, cloth, cloth_2 FROM jobs WHERE seq = ?1")?
        .query_row([seq], |row| Ok([row.get(0)?, row.get(1)?, row.get(2)?]))?;
    let [human, cloth, second] = LookedAt::of(looked, seq, pictures);
    for (means, states, respect) in DUPLICATES {
        let mut statement = db.prepare_cached(&duplicate_query(means, states, respect))?;
        let mut rows = statement.query(params![seq, default_model.as_str(), human, cloth, second])?;
        let Some(row) = rows.next()? else { continue };
        let seq = row.get(0)?;
        if matches!(means, Means::AtWork) {
            return Ok(Some(Duplicate::AtWork { seq }));
        }
        let task_id: Option<String> = row.get(1)?;
        let task_id = task_id.map(TaskId).ok_or_else(|| QueueError::Damaged(format!("job {seq} has lost its task")))?;
        if matches!(means, Means::Made) {
            return Ok(Some(Duplicate::Made { seq, task_id }));
        }
        let kind: String = row.get(2)?;
        let kind = FailureKind::from_word(&kind).ok_or_else(|| QueueError::Damaged(format!("`{kind}` is no kind")))?;
        return Ok(Some(Duplicate::Failed {
            seq,
            task_id,
            failure: Failure { kind, code: row.get(3)?, message: row.get(4)? },
        }));
    }
    Ok(None)
}
