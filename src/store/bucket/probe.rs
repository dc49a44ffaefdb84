//! Whether a bucket takes results, found out before anything is spent: an object is put, must not be put a second time,
//! is read back and removed.

use std::time::Duration;

use object_store::{ObjectStoreExt, PutMode, PutPayload};

use super::error::{Meaning, meaning, told};
use super::{Bucket, OutputError};

const CONTENT: &[u8] = b"tryon looks whether results can be put here; this object may be removed\n";

/// How often it is tried; each time the client has retried by itself.
const ROUNDS: u32 = 4;

const PAUSE: Duration = Duration::from_millis(250);

impl Bucket {
    /// Tries the bucket with an object `.tryon-probe-…`, whose name is `unique` to the queue, and learns whether
    /// conditional puts are honoured.
    ///
    /// # Errors
    /// [`OutputError::Refused`] or [`OutputError::Away`].
    pub async fn probe(&mut self, unique: &str) -> Result<(), OutputError> {
        let name = format!(".tryon-probe-{unique}");
        let mut round = 1;
        self.has_conditions = loop {
            match self.try_out(&name).await {
                Err(OutputError::Away { .. }) if round < ROUNDS => tokio::time::sleep(PAUSE * round).await,
                tried => break tried?,
            }
            round += 1;
        };
        if !self.has_conditions {
            tracing::warn!(
                place = %self.base,
                "this bucket knows no conditional puts: let nobody else write there while a run is going on"
            );
        }
        Ok(())
    }

    /// Whether conditional puts are honoured.
    async fn try_out(&self, name: &str) -> Result<bool, OutputError> {
        let path = self.path_of(name)?;
        let store = &self.client.store;
        let put = async |mode: PutMode| store.put_opts(&path, PutPayload::from_static(CONTENT), mode.into()).await;
        let failed = |error| self.failed(name, &error);
        // One of an earlier try may be there already, so only the second answer counts.
        if let Err(error) = put(PutMode::Create).await {
            match meaning(&error) {
                Meaning::Condition => {}
                Meaning::NoConditions => drop(put(PutMode::Overwrite).await.map_err(failed)?),
                _ => return Err(failed(error)),
            }
        }
        let has_conditions = match put(PutMode::Create).await {
            Ok(_) => false,
            Err(error) => match meaning(&error) {
                Meaning::Condition => true,
                Meaning::NoConditions => false,
                _ => return Err(failed(error)),
            },
        };
        let read = async { store.get(&path).await?.bytes().await };
        if read.await.map_err(failed)? != CONTENT {
            let why = "what was put is not what is read back".to_owned();
            return Err(OutputError::Away { place: self.place_of(name), why });
        }
        if let Err(error) = store.delete(&path).await {
            let (place, why) = (self.place_of(name), told(&error));
            tracing::warn!(place, why, "the probe could not be removed; it does no harm");
        }
        Ok(has_conditions)
    }
}
