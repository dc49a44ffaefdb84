//! What people say of images: verdicts, each about one image, and rejected ones put back.

use jiff::Timestamp;

use crate::job::{JobSeq, StateName, Transition, Verdict, clean_text};
use crate::queue::columns::{millis, read_verdict, tally_of, timestamp};
use crate::queue::{GivenVerdict, Judgement, Note, QueueError};

use super::Db;
use super::by_hand::find;
use super::connect::End;
use super::db::args;
use super::error::Result;
use super::tally::Changes;
use super::transition::{By, apply, one_row};

/// This many jobs are put back at a time.
const PAGE: i64 = 1_000;

/// Writes verdicts down, all or none. Returns what is wrong with which of them.
pub(super) async fn judge_all(db: Db<'_>, all: &[Judgement], now: Timestamp) -> Result<End<Vec<(usize, QueueError)>>> {
    // In one order, so that no two transactions wait for each other.
    let mut in_order: Vec<(usize, &Judgement)> = all.iter().enumerate().collect();
    in_order.sort_by(|one, other| one.1.id.cmp(&other.1.id));
    let (mut problems, mut changes) = (Vec::new(), Changes::default());
    for (place, judgement) in in_order {
        match judge(db, judgement, &mut changes, now).await {
            Ok(()) => {}
            Err(problem) if problem.is_about_a_judgement() => problems.push((place, problem)),
            Err(error) => return Err(error),
        }
    }
    if !problems.is_empty() {
        problems.sort_by_key(|(place, _)| *place);
        return Ok(End::RollBack(problems));
    }
    changes.write(db).await?;
    Ok(End::Commit(problems))
}

async fn judge(db: Db<'_>, judgement: &Judgement, changes: &mut Changes, now: Timestamp) -> Result<()> {
    let (seq, state) = find(db, &judgement.id).await?;
    let image = "SELECT i.sha256, j.verdict, r.reason, r.reviewer, r.at FROM tryon.jobs j
                   JOIN tryon.images i ON i.job = j.seq AND i.image = 0
                   LEFT JOIN tryon.reviews r ON r.review = j.review WHERE j.seq = $1";
    let row = db.row(image, args![seq.0]).await?.filter(|_| state == StateName::Succeeded);
    let Some(row) = row else { return Err(QueueError::NothingToJudge { id: judgement.id.clone(), state }) };
    let sha256: String = row.try_get(0)?;
    if judgement.sha256.as_ref().is_some_and(|looked_at| *looked_at != sha256) {
        return Err(QueueError::ImageReplaced { id: judgement.id.clone() });
    }
    let given = row.try_get::<_, Option<i64>>(4)?.map(timestamp).transpose()?;
    if !judgement.seen.is_present(given) {
        return Err(QueueError::JudgedMeanwhile { id: judgement.id.clone() });
    }
    let said = |text: &Option<String>| {
        text.as_deref().map(clean_text).filter(|text| !text.is_empty() && judgement.verdict.is_some())
    };
    let (reason, reviewer) = (said(&judgement.reason), said(&judgement.reviewer));
    let before = read_verdict(row.try_get(1)?)?;
    let is_said = (before, row.try_get(2)?, row.try_get(3)?) == (judgement.verdict, reason.clone(), reviewer.clone());
    if is_said {
        return Ok(());
    }
    let verdict = judgement.verdict.map(Verdict::word);
    let review = db
        .one(
            "INSERT INTO tryon.reviews (job, sha256, verdict, reason, reviewer, at) VALUES ($1, $2, $3, $4, $5, $6)
             RETURNING review",
            args![seq.0, sha256, verdict, reason, reviewer, millis(now)],
        )
        .await?;
    if let Some(before) = before {
        changes.count(tally_of(before), -1);
    }
    if let Some(after) = judgement.verdict {
        changes.count(tally_of(after), 1);
    }
    set(db, seq, verdict, review.try_get(0)?).await
}

async fn set(db: Db<'_>, seq: JobSeq, verdict: Option<&str>, review: i64) -> Result<()> {
    let statement = "UPDATE tryon.jobs SET verdict = $2, review = CASE WHEN $2 IS NOT NULL THEN $3 END
                      WHERE seq = $1 AND state = 'succeeded'";
    let changed = db.run(statement, args![seq.0, verdict, review]).await?;
    one_row(changed, || QueueError::Stale { seq: seq.0, attempt: 0 })
}

/// An image that was published is the same to the byte as one that was judged before: what was last said of that is said of
/// it.
pub(super) async fn judge_as_before(db: Db<'_>, seq: JobSeq, sha256: &str, changes: &mut Changes) -> Result<()> {
    let query = "SELECT review, verdict FROM tryon.reviews WHERE job = $1 AND sha256 = $2 ORDER BY review DESC LIMIT 1";
    let Some(row) = db.row(query, args![seq.0, sha256]).await? else { return Ok(()) };
    let Some(verdict) = read_verdict(row.try_get(1)?)? else { return Ok(()) };
    changes.count(tally_of(verdict), 1);
    set(db, seq, Some(verdict.word()), row.try_get(0)?).await
}

/// Puts every job back whose result was rejected. Those that were moved are rejected no more, so each page is the first one.
pub(super) async fn make_rejected_anew(db: Db<'_>, now: Timestamp) -> Result<u64> {
    let mut moved = 0;
    loop {
        let query = "SELECT seq FROM tryon.jobs WHERE verdict = 'rejected' ORDER BY seq LIMIT $1 FOR NO KEY UPDATE";
        let rows = db.rows(query, args![PAGE]).await?;
        if rows.is_empty() {
            return Ok(moved);
        }
        for row in &rows {
            apply(db, JobSeq(row.try_get(0)?), By::Person, &Transition::MakeAnew, &Note::default(), now).await?;
        }
        moved += rows.len() as u64;
    }
}

/// Puts those of these jobs back that are finished. Returns how many that were.
pub(super) async fn make_these_anew(db: Db<'_>, jobs: &[JobSeq], now: Timestamp) -> Result<u64> {
    let seqs: Vec<i64> = jobs.iter().map(|seq| seq.0).collect();
    let query =
        "SELECT seq FROM tryon.jobs WHERE seq = ANY ($1) AND state = 'succeeded' ORDER BY seq FOR NO KEY UPDATE";
    let rows = db.rows(query, args![seqs]).await?;
    for row in &rows {
        apply(db, JobSeq(row.try_get(0)?), By::Person, &Transition::MakeAnew, &Note::default(), now).await?;
    }
    Ok(rows.len() as u64)
}

/// What was said about a job's images, the first first.
pub(super) async fn verdicts(db: Db<'_>, seq: JobSeq) -> Result<Vec<GivenVerdict>> {
    let query = "SELECT sha256, verdict, reason, reviewer, at FROM tryon.reviews WHERE job = $1 ORDER BY review";
    let mut given = Vec::new();
    for row in db.rows(query, args![seq.0]).await? {
        given.push(GivenVerdict {
            sha256: row.try_get(0)?,
            verdict: read_verdict(row.try_get(1)?)?,
            reason: row.try_get(2)?,
            reviewer: row.try_get(3)?,
            at: timestamp(row.try_get(4)?)?,
        });
    }
    Ok(given)
}
