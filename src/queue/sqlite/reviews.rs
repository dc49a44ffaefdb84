//! What people say of images: verdicts, each about one image, and rejected ones put back.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};

use crate::job::{JobSeq, StateName, Transition, clean_text};
use crate::queue::columns::{millis, read_verdict, timestamp};
use crate::queue::{GivenVerdict, Judgement, Note};

use super::by_hand::find;
use super::looks::make_all_anew;
use super::transition::{By, apply, one_row};
use super::writer::Keep;
use super::{QueueError, QueueReader, Result, SqliteQueue};

/// The first of the jobs whose result was rejected.
pub(super) const REJECTED_IMAGES_PAGE: &str = "SELECT seq FROM jobs WHERE verdict = 'rejected' ORDER BY seq LIMIT 1000";

impl SqliteQueue {
    /// Writes verdicts down, all or none. Returns what is wrong with which of them.
    pub(super) async fn judge_all(&self, all: Vec<Judgement>, now: Timestamp) -> Result<Vec<(usize, QueueError)>> {
        let is_one = all.len() == 1;
        let judge = move |db: &Connection| {
            let mut problems = Vec::new();
            for (place, judgement) in all.iter().enumerate() {
                match judge(db, judgement, now) {
                    Ok(()) => {}
                    Err(problem) if problem.is_about_a_judgement() => problems.push((place, problem)),
                    Err(error) => return Err(error),
                }
            }
            let keep = if problems.is_empty() { Keep::Yes } else { Keep::No };
            Ok((problems, keep))
        };
        if is_one { self.writer.write_if(judge).await } else { self.writer.write_alone(judge).await }
    }

    /// Puts every job back by hand whose result was rejected. Returns how many.
    pub(super) async fn make_rejected_anew(&self, now: Timestamp) -> Result<u64> {
        self.writer.write_alone(move |db| make_all_anew(db, REJECTED_IMAGES_PAGE, now)).await
    }

    /// Puts finished jobs back by hand. Returns how many were put back.
    pub(super) async fn make_these_anew(&self, jobs: Vec<JobSeq>, now: Timestamp) -> Result<u64> {
        self.writer
            .write_alone(move |db| {
                let mut moved = 0;
                for seq in jobs {
                    moved += u64::from(make_anew_if_finished(db, seq, now)?);
                }
                Ok((moved, Keep::Yes))
            })
            .await
    }
}

fn judge(db: &Connection, judgement: &Judgement, now: Timestamp) -> Result<()> {
    let (seq, state) = find(db, &judgement.id)?;
    let id = || judgement.id.clone();
    let sha256: Option<String> = db
        .prepare_cached("SELECT sha256 FROM images WHERE job = ?1 AND image = 0")?
        .query_row([seq.0], |row| row.get(0))
        .optional()?;
    let Some(sha256) = sha256.filter(|_| state == StateName::Succeeded) else {
        return Err(QueueError::NothingToJudge { id: id(), state });
    };
    if judgement.sha256.as_ref().is_some_and(|looked_at| *looked_at != sha256) {
        return Err(QueueError::ImageReplaced { id: id() });
    }
    let said = Said::of(judgement);
    let (before, given) = present(db, seq)?;
    if !judgement.seen.is_present(given) {
        return Err(QueueError::JudgedMeanwhile { id: id() });
    }
    if before == said {
        return Ok(());
    }
    db.prepare_cached(
        "INSERT INTO reviews (job, sha256, verdict, reason, reviewer, at) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?
    .execute(params![seq.0, sha256, said.verdict, said.reason, said.reviewer, millis(now)])?;
    set(db, seq, said.verdict.as_deref(), db.last_insert_rowid())
}

/// What is said, as it is stored.
#[derive(PartialEq)]
struct Said {
    verdict: Option<String>,
    reason: Option<String>,
    reviewer: Option<String>,
}

impl Said {
    fn of(judgement: &Judgement) -> Self {
        let clean = |text: &Option<String>| text.as_deref().map(clean_text).filter(|text| !text.is_empty());
        Self {
            verdict: judgement.verdict.map(|verdict| verdict.word().to_owned()),
            reason: clean(&judgement.reason).filter(|_| judgement.verdict.is_some()),
            reviewer: clean(&judgement.reviewer).filter(|_| judgement.verdict.is_some()),
        }
    }
}

/// What is said of the present image, and since when.
fn present(db: &Connection, seq: JobSeq) -> Result<(Said, Option<Timestamp>)> {
    let mut statement = db.prepare_cached(
        "SELECT j.verdict, r.reason, r.reviewer, r.at FROM jobs j LEFT JOIN reviews r ON r.review = j.review
          WHERE j.seq = ?1",
    )?;
    let (said, at) = statement.query_row([seq.0], |row| {
        Ok((Said { verdict: row.get(0)?, reason: row.get(1)?, reviewer: row.get(2)? }, row.get::<_, Option<i64>>(3)?))
    })?;
    Ok((said, at.map(timestamp).transpose()?))
}

fn set(db: &Connection, seq: JobSeq, verdict: Option<&str>, review: i64) -> Result<()> {
    let changed = db
        .prepare_cached(
            "UPDATE jobs SET verdict = ?2, review = CASE WHEN ?2 IS NOT NULL THEN ?3 END
              WHERE seq = ?1 AND state = 'succeeded'",
        )?
        .execute(params![seq.0, verdict, review])?;
    one_row(changed, || QueueError::Stale { seq: seq.0, attempt: 0 })
}

/// An image that was published is the same to the byte as one that was judged before: what was last said of that is said of
/// it.
pub(super) fn judge_as_before(db: &Connection, seq: JobSeq, sha256: &str) -> Result<()> {
    let before: Option<(i64, Option<String>)> = db
        .prepare_cached(
            "SELECT review, verdict FROM reviews WHERE job = ?1 AND sha256 = ?2 ORDER BY review DESC LIMIT 1",
        )?
        .query_row(params![seq.0, sha256], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    match before {
        Some((review, Some(verdict))) => set(db, seq, Some(&verdict), review),
        _ => Ok(()),
    }
}

fn make_anew_if_finished(db: &Connection, seq: JobSeq, now: Timestamp) -> Result<bool> {
    let is_finished: bool = db
        .prepare_cached("SELECT EXISTS (SELECT 1 FROM jobs WHERE seq = ?1 AND state = 'succeeded')")?
        .query_row([seq.0], |row| row.get(0))?;
    if is_finished {
        apply(db, seq, By::Person, &Transition::MakeAnew, &Note::default(), now)?;
    }
    Ok(is_finished)
}

impl QueueReader {
    /// What was said about a job's images, the first first.
    pub(super) fn verdicts(&self, seq: JobSeq) -> Result<Vec<GivenVerdict>> {
        let mut statement = self.db.prepare_cached(
            "SELECT sha256, verdict, reason, reviewer, at FROM reviews WHERE job = ?1 ORDER BY review",
        )?;
        let mut rows = statement.query([seq.0])?;
        let mut given = Vec::new();
        while let Some(row) = rows.next()? {
            given.push(GivenVerdict {
                sha256: row.get(0)?,
                verdict: read_verdict(row.get(1)?)?,
                reason: row.get(2)?,
                reviewer: row.get(3)?,
                at: timestamp(row.get(4)?)?,
            });
        }
        Ok(given)
    }
}
