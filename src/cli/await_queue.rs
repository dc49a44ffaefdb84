//! Waiting for a queue's database at the start of a run.

use std::time::{Duration, Instant};

use crate::queue::{QueueError, Site};

use super::{Console, Failure};

/// A database that was not reached for this long from the start ends the run (`docs/promises.md`, "Several hosts").
const PATIENCE: Duration = Duration::from_secs(120);

/// How long until it is tried again, at first and at most.
const FIRST_WAIT: Duration = Duration::from_millis(200);
const LONGEST_WAIT: Duration = Duration::from_secs(2);

/// Waits until the place of the queue can be reached: a machine that boots may be up before its database is. Nothing is held
/// meanwhile, and a signal ends the process at once.
///
/// # Errors
/// It was not reached in time, or never can be.
pub(super) async fn await_queue(site: &dyn Site, console: &Console) -> Result<(), Failure> {
    let (began, mut wait, mut is_told) = (Instant::now(), FIRST_WAIT, false);
    loop {
        let why = match site.reach().await {
            Ok(()) => break,
            Err(QueueError::Unreachable(why)) => why,
            Err(error) => return Err(error.into()),
        };
        let Some(left) = PATIENCE.checked_sub(began.elapsed()) else {
            let seconds = PATIENCE.as_secs();
            let error =
                QueueError::Unreachable(format!("{why}; it was waited for {seconds} s; run the same command again"));
            return Err(error.into());
        };
        if !std::mem::replace(&mut is_told, true) {
            let minutes = PATIENCE.as_secs() / 60;
            console.problem(&format!(
                "the queue's database cannot be reached, and is waited for, {minutes} minutes at most: {why}"
            ));
        }
        tokio::time::sleep(wait.min(left)).await;
        wait = (wait * 2).min(LONGEST_WAIT);
    }
    if is_told {
        console.info("the queue's database can be reached");
    }
    Ok(())
}
