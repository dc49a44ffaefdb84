//! What a run finds out about its accounts, remembered for the next one.

use std::collections::HashMap;

use crate::engine::error::RunError;
use crate::engine::run::context::Shared;

/// What the queue knows already, by account.
#[derive(Debug, Default)]
pub(crate) struct Known {
    slots: HashMap<String, u32>,
    paces: HashMap<String, f64>,
}

impl Known {
    /// Tells the queue what it does not know yet: how many slots the accounts were found to have, and how many submissions a
    /// second they were found to bear.
    pub(crate) async fn remember(&mut self, shared: &Shared) -> Result<(), RunError> {
        for account in &shared.accounts {
            // Where several hosts share the account, this run's limit is only its share.
            let found = account.slots.found().filter(|_| account.finds_slots && !shared.queue.is_shared());
            if let Some(slots) = found
                && self.slots.insert(account.name.clone(), slots) != Some(slots)
            {
                shared.queue.learn_slots(account.name.clone(), slots).await?;
            }
            if let Some(pace) = account.creates.found()
                && self.paces.insert(account.name.clone(), pace) != Some(pace)
            {
                shared.queue.learn_pace(account.name.clone(), pace).await?;
            }
        }
        Ok(())
    }
}
