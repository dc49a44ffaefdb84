//! Epochs of hosts: how one begins, goes on and ends, and what others may take of it.

use std::time::Duration;

use jiff::Timestamp;
use tokio_postgres::Row;

use crate::job::state::Transition;
use crate::job::{AccountName, JobSeq, StateName};
use crate::queue::columns::timestamp;
use crate::queue::hosts::MARGIN;
use crate::queue::{ActiveJob, Death, Epoch, Holder, HostRecord, HostStart, HostState, Note, QueueError, Renewed};

use super::Db;
use super::db::args;
use super::epochs::{CLOCK, Owner, is_live, must_hold};
use super::error::Result;
use super::read::limit;
use super::rows::{FullJob, JOB_COLUMNS, JOB_TABLES, whole};
use super::transition::{By, apply};
use super::{refusals, unseen};

/// A number for an epoch that no other start has, whether or not the epoch is begun.
pub(super) async fn next_epoch(db: Db<'_>) -> Result<Epoch> {
    let query = "SELECT nextval(pg_get_serial_sequence('tryon.hosts', 'epoch'))";
    Ok(Epoch(db.one(query, args![]).await?.try_get(0)?))
}

/// Begins an epoch beside others. Of two starts under one name at once, the second sees the first.
///
/// `number` is this start's own, so its row proves that an earlier try was committed and its answer lost, which nothing else
/// could: a name, a process id or a lock may be another living process's as well.
pub(super) async fn join(db: Db<'_>, start: &HostStart, number: Epoch) -> Result<Epoch> {
    db.lock("tryon: hosts").await?;
    if is_begun(db, number).await? {
        return Ok(number);
    }
    bury_proven(db, start).await?;
    refuse_living(db, &start.name).await?;
    unseen::forget_dead(db).await?;
    refusals::forget(db).await?;
    let statement = format!(
        "INSERT INTO tryon.hosts (epoch, name, machine, boot, lock, process, started_at, seen_at, steady_since, lease_ms)
         SELECT CASE WHEN EXISTS (SELECT 1 FROM tryon.hosts WHERE epoch = $7)
                     THEN nextval(pg_get_serial_sequence('tryon.hosts', 'epoch')) ELSE $7 END,
                $1, $2, $3, $4, $5, clock, clock, clock, $6 FROM (SELECT {CLOCK} AS clock) AS now RETURNING epoch"
    );
    let lease = i64::try_from(start.lease.as_millis()).unwrap_or(i64::MAX >> 1);
    let process = i64::from(start.process);
    let row =
        db.one(&statement, args![start.name, start.machine, start.boot, start.lock, process, lease, number.0]).await?;
    Ok(Epoch(row.try_get(0)?))
}

/// Whether an earlier try of this start has begun the epoch, which is heard of now then. One that has lapsed meanwhile is over:
/// nothing of it has left this process.
async fn is_begun(db: Db<'_>, number: Epoch) -> Result<bool> {
    let statement = format!(
        "UPDATE tryon.hosts SET seen_at = {CLOCK}, steady_since = {CLOCK}
          WHERE epoch = $1 AND dead_at IS NULL AND lapsed_at IS NULL"
    );
    if db.run(&statement, args![number.0]).await? == 1 {
        return Ok(true);
    }
    leave(db, number).await?;
    Ok(false)
}

/// The epochs of this machine that can send nothing any more are dead: those of an earlier boot, and those whose lock this
/// process holds. A name proves nothing.
async fn bury_proven(db: Db<'_>, start: &HostStart) -> Result<()> {
    let statement = format!(
        "UPDATE tryon.hosts SET dead_at = {CLOCK}, death = CASE WHEN boot = $2 THEN 'lock' ELSE 'reboot' END
          WHERE dead_at IS NULL AND machine = $1 AND (boot <> $2 OR (boot = $2 AND lock = $3))"
    );
    db.run(&statement, args![start.machine, start.boot, start.lock]).await?;
    Ok(())
}

async fn refuse_living(db: Db<'_>, name: &str) -> Result<()> {
    let query = format!(
        "SELECT process, greatest({CLOCK} - seen_at, 0) / 1000 FROM tryon.hosts WHERE name = $1 AND {}
          ORDER BY epoch DESC LIMIT 1",
        is_live()
    );
    match db.row(&query, args![name]).await? {
        None => Ok(()),
        Some(row) => {
            Err(QueueError::HostAtWork { name: name.to_owned(), process: whole(&row, 0)?, seconds: whole(&row, 1)? })
        }
    }
}

/// The epoch's heartbeat.
pub(super) async fn renew(db: Db<'_>, me: Epoch) -> Result<Renewed> {
    let statement = format!(
        "UPDATE tryon.hosts
            SET seen_at = {CLOCK},
                steady_since = CASE WHEN {CLOCK} - seen_at > lease_ms / 2 THEN {CLOCK} ELSE steady_since END
          WHERE epoch = $1 AND dead_at IS NULL AND lapsed_at IS NULL"
    );
    if db.run(&statement, args![me.0]).await? == 0 {
        return Err(QueueError::LeaseLost);
    }
    let row = db.one(&format!("SELECT count(*) FROM tryon.hosts WHERE {}", is_live()), args![]).await?;
    Ok(Renewed { live: whole(&row, 0)? })
}

/// The epoch's end.
pub(super) async fn leave(db: Db<'_>, me: Epoch) -> Result<()> {
    let statement =
        format!("UPDATE tryon.hosts SET dead_at = {CLOCK}, death = $2 WHERE epoch = $1 AND dead_at IS NULL");
    db.run(&statement, args![me.0, Death::Goodbye.word()]).await?;
    Ok(())
}

/// A person's word that what a host has left open will send nothing any more.
pub(super) async fn forget(db: Db<'_>, name: &str) -> Result<u64> {
    db.lock("tryon: hosts").await?;
    let statement = format!(
        "UPDATE tryon.hosts SET dead_at = {CLOCK}, death = $2 WHERE name = $1 AND dead_at IS NULL AND NOT ({})",
        is_live()
    );
    let forgotten = db.run(&statement, args![name, Death::Forgotten.word()]).await?;
    if forgotten == 0 {
        refuse_living(db, name).await?;
        return Err(QueueError::NoSuchHost(name.to_owned()));
    }
    Ok(forgotten)
}

/// Whether a host is at work.
pub(super) async fn is_at_work(db: Db<'_>) -> Result<bool> {
    let query = format!("SELECT EXISTS (SELECT 1 FROM tryon.hosts WHERE {})", is_live());
    Ok(db.one(&query, args![]).await?.try_get(0)?)
}

/// See [`crate::queue::Queue::take_up`].
pub(super) async fn take_up(
    db: Db<'_>,
    me: Epoch,
    states: &[StateName],
    most: usize,
    now: Timestamp,
) -> Result<Vec<ActiveJob>> {
    must_hold(db, me).await?;
    // Who was cut off from the queue itself cannot tell who else was: it waits for their heartbeats first. A host whose row is
    // locked is at work this very moment.
    let lapse = format!(
        "UPDATE tryon.hosts SET lapsed_at = {CLOCK} WHERE epoch IN (
            SELECT epoch FROM tryon.hosts
             WHERE dead_at IS NULL AND lapsed_at IS NULL AND epoch <> $1 AND seen_at + lease_ms < {CLOCK}
               AND lease_ms < {CLOCK} - (SELECT steady_since FROM tryon.hosts WHERE epoch = $1)
               FOR NO KEY UPDATE SKIP LOCKED)"
    );
    db.run(&lapse, args![me.0]).await?;
    leave_submissions_in_doubt(db, me, now).await?;
    let mut jobs = Vec::new();
    for state in states {
        let left = most.saturating_sub(jobs.len());
        match state {
            StateName::Running | StateName::Downloading => jobs.extend(taken(db, me, *state, left).await?),
            // What is being submitted by others was put in doubt just now, or is a living host's.
            StateName::InDoubt | StateName::Submitting => jobs.extend(held_in(db, me, *state, left).await?),
            _ => {}
        }
    }
    Ok(jobs)
}

/// That job `j` is not a living host's, other than `$1`.
const IS_OURS_OR_LEFT: &str = "(j.epoch IS NULL OR j.epoch = $1 OR NOT EXISTS (
    SELECT 1 FROM tryon.hosts h WHERE h.epoch = j.epoch AND h.dead_at IS NULL AND h.lapsed_at IS NULL))";

/// What a lapsed or dead epoch was submitting may have been sent, and nobody saw an answer.
async fn leave_submissions_in_doubt(db: Db<'_>, me: Epoch, now: Timestamp) -> Result<()> {
    let query = format!(
        "SELECT j.seq FROM tryon.jobs j
          WHERE j.state = 'submitting' AND j.epoch IS DISTINCT FROM $1 AND {IS_OURS_OR_LEFT}
          ORDER BY j.seq FOR NO KEY UPDATE OF j SKIP LOCKED"
    );
    let note = Note::of("the run ended before an answer came");
    for row in db.rows(&query, args![me.0]).await? {
        let seq = JobSeq(row.try_get(0)?);
        apply(db, seq, By::Survivor, &Transition::LoseAnswer, &note, now).await?;
    }
    Ok(())
}

/// The jobs of a state that are this epoch's, and those that nobody has any more, which are from now on. Where two hosts take
/// them up at once, the row's lock decides, and the other one sees whose it is.
async fn taken(db: Db<'_>, me: Epoch, state: StateName, most: usize) -> Result<Vec<ActiveJob>> {
    let found = held_in(db, me, state, most).await?;
    let left: Vec<i64> = found.iter().filter(|job| job.holder != Holder::Ours).map(|job| job.seq.0).collect();
    let statement = format!(
        "UPDATE tryon.jobs j SET epoch = $1, moved_at = {CLOCK}
          WHERE j.seq = ANY ($2) AND j.state = '{}' AND {IS_OURS_OR_LEFT} RETURNING j.seq",
        state.word()
    );
    let rows = db.rows(&statement, args![me.0, left]).await?;
    let ours = rows.iter().map(|row| Ok(row.try_get(0)?)).collect::<Result<Vec<i64>>>()?;
    let mut jobs = Vec::new();
    for mut job in found {
        if job.holder == Holder::Ours || ours.contains(&job.seq.0) {
            (job.holder, job.epoch) = (Holder::Ours, Some(me));
            jobs.push(job);
        }
    }
    Ok(jobs)
}

/// The jobs of a state that are not a living host's, this one excepted, each with whose it is.
async fn held_in(db: Db<'_>, me: Epoch, state: StateName, most: usize) -> Result<Vec<ActiveJob>> {
    let query = format!(
        "SELECT {JOB_COLUMNS}, o.dead_at IS NOT NULL OR o.epoch IS NULL AS is_dead,
                coalesce(o.lapsed_at IS NOT NULL, FALSE) AS has_lapsed
           FROM {JOB_TABLES} LEFT JOIN tryon.hosts o ON o.epoch = j.epoch
          WHERE j.state = '{}' AND {IS_OURS_OR_LEFT} ORDER BY j.seq LIMIT $2",
        state.word()
    );
    let mut jobs = Vec::new();
    for row in db.rows(&query, args![me.0, limit(most)]).await? {
        let owner =
            Owner { epoch: row.try_get(32)?, is_dead: row.try_get("is_dead")?, has_lapsed: row.try_get("has_lapsed")? };
        let mut job = FullJob::read(&row)?.active()?;
        let Some(holder) = owner.holder(Some(me)) else { continue };
        job.holder = holder;
        jobs.push(job);
    }
    Ok(jobs)
}

/// That a claim still holds.
pub(super) async fn confirm(db: Db<'_>, me: Epoch, seq: JobSeq, attempt: u32) -> Result<()> {
    let query = "SELECT EXISTS (SELECT 1 FROM tryon.hosts WHERE epoch = $1 AND dead_at IS NULL AND lapsed_at IS NULL),
                        EXISTS (SELECT 1 FROM tryon.jobs
                                 WHERE seq = $2 AND attempt = $3 AND epoch = $1 AND state = 'submitting')";
    let row = db.one(query, args![me.0, seq.0, i64::from(attempt)]).await?;
    match (row.try_get(0)?, row.try_get(1)?) {
        (false, _) => Err(QueueError::LeaseLost),
        (true, false) => Err(QueueError::Stale { seq: seq.0, attempt }),
        (true, true) => Ok(()),
    }
}

/// How many tasks an account is known to have.
pub(super) async fn tasks_at(db: Db<'_>, account: Option<&AccountName>, endpoint: Option<&str>) -> Result<u32> {
    let query = "SELECT count(*) FROM tryon.jobs j JOIN tryon.attempts a ON a.job = j.seq AND a.attempt = j.attempt
                  WHERE j.state = 'running' AND a.account IS NOT DISTINCT FROM $1
                    AND a.endpoint IS NOT DISTINCT FROM $2";
    whole(&db.one(query, args![account.map(AccountName::as_str), endpoint]).await?, 0)
}

/// A turn of a kind, over all hosts.
pub(super) async fn turn(db: Db<'_>, kind: &str, per_second: f64) -> Result<Duration> {
    let interval = 1_000.0 * MARGIN / per_second;
    // A turn need not outlive a crash, which takes longer than the turn, so no flush is waited for.
    let statement = format!(
        "WITH now AS MATERIALIZED (
            SELECT {CLOCK}::double precision AS clock, set_config('synchronous_commit', 'off', TRUE) AS unflushed)
         INSERT INTO tryon.turns AS t (kind, next_at) SELECT $1, clock + $2 FROM now WHERE unflushed IS NOT NULL
         ON CONFLICT (kind) DO UPDATE SET next_at = greatest(t.next_at, (SELECT clock FROM now)) + $2
         RETURNING next_at - $2 - (SELECT clock FROM now)"
    );
    let wait: f64 = db.one(&statement, args![kind, interval]).await?.try_get(0)?;
    Ok(Duration::from_secs_f64(wait.max(0.0) / 1_000.0))
}

/// See [`crate::queue::QueueReads::hosts`].
pub(super) async fn hosts(db: Db<'_>) -> Result<Vec<HostRecord>> {
    let query = format!(
        "WITH held AS MATERIALIZED (
            SELECT epoch, FALSE AS is_doubt FROM tryon.jobs WHERE state = 'submitting'
            UNION ALL SELECT epoch, FALSE FROM tryon.jobs WHERE state = 'running'
            UNION ALL SELECT epoch, FALSE FROM tryon.jobs WHERE state = 'downloading'
            UNION ALL SELECT epoch, TRUE FROM tryon.jobs WHERE state = 'in_doubt'),
         counted AS (
            SELECT epoch, count(*) FILTER (WHERE NOT is_doubt) AS at_work, count(*) FILTER (WHERE is_doubt) AS in_doubt
              FROM held GROUP BY epoch)
         SELECT h.epoch, h.name, h.process, h.started_at, greatest({CLOCK} - h.seen_at, 0), h.lease_ms,
                h.lapsed_at IS NOT NULL, h.death, coalesce(c.at_work, 0), coalesce(c.in_doubt, 0)
           FROM tryon.hosts h LEFT JOIN counted c ON c.epoch = h.epoch
          WHERE h.dead_at IS NULL OR c.in_doubt > 0
          ORDER BY h.epoch DESC"
    );
    db.rows(&query, args![]).await?.iter().map(read_host).collect()
}

fn read_host(row: &Row) -> Result<HostRecord> {
    let (silent_ms, lease_ms): (u64, u64) = (whole(row, 4)?, whole(row, 5)?);
    let state = match (row.try_get::<_, Option<String>>(7)?, row.try_get(6)?) {
        (Some(word), _) => HostState::Dead(
            Death::from_word(&word).ok_or_else(|| QueueError::Damaged(format!("`{word}` is no death")))?,
        ),
        (None, true) => HostState::Lapsed,
        (None, false) if silent_ms > lease_ms => HostState::Overdue,
        (None, false) => HostState::Live,
    };
    Ok(HostRecord {
        epoch: Epoch(row.try_get(0)?),
        name: row.try_get(1)?,
        process: whole(row, 2)?,
        started_at: timestamp(row.try_get(3)?)?,
        silent_for: Duration::from_millis(silent_ms),
        lease: Duration::from_millis(lease_ms),
        state,
        at_work: whole(row, 8)?,
        in_doubt: whole(row, 9)?,
    })
}
