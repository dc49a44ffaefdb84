//! The path to which a queue's callbacks come.

use super::meta::{get_meta, set_meta};
use super::{Result, SqliteQueue};

impl SqliteQueue {
    /// The path to which the provider's callbacks come: the one that is kept, or else `fresh`, which is kept from now
    /// on. It stays the same from run to run, because a task calls back to where its own run was to be found.
    pub(super) async fn keep_callback_path(&self, fresh: String) -> Result<String> {
        self.writer
            .write(move |db| match get_meta(db, "callback_path")? {
                Some(kept) => Ok(kept),
                None => set_meta(db, "callback_path", &fresh).map(|()| fresh),
            })
            .await
    }
}
