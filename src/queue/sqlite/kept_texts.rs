//! Texts that are drawn once for a queue and kept: the path to which its callbacks come, and what it is known by.

use super::meta::{get_meta, set_meta};
use super::{Result, SqliteQueue};

/// The key of the place to which the queue was copied.
pub(super) const MOVED_TO: &str = "moved_to";

impl SqliteQueue {
    /// The path to which the provider's callbacks come: the one that is kept, or else `fresh`, which is kept from now
    /// on. It stays the same from run to run, because a task calls back to where its own run was to be found.
    pub(super) async fn keep_callback_path(&self, fresh: String) -> Result<String> {
        self.keep_text("callback_path", fresh).await
    }

    /// What the queue is known by where its results are beside those of others.
    pub(super) async fn keep_identity(&self, fresh: String) -> Result<String> {
        self.keep_text("identity", fresh).await
    }

    /// Where results go.
    pub(super) async fn keep_output(&self, fresh: String) -> Result<String> {
        self.keep_text("output", fresh).await
    }

    pub(super) async fn mark_moved(&self, to: Option<String>) -> Result<()> {
        self.writer
            .write(move |db| match &to {
                Some(to) => set_meta(db, MOVED_TO, to),
                None => Ok(db.execute("DELETE FROM meta WHERE key = ?1", [MOVED_TO]).map(drop)?),
            })
            .await
    }

    async fn keep_text(&self, name: &'static str, fresh: String) -> Result<String> {
        self.writer
            .write(move |db| match get_meta(db, name)? {
                Some(kept) => Ok(kept),
                None => set_meta(db, name, &fresh).map(|()| fresh),
            })
            .await
    }
}
