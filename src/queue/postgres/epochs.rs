//! What is to be known of epochs before something is written for one: whose a job is, and what is left for one more claim.

use crate::job::{AccountName, JobSeq};
use crate::queue::hosts::{DOUBT_HOLDS_SLOT_MS, WANTS_FOR_MS};
use crate::queue::{Claimant, Epoch, Holder, NoRoom, QueueError, Room};

use super::Db;
use super::db::args;
use super::error::Result;
use super::rows::whole;

/// The time by the database's clock, in Unix milliseconds.
pub(super) const CLOCK: &str = "(extract(epoch FROM clock_timestamp()) * 1000)::bigint";

/// Where a host is to be known by its heartbeat alone: it lives while its lease, since then, is not over.
pub(super) fn is_live() -> String {
    format!("dead_at IS NULL AND lapsed_at IS NULL AND seen_at + lease_ms >= {CLOCK}")
}

/// That an epoch may act: an error where it has lapsed or is dead. Its row is locked, so that nobody can write that it has, and
/// go by what is there, before this transaction has ended. To be asked before any other lock is taken.
pub(super) async fn must_hold(db: Db<'_>, me: Epoch) -> Result<()> {
    let query = "SELECT dead_at IS NULL AND lapsed_at IS NULL FROM tryon.hosts WHERE epoch = $1 FOR NO KEY UPDATE";
    let holds = db.row(query, args![me.0]).await?.map(|row| row.try_get(0)).transpose()?;
    if holds == Some(true) { Ok(()) } else { Err(QueueError::LeaseLost) }
}

/// Whose a job is, as its row and that of its epoch say.
#[derive(Debug, Clone, Copy)]
pub(super) struct Owner {
    pub(super) epoch: Option<i64>,
    pub(super) is_dead: bool,
    pub(super) has_lapsed: bool,
}

impl Owner {
    /// Whose the job is for an epoch; `None` for a living host's.
    pub(super) fn holder(self, me: Option<Epoch>) -> Option<Holder> {
        match self.epoch {
            None => Some(Holder::Gone),
            Some(epoch) if me == Some(Epoch(epoch)) => Some(Holder::Ours),
            Some(_) if self.is_dead => Some(Holder::Gone),
            Some(_) => self.has_lapsed.then_some(Holder::Lapsed),
        }
    }
}

/// The lock of what all hosts share.
pub(super) const ROOM: &str = "tryon: room";

/// How many slots of a job's account are taken by other jobs.
pub(super) async fn tasks_beside(db: Db<'_>, seq: JobSeq) -> Result<u32> {
    let query = format!(
        "SELECT count(*)
           FROM (SELECT seq, attempt FROM tryon.jobs WHERE state = 'submitting'
                 UNION ALL SELECT seq, attempt FROM tryon.jobs WHERE state = 'running'
                 UNION ALL SELECT seq, attempt FROM tryon.jobs WHERE state = 'in_doubt' AND moved_at > {CLOCK} - $2) AS j
           JOIN tryon.attempts a ON a.job = j.seq AND a.attempt = j.attempt
           JOIN tryon.jobs mine ON mine.seq = $1
           JOIN tryon.attempts its ON its.job = mine.seq AND its.attempt = mine.attempt
          WHERE j.seq <> $1
            AND a.account IS NOT DISTINCT FROM its.account AND a.endpoint IS NOT DISTINCT FROM its.endpoint"
    );
    whole(&db.one(&query, args![seq.0, DOUBT_HOLDS_SLOT_MS]).await?, 0)
}

/// That an epoch may claim, and that nobody else claims what is shared with it until this transaction has ended. To be asked
/// before any other lock is taken.
pub(super) async fn may_claim(db: Db<'_>, me: Option<Epoch>, by: &Claimant) -> Result<()> {
    if let Some(me) = me {
        must_hold(db, me).await?;
    }
    lock_room(db, by).await
}

/// Keeps other hosts from claiming what is shared with them until this transaction has ended.
async fn lock_room(db: Db<'_>, by: &Claimant) -> Result<()> {
    if by.room.is_some() { db.lock(ROOM).await } else { Ok(()) }
}

/// The account of who claims, in one text, as refusals in a row have it.
fn account_of(by: &Claimant) -> String {
    format!("{} {}", by.account.as_ref().map_or("", AccountName::as_str), by.endpoint.as_deref().unwrap_or_default())
}

/// How many jobs are in the row of an account that this epoch has seen, and how many may join it: those that are being submitted.
async fn in_a_row(db: Db<'_>, me: Epoch, by: &Claimant) -> Result<(u32, u32)> {
    let query = "
        SELECT (SELECT count(*) FROM tryon.refusals
                 WHERE account = $1 AND at >= (SELECT started_at FROM tryon.hosts WHERE epoch = $2)),
               (SELECT count(*) FROM tryon.jobs j JOIN tryon.attempts a ON a.job = j.seq AND a.attempt = j.attempt
                 WHERE j.state = 'submitting' AND a.account IS NOT DISTINCT FROM $3 AND a.endpoint IS NOT DISTINCT FROM $4)";
    let account = by.account.as_ref().map(AccountName::as_str);
    let row = db.one(query, args![account_of(by), me.0, account, by.endpoint]).await?;
    Ok((whole(&row, 0)?, whole(&row, 1)?))
}

/// [`lacks_room`] for a host that claims nothing yet. That it wants some need not outlive a crash, so no flush is waited for.
pub(super) async fn asks_for_room(db: Db<'_>, me: Epoch, by: &Claimant, room: Room) -> Result<Option<NoRoom>> {
    let (_, lack) = tokio::try_join!(
        async { db.run("SET LOCAL synchronous_commit TO off", args![]).await },
        lacks_room(db, me, by, room)
    )?;
    Ok(lack)
}

/// Whether there is too little of what all hosts share for one more claim. Notes that this host wants some. States are in the
/// text, one by one, so that partial indexes are seen to fit.
pub(super) async fn lacks_room(db: Db<'_>, me: Epoch, by: &Claimant, room: Room) -> Result<Option<NoRoom>> {
    let wants = format!("UPDATE tryon.hosts SET wants_at = {CLOCK} WHERE epoch = $1");
    let in_doubt = "SELECT (SELECT count(*) FROM tryon.jobs WHERE state = 'submitting')
                         + (SELECT count(*) FROM tryon.jobs WHERE state = 'in_doubt')";
    let in_flight = format!(
        "SELECT j.epoch, count(*)
           FROM (SELECT seq, attempt, epoch FROM tryon.jobs WHERE state = 'submitting'
                 UNION ALL SELECT seq, attempt, epoch FROM tryon.jobs WHERE state = 'running'
                 UNION ALL SELECT seq, attempt, epoch FROM tryon.jobs
                            WHERE state = 'in_doubt' AND moved_at > {CLOCK} - $1) AS j
           JOIN tryon.attempts a ON a.job = j.seq AND a.attempt = j.attempt
          WHERE a.account IS NOT DISTINCT FROM $2 AND a.endpoint IS NOT DISTINCT FROM $3
          GROUP BY j.epoch"
    );
    let wanting = format!(
        "SELECT epoch FROM tryon.hosts WHERE dead_at IS NULL AND lapsed_at IS NULL AND wants_at > {CLOCK} - $1"
    );
    let account = by.account.as_ref().map(AccountName::as_str);
    let (_, in_doubt, in_flight, wanting, refused) = tokio::try_join!(
        async { db.run(&wants, args![me.0]).await },
        async { db.one(in_doubt, args![]).await },
        async { db.rows(&in_flight, args![DOUBT_HOLDS_SLOT_MS, account, by.endpoint]).await },
        async { db.rows(&wanting, args![WANTS_FOR_MS]).await },
        in_a_row(db, me, by),
    )?;
    if whole::<u64>(&in_doubt, 0)? >= room.max_in_doubt {
        return Ok(Some(NoRoom::Doubt));
    }
    if let Some(lack) = NoRoom::of_refusals(refused.0, refused.1) {
        return Ok(Some(lack));
    }
    let in_flight = in_flight.iter().map(|row| Ok((row.try_get(0)?, whole(row, 1)?))).collect::<Result<Vec<_>>>()?;
    let wanting = wanting.iter().map(|row| Ok(row.try_get(0)?)).collect::<Result<Vec<i64>>>()?;
    Ok(room.lacks_slots(me, &in_flight, &wanting))
}
