//! Epochs of hosts: how one begins, goes on and ends, and what others may take of it.
//!
//! A queue in a file is worked on by one run at a time, so an epoch that begins there proves that every earlier one is dead. A
//! simulation may let several hosts share a queue; the rules are those of the back ends that hosts really share.

use std::time::Duration;

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, named_params, params};

use crate::job::{AccountName, JobSeq, StateName, Transition};
use crate::queue::hosts::MARGIN;
use crate::queue::{ActiveJob, Death, Epoch, Holder, HostRecord, HostStart, HostState, Note, QueueError, Renewed};

use super::epochs::{IS_LIVE, clock, holder, must_hold};
use super::error::Result;
use super::read::active_jobs;
use super::rows::{FullJob, timestamp};
use super::transition::{By, apply};
use super::{refusals, unseen};

/// Begins an epoch. With `is_shared`, beside others.
pub(super) fn join(db: &Connection, start: &HostStart, is_shared: bool) -> Result<Epoch> {
    let clock = clock();
    if is_shared {
        bury_proven(db, start, clock)?;
        refuse_living(db, &start.name, clock)?;
    } else {
        db.execute(
            "UPDATE hosts SET dead_at = ?1, death = ?2 WHERE dead_at IS NULL",
            params![clock, Death::Replaced.word()],
        )?;
    }
    unseen::forget_dead(db)?;
    refusals::forget(db)?;
    db.execute(
        "INSERT INTO hosts (name, machine, boot, lock, process, started_at, seen_at, steady_since, lease_ms)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?6, ?6, ?7)",
        params![
            start.name,
            start.machine,
            start.boot,
            start.lock,
            start.process,
            clock,
            i64::try_from(start.lease.as_millis()).unwrap_or(i64::MAX >> 1)
        ],
    )?;
    Ok(Epoch(db.last_insert_rowid()))
}

/// The epochs of this machine that can send nothing any more are dead: those of an earlier boot, and those whose lock this
/// process holds. A name proves nothing.
fn bury_proven(db: &Connection, start: &HostStart, clock: i64) -> Result<()> {
    db.execute(
        "UPDATE hosts SET dead_at = ?1, death = CASE WHEN boot = ?3 THEN 'lock' ELSE 'reboot' END
          WHERE dead_at IS NULL AND machine = ?2 AND (boot <> ?3 OR (boot = ?3 AND lock = ?4))",
        params![clock, start.machine, start.boot, start.lock],
    )?;
    Ok(())
}

fn refuse_living(db: &Connection, name: &str, clock: i64) -> Result<()> {
    let query = format!("SELECT process, seen_at FROM hosts WHERE name = :name AND {IS_LIVE} ORDER BY epoch DESC");
    let living: Option<(u32, i64)> = db
        .query_row(&query, named_params! { ":name": name, ":clock": clock }, |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    match living {
        None => Ok(()),
        Some((process, seen_at)) => {
            let seconds = u64::try_from(clock - seen_at).unwrap_or_default() / 1_000;
            Err(QueueError::HostAtWork { name: name.to_owned(), process, seconds })
        }
    }
}

/// The epoch's heartbeat.
pub(super) fn renew(db: &Connection, me: Epoch) -> Result<Renewed> {
    let clock = clock();
    let renewed = db
        .prepare_cached(
            "UPDATE hosts SET seen_at = ?2,
                    steady_since = CASE WHEN ?2 - seen_at > lease_ms / 2 THEN ?2 ELSE steady_since END
              WHERE epoch = ?1 AND dead_at IS NULL AND lapsed_at IS NULL",
        )?
        .execute(params![me.0, clock])?;
    if renewed == 0 {
        return Err(QueueError::LeaseLost);
    }
    let query = format!("SELECT count(*) FROM hosts WHERE {IS_LIVE}");
    let live = db.prepare_cached(&query)?.query_row(named_params! { ":clock": clock }, |row| row.get(0))?;
    Ok(Renewed { live })
}

/// The epoch's end.
pub(super) fn leave(db: &Connection, me: Epoch) -> Result<()> {
    db.execute(
        "UPDATE hosts SET dead_at = ?2, death = ?3 WHERE epoch = ?1 AND dead_at IS NULL",
        params![me.0, clock(), Death::Goodbye.word()],
    )?;
    Ok(())
}

/// A person's word that what a host has left open will send nothing any more.
pub(super) fn forget(db: &Connection, name: &str) -> Result<u64> {
    let clock = clock();
    let statement = format!(
        "UPDATE hosts SET dead_at = :clock, death = :death WHERE name = :name AND dead_at IS NULL AND NOT ({IS_LIVE})"
    );
    let forgotten =
        db.execute(&statement, named_params! { ":name": name, ":clock": clock, ":death": Death::Forgotten.word() })?;
    if forgotten == 0 {
        refuse_living(db, name, clock)?;
        return Err(QueueError::NoSuchHost(name.to_owned()));
    }
    Ok(forgotten as u64)
}

/// See [`crate::queue::Queue::take_up`].
pub(super) fn take_up(
    db: &Connection,
    me: Epoch,
    states: &[StateName],
    most: usize,
    now: Timestamp,
) -> Result<Vec<ActiveJob>> {
    must_hold(db, me)?;
    let clock = clock();
    // Who was cut off from the queue itself cannot tell who else was: it waits for their heartbeats first.
    db.prepare_cached(
        "UPDATE hosts SET lapsed_at = ?2
          WHERE dead_at IS NULL AND lapsed_at IS NULL AND epoch <> ?1 AND seen_at + lease_ms < ?2
            AND lease_ms < ?2 - (SELECT steady_since FROM hosts WHERE epoch = ?1)",
    )?
    .execute(params![me.0, clock])?;
    leave_submissions_in_doubt(db, me, now)?;
    let mut jobs = Vec::new();
    let is_held = |state: &&StateName| {
        use StateName::{Downloading, InDoubt, Running, Submitting};
        matches!(state, Submitting | InDoubt | Running | Downloading)
    };
    for state in states.iter().filter(is_held) {
        for mut job in held_in(db, *state)? {
            if jobs.len() >= most {
                return Ok(jobs);
            }
            let Some(holder) = holder(db, Some(me), job.epoch.map(|epoch| epoch.0))? else { continue };
            job.holder = holder;
            if matches!(state, StateName::Running | StateName::Downloading) && holder != Holder::Ours {
                db.prepare_cached("UPDATE jobs SET epoch = ?2, moved_at = ?3 WHERE seq = ?1")?
                    .execute(params![job.seq.0, me.0, clock])?;
                (job.holder, job.epoch) = (Holder::Ours, Some(me));
            }
            jobs.push(job);
        }
    }
    Ok(jobs)
}

/// What a lapsed or dead epoch was submitting may have been sent, and nobody saw an answer.
fn leave_submissions_in_doubt(db: &Connection, me: Epoch, now: Timestamp) -> Result<()> {
    for job in held_in(db, StateName::Submitting)? {
        if matches!(holder(db, Some(me), job.epoch.map(|epoch| epoch.0))?, Some(Holder::Lapsed | Holder::Gone)) {
            let note = Note::of("the run ended before an answer came");
            apply(db, job.seq, By::Survivor, &Transition::LoseAnswer, &note, now)?;
        }
    }
    Ok(())
}

/// The jobs of a state in which they are somebody's.
fn held_in(db: &Connection, state: StateName) -> Result<Vec<ActiveJob>> {
    let mut statement = db.prepare_cached(&active_jobs(state))?;
    let mut rows = statement.query([i64::MAX])?;
    let mut jobs = Vec::new();
    while let Some(row) = rows.next()? {
        jobs.push(FullJob::read(row)?.active()?);
    }
    Ok(jobs)
}

/// That a claim still holds.
pub(super) fn confirm(db: &Connection, me: Epoch, seq: JobSeq, attempt: u32) -> Result<()> {
    must_hold(db, me)?;
    let holds: bool = db
        .prepare_cached(
            "SELECT EXISTS (SELECT 1 FROM jobs WHERE seq = ?1 AND attempt = ?2 AND epoch = ?3 AND state = 'submitting')",
        )?
        .query_row(params![seq.0, attempt, me.0], |row| row.get(0))?;
    if holds { Ok(()) } else { Err(QueueError::Stale { seq: seq.0, attempt }) }
}

/// How many tasks an account is known to have.
pub(super) fn tasks_at(db: &Connection, account: Option<&AccountName>, endpoint: Option<&str>) -> Result<u32> {
    let mut statement = db.prepare_cached(
        "SELECT count(*) FROM jobs j JOIN attempts a ON a.job = j.seq AND a.attempt = j.attempt
          WHERE j.state = 'running' AND a.account IS ?1 AND a.endpoint IS ?2",
    )?;
    Ok(statement.query_row(params![account.map(AccountName::as_str), endpoint], |row| row.get(0))?)
}

/// A turn of a kind, over all hosts.
pub(super) fn turn(db: &Connection, kind: &str, per_second: f64) -> Result<Duration> {
    #[expect(clippy::cast_precision_loss, reason = "milliseconds since 1970 are exact in a double")]
    let clock = clock() as f64;
    let interval = 1_000.0 * MARGIN / per_second;
    let next_at: f64 = db
        .prepare_cached(
            "INSERT INTO turns (kind, next_at) VALUES (:kind, :clock + :interval)
             ON CONFLICT (kind) DO UPDATE SET next_at = max(next_at, :clock) + :interval
             RETURNING next_at",
        )?
        .query_row(named_params! { ":kind": kind, ":clock": clock, ":interval": interval }, |row| row.get(0))?;
    Ok(Duration::from_secs_f64((next_at - interval - clock).max(0.0) / 1_000.0))
}

/// The epochs that somebody may want to know of.
pub(super) const HOSTS: &str =
    "SELECT h.epoch, h.name, h.process, h.started_at, h.seen_at, h.lease_ms, h.lapsed_at, h.death,
        (SELECT count(*) FROM jobs j
          WHERE j.state IN ('submitting', 'running', 'downloading') AND j.epoch = h.epoch) AS at_work,
        (SELECT count(*) FROM jobs j WHERE j.state = 'in_doubt' AND j.epoch = h.epoch) AS in_doubt
   FROM hosts h
  WHERE h.dead_at IS NULL OR EXISTS (SELECT 1 FROM jobs j WHERE j.state = 'in_doubt' AND j.epoch = h.epoch)
  ORDER BY h.epoch DESC";

/// See [`crate::queue::QueueReads::hosts`].
pub(super) fn hosts(db: &Connection) -> Result<Vec<HostRecord>> {
    let clock = clock();
    let mut statement = db.prepare_cached(HOSTS)?;
    let mut rows = statement.query([])?;
    let mut hosts = Vec::new();
    while let Some(row) = rows.next()? {
        hosts.push(read_host(row, clock)?);
    }
    Ok(hosts)
}

fn read_host(row: &Row<'_>, clock: i64) -> Result<HostRecord> {
    let (seen_at, lease_ms): (i64, i64) = (row.get(4)?, row.get(5)?);
    let death: Option<String> = row.get(7)?;
    let state = match (death, row.get::<_, Option<i64>>(6)?) {
        (Some(word), _) => HostState::Dead(
            Death::from_word(&word).ok_or_else(|| QueueError::Damaged(format!("`{word}` is no death")))?,
        ),
        (None, Some(_)) => HostState::Lapsed,
        (None, None) if seen_at + lease_ms < clock => HostState::Overdue,
        (None, None) => HostState::Live,
    };
    let ms = |ms: i64| Duration::from_millis(u64::try_from(ms).unwrap_or_default());
    Ok(HostRecord {
        epoch: Epoch(row.get(0)?),
        name: row.get(1)?,
        process: row.get(2)?,
        started_at: timestamp(row.get(3)?)?,
        silent_for: ms(clock - seen_at),
        lease: ms(lease_ms),
        state,
        at_work: row.get(8)?,
        in_doubt: row.get(9)?,
    })
}
