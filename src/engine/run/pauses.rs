//! What a run waits for, for whoever watches.

use jiff::SignedDuration;
use tokio::time::Instant;

use crate::engine::run::context::Shared;
use crate::queue::Pause;

/// What all accounts wait for: the pause that ends first.
pub(super) fn paused(shared: &Shared) -> Option<Pause> {
    let pauses: Option<Vec<_>> = shared.accounts.iter().map(|account| account.gate.pause(shared.now())).collect();
    pauses?.into_iter().min_by_key(|pause| pause.until)
}

/// Waiting for room at the accounts, where this run has none of it.
pub(super) fn shut_out(shared: &Shared) -> Option<Pause> {
    let until: Option<Vec<_>> = shared.accounts.iter().map(|account| account.slots.shut_out_until()).collect();
    let wait = until?.into_iter().min()?.saturating_duration_since(Instant::now());
    let until = shared.now() + SignedDuration::try_from(wait).unwrap_or_default();
    Some(Pause { until, why: "all slots of the account are in use, none of them by this run".to_owned() })
}

/// Whether a pause differs from the one that was told. Its end is computed again each time, so a little is nothing.
pub(super) fn is_news(told: &Pause, pause: &Pause) -> bool {
    told.why != pause.why || pause.until.duration_since(told.until).abs() > SignedDuration::from_secs(1)
}
