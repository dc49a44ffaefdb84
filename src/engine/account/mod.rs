//! One account at a provider, as a run knows it: its endpoint, slots, gate, pace and watcher, what it has shown that it can
//! do, and what its answers mean. Nothing here knows of the queue.

pub(crate) mod backoff;
mod blame;
pub(crate) mod capabilities;
pub(crate) mod gate;
pub(crate) mod pace;
pub(crate) mod refusals;
pub(crate) mod slots;
pub(crate) mod verdict;
pub(crate) mod watcher;

use std::sync::Arc;
use std::sync::atomic::AtomicU32;

use tokio::sync::mpsc;

use crate::callback::Wake;
use crate::provider::Provider;

use crate::engine::settings::{RunSettings, SlotCount};

use backoff::Backoff;
use blame::Blame;
use capabilities::Capabilities;
use gate::Gate;
use pace::Pace;
use refusals::Refusals;
use slots::Slots;
use watcher::{Watcher, Watching};

/// "No such task" is believed of a running task when it was said this often, over six times the time between two
/// questions about doubt.
const UNKNOWN_TIMES: u32 = 5;

/// An account that a run is to use, and how.
#[derive(Debug)]
pub struct Endpoint {
    /// The client, with the account's credentials.
    pub provider: Arc<dyn Provider>,
    /// Under which name what is learnt of it is remembered: its base URL, or a name that outlives a port.
    pub name: String,
    /// What its callbacks tell, where they are listened for.
    pub callbacks: Option<mpsc::Receiver<Wake>>,
    /// Tasks in flight there.
    pub slots: SlotCount,
    /// Submissions a second, at most; over 0.
    pub rate_per_second: f64,
    /// Status requests a second, at most; over 0.
    pub poll_rate_per_second: f64,
}

/// What earlier runs have learnt of an account.
#[derive(Debug, Default)]
pub(crate) struct Remembered {
    /// How many slots it was found to have.
    pub(crate) slots: Option<u32>,
    /// Whether it knows external task ids.
    pub(crate) external_ids: Option<bool>,
}

/// See the module's page.
#[derive(Debug)]
pub(crate) struct Account {
    /// [`Endpoint::name`].
    pub(crate) name: String,
    pub(crate) provider: Arc<dyn Provider>,
    pub(crate) gate: Arc<Gate>,
    pub(crate) slots: Arc<Slots>,
    /// Whether the number of slots is found by asking for more.
    pub(crate) finds_slots: bool,
    pub(crate) creates: Pace,
    pub(crate) queries: Arc<Pace>,
    pub(crate) watcher: Watcher,
    pub(crate) refusals: Arc<Refusals>,
    pub(crate) capabilities: Capabilities,
    blame: Blame,
    /// Tasks that failed for want of room since the last one was made.
    no_room: AtomicU32,
}

impl Account {
    /// An account at the beginning of a run. Its watcher runs until it is dropped.
    pub(crate) fn new(endpoint: Endpoint, remembered: &Remembered, settings: &RunSettings) -> Arc<Self> {
        let gate = Gate::new(Backoff::OUTAGE, settings.patience);
        let queries = Arc::new(Pace::new(endpoint.poll_rate_per_second));
        let watching = Watching {
            interval: settings.poll_interval,
            unknown_times: UNKNOWN_TIMES,
            unknown_for: settings.doubt_interval * 6,
        };
        let provider = endpoint.provider;
        let watcher = Watcher::start(
            Arc::clone(&provider),
            Arc::clone(&gate),
            Arc::clone(&queries),
            watching,
            endpoint.callbacks,
        );
        Arc::new(Self {
            name: endpoint.name,
            provider,
            gate,
            slots: Slots::new(endpoint.slots, remembered.slots),
            finds_slots: endpoint.slots == SlotCount::Auto,
            creates: Pace::new(endpoint.rate_per_second),
            queries,
            watcher,
            refusals: Arc::default(),
            capabilities: Capabilities::new(remembered.external_ids),
            blame: Blame::default(),
            no_room: AtomicU32::new(0),
        })
    }
}
