//! Jobs whose local pictures some hosts do not have: who has looked, and whether anybody is left who might.

use jiff::Timestamp;

use crate::job::JobSeq;
use crate::job::state::{JobState, Transition};
use crate::queue::hosts::{MOST_TOLD, had_by_nobody};
use crate::queue::{Epoch, Note};

use super::Db;
use super::db::args;
use super::epochs::{is_live, must_hold};
use super::error::Result;
use super::transition::{By, apply};

/// The condition by which a claim passes over jobs that this epoch could not see. `OFFSET 0` has it asked of one job after the
/// other, by the index: as a join, ten thousand jobs that are passed over took eight seconds.
pub(super) fn passed_over(me: Option<Epoch>) -> String {
    me.map_or_else(String::new, |me| {
        format!(" AND NOT EXISTS (SELECT 1 FROM tryon.unseen u WHERE u.job = seq AND u.epoch = {} OFFSET 0)", me.0)
    })
}

/// A living host other than `$1` that has not looked at job `{job}`.
fn may_be_had_by_another(job: &str) -> String {
    format!(
        "EXISTS (SELECT 1 FROM tryon.hosts h WHERE {} AND h.epoch <> $1
                    AND NOT EXISTS (SELECT 1 FROM tryon.unseen o WHERE o.job = {job} AND o.epoch = h.epoch))",
        is_live()
    )
}

/// See [`crate::queue::Queue::cannot_see`].
pub(super) async fn cannot_see(
    db: Db<'_>,
    me: Epoch,
    (seq, attempt): (JobSeq, u32),
    why: &str,
    now: Timestamp,
) -> Result<JobState> {
    must_hold(db, me).await?;
    let by = By::Worker { attempt, epoch: Some(me) };
    let noted = "INSERT INTO tryon.unseen (epoch, job, why) VALUES ($1, $2, $3)
                 ON CONFLICT (job, epoch) DO UPDATE SET why = excluded.why";
    db.run(noted, args![me.0, seq.0, why]).await?;
    let query = format!("SELECT {}", may_be_had_by_another("$2"));
    if db.one(&query, args![me.0, seq.0]).await?.try_get(0)? {
        return apply(db, seq, by, &Transition::Release { retry_at: None }, &Note::of(why), now).await;
    }
    let query = format!(
        "SELECT h.name, u.why FROM tryon.unseen u JOIN tryon.hosts h ON h.epoch = u.epoch
          WHERE u.job = $1 AND (h.epoch = $2 OR {}) ORDER BY h.name LIMIT {}",
        is_live(),
        MOST_TOLD + 1
    );
    let looked = db.rows(&query, args![seq.0, me.0]).await?;
    let looked = looked.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect::<Result<Vec<_>>>()?;
    db.run("DELETE FROM tryon.unseen WHERE job = $1", args![seq.0]).await?;
    let failure = had_by_nobody(&looked);
    let note = Note::of(failure.message.clone());
    apply(db, seq, by, &Transition::Refuse { failure }, &note, now).await
}

/// See [`crate::queue::Queue::look_again`].
pub(super) async fn look_again(db: Db<'_>, me: Epoch) -> Result<u64> {
    let statement = format!(
        "DELETE FROM tryon.unseen u USING tryon.jobs j
          WHERE u.epoch = $1 AND j.seq = u.job AND j.state = 'pending' AND NOT {}",
        may_be_had_by_another("u.job")
    );
    db.run(&statement, args![me.0]).await
}

/// What dead epochs could not see is of no interest any more.
pub(super) async fn forget_dead(db: Db<'_>) -> Result<()> {
    let statement = "DELETE FROM tryon.unseen u USING tryon.hosts h WHERE h.epoch = u.epoch AND h.dead_at IS NOT NULL";
    db.run(statement, args![]).await?;
    Ok(())
}
