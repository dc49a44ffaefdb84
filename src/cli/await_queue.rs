//! Waiting for a queue's database at the start of a run.

use std::time::Duration;

use tokio::time::Instant;

use crate::queue::{QueueError, QueueResult, Site};

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
    until_reached(async || site.reach().await, console).await
}

async fn until_reached(reach: impl AsyncFn() -> QueueResult<()>, console: &Console) -> Result<(), Failure> {
    let (began, mut wait, mut is_told) = (Instant::now(), FIRST_WAIT, false);
    loop {
        let why = match reach().await {
            Ok(()) => break,
            Err(QueueError::Unreachable(why)) => why,
            Err(error) => return Err(error.into()),
        };
        let Some(left) = PATIENCE.checked_sub(began.elapsed()).filter(|left| !left.is_zero()) else {
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

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;
    use crate::exit_code::ExitCode;
    use crate::settings::LogFormat;

    fn console() -> Console {
        Console::new(LogFormat::Text, 0, true)
    }

    #[tokio::test(start_paused = true)]
    async fn a_database_that_does_not_come_back_is_waited_for_for_two_minutes_and_is_then_the_machines_trouble() {
        let began = Instant::now();
        let reach = async || Err(QueueError::Unreachable("connection refused".to_owned()));
        let awaited = tokio::time::timeout(PATIENCE * 10, until_reached(reach, &console())).await;
        let failure = awaited.expect("it is waited for without end").expect_err("it is away");
        assert_eq!(failure.code, ExitCode::Machine);
        assert!(failure.message.contains("connection refused; it was waited for 120 s"), "{}", failure.message);
        let waited = began.elapsed();
        assert!((PATIENCE..PATIENCE + LONGEST_WAIT).contains(&waited), "{waited:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn what_never_can_be_reached_is_not_waited_for() {
        let (began, tries) = (Instant::now(), Cell::new(0));
        let reach = async || {
            tries.set(tries.get() + 1);
            Err(QueueError::Database("no such role".to_owned()))
        };
        until_reached(reach, &console()).await.expect_err("refused");
        assert_eq!((tries.get(), began.elapsed()), (1, Duration::ZERO));
    }
}
