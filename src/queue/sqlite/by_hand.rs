//! What a person does by hand: puts jobs back, takes them out, says which task one became.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension};

use crate::job::state::{JobState, Transition};
use crate::job::{JobSeq, StateName, TaskId, id_key};
use crate::queue::Note;

use super::transition::{By, apply};
use super::writer::Keep;
use super::{QueueError, Result, SqliteQueue};

impl SqliteQueue {
    /// Puts one job back by hand, whatever is allowed from where it is. Returns its new state.
    ///
    /// # Errors
    /// [`QueueError::NoSuchJob`], or [`QueueError::Illegal`] for a job that is at work or done.
    pub(super) async fn retry(&self, id: String, now: Timestamp) -> Result<JobState> {
        self.writer.write(move |db| by_hand(db, &id, now, by_hand_retry)).await
    }

    /// Puts one finished job back by hand, to be submitted and paid for once more. Its image stays until another one
    /// takes its place.
    ///
    /// # Errors
    /// [`QueueError::NoSuchJob`], or [`QueueError::Illegal`] for a job that has no image, here or at the provider.
    pub(super) async fn make_anew(&self, id: String, now: Timestamp) -> Result<JobState> {
        self.writer.write(move |db| by_hand(db, &id, now, |_| Transition::MakeAnew)).await
    }

    /// Takes one job out by hand.
    ///
    /// # Errors
    /// [`QueueError::NoSuchJob`], or [`QueueError::Illegal`] for a job that was submitted.
    pub(super) async fn cancel(&self, id: String, now: Timestamp) -> Result<JobState> {
        self.writer.write(move |db| by_hand(db, &id, now, |_| Transition::Cancel)).await
    }

    /// Tells by hand which of the provider's tasks a job in doubt became.
    ///
    /// # Errors
    /// [`QueueError::NoSuchJob`]; [`QueueError::Illegal`] for a job that is not in doubt;
    /// [`QueueError::TaskTaken`] when the task is another job's.
    pub(super) async fn adopt(&self, id: String, task_id: TaskId, now: Timestamp) -> Result<JobState> {
        self.writer
            .write(move |db| {
                let owner: Option<String> = db
                    .query_row(
                        "SELECT j.id FROM attempts a JOIN jobs j ON j.seq = a.job WHERE a.task_id = ?1",
                        [&task_id.0],
                        |row| row.get(0),
                    )
                    .optional()?;
                if let Some(owner) = owner {
                    return Err(QueueError::TaskTaken { task: task_id.0, owner });
                }
                let (seq, state) = find(db, &id)?;
                if state != StateName::InDoubt {
                    return Err(QueueError::NotInDoubt { id, state });
                }
                apply(db, seq, By::Person, &Transition::Accept { task_id }, &Note::default(), now)
            })
            .await
    }

    /// Puts every job of a state back by hand (`failed`, `in_doubt`). Returns how many.
    pub(super) async fn retry_all(&self, state: StateName, now: Timestamp) -> Result<u64> {
        self.writer.write_alone(move |db| all_by_hand(db, state, now, by_hand_retry)).await
    }

    /// Takes every pending job out by hand. Returns how many.
    pub(super) async fn cancel_pending(&self, now: Timestamp) -> Result<u64> {
        self.writer.write_alone(move |db| all_by_hand(db, StateName::Pending, now, |_| Transition::Cancel)).await
    }
}

/// What putting back means for a state.
fn by_hand_retry(state: StateName) -> Transition {
    if state == StateName::InDoubt { Transition::GiveUpDoubt } else { Transition::Retry }
}

fn by_hand(
    db: &Connection,
    id: &str,
    now: Timestamp,
    transition: impl Fn(StateName) -> Transition,
) -> Result<JobState> {
    let (seq, state) = find(db, id)?;
    apply(db, seq, By::Person, &transition(state), &Note::default(), now)
}

/// The job of exactly this id.
pub(super) fn find(db: &Connection, id: &str) -> Result<(JobSeq, StateName)> {
    let found: Option<(i64, String, String)> = db
        .prepare_cached("SELECT seq, state, id FROM jobs WHERE id_key = ?1")?
        .query_row([id_key(id)], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
        .optional()?;
    let Some((seq, state, _)) = found.filter(|(_, _, found)| found == id) else {
        return Err(QueueError::NoSuchJob(id.to_owned()));
    };
    let state = StateName::from_word(&state).ok_or_else(|| QueueError::Damaged(format!("`{state}` is no state")))?;
    Ok((JobSeq(seq), state))
}

/// Moves every job of a state, page by page, so that memory stays flat.
fn all_by_hand(
    db: &Connection,
    state: StateName,
    now: Timestamp,
    transition: impl Fn(StateName) -> Transition,
) -> Result<(u64, Keep)> {
    // The word is in the text, not in a parameter, so that SQLite sees that a partial index fits.
    let page = format!("SELECT seq FROM jobs WHERE state = '{}' AND seq > ?1 ORDER BY seq LIMIT 1000", state.word());
    let mut moved = 0;
    let mut after = 0;
    loop {
        let mut statement = db.prepare_cached(&page)?;
        let seqs: Vec<i64> = statement.query_map([after], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
        for seq in &seqs {
            apply(db, JobSeq(*seq), By::Person, &transition(state), &Note::default(), now)?;
        }
        moved += seqs.len() as u64;
        match seqs.last() {
            Some(last) => after = *last,
            None => return Ok((moved, Keep::Yes)),
        }
    }
}
