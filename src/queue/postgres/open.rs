//! Opening a queue in a database: is there one, is it of a version we know, and does it hold what we store.

use crate::queue::{PostgresAddress, QueueError};

use super::connect::{End, Server, in_transaction};
use super::db::{Db, args};
use super::error::Result;

/// Each entry brings a queue from the version of its index to the next; the last version is their number.
const MIGRATIONS: [&str; 3] =
    [include_str!("schema_1.sql"), include_str!("schema_2.sql"), include_str!("schema_3.sql")];

/// The last version that this program knows.
pub(super) const KNOWN: i64 = MIGRATIONS.len() as i64;

/// The version of the queue in the database; 0 where there is none.
pub(super) async fn version(db: Db<'_>, address: &PostgresAddress) -> Result<i64> {
    let row = db
        .one(
            "SELECT to_regclass('tryon.version') IS NOT NULL,
                    EXISTS (SELECT 1 FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = 'tryon'),
                    current_setting('server_encoding')",
            args![],
        )
        .await?;
    let (is_queue, has_tables, encoding): (bool, bool, String) = (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
    let foreign = |why: String| QueueError::Foreign { at: address.clone().into(), why };
    if encoding != "UTF8" {
        return Err(foreign(format!("its encoding is {encoding}; a queue needs a database in UTF8")));
    }
    if !is_queue {
        return if has_tables { Err(foreign("its schema `tryon` is another program's".to_owned())) } else { Ok(0) };
    }
    let found = db.row("SELECT version FROM tryon.version", args![]).await?;
    let found = found.map(|row| row.try_get::<_, i64>(0)).transpose()?.unwrap_or(0);
    is_known(found, address)?;
    Ok(found)
}

/// Refuses a version that a later program has made.
pub(super) fn is_known(found: i64, address: &PostgresAddress) -> Result<()> {
    if found <= KNOWN {
        return Ok(());
    }
    Err(QueueError::Newer { at: address.clone().into(), found, known: KNOWN })
}

/// Makes the queue where there is none, and brings one of an earlier version up to the present.
pub(super) async fn migrate(server: &Server) -> Result<()> {
    let address = server.address();
    in_transaction!(server, |db| {
        if version(db, address).await? == KNOWN {
            return Ok(End::RollBack(()));
        }
        // Asked again under the lock: another process may be making the same queue.
        db.lock("tryon: migrate").await?;
        let from = version(db, address).await?;
        if from == 0 {
            let schema = db.row("SELECT 1 FROM pg_namespace WHERE nspname = 'tryon'", args![]).await?;
            if schema.is_none() {
                db.run("CREATE SCHEMA tryon", args![]).await?;
            }
        }
        for migration in MIGRATIONS.iter().skip(usize::try_from(from).unwrap_or(0)) {
            db.client().batch_execute(migration).await?;
        }
        db.run("DELETE FROM tryon.version", args![]).await?;
        db.run("INSERT INTO tryon.version (version) VALUES ($1)", args![KNOWN]).await?;
        Ok(End::Commit(()))
    })
}

/// Opens a queue that must exist, and brings it up to the present.
pub(super) async fn must_exist(server: &Server) -> Result<()> {
    let found = {
        let client = server.client().await?;
        version(Db::by_itself(&client), server.address()).await?
    };
    match found {
        0 => Err(QueueError::Missing(server.address().clone().into())),
        KNOWN => Ok(()),
        _ => migrate(server).await,
    }
}
