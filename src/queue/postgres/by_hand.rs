//! What a person does by hand: puts jobs back, takes them out, says which task one became.

use jiff::Timestamp;

use crate::job::state::{JobState, Transition};
use crate::job::{JobSeq, StateName, TaskId, id_key};
use crate::queue::columns::state_of;
use crate::queue::{Note, QueueError};

use super::Db;
use super::db::args;
use super::error::Result;
use super::transition::{By, apply};
use super::transition_all::apply_to_all;

/// This many jobs are moved at a time.
const PAGE: i64 = 5_000;

/// What putting back means for a state.
pub(super) fn by_hand_retry(state: StateName) -> Transition {
    if state == StateName::InDoubt { Transition::GiveUpDoubt } else { Transition::Retry }
}

pub(super) async fn by_hand(
    db: Db<'_>,
    id: &str,
    now: Timestamp,
    transition: impl Fn(StateName) -> Transition,
) -> Result<JobState> {
    let (seq, state) = find(db, id).await?;
    apply(db, seq, By::Person, &transition(state), &Note::default(), now).await
}

/// The job of exactly this id, locked for this transaction.
pub(super) async fn find(db: Db<'_>, id: &str) -> Result<(JobSeq, StateName)> {
    let query = "SELECT seq, state FROM tryon.jobs WHERE id_key = $1 AND id = $2 FOR NO KEY UPDATE";
    let Some(row) = db.row(query, args![id_key(id), id]).await? else {
        return Err(QueueError::NoSuchJob(id.to_owned()));
    };
    Ok((JobSeq(row.try_get(0)?), state_of(&row.try_get::<_, String>(1)?)?))
}

pub(super) async fn adopt(db: Db<'_>, id: &str, task_id: &TaskId, now: Timestamp) -> Result<JobState> {
    // Two people may give one task to two jobs at once.
    db.lock(&format!("tryon: task {}", task_id.0)).await?;
    let query = "SELECT j.id FROM tryon.attempts a JOIN tryon.jobs j ON j.seq = a.job WHERE a.task_id = $1 LIMIT 1";
    if let Some(row) = db.row(query, args![task_id.0]).await? {
        return Err(QueueError::TaskTaken { task: task_id.0.clone(), owner: row.try_get(0)? });
    }
    let (seq, state) = find(db, id).await?;
    if state != StateName::InDoubt {
        return Err(QueueError::NotInDoubt { id: id.to_owned(), state });
    }
    apply(db, seq, By::Person, &Transition::Accept { task_id: task_id.clone() }, &Note::default(), now).await
}

/// Moves every job of a state, page by page, so that memory stays flat.
pub(super) async fn all_by_hand(
    db: Db<'_>,
    state: StateName,
    now: Timestamp,
    transition: impl Fn(StateName) -> Transition,
) -> Result<u64> {
    let (mut moved, mut after) = (0, 0);
    // The word is in the text, not in a parameter, so that a partial index is seen to fit.
    let page = format!(
        "SELECT seq FROM tryon.jobs WHERE state = '{}' AND seq > $1 ORDER BY seq LIMIT $2 FOR NO KEY UPDATE",
        state.word()
    );
    let transition = transition(state);
    loop {
        let rows = db.rows(&page, args![after, PAGE]).await?;
        let seqs: Vec<i64> = rows.iter().map(|row| row.try_get(0)).collect::<std::result::Result<_, _>>()?;
        let Some(last) = seqs.iter().copied().max() else { return Ok(moved) };
        apply_to_all(db, &seqs, &transition, now).await?;
        moved += seqs.len() as u64;
        after = last;
    }
}
