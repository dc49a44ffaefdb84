//! Refusals in a row over all hosts: jobs that an account has refused alike, with none accepted in between.

use rusqlite::{Connection, named_params};

use crate::job::JobSeq;
use crate::queue::{Epoch, RefusedAlike};

use super::epochs::clock;
use super::error::Result;

/// The account of an attempt, in one text.
const ACCOUNT: &str = "(SELECT coalesce(account, '') || ' ' || coalesce(endpoint, '') FROM attempts
                         WHERE job = :job AND attempt = :attempt)";

/// Notes that a job was refused with `code`, in the row of its account. Returns how long the row is that this epoch has seen.
pub(super) fn refused_alike(
    db: &Connection,
    me: Epoch,
    (seq, attempt): (JobSeq, u32),
    code: &str,
) -> Result<RefusedAlike> {
    db.prepare_cached(&format!("DELETE FROM refusals WHERE account = {ACCOUNT} AND code <> :code"))?
        .execute(named_params! { ":job": seq.0, ":attempt": attempt, ":code": code })?;
    db.prepare_cached(&format!(
        "INSERT INTO refusals (account, job, at, code) VALUES ({ACCOUNT}, :job, :at, :code)
         ON CONFLICT (account, job) DO NOTHING"
    ))?
    .execute(named_params! { ":job": seq.0, ":attempt": attempt, ":at": clock(), ":code": code })?;
    let query = format!(
        "SELECT count(*),
                EXISTS (SELECT 1 FROM attempts a JOIN runs r ON r.run = a.run
                         WHERE r.ended_at IS NULL AND a.accepted_at IS NOT NULL
                           AND coalesce(a.account, '') || ' ' || coalesce(a.endpoint, '') = {ACCOUNT})
           FROM refusals WHERE account = {ACCOUNT} AND at >= (SELECT started_at FROM hosts WHERE epoch = :me)"
    );
    let mut statement = db.prepare_cached(&query)?;
    let parameters = named_params! { ":job": seq.0, ":attempt": attempt, ":me": me.0 };
    Ok(statement.query_row(parameters, |row| Ok(RefusedAlike { jobs: row.get(0)?, has_accepted: row.get(1)? }))?)
}

/// The account has accepted a job: what it refused before was about those jobs.
pub(super) fn accepted(db: &Connection, seq: JobSeq, attempt: u32) -> Result<()> {
    db.prepare_cached(&format!("DELETE FROM refusals WHERE account = {ACCOUNT}"))?
        .execute(named_params! { ":job": seq.0, ":attempt": attempt })?;
    Ok(())
}

/// At a start: where no host is at work, none is in the middle of a row.
pub(super) fn forget(db: &Connection) -> Result<()> {
    db.execute(
        "DELETE FROM refusals WHERE NOT EXISTS (SELECT 1 FROM hosts
          WHERE dead_at IS NULL AND lapsed_at IS NULL AND seen_at + lease_ms >= ?1)",
        [clock()],
    )?;
    Ok(())
}
