//! Facts about the queue as a whole, by name.

use rusqlite::{Connection, OptionalExtension};

use super::error::Result;

/// The value under a name; `None` where there is none.
pub(super) fn get_meta(db: &Connection, key: &str) -> Result<Option<String>> {
    Ok(db.query_row("SELECT value FROM meta WHERE key = ?1", [key], |row| row.get(0)).optional()?)
}

/// Stores a value under a name, in place of an earlier one.
pub(super) fn set_meta(db: &Connection, key: &str, value: &str) -> Result<()> {
    db.execute(
        "INSERT INTO meta (key, value) VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
        [key, value],
    )?;
    Ok(())
}
