//! Jobs whose local pictures some hosts do not have: who has looked, and whether anybody is left who might.

use jiff::Timestamp;
use rusqlite::{Connection, named_params, params};

use crate::job::JobSeq;
use crate::job::state::{JobState, Transition};
use crate::queue::hosts::{MOST_TOLD, had_by_nobody};
use crate::queue::{Epoch, Note};

use super::epochs::{IS_LIVE, clock, must_hold};
use super::error::Result;
use super::transition::{By, apply};

/// The condition by which a claim passes over jobs that this epoch could not see.
pub(super) fn passed_over(me: Option<Epoch>) -> String {
    me.map_or_else(String::new, |me| {
        format!(" AND NOT EXISTS (SELECT 1 FROM unseen u WHERE u.job = seq AND u.epoch = {})", me.0)
    })
}

/// A living host other than `:me` that has not looked at job `{job}`.
fn may_be_had_by_another(job: &str) -> String {
    format!(
        "EXISTS (SELECT 1 FROM hosts h WHERE {IS_LIVE} AND h.epoch <> :me
                    AND NOT EXISTS (SELECT 1 FROM unseen o WHERE o.job = {job} AND o.epoch = h.epoch))"
    )
}

/// See [`crate::queue::Queue::cannot_see`].
pub(super) fn cannot_see(
    db: &Connection,
    me: Epoch,
    (seq, attempt): (JobSeq, u32),
    why: &str,
    now: Timestamp,
) -> Result<JobState> {
    must_hold(db, me)?;
    let by = By::Worker { attempt, epoch: Some(me) };
    db.execute(
        "INSERT INTO unseen (epoch, job, why) VALUES (?1, ?2, ?3) ON CONFLICT (job, epoch) DO UPDATE SET why = excluded.why",
        params![me.0, seq.0, why],
    )?;
    let query = format!("SELECT {}", may_be_had_by_another(":job"));
    let asked = named_params! { ":clock": clock(), ":me": me.0, ":job": seq.0 };
    if db.query_row(&query, asked, |row| row.get(0))? {
        return apply(db, seq, by, &Transition::Release { retry_at: None }, &Note::of(why), now);
    }
    let query = format!(
        "SELECT h.name, u.why FROM unseen u JOIN hosts h ON h.epoch = u.epoch
          WHERE u.job = :job AND (h.epoch = :me OR {IS_LIVE}) ORDER BY h.name LIMIT {}",
        MOST_TOLD + 1
    );
    let looked: Vec<(String, String)> = db
        .prepare_cached(&query)?
        .query_map(asked, |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<rusqlite::Result<_>>()?;
    db.execute("DELETE FROM unseen WHERE job = ?1", [seq.0])?;
    let failure = had_by_nobody(&looked);
    let note = Note::of(failure.message.clone());
    apply(db, seq, by, &Transition::Refuse { failure }, &note, now)
}

/// See [`crate::queue::Queue::look_again`].
pub(super) fn look_again(db: &Connection, me: Epoch) -> Result<u64> {
    let statement = format!(
        "DELETE FROM unseen WHERE epoch = :me AND job IN (SELECT seq FROM jobs WHERE state = 'pending') AND NOT {}",
        may_be_had_by_another("unseen.job")
    );
    let forgotten = db.prepare_cached(&statement)?.execute(named_params! { ":clock": clock(), ":me": me.0 })?;
    Ok(forgotten as u64)
}

/// What dead epochs could not see is of no interest any more.
pub(super) fn forget_dead(db: &Connection) -> Result<()> {
    db.execute("DELETE FROM unseen WHERE epoch IN (SELECT epoch FROM hosts WHERE dead_at IS NOT NULL)", [])?;
    Ok(())
}
