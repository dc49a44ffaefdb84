//! What is to be known of epochs before something is written for one: whose a job is, and what is left for one more claim.

use rusqlite::{Connection, OptionalExtension, named_params, params};

use crate::ambient;
use crate::job::{AccountName, JobSeq};
use crate::queue::hosts::{DOUBT_HOLDS_SLOT_MS, WANTS_FOR_MS};
use crate::queue::{Claimant, Epoch, Holder, NoRoom, QueueError, Room};

use super::error::Result;

/// Where a host is to be known by its heartbeat alone: it lives while its lease, since then, is not over.
pub(super) const IS_LIVE: &str = "dead_at IS NULL AND lapsed_at IS NULL AND seen_at + lease_ms >= :clock";

/// The time by the queue's own clock, in milliseconds.
pub(super) fn clock() -> i64 {
    ambient::shared_clock_ms()
}

/// That an epoch may act: an error where it has lapsed or is dead.
pub(super) fn must_hold(db: &Connection, me: Epoch) -> Result<()> {
    let holds: bool = db
        .prepare_cached(
            "SELECT EXISTS (SELECT 1 FROM hosts WHERE epoch = ?1 AND dead_at IS NULL AND lapsed_at IS NULL)",
        )?
        .query_row([me.0], |row| row.get(0))?;
    if holds { Ok(()) } else { Err(QueueError::LeaseLost) }
}

/// Whose a job is that has an epoch; `None` for a living host's.
pub(super) fn holder(db: &Connection, me: Option<Epoch>, epoch: Option<i64>) -> Result<Option<Holder>> {
    let Some(epoch) = epoch else { return Ok(Some(Holder::Gone)) };
    if me == Some(Epoch(epoch)) {
        return Ok(Some(Holder::Ours));
    }
    let (is_dead, has_lapsed): (bool, bool) = db
        .prepare_cached("SELECT dead_at IS NOT NULL, lapsed_at IS NOT NULL FROM hosts WHERE epoch = ?1")?
        .query_row([epoch], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?
        .unwrap_or((true, false));
    Ok(if is_dead { Some(Holder::Gone) } else { has_lapsed.then_some(Holder::Lapsed) })
}

/// The account of who claims, in one text, as refusals in a row have it.
fn account_of(by: &Claimant) -> String {
    format!("{} {}", by.account.as_ref().map_or("", AccountName::as_str), by.endpoint.as_deref().unwrap_or_default())
}

/// How many jobs are in the row of an account that this epoch has seen, and how many may join it: those that are being submitted.
fn in_a_row(db: &Connection, me: Epoch, by: &Claimant) -> Result<(u32, u32)> {
    let mut statement = db.prepare_cached(
        "SELECT (SELECT count(*) FROM refusals
                  WHERE account = ?1 AND at >= (SELECT started_at FROM hosts WHERE epoch = ?2)),
                (SELECT count(*) FROM jobs j JOIN attempts a ON a.job = j.seq AND a.attempt = j.attempt
                  WHERE j.state = 'submitting' AND a.account IS ?3 AND a.endpoint IS ?4)",
    )?;
    let account = by.account.as_ref().map(AccountName::as_str);
    Ok(statement
        .query_row(params![account_of(by), me.0, account, by.endpoint], |row| Ok((row.get(0)?, row.get(1)?)))?)
}

/// Whether there is too little of what all hosts share for one more claim. Notes that this host wants some.
pub(super) fn lacks_room(db: &Connection, me: Epoch, by: &Claimant, room: Room) -> Result<Option<NoRoom>> {
    let clock = clock();
    db.prepare_cached("UPDATE hosts SET wants_at = ?2 WHERE epoch = ?1")?.execute(params![me.0, clock])?;
    let in_doubt: u64 = db
        .prepare_cached("SELECT count(*) FROM jobs WHERE state IN ('submitting', 'in_doubt')")?
        .query_row([], |row| row.get(0))?;
    if in_doubt >= room.max_in_doubt {
        return Ok(Some(NoRoom::Doubt));
    }
    let (in_a_row, on_their_way) = in_a_row(db, me, by)?;
    if let Some(lack) = NoRoom::of_refusals(in_a_row, on_their_way) {
        return Ok(Some(lack));
    }
    let mut statement = db.prepare_cached(
        "SELECT j.epoch, count(*)
           FROM jobs j JOIN attempts a ON a.job = j.seq AND a.attempt = j.attempt
          WHERE j.state IN ('submitting', 'in_doubt', 'running')
            AND (j.state <> 'in_doubt' OR j.moved_at > :clock - :doubt)
            AND a.account IS :account AND a.endpoint IS :endpoint
          GROUP BY j.epoch",
    )?;
    let mut rows = statement.query(named_params! {
        ":clock": clock,
        ":doubt": DOUBT_HOLDS_SLOT_MS,
        ":account": by.account.as_ref().map(AccountName::as_str),
        ":endpoint": by.endpoint,
    })?;
    let mut in_flight: Vec<(Option<i64>, u32)> = Vec::new();
    while let Some(row) = rows.next()? {
        in_flight.push((row.get(0)?, row.get(1)?));
    }
    let wanting: Vec<i64> = db
        .prepare_cached("SELECT epoch FROM hosts WHERE dead_at IS NULL AND lapsed_at IS NULL AND wants_at > ?1")?
        .query_map([clock - WANTS_FOR_MS], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    Ok(room.lacks_slots(me, &in_flight, &wanting))
}

/// How many slots of a job's account are taken by other jobs.
pub(super) fn tasks_beside(db: &Connection, seq: JobSeq) -> Result<u32> {
    let mut statement = db.prepare_cached(
        "SELECT count(*)
           FROM jobs j JOIN attempts a ON a.job = j.seq AND a.attempt = j.attempt
           JOIN jobs mine ON mine.seq = :job
           JOIN attempts its ON its.job = mine.seq AND its.attempt = mine.attempt
          WHERE j.state IN ('submitting', 'in_doubt', 'running') AND j.seq <> :job
            AND (j.state <> 'in_doubt' OR j.moved_at > :clock - :doubt)
            AND a.account IS its.account AND a.endpoint IS its.endpoint",
    )?;
    let parameters = named_params! { ":job": seq.0, ":clock": clock(), ":doubt": DOUBT_HOLDS_SLOT_MS };
    Ok(statement.query_row(parameters, |row| row.get(0))?)
}
