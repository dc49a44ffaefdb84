//! Identical pairs are made once (`--dedupe`): before a job is claimed, its duplicates are looked at, that is, the jobs that
//! ask for the same pictures (the same bytes, wherever they lie), garments and model.
//!
//! A duplicate's image is copied, one that is under way is waited for, and one whose task has failed for good says how this
//! one's would end. What lies further back than a person's word counts for nothing: a job that was put back wants something
//! new. Two claims never look at jobs of one pair at once: both would find nobody, and both would pay. A duplicate that was made
//! of other contents is none; so that this can be told, a job's pictures are looked at before it shares anything.

use jiff::Timestamp;
use tokio_postgres::Row;

use crate::job::state::{JobState, Transition};
use crate::job::{ExternalTaskId, Failure, FailureKind, JobId, JobSeq, ModelName, StateName, TaskId};
use crate::queue::columns::millis;
use crate::queue::sqlite::{Asking, content_of};
use crate::queue::{ClaimOnce, Claimant, Epoch, LookedAt, Note, PostgresAddress, QueueError, RunId, ToLookAt};

use super::Db;
use super::claim::{next_free, next_ready, none_ready, take};
use super::connect::End;
use super::contents;
use super::db::args;
use super::epochs::may_claim;
use super::error::Result;
use super::pages::POSTGRES;
use super::transition::{By, apply, one_row};

/// This many jobs are settled in one transaction, so that no other verb waits long.
const MOST_SETTLED: usize = 256;

/// What the duplicates of a job mean for it.
enum Duplicate {
    /// Its image is there, or can be fetched without paying again.
    Made { seq: JobSeq, task_id: TaskId },
    /// It is under way.
    AtWork { seq: JobSeq },
    /// Its task has failed for good.
    Failed { seq: JobSeq, task_id: TaskId, failure: Failure },
}

/// Settles the jobs that would be claimed next and need not be submitted; else takes the next one.
pub(super) async fn claim_once(
    db: Db<'_>,
    address: &PostgresAddress,
    (run, me): (RunId, Option<Epoch>),
    external_id: &ExternalTaskId,
    (by, looked): (&Claimant, Option<&LookedAt>),
    now: Timestamp,
) -> Result<End<ClaimOnce>> {
    may_claim(db, me, by).await?;
    let mut failed = Vec::new();
    for settled in 0..MOST_SETTLED {
        let is_first = settled == 0;
        let next = match is_first {
            true => next_ready(db, address, (by.forms, me), now).await?,
            false => next_free(db, address, (by.forms, me), now).await?,
        };
        let Some(seq) = next else {
            return Ok(if is_first { claimed(none_ready(db).await?) } else { settled_so_far(failed, None) });
        };
        if !lock_pair(db, seq, is_first).await? {
            return Ok(settled_so_far(failed, None));
        }
        match duplicate_of(db, seq, &by.default_model, looked).await? {
            Some(duplicate) => {
                if let Some(look) = unseen(db, seq, looked).await? {
                    return Ok(settled_so_far(failed, Some(look)));
                }
                failed.extend(settle(db, (run, me), seq, duplicate, &by.default_model, now).await?);
            }
            None if is_first => return Ok(claimed(take(db, (run, me), seq, external_id, by, now).await?)),
            None => break,
        }
    }
    Ok(settled_so_far(failed, None))
}

fn settled_so_far(failed: Vec<(JobId, Failure)>, to_look_at: Option<ToLookAt>) -> End<ClaimOnce> {
    End::Commit(ClaimOnce::Settled { failed, to_look_at })
}

/// What has to be looked at before a job shares anything, unless that was done.
async fn unseen(db: Db<'_>, seq: JobSeq, looked: Option<&LookedAt>) -> Result<Option<ToLookAt>> {
    if looked.is_some_and(|looked| looked.seq == seq) {
        return Ok(None);
    }
    Ok(ToLookAt::of(seq, contents::known_of(db, seq).await?))
}

fn claimed(end: End<crate::queue::Claim>) -> End<ClaimOnce> {
    match end {
        End::Commit(claim) => End::Commit(ClaimOnce::Claim(claim)),
        End::RollBack(claim) => End::RollBack(ClaimOnce::Claim(claim)),
    }
}

/// Keeps other claims from jobs of the same pictures until this transaction ends. Only the first lock of a transaction is
/// waited for, so that no two transactions wait for each other; `false` where a later one is not to be had at once.
async fn lock_pair(db: Db<'_>, seq: JobSeq, is_waited_for: bool) -> Result<bool> {
    let [human, cloth] = ["j.human", "j.cloth"].map(|picture| content_of(picture, POSTGRES));
    let row = db.one(&format!("SELECT {human}, {cloth} FROM tryon.jobs j WHERE j.seq = $1"), args![seq.0]).await?;
    let pair = format!("tryon: pair {} {}", row.try_get::<_, String>(0)?, row.try_get::<_, String>(1)?);
    if is_waited_for {
        db.lock(&pair).await?;
        return Ok(true);
    }
    db.try_lock(&pair).await
}

/// Settles one job by its duplicate. Returns the failure, where it shares one.
async fn settle(
    db: Db<'_>,
    (run, me): (RunId, Option<Epoch>),
    seq: JobSeq,
    duplicate: Duplicate,
    default_model: &ModelName,
    now: Timestamp,
) -> Result<Option<(JobId, Failure)>> {
    let (duplicate, outcome, transition) = match duplicate {
        Duplicate::AtWork { seq: duplicate } => {
            wait_for(db, seq, duplicate).await?;
            return Ok(None);
        }
        Duplicate::Made { seq, task_id } => (seq, "downloading", Transition::Share { task_id }),
        Duplicate::Failed { seq, task_id, failure } => {
            (seq, "task_failed", Transition::ShareFailure { failure, task_id })
        }
    };
    // The attempt has a name only because every one has; nothing is sent under it.
    db.run(
        "INSERT INTO tryon.attempts AS t (job, attempt, run, external_task_id, model, claimed_at, asked, outcome,
                               task_id, message, units, task_ended_at, ended_at, shares, account, endpoint,
                               human_content, cloth_content, cloth_2_content)
         SELECT j.seq, j.attempt + 1, $3, 'shared-' || j.seq || '-' || (j.attempt + 1), coalesce(j.model, $4), $5, 1, $6,
                a.task_id, a.message, 0, a.task_ended_at, CASE $6 WHEN 'downloading' THEN NULL ELSE $5 END, d.seq,
                a.account, a.endpoint,
                a.human_content, a.cloth_content, a.cloth_2_content
           FROM tryon.jobs j JOIN tryon.jobs d ON d.seq = $2
           JOIN tryon.attempts a ON a.job = d.seq AND a.attempt = d.attempt
          WHERE j.seq = $1
         ON CONFLICT (job, attempt) DO UPDATE SET
                run = excluded.run, external_task_id = excluded.external_task_id, model = excluded.model,
                claimed_at = excluded.claimed_at, outcome = excluded.outcome, task_id = excluded.task_id,
                message = excluded.message, units = excluded.units, task_ended_at = excluded.task_ended_at,
                ended_at = excluded.ended_at, shares = excluded.shares, account = excluded.account,
                endpoint = excluded.endpoint, human_content = excluded.human_content,
                cloth_content = excluded.cloth_content, cloth_2_content = excluded.cloth_2_content,
                http_status = NULL, code = NULL, request_id = NULL, sent_as = NULL, answer = NULL",
        args![seq.0, duplicate.0, run.0, default_model.as_str(), millis(now), outcome],
    )
    .await?;
    match apply(db, seq, By::Run(me), &transition, &Note::default(), now).await? {
        JobState::Failed { failure, .. } => {
            let row = db.one("SELECT id FROM tryon.jobs WHERE seq = $1", args![seq.0]).await?;
            Ok(Some((JobId::trusted(row.try_get(0)?), failure)))
        }
        _ => Ok(None),
    }
}

/// A job waits for the end of another one. That one's row is locked, so that its end cannot be overlooked: either it is still
/// under way when this is written, and lets this one go later, or it is looked at again.
async fn wait_for(db: Db<'_>, seq: JobSeq, duplicate: JobSeq) -> Result<()> {
    let row = db.row("SELECT state FROM tryon.jobs WHERE seq = $1 FOR SHARE", args![duplicate.0]).await?;
    let state = row.map(|row| row.try_get::<_, String>(0)).transpose()?;
    let state = state.as_deref().and_then(StateName::from_word);
    use StateName::{Downloading, InDoubt, Running, Submitting};
    if !matches!(state, Some(Submitting | InDoubt | Running | Downloading)) {
        return Ok(());
    }
    let statement = "UPDATE tryon.jobs SET waits_for = $2, retry_at = NULL WHERE seq = $1 AND state = 'pending'";
    let changed = db.run(statement, args![seq.0, duplicate.0]).await?;
    one_row(changed, || QueueError::Stale { seq: seq.0, attempt: 0 })
}

/// What a job asks for, and what a duplicate `t` was made of in attempt `a`; `$2` is the model of rows that name none.
const OWN: Asking<'_> = Asking {
    human: "j.human",
    cloth: "j.cloth",
    cloth_type: "j.cloth_type",
    cloth_2: "j.cloth_2",
    cloth_type_2: "j.cloth_type_2",
    model: "coalesce(j.model, $2)",
    keep: "j.keep",
};
const DUPLICATE: Asking<'_> = Asking {
    human: "t.human",
    cloth: "t.cloth",
    cloth_type: "t.cloth_type",
    cloth_2: "t.cloth_2",
    cloth_type_2: "t.cloth_type_2",
    model: "a.model",
    keep: "t.keep",
};

/// The query for the duplicate that decides about job `$1`. The best kind comes first; a refusal decides nothing, because
/// nothing was paid for it. What was made counts where it was paid for and made after the job was last put back, and where what
/// was sent is not known to be other than what the job's pictures are now: `$3`, `$4` and `$5`.
fn duplicate_query() -> String {
    let is_at_work = "t.state IN ('submitting', 'in_doubt', 'running', 'downloading')";
    let no_other = |(sent, now): (&str, &str)| {
        let known = "c.sha256 <> ''";
        format!(
            "NOT EXISTS (SELECT 1 FROM tryon.contents c WHERE c.content = a.{sent} AND {known} AND c.sha256 <> {now})"
        )
    };
    let contents =
        [("human_content", "$3"), ("cloth_content", "$4"), ("cloth_2_content", "$5")].map(no_other).join(" AND ");
    let is_new = "a.task_ended_at > coalesce(j.put_back_at, -1)";
    format!(
        "SELECT kind, seq, task_id, failure_kind, error_code, error
           FROM (SELECT CASE WHEN t.state = 'succeeded' AND {is_new} THEN 1
                             WHEN {is_at_work} THEN 2
                             WHEN t.state = 'failed' AND t.failure_kind = 'download' AND {is_new} THEN 3
                             WHEN t.state = 'failed' AND t.failure_kind IN ('task_failed', 'no_image') AND {is_new} THEN 4
                        END AS kind,
                        t.seq, a.task_id, t.failure_kind, t.error_code, t.error
                   FROM tryon.jobs j CROSS JOIN tryon.jobs t
                   JOIN tryon.attempts a ON a.job = t.seq AND a.attempt = t.attempt
                  WHERE j.seq = $1 AND {same} AND t.seq <> j.seq AND t.attempt > 0 AND {contents}) AS found
          WHERE kind IS NOT NULL ORDER BY kind LIMIT 1",
        same = DUPLICATE.same_contents_as(&OWN, POSTGRES)
    )
}

async fn duplicate_of(
    db: Db<'_>,
    seq: JobSeq,
    default_model: &ModelName,
    looked: Option<&LookedAt>,
) -> Result<Option<Duplicate>> {
    let row = db.one("SELECT human, cloth, cloth_2 FROM tryon.jobs WHERE seq = $1", args![seq.0]).await?;
    let pictures = [row.try_get(0)?, row.try_get(1)?, row.try_get(2)?];
    let [human, cloth, second] = LookedAt::of(looked, seq.0, pictures);
    let row = db.row(&duplicate_query(), args![seq.0, default_model.as_str(), human, cloth, second]).await?;
    row.map(|row| read_duplicate(&row)).transpose()
}

fn read_duplicate(row: &Row) -> Result<Duplicate> {
    let seq = JobSeq(row.try_get(1)?);
    let kind: i32 = row.try_get(0)?;
    if kind == 2 {
        return Ok(Duplicate::AtWork { seq });
    }
    let task_id: Option<String> = row.try_get(2)?;
    let task_id = task_id.map(TaskId).ok_or_else(|| QueueError::Damaged(format!("job {} has lost its task", seq.0)))?;
    if kind != 4 {
        return Ok(Duplicate::Made { seq, task_id });
    }
    let word: String = row.try_get(3)?;
    let kind = FailureKind::from_word(&word).ok_or_else(|| QueueError::Damaged(format!("`{word}` is no kind")))?;
    Ok(Duplicate::Failed { seq, task_id, failure: Failure { kind, code: row.try_get(4)?, message: row.try_get(5)? } })
}
