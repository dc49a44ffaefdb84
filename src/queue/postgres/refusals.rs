//! Refusals in a row over all hosts: jobs that an account has refused alike, with none accepted in between.

use crate::job::JobSeq;
use crate::queue::{Epoch, RefusedAlike};

use super::Db;
use super::db::args;
use super::epochs::{CLOCK, is_live};
use super::error::Result;
use super::rows::whole;

/// The account of attempt `a`, in one text.
const ACCOUNT: &str = "coalesce(a.account, '') || ' ' || coalesce(a.endpoint, '')";

/// Notes that a job was refused with `code`, in the row of its account. Returns how long the row is that this epoch has seen.
pub(super) async fn refused_alike(
    db: Db<'_>,
    me: Epoch,
    (seq, attempt): (JobSeq, u32),
    code: &str,
) -> Result<RefusedAlike> {
    db.lock("tryon: refusals").await?;
    let account = format!("(SELECT {ACCOUNT} FROM tryon.attempts a WHERE a.job = $1 AND a.attempt = $2)");
    let (job, number) = (seq.0, i64::from(attempt));
    db.run(&format!("DELETE FROM tryon.refusals WHERE account = {account} AND code <> $3"), args![job, number, code])
        .await?;
    db.run(
        &format!(
            "INSERT INTO tryon.refusals (account, job, at, code) VALUES ({account}, $1, {CLOCK}, $3)
             ON CONFLICT (account, job) DO NOTHING"
        ),
        args![job, number, code],
    )
    .await?;
    let query = format!(
        "SELECT count(*),
                EXISTS (SELECT 1 FROM tryon.attempts a JOIN tryon.runs r ON r.run = a.run
                         WHERE r.ended_at IS NULL AND a.accepted_at IS NOT NULL AND {ACCOUNT} = {account})
           FROM tryon.refusals
          WHERE account = {account} AND at >= (SELECT started_at FROM tryon.hosts WHERE epoch = $3)"
    );
    let row = db.one(&query, args![job, number, me.0]).await?;
    Ok(RefusedAlike { jobs: whole(&row, 0)?, has_accepted: row.try_get(1)? })
}

/// The account has accepted a job: what it refused before was about those jobs.
pub(super) async fn accepted(db: Db<'_>, seq: JobSeq, attempt: u32) -> Result<()> {
    let statement = format!(
        "DELETE FROM tryon.refusals r USING tryon.attempts a
          WHERE a.job = $1 AND a.attempt = $2 AND r.account = {ACCOUNT}"
    );
    db.run(&statement, args![seq.0, i64::from(attempt)]).await?;
    Ok(())
}

/// At a start: where no host is at work, none is in the middle of a row.
pub(super) async fn forget(db: Db<'_>) -> Result<()> {
    let statement =
        format!("DELETE FROM tryon.refusals WHERE NOT EXISTS (SELECT 1 FROM tryon.hosts WHERE {})", is_live());
    db.run(&statement, args![]).await?;
    Ok(())
}
